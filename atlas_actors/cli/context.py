"""atlas context: which files the next turn is about, outlines, and the tokens that they save."""

import argparse
import os
import sys
from pathlib import Path
from typing import Any

from atlas_actors.cli import show
from atlas_actors.cli.client import Client
from atlas_actors.home import Home


def add_to(groups: Any) -> None:
    """Add the commands of this group."""
    context = groups.add_parser(
        "context", help="files of a project by tier, outlines, tokens saved"
    )
    verbs = context.add_subparsers(dest="verb", metavar="VERB", required=True)
    tiers = verbs.add_parser("tiers", help="what the next turn is likely about, HOT, WARM, COLD")
    tiers.add_argument(
        "files", metavar="FILE", nargs="*", help="files at hand: what goes with them"
    )
    tiers.add_argument("--tokens", type=int, metavar="N", help="of all tiers together")
    tiers.add_argument("--session", metavar="ID", help="what it has touched is at hand")
    tiers.add_argument("--limit", type=int, default=20, metavar="N")
    tiers.set_defaults(run=run_tiers)
    outline = verbs.add_parser("outline", help="the public symbols of a file, with their lines")
    outline.add_argument("file", metavar="FILE")
    outline.add_argument("--deliver", action="store_true", help="count it as given to an agent")
    outline.add_argument("--session", metavar="ID", help="with --deliver: to whom")
    outline.set_defaults(run=run_outline)
    stats = verbs.add_parser("stats", help="accesses, costs by tier, tokens really saved")
    stats.add_argument("--all", action="store_true", help="of all projects")
    stats.set_defaults(run=run_stats)
    for parser in (tiers, stats):
        parser.add_argument("--project", metavar="DIR", help="else the one around here")
    for parser in (tiers, outline, stats):
        parser.add_argument("--json", action="store_true")


def _cwd(options: argparse.Namespace) -> str:
    return os.fspath(Path(options.project or ".").resolve())


def run_tiers(options: argparse.Namespace, home: Home) -> int:
    """A table, the likeliest first."""
    files = [os.fspath(Path(file).resolve()) for file in options.files]
    params: dict[str, Any] = {"cwd": _cwd(options), "files": files, "limit": options.limit}
    for name in ("tokens", "session"):
        if getattr(options, name) is not None:
            params[name] = getattr(options, name)
    with Client(home) as client:
        found = client.call("context.tiers", **params)
    if options.json:
        show.print_json(found)
        return 0
    show.table(
        ("tier", "tokens", "full", "outline", "score", "file", "why"),
        (
            (
                file["tier"],
                f"{file['tokens']:,}",
                f"{file['tokens_full']:,}",
                "-" if file["tokens_outline"] is None else f"{file['tokens_outline']:,}",
                f"{file['score']:.2f}",
                file["path"],
                file["why"],
            )
            for file in found["files"]
        ),
        "nothing is known of this project yet: no session has told what it touched",
        cut=True,
    )
    if found["files"]:
        sys.stdout.write(_costs(found))
    return 0


def _costs(found: dict[str, Any]) -> str:
    costs = found["costs"]
    lines = [
        "",
        f"as planned  {costs['planned']:,} tokens",
        f"all HOT     {costs['hot']:,}",
        f"all WARM    {costs['warm']:,}",
        f"all COLD    {costs['cold']:,}",
    ]
    if found["left_out"]:
        lines.append(f"left out    {show.count(found['left_out'], 'file')}, for want of tokens")
    if found["unmeasured"]:
        lines.append(f"no time     to look at {show.count(found['unmeasured'], 'file')}; ask again")
    return "\n".join(lines) + "\n"


def run_outline(options: argparse.Namespace, home: Home) -> int:
    """The outline itself; what it costs goes to stderr."""
    path = Path(options.file).absolute()
    params: dict[str, Any] = {"path": os.fspath(path), "deliver": options.deliver}
    if options.session is not None:
        params["session"] = options.session
    with Client(home) as client:
        found = client.call("context.outline", **params)
    if options.json:
        show.print_json(found)
        return 0
    if found["outline"] is None:
        sys.stdout.write(f"there are no outlines of {found['path']}\n")
        return 1
    sys.stdout.write(found["outline"])
    show.note(
        f"{found['language']}, {show.count(found['symbols'], 'symbol')}: {found['tokens']:,} tokens"
        f" instead of {found['tokens_full']:,}"
    )
    return 0


def run_stats(options: argparse.Namespace, home: Home) -> int:
    """Counts and sums."""
    params: dict[str, Any] = {} if options.all else {"cwd": _cwd(options)}
    with Client(home) as client:
        found = client.call("context.stats", **params)
    if options.json:
        show.print_json(found)
        return 0
    costs = found["would_cost"]
    accesses = ", ".join(f"{n:,} {kind}" for kind, n in found["accesses"].items()) or "none"
    lines = [
        f"project   {found['project'] or 'all ' + show.count(found['projects'], 'project')}",
        f"accesses  {accesses}, in {show.count(found['turns'], 'turn')}",
        f"files     {found['files']:,}, and {show.count(found['pairs'], 'pair')} of them",
        f"cost      of {show.count(costs['measured'], 'file')} looked at: all HOT"
        f" {costs['hot']:,}, all WARM {costs['warm']:,}, all COLD {costs['cold']:,} tokens",
    ]
    lines += [
        f"given     {row['n']:,} {row['tier']}: {row['tokens_given']:,} tokens instead of"
        f" {row['tokens_full']:,}; {row['read_after']:,} were read all the same"
        for row in found["delivered"]
    ]
    lines.append(f"saved     {found['tokens_saved']:,} tokens")
    sys.stdout.write("\n".join(lines) + "\n")
    return 0
