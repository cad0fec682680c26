"""What was promised, in files outside the daemon, and what its database says in the end."""

import os
import sqlite3
from collections import Counter, defaultdict
from contextlib import closing
from pathlib import Path
from typing import Any

import attrs


class Ledger:
    """Lines of words, each appended by one write: a kill loses no line and tears none."""

    def __init__(self, file: Path) -> None:
        self._file = file
        self._descriptor = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)

    def write(self, *words: str) -> None:
        """Append one line; the words have no spaces."""
        os.write(self._descriptor, (" ".join(words) + "\n").encode())

    def lines(self) -> list[list[str]]:
        """Every line as its words."""
        return [line.split() for line in self._file.read_text("utf-8").splitlines()]

    def close(self) -> None:
        os.close(self._descriptor)


@attrs.frozen(kw_only=True)
class Verdict:
    """What the ledgers and the databases say together."""

    accepted: int
    completed: int
    calls: int
    flagged: int  # tasks of which an attempt was lost
    without_outcome: int  # completed tasks that outcomes.db does not know of
    reruns: tuple[str, ...]  # keys of tasks whose provider was called again, each explained
    broken: tuple[tuple[str, str], ...]  # (kind, what exactly)

    @property
    def kinds(self) -> Counter[str]:
        """How often each promise was broken."""
        return Counter(kind for kind, _ in self.broken)


def judge(state: Path, clients: Ledger, calls: Ledger) -> Verdict:
    """Hold the databases of a stopped daemon against both ledgers.

    `clients` has `sent KEY` and `accepted KEY ID`; `calls` has `call KEY`, one line each. Nobody
    cancels, and no provider fails: only a lost attempt is a reason for another.
    """
    broken: list[tuple[str, str]] = [("damaged", text) for text in damaged(state)]
    tasks, attempts, counted = _rows(state / "tasks.db")
    found = Counter(task["state"] for task in tasks)
    if +counted != found:
        broken.append(("illegal", f"counted are {dict(counted)}, there are {dict(found)}"))
    sent = {line[1] for line in clients.lines() if line[0] == "sent"}
    accepted: dict[str, set[str]] = defaultdict(set)
    for line in clients.lines():
        if line[0] == "accepted":
            accepted[line[1]].add(line[2])
    called = Counter(line[1] for line in calls.lines())
    by_key = {task["key"]: task for task in tasks}
    for key, ids in accepted.items():
        task = by_key.get(key)
        if task is None or ids != {task["id"]}:
            broken.append(("lost", f"{key} was accepted as {sorted(ids)}, there is {task}"))
    broken += [("invented", key) for key in by_key.keys() - sent]
    broken += [("not asked for", key) for key in called.keys() - sent]
    for task in tasks:
        own = attempts.get(task["id"], [])
        broken += _illegal(task, own)
        broken += _unexplained(task, own, called[task["key"]])
    completed = {task["id"] for task in tasks if task["state"] == "completed"}
    return Verdict(
        accepted=len(accepted),
        completed=len(completed),
        calls=called.total(),
        flagged=sum(task["maybe_ran"] for task in tasks),
        without_outcome=len(completed - _outcomes(state / "outcomes.db")),
        reruns=tuple(sorted(key for key, count in called.items() if count > 1)),
        broken=tuple(broken),
    )


def running(state: Path) -> int:
    """How many tasks a daemon that has ended left in progress."""
    return sum(task["state"] == "in_progress" for task in _rows(state / "tasks.db")[0])


def damaged(state: Path) -> list[str]:
    """What quick_check says of each database, and databases that were set aside."""
    problems = [f"{file.name} was set aside" for file in state.glob("*.db.*-*")]
    for file in state.glob("*.db"):
        with closing(sqlite3.connect(f"file:{file}?mode=ro", uri=True)) as connection:
            said = [row[0] for row in connection.execute("pragma quick_check")]
        if said != ["ok"]:
            problems.append(f"{file.name}: {said[:3]}")
    return problems


def _rows(
    file: Path,
) -> tuple[list[dict[str, Any]], dict[str, list[dict[str, Any]]], Counter[str]]:
    """All tasks, the attempts of each, and how many there are in each state by their own count."""
    with closing(sqlite3.connect(f"file:{file}?mode=ro", uri=True)) as connection:
        connection.row_factory = sqlite3.Row
        tasks = connection.execute("select id, key, state, attempt, maybe_ran from tasks")
        found = [dict(row) for row in tasks]
        attempts: dict[str, list[dict[str, Any]]] = defaultdict(list)
        for row in connection.execute(
            'select task_id, number, epoch, "end", ended_ms from attempts order by task_id, number'
        ):
            attempts[row["task_id"]].append(dict(row))
        counted = Counter(dict(connection.execute("select state, tasks from inspect_counts")))
    return found, attempts, counted


def _outcomes(file: Path) -> set[str]:
    with closing(sqlite3.connect(f"file:{file}?mode=ro", uri=True)) as connection:
        rows = connection.execute("select action from outcomes where kind = 'task'").fetchall()
    return {row[0] for row in rows}


def _illegal(task: dict[str, Any], attempts: list[dict[str, Any]]) -> list[tuple[str, str]]:
    """States that no order of events explains."""
    name, problems = task["key"], []
    if task["state"] != "completed":
        problems.append(("not completed", f"{name} is {task['state']}"))
    numbers = [row["number"] for row in attempts]
    if numbers != list(range(1, task["attempt"] + 1)):
        problems.append(("illegal", f"{name} has attempts {numbers}, its newest {task['attempt']}"))
    if any(row["end"] is None or row["ended_ms"] is None for row in attempts):
        problems.append(("illegal", f"{name} has an attempt without an end"))
    ends = [row["end"] for row in attempts]
    if task["state"] == "completed" and (ends.count("answered") != 1 or ends[-1] != "answered"):
        problems.append(("illegal", f"{name} is completed after {ends}"))
    epochs = [row["epoch"] for row in attempts]
    if epochs != sorted(epochs):
        problems.append(("illegal", f"{name} ran in the epochs {epochs}"))
    return problems


def _unexplained(
    task: dict[str, Any], attempts: list[dict[str, Any]], calls: int
) -> list[tuple[str, str]]:
    """Calls that no attempt on record accounts for, and work done twice without a flag."""
    name, problems = task["key"], []
    if calls > len(attempts):
        problems.append(("unflagged rerun", f"{name}: {calls} calls, {len(attempts)} attempts"))
    if len(attempts) > 1 and not task["maybe_ran"]:
        kind = "unflagged rerun" if calls > 1 else "unflagged attempt"  # one that asked nobody
        ends = [row["end"] for row in attempts]
        problems.append((kind, f"{name}: {calls} calls, attempts {ends}, no flag"))
    if task["state"] == "completed" and not calls:
        problems.append(("not done", f"{name} is completed, and nobody was asked"))
    return problems
