"""Mail of one address: envelopes, replies, and a mailbox with two lanes."""

import threading
import time
from collections.abc import Callable
from queue import Empty, SimpleQueue
from typing import Any, Final

from pykka._envelope import Envelope
from pykka.messages import _ActorStop

from atlas_actors.errors import DeadlinePassed, MailboxFull
from atlas_actors.messages.supervision import Stop

MAILBOX_BOUND: Final = 10_000

_WAKE: Final = object()

__all__ = ["MAILBOX_BOUND", "Envelope", "Mailbox", "Reply"]


class Reply:
    """The answer to one ask: set once, the first setter wins.

    With a callback it is called on the setter's thread; without one, `get` waits for it.
    """

    __slots__ = ("_callback", "_done", "_tickets", "error", "value")

    def __init__(self, callback: "Callable[[Reply], None] | None" = None) -> None:
        self._callback = callback
        self._tickets = [None]
        self._done = threading.Lock()
        self._done.acquire()
        self.value: Any = None
        self.error: BaseException | None = None

    def set(self, value: Any = None) -> None:
        """Answer."""
        self._finish(value, None)

    def set_exception(self, exc_info: Any = None) -> None:
        """Answer with an error: an exception, or a sys.exc_info() triple as Pykka gives."""
        error = exc_info[1] if isinstance(exc_info, tuple) else exc_info
        self._finish(None, error)

    def get(self, timeout_s: float) -> Any:
        """Wait for the answer. Raises its error, or DeadlinePassed."""
        if not self._done.acquire(timeout=timeout_s):
            raise DeadlinePassed(f"no answer in {timeout_s:g} s")
        self._done.release()
        if self.error is not None:
            raise self.error
        return self.value

    def _finish(self, value: Any, error: BaseException | None) -> None:
        try:
            self._tickets.pop()
        except IndexError:
            return
        self.value = value
        self.error = error
        self._done.release()
        if self._callback is not None:
            self._callback(self)


class Mailbox:
    """Two lanes: system mail goes ahead of user mail; user mail is bounded.

    Many threads put; one thread, the incarnation's, gets. The bound may be exceeded by at most
    one message per putting thread. `on_put` is called after each put, for an actor that waits
    elsewhere than in `get`.
    """

    __slots__ = ("_front", "_system", "_user", "bound", "on_put")

    def __init__(self, bound: int = MAILBOX_BOUND) -> None:
        self.bound = bound
        self.on_put: Callable[[], None] | None = None
        self._user: SimpleQueue[Any] = SimpleQueue()
        # Lists, since an empty deque takes 600 bytes and these are short.
        self._system: list[Any] = []
        self._front: list[Envelope[Any]] = []

    def __len__(self) -> int:
        return self._user.qsize() + len(self._front)

    def empty(self) -> bool:
        """Whether no user mail waits."""
        return not len(self)

    def put(self, envelope: Envelope[Any], *, bounded: bool = True) -> None:
        """Queue user mail. Raises MailboxFull at once when the bound is reached."""
        if isinstance(envelope.message, _ActorStop):
            self.put_system(Stop())
            return
        if bounded and len(self) >= self.bound:
            raise MailboxFull(f"mailbox holds {self.bound} messages, its bound")
        self._user.put(envelope)
        if self.on_put is not None:
            self.on_put()

    def put_system(self, message: Any) -> None:
        """Queue a message of supervision, ahead of all user mail and never refused."""
        self._system.append(message)
        self._user.put(_WAKE)
        if self.on_put is not None:
            self.on_put()

    def wake(self) -> None:
        """Let who waits in `get` look again."""
        self._user.put(_WAKE)
        if self.on_put is not None:
            self.on_put()

    def get(self, timeout_s: float | None = None, over: Callable[[], bool] | None = None) -> Any:
        """The next system message, else the next Envelope; None after `timeout_s` or once `over`.

        `timeout_s` 0 does not wait, None waits for ever. `over` is asked whenever it is woken.
        """
        while True:
            if self._system:
                return self._system.pop(0)
            if self._front:
                return self._front.pop(0)
            try:
                item = self._user.get() if timeout_s is None else self._user.get(timeout=timeout_s)
            except Empty:
                return None
            if item is _WAKE:
                if over is not None and over():
                    return None
                continue
            if self._system:
                self._front.append(item)
                continue
            return item

    def take(self, count: int) -> list[Envelope[Any]]:
        """Up to `count` user messages that wait now."""
        taken: list[Envelope[Any]] = []
        while len(taken) < count:
            if self._front:
                taken.append(self._front.pop(0))
                continue
            try:
                item = self._user.get_nowait()
            except Empty:
                break
            if item is not _WAKE:
                taken.append(item)
        return taken

    def gather(self, count: int, wait_s: float = 0.0) -> list[Envelope[Any]]:
        """Look at up to `count` user messages that wait now or come within `wait_s`.

        They stay until `pop`. System mail ends the wait.
        """
        until_s = time.monotonic() + wait_s if wait_s else 0.0
        while len(self._front) < count:
            try:
                item = self._user.get_nowait()
            except Empty:
                left_s = until_s - time.monotonic() if wait_s and not self._system else 0.0
                if left_s <= 0:
                    break
                try:
                    item = self._user.get(timeout=left_s)
                except Empty:
                    break
            if item is not _WAKE:
                self._front.append(item)
        return self._front[:count]

    def pop(self) -> None:
        """Take the first of the gathered messages."""
        self._front.pop(0)

    def give_back(self, item: Any) -> None:
        """Return what `get` gave to the head, and let who waits now look."""
        if isinstance(item, Envelope):
            self._front.insert(0, item)
        elif item is not None:
            self._system.insert(0, item)
        self.wake()

    def forget_system(self) -> None:
        """Drop orders that were meant for an incarnation that is over."""
        self._system.clear()
