"""atlas memory export, import: whole memories as JSON lines, out of one daemon and into another."""

import argparse
import json
import sys
from collections import Counter
from collections.abc import Iterable, Iterator
from typing import Any, Final

from atlas_actors.cli import show
from atlas_actors.cli.client import Client
from atlas_actors.cli.json_lines import in_parts, read
from atlas_actors.home import Home
from atlas_actors.projects import project_of

PAGE: Final = 1_000
Numbered = tuple[int, dict[str, Any]]


def add_to(verbs: Any) -> None:
    """Add these verbs of atlas memory."""
    out = verbs.add_parser("export", help="whole memories as JSON lines, to stdout")
    out.add_argument("--project", metavar="DIR", help="only of this directory's project")
    out.set_defaults(run=run_export)
    into = verbs.add_parser("import", help="take over exported memories")
    into.add_argument("file", metavar="FILE", help="JSON lines; - reads them from stdin")
    into.add_argument(
        "--trust", action="store_true", help="what the file says of who said it counts, for you"
    )
    into.add_argument("--json", action="store_true")
    into.set_defaults(run=run_import)


def run_export(options: argparse.Namespace, home: Home) -> int:
    """One memory a line, oldest first."""
    count = 0
    after: int | None = 0
    only: dict[str, Any] = (
        {} if options.project is None else {"project": project_of(options.project)}
    )
    with Client(home) as client:
        while after is not None:
            answer = client.call("memory.export", after=after, limit=PAGE, **only)
            for item in answer["items"]:
                sys.stdout.write(json.dumps(item, ensure_ascii=False) + "\n")
            count += len(answer["items"])
            after = answer["next"]
    show.note(f"atlas: {count:,} {'memory' if count == 1 else 'memories'}")
    return 0


def run_import(options: argparse.Namespace, home: Home) -> int:
    """Part by part; what replaces another comes after it, and names it by its new id."""
    became: dict[str, str] = {}
    results: Counter[str] = Counter()
    waiting = 0
    trust: dict[str, Any] = {"trust": True} if options.trust else {}
    with Client(home) as client:
        for part in _parts(read(options.file)):
            items = [_with_new_ids(item, became) for _, item in part]
            done = client.call("memory.import", items=items, **trust)
            results["rejected (left out)"] += done["skipped"]
            for one in done["stored"]:
                results[one["result"]] += 1
                waiting += one["quarantined"]
                if one["was"]:
                    became[one["was"]] = one["id"]
    if options.json:
        left_out = results.pop("rejected (left out)")
        show.print_json({"skipped": left_out, **results, "waiting": waiting})
        return 0
    told = ", ".join(f"{number:,} {name}" for name, number in results.items() if number)
    sys.stdout.write(f"{told or 'nothing was in the file'}\n")
    if waiting:
        show.note(
            f"atlas: {waiting:,} of them wait for you:"
            " atlas memory list --global --state quarantined"
            + ("" if options.trust else "; of an export of your own: import --trust")
        )
    return 0


def _parts(numbered: Iterable[Numbered]) -> Iterator[list[Numbered]]:
    """Parts that one line of the socket holds; one that replaces another begins a part."""
    for part in in_parts(numbered):
        begun: list[Numbered] = []
        for number, item in part:
            if begun and item.get("supersedes"):
                yield begun
                begun = []
            begun.append((number, item))
        yield begun


def _with_new_ids(item: dict[str, Any], became: dict[str, str]) -> dict[str, Any]:
    """What it replaces, as far as that came over too."""
    old = item.get("supersedes")
    if not isinstance(old, list):
        return item
    return {**item, "supersedes": [became[id] for id in old if id in became]}
