"""Layer 1: an ordered table of anchored rules, matched in one linear pass, that abstains."""

import math
import re
import tomllib
from collections.abc import Collection, Iterable, Sequence
from functools import cache, lru_cache
from pathlib import Path
from typing import Final

import re2

from atlas_actors.settings import Rule

RULES_FILE: Final = Path(__file__).with_name("rules.toml")
SLASH_FILE: Final = Path(__file__).with_name("slash.toml")
MATCHED_CHARACTERS: Final = 500
SLASH_RULE: Final = "slash-command"
_SLASH: Final = re.compile(r"/([a-z][a-z0-9_:.-]{0,63})(?=\s|$)")


class RuleBook:
    """Rules in order, compiled.

    All patterns are anchored and matched in one pass, so that what a text costs does not depend on
    how many rules there are; what is unanchored (`unless`) is looked at only behind a match.
    """

    def __init__(self, rules: Sequence[Rule]) -> None:
        self.rules = tuple(rules)
        self._place = {rule.id: at for at, rule in enumerate(rules)}
        self._core = _Together([rule for rule in rules if rule.pattern and not rule.whole])
        self._whole = _Together([rule for rule in rules if rule.pattern and rule.whole])
        self._whole_words_max = max(
            (rule.words_max or math.inf for rule in rules if rule.whole), default=0
        )
        self._by_word: dict[str, list[Rule]] = {}
        for rule in rules:
            for word in rule.words:
                self._by_word.setdefault(word, []).append(rule)
        self._words = frozenset(self._by_word)
        self._unless = {rule.id: re2.compile(rule.unless) for rule in rules if rule.unless}

    def matching(self, low: str, core: str, words: int, features: Iterable[str]) -> list[Rule]:
        """Every rule that would decide this ask, first rule first; the terms are features.py's."""
        found = self._core.matching(core)
        if words <= self._whole_words_max:
            found += self._whole.matching(low)
        for word in self._words.intersection(features):
            found += self._by_word[word]
        if not found:
            return found
        found = [
            rule
            for rule in dict.fromkeys(found)
            if (not rule.words_max or words <= rule.words_max)
            and not (
                rule.unless
                and self._unless[rule.id].search((low if rule.whole else core)[:MATCHED_CHARACTERS])
            )
        ]
        return sorted(found, key=lambda rule: self._place[rule.id])

    def deciding(
        self,
        low: str,
        core: str,
        words: int,
        features: Iterable[str],
        silenced: Collection[str] = (),
    ) -> Rule | None:
        """The first rule that matches and may answer."""
        found = self.matching(low, core, words, features)
        return next((rule for rule in found if rule.id not in silenced), None)


class _Together:
    """The anchored patterns of some rules as one RE2 set."""

    def __init__(self, rules: Sequence[Rule]) -> None:
        self._rules = tuple(rules)
        self._all = re2.Set.SearchSet()
        for rule in rules:
            self._all.Add(f"^(?:{rule.pattern.removeprefix('^')})")  # every branch is anchored
        self._all.Compile()

    def matching(self, text: str) -> list[Rule]:
        hits = self._all.Match(text[:MATCHED_CHARACTERS]) if self._rules else None
        return [self._rules[at] for at in hits or ()]


@cache
def shipped() -> tuple[Rule, ...]:
    """The rules that come with Atlas, in order."""
    table = tomllib.loads(RULES_FILE.read_text("utf-8"))
    return tuple(Rule(**{**row, "words": tuple(row.get("words", ()))}) for row in table["rule"])


def with_overrides(settings: Sequence[Rule]) -> tuple[Rule, ...]:
    """The user's rules first, then the shipped ones; the same id replaces, in its place."""
    own = {rule.id: rule for rule in settings}
    ids = {rule.id for rule in shipped()}
    added = [rule for id, rule in own.items() if id not in ids]
    return (*added, *(own.get(rule.id, rule) for rule in shipped()))


@lru_cache(2)
def book_of(rules: tuple[Rule, ...]) -> RuleBook:
    """The book of these rules: a start asks for it twice, first to refuse a faulty one."""
    return RuleBook(rules)


@cache
def slash_commands() -> dict[str, str]:
    """Command name without the slash → intent."""
    table: dict[str, dict[str, str]] = tomllib.loads(SLASH_FILE.read_text("utf-8"))
    return table["commands"]


def slash_command(text: str) -> str | None:
    """The name of the slash command that a text begins with; paths are none."""
    found = _SLASH.match(text)
    return found[1] if found else None
