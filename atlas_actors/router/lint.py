"""Finds rules that never decide, that others hide, that do not do what they say, or are slow."""

from collections.abc import Collection, Iterator, Sequence
from typing import Final

import attrs
import re2

from atlas_actors.router.features import core_of, features_of
from atlas_actors.router.normalise import normalise
from atlas_actors.router.patterns import RuleBook
from atlas_actors.router.trust import Trust
from atlas_actors.settings import Rule

PROGRAM_MAX: Final = 5_000  # instructions of a compiled pattern; the shipped ones have under 1,200


@attrs.frozen(kw_only=True)
class Finding:
    """Something about a rule that a person should look at."""

    rule: str
    kind: str  # dead, shadowed, loose, slow, silenced
    text: str


def findings(
    rules: Sequence[Rule], intents: Collection[str], trust: Trust | None = None
) -> Iterator[Finding]:
    """Everything that is wrong with a table of rules, in its order."""
    book = RuleBook(rules)
    for rule in rules:
        if rule.intent not in intents:
            yield Finding(rule=rule.id, kind="dead", text=f"there is no intent {rule.intent}")
        deciding = _deciding(book, rule.example)
        alone = _deciding(RuleBook([rule]), rule.example)
        if alone is None:
            yield Finding(
                rule=rule.id, kind="dead", text=f"it does not decide its example: {rule.example}"
            )
        elif deciding is not rule and deciding is not None:
            yield Finding(
                rule=rule.id, kind="shadowed", text=f"{deciding.id} comes first: {rule.example}"
            )
        if rule.counter and _deciding(RuleBook([rule]), rule.counter) is not None:
            yield Finding(
                rule=rule.id, kind="loose", text=f"it decides its counter-example: {rule.counter}"
            )
        size = sum(
            re2.compile(pattern).programsize for pattern in (rule.pattern, rule.unless) if pattern
        )
        if size > PROGRAM_MAX:
            yield Finding(
                rule=rule.id, kind="slow", text=f"its pattern compiles to {size:,} instructions"
            )
        if trust is not None and rule.id in trust.silenced:
            lower = trust.record(rule.id).lower
            yield Finding(
                rule=rule.id,
                kind="silenced",
                text=f"it was wrong too often (lower bound {lower:.2f}); Layer 2 decides instead",
            )


def _deciding(book: RuleBook, text: str) -> Rule | None:
    ask = normalise(text)
    low, core = core_of(ask)
    return book.deciding(low, core, ask.words, features_of(ask, low, core))
