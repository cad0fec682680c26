"""atlas tasks diff, apply, discard: what a task changed, and your decision on it."""

import argparse
import sys
from typing import Any

from atlas_actors.cli import show
from atlas_actors.cli.client import Client
from atlas_actors.home import Home

WAIT_S = 600.0


def add_to(verbs: Any, id_of: Any) -> None:
    """Add the verbs; `id_of` turns the word `last` into an id."""
    for verb, about in (
        ("diff", "what a task changed in its workspace"),
        ("apply", "bring a task's changes into its directory"),
        ("discard", "throw a task's changes away"),
    ):
        parser = verbs.add_parser(verb, help=about)
        parser.add_argument("id", metavar="ID", help="a task's id, or: last")
        parser.add_argument("--json", action="store_true")
        parser.set_defaults(run=run_change, change=verb, id_of=id_of)


def run_change(options: argparse.Namespace, home: Home) -> int:
    """Look, apply or discard."""
    with Client(home, timeout_s=WAIT_S) as client:
        found = client.call(f"task.{options.change}", id=options.id_of(client, options.id))
    if options.json:
        show.print_json(found)
    elif options.change == "diff":
        sys.stdout.write(found["diff"])
        show.note(f"atlas: {found['summary']}")
    else:
        sys.stdout.write(f"{found['workspace']['state']}: {found['summary']}\n")
    return 0


def lines(task: dict[str, Any]) -> list[str]:
    """A task's workspace for people."""
    workspace = task["workspace"]
    if workspace is None:
        return []
    if workspace["kind"] == "in_place":
        return [f"workspace {workspace['cwd']} (in place)"]
    return [
        f"workspace {workspace['root']} ({workspace['kind']}, {workspace['state']})",
        f"changes   {_counts(workspace)}"
        + (f" on {workspace['branch']}" if workspace["head"] else ""),
    ]


def hint(task: dict[str, Any]) -> str:
    """What a person can do with a result that is a diff, or an empty text."""
    workspace = task["workspace"]
    if workspace is None or workspace["kind"] == "in_place" or not workspace["head"]:
        return ""
    if not workspace["files"]:
        return "atlas: no file was changed"
    id = task["id"]
    return f"atlas: {_counts(workspace)}: atlas tasks diff|apply|discard {id}"


def _counts(workspace: dict[str, Any]) -> str:
    files = workspace["files"]
    return (
        f"{files} file{'' if files == 1 else 's'} changed,"
        f" +{workspace['insertions']} -{workspace['deletions']}"
    )
