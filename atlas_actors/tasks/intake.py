"""Accepts tasks: keys, unique ones, limits of number and size, and who comes after whom."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final, Protocol

from atlas_actors.actor import Place
from atlas_actors.clock import Ids
from atlas_actors.errors import AtlasError, Busy, Conflict, UsageError
from atlas_actors.messages.execution import Request
from atlas_actors.messages.task import (
    UNFINISHED,
    SubmitTask,
    TaskAccepted,
    TaskChanged,
    TaskRefused,
    TasksAccepted,
    TasksImported,
    TaskState,
    Unique,
)
from atlas_actors.settings import TaskSettings
from atlas_actors.store import Row, Store
from atlas_actors.tasks import dependencies, records, rows
from atlas_actors.tasks.endings import Endings
from atlas_actors.tasks.groups import Groups
from atlas_actors.tasks.offers import Offers
from atlas_actors.tasks.transfer import columns_of, needs_of

PAYLOAD_BYTES_MAX: Final = 1_048_576
FULL_RETRY_MS: Final = 5_000
_NO_REQUEST: Final = dict.fromkeys(rows.columns_of(Request(prompt="")))


class Desk(Protocol):
    """What of the actor is needed here."""

    store: Store
    place: Place

    def changed(
        self, row: Row, state: TaskState, before: str, waits_for: str = ""
    ) -> TaskChanged: ...


class Intake:
    """Decides what becomes of a submission, and writes it down."""

    def __init__(
        self,
        desk: Desk,
        settings: TaskSettings,
        ids: Ids,
        *,
        groups: Groups,
        endings: Endings,
        offers: Offers,
    ) -> None:
        self._desk = desk
        self._groups = groups
        self._endings = endings
        self._offers = offers
        self._settings = settings
        self._ids = ids
        self._pending: int | None = None  # as counted, and as accepted since

    def forget_count(self) -> None:
        """A batch is over: what is pending is counted anew."""
        self._pending = None

    def accept(self, order: SubmitTask) -> TaskAccepted:
        """A new task, or the one that was meant. Raises Busy, NotFound, UsageError."""
        store, now_ms = self._desk.store, self._desk.place.clock.now_ms()
        if order.key is not None:
            known = records.id_of_key(store, order.key)
            if known is not None:
                return TaskAccepted(id=known, created=False, key=order.key)
        check_size(order.request)
        same = records.same_as(store, order.unique, now_ms) if order.unique else None
        if same is not None:
            return self._instead_of(same, order, now_ms)
        self._check_room()
        needs = dependencies.found(store, order.after)
        dead = [row for row in needs if row["state"] in ("failed", "cancelled")]
        blocked = sum(row["state"] in UNFINISHED for row in needs)
        id = self._ids.new()
        if order.request.deadline_s is not None:
            self._endings.deadlines_changed()
        records.add(
            store,
            id,
            order,
            attempts_max=self._settings.attempts_max,
            blocked=blocked,
            now_ms=now_ms,
        )
        self._pending = (self._pending or 0) + 1
        dependencies.bind(store, id, needs)
        self._groups.touch(order.group)
        if dead and order.if_dead != "run":
            self._end_unrun(id, order, dead[0], now_ms)
        return TaskAccepted(id=id, created=True, key=order.key)

    def accept_all(self, orders: Sequence[SubmitTask]) -> TasksAccepted:
        """Each for itself, first those that others come after."""
        order, wrong = dependencies.in_order(orders)
        results: dict[int, TaskAccepted | TaskRefused] = {
            n: TaskRefused(error=str(why)) for n, why in wrong.items()
        }
        for n in order:
            try:
                with self._desk.store.savepoint():
                    results[n] = self.accept(orders[n])
            except AtlasError as error:
                results[n] = TaskRefused(error=str(error))
            except (OverflowError, UnicodeEncodeError) as error:  # SQLite cannot hold a value
                results[n] = TaskRefused(error=f"a value cannot be stored: {error}")
        return TasksAccepted(results=tuple(results[n] for n in range(len(orders))))

    def take_over(self, tasks: Sequence[Mapping[str, Any]]) -> TasksImported:
        """All that are not known, or none. Raises Busy, UsageError."""
        store, now_ms = self._desk.store, self._desk.place.clock.now_ms()
        needs: dict[str, list[str]] = {}
        for task in tasks:
            columns, attempts = columns_of(task, now_ms)
            check_size(rows.request_of({**_NO_REQUEST, **columns}), f" of task {columns['id']}")
            if records.take_over(store, columns, attempts):
                needs[columns["id"]] = needs_of(task)
        dependencies.bind_taken_over(store, needs)
        self._check_room_after(needs)
        self._endings.deadlines_changed()
        self._groups.touch_all()
        return TasksImported(count=len(needs))

    def retry(self, row: Row, handoff_id: str | None = None) -> TaskChanged:
        """A task that was not completed waits again, with all its attempts. Raises Conflict."""
        store, now_ms, id = self._desk.store, self._desk.place.clock.now_ms(), row["id"]
        if row["state"] not in ("failed", "cancelled"):
            raise Conflict(
                f"task {id} is {row['state']}; only failed or cancelled ones are retried"
            )
        if row["unique_key"] is not None:
            other = records.same_as(store, Unique(key=row["unique_key"]), now_ms)
            if other is not None:
                raise Conflict(f"task {other['id']} has the same unique key, and is not over")
        needs = dependencies.waits_for(store, id)
        blocked = dependencies.check_retry(needs, row["if_dead"], id)
        self._endings.deadlines_changed()
        records.retry(store, id, blocked, handoff_id, now_ms)
        dependencies.recount(store, id)
        self._groups.touch(row["group_name"])
        return self._desk.changed(row, TaskState.PENDING, row["state"])

    def _instead_of(self, same: Row, order: SubmitTask, now_ms: int) -> TaskAccepted:
        """There is one like it: it stays, or takes the new one's request; both have its key."""
        assert order.unique is not None
        if order.key is not None:
            records.add_alias(self._desk.store, order.key, same["id"])
        replaced = order.unique.replace and records.replace(
            self._desk.store, same["id"], order, now_ms
        )
        if replaced:
            self._offers.replaced(same)
            self._groups.touch(same["group_name"])
            self._endings.deadlines_changed()
        return TaskAccepted(id=same["id"], created=False, replaced=replaced, key=order.key)

    def _check_room(self) -> None:
        if self._pending is None:
            self._pending = records.count_of(self._desk.store, "pending")
        if self._pending >= self._settings.pending_max:
            raise Busy(
                f"{self._pending} tasks are pending, the limit",
                retry_after_ms=FULL_RETRY_MS,
                cure="wait, cancel some, or raise [tasks] pending_max",
            )

    def _check_room_after(self, taken_over: Iterable[str]) -> None:
        """What was taken over finds room, or none of it is. Raises Busy."""
        store, most = self._desk.store, self._settings.pending_max
        self.forget_count()
        pending = records.count_of(store, "pending")
        if pending > most and any(records.is_pending(store, id) for id in taken_over):
            raise Busy(
                f"{pending} tasks would be pending, and {most} is the limit",
                retry_after_ms=FULL_RETRY_MS,
                cure="wait, take over fewer at a time, or raise [tasks] pending_max",
            )

    def _end_unrun(self, id: str, order: SubmitTask, dead: Row, now_ms: int) -> None:
        state = TaskState.CANCELLED if order.if_dead == "skip" else TaskState.FAILED
        reason = f"it comes after {dead['id']}, which was not completed: {dead['state']}"
        dependencies.end_unrun(self._desk.store, id, str(state), reason, now_ms)
        row = {"id": id, "since_ms": now_ms, "group_name": order.group}
        self._desk.changed(row, state, "pending", reason)
        self._endings.settle(row, state)


def check_size(request: Request, of: str = "") -> None:
    """What is kept in a row is bounded. Raises UsageError."""
    sizes = {f"the prompt{of}": len(request.prompt.encode("utf-8", "replace"))}
    for file in request.files:
        sizes[f"the file {file.name}{of}"] = len(file.text.encode("utf-8", "replace"))
    if sum(sizes.values()) > PAYLOAD_BYTES_MAX:
        longest = max(sizes, key=lambda name: sizes[name])
        raise UsageError(
            f"{longest} has {sizes[longest]} bytes; a task holds {PAYLOAD_BYTES_MAX} in all",
            cure="give long texts as files by path: they are kept aside by their hash",
        )
