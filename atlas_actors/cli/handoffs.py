"""atlas handoffs: what interrupted work has left, and going on with it."""

import argparse
import sys
from typing import Any

from atlas_actors.cli import show
from atlas_actors.cli.client import Client
from atlas_actors.home import Home


def add_to(groups: Any) -> None:
    """Add the commands of this group."""
    handoffs = groups.add_parser("handoffs", help="what interrupted work has left; go on with it")
    verbs = handoffs.add_subparsers(dest="verb", metavar="VERB")
    for parser in (handoffs, verbs.add_parser("list", help="newest first")):
        states = ("open", "consumed", "done", "dropped", "expired", "all")
        parser.add_argument("--state", choices=states, default="open")
        parser.add_argument("--limit", type=int, default=20)
        parser.add_argument("--json", action="store_true")
        parser.set_defaults(run=run_list)
    for verb, run, about in (
        ("show", run_show, "how far it had come"),
        ("resume", run_resume, "go on with it: its task is tried again, or a new one is made"),
        ("drop", run_drop, "nobody will go on with it"),
    ):
        parser = verbs.add_parser(verb, help=about)
        parser.add_argument("id", metavar="ID")
        parser.add_argument("--json", action="store_true")
        if verb == "resume":
            parser.add_argument("--provider", metavar="NAME", help="use this provider")
        parser.set_defaults(run=run)


def run_list(options: argparse.Namespace, home: Home) -> int:
    """A table, newest first."""
    params = {"limit": options.limit}
    if options.state != "all":
        params["state"] = options.state
    with Client(home) as client:
        answer = client.call("handoff.list", **params)
    if options.json:
        show.print_json(answer)
        return 0
    show.table(
        ("id", "state", "from", "updated", "goal"),
        (
            (
                row["id"],
                "in use" if row["task_runs"] else row["state"],
                _from(row),
                show.when(row["updated_at_ms"]),
                row["goal"],
            )
            for row in answer["handoffs"]
        ),
        "no handoffs" if options.state == "all" else f"no {options.state} handoffs",
        cut=True,
    )
    return 0


def _from(row: dict[str, Any]) -> str:
    if row["task_id"]:
        return f"task {row['task_id']}"
    return f"{show.one_line(row['client'], 33)} session"


def run_show(options: argparse.Namespace, home: Home) -> int:
    """Everything about one."""
    with Client(home) as client:
        found = client.call("handoff.get", id=options.id)
    if options.json:
        show.print_json(found)
        return 0
    checkpoint = found["checkpoint"]
    origin = f"task {found['task_id']}, attempt {found['attempt']}"
    if found["task_id"] is None:
        origin = f"{found['client']}, session {found['session']}"
    lines = [
        f"handoff   {found['id']}",
        f"state     {found['state']}"
        + (f" by {found['consumed_by']}" if found["consumed_by"] else ""),
        f"from      {origin}",
        f"updated   {show.when(found['updated_at_ms'])}",
        f"directory {found['cwd'] or '-'}",
        f"goal      {show.one_line(checkpoint['goal'], 400)}",
    ]
    for title, key in (("done", "done"), ("files", "files"), ("next", "next_steps")):
        lines += [f"{title:<10}{show.one_line(line, 200)}" for line in checkpoint[key]]
    lines += [
        f"session   {session['provider']} {session['id']}" for session in checkpoint["sessions"]
    ]
    if checkpoint["last_output"]:
        lines += ["last said", checkpoint["last_output"]]
    sys.stdout.write("\n".join(lines) + "\n")
    return 0


def run_resume(options: argparse.Namespace, home: Home) -> int:
    """Print the id of the task that goes on."""
    params = {"provider": options.provider} if options.provider else {}
    with Client(home) as client:
        answer = client.call("handoff.resume", id=options.id, **params)
    if options.json:
        show.print_json(answer)
    else:
        sys.stdout.write(f"{answer['task_id']}\n")
    return 0


def run_drop(options: argparse.Namespace, home: Home) -> int:
    """Drop."""
    with Client(home) as client:
        answer = client.call("handoff.drop", id=options.id)
    if options.json:
        show.print_json(answer)
    else:
        sys.stdout.write(f"{answer['id']} dropped\n")
    return 0
