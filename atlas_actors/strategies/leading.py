"""Pure: which strategy leads in a context and why another one does now, in a person's words."""

from collections.abc import Sequence
from typing import Final

import attrs

from atlas_actors.strategies.cells import WINDOW, Cell
from atlas_actors.strategies.choosing import Arm
from atlas_actors.strategies.drift import Drift
from atlas_actors.strategies.falls import Fall
from atlas_actors.strategies.state import Record

MARGIN: Final = 0.03  # in worth, that another one must be ahead
KNOWN_LEAST: Final = 5.0  # trials of who is to lead
_ASIDE: Final = {
    "challenger": ", on trial beside its parent",
    "probe": ", benched but looked at now and then",
}  # of roles: why it is not the best known


@attrs.frozen(kw_only=True)
class Change:
    """Another strategy leads from now on."""

    arm: Arm
    before: Arm | None
    why: str


def change_of(
    arms: list[Arm], cells: dict[str, Cell], leader: Record | None, band: str
) -> Change | None:
    """Who leads in a band now instead of `leader`; None: nobody is clearly ahead. `cells` by
    strategy."""
    known = [arm for arm in arms if _cell(cells, arm).n >= KNOWN_LEAST]
    best = max(known, key=lambda arm: arm.worth, default=None)
    if best is None or (leader is not None and best.record.id == leader.id):
        return None
    before = next((arm for arm in arms if leader is not None and arm.record.id == leader.id), None)
    if before is not None and best.worth < before.worth + MARGIN:
        return None
    return Change(arm=best, before=before, why=_why(best, before, leader, cells, band))


def said_of_choice(arm: Arm, n: float, role: str, band: str) -> str:
    """Why this one, for a person; `n` trials in this context."""
    seen = f"n={n:.0f}" if n >= 0.5 else "not tried there yet"
    return (
        f"{arm.record.lead} first{_ASIDE.get(role, '')}: expected success {arm.belief.mean:.2f} in"
        f" {band} requests ({seen}), less {arm.price:.2f} for price and time"
    )


def said_of(record: Record, cell: Cell) -> str:
    """A strategy and its record, for a person."""
    return f"{record.lead} ({record.id[:6]}) {cell.mean:.2f} (n={cell.n:.0f})"


def said_of_drift(record: Record, context: str, drift: Drift) -> str:
    """A change of a success rate, for a person."""
    way = "fell" if drift.now < drift.before else "rose"
    return (
        f"drift in {context}: {record.lead} ({record.id[:6]}) {way} from {drift.before:.2f}"
        f" (n={drift.trials:.0f}) to {drift.now:.2f} (last {WINDOW})"
    )


def said_of_fall(record: Record, contexts: Sequence[str], fall: Fall) -> str:
    """A fall of a provider in several contexts at once, for a person."""
    return (
        f"drift in {', '.join(contexts)}: {record.lead} fell from {fall.before:.2f} to"
        f" {fall.now:.2f} (last {len(fall.choices)}, of all contexts together)"
    )


def _why(
    best: Arm, before: Arm | None, leader: Record | None, cells: dict[str, Cell], band: str
) -> str:
    now = said_of(best.record, _cell(cells, best))
    if leader is None:
        return f"{now} is the first with a record in {band} requests"
    if before is None:
        return f"{now} leads in {band} requests: {_gone(leader)}"
    was = said_of(leader, _cell(cells, before))
    reason = "it does better for its price"
    if _drifted(_cell(cells, before)):
        reason = f"{leader.lead} changed (drift)"
    elif _drifted(_cell(cells, best)):
        reason = f"{best.record.lead} changed (drift)"
    return f"{now} leads instead of {was} in {band} requests: {reason}"


def _gone(leader: Record) -> str:
    """Why one that led cannot lead now."""
    named = f"{leader.lead} ({leader.id[:6]})"
    if leader.state == "active":
        return f"{named} cannot be asked any more"
    return f"{named} is {leader.state}"


def _drifted(cell: Cell) -> bool:
    """Has it begun anew lately?"""
    return cell.drifts > 0 and cell.seen - cell.began <= 5 * WINDOW


def _cell(cells: dict[str, Cell], arm: Arm) -> Cell:
    return cells.get(arm.record.id) or Cell()
