"""What the cycle reads of other rooms' published views, and how it is said."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

from atlas_actors.messages.learning import EndedAttempt, EndedWork
from atlas_actors.messages.task import ENDED, TaskState
from atlas_actors.store import Reader, Row

ROWS_MAX: Final = 10_000
OUTCOMES_MAX: Final = 200  # as many as that view shows
SHOWN: Final = 5
WORK_MAX: Final = 1_000
# Tasks and memory commit for themselves; what is given twice is learned once.
WORK_MARGIN_MS: Final = 60_000
GOAL_CHARACTERS: Final = 500
READINGS_MAX: Final = 200
READING_MARGIN_MS: Final = 3_600_000


def task_states(state: Path, ids: Sequence[str]) -> dict[str, Row]:
    """Of these tasks those that are there: id, state, origin."""
    if not ids:
        return {}
    rows = Reader(state / "tasks.db").rows(
        "select id, state, origin from inspect_tasks where id in (select value from json_each(?))",
        (json.dumps(list(ids)),),
    )
    return {row["id"]: row for row in rows}


def ended(state: Path, ids: Sequence[str]) -> tuple[tuple[str, str], ...]:
    """Of these tasks those that are over, with their states; "gone" for those deleted."""
    known = task_states(state, ids)
    found = ((id, known[id]["state"] if id in known else "gone") for id in ids)
    return tuple((id, state) for id, state in found if state in (*ENDED, "gone"))


def waiting(state: Path, now_ms: int) -> str:
    """What waits for a route, and what waits for whom; of the first ROWS_MAX."""
    rows = Reader(state / "tasks.db").rows(
        "select case when blocked then 'for other tasks' when held then 'for their group'"
        "   when due_at_ms > ?1 then 'for their time' when lane is not null then 'for ' || lane"
        "   when waits_for = '' then 'for a route' else 'for nobody yet: ' || waits_for"
        " end as what,"
        " count(*) as n from (select * from inspect_tasks where state = 'pending' limit ?2)"
        " group by what order by n desc, what limit ?3",
        (now_ms, ROWS_MAX, SHOWN),
    )
    said = ", ".join(f"{row['n']} {row['what']}" for row in rows)
    return f"waiting: {said}" if said else "nothing waits"


def running(state: Path) -> str:
    """How many attempts run where."""
    rows = Reader(state / "tasks.db").rows(
        "select lane, count(*) as n from inspect_tasks where state = 'in_progress'"
        " group by lane order by n desc, lane limit ?",
        (SHOWN,),
    )
    said = ", ".join(f"{row['n']} on {row['lane']}" for row in rows)
    return f"running: {said}" if said else "nothing runs"


def outcomes_since(state: Path, since_ms: int) -> str:
    """How many outcomes were recorded after then."""
    rows = Reader(state / "outcomes.db").rows(
        "select result, count(*) as n from inspect_outcomes where at_ms > ?"
        " group by result order by result",
        (since_ms,),
    )
    count = sum(row["n"] for row in rows)
    if not count:
        return "none recorded since the last cycle"
    more = " or more" if count >= OUTCOMES_MAX else ""
    said = ", ".join(f"{row['n']} {row['result']}" for row in rows)
    return f"{count}{more} recorded since the last cycle: {said}"


def work_to_learn_from(state: Path, now_ms: int) -> tuple[tuple[EndedWork, ...], int]:
    """(ended tasks with a rejected attempt that memory has not learned from, how far that goes)."""
    marks = Reader(state / "memory.db").rows(
        "select at_ms from inspect_learning_marks where name = 'work'"
    )
    since_ms = max(0, marks[0]["at_ms"] - WORK_MARGIN_MS) if marks else 0
    with Reader(state / "tasks.db").snapshot() as query:
        tasks = query(
            "select id, state, substr(prompt, 1, ?) as prompt, cwd, origin, ended_at_ms,"
            " verified_by from inspect_tasks where ended_at_ms > ?"
            " order by ended_at_ms, id limit ?",
            (GOAL_CHARACTERS, since_ms, WORK_MAX),
        )
        attempts = query(
            'select task_id, number, provider, model, "end", "check" from inspect_attempts'
            " where task_id in (select value from json_each(?)) order by task_id, number",
            (json.dumps([row["id"] for row in tasks]),),
        )
    until_ms = tasks[-1]["ended_at_ms"] if len(tasks) == WORK_MAX else now_ms
    of_task: dict[str, list[EndedAttempt]] = {}
    for row in attempts:
        of_task.setdefault(row["task_id"], []).append(_attempt_of(row))
    ended = (_work_of(row, tuple(of_task.get(row["id"], ()))) for row in tasks)
    return tuple(one for one in ended if any(a.end == "rejected" for a in one.attempts)), until_ms


def readings_ended(state: Path, now_ms: int) -> list[tuple[str, str | None]]:
    """(key, answer) of the tasks that have read for memory and are over; None: it has none."""
    waiting = Reader(state / "memory.db").rows(
        "select key, at_ms from inspect_readings order by at_ms limit ?", (READINGS_MAX,)
    )
    return _answers(state, waiting, now_ms)


def reflections_ended(state: Path, now_ms: int) -> list[tuple[str, str | None]]:
    """(key, answer) of the tasks that have thought over a template and are over."""
    waiting = Reader(state / "strategies.db").rows(
        "select key, at_ms from inspect_reflections where step is null order by at_ms limit ?",
        (READINGS_MAX,),
    )
    return _answers(state, waiting, now_ms, later=True)


def tasks_with_attempts(state: Path, ids: Sequence[str]) -> dict[str, Row]:
    """Of these tasks those that are there, with what was asked and their `attempts`."""
    if not ids:
        return {}
    wanted = (json.dumps(list(ids)),)
    with Reader(state / "tasks.db").snapshot() as query:
        tasks = query(
            "select id, state, prompt, cwd, origin, pinned_provider from inspect_tasks"
            " where id in (select value from json_each(?))",
            wanted,
        )
        attempts = query(
            'select task_id, number, provider, "end", "check" from inspect_attempts'
            " where task_id in (select value from json_each(?)) order by task_id, number",
            wanted,
        )
    found = {row["id"]: {**row, "attempts": []} for row in tasks}
    for row in attempts:
        if row["task_id"] in found:
            found[row["task_id"]]["attempts"].append(row)
    return found


def _answers(
    state: Path, waiting: Sequence[Row], now_ms: int, *, later: bool = False
) -> list[tuple[str, str | None]]:
    """Of what is waited for the keys whose tasks are over, with their answers. Anybody may submit
    or import a task with such a key: only what we have generated (`later`: after it was waited for)
    is an answer."""
    if not waiting:
        return []
    rows = Reader(state / "tasks.db").rows(
        "select key, state, result, origin, created_at_ms from inspect_tasks"
        " where key in (select value from json_each(?))",
        (json.dumps([row["key"] for row in waiting]),),
    )
    tasks = {row["key"]: row for row in rows}
    found: list[tuple[str, str | None]] = []
    for row in waiting:
        task = tasks.get(row["key"])
        if task is None:
            # Noted before its task was submitted: we died between the two, or it was deleted.
            if row["at_ms"] < now_ms - READING_MARGIN_MS:
                found.append((row["key"], None))
        elif task["state"] in ENDED:
            ours = task["origin"] == "generated"
            if later and not row["at_ms"] <= task["created_at_ms"] <= now_ms:
                ours = False
            done = ours and task["state"] == TaskState.COMPLETED
            found.append((row["key"], (task["result"] or "") if done else None))
    return found


def _attempt_of(row: Row) -> EndedAttempt:
    return EndedAttempt(
        number=row["number"],
        provider=row["provider"],
        model=row["model"] or "",
        end=row["end"] or "",
        check=row["check"],
        infrastructure=row["end"] not in ("answered", "rejected"),
    )


def _work_of(row: Row, attempts: tuple[EndedAttempt, ...]) -> EndedWork:
    return EndedWork(
        task_id=row["id"],
        state=row["state"],
        goal=row["prompt"].strip().split("\n")[0],
        project=row["cwd"],
        by_person=row["origin"] == "person",
        ended_ms=row["ended_at_ms"],
        verified_by=row["verified_by"] or "",
        attempts=attempts,
    )


def plural(count: int, word: str) -> str:
    """1 task, 2 tasks."""
    return f"{count} {word}" if count == 1 else f"{count} {word}s"


def joined(*parts: Any) -> str:
    """Those that are not empty."""
    return "; ".join(str(part) for part in parts if part)
