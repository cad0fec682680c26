"""The read model of context: accesses, files, what tiers would cost, and what was really saved."""

from pathlib import Path
from typing import Any, Final

from atlas_actors.store import Reader

_OURS: Final = "(?1 is null or project = ?1)"


def stats(state: Path, project: str | None) -> dict[str, Any]:
    """Of one project, or of all. Raises Unavailable."""
    with Reader(state / "context_router.db").snapshot() as query:
        (projects,) = query(
            "select count(*) as projects, coalesce(sum(turns), 0) as turns,"  # noqa: S608
            " coalesce(sum(files), 0) as files, coalesce(sum(pairs), 0) as pairs"
            f" from inspect_projects where {_OURS}",
            (project,),
        )
        accesses = query(
            "select kind, sum(n) as n from inspect_accesses"  # noqa: S608
            f" where {_OURS} group by kind order by kind",
            (project,),
        )
        (costs,) = query(
            "select count(*) as measured, coalesce(sum(tokens_full), 0) as hot,"  # noqa: S608
            " coalesce(sum(min(tokens_full, coalesce(tokens_outline, tokens_full))), 0) as warm,"
            " coalesce(sum((length(path) + 19) / 4), 0) as cold"
            f" from inspect_files where {_OURS} and state = 'text' and not gone",
            (project,),
        )
        delivered = query(
            "select tier, sum(n) as n, sum(tokens_full) as tokens_full,"  # noqa: S608
            " sum(tokens_given) as tokens_given, sum(read_after) as read_after,"
            " sum(tokens_saved) as tokens_saved"
            f" from inspect_deliveries where {_OURS} group by tier order by tier",
            (project,),
        )
    return {
        "project": project,
        **projects,
        "accesses": {row["kind"]: row["n"] for row in accesses},
        "would_cost": costs,
        "delivered": delivered,
        "tokens_saved": sum(row["tokens_saved"] for row in delivered),
    }
