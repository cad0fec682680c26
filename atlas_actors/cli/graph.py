"""atlas graph: what memory knows of things, and how they hang together."""

import argparse
import json
import sys
import time
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from atlas_actors.cli import show
from atlas_actors.cli.client import Client
from atlas_actors.cli.json_lines import in_parts, read
from atlas_actors.cli.times import moment_ms, span_s
from atlas_actors.errors import DeadlinePassed, UsageError
from atlas_actors.home import Home
from atlas_actors.projects import project_of


def add_to(groups: Any) -> None:
    """Add the commands of this group."""
    graph = groups.add_parser("graph", help="what memory knows of things: show, list, import")
    verbs = graph.add_subparsers(dest="verb", metavar="VERB", required=True)
    parser = verbs.add_parser("show", help="one thing, and what is around it")
    parser.add_argument("name", metavar="NAME")
    parser.add_argument("--hops", type=int, choices=(0, 1, 2, 3), default=1)
    parser.add_argument("--at", metavar="TIME", help="as of then; without: also what has ended")
    parser.add_argument("--json", action="store_true")
    parser.set_defaults(run=run_show)
    parser = verbs.add_parser("list", help="newest first")
    parser.add_argument("--kind", metavar="KIND", help="path, symbol, package, person, ...")
    parser.add_argument("--match", metavar="TEXT", help="its name contains this")
    parser.add_argument("--limit", type=int, default=20, metavar="N")
    parser.add_argument("--json", action="store_true")
    parser.set_defaults(run=run_list)
    parser = verbs.add_parser("import", help="a file of the MCP reference memory server")
    parser.add_argument("file", metavar="FILE", help="JSON lines; - reads them from stdin")
    parser.add_argument("--json", action="store_true")
    parser.set_defaults(run=run_import)
    parser = verbs.add_parser("export", help="the same format, to FILE or stdout")
    parser.add_argument("file", metavar="FILE", nargs="?", default="-")
    parser.add_argument("--full", action="store_true", help="with projects, aliases and dates")
    parser.set_defaults(run=run_export)
    parser = verbs.add_parser("extract", help="have a provider read a session's memories for it")
    parser.add_argument("session", metavar="SESSION")
    parser.add_argument("--provider", metavar="NAME")
    parser.add_argument("--budget", type=float, metavar="USD", default=0.05)
    parser.add_argument("--timeout", default="10m", metavar="TIME")
    parser.add_argument("--json", action="store_true")
    parser.set_defaults(run=run_extract)
    for parser in verbs.choices.values():
        parser.add_argument(
            "--project",
            metavar="DIR",
            help="of this directory's project, and of every project (default: all)",
        )


def run_show(options: argparse.Namespace, home: Home) -> int:
    """A tree, or one for each project that has the name."""
    params: dict[str, Any] = {"name": options.name, "hops": options.hops, **_project(options)}
    if options.at is not None:
        params["at_ms"] = moment_ms(options.at, round(time.time() * 1000))
    with Client(home) as client:
        answer = client.call("graph.show", **params)
    if options.json:
        show.print_json(answer)
        return 0
    sys.stdout.write("\n".join(tree_lines(answer)) + "\n")
    return 0


def tree_lines(answer: dict[str, Any]) -> list[str]:
    """What graph.show answers as lines, each fact below the thing that it was reached from."""
    things = {one["id"]: one for one in (*answer["others"], *answer["named"])}
    below: dict[int, list[dict[str, Any]]] = {}
    for fact in answer["facts"]:
        below.setdefault(fact["near"], []).append(fact)
    lines: list[str] = []
    for thing in answer["named"]:
        where = f" of {thing['project']}" if thing["project"] else ""
        count = show.count(thing["mentions"], "memory").replace("memorys", "memories")
        lines.append(f"{thing['name']}  ({thing['kind']}{where}; named by {count})")
        if thing["aliases"]:
            lines.append(f"  also {', '.join(thing['aliases'])}")
        for observed in thing["observations"]:
            lines.append(f"  · {show.one_line(observed['text'], 120)}  {_time(observed)}")
        _below(thing["id"], 1, below, things, lines)
    return lines


def _below(
    id: int,
    depth: int,
    below: dict[int, list[dict[str, Any]]],
    things: dict[int, dict[str, Any]],
    lines: list[str],
) -> None:
    for fact in below.pop(id, ()):
        far = fact["object"] if fact["subject"] == id else fact["subject"]
        name, kind = things[far]["name"], things[far]["kind"]
        arrow = f"-{fact['relation']}->" if fact["subject"] == id else f"<-{fact['relation']}-"
        lines.append(f"{'  ' * depth}{arrow} {name}  ({kind})  {_time(fact)}")
        _below(far, depth + 1, below, things, lines)


def _time(of: dict[str, Any]) -> str:
    since = show.when(of["from_ms"])
    return f"since {since}" if of["until_ms"] is None else f"{since} to {show.when(of['until_ms'])}"


def run_list(options: argparse.Namespace, home: Home) -> int:
    """A table, newest first."""
    if not 1 <= options.limit <= 1_000:
        raise UsageError(f"--limit takes 1 to 1,000, not {options.limit}")
    params: dict[str, Any] = {"limit": options.limit, **_project(options)}
    for name in ("kind", "match"):
        if getattr(options, name) is not None:
            params[name] = getattr(options, name)
    with Client(home) as client:
        answer = client.call("graph.list", **params)
    if options.json:
        show.print_json(answer)
        return 0
    show.table(
        ("kind", "memories", "facts", "project", "name"),
        (
            (
                row["kind"],
                str(row["mentions"]),
                str(row["facts"]),
                row["project"] or "-",
                show.one_line(row["name"], 80),
            )
            for row in answer["entities"]
        ),
        "nothing yet",
    )
    return 0


def run_import(options: argparse.Namespace, home: Home) -> int:
    """All of the lines are looked at before the first is taken over."""
    from atlas_actors.gateway import graph_lines

    lines = list(read(options.file))
    graph_lines.taken(lines, _project(options).get("project"))
    told = {"entities": 0, "relations": 0, "skipped": 0}
    with Client(home) as client:
        for part in in_parts(lines):
            sent = [line for _, line in part]
            answer = client.call("graph.import", lines=sent, **_project(options))
            told = {name: count + answer[name] for name, count in told.items()}
    if options.json:
        show.print_json(told)
        return 0
    entities = f"{told['entities']:,} entit{'y' if told['entities'] == 1 else 'ies'}"
    sys.stdout.write(f"{entities}, {show.count(told['relations'], 'relation')} taken over\n")
    if told["skipped"]:
        show.note(f"atlas: {show.count(told['skipped'], 'line')} of another type left out")
    return 0


def run_extract(options: argparse.Namespace, home: Home) -> int:
    """Wait for the task, then take over what it says."""
    params = {"session": options.session, "budget_usd": options.budget}
    params |= {"provider": options.provider} if options.provider else {}
    limit_s = span_s(options.timeout)
    with Client(home) as client:
        asked = client.call("graph.extract", **params)
        id = asked["task_id"]
        task = client.call("task.wait", limit_s + 10, id=id, timeout_ms=round(limit_s * 1000))
        if task["state"] in ("pending", "in_progress"):
            raise DeadlinePassed(f"task {id} has not ended yet", cure=f"atlas tasks show {id}")
        answer = client.call("graph.apply", task_id=id)
    if options.json:
        show.print_json({"task_id": id, **answer})
    else:
        sys.stdout.write(f"{answer['entities']} entities, {answer['relations']} relations\n")
    return 0


def run_export(options: argparse.Namespace, home: Home) -> int:
    """Entities, then relations; one a line."""
    count = 0
    with Client(home) as client:
        if options.file == "-":
            for text in _exported(client, options):
                sys.stdout.write(text)
                count += 1
        else:
            try:
                with Path(options.file).open("w", encoding="utf-8") as file:
                    for text in _exported(client, options):
                        file.write(text)
                        count += 1
            except OSError as error:
                raise UsageError(f"{options.file}: {error.strerror}") from error
    show.note(f"atlas: {show.count(count, 'line')}")
    return 0


def _exported(client: Client, options: argparse.Namespace) -> Iterable[str]:
    after: str | None = None
    while True:
        params: dict[str, Any] = {"full": options.full, **_project(options)}
        params |= {} if after is None else {"after": after}
        answer = client.call("graph.export", **params)
        for line in answer["lines"]:
            yield json.dumps(line, ensure_ascii=False) + "\n"
        after = answer["next"]
        if after is None:
            return


def _project(options: argparse.Namespace) -> dict[str, Any]:
    """Raises UsageError."""
    if options.project is None:
        return {}
    try:
        return {"project": project_of(options.project)}
    except (OSError, RuntimeError) as error:
        raise UsageError(f"{options.project}: {error}") from error
