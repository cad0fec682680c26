"""An address that outlives its actors: mailbox, fence, cell, ref, directory.

An actor may crash and be replaced; its path, its mailbox and every ref to it stay. Mail that was
queued behind a crash is handled by the next incarnation, in order.
"""

import threading
from collections import deque
from collections.abc import Callable, Iterator
from itertools import islice
from queue import Empty, SimpleQueue
from typing import Any, Final, Literal

import attrs
from pykka._envelope import Envelope
from pykka.messages import _ActorStop

from atlas_actors.errors import (
    AskedSelf,
    AtlasError,
    DeadlinePassed,
    MailboxFull,
    NotFound,
    Unavailable,
)
from atlas_actors.messages.supervision import (
    ActorDown,
    ActorStarted,
    ChildEnded,
    Ending,
    Stop,
)

MAILBOX_BOUND: Final = 10_000
ASK_TIMEOUT_S: Final = 5.0
DEAD_LETTERS_KEPT: Final = 200

CellState = Literal["stopped", "starting", "running", "backing_off", "parked", "stopping", "absent"]
# Mail is taken in these states; in the others a sender is told at once.
OPEN_STATES: Final = frozenset({"starting", "running", "backing_off", "stopping"})

_WAKE: Final = object()


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

    def __init__(self, bound: int = MAILBOX_BOUND) -> None:
        self.bound = bound
        self.on_put: Callable[[], None] | None = None
        self._user: SimpleQueue[Any] = SimpleQueue()
        self._system: deque[Any] = deque()
        self._front: deque[Envelope[Any]] = deque()

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

    def get(self, timeout_s: float | None = None) -> Any:
        """The next system message, else the next Envelope; None after `timeout_s`.

        `timeout_s` 0 does not wait, None waits for ever.
        """
        while True:
            if self._system:
                return self._system.popleft()
            if self._front:
                return self._front.popleft()
            try:
                item = self._user.get() if timeout_s is None else self._user.get(timeout=timeout_s)
            except Empty:
                return None
            if item is _WAKE:
                continue
            if self._system:
                self._front.append(item)
                continue
            return item

    def take(self, count: int, *, heed_system: bool = True) -> list[Envelope[Any]]:
        """Up to `count` user messages that wait now; stops when system mail has come."""
        taken: list[Envelope[Any]] = []
        while len(taken) < count and not (heed_system and self._system):
            if self._front:
                taken.append(self._front.popleft())
                continue
            try:
                item = self._user.get_nowait()
            except Empty:
                break
            if item is not _WAKE:
                taken.append(item)
        return taken

    def gather(self, count: int) -> list[Envelope[Any]]:
        """Look at up to `count` user messages that wait now; they stay until `pop`."""
        while len(self._front) < count:
            try:
                item = self._user.get_nowait()
            except Empty:
                break
            if item is not _WAKE:
                self._front.append(item)
        return list(islice(self._front, count))

    def pop(self) -> None:
        """Take the first of the gathered messages."""
        self._front.popleft()

    def give_back(self, item: Any) -> None:
        """Return what `get` gave to the head."""
        if isinstance(item, Envelope):
            self._front.appendleft(item)

    def forget_system(self) -> None:
        """Drop orders that were meant for an incarnation that is over."""
        self._system.clear()


class Fence:
    """What one incarnation may still do; once down it can neither reply, commit nor report.

    `on_drop` registers what wakes the thread from a blocking call (a socket's shutdown, a
    connection's interrupt); it returns a function that takes the registration back.
    """

    def __init__(self) -> None:
        self.down = False
        self._interrupters: dict[int, Callable[[], None]] = {}

    def on_drop(self, interrupt: Callable[[], None]) -> Callable[[], None]:
        """Call `interrupt` when the fence goes down."""
        key = id(interrupt)
        self._interrupters[key] = interrupt
        return lambda: self._interrupters.pop(key, None) and None

    def drop(self) -> None:
        """Fence the incarnation off, then wake it."""
        self.down = True
        for interrupt in list(self._interrupters.values()):
            interrupt()


@attrs.frozen(kw_only=True)
class DeadLetter:
    """Mail that nobody will handle."""

    path: str
    message_type: str
    reason: str


class Cell:
    """One address: its mailbox, the state of what lives there, and its history."""

    def __init__(self, path: str, directory: "Directory", *, bound: int = MAILBOX_BOUND) -> None:
        self.path = path
        self.mailbox = Mailbox(bound)
        self.fence = Fence()
        self.state: CellState = "stopped"
        self.incarnation = 0
        self.restarts = 0
        self.last_failure = ""
        self.last_traceback = ""
        self.reason = ""  # why it is parked, degraded or absent
        self.cure = ""
        self.retry_at_ms: int | None = None
        self.started_at_s: float | None = None  # monotonic
        self.in_hand_since_s: float | None = None  # monotonic
        self.database: str | None = None
        self.thread_id: int | None = None
        self._directory = directory
        self._monitors: set[str] = set()

    def set_state(
        self,
        state: CellState,
        *,
        reason: str = "",
        cure: str = "",
        retry_at_ms: int | None = None,
    ) -> None:
        """Change the state; closing tells everyone whose mail waits."""
        self.state = state
        self.reason, self.cure, self.retry_at_ms = reason, cure, retry_at_ms
        if state not in OPEN_STATES:
            self._refuse_waiting()
        self._directory.changed()

    def degrade(self, reason: str, cure: str) -> None:
        """It runs, but something is missing that a user should know."""
        self.reason, self.cure = reason, cure
        self._directory.changed()

    def put(self, message: Any, reply: Any = None) -> None:
        """Queue mail. Raises Unavailable or MailboxFull at once, and counts a dead letter."""
        if self.state not in OPEN_STATES:
            self._bury(message, self.state)
            raise self.refusal()
        try:
            self.mailbox.put(Envelope(message, reply))
        except MailboxFull as error:
            self._bury(message, "mailbox full")
            raise MailboxFull(f"{self.path}: {error.message}") from None
        if self.state not in OPEN_STATES:  # closed meanwhile: whoever is last, drains
            self._refuse_waiting()

    def watch(self, monitor_path: str) -> None:
        """Tell `monitor_path` of each start and end from now on, and of how things are now."""
        self._monitors.add(monitor_path)
        if self.state == "running":
            self._tell(monitor_path, ActorStarted(path=self.path, incarnation=self.incarnation))
        elif self.state not in OPEN_STATES:
            down = ActorDown(
                path=self.path,
                incarnation=self.incarnation,
                ending=Ending.CANNOT_START,
                error=self.reason or self.state,
                cure=self.cure,
            )
            self._tell(monitor_path, down)

    def announce(self, fact: ActorStarted | ActorDown) -> None:
        """Pass a start or an end to the monitors."""
        for path in tuple(self._monitors):
            self._tell(path, fact)

    def _tell(self, path: str, fact: ActorStarted | ActorDown) -> None:
        """Mail to a monitor, never refused by a full mailbox."""
        cell = self._directory.find(path)
        if cell is not None and cell.state in OPEN_STATES:
            cell.mailbox.put(Envelope(fact, None), bounded=False)

    def remember_failure(self, ended: ChildEnded) -> None:
        """Keep the last failure for whoever looks."""
        self.last_failure, self.last_traceback = ended.error, ended.traceback
        self._directory.failed(ended)

    def refusal(self) -> Unavailable:
        """What a sender is told while nobody takes mail here."""
        reason = f": {self.reason}" if self.reason else ""
        return Unavailable(
            f"{self.path} is {self.state}{reason}",
            cure=self.cure,
            part=self.path,
            retry_at_ms=self.retry_at_ms,
        )

    def _refuse_waiting(self) -> None:
        for envelope in self.mailbox.take(2 * self.mailbox.bound, heed_system=False):
            self._bury(envelope.message, self.state)
            if envelope.reply_to is not None:
                envelope.reply_to.set_exception(self.refusal())  # type: ignore[arg-type]

    def _bury(self, message: Any, reason: str) -> None:
        self._directory.bury(
            DeadLetter(path=self.path, message_type=type(message).__name__, reason=reason)
        )


class Ref:
    """A handle on an address; stays good however often its actor is replaced."""

    __slots__ = ("cell",)

    def __init__(self, cell: Cell) -> None:
        self.cell = cell

    @property
    def path(self) -> str:
        """The address."""
        return self.cell.path

    def tell(self, message: Any) -> None:
        """Send and forget. Raises Unavailable or MailboxFull at once when it is refused."""
        self.cell.put(message)

    def send(self, message: Any, callback: Callable[[Reply], None]) -> Reply:
        """Ask without waiting: `callback` gets the Reply, on the answering thread."""
        reply = Reply(callback)
        try:
            self.cell.put(message, reply)
        except AtlasError as error:
            reply.set_exception(error)
        return reply

    def ask(self, message: Any, timeout_s: float = ASK_TIMEOUT_S) -> Any:
        """Ask and wait; for edges only. Raises the answer's error, or DeadlinePassed."""
        if self.cell.thread_id == threading.get_ident():
            raise AskedSelf(f"{self.path} asked itself and would wait for ever")
        reply = Reply()
        self.cell.put(message, reply)
        try:
            return reply.get(timeout_s)
        except DeadlinePassed as error:
            raise DeadlinePassed(
                f"{self.path} did not answer {type(message).__name__}: {error.message}"
            ) from None


class Directory:
    """Every address of one daemon, and the mail that could not be delivered."""

    def __init__(self, on_change: Callable[[], None] | None = None) -> None:
        self._cells: dict[str, Cell] = {}
        self._on_change = on_change
        self.on_failure: Callable[[ChildEnded], None] | None = None
        self.dead_letters: deque[DeadLetter] = deque(maxlen=DEAD_LETTERS_KEPT)
        self.dead_letter_count = 0

    def __iter__(self) -> Iterator[Cell]:
        return iter(list(self._cells.values()))

    def cell(self, path: str, *, bound: int = MAILBOX_BOUND) -> Cell:
        """The cell at `path`, made if there is none: a restarted supervisor adopts the old one."""
        if path not in self._cells:
            self._cells[path] = Cell(path, self, bound=bound)
        return self._cells[path]

    def find(self, path: str) -> Cell | None:
        """The cell at `path`, or None."""
        return self._cells.get(path)

    def ref(self, path: str) -> Ref:
        """A ref to `path`. Raises NotFound at once when there is no such address."""
        cell = self._cells.get(path)
        if cell is None:
            raise NotFound(f"there is no actor at {path}")
        return Ref(cell)

    def remove(self, path: str) -> None:
        """Forget an address that nothing will live at again."""
        self._cells.pop(path, None)
        self.changed()

    def bury(self, letter: DeadLetter) -> None:
        """Count a message that nobody will handle."""
        self.dead_letter_count += 1
        self.dead_letters.append(letter)

    def failed(self, ended: ChildEnded) -> None:
        """Note a failure of any actor."""
        if self.on_failure is not None:
            self.on_failure(ended)

    def changed(self) -> None:
        """Something about the tree is different now."""
        if self._on_change is not None:
            self._on_change()
