"""atlas tasks: list, show, wait for, cancel, retry; take them out and in; throw old ones away."""

import argparse
import sys
from typing import Any, Final

from atlas_actors.cli import changes, show, transfer
from atlas_actors.cli.client import Client
from atlas_actors.cli.submit import print_result
from atlas_actors.cli.task_text import task_lines
from atlas_actors.cli.wait import FINAL, wait_for
from atlas_actors.config import Home
from atlas_actors.errors import NotFound

ROWS: Final = 20


def add_to(groups: Any) -> None:
    """Add the commands of this group."""
    tasks = groups.add_parser(
        "tasks",
        help="list, show, wait for, cancel, retry, export, import, prune tasks; decide on changes",
    )
    verbs = tasks.add_subparsers(dest="verb", metavar="VERB")
    for parser in (tasks, verbs.add_parser("list", help="newest first")):
        parser.add_argument("--state", choices=("pending", "in_progress", *FINAL))
        parser.add_argument("--limit", type=int, default=ROWS)
        parser.add_argument("--json", action="store_true")
        parser.set_defaults(run=run_list)
    for verb, run, about in (
        ("show", run_show, "a task with its route, attempts and result"),
        ("cancel", run_cancel, "do not do it (any more)"),
        ("retry", run_retry, "try a failed or cancelled task anew"),
    ):
        parser = verbs.add_parser(verb, help=about)
        parser.add_argument("id", metavar="ID", help="a task's id, or: last")
        parser.add_argument("--json", action="store_true")
        parser.set_defaults(run=run)
    wait = verbs.add_parser("wait", help="watch tasks until they end; print what came of them")
    wait.add_argument("ids", metavar="ID", nargs="+", help="tasks' ids, or: last")
    wait.add_argument("--timeout", type=float, metavar="S")
    wait.add_argument("--json", action="store_true")
    wait.set_defaults(run=run_wait)
    transfer.add_to(verbs)
    changes.add_to(verbs, _id)


def run_wait(options: argparse.Namespace, home: Home) -> int:
    """Wait; print the result of one, a table of several."""
    with Client(home) as client:
        ids = list(dict.fromkeys(_id(client, given) for given in options.ids))
        tasks = wait_for(client, ids, options.timeout)
    if len(tasks) == 1:
        return print_result(tasks[0], options.json)
    if options.json:
        show.print_json({"tasks": tasks})
    else:
        _print_table(tasks, "")
    return 0 if all(task["state"] == "completed" for task in tasks) else 1


def run_list(options: argparse.Namespace, home: Home) -> int:
    """A table, newest first."""
    params = {"limit": options.limit}
    if options.state:
        params["state"] = options.state
    with Client(home) as client:
        answer = client.call("task.list", **params)
    if options.json:
        show.print_json(answer)
        return 0
    _print_table(answer["tasks"], "no tasks")
    if len(answer["tasks"]) == options.limit:
        show.note(f"atlas: the newest {options.limit}; --limit N shows more")
    return 0


def _print_table(tasks: list[dict[str, Any]], empty: str) -> None:
    show.table(
        ("id", "state", "priority", "provider", "created", "request"),
        (
            (
                task["id"],
                task["state"],
                task["priority"],
                task["lane"] or "-",
                show.when(task["created_at_ms"]),
                show.one_line(task["prompt"], 40),
            )
            for task in tasks
        ),
        empty,
    )


def run_show(options: argparse.Namespace, home: Home) -> int:
    """Everything about one task."""
    with Client(home) as client:
        task = client.call("task.get", id=_id(client, options.id))
    if options.json:
        show.print_json(task)
    else:
        sys.stdout.write("\n".join(task_lines(task)) + "\n")
    return 0


def run_cancel(options: argparse.Namespace, home: Home) -> int:
    """Cancel."""
    with Client(home) as client:
        answer = client.call("task.cancel", id=_id(client, options.id))
    return _print_state(answer, options.json)


def run_retry(options: argparse.Namespace, home: Home) -> int:
    """Retry."""
    with Client(home) as client:
        answer = client.call("task.retry", id=_id(client, options.id))
    return _print_state(answer, options.json)


def _id(client: Client, given: str) -> str:
    if given != "last":
        return given
    newest = client.call("task.list", limit=1)["tasks"]
    if not newest:
        raise NotFound("there are no tasks yet")
    return str(newest[0]["id"])


def _print_state(answer: dict[str, Any], as_json: bool) -> int:
    if as_json:
        show.print_json(answer)
    else:
        sys.stdout.write(f"{answer['id']} {answer['state']}\n")
    return 0
