"""atlas route: who would do a request, and why; nothing is executed."""

import argparse
import os
import sys
from pathlib import Path
from typing import Any

from atlas_actors.cli import show
from atlas_actors.cli.client import Client
from atlas_actors.config import Home


def add_to(groups: Any) -> None:
    """Add the commands of this group."""
    route = groups.add_parser("route", help="who would do this, and why; nothing is executed")
    route.add_argument("text", metavar="TEXT")
    route.add_argument("--cwd", metavar="DIR", help="the directory that the work is about")
    route.add_argument("--provider", metavar="NAME")
    route.add_argument("--json", action="store_true")
    route.set_defaults(run=run_route)


def run_route(options: argparse.Namespace, home: Home) -> int:
    """Decide and show."""
    params: dict[str, Any] = {"text": options.text}
    if options.cwd:
        params["cwd"] = os.fspath(Path(options.cwd).resolve())
    if options.provider:
        params["provider"] = options.provider
    with Client(home) as client:
        route = client.call("route.decide", **params)
    if options.json:
        show.print_json(route)
        return 0
    decided = f"layer {route['layer']}" if route["layer"] else "no layer is sure"
    lines = [
        f"intent      {route['intent']} ({decided}, confidence {route['confidence']:.2f})",
        f"because     {route['reason']}",
        f"complexity  {route['complexity']} of 10, mode {route['mode']}",
        f"tier        {route['tier']}",
        f"provider    {route['provider'] or 'none can do it now'}",
    ]
    lines += [
        f"            {link['provider']}: {link['verdict']}, {link['why']}"
        for link in route["chain"]
    ]
    sys.stdout.write("\n".join(lines) + "\n")
    return 0
