"""atlas route, routes, pin: who would do a request and why, what came of it, and your say in it."""

import argparse
import os
import sys
from pathlib import Path
from typing import Any, Final

from atlas_actors.cli import show
from atlas_actors.cli.client import Client
from atlas_actors.errors import UsageError
from atlas_actors.home import Home

_COLUMNS: Final = (
    "decisions",
    "share",
    "confidence",
    "mean",
    "right by you",
    "succeeded",
    "estimated",
    "cost",
)


def add_to(groups: Any) -> None:
    """Add the commands of this group."""
    route = groups.add_parser(
        "route",
        help="who would do this, and why; nothing is executed",
        description="atlas route TEXT; atlas route correct ID --intent NAME; atlas route lint",
    )
    route.add_argument("words", metavar="TEXT", nargs="+")
    route.add_argument("--cwd", metavar="DIR", help="the directory that the work is about")
    route.add_argument("--session", metavar="ID", help="as a turn of this session")
    route.add_argument("--provider", metavar="NAME")
    route.add_argument("--explain", action="store_true", help="all rules, features and numbers")
    route.add_argument("--intent", metavar="NAME", help="with correct: what it should have been")
    route.add_argument("--json", action="store_true")
    route.set_defaults(run=run_route)
    routes = groups.add_parser("routes", help="decisions so far: list, stats")
    routes.add_argument("what", choices=("list", "stats"), nargs="?", default="list")
    routes.add_argument("--limit", type=int, default=20, metavar="N")
    routes.add_argument("--json", action="store_true")
    routes.set_defaults(run=run_routes)
    pin = groups.add_parser("pin", help="always this provider; without a name: the pins")
    pin.add_argument("provider", metavar="PROVIDER", nargs="?")
    pin.add_argument("--session", metavar="ID", help="for one session only")
    pin.add_argument("--here", action="store_true", help="for requests with a --cwd here or below")
    pin.add_argument("--off", action="store_true", help="take the pin away")
    pin.add_argument("--json", action="store_true")
    pin.set_defaults(run=run_pin)


def run_route(options: argparse.Namespace, home: Home) -> int:
    """Decide, correct or lint."""
    words: list[str] = options.words
    if words[0] == "correct" and options.intent:
        if len(words) != 2:
            raise UsageError("atlas route correct takes one id", cure="atlas routes list")
        return _correct(words[1], options, home)
    if options.intent:
        raise UsageError("--intent belongs to: atlas route correct ID --intent NAME")
    if words == ["lint"]:
        return _lint(options)
    return _decide(" ".join(words), options, home)


def _decide(text: str, options: argparse.Namespace, home: Home) -> int:
    params: dict[str, Any] = {"text": text, "explain": options.explain}
    if options.cwd:
        params["cwd"] = os.fspath(Path(options.cwd).resolve())
    for name in ("provider", "session"):
        if getattr(options, name):
            params[name] = getattr(options, name)
    with Client(home) as client:
        route = client.call("route.decide", **params)
    if options.json:
        show.print_json(route)
        return 0
    sys.stdout.write("\n".join([*_lines(route), *_explained(route)]) + "\n")
    return 0


def _lines(route: dict[str, Any]) -> list[str]:
    """A decision for people."""
    decided = f"layer {route['layer']}" if route["layer"] else "no layer is sure"
    lines = [
        f"intent      {route['intent']} ({decided}, confidence {route['confidence']:.2f})",
        f"because     {route['reason']}",
        f"complexity  {route['complexity']} of 10, mode {route['mode']}",
        f"tier        {route['tier']}",
    ]
    if route["needs"]:
        lines.append(f"needs       {', '.join(route['needs'])}")
    if route["agent"]:
        lines.append(f"agent       {route['agent']}")
    if route["session_rule"]:
        lines.append(f"session     {route['session_rule']}")
    provider = route["provider"] or "none can do it now"
    lines.append(f"provider    {provider}, about {show.usd(route['estimated_usd'])}")
    lines += [
        f"            {link['provider']}: {link['verdict']}, {link['why']}"
        for link in route["chain"]
    ]
    lines += [f"strategy    {words}" for words in show.strategy(route)]
    return [*lines, f"id          {route['id']}"]


def _explained(route: dict[str, Any]) -> list[str]:
    """What --explain adds."""
    more = route.get("explain")
    if not more:
        return []
    pastes = ", ".join(more["pastes"]) or "none"
    guess = more["layer2"]
    return [
        "",
        f"the ask     {show.one_line(more['ask'], 100)}",
        f"            language {more['language']}, pastes: {pastes},"
        f" harness blocks: {'yes' if more['harness'] else 'no'}",
        f"rules       {', '.join(rule['id'] for rule in more['rules']) or 'none matches'}",
        f"layer 2     {guess['intent']} at {guess['confidence']:.2f},"
        f" answers from {guess['threshold']:.2f} on",
        "others      "
        + ", ".join(f"{item['intent']} {item['share']:.2f}" for item in more["alternatives"]),
        "features    "
        + ", ".join(f"{item['feature']} {item['weight']:+.2f}" for item in more["features"]),
        f"usually     {route['answer_tokens']} tokens of answer, checked by"
        f" {more['meaning']['check']}, at most {show.usd(more['meaning']['budget_usd'])}",
        "breakers    "
        + ", ".join(f"{link['provider']} {link['breaker']}" for link in route["chain"]),
    ]


def _correct(id: str, options: argparse.Namespace, home: Home) -> int:
    with Client(home) as client:
        found = client.call("route.correct", id=id, intent=options.intent)
    if options.json:
        show.print_json(found)
        return 0
    what = "confirmed" if found["said"] == found["intent"] else f"was {found['said']}"
    lines = [f"{found['id']}: {found['intent']} ({what})"]
    if found["rule"]:
        state = "answers" if found["answers"] else "is silenced: Layer 2 decides instead"
        lines.append(f"rule {found['rule']}: lower bound {found['lower_bound']:.2f}, {state}")
    lines.append("kept for the next training: scripts/train-router --home DIR")
    sys.stdout.write("\n".join(lines) + "\n")
    return 0


def _lint(options: argparse.Namespace) -> int:
    """Check the shipped and the user's rules; no daemon is needed."""
    from atlas_actors.config import load
    from atlas_actors.router.actor import tables_of
    from atlas_actors.router.lint import findings
    from atlas_actors.router.records import rule_records
    from atlas_actors.router.trust import Trust
    from atlas_actors.store import Reader

    config = load(os.environ)
    tables = tables_of(config.routing, config.intents, config.rules)
    database = config.home.state / "router.db"
    lived = rule_records(Reader(database)) if database.exists() else {}
    trust = Trust(tables.classifier.rules, lived)
    found = list(findings(tables.book.rules, tables.intents, trust))
    if options.json:
        listed = [{"rule": one.rule, "kind": one.kind, "text": one.text} for one in found]
        show.print_json({"rules": len(tables.book.rules), "findings": listed})
    else:
        rows = [(one.rule, one.kind, one.text) for one in found]
        show.table(("rule", "kind", "what"), rows, f"{len(tables.book.rules)} rules, all well")
    return 1 if any(one.kind != "silenced" for one in found) else 0


def run_routes(options: argparse.Namespace, home: Home) -> int:
    """List decisions, or what came of them."""
    with Client(home) as client:
        if options.what == "stats":
            found = client.call("route.stats")
        else:
            found = client.call("route.list", limit=max(1, min(200, options.limit)))
    if options.json:
        show.print_json(found)
        return 0
    if options.what == "list":
        show.table(
            ("id", "when", "layer", "rule", "intent", "confidence", "provider", "outcome", "cost"),
            (
                (
                    row["id"],
                    show.when(row["at_ms"]),
                    str(row["layer"] or "-"),
                    row["rule"] or "-",
                    row["intent"],
                    f"{row['confidence']:.2f}",
                    row["provider"] or "-",
                    row["outcome"] or "-",
                    show.usd(row["cost_usd"]),
                )
                for row in found["routes"]
            ),
            "nothing was routed yet",
        )
        return 0
    if not found["decisions"]:
        sys.stdout.write("nothing was routed yet\n")
        return 0
    sys.stdout.write(f"{found['decisions']} decisions, {found['coverage']:.1%} answered\n\n")
    for group in ("layers", "intents"):
        show.table(
            (group[:-1], *_COLUMNS),
            (
                (
                    name,
                    str(part["decisions"]),
                    f"{part['share']:.0%}",
                    f"{part['mean_confidence']:.2f}",
                    f"{part['mean_us']:.0f} µs",
                    _rate(part["corrected"]),
                    _rate(part["outcomes"]),
                    show.usd(part["estimated_usd"]),
                    show.usd(part["cost_usd"]),
                )
                for name, part in found[group].items()
            ),
            "",
        )
        sys.stdout.write("\n")
    return 0


def _rate(rate: dict[str, Any]) -> str:
    if rate["rate"] is None:
        return f"not enough data (n={rate['n']})"
    return f"{rate['rate']:.0%} ({rate['low']:.0%} to {rate['high']:.0%}, n={rate['n']})"


def run_pin(options: argparse.Namespace, home: Home) -> int:
    """Pin, unpin or list."""
    if options.session and options.here:
        raise UsageError("--session and --here exclude each other")
    if options.off and options.provider:
        raise UsageError("--off takes no provider")
    params: dict[str, Any] = {}
    if options.provider or options.off:
        params["provider"] = options.provider
        if options.session:
            params["session"] = options.session
        if options.here:
            params["cwd"] = os.fspath(Path.cwd())
    elif options.session or options.here:
        raise UsageError("name a provider, or --off")
    with Client(home) as client:
        found = client.call("route.pin", **params)
    if options.json:
        show.print_json(found)
        return 0
    show.table(
        ("for", "provider"),
        ((f"{pin['scope']} {pin['name']}".strip(), pin["provider"]) for pin in found["pins"]),
        "nothing is pinned",
    )
    return 0
