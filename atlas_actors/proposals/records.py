"""The SQL of proposals.db; every function is named for what it means."""

import json
from typing import Final

from atlas_actors.messages.proposal import Propose
from atlas_actors.proposals.decide import evidence_key, evidence_text
from atlas_actors.store import Row, Store

AWAITED_MAX: Final = 1_000
_OPEN: Final = "state in ('proposed', 'approved', 'submitted')"


def find(store: Store, id: str) -> Row | None:
    """One proposal."""
    return store.row("select * from proposals where id = ?", (id,))


def newest_same(store: Store, fingerprint: str) -> Row | None:
    """The newest of a fingerprint that counts: not expired, nor done and settled since."""
    return store.row(
        "select id, state, evidence_key from proposals where fingerprint = ?"
        " and state <> 'expired' and not (state = 'done' and settled) order by id desc limit 1",
        (fingerprint,),
    )


def open_of_subject(store: Store, subject: str | None) -> Row | None:
    """What is open of a subject."""
    return store.row(
        f"select id, state from proposals where subject = ? and {_OPEN}"  # noqa: S608
        " order by id desc limit 1",
        (subject,),
    )


def made_on(store: Store, day: str) -> int:
    """How many were made on a day."""
    row = store.row("select count(*) as n from proposals where day = ?", (day,))
    return 0 if row is None else int(row["n"])


def add(store: Store, id: str, proposal: Propose, *, approved: bool, day: str, now_ms: int) -> None:
    """Insert one; `approved`: the settings say that its kind needs nobody's."""
    store.run(
        "insert into proposals (id, kind, title, prompt, cwd, evidence, evidence_key, fingerprint,"
        " subject, command, handoff_id, retry_task, from_task, state, approved_by, day,"
        " created_ms, changed_ms) values (:id, :kind, :title, :prompt, :cwd, :evidence,"
        " :evidence_key, :fingerprint, :subject, :command, :handoff_id, :retry_task, :from_task,"
        " :state, :approved_by, :day, :now_ms, :now_ms)",
        {
            **_content(proposal),
            "id": id,
            "kind": proposal.kind,
            "subject": proposal.subject,
            "from_task": proposal.from_task,
            "state": "approved" if approved else "proposed",
            "approved_by": "settings" if approved else None,
            "day": day,
            "now_ms": now_ms,
        },
    )


def replace(store: Store, id: str, proposal: Propose, now_ms: int) -> None:
    """One that nobody has decided on says what is the case now."""
    content = _content(proposal)
    store.run(
        f"update proposals set {', '.join(f'{name} = :{name}' for name in content)},"  # noqa: S608
        " changed_ms = :now_ms where id = :id and state = 'proposed'",
        {**content, "id": id, "now_ms": now_ms},
    )


def refuse(store: Store, proposal: Propose, reason: str, now_ms: int) -> None:
    """Count what was not made."""
    store.run(
        "insert into refusals (fingerprint, reason, kind, title, from_task, count, first_ms,"
        " last_ms) values (?1, ?2, ?3, ?4, ?5, 1, ?6, ?6)"
        " on conflict (fingerprint, reason) do update set count = count + 1, last_ms = ?6",
        (
            proposal.fingerprint,
            reason,
            proposal.kind,
            proposal.title,
            proposal.from_task,
            now_ms,
        ),
    )


def approve(store: Store, id: str, now_ms: int) -> bool:
    """proposed or rejected → approved; False when it is anything else."""
    return bool(
        store.run(
            "update proposals set state = 'approved', approved_by = 'person', reason = '',"
            " changed_ms = ? where id = ? and state in ('proposed', 'rejected')",
            (now_ms, id),
        )
    )


def reject(store: Store, id: str, reason: str, now_ms: int) -> bool:
    """proposed → rejected; False when it is anything else."""
    return bool(
        store.run(
            "update proposals set state = 'rejected', reason = ?, changed_ms = ?"
            " where id = ? and state = 'proposed'",
            (reason, now_ms, id),
        )
    )


def give_up(store: Store, id: str, reason: str, now_ms: int) -> bool:
    """approved → rejected: tasks will never take it."""
    return bool(
        store.run(
            "update proposals set state = 'rejected', reason = ?, changed_ms = ?"
            " where id = ? and state = 'approved'",
            (reason, now_ms, id),
        )
    )


def approved(store: Store, count: int) -> list[Row]:
    """Those that are no task yet; those refused most come last."""
    return store.rows(
        "select * from proposals where state = 'approved' order by tries, id limit ?", (count,)
    )


def approved_retry_of(store: Store, task_id: str) -> Row | None:
    """The approved one whose work is to try this task anew."""
    return store.row(
        "select id from proposals where retry_task = ? and state = 'approved'", (task_id,)
    )


def submitted(store: Store, id: str, task_id: str, now_ms: int) -> bool:
    """approved → submitted: it is this task. False when that was known."""
    return bool(
        store.run(
            "update proposals set state = 'submitted', task_id = ?, error = null, changed_ms = ?"
            " where id = ? and state = 'approved'",
            (task_id, now_ms, id),
        )
    )


def refused(store: Store, id: str, error: str) -> None:
    """Tasks did not take it this time."""
    store.run(
        "update proposals set tries = tries + 1, error = ? where id = ? and state = 'approved'",
        (error, id),
    )


def work_ended(store: Store, task_id: str, task_state: str, now_ms: int) -> int:
    """submitted → done: its task has ended in this state."""
    return store.run(
        "update proposals set state = 'done', task_state = ?, changed_ms = ?"
        " where task_id = ? and state = 'submitted'",
        (task_state, now_ms, task_id),
    )


def settle(store: Store, subject: str, now_ms: int) -> int:
    """Nothing is to be done about a subject any more; how many open ones have expired."""
    store.run(
        "update proposals set settled = 1 where subject = ? and state in ('submitted', 'done')",
        (subject,),
    )
    return store.run(
        "update proposals set state = 'expired', reason = 'it is settled', changed_ms = ?"
        " where subject = ? and state = 'proposed'",
        (now_ms, subject),
    )


def expire(store: Store, before_ms: int, now_ms: int) -> int:
    """Nobody has decided on them since then."""
    return store.run(
        "update proposals set state = 'expired', reason = 'nobody decided', changed_ms = ?"
        " where state = 'proposed' and changed_ms < ?",
        (now_ms, before_ms),
    )


def counts(store: Store) -> dict[str, int]:
    """How many are in each state that is not over."""
    rows = store.rows(
        f"select state, count(*) as n from proposals where {_OPEN} group by state"  # noqa: S608
    )
    return {row["state"]: row["n"] for row in rows}


def awaited(store: Store) -> tuple[str, ...]:
    """The tasks whose end is not known here, oldest first."""
    rows = store.rows(
        "select task_id from proposals where state = 'submitted' order by changed_ms limit ?",
        (AWAITED_MAX,),
    )
    return tuple(row["task_id"] for row in rows)


def prune(store: Store, before_ms: int, count: int) -> int:
    """Delete up to `count` that were over before then, and what was refused before."""
    store.run(
        "delete from refusals where (fingerprint, reason) in"
        " (select fingerprint, reason from refusals where last_ms < ? limit ?)",
        (before_ms, count),
    )
    return store.run(
        "delete from proposals where id in (select id from proposals"
        " where state in ('rejected', 'expired', 'done') and changed_ms < ? limit ?)",
        (before_ms, count),
    )


def _content(proposal: Propose) -> dict[str, str | None]:
    """What a later proposal of the same subject changes."""
    return {
        "title": proposal.title,
        "prompt": proposal.prompt,
        "cwd": proposal.cwd,
        "evidence": evidence_text(proposal),
        "evidence_key": evidence_key(proposal),
        "fingerprint": proposal.fingerprint,
        "command": json.dumps(proposal.check) if proposal.check else None,
        "handoff_id": proposal.handoff_id,
        "retry_task": proposal.retry_task,
    }
