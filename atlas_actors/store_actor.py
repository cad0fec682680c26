"""An actor with a private database: one commit for all mail that waits, the answers after it."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, ClassVar, Final

import attrs
from loguru import logger

from atlas_actors import failpoints, store_health
from atlas_actors.actor import LATER, Actor, Place, one_line
from atlas_actors.clock import DAY_MS
from atlas_actors.errors import AtlasError, CannotStart, Unavailable, UsageError
from atlas_actors.mailbox import Envelope
from atlas_actors.messages.supervision import Ending
from atlas_actors.store import Store, damaged, outside_fault, refused, suspect
from atlas_actors.store_health import SetAside

BATCH_MAX: Final = 256
TELL_AGAIN_S: Final = 1.0
# Who was just answered may ask again at once: a commit that waits for them takes them all, where
# one without them would have them wait for the next. At most half of what a commit costs.
GATHER_S: Final = 0.002
PRUNE_FIRST_S: Final = 60.0
PRUNE_EVERY_S: Final = 3_600.0
LOOK_EVERY_S: Final = 60.0
LOST_NAMED: Final = 20


@attrs.frozen(kw_only=True)
class PruneDue:
    """What a room with retention tells itself when old rows may go."""


@attrs.frozen(kw_only=True)
class LookDue:
    """What every room tells itself now and then: is the file still ours, does the disk take it."""

    again: bool = True  # whether it is said again after that


class TransactionLostError(Exception):
    """The disk refused a statement, and SQLite has rolled the whole batch back."""


class StoreActor(Actor):
    """Opens `database` on its own thread; every batch of mail is one transaction.

    Each message runs in a savepoint, so that a failing one undoes only itself. Answers and
    outgoing mail leave after the commit. `durable` names the messages whose commit must survive
    a power cut; a batch without one must only survive a killed process.
    """

    # The folder with NNN_name.sql and views.sql.
    schema: ClassVar[Path]
    durable: ClassVar[frozenset[type]] = frozenset()
    # The failpoint that is passed between each durable commit and its answers.
    committed_point: ClassVar[str | None] = None

    def __init__(
        self, place: Place, *, database: Path, retention_days: float | None = None
    ) -> None:
        super().__init__(place)
        self._retention_days = retention_days
        self._born_ms, self._born_s = place.clock.now_ms(), place.clock.monotonic_s()
        self.database: Final = database
        self.store: Store
        self._notice = ("", "")  # reason and cure of what this life of ours began or met with
        self._is_refusing = False
        self._recovers = False  # with the commit of the transaction in hand
        self._expected = 0  # messages that the next durable commit may have
        self._commit_s = 0.0  # how long that took

    def set_up(self) -> None:
        """Open and migrate the database; one that cannot be used is set aside."""
        self.place.cell.database = str(self.database)
        with self._outside_faults_park():
            self.store = Store(
                self.database,
                self.schema,
                self.place.fence,
                thorough=self.place.incarnation == 1,
            )
        if self.store.set_aside is not None:
            self._tell_of(self.store.set_aside)
            return
        kept = store_health.kept_aside(self.database)
        if kept:  # until somebody has looked into it
            self._degrade(
                f"an earlier {self.database.name} could not be used and is kept as {kept[-1]}",
                "take from it what you need, then delete it (with its -wal)",
            )

    def start_up(self) -> None:
        """Commit what on_start records before anybody hears of it."""
        with self._outside_faults_park():
            self.store.begin(durable=True)
            self.on_start()
            self.store.commit()
        self.after(LOOK_EVERY_S, LookDue())
        if self._retention_days is not None:
            self.after(PRUNE_FIRST_S, PruneDue())

    def wind_up(self) -> None:
        """Commit what on_stop records."""
        self._begin(durable=True)
        self.on_stop()
        self.store.commit()

    def tear_down(self) -> None:
        """Close the database on the thread that opened it."""
        if hasattr(self, "store"):
            try:
                self.store.rollback()
                if not self.place.fence.down and self.store.moved():
                    self._put_back()
            finally:
                self.store.close()

    def _life(self) -> Ending:
        try:
            return super()._life()
        except Exception as error:
            if damaged(error):
                suspect(self.database)
            raise

    @contextmanager
    def _outside_faults_park(self) -> Iterator[None]:
        """A disk that refuses at the start is no crash: this actor is parked and tried again."""
        try:
            yield
        except Unavailable as error:
            raise CannotStart(error.message, cure=error.cure) from error
        except Exception as error:
            if not outside_fault(error):
                raise
            why = refused(self.database, error)
            raise CannotStart(why.message, cure=why.cure) from error

    def _tell_of(self, aside: SetAside) -> None:
        """Log and show what became of a database that could not be used."""
        rescued = aside.rescued
        logger.error(
            "store.set_aside",
            path=self.path,
            reason=aside.reason,
            kept_as=aside.kept_as,
            rescued=rescued and rescued.rows,
            lost=rescued and rescued.lost,
            refused=rescued and rescued.refused,
        )
        self._degrade(*words_of(self.database.name, aside))

    def _degrade(self, reason: str, cure: str) -> None:
        self._notice = (reason, cure)
        self.place.cell.degrade(reason, cure)

    def _begin(self, *, durable: bool) -> None:
        """Open a transaction; a durable one only on a file that is where it should be."""
        if durable and self.store.moved():
            self._put_back()
        self.store.begin(durable=durable)

    def _put_back(self) -> None:
        kept_as = self.store.put_back()
        logger.error("store.put_back", path=self.path, kept_as=kept_as)
        name = self.database.name
        kept = f"; what was in its place is kept as {Path(kept_as).name}" if kept_as else ""
        self._degrade(
            f"{name} was removed or replaced while it was in use; all of it was written back{kept}",
            "find out what touches the state directory; nothing but the daemon should",
        )

    def dispatch(self, message: Any) -> Any:
        """As of every actor; pruning and looking after the file are ours."""
        if isinstance(message, PruneDue):
            return self._on_prune_due()
        if isinstance(message, LookDue):
            return self._on_look_due(message)
        return super().dispatch(message)

    def _on_look_due(self, message: LookDue) -> None:
        """The file was looked at when this transaction began; does the disk take a page, too?"""
        if self._is_refusing:
            self.store.touch()
            self._recovers = True
        if message.again:
            self.after(LOOK_EVERY_S, message)

    def prune(self, before_ms: int) -> bool:
        """Delete rows older than `before_ms`, a bounded number; True when more are left."""
        raise NotImplementedError

    def _on_prune_due(self) -> None:
        assert self._retention_days is not None
        more = self.prune(self.aged_now_ms() - int(self._retention_days * DAY_MS))
        self.after(0.0 if more else PRUNE_EVERY_S, PruneDue())

    def aged_now_ms(self) -> int:
        """Now as far as this life has come to it, to tell ages by: a clock that is set far ahead
        makes nothing old."""
        clock = self.place.clock
        lived_ms = int((clock.monotonic_s() - self._born_s) * 1000)
        return min(clock.now_ms(), self._born_ms + lived_ms)

    def is_durable(self, message: Any) -> bool:
        """Whether the commit of this message must survive a power cut."""
        return type(message) in self.durable

    def _is_durable(self, message: Any) -> bool:
        return isinstance(message, LookDue) or self.is_durable(message)

    def before_commit(self) -> None:
        """Do once, inside the transaction, what all mail of a batch has made due."""

    def on_commit(self) -> None:
        """A batch is on disk."""

    def on_rollback(self) -> None:
        """Forget what memory holds of a batch that the disk refused."""

    def _handle(self, envelope: Envelope[Any]) -> None:
        batch, durable = self._gather(envelope)
        cell = self.place.cell
        cell.in_hand_since_s = self.place.clock.monotonic_s()
        answers: list[tuple[Envelope[Any], Any]] = []
        crash: BaseException | None = None
        try:
            self._begin(durable=durable)
            for mail in batch:
                self.place.fence.check()
                if mail is not envelope:
                    self._mailbox.pop()
                try:
                    answers.append((mail, self._handle_one(mail)))
                except TransactionLostError:
                    answers.append((mail, None))
                    raise
                except BaseException as error:
                    if self.place.fence.down:
                        raise
                    crash = error
                    answers.append((mail, error))
                    break
            if crash is None:
                self.before_commit()
            begun_s = self.place.clock.monotonic_s()
            self.store.commit()
            if durable:
                self._commit_s = self.place.clock.monotonic_s() - begun_s
                self._expected = self._count_askers(batch)
            self.on_commit()
            if durable and self.committed_point is not None:
                failpoints.passing(self.committed_point)
        except Exception as error:
            self._refuse([mail for mail, _ in answers] or [envelope], error)
            return
        if self._recovers:
            self._recover()
        self._answer_all(answers)
        self._flush()
        cell.in_hand_since_s = None
        if crash is not None:
            raise crash

    def _gather(self, envelope: Envelope[Any]) -> tuple[list[Envelope[Any]], bool]:
        """(what one commit takes, whether that must survive a power cut)."""
        batch = [envelope, *self._mailbox.gather(BATCH_MAX - 1)]
        durable = any(self._is_durable(mail.message) for mail in batch)
        if durable and len(batch) < self._expected:
            wait_s = min(GATHER_S, self._commit_s / 2)
            batch = [envelope, *self._mailbox.gather(self._expected - 1, wait_s)]
        return batch, durable

    def _count_askers(self, batch: list[Envelope[Any]]) -> int:
        """Who is about to be answered, and who has asked meanwhile."""
        answered = sum(mail.reply_to is not None for mail in batch)
        return min(BATCH_MAX, answered + len(self._mailbox)) if answered else 0

    def _handle_one(self, mail: Envelope[Any]) -> Any:
        """The handler's value, or the AtlasError that it answers with."""
        mark = len(self.outbox)
        self.reply_to = mail.reply_to  # type: ignore[assignment]
        try:
            with self.store.savepoint():
                return self.dispatch(mail.message)
        except AtlasError as error:
            del self.outbox[mark:]
            return error
        except (OverflowError, UnicodeEncodeError) as error:
            del self.outbox[mark:]  # a value that SQLite cannot hold is the sender's fault
            return UsageError(f"a value cannot be stored: {error}")
        except BaseException as error:
            del self.outbox[mark:]
            if outside_fault(error):
                if not self.store.connection.in_transaction:  # SQLite has undone all of it
                    raise TransactionLostError(str(error)) from error
                declared = refused(self.database, error)  # type: ignore[arg-type]
                self._note_refusal(declared)
                return declared
            raise

    def _answer_all(self, answers: list[tuple[Envelope[Any], Any]]) -> None:
        for mail, value in answers:
            if isinstance(value, Unavailable) and mail.reply_to is None:
                self._tell_again(mail)
            elif isinstance(value, AtlasError):
                self._answer_error(mail, value)
            elif isinstance(value, BaseException):
                outbox, self.outbox = self.outbox, []
                self._answer_crash(mail, value)
                self.outbox = outbox
            elif value is not LATER and mail.reply_to is not None and not self.place.fence.down:
                mail.reply_to.set(value)

    def _refuse(self, batch: list[Envelope[Any]], error: Exception) -> None:
        """The disk refused the batch: nothing of it happened, everyone is told."""
        self.store.rollback()
        self.outbox.clear()
        declared = error if isinstance(error, AtlasError) else None
        cause = error.__cause__ if isinstance(error, TransactionLostError) else error
        if isinstance(cause, Exception) and outside_fault(cause):
            declared = refused(self.database, cause)
        if declared is None:
            for mail in batch:
                self._answer_crash(mail, error)
            raise error
        self._note_refusal(declared)
        self.place.cell.in_hand_since_s = None
        self.on_rollback()
        for mail in batch:
            if mail.reply_to is None:
                self._tell_again(mail)
            else:
                self._answer_error(mail, declared)
        self._flush()

    def _note_refusal(self, declared: AtlasError) -> None:
        """Show that the disk refuses, from the first time until it takes something again."""
        logger.error("store.refused", path=self.path, error=one_line(declared))
        self._recovers = False
        if not self._is_refusing:
            self._is_refusing = True
            self.place.cell.degrade(declared.message, declared.cure)
            self.after(TELL_AGAIN_S, LookDue(again=False))

    def _recover(self) -> None:
        """A page was written durably: the disk takes work again."""
        self._is_refusing = self._recovers = False
        logger.info("store.recovered", path=self.path)
        self.place.cell.degrade(*self._notice)

    def _tell_again(self, mail: Envelope[Any]) -> None:
        """What was told has nobody who would say it again: we do, until the disk takes it."""
        self.after(TELL_AGAIN_S, mail.message)


def words_of(name: str, aside: SetAside) -> tuple[str, str]:
    """What is said of a database that could not be used, and what can be done about it."""
    rescued = aside.rescued
    if aside.reason == "missing":
        reason = f"{name} was missing, though this home had one"
    else:
        reason = f"{name} was {aside.reason} and set aside as {Path(aside.kept_as).name}"
    if rescued is None or not rescued.total:
        reason += "; started with an empty one"
    else:
        reason += f"; {rescued.total} rows were rescued from it"
    if rescued is not None and rescued.lost:
        named = ", ".join(rescued.lost[:LOST_NAMED])
        more = len(rescued.lost) - LOST_NAMED
        reason += f"; {len(rescued.lost)} are known to be lost: {named}"
        reason += f" and {more} more, see the log" if more > 0 else ""
    if rescued is not None and not rescued.in_time:
        reason += "; there was no time for the rest, which is in the old file"
    if aside.reason in ("missing", "empty"):
        return (
            reason,
            "put a copy back while the daemon is stopped, or go on with the new one",
        )
    return reason, "rename it back once you have repaired it, or go on with the new one"
