"""The base actor: a guarded loop whose every ending reaches the parent exactly once.

Pykka runs the thread and keeps the registry; the loop is ours, because Pykka drops mail with a
crash, hides failures of on_start, and stops every actor on a BaseException (reliability of
Pykka 4.5, read in pykka/_actor.py). tests/test_pykka_contract.py pins what we lean on.
"""

import heapq
import threading
from collections.abc import Callable
from typing import Any, ClassVar, Final, Literal, get_args

import attrs
import pykka
from loguru import logger
from pykka._actor import ActorInbox

from atlas_actors.cell import Cell, Directory, Fence, FencedOffError
from atlas_actors.clock import Clock
from atlas_actors.errors import ActorCrashed, AtlasError, CannotStart, Ignored, UsageError
from atlas_actors.mailbox import Envelope, Reply
from atlas_actors.messages.supervision import (
    ActorDown,
    ChildEnded,
    ChildStarted,
    Ending,
    FailNow,
    Ping,
    Pong,
    RequestFailed,
    Stop,
)

ERROR_CHARACTERS: Final = 300
FRAMES_MAX: Final = 60

# Returned by on_receive when `reply_to` was kept and will be answered later.
LATER: Final = object()

Report = Callable[[ChildStarted | ChildEnded], None]


class OrderedFailureError(Exception):
    """What FailNow raises."""


@attrs.frozen(kw_only=True)
class Place:
    """Where one incarnation lives; made by its parent for each start."""

    cell: Cell
    fence: Fence
    incarnation: int
    directory: Directory
    clock: Clock
    report: Report


# What comes back to the sender: nothing, the answer or a RequestFailed, only a RequestFailed.
Wants = Literal["nothing", "answer", "failure"]


@attrs.frozen(kw_only=True)
class Outgoing:
    """Mail that leaves once the handler (and its commit) has succeeded."""

    path: str  # empty: to ourselves, after `delay_s`
    message: Any
    wants: Wants = "nothing"
    delay_s: float = 0.0


class Actor(pykka.ThreadingActor):
    """Handles one message at a time: on_receive decides, records and tells, and never waits.

    An AtlasError that on_receive raises is the answer to the message; any other exception ends
    this incarnation. What on_receive returns answers an ask or a request.
    """

    use_daemon_thread = True
    # The closed union of what on_receive takes; anything else is refused before it.
    inbox: ClassVar[Any]
    _accepted: ClassVar[tuple[type, ...]] = ()
    # A supervisor is ready only when its children are: it calls started() itself.
    starts_later: ClassVar[bool] = False

    def __init_subclass__(cls) -> None:
        super().__init_subclass__()
        if "inbox" in cls.__dict__:
            cls._accepted = get_args(cls.inbox) or (cls.inbox,)

    def __init__(self, place: Place) -> None:
        super().__init__()
        self.place = place
        self.path: Final = place.cell.path
        self.outbox: list[Outgoing] = []
        self._mailbox = place.cell.mailbox
        self.actor_inbox: ActorInbox = self._mailbox
        self._timers: list[tuple[float, int, Any]] = []
        self._timer_count = 0
        self._ends = False
        self.reply_to: Reply | None = None  # who waits for the message in hand
        self._ready = False

    # What a room overrides.

    def on_start(self) -> None:
        """Prepare, on the actor's own thread. Raises CannotStart or Ignored to decline."""

    def on_receive(self, message: Any) -> Any:
        """Handle one message of `inbox`."""
        raise NotImplementedError

    def on_stop(self) -> None:
        """Tidy up; not called after a crash."""

    def matters(self, message: Any) -> bool:
        """Whether what we told ourselves for later is to be handled still; asked when it is due,
        between two messages."""
        del message
        return True

    def on_supervision(self, message: Any) -> None:
        """Handle system mail other than Stop; supervisors do."""

    # What a room calls.

    def tell(self, path: str, message: Any) -> None:
        """Send when this handler has succeeded; lost mail becomes a dead letter."""
        self.outbox.append(Outgoing(path=path, message=message))

    def request(self, path: str, message: Any) -> None:
        """Like tell; the answer, or a RequestFailed, comes as a message."""
        self.outbox.append(Outgoing(path=path, message=message, wants="answer"))

    def entrust(self, path: str, message: Any) -> None:
        """Like tell, for what must not vanish: a RequestFailed comes when nobody handled it."""
        self.outbox.append(Outgoing(path=path, message=message, wants="failure"))

    def after(self, delay_s: float, message: Any) -> None:
        """Handle `message` as if it had come by mail, `delay_s` seconds after this handler has
        succeeded; dies with us."""
        self.outbox.append(Outgoing(path="", message=message, delay_s=delay_s))

    def monitor(self, path: str) -> None:
        """Get an ActorStarted or ActorDown now and at each change of what lives at `path`.

        Of an address that does not exist, an ActorDown that says so (Erlang's noproc).
        """
        cell = self.place.directory.find(path)
        if cell is not None:
            cell.watch(self.path)
            return
        error = f"there is no actor at {path}"
        down = ActorDown(path=path, incarnation=0, ending=Ending.CANNOT_START, error=error)
        self._mailbox.put(Envelope(down, None), bounded=False)

    def end(self) -> None:
        """End normally after the message in hand."""
        self._ends = True

    def started(self) -> None:
        """Tell the parent that this incarnation is ready."""
        if not self._ready and not self.place.fence.down:
            self._ready = True
            self.place.report(ChildStarted(path=self.path, incarnation=self.place.incarnation))

    # The loop.

    def _actor_loop(self) -> None:
        cell = self.place.cell
        cell.thread_id = threading.get_ident()
        try:
            ended = self._live()
        finally:
            pykka.ActorRegistry.unregister(self.actor_ref)
            self.actor_stopped.set()
        if not self.place.fence.down:
            cell.in_hand_since_s = None
            self.place.report(ended)

    def _live(self) -> ChildEnded:
        """One life from start to end, as a fact for the parent; raises nothing."""
        try:
            return self._ended(self._life())
        except CannotStart as error:
            return self._ended(Ending.CANNOT_START, error)
        except Ignored as error:
            return self._ended(Ending.IGNORED, error)
        except BaseException as error:  # S58: also SystemExit ends this actor only
            return self._ended(Ending.CRASHED, error)
        finally:
            self._tear_down_safely()

    def _life(self) -> Ending:
        """Start, handle mail, stop; whatever it raises is how this incarnation ended."""
        self.set_up()
        self.start_up()
        self._flush()
        if not self.starts_later:
            self.started()
        ending = self._receive()
        self.wind_up()
        self._flush()
        return ending

    def set_up(self) -> None:
        """Open what the base class owns."""

    def tear_down(self) -> None:
        """Close what the base class owns."""

    def start_up(self) -> None:
        """Call on_start; a base class adds what surrounds it."""
        self.on_start()

    def wind_up(self) -> None:
        """Call on_stop; a base class adds what surrounds it."""
        self.on_stop()

    def _tear_down_safely(self) -> None:
        try:
            self.tear_down()
        except Exception as error:
            logger.warning("actor.tear_down_failed", path=self.path, error=one_line(error))

    def _receive(self) -> Ending:
        """Handle mail until told to stop."""
        while not self._ends:
            self.place.fence.check()
            wait_s = self._next_timer_s()
            if wait_s == 0:  # timers and mail take turns: neither waits for the other to stop
                self._handle_due()
            item = self._mailbox.get(wait_s, self.place.fence.is_down)
            if self.place.fence.down:
                self._mailbox.give_back(item)  # it is the next incarnation's
                raise FencedOffError
            if item is None:
                self._handle_due()
            elif isinstance(item, Envelope):
                self._handle(item)
            elif isinstance(item, Stop):
                return Ending.SHUTDOWN
            elif isinstance(item, FailNow):
                raise OrderedFailureError(item.error)
            else:
                self.on_supervision(item)
                self._flush()
        return Ending.NORMAL

    def _handle(self, envelope: Envelope[Any]) -> None:
        """Handle one envelope and deliver what follows from it."""
        cell = self.place.cell
        cell.in_hand_since_s = self.place.clock.monotonic_s()
        self.reply_to = envelope.reply_to  # type: ignore[assignment]
        try:
            value = self.dispatch(envelope.message)
        except AtlasError as error:
            self.outbox.clear()
            self._answer_error(envelope, error)
        except BaseException as error:
            self._answer_crash(envelope, error)
            raise
        else:
            if envelope.reply_to is not None and value is not LATER and not self.place.fence.down:
                envelope.reply_to.set(value)
        self._flush()
        cell.in_hand_since_s = None

    def dispatch(self, message: Any) -> Any:
        """Hand a message of ours to on_receive; refuse any other."""
        if isinstance(message, self._accepted):
            return self.on_receive(message)
        if isinstance(message, Ping):
            return Pong(path=self.path, incarnation=self.place.incarnation)
        raise UsageError(f"{self.path} does not understand {type(message).__name__}")

    def _answer_error(self, envelope: Envelope[Any], error: AtlasError) -> None:
        if envelope.reply_to is None:
            logger.warning(
                "actor.refused",
                path=self.path,
                message_type=type(envelope.message).__name__,
                error=one_line(error),
            )
        elif not self.place.fence.down:
            envelope.reply_to.set_exception(error)  # type: ignore[arg-type]

    def _answer_crash(self, envelope: Envelope[Any], error: BaseException) -> None:
        self.outbox.clear()
        if envelope.reply_to is not None and not self.place.fence.down:
            crashed = ActorCrashed(
                f"{self.path} failed while it handled {type(envelope.message).__name__}: "
                f"{one_line(error)}"
            )
            crashed.__cause__ = error
            envelope.reply_to.set_exception(crashed)  # type: ignore[arg-type]

    def _flush(self) -> None:
        """Deliver the outbox."""
        if not self.outbox:
            return
        self.place.fence.check()
        outbox, self.outbox = self.outbox, []
        for mail in outbox:
            self._deliver(mail)

    def _deliver(self, mail: Outgoing) -> None:
        """Hand one mail over. Between actors nothing is bounded: the doors are, and what the
        rooms tell each other about accepted work must not be dropped."""
        if not mail.path:
            self._timer_count += 1  # equal times go in the order of setting
            due_s = self.place.clock.monotonic_s() + mail.delay_s
            heapq.heappush(self._timers, (due_s, self._timer_count, mail.message))
            return
        reply = None
        if mail.wants != "nothing":
            reply = Reply(lambda reply: self._mail_answer(mail, reply))
        try:
            cell = self.place.directory.ref(mail.path).cell
            cell.put(mail.message, reply, bounded=False)
        except AtlasError as error:
            if reply is not None:
                reply.set_exception(error)
            else:
                logger.debug("mail.refused", path=mail.path, error=one_line(error))

    def _mail_answer(self, mail: Outgoing, reply: Reply) -> None:
        """Put an answer into our own mailbox, on the answering thread."""
        if reply.error is None and mail.wants == "failure":
            return
        message = reply.value
        if reply.error is not None:
            message = RequestFailed(
                path=mail.path,
                request=mail.message,
                error=one_line(reply.error),
                code=getattr(reply.error, "code", 0),
            )
        self._mailbox.put(Envelope(message, None), bounded=False)

    def _next_timer_s(self) -> float | None:
        if not self._timers:
            return None
        return max(0.0, self._timers[0][0] - self.place.clock.monotonic_s())

    def _handle_due(self) -> None:
        now_s = self.place.clock.monotonic_s()
        while self._timers and self._timers[0][0] <= now_s:
            message = heapq.heappop(self._timers)[2]
            if self.matters(message):
                self._handle(Envelope(message, None))

    def _ended(self, ending: Ending, error: BaseException | None = None) -> ChildEnded:
        crashed = ending is Ending.CRASHED and error is not None
        return ChildEnded(
            path=self.path,
            incarnation=self.place.incarnation,
            ending=ending,
            error=one_line(error) if error is not None else "",
            frames=frames_of(error) if crashed and error is not None else (),
            cure=getattr(error, "cure", ""),
        )


def frames_of(error: BaseException, causes: int = 5) -> tuple[tuple[str, int, str], ...]:
    """Where an exception came from, as ChildEnded.frames; bounded, and without reading files."""
    frames: list[tuple[str, int, str]] = []
    cause = error.__cause__ or (None if error.__suppress_context__ else error.__context__)
    if cause is not None and causes:
        frames += [*frames_of(cause, causes - 1), ("", 0, one_line(cause))]
    trace = error.__traceback__
    while trace is not None:
        code = trace.tb_frame.f_code
        frames.append((code.co_filename, trace.tb_lineno, code.co_name))
        trace = trace.tb_next
    return tuple(frames[-FRAMES_MAX:])


def one_line(error: BaseException) -> str:
    """An exception as one short line; the type leads unless the message was made for people."""
    text = error.message if isinstance(error, AtlasError) else f"{type(error).__name__}: {error}"
    return " ".join(text.split())[:ERROR_CHARACTERS]
