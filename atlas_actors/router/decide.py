"""Pure routing: text in, decision out, no model, bounded time.

Layer 1: the first matching rule. Layer 2: words weighed per intent, a softmax over the sums as
confidence. Below the threshold it abstains: the best guess with a reason why it is not trusted.
"""

import math
from collections.abc import Iterator
from functools import cache
from typing import Final

import attrs
import re2

from atlas_actors.router.rules import intents, rules

# The ask is at the head or the tail; what a person pasted in between decides nothing.
ASK_CHARACTERS: Final = 400
WORDS_MAX: Final = 80
STEM_CHARACTERS: Final = 4
TRUSTED_FROM: Final = 0.5
NEUTRAL: Final = 1.5  # evidence that an unseen class would have
_POLITE: Final = re2.compile(
    r"^(\s|please|pls|can you|could you|would you|will you|now|ok(ay)?|so|and|then|also|hey|hi"
    r"|let'?s|i (want|need|would like)( you)? to|you (should|must)|help me( to)?|just|[,.:;!>*#-])+"
    r"(\s+|$)"
)
_WORD: Final = re2.compile(r"[a-z][a-z'-]*")
_AUTONOMOUS: Final = re2.compile(
    r"\b(ultrawork|keep going|until (it is |it's )?(complete|done|finished)|don'?t stop)\b"
)
_STEPS: Final = re2.compile(r"\b(and then|then|after that|also|finally|first|second|as well as)\b")
_HARD: Final = re2.compile(
    r"\b(concurren|race condition|deadlock|distributed|architect|migrat|security|performance"
    r"|algorithm|prove|optimi[sz]|refactor|across|all files|entire|whole (project|codebase|repo))"
)
_HARNESS: Final = re2.compile(
    r"(?s)<(system-reminder|task-notification|command-name|command-message|command-args"
    r"|local-command-stdout)>.*?</(system-reminder|task-notification|command-name"
    r"|command-message|command-args|local-command-stdout)>"
)


@attrs.frozen(kw_only=True)
class Decision:
    """What a text is; see messages.routing.Route for the fields."""

    layer: int | None
    rule: str | None
    intent: str
    confidence: float
    abstained: bool
    tier: str
    complexity: int
    difficulty: float
    mode: str
    reason: str
    needs: tuple[str, ...]


def decide(text: str, *, has_files: bool = False, has_cwd: bool = False) -> Decision:
    """Route one text of any length; files and a working directory are known beside it."""
    ask = the_ask(text)
    mode = "autonomous" if _AUTONOMOUS.search(ask) else "normal"
    difficulty = difficulty_of(ask, len(text))
    layer: int | None
    rule: str | None
    for candidate in rules():
        if candidate.matcher.search(ask):
            layer, rule = 1, candidate.id
            intent, confidence = candidate.intent, candidate.confidence
            reason = f"rule {rule} matches"
            break
    else:
        rule = None
        intent, confidence, evidence = weigh(ask)
        layer = 2 if confidence >= TRUSTED_FROM else None
        reason = f"words {', '.join(evidence)}" if evidence else "no word that tells the intent"
        if layer is None:
            reason = f"{reason}; confidence {confidence:.2f} is below {TRUSTED_FROM}"
    known = intents()[intent]
    tier = known.tier
    if intent == "data_text" and not has_files and difficulty > 0.7:
        tier, reason = "cheap", f"{reason}; too hard for the free tier"
    return Decision(
        layer=layer,
        rule=rule,
        intent=intent,
        confidence=round(confidence, 4),
        abstained=layer is None,
        tier=tier,
        complexity=1 + round(difficulty * 9),
        difficulty=round(difficulty, 4),
        mode=mode,
        reason=reason,
        needs=("workspace",) if known.workspace and has_cwd else (),
    )


def the_ask(text: str) -> str:
    """The person's own words, lower case, without harness blocks and politeness; bounded."""
    head = text[:20_000]
    human = str(_HARNESS.sub(" ", head)).strip().lower()[:ASK_CHARACTERS]
    polite = _POLITE.match(human)
    rest = human[polite.end() :] if polite else human
    return rest or human


def weigh(ask: str) -> tuple[str, float, list[str]]:
    """Layer 2: (best intent, probability, the words that told)."""
    sums: dict[str, float] = {}
    told: dict[str, list[str]] = {}
    for position, word in enumerate(_WORD.findall(ask)[:WORDS_MAX]):
        early = 1.0 if position < 8 else 0.5  # the ask's verb comes early
        for name, weight in _weights(word):
            sums[name] = sums.get(name, 0.0) + weight * early
            told.setdefault(name, []).append(word)
    if not sums:
        return "explain", 1 / len(intents()), []
    best = max(sums, key=lambda name: sums[name])
    total = sum(math.exp(value) for value in sums.values()) + math.exp(NEUTRAL)
    return best, min(0.95, math.exp(sums[best]) / total), told[best][:5]


@cache
def _stems() -> dict[str, tuple[tuple[str, float], ...]]:
    """Every stem of the table with the intents that it speaks for."""
    stems: dict[str, tuple[tuple[str, float], ...]] = {}
    for name, intent in intents().items():
        for stem, weight in intent.words.items():
            stems[stem] = (*stems.get(stem, ()), (name, weight))
    return stems


def _weights(word: str) -> Iterator[tuple[str, float]]:
    """What a word says: itself, and its beginnings of at least STEM_CHARACTERS."""
    stems = _stems()
    yield from stems.get(word, ())
    for end in range(STEM_CHARACTERS, len(word)):
        yield from stems.get(word[:end], ())


def difficulty_of(ask: str, characters: int) -> float:
    """0 to 1, from length, steps and hard words; the seed's 1-10 scale is 1 + 9 × this."""
    length = min(1.0, math.log1p(characters) / math.log1p(8_000))
    steps = min(1.0, len(_STEPS.findall(ask)) / 4)
    hard = min(1.0, len(_HARD.findall(ask)) / 2)
    return min(1.0, 0.45 * length + 0.2 * steps + 0.35 * hard)
