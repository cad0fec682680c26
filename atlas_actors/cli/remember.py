"""atlas remember, recall, forget: what you tell Atlas, what it knows, and taking it back."""

import argparse
import sys
import time
from typing import Any, Final

from atlas_actors.cli import show
from atlas_actors.cli.client import Client
from atlas_actors.cli.here import add_project, project
from atlas_actors.cli.memory import memory_line, text_of
from atlas_actors.errors import Conflict, UsageError
from atlas_actors.home import Home
from atlas_actors.messages.kinds import KINDS
from atlas_actors.notes import short
from atlas_actors.projects import project_of

FORGET_S: Final = 900.0  # every byte of the files is searched afterwards
ITEMS_SHOWN: Final = 20
_RESULTS: Final = {
    "created": "remembered",
    "merged": "known in other words: kept as one, with both sources",
    "known": "known already",
    "private": "nothing of it was kept: it is private",
    "full": "not kept: this session has reached its limit",
}


def add_to(groups: Any) -> None:
    """Add the commands of this group."""
    remember = groups.add_parser("remember", help="keep something for every later session")
    remember.add_argument("words", metavar="TEXT", nargs="+", help="- reads it from stdin")
    remember.add_argument("--kind", choices=KINDS, help="default: by what you say")
    add_project(remember, "it holds in every project")
    remember.add_argument("--tag", action="append", metavar="TAG", default=[])
    remember.add_argument("--because", metavar="TEXT", help="why, of a decision")
    remember.add_argument("--instead-of", action="append", metavar="ID", default=[],
                          help="this one holds no longer")  # fmt: skip
    remember.add_argument("--json", action="store_true")
    remember.set_defaults(run=run_remember)

    recall = groups.add_parser("recall", help="what is known of this, best first")
    recall.add_argument("words", metavar="QUERY", nargs="+")
    recall.add_argument("-k", type=int, default=10, metavar="N", help="at most so many")
    add_project(recall, "in all projects")
    recall.add_argument("--kind", choices=KINDS, action="append", default=[])
    recall.add_argument("--explain", action="store_true", help="what the score is made of")
    recall.add_argument("--json", action="store_true")
    recall.set_defaults(run=run_recall)

    forget = groups.add_parser(
        "forget", help="delete from every level, and prove it by searching the files"
    )
    forget.add_argument("ids", metavar="ID", nargs="*")
    forget.add_argument("--match", metavar="TEXT", help="all that contain this, in any case")
    forget.add_argument("--project", metavar="DIR", help="of this directory's project")
    forget.add_argument("--session", metavar="ID")
    forget.add_argument("--entity", metavar="NAME", help="of the knowledge graph")
    forget.add_argument("--dry-run", action="store_true", help="only show what would go")
    forget.add_argument("--yes", action="store_true", help="do not ask")
    forget.add_argument("--json", action="store_true")
    forget.set_defaults(run=run_forget)


def run_remember(options: argparse.Namespace, home: Home) -> int:
    """Say what became of it, and under which id."""
    params: dict[str, Any] = {"text": text_of(options.words)}
    if not params["text"].strip():
        raise UsageError("there is nothing to remember", cure="atlas remember TEXT")
    for name, value in (
        ("kind", options.kind),
        ("project", project(options)),
        ("tags", options.tag),
        ("rationale", options.because),
        ("supersedes", options.instead_of),
    ):
        if value:
            params[name] = value
    with Client(home) as client:
        done = client.call("memory.remember", **params)
    if options.json:
        show.print_json(done)
        return 0
    where = params.get("project") or "every project"
    named = f"{short(done['id'])}  " if done["id"] else ""
    lines = [f"{named}{_RESULTS[done['result']]}"]
    if done["result"] in ("created", "merged"):
        lines[0] += f" as {done['kind']} of {where}"
    lines += [f"{short(id)}  holds no longer" for id in done["superseded"]]
    sys.stdout.write("\n".join(lines) + "\n")
    if done["quarantined"]:
        show.note(
            "atlas: it comes from inside a coding agent and reads like an order, so it waits:"
            f" atlas memory approve {short(done['id'])}"
        )
    return 0


def run_recall(options: argparse.Namespace, home: Home) -> int:
    """A line or two for each, best first."""
    if not 1 <= options.k <= 1_000:
        raise UsageError(f"-k takes 1 to 1,000, not {options.k}")
    query = text_of(options.words)
    if not query.strip():
        raise UsageError("there is no question", cure="atlas recall QUERY")
    params: dict[str, Any] = {"query": query, "k": options.k}
    where = project(options)
    if where:
        params["project"] = where
    if options.kind:
        params["kinds"] = options.kind
    if options.explain:
        params["explain"] = True
    with Client(home) as client:
        found = client.call("memory.recall", **params)
    if options.json:
        show.print_json(found)
        return 0
    if not found["items"]:
        sys.stdout.write(f"nothing is known of this in {where or 'any project'}\n")
        if where:
            show.note("atlas: --global looks in all projects")
        return 0
    now_ms = time.time() * 1000
    for place, item in enumerate(found["items"], 1):
        sys.stdout.write("\n".join(recalled_lines(place, item, now_ms, options.explain)) + "\n")
    return 0


def recalled_lines(
    place: int, item: dict[str, Any], now_ms: float, explain: bool = False
) -> list[str]:
    """One answer: the text, then what it is, how old, whose, and why it is an answer. The score
    tells answers of one question apart and nothing else, so only who asks sees it."""
    age = show.duration(max(0, now_ms - item["at_ms"]))
    facts = [item["kind"], f"{age} ago", "you" if item["origin"] == "person" else item["origin"]]
    if item["source"]:
        facts.append(show.one_line(item["source"], 60))
    if item["quarantined"]:
        facts.append("WAITS FOR APPROVAL")
    if item["superseded_by"]:
        facts.append(f"REPLACED BY {short(item['superseded_by'])}")
    facts.append(f"score {item['score']:.3f}, {item['why']}" if explain else item["why"])
    return [
        f"{place:>2}  {show.one_line(item['text'], 300)}",
        f"    {short(item['id'])} · {' · '.join(facts)}",
    ]


def run_forget(options: argparse.Namespace, home: Home) -> int:
    """Show what would go, ask, delete it, and say what the search of the files has found."""
    params: dict[str, Any] = {"ids": options.ids} if options.ids else {}
    for name in ("match", "session", "entity"):
        if getattr(options, name) is not None:
            params[name] = getattr(options, name)
    if options.project is not None:
        params["project"] = project_of(options.project)
    if not params:
        raise UsageError(
            "nothing says what to forget",
            cure="atlas forget ID, --match TEXT, --project DIR, --session ID or --entity NAME",
        )
    with Client(home) as client:
        would = client.call("memory.forget", FORGET_S, **params, dry_run=True)
        if options.dry_run:
            return _shown(client, would, options)
        if not would["ids"] and not would["entities"]:
            return _proved(would, options)
        if not options.yes:
            _ask(client, would)
        done = client.call("memory.forget", FORGET_S, **params)
    return _proved(done, options)


def _ask(client: Client, would: dict[str, Any]) -> None:
    """Raises UsageError where nobody can be asked, Conflict for a no."""
    if not sys.stdin.isatty():
        raise UsageError(
            f"this would delete {_amount(would)}, and there is nobody to ask",
            cure="--dry-run shows it, --yes does it",
        )
    _list(client, would)
    sys.stderr.write(f"Delete {_amount(would)} for good? [y/N] ")
    sys.stderr.flush()
    if sys.stdin.readline().strip().lower() not in ("y", "yes"):
        raise Conflict("nothing was deleted")


def _shown(client: Client, would: dict[str, Any], options: argparse.Namespace) -> int:
    if options.json:
        show.print_json(would)
        return 0
    _list(client, would)
    sys.stdout.write(f"{_amount(would)} would be deleted\n")
    return 0


def _list(client: Client, would: dict[str, Any]) -> None:
    for id in would["ids"][:ITEMS_SHOWN]:
        sys.stdout.write(f"{memory_line(client.call('memory.get', id=id))}\n")
    if len(would["ids"]) > ITEMS_SHOWN:
        sys.stdout.write(f"and {len(would['ids']) - ITEMS_SHOWN:,} more\n")


def _proved(done: dict[str, Any], options: argparse.Namespace) -> int:
    """What was searched; finding it again is a failure."""
    if options.json:
        show.print_json(done)
    elif not done["ids"] and not done["entities"]:
        sys.stdout.write("nothing fits: nothing was deleted\n")
    else:
        again = done["found_again"]
        sys.stdout.write(
            f"{_amount(done)} deleted; {'FOUND AGAIN' if again else 'not found again'} in"
            f" {show.count(len(done['files_searched']), 'file')}"
            f"{f', {again} times' if again else ''}\n"
        )
        sys.stdout.writelines(f"  searched {file}\n" for file in done["files_searched"])
        for file in done["found_in"]:
            show.note(f"atlas: {file} still has parts of it; a copy that was set aside is yours to"
                      " delete")  # fmt: skip
        if not done["cache_cleared"]:
            show.note("atlas: the cache server is away; its part is cleared when it is back")
    return 1 if done["found_again"] else 0


def _amount(done: dict[str, Any]) -> str:
    count = len(done["ids"])
    parts = [f"{count:,} {'memory' if count == 1 else 'memories'}"]
    if done["entities"]:
        parts.append(f"{done['entities']:,} {'entity' if done['entities'] == 1 else 'entities'}")
    return " and ".join(parts)
