"""brief.get: what a new session needs to know, read from the views alone."""

import json
from pathlib import Path
from typing import Any, Final

import attrs

from atlas_actors.errors import Unavailable
from atlas_actors.gateway import views
from atlas_actors.gateway.briefing import MOST, Brief, Facts, Interrupted, Told, compose
from atlas_actors.gateway.door import Door
from atlas_actors.gateway.method import method
from atlas_actors.gateway.remembered import PROJECT
from atlas_actors.json_schema import object_schema
from atlas_actors.projects import project_of
from atlas_actors.store import Query, Reader, Row

METHODS: Final = (
    method(
        "brief.get",
        "What a new session in this project (or directory of it) needs to know, as one text within"
        " a budget of tokens → {text, tokens, ids, left_out, project}.",
        object_schema(
            {
                "project": PROJECT,
                "tokens": {"type": "integer", "minimum": 0, "maximum": 1_000_000},
            }
        ),
    ),
)
_HELD: Final = "scope in (?1, '') and kind = ?2 and state = 'kept' and trust > 0"
_COLUMNS: Final = (
    "id, at_ms, origin, trust, text, state, coalesce(rationale, '') as rationale, kind"
)
_QUIET: Final = ("running", "absent", "starting", "stopping")


async def answer(door: Door, name: str, params: dict[str, Any]) -> Any:
    """One call to its result. Raises AtlasError."""
    if name != "brief.get":
        raise AssertionError(f"{name} is described but not answered")
    tokens = params.get("tokens", door.brief_tokens)
    return await door.on_client_files(
        lambda: brief_of(door.home.state, params.get("project") or "", tokens)
    )


def brief_of(state: Path, directory: str, tokens: int) -> dict[str, Any]:
    """The brief of a directory's project; without one, of what holds everywhere."""
    project = project_of(directory) if directory else ""
    brief: Brief = compose(facts_of(state, project), tokens)
    return {**attrs.asdict(brief), "project": project or None}


def facts_of(state: Path, project: str) -> Facts:
    """What the parts publish; a part that has nothing to read is a warning, not an error."""
    warnings = _warnings(state)
    told: dict[str, list[Told]] = {"rules": [], "decisions": [], "learnings": []}
    try:
        told = _memories(state, project)
    except Unavailable as error:
        if (state / "memory.db").exists():
            warnings.append(f"memory cannot be read: {error.message}")
    return Facts(
        rules=told["rules"],
        handoffs=_handoffs(state, project),
        decisions=told["decisions"],
        learnings=told["learnings"],
        files=_hot_files(state, project),
        warnings=warnings,
    )


def _memories(state: Path, project: str) -> dict[str, list[Told]]:
    with Reader(state / "memory.db").snapshot() as rows:
        rules = [
            one
            for kind in ("rule", "preference")
            for one in _newest(rows, project, kind, "trust desc, number desc", MOST["rules"])
        ]
        return {
            "rules": rules,
            "decisions": _newest(rows, project, "decision", "number desc", MOST["decisions"]),
            "learnings": _learnings(rows, project),
        }


def _newest(rows: Query, project: str, kind: str, order: str, most: int) -> list[Told]:
    found = rows(
        f"select {_COLUMNS} from inspect_memories where {_HELD} order by {order} limit ?3",  # noqa: S608
        (project, kind, most),
    )
    return [Told(**row) for row in found]


def _learnings(rows: Query, project: str) -> list[Told]:
    """Those of use here first, then the newest."""
    used = rows(
        f"select {_COLUMNS} from inspect_memories where {_HELD} and uses > 0"  # noqa: S608
        " order by useful - useless desc, uses desc, number desc limit ?3",
        (project, "learning", MOST["learnings"]),
    )
    found = {row["id"]: Told(**row) for row in used}
    for one in _newest(rows, project, "learning", "number desc", MOST["learnings"]):
        found.setdefault(one.id, one)
    return list(found.values())


def _handoffs(state: Path, project: str) -> list[Interrupted]:
    """Open ones of this project that no task goes on with by itself."""
    try:
        found: list[Row] = Reader(state / "handoffs.db").rows(
            "select id, updated_at_ms, client, task_id, cwd, goal from inspect_handoffs"
            " where state = 'open' order by updated_at_ms desc, id desc limit 200"
        )
        here = [row for row in found if _is_in(row["cwd"], project)]
        running = set(views.running_of(state, [row["task_id"] for row in here if row["task_id"]]))
    except Unavailable:
        return []  # the part that is missing is among the warnings
    return [
        Interrupted(
            id=row["id"],
            at_ms=row["updated_at_ms"],
            client=row["client"] or "task",
            goal=row["goal"],
        )
        for row in here
        if row["task_id"] not in running
    ]


def _is_in(cwd: str | None, project: str) -> bool:
    if not project:
        return True
    return cwd is not None and Path(cwd).is_relative_to(project)


def _hot_files(state: Path, project: str) -> list[str]:
    """What context has seen touched most, if there is such a part."""
    if not project or not (state / "context_router.db").exists():
        return []
    return []


def _warnings(state: Path) -> list[str]:
    """Parts that do less than they should, from the tree that the daemon keeps in a file."""
    try:
        tree = json.loads((state / "tree.json").read_text("utf-8"))["tree"]
    except (OSError, ValueError, KeyError):
        return []
    return sorted(_parts(tree))


def _parts(node: dict[str, Any]) -> list[str]:
    """Executors are left out: who can do a task is the router's to say, when there is one."""
    name = node["path"].rpartition("/")[2]
    found = [part for child in node["children"] for part in _parts(child)]
    troubled = node["state"] not in _QUIET or node["reason"]
    if troubled and not name.startswith("executor") and node["state"] != "absent":
        found.append(f"{name}: {node['reason'] or node['last_failure'] or node['state']}")
    return found
