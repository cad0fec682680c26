"""An address that outlives its actors: fence, cell, ref, directory.

An actor may crash and be replaced; its path, its mailbox and every ref to it stay. Mail that was
queued behind a crash is handled by the next incarnation, in order.
"""

import threading
import time
from collections import deque
from collections.abc import Callable, Iterator
from typing import Any, Final, Literal

import attrs
from loguru import logger

from atlas_actors.errors import (
    AskedSelf,
    AtlasError,
    DeadlinePassed,
    MailboxFull,
    NotFound,
    Unavailable,
)
from atlas_actors.mailbox import MAILBOX_BOUND, Envelope, Mailbox, Reply
from atlas_actors.messages.supervision import (
    ActorDown,
    ActorStarted,
    ChildEnded,
    Ending,
)

ASK_TIMEOUT_S: Final = 5.0
DEAD_LETTERS_KEPT: Final = 200
WAIT_STEP_S: Final = 0.002

CellState = Literal["stopped", "starting", "running", "backing_off", "parked", "stopping", "absent"]
# Mail is taken in these states; in the others a sender is told at once.
OPEN_STATES: Final = frozenset({"starting", "running", "backing_off", "stopping"})


class FencedOffError(BaseException):
    """This incarnation was given up; whatever it still wanted to do is not done."""


class Fence:
    """What one incarnation may still do; once down it can neither reply, commit nor report.

    `on_drop` registers what wakes the thread from a blocking call (a socket's shutdown, a
    connection's interrupt); it returns a function that takes the registration back.
    """

    __slots__ = ("_interrupters", "down")

    def __init__(self) -> None:
        self.down = False
        self._interrupters: dict[int, Callable[[], None]] = {}

    def on_drop(self, interrupt: Callable[[], None]) -> Callable[[], None]:
        """Call `interrupt` when the fence goes down."""
        key = id(interrupt)
        self._interrupters[key] = interrupt
        return lambda: self._interrupters.pop(key, None) and None

    def check(self) -> None:
        """Raise FencedOffError once it is down."""
        if self.down:
            raise FencedOffError

    def drop(self) -> None:
        """Fence the incarnation off, then wake it; what cannot be woken is left to its fence."""
        self.down = True
        for interrupt in list(self._interrupters.values()):
            try:
                interrupt()
            except Exception as error:
                logger.warning("fence.interrupt_failed", error=f"{type(error).__name__}: {error}")

    def is_down(self) -> bool:
        """Whether the incarnation was given up."""
        return self.down


@attrs.frozen(kw_only=True)
class DeadLetter:
    """Mail that nobody will handle."""

    path: str
    message_type: str
    reason: str


class Cell:
    """One address: its mailbox, the state of what lives there, and its history."""

    __slots__ = (
        "_directory", "_monitors", "cure", "database", "fence", "in_hand_since_s", "incarnation",
        "last_failure", "last_frames", "mailbox", "path", "reason", "restarts", "retry_at_ms",
        "started_at_s", "state", "thread_id",
    )  # fmt: skip

    def __init__(self, path: str, directory: "Directory", *, bound: int = MAILBOX_BOUND) -> None:
        self.path = path
        self.mailbox = Mailbox(bound)
        self.fence = Fence()
        self.state: CellState = "stopped"
        self.incarnation = 0
        self.restarts = 0
        self.last_failure = ""
        self.last_frames: tuple[tuple[str, int, str], ...] = ()
        self.reason = ""  # why it is parked, degraded or absent
        self.cure = ""
        self.retry_at_ms: int | None = None
        self.started_at_s: float | None = None  # monotonic
        self.in_hand_since_s: float | None = None  # monotonic
        self.database: str | None = None
        self.thread_id: int | None = None
        self._directory = directory
        self._monitors: tuple[str, ...] = ()

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

    def put(self, message: Any, reply: Any = None, *, bounded: bool = True) -> None:
        """Queue mail. Raises Unavailable or MailboxFull at once, and counts a dead letter."""
        if self.state not in OPEN_STATES:
            self._bury(message, self.state)
            raise self.refusal()
        try:
            self.mailbox.put(Envelope(message, reply), bounded=bounded)
        except MailboxFull as error:
            self._bury(message, "mailbox full")
            raise MailboxFull(f"{self.path}: {error.message}") from None
        if self.state not in OPEN_STATES:  # closed meanwhile: whoever is last, drains
            self._refuse_waiting()

    def watch(self, monitor_path: str) -> None:
        """Tell `monitor_path` of each start and end from now on, and of how things are now."""
        if monitor_path not in self._monitors:
            self._monitors = (*self._monitors, monitor_path)
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
        for path in self._monitors:
            self._tell(path, fact)

    def _tell(self, path: str, fact: ActorStarted | ActorDown) -> None:
        """Mail to a monitor, never refused by a full mailbox."""
        cell = self._directory.find(path)
        if cell is not None and cell.state in OPEN_STATES:
            cell.mailbox.put(Envelope(fact, None), bounded=False)

    def remember_failure(self, ended: ChildEnded) -> None:
        """Keep the last failure for whoever looks."""
        self.last_failure, self.last_frames = ended.error, ended.frames
        self._directory.failed(ended)

    def report_failure(self, ended: ChildEnded) -> None:
        """Let it be listed among the failures; it is no failure of the actor's own."""
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
        for envelope in self.mailbox.take(2 * self.mailbox.bound):
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

    def tell(self, message: Any, *, wait_s: float = 0.0, drop: bool = False) -> None:
        """Send and forget. Raises Unavailable, or MailboxFull when there is no room.

        The sender chooses what a full mailbox means: an error at once, an error after `wait_s`
        seconds (for edges only), or with `drop` nothing but a counted dead letter.
        """
        deadline_s = time.monotonic() + wait_s
        while True:
            try:
                self.cell.put(message)
            except MailboxFull:
                if drop:
                    return
                if time.monotonic() >= deadline_s:
                    raise
                time.sleep(WAIT_STEP_S)
            else:
                return

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
