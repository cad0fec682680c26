"""The queue driven batch by batch through its real commit, and killed and reopened at will."""

from pathlib import Path
from typing import Any

import apsw
import attrs

from atlas_actors.errors import AtlasError
from atlas_actors.mailbox import Envelope, Reply
from atlas_actors.messages import paths
from atlas_actors.messages.execution import AttemptStarted, End, Request
from atlas_actors.messages.routing import Route
from atlas_actors.messages.task import (
    AssignLane,
    AttemptOver,
    AttemptPlanned,
    OpenLane,
    SubmitTask,
    TaskChanged,
    TaskState,
    Unique,
)
from atlas_actors.settings import GroupSettings, TaskSettings
from atlas_actors.store import refused
from atlas_actors.tasks.actor import Tasks
from tests.support.clocks import FakeClock
from tests.support.stages import Stage

SETTINGS = TaskSettings(pending_max=1000, attempts_max=3, interruptions_max=50, retention_days=1)
ROUTE = Route(
    id="r", layer=1, rule="x", intent="data_text", confidence=0.9, abstained=False, tier="free",
    agent=None, complexity=3, difficulty=0.2, mode="normal", reason="",
)  # fmt: skip


class Queue:
    """The tasks actor on a file, without a thread; whom it tells has a mailbox that is read."""

    def __init__(
        self,
        folder: Path,
        *,
        groups: dict[str, GroupSettings] | None = None,
        clock: FakeClock | None = None,
        **settings: Any,
    ) -> None:
        self.file = folder / "tasks.db"
        self.clock = clock or FakeClock()
        self.epoch = 1
        self._settings = attrs.evolve(SETTINGS, **settings)
        self._groups = groups or {}
        self._unread: list[Any] = []
        self.open()

    def open(self, epoch: int = 1) -> None:
        """A life of the actor on the same file, in this life of the daemon."""
        self.epoch = epoch
        self.stage = Stage(
            Tasks,
            path=paths.TASKS,
            clock=self.clock,
            database=self.file,
            settings=self._settings,
            groups=self._groups,
            epoch=self.epoch,
        )
        self._listeners = [
            self.stage.directory.cell(path)
            for path in (paths.ORCHESTRATOR, paths.GATEWAY, paths.OUTCOMES)
        ]
        for cell in self._listeners:
            cell.set_state("running")
        self.actor = self.stage.actor
        self.actor.set_up()
        self.actor.start_up()
        self.actor._flush()
        self._listen()

    def die(self) -> None:
        """The daemon is killed: no on_stop, nothing more is written."""
        self.stage.stop()

    def reopen(self) -> None:
        """Killed, and started again."""
        self.die()
        self.open(self.epoch + 1)

    def batch(self, *messages: Any) -> list[Reply]:
        """Ask for all of these within one commit; their replies."""
        replies = [Reply() for _ in messages]
        self._handle([Envelope(*pair) for pair in zip(messages, replies, strict=True)])
        return replies

    def ask(self, message: Any) -> Any:
        """One message, one commit. Raises what it answers with."""
        return self.batch(message)[0].get(0)

    def tell(self, *messages: Any) -> None:
        """All of these within one commit; nobody hears what becomes of them."""
        self._handle([Envelope(message, None) for message in messages])

    def advance(self, seconds: float) -> None:
        """Time passes, and what was to be done in it is done."""
        end_s = self.clock.monotonic_s() + seconds
        while self.actor._timers and self.actor._timers[0][0] < end_s:
            self.clock.advance(max(0.0, self.actor._timers[0][0] - self.clock.monotonic_s()))
            self.wake()
        self.clock.advance(max(0.0, end_s - self.clock.monotonic_s()))
        self.wake()

    def wake(self) -> None:
        """Handle what it has set timers for, as far as that is due."""
        self.actor._handle_due()
        self._listen()

    def refuse_next_commit(self) -> None:
        """The disk is full, once."""
        store, plain = self.actor.store, self.actor.store.commit

        def refuse() -> None:
            store.commit = plain
            store.rollback()
            raise refused(store.path, apsw.FullError("planted by a test"))

        store.commit = refuse

    def submit(self, **fields: Any) -> str:
        """A new task; its id."""
        accepted = self.ask(order(**fields))
        assert accepted.created
        return str(accepted.id)

    def begin(self, **fields: Any) -> str:
        """A task that runs on lane a."""
        id = self.submit(**fields)
        self.tell(OpenLane(lane="a", slots=99), lane(id))
        assert self.started() == [id]
        return id

    def heard(self, kind: type[Any]) -> list[Any]:
        """What of this kind was told since it was last asked for."""
        heard = [message for message in self._unread if isinstance(message, kind)]
        self._unread = [message for message in self._unread if not isinstance(message, kind)]
        return heard

    def started(self) -> list[str]:
        """The ids of the tasks that were started since this was last asked for, in order."""
        return [message.task_id for message in self.heard(AttemptStarted)]

    def changes(self) -> list[tuple[str, str]]:
        """(before, after) of each change that was told since this was last asked for."""
        return [(fact.before, str(fact.state)) for fact in self.heard(TaskChanged) if fact.before]

    def rows(self, sql: str, *bindings: Any) -> list[dict[str, Any]]:
        """What the file holds."""
        return self.actor.store.rows(sql, bindings)  # type: ignore[no-any-return]

    def row(self, id: str) -> dict[str, Any]:
        """One task."""
        return self.rows("select * from tasks where id = ?", id)[0]

    def state(self, id: str) -> str:
        """Of one task."""
        return str(self.row(id)["state"])

    def _handle(self, envelopes: list[Envelope[Any]]) -> None:
        first, *others = envelopes
        for envelope in others:
            self.stage.cell.mailbox.put(envelope)
        self.actor._handle(first)
        self._listen()

    def _listen(self) -> None:
        for cell in self._listeners:
            while (envelope := cell.mailbox.get(0)) is not None:
                self._unread.append(envelope.message)
                if isinstance(envelope.reply_to, Reply):
                    envelope.reply_to.set(None)


def order(**fields: Any) -> SubmitTask:
    """A submission; fields of the request and of `unique` may be given among its own."""
    asked = {name: fields.pop(name) for name in ("deadline_s", "files", "cwd") if name in fields}
    if isinstance(fields.get("unique"), str):
        fields["unique"] = Unique(key=fields["unique"])
    return SubmitTask(request=Request(prompt=fields.pop("prompt", "do it"), **asked), **fields)


def lane(id: str, name: str | None = "a", waits_for: str = "") -> AssignLane:
    """The orchestrator's word that a task waits for this provider."""
    return AssignLane(task_id=id, lane=name, route=ROUTE, waits_for=waits_for)


def over(
    id: str,
    attempt: int = 1,
    *,
    epoch: int = 1,
    end: End = End.ANSWERED,
    state: TaskState = TaskState.COMPLETED,
    **fields: Any,
) -> AttemptOver:
    """The orchestrator's word that an attempt has ended."""
    return AttemptOver(
        task_id=id, attempt=attempt, epoch=epoch, end=end, next_state=state, **fields
    )


def planned(id: str, name: str, attempt: int = 1, *, epoch: int = 1) -> AttemptPlanned:
    """The orchestrator's word how an attempt is gone about, and where."""
    return AttemptPlanned(task_id=id, attempt=attempt, epoch=epoch, lane=name, route=ROUTE)


def failed(id: str, attempt: int = 1, **fields: Any) -> AttemptOver:
    """An attempt after which nobody tries any more."""
    return over(id, attempt, end=End.REFUSED, state=TaskState.FAILED, error="no", **fields)


def error_of(reply: Reply) -> AtlasError:
    """What a reply answers with; it must have been refused."""
    assert isinstance(reply.error, AtlasError), reply.value
    return reply.error
