"""atlas tasks: list, show, wait for, cancel, retry; take them out and in; throw old ones away."""

import argparse
import sys
from typing import Any, Final

from atlas_actors.cli import changes, show, transfer
from atlas_actors.cli.client import Client
from atlas_actors.cli.limits import check_timeout
from atlas_actors.cli.submit import print_result
from atlas_actors.cli.task_text import task_lines
from atlas_actors.cli.wait import ASKED_MAX, wait_for
from atlas_actors.errors import Conflict, NotFound, UsageError
from atlas_actors.home import Home
from atlas_actors.messages.states import STATES

ROWS: Final = 20
_NAMED: Final = "a task's id or key, or: last"


def add_to(groups: Any) -> None:
    """Add the commands of this group."""
    tasks = groups.add_parser(
        "tasks",
        help="list, show, wait for, cancel, retry, export, import, prune tasks; decide on changes",
    )
    verbs = tasks.add_subparsers(dest="verb", metavar="VERB")
    for parser in (tasks, verbs.add_parser("list", help="newest first")):
        parser.add_argument("--state", choices=STATES)
        parser.add_argument("--limit", type=int, default=ROWS)
        parser.add_argument("--json", action="store_true")
        parser.set_defaults(run=run_list)
    for verb, run, about in (
        ("show", run_show, "a task with its route, attempts and result"),
        ("cancel", run_cancel, "do not do it (any more)"),
        ("retry", run_retry, "try a failed or cancelled task anew"),
    ):
        parser = verbs.add_parser(verb, help=about)
        if verb == "show":
            parser.add_argument("id", metavar="ID", help=_NAMED)
        else:
            parser.add_argument("ids", metavar="ID", nargs="+", help=_NAMED)
        parser.add_argument("--json", action="store_true")
        parser.set_defaults(run=run)
    wait = verbs.add_parser("wait", help="watch tasks until they end; print what came of them")
    wait.add_argument("ids", metavar="ID", nargs="+", help=_NAMED)
    wait.add_argument("--timeout", type=float, metavar="S")
    wait.add_argument("--json", action="store_true")
    wait.set_defaults(run=run_wait)
    transfer.add_to(verbs)
    changes.add_to(verbs, _id)


def run_wait(options: argparse.Namespace, home: Home) -> int:
    """Wait; print the result of one, a table of several."""
    check_timeout(options.timeout)
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
        cut=True,
        drop=("priority", "created"),
    )


def run_show(options: argparse.Namespace, home: Home) -> int:
    """Everything about one task."""
    with Client(home) as client:
        task = client.call("task.get", id=_id(client, options.id))
        states = _states(client, task["after"])
    if options.json:
        show.print_json(task)
    else:
        sys.stdout.write("\n".join(task_lines(task, states)) + "\n")
    return 0


def run_cancel(options: argparse.Namespace, home: Home) -> int:
    """Cancel each."""
    return _change("task.cancel", options, home)


def run_retry(options: argparse.Namespace, home: Home) -> int:
    """Retry each."""
    return _change("task.retry", options, home)


def _id(client: Client, given: str) -> str:
    """A task's id, of its id or key. Raises NotFound."""
    if given != "last":
        return str(client.call("task.get", id=given)["id"])
    newest = client.call("task.list", limit=1)["tasks"]
    if not newest:
        raise NotFound("there are no tasks yet")
    return str(newest[0]["id"])


def _states(client: Client, ids: list[str]) -> dict[str, str]:
    """The states of tasks that are there still, by id."""
    found: dict[str, str] = {}
    for n in range(0, len(ids), ASKED_MAX):
        rows = client.call("task.progress", ids=ids[n : n + ASKED_MAX])["tasks"]
        found |= {row["id"]: row["state"] for row in rows}
    return found


def _change(method: str, options: argparse.Namespace, home: Home) -> int:
    """Each that is named; one that cannot be keeps no other from it."""
    answers: list[dict[str, Any]] = []
    with Client(home) as client:
        given = list(dict.fromkeys(options.ids))
        if len(given) == 1:
            answers.append(client.call(method, id=_id(client, given[0])))
        else:
            answers += [_tried(client, method, name) for name in given]
    if options.json:
        show.print_json(answers[0] if len(answers) == 1 else {"tasks": answers})
        return int(any("error" in answer for answer in answers))
    for answer in answers:
        if "error" in answer:
            show.note(f"atlas: {answer['id']}: {answer['error']}")
        else:
            sys.stdout.write(f"{answer['id']} {answer['state']}\n")
    return int(any("error" in answer for answer in answers))


def _tried(client: Client, method: str, name: str) -> dict[str, Any]:
    try:
        return dict(client.call(method, id=_id(client, name)))
    except (Conflict, NotFound, UsageError) as error:
        return {"id": name, "error": str(error)}
