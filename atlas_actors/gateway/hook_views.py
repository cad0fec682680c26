"""The read models of hooks, from the views of sessions."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

from atlas_actors.store import Reader, Row

ANSWERS: Final = 100  # of a client, for its latency
SESSIONS: Final = 10
DATABASE: Final = "sessions.db"


def stats(state: Path) -> dict[str, Any]:
    """{clients: [{client, version, events, last_event, last_at_ms, latency_us}], sessions}."""
    with Reader(state / DATABASE).snapshot() as rows:
        clients = rows(
            "select client, version, events, last_event, last_at_ms from inspect_clients"
            " order by client",
            (),
        )
        for client in clients:
            answers = rows(
                "select took_us, late from inspect_answers where client = ?"
                " order by seq desc limit ?",
                (client["client"], ANSWERS),
            )
            client["latency_us"] = latency(answers)
        sessions = rows(
            "select * from inspect_sessions order by last_ms desc, client, session limit ?",
            (SESSIONS,),
        )
    return {"clients": clients, "sessions": sessions}


def latency(answers: Sequence[Row]) -> dict[str, int]:
    """{n, p50, p90, max} of the newest answers, in microseconds; 0 where there are none."""
    took = sorted(int(row["took_us"]) for row in answers)
    return {
        "n": len(took),
        "p50": _quantile(took, 0.5),
        "p90": _quantile(took, 0.9),
        "max": took[-1] if took else 0,
    }


def _quantile(ordered: Sequence[int], share: float) -> int:
    """The smallest value that so great a share of them does not exceed."""
    if not ordered:
        return 0
    return ordered[max(0, -int(-len(ordered) * share // 1) - 1)]
