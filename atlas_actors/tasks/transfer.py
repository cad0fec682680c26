"""Pure: a task as `task.export` gives it, as the columns that take it over."""

import json
from collections.abc import Mapping
from typing import Any, Final

from atlas_actors.config import pattern_problem
from atlas_actors.errors import UsageError
from atlas_actors.json_schema import SchemaValidator
from atlas_actors.messages.task import ENDED
from atlas_actors.tasks.exported import ATTEMPT, JSON, NUMBERS, TEXTS, VALIDATOR

DETAIL_CHARACTERS: Final = 300


def columns_of(task: Mapping[str, Any], now_ms: int) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """(the task's columns, its attempts'). What ran when it was exported may have run.

    Its workspace stays where it is: none of this daemon's. Raises UsageError for what no export
    has written, and for what a submission could not ask.
    """
    given = _given(task)
    columns: dict[str, Any] = {"files": "[]", "progress": "{}"}
    columns |= {name: given[name] for name in (*TEXTS, *NUMBERS) if name in given}
    try:
        problem = VALIDATOR.problem(given) or _problem(given)
        if not problem:
            columns |= {name: _json(given[name]) for name in JSON if name in given}
            _json([columns, given.get("attempts")])
    except (OverflowError, RecursionError, TypeError, ValueError) as error:
        problem = f"it has what JSON cannot say: {error}"
    if problem:
        name = str(task.get("id"))[:100]
        raise UsageError(f"task {name!r} cannot be taken over: {problem}"[:DETAIL_CHARACTERS])
    attempts = [_attempt(row, now_ms) for row in given.get("attempts", ())]
    newest = max((row["number"] for row in attempts), default=0)
    columns["attempt"] = max(columns.get("attempt", 0), newest)
    if columns["state"] in ENDED:
        columns = {"ended_ms": now_ms, **columns}
        return columns | {"since_ms": columns["ended_ms"]}, attempts
    if columns["state"] == "in_progress":
        columns |= {"state": "pending", "maybe_ran": 1}
    columns |= {"lane": None, "ended_ms": None, "held": int("group_name" in columns)}
    return columns | {"since_ms": now_ms}, attempts


def needs_of(task: Mapping[str, Any]) -> list[str]:
    """The ids of the tasks that one of which columns_of thinks well comes after."""
    return list(task.get("after") or ())


def _given(task: Mapping[str, Any]) -> dict[str, Any]:
    """What of the task is looked at: nulls are left out, and what would not be true here."""
    given = {name: value for name, value in task.items() if value is not None}
    given.pop("workspace", None)
    if given.get("state") not in ENDED:
        given.pop("route", None)  # who does it is decided anew
    elif isinstance(given.get("route"), Mapping):  # the log of choices is another daemon's
        given["route"] = {**given["route"], "choice": None}
    for name in ("attempts", "after"):
        if isinstance(given.get(name), tuple):
            given[name] = list(given[name])
    if isinstance(given.get("attempts"), list):
        given["attempts"] = [_known(row) for row in given["attempts"]]
    return given


def _known(row: Any) -> Any:
    if not isinstance(row, Mapping):
        return row
    return {name: row[name] for name in ATTEMPT if row.get(name) is not None}


def _problem(given: Mapping[str, Any]) -> str:
    """What the schema cannot say: the rules of a submission, and what belongs together."""
    numbers = [row["number"] for row in given.get("attempts", ())]
    if len(numbers) != len(set(numbers)):
        return "two attempts have one number"
    if given.get("in_place") and "cwd" not in given:
        return "in_place needs a cwd to work in"
    if "schema" in given:
        try:
            SchemaValidator(given["schema"])
        except UsageError as error:
            return str(error)
    wrong = pattern_problem(given["match"]) if "match" in given else ""
    return f"match is no pattern of RE2: {wrong}" if wrong else ""


def _attempt(row: dict[str, Any], now_ms: int) -> dict[str, Any]:
    """An attempt's columns; one that was under way when it was exported is not any more."""
    if "end" in row:
        return row
    return row | {"end": "unreachable", "ended_ms": now_ms, "error": "it was exported"}


def _json(value: Any) -> str:
    """As a column holds it. Raises ValueError for what SQLite could not read again."""
    text = json.dumps(value, ensure_ascii=False, allow_nan=False)
    text.encode()
    return text
