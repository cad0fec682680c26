"""atlas outcomes: what actions came to, how often they succeed, and what to prefer."""

import argparse
import sys
import time
from typing import Any, Final

from atlas_actors.cli import lineage, show
from atlas_actors.cli.client import Client
from atlas_actors.clock import DAY_MS
from atlas_actors.errors import UsageError
from atlas_actors.home import Home
from atlas_actors.messages.outcome_kinds import KINDS, RESULTS

RESCUED: Final = (
    "a task that another provider put right is a success; how often who was asked first\n"
    "passed: atlas strategies list"
)
_BY: Final = ("kind", "intent", "provider", "strategy", "rule", "project")


def add_to(groups: Any) -> None:
    """Add the commands of this group."""
    outcomes = groups.add_parser("outcomes", help="what actions came to, and what to prefer")
    verbs = outcomes.add_subparsers(dest="verb", metavar="VERB")
    listed = verbs.add_parser("list", help="as they stand, newest first")
    for parser in (outcomes, listed):
        _common(parser, run_list)
        parser.add_argument("--result", choices=RESULTS)
        parser.add_argument("--intent", metavar="NAME")
        parser.add_argument("--provider", metavar="NAME")
        parser.add_argument("--project", metavar="DIRECTORY")
        parser.add_argument("--limit", type=int, default=20, metavar="N")
    stats = verbs.add_parser("stats", help="how often they succeed, with 95 %% intervals")
    _common(stats, run_stats)
    stats.add_argument("--by", choices=_BY, default="kind")
    _common(
        verbs.add_parser("patterns", help="what does better or worse than the rest"), run_patterns
    )
    recommend = verbs.add_parser("recommend", help="which provider, strategy and rule to prefer")
    _common(recommend, run_recommend)
    recommend.add_argument("--intent", metavar="NAME")
    recommend.add_argument("--project", metavar="DIRECTORY")
    amend = verbs.add_parser("amend", help="say what one came to after all")
    amend.add_argument("id", metavar="ID")
    amend.add_argument("result", choices=RESULTS)
    amend.add_argument("reason", metavar="REASON")
    amend.add_argument("--json", action="store_true")
    amend.set_defaults(run=run_amend)


def _common(parser: argparse.ArgumentParser, run: Any) -> None:
    parser.add_argument("--kind", choices=KINDS)
    parser.add_argument("--days", type=float, metavar="N", help="of the last N days only")
    parser.add_argument("--json", action="store_true")
    parser.set_defaults(run=run)


def run_list(options: argparse.Namespace, home: Home) -> int:
    """A line for each, and one for each thing that amended it."""
    names = ("kind", "result", "intent", "provider", "project", "limit")
    found = _call(home, "outcome.list", options, *names)
    if options.json:
        show.print_json(found)
        return 0
    show.table(
        ("id", "when", "kind", "result", "what"),
        (row for outcome in found["outcomes"] for row in _rows(outcome)),
        "no outcomes",
        cut=True,
        drop=("when",),
    )
    return 0


def _rows(outcome: dict[str, Any]) -> list[tuple[str, ...]]:
    names = ("provider", "intent", "verified_by", "action")
    what = [outcome["context"].get("client"), *(outcome[name] for name in names)]
    result = "fault" if outcome["infrastructure"] else outcome["result"]
    rows: list[tuple[str, ...]] = [
        (
            outcome["id"],
            show.when(outcome["at_ms"]),
            outcome["kind"],
            result,
            ", ".join(word for word in what if word),
        )
    ]
    for amended in outcome["amendments"]:
        was = f"was {amended['before']}" if amended["stood"] else "something stronger stood"
        rows.append(("", "", "", "", f"{amended['verified_by']}: {amended['reason']} ({was})"))
    return rows


def run_stats(options: argparse.Namespace, home: Home) -> int:
    """Rates by one thing."""
    found = _call(home, "outcome.stats", options, "by", "kind")
    if options.json:
        show.print_json(found)
        return 0
    named = ("kind",) if options.by == "kind" else ("kind", options.by)
    leading = _leads(home, options.by == "strategy")
    show.table(
        (*named, "n", "partly", "faults*", "success", "95 %"),
        (
            (
                *(show.one_line(lineage.named(row[name] or "-", leading), 24) for name in named),
                str(row["judged"]),
                str(row["partials"]),
                str(row["infrastructure"]),
                *(_share(row) if row["enough"] else ("-", row["note"])),
            )
            for row in found["rates"]
        ),
        "no outcomes",
    )
    if found["rates"]:
        sys.stdout.write("* of the way, not of the answer: they count in no rate\n")
    if found["rates"] and options.by == "strategy":
        sys.stdout.write(f"{RESCUED}\n")
    return 0


def run_patterns(options: argparse.Namespace, home: Home) -> int:
    """What stands out."""
    found = _call(home, "outcome.patterns", options, "kind")
    if options.json:
        show.print_json(found)
        return 0
    if not found["patterns"]:
        sys.stdout.write("nothing stands out, or there is not enough data\n")
    leading = _leads(home, any("strategy" in row["where"] for row in found["patterns"]))
    for row in found["patterns"]:
        named = {name: lineage.named(value, leading) for name, value in row["where"].items()}
        where = ", ".join(f"{name} {value}" for name, value in named.items())
        sys.stdout.write(
            f"{row['kind']}s with {where} {'do better' if row['better'] else 'do worse'}:\n"
            f"  {show.percent(row['rate'])} of {row['n']} succeed ({_interval(row)}),"
            f" of the {row['rest_n']} others {show.percent(row['rest'])}\n"
        )
    return 0


def run_recommend(options: argparse.Namespace, home: Home) -> int:
    """What to prefer, and why."""
    found = _call(home, "outcome.recommend", options, "kind", "intent", "project")
    if options.json:
        show.print_json(found)
        return 0
    if not found["recommendations"]:
        sys.stdout.write(f"nothing is preferred by outcomes of {options.kind}s\n")
    known = [row["what"] for row in found["recommendations"] if row["prefer"] is not None]
    leading = _leads(home, "strategy" in known)
    for row in found["recommendations"]:
        if row["prefer"] is None:
            sys.stdout.write(f"{row['what']}: {row['why']}\n")
            continue
        prefer = lineage.named(row["prefer"], leading)
        why = " ".join(lineage.named(word, leading) for word in row["why"].split())
        sys.stdout.write(f"{row['what']}: {prefer}: {why}\n")
        for one in row["evidence"]:
            share, interval = _share(one)
            sys.stdout.write(
                f"  {lineage.named(one['value'], leading)}: {share} of {one['judged']}"
                f" {row['kind']}s succeed ({interval}), {show.usd(one['cost_each_usd'])} each\n"
            )
    if "strategy" in known:
        sys.stdout.write(f"{RESCUED}\n")
    return 0


def run_amend(options: argparse.Namespace, home: Home) -> int:
    """Amend one."""
    with Client(home) as client:
        found = client.call(
            "outcome.amend", id=options.id, result=options.result, reason=options.reason
        )
    if options.json:
        show.print_json(found)
    elif found["changed"]:
        sys.stdout.write(f"{found['id']} was {found['before']}, and is {options.result} now\n")
    elif found["before"] == options.result:
        sys.stdout.write(f"{found['id']} is {found['before']} already\n")
    else:
        sys.stdout.write(f"{found['id']} stays {found['before']}: that is nothing stronger\n")
    return 0


def _leads(home: Home, wanted: bool) -> dict[str, str]:
    """Who is asked first by each strategy, where that is told."""
    if not wanted:
        return {}
    with Client(home) as client:
        return lineage.leads(client)


def _call(home: Home, method: str, options: argparse.Namespace, *names: str) -> Any:
    given = {name: getattr(options, name) for name in names}
    params = {name: value for name, value in given.items() if value is not None}
    if options.days is not None:
        if not options.days > 0:
            raise UsageError("--days takes a number above 0", cure="--days 7 is the last week")
        params["since_ms"] = max(0, int(time.time() * 1000 - options.days * DAY_MS))
    with Client(home) as client:
        return client.call(method, **params)


def _share(row: dict[str, Any]) -> tuple[str, str]:
    return show.percent(row["rate"]), _interval(row)


def _interval(row: dict[str, Any]) -> str:
    return f"{show.percent(row['low'])} to {show.percent(row['high'])}"
