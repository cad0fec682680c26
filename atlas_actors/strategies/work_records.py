"""The SQL of what strategies.db keeps of failed work, untested changes and reflections."""

import json
from collections.abc import Sequence
from typing import Any, Final

from atlas_actors.store import Row, Store
from atlas_actors.strategies.work import (
    Edit,
    FailedTask,
    FailedTrial,
    TrackRecord,
    merged,
    subject_of_untested,
)

TRIALS_MAX: Final = 50  # failed ones that are kept of an intent


def task_failed(store: Store, task: FailedTask, lead: str) -> None:
    """Note it, once for each strategy that failed at it."""
    store.run(
        "insert into failed_tasks (task_id, strategy, intent, choice, lead, project, origin, at_ms,"
        " state) values (?, ?, ?, ?, ?, ?, ?, ?, 'new') on conflict do nothing",
        (
            task.task_id,
            task.strategy,
            task.intent,
            task.choice,
            lead,
            task.project,
            task.origin,
            task.at_ms,
        ),
    )


def task_passed(store: Store, task_id: str) -> bool:
    """Nothing is to be done about it any more; whether that had been proposed."""
    proposed = was_proposed(store, task_id)
    store.run("update failed_tasks set state = 'passed' where task_id = ?", (task_id,))
    return proposed


def new_failed_tasks(store: Store, limit: int) -> list[Row]:
    """Those that were not looked at yet, newest first."""
    return store.rows(
        "select * from failed_tasks where state = 'new' order by at_ms desc, task_id limit ?",
        (limit,),
    )


def was_proposed(store: Store, task_id: str) -> bool:
    """Whether another try of this task was proposed before."""
    return (
        store.row(
            "select 1 as yes from failed_tasks where task_id = ? and state = 'proposed'",
            (task_id,),
        )
        is not None
    )


def leads_failed(store: Store, task_id: str) -> frozenset[str]:
    """The providers at whose head this task has failed."""
    rows = store.rows("select lead from failed_tasks where task_id = ?", (task_id,))
    return frozenset(row["lead"] for row in rows)


def offered(store: Store, number: int) -> frozenset[str]:
    """The providers that could have led when that choice was made."""
    row = store.row("select event from log where choice = ?", (number,))
    offers = [] if row is None else json.loads(row["event"])["offers"]
    return frozenset(offer["provider"] for offer in offers)


def set_task(store: Store, task_id: str, state: str) -> None:
    """What has become of those of a task that were new."""
    store.run(
        "update failed_tasks set state = ? where task_id = ? and state = 'new'", (state, task_id)
    )


def records_of(store: Store, intent: str) -> list[TrackRecord]:
    """How those that may be chosen in an intent have done, whatever its difficulty."""
    rows = store.rows(
        "select id, lead,"
        " coalesce(sum(successes), 0.0) as successes, coalesce(sum(failures), 0.0) as failures,"
        " coalesce(avg(mean), 0.5) as mean"
        " from strategies left join cells on cells.strategy = strategies.id"
        " where strategies.intent = ? and strategies.state in ('active', 'benched')"
        " group by id order by id",
        (intent,),
    )
    return [
        TrackRecord(
            strategy=row["id"],
            leads=row["lead"],
            successes=row["successes"],
            failures=row["failures"],
            mean=row["mean"],
        )
        for row in rows
    ]


def edited(store: Store, edit: Edit) -> None:
    """Note changed files of a session."""
    row = _untested(store, edit.project, edit.session)
    known = () if row is None else tuple(json.loads(row["files"]))
    files = json.dumps(merged(known, edit.files))
    store.run(
        "insert into untested (project, session, subject, files, edits, first_ms, last_ms, ended,"
        " state) values (?1, ?2, ?5, ?3, 1, ?4, ?4, 0, 'open')"
        " on conflict do update set files = ?3, edits = edits + 1, ended = 0,"
        " first_ms = min(first_ms, ?4), last_ms = max(last_ms, ?4)",
        (
            edit.project,
            edit.session,
            files,
            edit.at_ms,
            subject_of_untested(edit.project, edit.session),
        ),
    )


def session_ended(store: Store, session: str) -> None:
    """No test will come of it."""
    store.run("update untested set ended = 1 where session = ?", (session,))


def tested(store: Store, project: str, session: str, at_ms: int) -> list[Row]:
    """Forget what was changed before that in the project, or the session; what was forgotten."""
    rows = store.rows(
        "select subject, state from untested where first_ms <= ?3"
        " and (session = ?2 or (project = ?1 and project <> ''))",
        (project, session, at_ms),
    )
    for row in rows:
        store.run("delete from untested where subject = ?", (row["subject"],))
    return rows


def due_untested(store: Store, last_ms: int, old_ms: int, limit: int) -> list[Row]:
    """What was not proposed yet and changed last by then, or its session has ended; newest first,
    and nothing that is older than `old_ms`."""
    return store.rows(
        "select * from untested where state = 'open' and (ended or last_ms <= ?) and last_ms > ?"
        " order by last_ms desc, subject limit ?",
        (last_ms, old_ms, limit),
    )


def untested_proposed(store: Store, subjects: Sequence[str]) -> None:
    """They are not proposed again."""
    store.run(
        "update untested set state = 'proposed' where subject in (select value from json_each(?))",
        (json.dumps(list(subjects)),),
    )


def settle(store: Store, subject: str) -> None:
    """Who proposes is to take this back."""
    store.run("insert into settled (subject) values (?) on conflict do nothing", (subject,))


def settled(store: Store, limit: int) -> tuple[str, ...]:
    """What is to be taken back."""
    rows = store.rows("select subject from settled order by subject limit ?", (limit,))
    return tuple(row["subject"] for row in rows)


def was_settled(store: Store, subjects: Sequence[str]) -> None:
    """It was taken back."""
    store.run(
        "delete from settled where subject in (select value from json_each(?))",
        (json.dumps(list(subjects)),),
    )


def trial_failed(store: Store, trial: FailedTrial) -> None:
    """Note it for a reflection."""
    store.run(
        "insert into failed_trials (choice, task_id, intent, strategy, at_ms)"
        " values (?, ?, ?, ?, ?) on conflict do nothing",
        (trial.choice, trial.task_id, trial.intent, trial.strategy, trial.at_ms),
    )
    store.run(
        "delete from failed_trials where intent = ?1 and number <= ("
        " select number from failed_trials where intent = ?1"
        " order by number desc limit 1 offset ?2)",
        (trial.intent, TRIALS_MAX),
    )


def intents_failed(store: Store, least: int) -> list[str]:
    """Intents with so many failed trials since they were last thought over, and no answer
    outstanding."""
    rows = store.rows(
        "select intent from failed_trials where number > coalesce("
        "   (select max(upto) from reflections where reflections.intent = failed_trials.intent), 0)"
        " and intent not in (select intent from reflections where step is null)"
        " group by intent having count(*) >= ? order by count(*) desc, intent",
        (least,),
    )
    return [row["intent"] for row in rows]


def trials_failed(store: Store, intent: str) -> list[Row]:
    """Those since the intent was last thought over, oldest first."""
    return store.rows(
        "select number, task_id, strategy from failed_trials where intent = ?1"
        " and number > coalesce("
        " (select max(upto) from reflections where intent = ?1), 0) order by number",
        (intent,),
    )


def add_reflection(store: Store, row: dict[str, Any]) -> None:
    """A reflection that is wanted from now on."""
    store.run(
        "insert into reflections (key, intent, parent, tasks, upto, day, at_ms)"
        " values (:key, :intent, :parent, :tasks, :upto, :day, :at_ms)",
        row,
    )


def reflections_on(store: Store, day: str) -> int:
    """How many were wanted on a day."""
    row = store.row("select count(*) as n from reflections where day = ?", (day,))
    return 0 if row is None else int(row["n"])


def reflections_waiting(store: Store, limit: int) -> list[Row]:
    """Those whose answer has not come."""
    return store.rows(
        "select * from reflections where step is null order by at_ms, key limit ?", (limit,)
    )


def reflection(store: Store, key: str) -> Row | None:
    """One of them."""
    return store.row("select * from reflections where key = ?", (key,))


def reflection_taken(store: Store, key: str, step: str) -> None:
    """Its answer has come to this."""
    store.run("update reflections set step = ? where key = ?", (step, key))


def genomes_of(store: Store, intent: str) -> list[Row]:
    """Every strategy that an intent has had: id, genome (JSON)."""
    return store.rows("select id, genome from strategies where intent = ?", (intent,))


def prune(store: Store, before_ms: int) -> None:
    """Delete what is older; the newest reflection of an intent stays, its number goes on."""
    store.run("delete from failed_tasks where at_ms < ?", (before_ms,))
    store.run("delete from untested where last_ms < ?", (before_ms,))
    store.run("delete from failed_trials where at_ms < ?", (before_ms,))
    store.run(
        "delete from reflections where at_ms < ? and step is not null and upto <"
        " (select max(upto) from reflections as other where other.intent = reflections.intent)",
        (before_ms,),
    )


def _untested(store: Store, project: str, session: str) -> Row | None:
    return store.row(
        "select files from untested where project = ? and session = ?", (project, session)
    )
