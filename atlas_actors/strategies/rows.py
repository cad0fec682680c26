"""Pure: what the engine remembers as rows of its projections."""

import attrs

from atlas_actors.strategies.cells import Cell
from atlas_actors.strategies.evalue import e_value
from atlas_actors.strategies.events import Changed
from atlas_actors.strategies.genome import to_json
from atlas_actors.strategies.pairs import Duel
from atlas_actors.strategies.pareto import Point
from atlas_actors.strategies.state import Intent, Record


def strategy_row(intent: Intent, record: Record) -> Changed:
    """A strategy as it is now."""
    row = {
        "intent": record.strategy.intent,
        "genome": to_json(record.strategy.genome),
        "lead": record.lead,
        "state": record.state,
        "pinned": intent.pinned == record.id,
        "operator": record.operator,
        "parents": list(record.parents),
        "why": record.why,
        "born_at_ms": record.born_at_ms,
        "numbers": record.numbers,
    }
    return Changed(table="strategies", key=(record.id,), row=row)


def cell_row(record: Record, band: str, cell: Cell) -> Changed:
    """What is known of a strategy in a context."""
    spent = record.spent
    row = {
        "successes": cell.successes,
        "failures": cell.failures,
        "mean": cell.mean,
        "cost_usd": spent.usd / spent.ended if spent.ended else None,
        "latency_ms": spent.waited_ms / spent.timed if spent.timed else None,
        "drifts": cell.drifts,
        "drift_at_ms": cell.drift_at_ms,
    }
    return Changed(table="cells", key=(record.strategy.intent, band, record.id), row=row)


def pair_row(intent: str, child: str, duel: Duel) -> Changed:
    """How a challenger stands against its parent."""
    child_only, parent_only, _ = duel.counts()
    row = {
        "intent": intent,
        "parent": duel.parent,
        "child_only": child_only,
        "parent_only": parent_only,
        "pairs": len(duel.pairs),
        "e_value": e_value(child_only, parent_only),
        "e_worse": e_value(parent_only, child_only),
    }
    return Changed(table="pairs", key=(child,), row=row)


def pareto_row(intent: str, strategy: str, point: Point | None) -> Changed:
    """A place on the front of success and cost, or that it is lost."""
    row = None if point is None else attrs.asdict(point)
    return Changed(table="pareto", key=(intent, strategy), row=row)
