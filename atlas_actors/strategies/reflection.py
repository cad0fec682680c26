"""Pure: when what failed is thought over, and what of the answer may become a template."""

import json
import re
import unicodedata
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any, Final

import attrs

from atlas_actors.errors import UsageError
from atlas_actors.json_schema import SchemaValidator, object_schema
from atlas_actors.messages.strategy import Step
from atlas_actors.redaction import Redactor
from atlas_actors.strategies.events import Born
from atlas_actors.strategies.genome import from_json

PREFIX: Final = "reflect:"  # what the keys of such tasks begin with
FAILURES_LEAST: Final = 5  # new ones of a leading strategy
FAILURES_SHOWN: Final = 8
BUDGET_USD: Final = 0.1
PLACE: Final = "{request}"
TEMPLATE_CHARACTERS: Final = 4_000
ANSWER_CHARACTERS: Final = 20_000
WHY_CHARACTERS: Final = 300
ANSWER: Final = object_schema(
    {
        "template": {"type": "string", "minLength": 1, "maxLength": TEMPLATE_CHARACTERS},
        "why": {"type": "string", "maxLength": 2_000},
    },
    "template",
    "why",
)
_VALIDATOR: Final = SchemaValidator(ANSWER)
_REDACTOR: Final = Redactor()
_REDACTED: Final = re.compile(r"\[secret:|\[private\]")
# A template says how to go about a request; an address in it would send every request somewhere.
_ADDRESS: Final = re.compile(r"(?i)\b[a-z][a-z0-9+.-]{1,20}://|\bwww\.")
_HIDDEN: Final = frozenset({"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"})


def strategy_to_reflect(
    failures: Mapping[str, Sequence[str]], leaders: Collection[str]
) -> str | None:
    """Of an intent's leading strategies the one that has failed most, if that is often enough.

    `failures` are the tasks that failed since it was last thought over, by strategy.
    """
    counts = {name: len(failures.get(name, ())) for name in leaders}
    name = max(counts, key=lambda name: (counts[name], name), default=None)
    return name if name is not None and counts[name] >= FAILURES_LEAST else None


def key_of(intent: str, upto: int) -> str:
    """The idempotency key of the task: however often it is submitted, it is one. `upto` is the
    number of the last failure that it is about, which none of them has in common."""
    return f"{PREFIX}{intent}:{upto}"


def template_of(answer: str, known: Iterable[str]) -> tuple[str, str]:
    """(template, why) of what a model has answered; `known` are the templates of the intent.

    Raises UsageError, which does not quote the answer, for what must not become a template.
    """
    said = _said(answer)
    template = said["template"].strip()
    if template.count(PLACE) != 1:
        raise UsageError(f"the template must hold {PLACE} once")
    if any(unicodedata.category(letter) in _HIDDEN for letter in template.replace("\n", "")):
        raise UsageError("the template holds characters that nobody sees")
    if _ADDRESS.search(template):
        raise UsageError("the template holds an address")
    if _REDACTED.search(template) or _REDACTOR.found(template):
        raise UsageError("the template holds what looks like a secret")
    if plain(template) in {PLACE, *map(plain, known)}:
        raise UsageError("there is such a template already")
    return template, _one_line(said["why"])


def birth_of(
    row: Mapping[str, Any], parent: Mapping[str, Any], template: str, why: str, at_ms: int
) -> Born:
    """The parent with another template; the failures that it was about stand in the reason."""
    tasks = ", ".join(json.loads(row["tasks"]))
    return Born(
        intent=row["intent"],
        genome=attrs.evolve(from_json(json.loads(parent["genome"])), template=template),
        parents=(row["parent"],),
        operator="reflection",
        why=f"{why or 'no reason given'} (thought over: {tasks})",
        at_ms=at_ms,
    )


def nothing(row: Mapping[str, Any], why: str) -> Step:
    """Nothing came of it."""
    return Step(intent=row["intent"], what="nothing", strategy=row["parent"], why=why)


def plain(template: str) -> str:
    """A template as far as two of them differ."""
    return " ".join(template.casefold().split())


def _said(answer: str) -> dict[str, Any]:
    if len(answer) > ANSWER_CHARACTERS:
        raise UsageError(f"the answer has more than {ANSWER_CHARACTERS} characters")
    try:
        said = json.loads(answer)
    except (ValueError, RecursionError) as error:
        raise UsageError("the answer is not JSON") from error
    if _VALIDATOR.problem(said):  # which would quote it
        raise UsageError("the answer does not fit its schema")
    assert isinstance(said, dict)
    return said


def _one_line(text: str) -> str:
    """A reason that fits a line of the lineage."""
    shown = "".join(letter if letter.isprintable() else " " for letter in text)
    return " ".join(_REDACTOR.text(shown).split())[:WHY_CHARACTERS]
