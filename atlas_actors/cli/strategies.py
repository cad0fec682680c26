"""atlas strategies: how requests are gone about, what is known of each way, and why work moved."""

import argparse
import sys
from collections import Counter
from collections.abc import Iterable
from typing import Any, Final

from atlas_actors.cli import lineage, show
from atlas_actors.cli.client import Client
from atlas_actors.home import Home

REPLAY_S: Final = 610.0
EVOLVE_S: Final = 60.0
RATE_OF: Final = (
    "* how often who was asked first passed, since it last changed, with its 95 % interval; pareto:"
    " nobody is better and cheaper"
)


def add_to(groups: Any) -> None:
    """Add the command."""
    command = groups.add_parser("strategies", help="ways to go about requests, and how they do")
    verbs = command.add_subparsers(dest="verb", metavar="VERB")
    for parser in (command, verbs.add_parser("list", help="what is known of each")):
        parser.add_argument("--intent", help="of this one only")
        parser.add_argument("--all", action="store_true", help="also untried and retired ones")
        _finish(parser, run_list)
    shown = verbs.add_parser("show", help="one: its genes, its record, its story")
    shown.add_argument("id", metavar="ID", help="or how it begins")
    _finish(shown, run_show)
    tree = verbs.add_parser("lineage", help="who came from whom, and why work moved")
    tree.add_argument("id", metavar="ID", nargs="?", help="the story of this one only")
    tree.add_argument("--intent", help="of this one only")
    tree.add_argument("--all", action="store_true", help="also where nothing was tried yet")
    tree.add_argument("--limit", type=int, default=50, metavar="N", help="lines of the story")
    _finish(tree, run_lineage)
    evolve = verbs.add_parser("evolve", help="let evolve what there is new evidence for")
    evolve.add_argument("--intent", help="this one only")
    _finish(evolve, run_evolve)
    pin = verbs.add_parser("pin", help="in its intent always this one")
    pin.add_argument("id", metavar="ID", help="or how it begins")
    _finish(pin, run_pin)
    unpin = verbs.add_parser("unpin", help="leave the choice in an intent to Atlas again")
    unpin.add_argument("intent", metavar="INTENT")
    _finish(unpin, run_unpin)
    retire = verbs.add_parser("retire", help="never choose it again")
    retire.add_argument("id", metavar="ID", help="or how it begins")
    retire.add_argument("--reason", default="", help="is kept in its story")
    _finish(retire, run_retire)
    replay = verbs.add_parser("replay", help="make the choices of the log again, and compare")
    replay.add_argument("--limit", type=int, metavar="N", help="only the newest N")
    _finish(replay, run_replay)


def run_list(options: argparse.Namespace, home: Home) -> int:
    """A table, by intent, the best known first; where nothing was tried yet, only that."""
    params: dict[str, Any] = {"all": options.all}
    if options.intent:
        params["intent"] = options.intent
    with Client(home) as client:
        found = client.call("strategy.list", **params)
    if options.json:
        show.print_json(found)
        return 0
    listed = found["strategies"]
    quiet = _quiet(options, listed)
    show.table(
        ("id", "intent", "state", "success*", "cost", "takes", "asks first, and how"),
        (
            (
                one["id"],
                one["intent"],
                lineage.state_of(one),
                lineage.rate(one),
                show.usd(one["cost_usd"]) if one["cost_usd"] is not None else "-",
                show.duration(one["latency_ms"]),
                lineage.genes(one["genome"]),
            )
            for one in listed
            if one["intent"] not in quiet
        ),
        "nothing was tried yet",
        cut=True,
        drop=("takes", "cost", "intent") if options.intent else ("takes", "cost"),
    )
    if len(quiet) < len({one["intent"] for one in listed}):
        sys.stdout.write(f"{RATE_OF}\n")
    _say_quiet(quiet)
    return 0


def run_show(options: argparse.Namespace, home: Home) -> int:
    """Everything about one."""
    with Client(home) as client:
        found = client.call("strategy.show", id=options.id)
    if options.json:
        show.print_json(found)
        return 0
    sys.stdout.write("\n".join(_shown(found)) + "\n")
    return 0


def run_lineage(options: argparse.Namespace, home: Home) -> int:
    """A tree of each intent, and its story below."""
    params: dict[str, Any] = {"limit": options.limit}
    params |= {"intent": options.intent} if options.intent else {}
    params |= {"id": options.id} if options.id else {}
    with Client(home) as client:
        found = client.call("strategy.lineage", **params)
    if options.json:
        show.print_json(found)
        return 0
    told = [intent for intent in found["intents"] if intent["story"]]
    quiet = _quiet(options, [one for each in found["intents"] for one in each["strategies"]])
    quiet = [name for name in quiet if name not in {intent["intent"] for intent in told}]
    lines = [
        line
        for intent in found["intents"]
        if intent["intent"] not in quiet
        for line in lineage.family(intent)
    ]
    width = show.terminal_width()
    sys.stdout.writelines(f"{part}\n" for line in lines for part in lineage.fitted(line, width))
    if lines:
        sys.stdout.write(f"{RATE_OF}\n")
    _say_quiet(quiet)
    return 0


def run_evolve(options: argparse.Namespace, home: Home) -> int:
    """What was done, and what was not and why."""
    params = {"intent": options.intent} if options.intent else {}
    with Client(home) as client:
        found = client.call("strategy.evolve", EVOLVE_S, **params)
    if options.json:
        show.print_json(found)
        return 0
    idle = [step for step in found["steps"] if step["what"] == "nothing"]
    alike = Counter(step["why"] for step in idle)
    show.table(
        ("intent", "did", "strategy", "why"),
        (
            (step["intent"], step["what"], step["strategy"] or "-", show.plain(step["why"]))
            for step in found["steps"]
            if step["what"] != "nothing" or alike[step["why"]] == 1
        ),
        "nothing called for a change",
        cut=True,
    )
    for why, times in alike.items():
        if times > 1:
            sys.stdout.write(f"{times} intents: nothing, {show.plain(why)}\n")
    return 0


def run_pin(options: argparse.Namespace, home: Home) -> int:
    """A person's standing choice."""
    return _wish(options, home, "strategy.pin", id=options.id)


def run_unpin(options: argparse.Namespace, home: Home) -> int:
    """No longer."""
    return _wish(options, home, "strategy.unpin", intent=options.intent)


def run_retire(options: argparse.Namespace, home: Home) -> int:
    """Never again."""
    return _wish(options, home, "strategy.retire", id=options.id, reason=options.reason)


def run_replay(options: argparse.Namespace, home: Home) -> int:
    """0 when each choice is the same again, else 1."""
    params = {} if options.limit is None else {"limit": options.limit}
    with Client(home) as client:
        found = client.call("strategy.replay", REPLAY_S, **params)
    if options.json:
        show.print_json(found)
    else:
        sys.stdout.write("\n".join(_replayed(found)) + "\n")
    return 0 if found["same"] == found["choices"] else 1


def _quiet(options: argparse.Namespace, listed: Iterable[dict[str, Any]]) -> list[str]:
    """Intents of which nobody has asked for more, and in which nothing has happened yet."""
    if options.intent or options.all or getattr(options, "id", None):
        return []
    busy: dict[str, bool] = {}
    for one in listed:
        happened = one["n"] > 0 or one["parents"] or one["pinned"] or one["state"] != "active"
        busy[one["intent"]] = busy.get(one["intent"], False) or bool(happened)
    return [name for name, is_busy in busy.items() if not is_busy]


def _say_quiet(intents: list[str]) -> None:
    if intents:
        sys.stdout.write(
            f"not tried yet: {', '.join(intents)} (--intent NAME or --all shows them)\n"
        )


def _finish(parser: argparse.ArgumentParser, run: Any) -> None:
    parser.add_argument("--json", action="store_true")
    parser.set_defaults(run=run)


def _wish(options: argparse.Namespace, home: Home, method: str, **params: Any) -> int:
    with Client(home) as client:
        step = client.call(method, **params)
    if options.json:
        show.print_json(step)
        return 0
    named = f" {step['strategy']}" if step["strategy"] else ""
    why = f": {show.plain(step['why'])}" if step["why"] else ""
    sys.stdout.write(f"{step['intent']}: {step['what']}{named}{why}\n")
    return 0


def _shown(found: dict[str, Any]) -> list[str]:
    fields = [
        ("id", found["id"]),
        ("intent", found["intent"]),
        ("state", lineage.state_of(found)),
        ("asks", " → ".join(show.plain(name) for name in found["genome"]["providers"])),
        ("how", lineage.genes(found["genome"], with_lead=False)),
        ("comes from", lineage.origin(found)),
        ("why", show.plain(found["why"])),
        ("born", show.when(found["born_at_ms"])),
    ]
    lines = [f"{name:<12}{text}" for name, text in fields if text]
    template = found["genome"]["template"]
    if template:
        lines += ["template", *(f"  {line}" for line in show.plain(template).splitlines())]
    lines.append("success, since it last changed")
    lines += [f"  {band['band']:<6}{_band(band)}" for band in found["bands"]] or ["  not tried yet"]
    if found["lifetime"]:
        lines.append("verified, of all choices that are kept")
        lines += [f"  {kept['band']:<6}{_kept(kept)}" for kept in found["lifetime"]]
    for pair in found["pairs"]:
        lines.append(lineage.pair(pair))
    if found["story"]:
        lines += ["story", *(f"  {lineage.line(note)}" for note in found["story"])]
    return lines


def _band(band: dict[str, Any]) -> str:
    cost = "" if band["cost_usd"] is None else f", {show.usd(band['cost_usd'])} each"
    time = "" if band["latency_ms"] is None else f", {show.duration(band['latency_ms'])}"
    drifted = f", changed {show.when(band['drift_at_ms'])}" if band["drift_at_ms"] else ""
    return f"{lineage.rate(band)}{cost}{time}{drifted}"


def _kept(kept: dict[str, Any]) -> str:
    rest = [
        f"{kept[name]} {what}"
        for name, what in (("weak", "only looked at as text"), ("unknown", "with no say"))
        if kept[name]
    ]
    chosen = show.count(kept["choices"], "choice")
    return f"{lineage.rate(kept)}, {', '.join([chosen, *rest])}"


def _replayed(found: dict[str, Any]) -> list[str]:
    if not found["choices"]:
        return ["no choices were kept yet"]
    lines = [
        f"{found['same']:,} of {found['choices']:,} choices the same, from choice"
        f" {found['from_choice']} on"
    ]
    for one in found["different"]:
        lines.append(f"  choice {one['choice']}: was {one['then']}, would be {one['now']}")
    return lines
