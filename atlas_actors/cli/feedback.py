"""atlas feedback, health: how every part does, and what Atlas turns because of it."""

import argparse
import sys
from collections.abc import Iterator, Mapping
from typing import Any, Final

from atlas_actors.cli import lineage, show
from atlas_actors.cli.client import Client
from atlas_actors.home import Home
from atlas_actors.intervals import ENOUGH

RUN_S: Final = 90.0
DECIDE: Final = "atlas feedback approve {0}, or reject {0}"
VERBS: Final = {
    "approve": "have an adjustment made that was proposed",
    "reject": "do not have it made",
    "undo": "take an adjustment back",
}


def add_to(groups: Any) -> None:
    """Add the commands of this group."""
    feedback = groups.add_parser("feedback", help="what is weak, slow or improving, and what to do")
    verbs = feedback.add_subparsers(dest="verb", metavar="VERB")
    for parser in (feedback, verbs.add_parser("run", help="look now")):
        parser.add_argument("--json", action="store_true")
        parser.set_defaults(run=run_look)
    history = verbs.add_parser("history", help="what was adjusted, why, and what came of it")
    history.add_argument("--limit", type=int, default=20)
    history.add_argument("--json", action="store_true")
    history.set_defaults(run=run_history)
    knobs = verbs.add_parser("knobs", help="what can be adjusted, and within which bounds")
    knobs.add_argument("--json", action="store_true")
    knobs.set_defaults(run=run_knobs)
    for verb, about in VERBS.items():
        decide = verbs.add_parser(verb, help=about)
        decide.add_argument("id", metavar="N", type=int)
        decide.add_argument("--json", action="store_true")
        decide.set_defaults(run=run_decide)

    health = groups.add_parser("health", help="how every part does")
    health.add_argument("--json", action="store_true")
    health.set_defaults(run=run_health)


def run_look(options: argparse.Namespace, home: Home) -> int:
    """Look at every part, and say what was found and done."""
    with Client(home) as client:
        ended = client.call("feedback.run", RUN_S)
    if options.json:
        show.print_json(ended)
    else:
        sys.stdout.write("\n".join(map(show.plain, _told(ended))) + "\n")
    return 0


def run_history(options: argparse.Namespace, home: Home) -> int:
    """Each adjustment with its reason and its result."""
    with Client(home) as client:
        found = client.call("feedback.history", limit=options.limit)
    if options.json:
        show.print_json(found)
        return 0
    lines = [line for one in found["adjustments"] for line in _explained(one)]
    sys.stdout.write("\n".join(map(show.plain, lines or ["nothing was adjusted"])) + "\n")
    return 0


def run_knobs(options: argparse.Namespace, home: Home) -> int:
    """A table of knobs."""
    with Client(home) as client:
        known = client.call("feedback.status")
    if options.json:
        show.print_json({"knobs": known["knobs"], "mode": known["mode"]})
        return 0
    show.table(
        ("knob", "now", "settings", "bounds"),
        (
            (
                knob["name"],
                f"{knob['value']:g}",
                f"{knob['default']:g}",
                f"{knob['low']:g} to {knob['high']:g}",
            )
            for knob in known["knobs"]
        ),
        "no knobs",
    )
    return 0


def run_decide(options: argparse.Namespace, home: Home) -> int:
    """A person decides on an adjustment."""
    with Client(home) as client:
        changed = client.call(f"feedback.{options.verb}", id=options.id)
    if options.json:
        show.print_json(changed)
    else:
        sys.stdout.write(f"{changed['id']} {changed['state']}: {_change(changed)}\n")
    return 0


def run_health(options: argparse.Namespace, home: Home) -> int:
    """Tables of parts and of actors."""
    with Client(home) as client:
        found = client.call("health.list")
        told = not options.json and any(part["kind"] == "strategy" for part in found["parts"])
        leading = lineage.leads(client) if told else {}
    if options.json:
        show.print_json(found)
        return 0
    show.table(
        ("kind", "part", "n", "success", "95 %", "before", "faults", "p50", "p90", "p99"),
        (_part_row(part, leading) for part in found["parts"]),
        "nothing has been done yet",
        drop=("p99", "p50", "before"),
    )
    show.table(
        ("actor", "state", "restarts", "waiting", "why"),
        (
            (
                actor["name"],
                actor["state"],
                str(actor["restarts"]),
                str(actor["waiting"]),
                show.plain(actor["reason"]),
            )
            for actor in found["actors"]
            if actor["reason"] or actor["restarts"] or actor["state"] != "running"
        ),
        "every actor runs",
        cut=True,
    )
    return 0


def _told(ended: Mapping[str, Any]) -> Iterator[str]:
    report = ended["report"]
    if not ended["new"]:
        yield f"no new evidence since {show.when(report['since_ms'])}; what was found then:"
    findings = report["findings"]
    for finding in findings:
        yield f"{finding['what']:<11}{finding['kind']} {finding['name']}: {finding['words']}"
    if report["more_findings"]:
        yield f"and {report['more_findings']} more (--json)"
    if not findings:
        yield "nothing is weak, slow, restarting or degraded"
    if not ended["new"]:
        return
    yield from (f"proposed   {title} (atlas proposals)" for title in report["proposed"])
    yield from (f"learned    {text}" for text in report["learned"])
    if report["measured"]:
        one = report["measured"]
        yield f"measured   adjustment {one['id']}: {_change(one)} {one['state']}: {one['result']}"
    made = report["adjustment"]
    if made is None:
        yield f"adjusted   nothing: {report['why']}"
        return
    verb = "adjusted" if made["state"] == "applied" else "proposed"
    yield f"{verb:<11}{_change(made)}: {made['why']}"
    if made["state"] == "proposed":
        yield f"           {DECIDE.format(made['id'])}"


def _explained(one: Mapping[str, Any]) -> Iterator[str]:
    yield f"{one['id']}  {show.when(one['made_at_ms'])}  {one['state']:<9} {_change(one)}"
    yield f"   why     {one['why']}"
    if one["result"]:
        yield f"   result  {one['result']}"
    elif one["state"] == "applied":
        yield f"   result  being measured since {show.when(one['applied_at_ms'])}"
    elif one["state"] == "proposed":
        yield f"   decide  {DECIDE.format(one['id'])}"


def _change(one: Mapping[str, Any]) -> str:
    return f"{one['knob']} {one['before']:g} → {one['after']:g}"


def _part_row(part: Mapping[str, Any], leading: dict[str, str]) -> tuple[str, ...]:
    judged, before = part["judged"], part["before_judged"]
    faults = ", ".join(f"{count} {fault}" for fault, count in sorted(part["faults"].items()))
    few = judged < ENOUGH
    return (
        part["kind"],
        show.plain(lineage.named(part["part"], leading)),
        str(part["n"]),
        "not enough data" if few else show.percent(part["success"] / judged),
        "-" if few else f"{100 * part['low']:.0f} to {100 * part['high']:.0f}",
        "-" if before < ENOUGH else show.percent(part["before_success"] / before),
        show.plain(faults) or "-",
        *(show.duration(part[name]) for name in ("p50_ms", "p90_ms", "p99_ms")),
    )
