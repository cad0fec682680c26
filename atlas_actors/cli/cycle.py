"""atlas cycle, proposals: one look at every part, and what Atlas proposes to do."""

import argparse
import json
import sys
from typing import Any, Final

from atlas_actors.cli import show
from atlas_actors.cli.client import Client
from atlas_actors.errors import UsageError
from atlas_actors.home import Home

CYCLE_S: Final = 5_000.0  # each of its steps keeps to [cycle] step_s
# What Atlas proposes by itself.
KINDS: Final = ("check", "handoff", "repair", "retry", "todo", "untested")
STATES: Final = ("proposed", "approved", "submitted", "rejected", "expired", "done")


def add_to(groups: Any) -> None:
    """Add the commands of this group."""
    cycle = groups.add_parser("cycle", help="look at every part now, and say what each did")
    cycle.add_argument("--json", action="store_true")
    cycle.set_defaults(run=run_cycle)

    proposals = groups.add_parser("proposals", help="what Atlas proposes to do: decide on it")
    verbs = proposals.add_subparsers(dest="verb", metavar="VERB")
    for parser in (proposals, verbs.add_parser("list", help="newest first")):
        parser.add_argument("--state", choices=(*STATES, "all"))
        parser.add_argument("--limit", type=int, default=20)
        parser.add_argument("--json", action="store_true")
        parser.set_defaults(run=run_list)
    shown = verbs.add_parser("show", help="one proposal, with its evidence")
    shown.add_argument("id", metavar="ID")
    shown.add_argument("--json", action="store_true")
    shown.set_defaults(run=run_show)
    approve = verbs.add_parser("approve", help="have it done")
    approve.add_argument("ids", metavar="ID", nargs="*")
    approve.add_argument("--kind", help="all that are proposed of this kind")
    approve.add_argument("--json", action="store_true")
    approve.set_defaults(run=run_approve)
    reject = verbs.add_parser("reject", help="never propose this again")
    reject.add_argument("ids", metavar="ID", nargs="+")
    reject.add_argument("--reason", default="")
    reject.add_argument("--json", action="store_true")
    reject.set_defaults(run=run_reject)


def run_cycle(options: argparse.Namespace, home: Home) -> int:
    """Run one, or share the one that runs."""
    with Client(home) as client:
        ended = client.call("cycle.run", CYCLE_S)
    if options.json:
        show.print_json(ended)
        return 0
    show.table(
        ("", "step", "part", "result", "took", "did"),
        (
            (
                str(step["number"]),
                step["name"],
                step["part"].rpartition("/")[2],
                step["result"],
                show.duration(step["took_ms"]),
                show.plain(step["did"]),
            )
            for step in ended["steps"]
        ),
        "no steps",
    )
    return 0


def run_list(options: argparse.Namespace, home: Home) -> int:
    """A table, newest first."""
    params: dict[str, Any] = {"limit": options.limit}
    if options.state not in (None, "all"):
        params["state"] = options.state
    with Client(home) as client:
        found = client.call("proposal.list", **params)
    if options.json:
        show.print_json(found)
        return 0
    show.table(
        ("id", "state", "kind", "made", "proposal"),
        (
            (
                proposal["id"],
                proposal["state"],
                proposal["kind"],
                show.when(proposal["created_at_ms"]),
                show.plain(proposal["title"]),
            )
            for proposal in found["proposals"]
        ),
        "nothing is proposed",
        cut=True,
        drop=("made", "state"),
    )
    return 0


def run_show(options: argparse.Namespace, home: Home) -> int:
    """Everything about one."""
    with Client(home) as client:
        proposal = client.call("proposal.get", id=options.id)
    if options.json:
        show.print_json(proposal)
        return 0
    lines = [f"{name:<10}{text}" for name, text in _fields(proposal) if text]
    lines += ["prompt", _indented(proposal["prompt"]), "evidence"]
    lines.append(_indented(json.dumps(proposal["evidence"], ensure_ascii=False, indent=2)))
    sys.stdout.write("\n".join(lines) + "\n")
    return 0


def run_approve(options: argparse.Namespace, home: Home) -> int:
    """Each becomes a task."""
    if bool(options.ids) == bool(options.kind):
        raise UsageError("name proposals, or a kind with --kind")
    with Client(home) as client:
        ids = options.ids
        if options.kind:
            _check_kind(client, options.kind)
            found = client.call("proposal.list", state="proposed", kind=options.kind, limit=1000)
            ids = [proposal["id"] for proposal in found["proposals"]]
        changed = [client.call("proposal.approve", id=id) for id in ids]
    return _print_changed(changed, options.json)


def run_reject(options: argparse.Namespace, home: Home) -> int:
    """None of these is proposed again."""
    with Client(home) as client:
        changed = [
            client.call("proposal.reject", id=id, reason=options.reason) for id in options.ids
        ]
    return _print_changed(changed, options.json)


def _check_kind(client: Client, kind: str) -> None:
    """A kind that there is, though none of it may be open. Raises UsageError."""
    made = client.call("proposal.list", limit=1000)["proposals"]
    known = sorted({*KINDS, *(proposal["kind"] for proposal in made)})
    if kind not in known:
        raise UsageError(f"there is no kind {kind[:50]!r}", cure=f"one of {', '.join(known)}")


def _fields(proposal: dict[str, Any]) -> list[tuple[str, str]]:
    ended = f", {proposal['task_state']}" if proposal["task_state"] else ""
    return [
        ("id", proposal["id"]),
        ("kind", proposal["kind"]),
        ("title", show.plain(proposal["title"])),
        ("state", proposal["state"]),
        ("reason", show.plain(proposal["reason"])),
        ("made", show.when(proposal["created_at_ms"])),
        ("cwd", show.plain(proposal["cwd"] or "")),
        ("approved", f"by {proposal['approved_by']}" if proposal["approved_by"] else ""),
        ("task", f"{proposal['task_id']}{ended}" if proposal["task_id"] else ""),
        ("waits", show.plain(proposal["error"] or "")),
    ]


def _indented(text: str) -> str:
    return "\n".join(f"  {line}" for line in show.plain(text).splitlines())


def _print_changed(changed: list[dict[str, Any]], as_json: bool) -> int:
    if as_json:
        show.print_json({"proposals": changed})
    elif not changed:
        sys.stdout.write("nothing is proposed\n")
    else:
        sys.stdout.write("".join(f"{one['id']} {one['state']}\n" for one in changed))
    return 0
