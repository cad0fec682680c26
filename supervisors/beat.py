"""The daemon's pulse: a question to the root supervisor, its answer passed to who watches.

Watchers: the parent process (a pipe) or systemd (NOTIFY_SOCKET, see sd_notify(3)).
"""

import ctypes
import os
import signal
import socket
import sys
from collections.abc import Callable, Mapping
from typing import Final

from atlas_actors.cell import Ref
from atlas_actors.clock import Clock
from atlas_actors.mailbox import Reply
from atlas_actors.messages.supervision import Ping
from supervisors.watchdog import BEAT, STOPPING

BEAT_S: Final = 2.0
_PR_SET_PDEATHSIG: Final = 1


class Pulse:
    """Beats while somebody watches; driven by the main thread."""

    def __init__(
        self, clock: Clock, environment: Mapping[str, str], beat_fd: int | None,
        on_orphaned: Callable[[], None],
    ) -> None:  # fmt: skip
        self._clock = clock
        self._fd = beat_fd
        self._notify = environment.get("NOTIFY_SOCKET", "")
        self._on_orphaned = on_orphaned
        self._next_s = clock.monotonic_s()
        if beat_fd is not None:
            _die_with_parent()

    def wait_s(self) -> float | None:
        """Seconds until the next beat; None when nobody watches."""
        if self._fd is None and not self._notify:
            return None
        return max(0.0, self._next_s - self._clock.monotonic_s())

    def beat(self, root: Ref) -> None:
        """Ask the root; only its answer is a beat."""
        self._next_s = self._clock.monotonic_s() + BEAT_S
        root.send(Ping(), self._pass_on)

    def ready(self) -> None:
        """Everything has started."""
        self._tell_systemd("READY=1")

    def stopping(self) -> None:
        """The tree is being stopped: fewer beats are to be expected."""
        self._tell_parent(STOPPING)
        self._tell_systemd("STOPPING=1")

    def _pass_on(self, reply: Reply) -> None:
        if reply.error is None:
            self._tell_parent(BEAT)
            self._tell_systemd("WATCHDOG=1")

    def _tell_parent(self, word: bytes) -> None:
        if self._fd is None:
            return
        try:
            os.write(self._fd, word)
        except BrokenPipeError:  # the parent was killed: nobody would restart us
            self._fd = None
            self._on_orphaned()

    def _tell_systemd(self, text: str) -> None:
        if not self._notify:
            return
        address = self._notify
        if address.startswith("@"):
            address = "\0" + address[1:]
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as connection:
            connection.sendto(text.encode(), address)


def _die_with_parent() -> None:
    """Linux: end with the watchdog, also when it is killed, so that no orphan holds the lock."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
