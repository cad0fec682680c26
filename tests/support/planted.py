"""Faults that are planted into a daemon on purpose: what a campaign must find, and hangs.

Each patches the running program before the daemon starts; none is in the program itself. They
lean on as little of it as possible: the rooms' handlers, and the columns of tasks.db.
"""

import threading
from collections.abc import Callable
from typing import Any

from atlas_actors.actor import LATER
from atlas_actors.messages.task import SubmitTask
from atlas_actors.orchestrator.choices import Choices
from atlas_actors.router.actor import Router
from atlas_actors.store import Row, Store
from atlas_actors.tasks.actor import Tasks


def ack_before_commit() -> None:
    """A submission is answered before it is on disk."""
    whole = Tasks.on_receive

    def on_receive(self: Tasks, message: Any) -> Any:
        value = whole(self, message)
        if isinstance(message, SubmitTask) and self.reply_to is not None:
            self.reply_to.set(value)
            return LATER
        return value

    Tasks.on_receive = on_receive  # type: ignore[method-assign]


def forget_at_claim() -> None:
    """What was claimed is gone when the daemon dies, as with a queue that deletes at a claim."""
    _before_start("delete from tasks where state = 'in_progress'")


def forget_at_plan() -> None:
    """What is planned for another provider is gone, as with a queue that moves by delete."""
    _before_start(
        "create temp trigger planted after delete on main.attempts begin"
        " delete from tasks where id = old.task_id; end"
    )


def run_where_it_was() -> None:
    """Whoever begins does not wait for the word that it was planned for another provider."""
    whole = Choices.answered

    def answered(self: Choices, answer: Any) -> Any:
        found = whole(self, answer)
        return None if found is None else (found[0], True)

    Choices.answered = answered  # type: ignore[method-assign]


def no_rescue() -> None:
    """Nobody finds what is in progress: not at the start, and not when others ask for it."""
    whole = Store.rows

    def rows(self: Store, sql: str, bindings: Any = ()) -> list[Row]:
        blind = sql.startswith("select") and "in_progress" in sql
        return [] if blind else whole(self, sql, bindings)

    Store.rows = rows  # type: ignore[method-assign]


def no_flag() -> None:
    """What was lost is tried again without a word."""
    _before_start(
        "create temp trigger planted after update of maybe_ran on main.tasks"
        " when new.maybe_ran = 1 begin"
        " update tasks set maybe_ran = 0 where id = new.id; end"
    )


def no_record() -> None:
    """What was lost is tried again as if it had never been begun."""
    _before_start("delete from attempts where ended_ms is null")
    _before_start(
        "update tasks set state = 'pending', attempt = attempt - 1, routed = 0, lane = null"
        " where state = 'in_progress'"
    )


def hang_in_router() -> None:
    """The router never comes back from its first request."""
    Router.on_receive = lambda *_: threading.Event().wait()  # type: ignore[method-assign]


def _before_start(sql: str) -> None:
    whole = Tasks.on_start

    def on_start(self: Tasks) -> None:
        self.store.run(sql)
        whole(self)

    Tasks.on_start = on_start  # type: ignore[method-assign]


FAULTS: dict[str, Callable[[], None]] = {
    fault.__name__: fault
    for fault in (
        ack_before_commit,
        forget_at_claim,
        forget_at_plan,
        run_where_it_was,
        no_rescue,
        no_flag,
        no_record,
        hang_in_router,
    )
}
