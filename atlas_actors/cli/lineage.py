"""How strategies are told to people: rates with what they rest on, a family tree, a story."""

import textwrap
from collections import defaultdict
from typing import Any, Final

from atlas_actors.cli import show
from atlas_actors.cli.client import Client
from atlas_actors.errors import Unavailable
from atlas_actors.intervals import ENOUGH, wilson

LEAST: Final = 20  # characters in a line of its own, however narrow the terminal is


def rate(one: dict[str, Any]) -> str:
    """A share with its Wilson 95 % interval, or that there is too little to say."""
    n = one["n"]
    if not n:
        return "not tried yet"
    if not one["enough"]:
        return f"not enough data (n={_count(n)})"
    return f"{one['rate']:.2f} [{one['low']:.2f}-{one['high']:.2f}] n={_count(n)}"


def state_of(one: dict[str, Any]) -> str:
    """With what a person or the front of the best adds to it."""
    extra = [word for word in ("pinned", "pareto") if one[word]]
    return ", ".join([one["state"], *extra])


def genes(genome: dict[str, Any], *, with_lead: bool = True) -> str:
    """A genome in a line; a gene that adds nothing is left out."""
    words = [show.plain(genome["providers"][0])] if with_lead else []
    if genome["template"]:
        words.append(f"template {len(genome['template'])} characters")
    words.append(f"recall {genome['recall']}")
    if genome["context_tokens"]:
        words.append(f"context {genome['context_tokens']} tokens")
    if genome["plan_first"]:
        words.append("plans first")
    if genome["attempts"] > 1:
        words.append(f"{genome['attempts']} attempts")
    words.append(f"check {genome['check']}")
    if genome["temperature"] is not None:
        words.append(f"temperature {genome['temperature']:g}")
    return ", ".join(words)


def origin(one: dict[str, Any]) -> str:
    """By which operator, from whom."""
    if not one["parents"]:
        return str(one["operator"])
    return f"{one['operator']} of {' and '.join(one['parents'])}"


def family(intent: dict[str, Any]) -> list[str]:
    """One intent: its tree, then its story."""
    lines = [intent["intent"]]
    lines += _tree(intent["strategies"], _lives(intent["fates"]))
    if intent["story"]:
        lines += ["", *(f"  {line(note)}" for note in intent["story"])]
    return [*lines, ""]


def leads(client: Client) -> dict[str, str]:
    """Of each strategy who is asked first; none where strategies has not begun yet."""
    try:
        found = client.call("strategy.list", all=True)["strategies"]
    except Unavailable:
        return {}
    return {one["id"]: show.plain(one["lead"]) for one in found}


def named(id: str, leading: dict[str, str]) -> str:
    """A strategy by who is asked first, if that is known."""
    return f"{id} ({leading[id]})" if id in leading else id


def fitted(text: str, width: int | None) -> list[str]:
    """A line of a tree or a story in as many as it takes on a terminal of this width."""
    if width is None or len(text) <= width:
        return [text]
    head = text[: len(text) - len(text.lstrip("│├└─ "))]
    below = head.replace("├", "│").replace("└", " ").replace("─", " ") + "     "
    return textwrap.wrap(
        text, max(width, len(below) + LEAST), subsequent_indent=below, drop_whitespace=True,
        break_long_words=False, break_on_hyphens=False,
    )  # fmt: skip


def line(note: dict[str, Any]) -> str:
    """One dated line of the story."""
    named = f" {note['strategy']}" if note["strategy"] else ""
    why = f": {' '.join(show.plain(note['why']).split())}" if note["why"] else ""
    return f"{show.when(note['at_ms'])}  {note['what']}{named}{why}"


def pair(one: dict[str, Any]) -> str:
    """A challenger beside its parent."""
    return (
        f"challenger {one['child']} beside {one['parent']}: {show.count(one['pairs'], 'pair')},"
        f" {one['child_only']} only it passed, {one['parent_only']} only the other;"
        f" e-value {one['evalue']:.2g} of 20 (against it {one['against']:.2g})"
    )


def _tree(strategies: list[dict[str, Any]], lives: dict[str, list[str]]) -> list[str]:
    """Children under their first parent; a parent that is not there makes it a root."""
    ids = {one["id"] for one in strategies}
    children: dict[str | None, list[dict[str, Any]]] = defaultdict(list)
    for one in strategies:
        parent = next((id for id in one["parents"] if id in ids and id != one["id"]), None)
        children[parent].append(one)
    lines: list[str] = []
    waiting = [(one, "", at == len(children[None]) - 1) for at, one in enumerate(children[None])]
    waiting.reverse()
    while waiting:  # not by recursion: a family may be old
        one, indent, last = waiting.pop()
        lines.append(f"{indent}{'└─ ' if last else '├─ '}{_member(one)}")
        below = indent + ("   " if last else "│  ")
        own = children[one["id"]]
        lines += [f"{below}{'│  ' if own else '   '}{text}" for text in lives.get(one["id"], [])]
        waiting += [
            (child, below, at == len(own) - 1) for at, child in reversed(list(enumerate(own)))
        ]
    return lines


def _member(one: dict[str, Any]) -> str:
    numbers = _numbers(one["numbers"]) if one["parents"] else ""
    born = f" [{origin(one)}, {show.when(one['born_at_ms'])}{numbers}]" if one["parents"] else ""
    return f"{one['id']} {state_of(one)}  {rate(one)}  {genes(one['genome'])}{born}"


def _lives(fates: list[dict[str, Any]]) -> dict[str, list[str]]:
    """Promotion and death of each, with the numbers at that time."""
    lives: dict[str, list[str]] = defaultdict(list)
    for note in fates:
        told = f"{note['what']} {show.when(note['at_ms'])}{_numbers(note['numbers'])}"
        lives[note["strategy"]].append(told)
    return lives


def _numbers(numbers: dict[str, Any]) -> str:
    """What was known at that time: of itself, of its parents, of its pairs."""
    told = []
    if "e_value" in numbers:
        told.append(f"e-value {numbers['e_value']:.3g}, against it {numbers['e_worse']:.3g}")
    if "n" in numbers:
        told.append(_known(numbers))
    told += [
        f"{show.plain(name)} {_known(value)}"
        for name, value in numbers.items()
        if isinstance(value, dict) and "n" in value
    ]
    return "".join(f", {text}" for text in told)


def _known(numbers: dict[str, Any]) -> str:
    """As a rate, from successes and trials."""
    n, successes = numbers["n"], numbers["successes"]
    low, high = wilson(successes, n)
    share = successes / n if n else None
    return rate({"n": n, "rate": share, "low": low, "high": high, "enough": n >= ENOUGH})


def _count(n: float) -> str:
    """Old trials count less than new ones, so it may be a fraction."""
    return f"{n:.0f}" if n >= ENOUGH or abs(n - round(n)) < 0.05 else f"{n:.1f}"
