"""The parent process: starts the daemon again when its beat has stopped or it has died.

No thread inside the daemon can notice a call that holds the interpreter, so this is another
process. Standard library only: it must stay small and cannot share the daemon's faults. Under
systemd (NOTIFY_SOCKET) it is not used; the service manager does the same.
"""

import os
import select
import signal
import subprocess
import sys
import time
from collections import deque
from collections.abc import Sequence
from typing import Final

SILENCE_S: Final = 10.0
START_S: Final = 90.0  # until the first beat: imports and recovery on a slow disk
STOP_S: Final = 60.0  # after the daemon has said that it stops
LOOK_S: Final = 1.0  # one wait for a beat; several make a silence
PAUSE_S: Final = 1.0  # a wait that was so much longer was a pause of the whole machine
STACKS_S: Final = 1.0  # to write every thread's stack before it is killed
RESTARTS_MAX: Final = 5
WITHIN_S: Final = 600.0
BACKOFF_S: Final = 0.5
# Done, wrong settings, another instance: starting again would change nothing.
FINAL_CODES: Final = frozenset({0, 2, 3})
BEAT, STOPPING = b".", b"s"
_FORWARDED: Final = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGUSR1)


def run(command: Sequence[str], silence_s: float = SILENCE_S) -> int:
    """Run `command` with `--beat-fd N` added until it ends for good; its exit code, or 1."""
    return _Watchdog(command, silence_s).run()


def silence(silent_s: float, step_s: float, waited_s: float) -> float:
    """The silence so far, after a wait of `step_s` without a beat that took `waited_s`.

    When we were not run for long ourselves (a stopped or frozen machine), neither was the daemon:
    its silence begins anew.
    """
    return 0.0 if waited_s > step_s + PAUSE_S else silent_s + step_s


class _Watchdog:
    def __init__(self, command: Sequence[str], silence_s: float) -> None:
        self._command = list(command)
        self._silence_s = silence_s
        self._child: subprocess.Popen[bytes] | None = None
        self._told_to_end = False
        self._has_beaten = False
        self._restarts: deque[float] = deque()

    def run(self) -> int:
        for number in _FORWARDED:
            signal.signal(number, self._forward)
        while True:
            code, why = self._watch_one_life()
            if self._told_to_end or (code in FINAL_CODES and not why):
                return code
            if not self._has_beaten:  # it never ran: starting again would change nothing
                _say(why or f"the daemon did not start: it ended with {code}")
                return code or 1
            why = why or f"the daemon ended with {code}"
            now = time.monotonic()
            self._restarts.append(now)
            while now - self._restarts[0] > WITHIN_S:
                self._restarts.popleft()
            if len(self._restarts) > RESTARTS_MAX:
                _say(
                    f"gave up: the daemon failed {len(self._restarts)} times within"
                    f" {WITHIN_S:g} s; last: {why}. See the log, then start it again."
                )
                return 1
            _say(f"{why}; starting it again ({len(self._restarts)} of {RESTARTS_MAX})")
            time.sleep(BACKOFF_S * 2 ** (len(self._restarts) - 1))

    def _watch_one_life(self) -> tuple[int, str]:
        """(exit code, why it was killed or empty) of one daemon process."""
        beat, write_end = os.pipe()
        os.set_inheritable(write_end, True)
        try:
            # A process group of its own: Ctrl-C reaches the daemon through us, once.
            self._child = subprocess.Popen(  # noqa: S603 - our own program
                [*self._command, "--beat-fd", str(write_end)],
                pass_fds=(write_end,),
                process_group=0,
            )
        finally:
            os.close(write_end)
        if self._told_to_end:
            self._child.terminate()
        try:
            why = self._listen(beat)
        finally:
            os.close(beat)
        code = self._child.wait()
        return code, why

    def _listen(self, beat: int) -> str:
        """Until the process has ended (empty) or had to be killed (why)."""
        limit_s, silent_s = START_S, 0.0
        while True:
            step_s = min(LOOK_S, limit_s - silent_s)
            begun_s = time.monotonic()
            readable, _, _ = select.select([beat], [], [], step_s)
            if not readable:
                silent_s = silence(silent_s, step_s, time.monotonic() - begun_s)
                if silent_s >= limit_s:
                    return self._kill(limit_s)
                continue
            silent_s = 0.0
            data = os.read(beat, 4096)
            if not data:
                return ""
            self._has_beaten = True
            limit_s = STOP_S if STOPPING in data or self._told_to_end else self._silence_s

    def _kill(self, limit_s: float) -> str:
        assert self._child is not None
        _say(f"no beat from pid {self._child.pid} for {limit_s:g} s; its stacks go to stacks.log")
        self._child.send_signal(signal.SIGUSR2)
        try:
            self._child.wait(STACKS_S)
        except subprocess.TimeoutExpired:
            self._child.kill()
        return f"the daemon's beat had stopped for {limit_s:g} s"

    def _forward(self, number: int, _: object) -> None:
        if number in (signal.SIGTERM, signal.SIGINT):
            self._told_to_end = True
            number = signal.SIGTERM
        if self._child is not None and self._child.returncode is None:
            self._child.send_signal(number)


def _say(text: str) -> None:
    sys.stderr.write(f"watchdog: {text}\n")
    sys.stderr.flush()
