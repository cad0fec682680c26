"""--autostart: a session's start begins a daemon that knows nothing of the client."""

import fcntl
import json
import os
import select
import shutil
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from atlas_actors.gateway.hook_line import framed
from tests.support.hooks import HOOK, FakeDoor, command, environment, hook, says, waits
from tests.support.trees import WAIT_S

pytestmark = pytest.mark.slow
START = json.dumps({"session_id": "s", "hook_event_name": "SessionStart"}).encode()
# Tells who reads the pipe `told` what it was started with; nobody waits for it but the test.
RUN = """
import json, os, sys
file = os.open(os.path.join(os.path.dirname(os.path.abspath(__file__)), "told"), os.O_WRONLY)
links = {fd: os.readlink(f"/proc/self/fd/{fd}") for fd in os.listdir("/proc/self/fd")
         if os.path.exists(f"/proc/self/fd/{fd}")}
os.write(file, json.dumps({
    "words": sys.argv[1:], "environment": dict(os.environ), "cwd": os.getcwd(),
    "session": os.getsid(0), "pid": os.getpid(), "python": sys.executable,
    "streams": [links.get(fd) for fd in "012"], "links": sorted(links.values()),
}).encode() + b"\\n")
"""
# Runs a command, then prints its exit code and how many processes it left behind, all ended.
ORPHANS = """
import ctypes, os, subprocess, sys
SUBREAPER = 36
assert ctypes.CDLL(None).prctl(SUBREAPER, 1, 0, 0, 0) == 0
done = subprocess.run(sys.argv[1:], stdin=0)
left = 0
try:
    while os.wait():
        left += 1
except ChildProcessError:
    print(done.returncode, left)
"""
CLIENTS_OWN = (
    "ANTHROPIC_API_KEY",
    "ATLAS_SOCKET_IDLE_S",
    "AWS_SECRET_ACCESS_KEY",
    "CLAUDECODE",
    "CLAUDE_PROJECT_DIR",
    "CODEX_HOME",
    "LD_LIBRARY_PATH",
    "NODE_OPTIONS",
    "PYTHONPATH",
)


@pytest.fixture
def checkout(tmp_path):
    """A checkout with our hook and a run.py that tells."""
    root = tmp_path / "check out"
    (root / "scripts").mkdir(parents=True)
    for file in HOOK.parent.glob("hook*"):
        shutil.copy(file, root / "scripts")
    (root / "run.py").write_text(RUN)
    os.mkfifo(root / "told")
    return root


class Told:
    """The pipe's reading side, open before anybody writes, so that nobody's start is missed."""

    def __init__(self, checkout):
        self._file = os.open(checkout / "told", os.O_RDWR)
        self._lines = []

    def wait(self):
        """What a started program tells."""
        if not self._lines:
            ready, _, _ = select.select([self._file], [], [], WAIT_S)
            assert ready, "nobody was started"
            self._lines = os.read(self._file, 65_536).splitlines()
        return json.loads(self._lines.pop(0))


@pytest.fixture
def told(checkout):
    return Told(checkout)


@pytest.fixture
def home(tmp_path):
    path = tmp_path / "home"
    path.mkdir()
    return path


def start(checkout, home, *words, payload=START, **more):
    script = checkout / "scripts" / "hook"
    return hook(home, "claude", *words, script=script, payload=payload, **more)


def left_behind(checkout, home, *words, payload=START):
    """The hook's exit code, and how many processes it left behind."""
    script = checkout / "scripts" / "hook"
    done = subprocess.run(
        [sys.executable, "-c", ORPHANS, *command("claude", *words, script=script)],
        input=payload, env=environment(home), capture_output=True, timeout=WAIT_S, check=True,
    )  # fmt: skip
    return tuple(map(int, done.stdout.split()))


def test_a_sessions_start_without_a_daemon_begins_one_and_is_answered_with_nothing(
    checkout, told, home
):
    done = start(checkout, home, "--autostart")
    assert (done.returncode, done.stdout, done.stderr) == (0, b"", b"")
    assert told.wait()["words"] == ["serve"]


def test_a_socket_that_refuses_begins_one_too(checkout, told, home):
    with socket.socket(socket.AF_UNIX) as left:
        left.bind(str(home / "atlas.sock"))
    start(checkout, home, "--autostart")
    assert told.wait()["words"] == ["serve"]


def test_a_long_home_without_a_socket_begins_one_too(checkout, told, home):
    long = home / ("long" * 25)
    start(checkout, long, "--autostart")
    assert told.wait()["environment"]["ATLAS_HOME"] == str(long)


def test_the_daemon_of_the_home_that_the_hook_was_told_is_begun(checkout, told, home, tmp_path):
    other = tmp_path / "other"
    start(checkout, home, "--autostart", "--home", str(other))
    assert told.wait()["environment"]["ATLAS_HOME"] == str(other)


def test_it_gets_only_what_a_daemon_needs(checkout, told, home):
    planted = dict.fromkeys(CLIENTS_OWN, "planted")
    kept = {"LANG": "C.UTF-8", "LC_ALL": "C.UTF-8", "TZ": "UTC", "TMPDIR": "/tmp", "USER": "u"}
    start(checkout, home, "--autostart", **planted, **kept, XDG_RUNTIME_DIR="/run/x")
    wanted = environment(home, **kept, XDG_RUNTIME_DIR="/run/x")
    assert told.wait()["environment"] == wanted


def test_it_is_detached_from_the_client(checkout, told, home):
    inherited = os.open("/dev/zero", os.O_RDONLY)
    process = subprocess.Popen(
        command("claude", "--autostart", script=checkout / "scripts" / "hook"),
        env=environment(home), stdin=subprocess.PIPE, stdout=subprocess.PIPE,
        stderr=subprocess.PIPE, pass_fds=[inherited], cwd=checkout,
    )  # fmt: skip
    os.close(inherited)
    assert process.communicate(START, timeout=WAIT_S) == (b"", b"")
    heard = told.wait()
    assert heard["streams"] == ["/dev/null"] * 3
    assert "/dev/zero" not in heard["links"]
    assert heard["session"] not in (os.getsid(0), process.pid, heard["pid"])
    assert heard["cwd"] == "/"


def test_a_home_given_from_here_is_the_same_for_who_runs_elsewhere(checkout, told, home):
    done = subprocess.run(
        command("claude", "--autostart", script=Path("scripts/hook")), input=START, cwd=checkout,
        env={**environment(home), "ATLAS_HOME": "../home"}, capture_output=True, timeout=WAIT_S,
        check=False,
    )  # fmt: skip
    assert (done.returncode, done.stdout, done.stderr) == (0, b"", b"")
    assert Path(told.wait()["environment"]["ATLAS_HOME"]).resolve() == home.resolve()


def test_the_checkouts_own_interpreter_runs_it_if_there_is_one(checkout, told, home):
    own = checkout / ".venv" / "bin" / "python"
    own.parent.mkdir(parents=True)
    own.symlink_to(sys.executable)
    start(checkout, home, "--autostart")
    assert Path(told.wait()["python"]).parent.parent.name == ".venv"


def test_without_an_interpreter_of_its_own_the_hooks_runs_it(checkout, told, home):
    start(checkout, home, "--autostart")
    assert Path(told.wait()["python"]).samefile(sys.executable)


def test_several_at_once_each_begin_one(checkout, told, home):
    script = checkout / "scripts" / "hook"
    words = command("claude", "SessionStart", "--autostart", script=script)
    processes = [
        subprocess.Popen(words, env=environment(home), stdin=subprocess.DEVNULL) for _ in range(3)
    ]
    assert [process.wait(WAIT_S) for process in processes] == [0, 0, 0]
    assert len({told.wait()["pid"] for _ in processes}) == 3


def test_who_begins_one_leaves_it_behind(checkout, told, home):
    assert left_behind(checkout, home, "--autostart") == (0, 2)  # it, and who let it go
    assert told.wait()["words"] == ["serve"]


@pytest.mark.parametrize(
    ("words", "payload"),
    [
        ((), START),
        (("--autostart",), START.replace(b"SessionStart", b"UserPromptSubmit")),
        (("--autostart", "Stop"), START),
        (("--autostart",), b""),
        (("--autostart",), json.dumps({"prompt": START.decode()}).encode()),
    ],
    ids=["not installed so", "another event", "named otherwise", "nothing said", "in a text"],
)
def test_nothing_else_begins_one(checkout, home, words, payload):
    assert left_behind(checkout, home, *words, payload=payload) == (0, 0)


def test_a_daemon_that_answers_is_enough(checkout, home):
    with FakeDoor(home, says(framed(b""))):
        assert left_behind(checkout, home, "--autostart") == (0, 0)


def test_a_daemon_that_starts_or_stops_is_not_begun_anew(checkout, home):
    with (home / "atlas.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        assert left_behind(checkout, home, "--autostart") == (0, 0)


def test_a_lock_that_nobody_holds_keeps_none_from_beginning(checkout, told, home):
    (home / "atlas.lock").write_text("4711")
    start(checkout, home, "--autostart")
    assert told.wait()["words"] == ["serve"]


def test_a_daemon_that_is_too_busy_is_not_begun_anew(checkout, home):
    (home / "hooks-closed").write_text("claude\tBash\tno\n")
    with FakeDoor(home, waits()):
        assert left_behind(checkout, home, "--autostart", "--deadline", "0.1") == (0, 0)


def test_a_checkout_that_cannot_run_is_not_spoken_of(checkout, home):
    (checkout / "run.py").unlink()
    done = start(checkout, home, "--autostart")
    assert (done.returncode, done.stdout, done.stderr) == (0, b"", b"")
