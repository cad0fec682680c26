"""The SQL of tasks.db for who waits for whom, and for groups that share a limit."""

import json
from collections.abc import Mapping, Sequence
from graphlib import CycleError, TopologicalSorter
from typing import Final

from atlas_actors.errors import Conflict, NotFound, UsageError
from atlas_actors.messages.task import UNFINISHED, SubmitTask
from atlas_actors.store import Row, Store

# How many that a task comes after are not over.
_UNFINISHED: Final = (
    "(select count(*) from dependencies join tasks as need on need.id = needs_id"
    " where task_id = tasks.id and need.state in ('pending', 'in_progress'))"
)


def found(store: Store, after: Sequence[str]) -> list[Row]:
    """The tasks (id, state) that ids or keys name. Raises NotFound."""
    needs = {}
    for name in after:
        row = _named(store, name)
        if row is None:
            raise NotFound(f"there is no task {name} to come after", cure="name an id, or its key")
        needs[row["id"]] = row
    return list(needs.values())


def _named(store: Store, name: str) -> Row | None:
    return store.row("select id, state from tasks where id = ?1 or key = ?1", (name,))


def bind(store: Store, id: str, needs: Sequence[Row]) -> None:
    """Let a task wait for these."""
    for row in needs:
        store.run("insert into dependencies (task_id, needs_id) values (?, ?)", (id, row["id"]))


def bind_taken_over(store: Store, needs: Mapping[str, Sequence[str]]) -> None:
    """Let tasks that were taken over wait for those of these ids that are not over.

    Raises UsageError for those that would wait for themselves.
    """
    try:
        TopologicalSorter(needs).prepare()
    except CycleError as error:
        names = " after ".join(error.args[1])
        raise UsageError(f"tasks would wait for themselves: {names}") from error
    for id, needed in needs.items():
        bind(store, id, [{"id": need} for need in dict.fromkeys(needed)])
        store.run(
            f"update tasks set blocked = {_UNFINISHED} where id = ? and state = 'pending'",  # noqa: S608
            (id,),
        )


def waits_for(store: Store, id: str) -> list[Row]:
    """Those that a task comes after: id, state."""
    return store.rows(
        "select tasks.id, tasks.state from dependencies join tasks on tasks.id = needs_id"
        " where task_id = ?",
        (id,),
    )


def recount(store: Store, id: str) -> set[str]:
    """A task has ended, or is tried again: count anew for how many those that come after it wait,
    unless they wait for nobody any more; the groups of those that now do not."""
    rows = store.rows(
        f"update tasks set blocked = {_UNFINISHED} where state = 'pending' and blocked > 0"  # noqa: S608
        " and id in (select task_id from dependencies where needs_id = ?)"
        " returning blocked, group_name",
        (id,),
    )
    return {row["group_name"] for row in rows if not row["blocked"] and row["group_name"]}


def doomed_by(store: Store, id: str) -> list[Row]:
    """Those that will not run because this one was not completed."""
    return store.rows(
        "select id, if_dead, since_ms, group_name from tasks"
        " where state = 'pending' and if_dead <> 'run'"
        " and id in (select task_id from dependencies where needs_id = ?)",
        (id,),
    )


def end_unrun(store: Store, id: str, state: str, reason: str, now_ms: int) -> None:
    """pending → failed or cancelled, because of another."""
    store.run(
        "update tasks set state = ?1, since_ms = ?2, ended_ms = ?2, error = ?3, waits_for = ''"
        " where id = ?4 and state = 'pending'",
        (state, now_ms, reason, id),
    )


def in_order(orders: Sequence[SubmitTask]) -> tuple[list[int], dict[int, UsageError]]:
    """Pure: the positions of orders so that each comes after those that its `after` names by key;
    and what is wrong with those that come after themselves."""
    of_key = {order.key: n for n, order in enumerate(orders) if order.key is not None}
    graph = {
        n: {of_key[name] for name in order.after if name in of_key}
        for n, order in enumerate(orders)
    }
    wrong: dict[int, UsageError] = {}
    while True:
        try:
            return list(TopologicalSorter(graph).static_order()), wrong
        except CycleError as error:
            members = list(dict.fromkeys(error.args[1]))
            names = " after ".join(str(orders[n].key) for n in (*members, members[0]))
            for n in members:
                wrong[n] = UsageError(f"tasks would wait for themselves: {names}")
                del graph[n]
            graph = {n: needs - set(members) for n, needs in graph.items()}


def check_retry(needs: Sequence[Row], if_dead: str, id: str) -> int:
    """Pure: how many a task that is tried again waits for. Raises Conflict."""
    dead = [row["id"] for row in needs if row["state"] in ("failed", "cancelled")]
    if dead and if_dead != "run":
        raise Conflict(
            f"task {id} comes after {dead[0]}, which was not completed",
            cure=f"atlas tasks retry {dead[0]} first",
        )
    return sum(row["state"] in UNFINISHED for row in needs)


# Groups.


def released_count(store: Store, group: str) -> int:
    """How many tasks of a group run or may run."""
    row = store.row(
        "select count(*) as n from tasks where group_name = ? and held = 0"
        " and state in ('pending', 'in_progress')",
        (group,),
    )
    return 0 if row is None else int(row["n"])


def groups_waiting(store: Store) -> list[str]:
    """The groups that hold tasks back."""
    # From each name to the next: however many tasks a group holds, that is one look at the index.
    rows = store.rows(
        "with recursive names (group_name) as ("
        "select min(group_name) from tasks where state = 'pending' and held = 1"
        " union all select (select min(tasks.group_name) from tasks where state = 'pending'"
        " and held = 1 and tasks.group_name > names.group_name) from names"
        " where names.group_name is not null)"
        " select group_name from names where group_name is not null"
    )
    return [row["group_name"] for row in rows]


def held_heads(store: Store, group: str, now_ms: int) -> list[Row]:
    """Of each priority the first of a group that is held and could run: id, priority, due_ms."""
    return [
        row
        for priority in (3, 2, 1, 0)
        for row in store.rows(
            "select id, priority, due_ms from tasks where state = 'pending' and held = 1"
            " and group_name = ? and priority = ? and blocked = 0 and due_ms <= ?"
            " order by due_ms, id limit 1",
            (group, priority, now_ms),
        )
    ]


def next_held_due_ms(store: Store, now_ms: int) -> int | None:
    """When the next task that a group holds becomes due."""
    row = store.row(
        "select min(due_ms) as due_ms from tasks where state = 'pending' and held = 1"
        " and due_ms > ?",
        (now_ms,),
    )
    return None if row is None else row["due_ms"]


def release(store: Store, ids: Sequence[str]) -> None:
    """Their group has room for them."""
    store.run(
        "update tasks set held = 0 where id in (select value from json_each(?))",
        (json.dumps(list(ids)),),
    )
