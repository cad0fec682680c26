"""atlas brief: what a new session in this project needs to know."""

import argparse
import sys
from typing import Any

from atlas_actors.cli import show
from atlas_actors.cli.client import Client
from atlas_actors.cli.here import add_project, project
from atlas_actors.errors import UsageError
from atlas_actors.home import Home


def add_to(groups: Any) -> None:
    """Add the command."""
    brief = groups.add_parser("brief", help="what a new session in this project needs to know")
    add_project(brief, "only what holds in every project")
    brief.add_argument("--tokens", type=int, metavar="N", help="default: [memory] brief_tokens")
    brief.add_argument("--json", action="store_true")
    brief.set_defaults(run=run_brief)


def run_brief(options: argparse.Namespace, home: Home) -> int:
    """The text alone on stdout."""
    params: dict[str, Any] = {}
    if options.tokens is not None:
        if not 0 <= options.tokens <= 1_000_000:
            raise UsageError(f"--tokens takes 0 to 1,000,000, not {options.tokens}")
        params["tokens"] = options.tokens
    where = project(options)
    if where:
        params["project"] = where
    with Client(home) as client:
        found = client.call("brief.get", **params)
    if options.json:
        show.print_json(found)
        return 0
    if found["text"]:
        sys.stdout.write(found["text"] + "\n")
    elif not found["left_out"]:
        show.note("atlas: there is nothing to tell yet: atlas remember TEXT")
    if found["left_out"]:
        left = show.count(found["left_out"], "line")
        more = f"{left} more did not fit" if found["text"] else f"not one of {left} fits"
        show.note(f"atlas: {more}; --tokens N makes room")
    return 0
