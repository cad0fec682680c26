"""The read models of proposals, from proposals.db's views."""

import json
from pathlib import Path
from typing import Any, Final

from atlas_actors.errors import NotFound
from atlas_actors.store import Reader, Row

PROMPT_CHARACTERS: Final = 200
_WHOLE: Final = (
    'id, kind, title, prompt, cwd, evidence, fingerprint, subject, "check", handoff_id,'
    " retry_task, from_task, state, reason, approved_by, task_id, task_state, error,"
    " created_at_ms, changed_at_ms"
)
# A list shows beginnings; the whole is in proposal.get.
_BEGINNING: Final = _WHOLE.replace(
    " prompt,", f" substr(prompt, 1, {PROMPT_CHARACTERS}) as prompt,"
).replace(" evidence,", " null as evidence,")


def newest(state: Path, wanted: str | None, kind: str | None, limit: int) -> list[dict[str, Any]]:
    """Proposals, newest first, without their evidence."""
    rows = Reader(state / "proposals.db").rows(
        f"select {_BEGINNING} from inspect_proposals"  # noqa: S608 - our own constant
        " where (?1 is null or state = ?1) and (?2 is null or kind = ?2)"
        " order by id desc limit ?3",
        (wanted, kind, limit),
    )
    return [_shown(row) for row in rows]


def one(state: Path, id: str) -> dict[str, Any]:
    """One proposal. Raises NotFound."""
    rows = Reader(state / "proposals.db").rows(
        f"select {_WHOLE} from inspect_proposals where id = ?",  # noqa: S608 - our own constant
        (id,),
    )
    if not rows:
        raise NotFound(f"there is no proposal {id}", cure="atlas proposals list shows them")
    return _shown(rows[0])


def open_count(state: Path) -> int:
    """How many wait for a person's decision."""
    rows = Reader(state / "proposals.db").rows(
        "select count(*) as n from inspect_proposals where state = 'proposed'"
    )
    return int(rows[0]["n"])


def origin_of(state: Path, task_id: str) -> str:
    """The origin of a task. Raises NotFound."""
    rows = Reader(state / "tasks.db").rows(
        "select origin from inspect_tasks where id = ?", (task_id,)
    )
    if not rows:
        raise NotFound(f"there is no task {task_id}", cure="atlas tasks lists them")
    return str(rows[0]["origin"])


def _shown(row: Row) -> dict[str, Any]:
    return {
        **row,
        "evidence": json.loads(row["evidence"]) if row["evidence"] else None,
        "check": json.loads(row["check"]) if row["check"] else None,
    }
