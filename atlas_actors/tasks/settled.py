"""A person's decision on a task's changes: kept, and told as what the task came to."""

import json
from typing import Any, Final, Protocol

import attrs

from atlas_actors.actor import Place
from atlas_actors.messages import paths
from atlas_actors.messages.outcome import AmendOutcome
from atlas_actors.messages.task import SettleWorkspace
from atlas_actors.messages.workspace import Workspace
from atlas_actors.store import Row, Store
from atlas_actors.tasks import records

_SAID: Final = {
    "applied": ("success", "the person kept the change"),
    "discarded": ("failure", "the person discarded the change"),
}
AGAIN_MAX: Final = 10_000


class Desk(Protocol):
    """What of the actor is needed here."""

    place: Place
    store: Store

    def tell(self, path: str, message: Any) -> None: ...


def settle(desk: Desk, order: SettleWorkspace, row: Row) -> None:
    """Keep the decision with its time, and tell of it."""
    now_ms = desk.place.clock.now_ms()
    workspace = attrs.evolve(order.workspace, settled_at_ms=now_ms)
    records.set_workspace(desk.store, order.id, workspace)
    _tell(desk, order.id, row["attempt"], workspace)


def tell_again(desk: Desk, since_ms: int) -> None:
    """Tell of the newest decisions since then: outcomes may have missed them."""
    for row in records.settled_since(desk.store, since_ms, AGAIN_MAX):
        _tell(desk, row["id"], row["attempt"], Workspace(**json.loads(row["workspace"])))


def _tell(desk: Desk, id: str, attempt: int, workspace: Workspace) -> None:
    said = _SAID.get(workspace.state)
    if said is None:
        return
    result, reason = said
    amendment = AmendOutcome(
        result=result,
        verified_by="person",
        reason=reason,
        key=f"task {id}/{attempt}",
        at_ms=workspace.settled_at_ms,
    )
    desk.tell(paths.OUTCOMES, amendment)
