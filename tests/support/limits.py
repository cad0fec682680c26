"""A daemon that may use only so much of the machine, or of whose files it may not touch all."""

import subprocess
import sys
import time
from pathlib import Path

from tests.support.daemons import RUN, START_S, Daemon

# Lowers its own limits, then becomes the daemon. As root it gives up the right to pass over the
# owner and mode of files (prctl PR_CAPBSET_DROP of CAP_DAC_OVERRIDE, _READ_SEARCH and FOWNER).
LIMITED = (
    "import ctypes, os, resource, sys\n"
    "for pair in filter(None, sys.argv[1].split(',')):\n"
    "    limit, most = map(int, pair.split('='))\n"
    "    resource.setrlimit(limit, (most, most))\n"
    "for right in (1, 2, 3) if os.getuid() == 0 else ():\n"
    "    assert ctypes.CDLL(None).prctl(24, right, 0, 0, 0) == 0\n"
    "os.execv(sys.executable, [sys.executable, *sys.argv[2:]])\n"
)


def start_limited(home: Path, limits: dict[int, int]) -> tuple[Daemon, str]:
    """A daemon under these limits once it answers, or once it has ended; what it printed."""
    daemon = Daemon(home)
    words = ",".join(f"{limit}={most}" for limit, most in limits.items())
    output = home.with_name(f"{home.name}-stderr")
    with output.open("wb") as stderr:
        daemon.process = subprocess.Popen(
            [sys.executable, "-c", LIMITED, words, str(RUN), "serve", *daemon.flags],
            env=daemon.environment,
            stderr=stderr,
        )
    deadline = time.monotonic() + START_S
    while daemon.process.poll() is None and not daemon.answers():
        assert time.monotonic() < deadline, output.read_text()[-3000:]
    return daemon, output.read_text()
