"""atlas memory: list, show, why, stats, approve, reject; take it out and in."""

import argparse
import sys
from typing import Any

from atlas_actors.cli import memory_files, show
from atlas_actors.cli.client import Client
from atlas_actors.cli.here import add_project, project
from atlas_actors.errors import UsageError
from atlas_actors.home import Home
from atlas_actors.messages.kinds import KINDS, TRUST
from atlas_actors.notes import short

STATES = ("kept", "quarantined", "superseded", "rejected")


def add_to(groups: Any) -> None:
    """Add the commands of this group."""
    memory = groups.add_parser(
        "memory", help="what is remembered: list, show, approve, reject, export, import, stats"
    )
    verbs = memory.add_subparsers(dest="verb", metavar="VERB")
    for parser in (memory, verbs.add_parser("list", help="newest first")):
        add_project(parser, "of all projects")
        parser.add_argument("--kind", choices=KINDS)
        parser.add_argument("--state", choices=(*STATES, "all"), default="kept")
        parser.add_argument("--session", metavar="ID")
        parser.add_argument("--origin", choices=TRUST)
        parser.add_argument("--tag")
        parser.add_argument("--match", metavar="TEXT", help="contains this, in any case")
        parser.add_argument("--pinned", action="store_true", help="told to every session")
        parser.add_argument("--limit", type=int, default=20, metavar="N")
        parser.add_argument("--json", action="store_true")
        parser.set_defaults(run=run_list)
    for verb, run, about in (
        ("show", run_show, "one memory whole; the end of its id will do"),
        ("why", run_why, "where it comes from, and why it is trusted as it is"),
    ):
        parser = verbs.add_parser(verb, help=about)
        parser.add_argument("id", metavar="ID")
        parser.add_argument("--json", action="store_true")
        parser.set_defaults(run=run)
    for verb, about in (
        ("approve", "take over what an agent or a program has said"),
        ("reject", "it does not hold; it is never shown to a model"),
    ):
        parser = verbs.add_parser(verb, help=about)
        parser.add_argument("ids", metavar="ID", nargs="+")
        parser.add_argument("--json", action="store_true")
        parser.set_defaults(run=run_decide)
    stats = verbs.add_parser("stats", help="how much there is, and how each level does")
    stats.add_argument("--json", action="store_true")
    stats.set_defaults(run=run_stats)
    memory_files.add_to(verbs)


def text_of(words: list[str]) -> str:
    """The words of a command as one text; a lone - is stdin. Raises UsageError."""
    if words != ["-"]:
        return " ".join(words)
    try:
        return sys.stdin.buffer.read().decode("utf-8")
    except UnicodeDecodeError as error:
        raise UsageError("stdin is not UTF-8 text") from error


def memory_line(item: dict[str, Any]) -> str:
    """One memory in one line."""
    return f"{short(item['id'])}  {item['kind']:<10}  {show.one_line(item['text'], 100)}"


def run_list(options: argparse.Namespace, home: Home) -> int:
    """A table, newest first."""
    if not 1 <= options.limit <= 1_000:
        raise UsageError(f"--limit takes 1 to 1,000, not {options.limit}")
    params: dict[str, Any] = {"limit": options.limit}
    for name in ("kind", "session", "origin", "tag", "match"):
        if getattr(options, name) is not None:
            params[name] = getattr(options, name)
    if options.state != "all":
        params["state"] = options.state
    if options.pinned:
        params["pinned"] = True
    if not options.everywhere:
        params["projects"] = [project(options), ""]
    with Client(home) as client:
        answer = client.call("memory.list", **params)
    if options.json:
        show.print_json(answer)
        return 0
    show.table(
        ("id", "kind", "state", "by", "when", "text"),
        (
            (
                short(item["id"]),
                item["kind"],
                "pinned" if item["pinned"] else item["state"],
                _who(item["origin"]),
                show.when(item["at_ms"])[:10],
                item["text"],
            )
            for item in answer["items"]
        ),
        "nothing is remembered here (--global: in any project)"
        if not options.everywhere
        else "nothing is remembered",
        cut=True,
    )
    if answer["next"] is not None:
        show.note(f"atlas: the newest {options.limit}; --limit N shows more")
    return 0


def run_show(options: argparse.Namespace, home: Home) -> int:
    """Everything about one."""
    with Client(home) as client:
        found = client.call("memory.get", id=options.id)
    if options.json:
        show.print_json(found)
    else:
        lines = [*_head(found), *_origins(found), *_around(found), "", found["text"]]
        sys.stdout.write("\n".join(lines) + "\n")
    return 0


def run_why(options: argparse.Namespace, home: Home) -> int:
    """Where it comes from."""
    with Client(home) as client:
        found = client.call("memory.get", id=options.id)
    if options.json:
        show.print_json(found)
    else:
        lines = [memory_line(found), *_origins(found), *_around(found)]
        sys.stdout.write("\n".join(lines) + "\n")
    return 0


def _head(found: dict[str, Any]) -> list[str]:
    state = "kept, and told to every session" if found["pinned"] else found["state"]
    lines = [
        f"memory    {found['id']}",
        f"kind      {found['kind']}",
        f"state     {state}",
        f"project   {found['project'] or 'every project'}",
        f"when      {show.when(found['at_ms'])}"
        + (f" until {show.when(found['until_ms'])}" if found["until_ms"] else ""),
        f"used      {found['uses']} times; rated useful {found['useful']} times, useless"
        f" {found['useless']}",
    ]
    if found["tags"]:
        lines.append(f"tags      {', '.join(found['tags'])}")
    if found["rationale"]:
        lines.append(f"because   {found['rationale']}")
    lines += [f"not       {other}" for other in found["alternatives"]]
    return lines


def _origins(found: dict[str, Any]) -> list[str]:
    """Who said it, and where it was met again."""
    approved = found["approved_at_ms"]
    lines = [
        f"said by   {_place(found)}",
        f"trust     {found['trust']} of 3"
        + (f", approved by you {show.when(approved)}" if approved else ""),
    ]
    lines += [f"again by  {_place(one)}, {show.when(one['at_ms'])}" for one in found["sources"]]
    if found["state"] in ("rejected", "superseded"):
        lines.append(f"state     {found['state']}: no model is shown it")
    if found["state"] == "quarantined":
        lines.append(
            "waits     it reads like an order, or governs work, and no person has said it:"
            f" atlas memory approve {short(found['id'])}"
        )
    return lines


def _place(one: dict[str, Any]) -> str:
    who = _who(one["origin"])
    named = (("", "speaker"), ("session ", "session"), ("", "source"))
    parts = [f"{lead}{one[name]}" for lead, name in named if one[name]]
    return ", ".join([who, *parts])


def _who(origin: str) -> str:
    return "you" if origin == "person" else origin


def _around(found: dict[str, Any]) -> list[str]:
    lines = [f"made from {memory_line(one)}" for one in found["made_from"]]
    lines += [f"replaces  {memory_line(one)} ({one['why']})" for one in found["replaced"]]
    lines += [f"now       {memory_line(one)}" for one in found["replaced_by"]]
    return lines


def run_decide(options: argparse.Namespace, home: Home) -> int:
    """Approve or reject each."""
    decided = []
    with Client(home) as client:
        for id in options.ids:
            decided.append(client.call(f"memory.{options.verb}", id=id))
            if not options.json:
                sys.stdout.write(f"{short(decided[-1]['id'])}  {options.verb}{_past(options)}\n")
    if options.json:
        show.print_json({"decided": decided})
    return 0


def _past(options: argparse.Namespace) -> str:
    return "d" if options.verb == "approve" else "ed"


def run_stats(options: argparse.Namespace, home: Home) -> int:
    """Counts, then the levels."""
    with Client(home) as client:
        stats = client.call("memory.stats")
    if options.json:
        show.print_json(stats)
        return 0
    show.table(
        ("project", "kind", "state", "by", "count", "uses"),
        (
            (
                row["project"] or "every project",
                row["kind"],
                row["state"],
                _who(row["origin"]),
                f"{row['count']:,}",
                f"{row['uses']:,}",
            )
            for row in stats["counts"]
        ),
        "nothing is remembered yet",
    )
    sys.stdout.write(f"file      {show.size(stats['db_bytes'])}\n")
    if stats["cache"] is not None:
        sys.stdout.write(f"cache     {cache_line(stats['cache'])}\n")
    if stats["embedder"] is not None:
        sys.stdout.write(f"search    {search_line(stats['embedder'])}\n")
    if stats.get("reason"):
        sys.stdout.write(f"memory    {stats['reason']}\n")
    return 0


def cache_line(cache: dict[str, Any]) -> str:
    """Level 1: where it is, how it is, what it has saved."""
    where = "in the process" if cache["kind"] == "process" else f"server {cache['url']}"
    asked = cache["hits"] + cache["misses"]
    parts = [
        f"{where}, {cache['state']}",
        f"{cache['hits']:,} of {show.count(asked, 'question')} answered",
    ]
    if "entries" in cache:
        of = f"{show.size(cache['bytes'])} of {show.size(cache['bytes_max'])}"
        parts.append(f"{show.count(cache['entries'], 'answer')} kept, {of}")
    if cache["last_error"]:
        parts.append(f"last error: {cache['last_error']}")
    return "; ".join(parts)


def search_line(progress: dict[str, Any]) -> str:
    """Level 2: how far the index and, with an embedder, the vectors have come."""
    total, vectors = progress["memories"], progress["vectors"]
    named = f"{total:,} {'memory' if total == 1 else 'memories'}"
    line = f"{progress['indexed']:,} of {named} indexed"
    if progress["embedder"] is None:
        return f"{line}; by words alone, no embedder is installed or set"
    return f"{line}, {vectors:,} with a vector of {progress['embedder']}"
