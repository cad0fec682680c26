"""Routes one text without a model: Layer 1 rules, then Layer 2, else an abstention with a reason.

Everything here is pure. What a session or a pin changes about it is in sessions.py.
"""

from collections.abc import Mapping
from functools import cache
from typing import Any, Final

import attrs

from atlas_actors.router import classify as layer2
from atlas_actors.router import intents, patterns
from atlas_actors.router.classify import Classification, Classifier, classify
from atlas_actors.router.features import core_of, features_of
from atlas_actors.router.intents import Intent
from atlas_actors.router.normalise import Ask, normalise
from atlas_actors.router.patterns import RuleBook
from atlas_actors.router.trust import Trust
from atlas_actors.settings import Rule

EVIDENCE: Final = 4
AUTONOMOUS: Final = "r:autonomous"
SLASH_CONFIDENCE: Final = 0.98  # what is written in a table is not weighed


@attrs.frozen(kw_only=True)
class Tables:
    """All data that decisions rest on; built once from the settings."""

    intents: Mapping[str, Intent]
    book: RuleBook
    tiers: tuple[str, ...]  # cheapest first
    classifier: Classifier
    commands: Mapping[str, str]  # slash command → intent
    trust: Trust  # before anything was lived


@attrs.frozen(kw_only=True)
class Decision:
    """What a text is; see messages.routing.Route for the fields it shares."""

    layer: int | None
    rule: str | None
    intent: str
    confidence: float
    abstained: bool
    tier: str
    complexity: int
    difficulty: float
    mode: str
    needs: tuple[str, ...]
    answer_tokens: int
    alternatives: tuple[tuple[str, float], ...]
    command: str | None  # the slash command that it begins with, whatever it means
    ask: Ask = attrs.field(repr=False)
    features: tuple[str, ...] = attrs.field(repr=False)
    passed_over: tuple[str, ...]  # silenced rules that matched
    guess: Classification = attrs.field(repr=False)  # Layer 2's, also where a rule decided
    tables: Tables = attrs.field(repr=False, eq=False)

    @property
    def reason(self) -> str:
        """Why, for people: worked out when somebody asks."""
        if self.layer == 1:
            return f"rule {self.rule} matches"
        return _doubt(self) if self.abstained else _evidence(self)


@cache
def shipped_tables() -> Tables:
    """The tables without any user's settings."""
    return Tables(
        intents=intents.shipped(),
        book=patterns.book_of(patterns.shipped()),
        tiers=("free", "cheap", "haiku", "quality"),
        classifier=layer2.shipped(),
        commands=patterns.slash_commands(),
        trust=Trust(layer2.shipped().rules),
    )


def decide(
    text: str,
    *,
    has_cwd: bool = False,
    tables: Tables | None = None,
    trust: Trust | None = None,
    commands: Mapping[str, str] | None = None,
) -> Decision:
    """Route one text of any length. `commands` are the slash commands that a project or a user has
    beside the well-known ones, with what they say they do."""
    tables = tables or shipped_tables()
    trust = trust or tables.trust
    ask = normalise(text)
    command = patterns.slash_command(ask.text)
    ask = _spelled_out(ask, command, tables, commands or {})
    low, core = core_of(ask)
    features = features_of(ask, low, core)
    guess = classify(ask, text, features, tables.classifier)
    matching = tables.book.matching(low, core, ask.words, features) if ask.text else []
    rule, intent, confidence = _by_rule(command, matching, tables, trust)
    layer: int | None
    abstained = False
    if rule is not None:
        layer = 1
    elif guess.abstained:
        layer, abstained, intent, confidence = None, True, guess.intent, guess.confidence
    else:
        layer, intent, confidence = 2, guess.intent, guess.confidence
    known = tables.intents.get(intent) or tables.intents["explain"]
    return Decision(
        layer=layer,
        rule=rule,
        intent=intent,
        confidence=round(confidence, 4),
        abstained=abstained,
        tier=_tier(known, guess, abstained, tables),
        complexity=guess.complexity,
        difficulty=round(guess.difficulty, 4),
        mode="autonomous" if AUTONOMOUS in features else "normal",
        needs=_needs(known, guess, has_cwd),
        answer_tokens=layer2.answer_tokens_of(known, guess.difficulty),
        alternatives=guess.alternatives,
        command=command,
        ask=ask,
        features=tuple(features),
        passed_over=tuple(found.id for found in matching if found.id in trust.silenced),
        guess=guess,
        tables=tables,
    )


def _spelled_out(ask: Ask, name: str | None, tables: Tables, commands: Mapping[str, str]) -> Ask:
    """A slash command that only this project or user has is what its description says."""
    if name is None or name in tables.commands or name not in commands:
        return ask
    words = name.replace("-", " ").replace("_", " ").replace(":", " ")
    rest = ask.text[len(name) + 1 :].strip()
    return attrs.evolve(ask, text=f"{words}: {commands[name]}\n{rest}".strip())


def _by_rule(
    command: str | None, matching: list[Rule], tables: Tables, trust: Trust
) -> tuple[str | None, str, float]:
    """(rule's id or None, intent, confidence) by Layer 1."""
    if command is not None and command in tables.commands:
        return patterns.SLASH_RULE, tables.commands[command], SLASH_CONFIDENCE
    for rule in matching:
        if rule.id not in trust.silenced:
            return rule.id, rule.intent, trust.record(rule.id).mean
    return None, "", 0.0


def _tier(known: Intent, guess: Classification, abstained: bool, tables: Tables) -> str:
    """The intent's tier; in doubt, the dearest of the intents that are nearly as likely."""
    tier = known.tier
    if not abstained:
        return tier
    best = guess.alternatives[0][1]
    for name, share in guess.alternatives[1:]:
        other = tables.intents.get(name)
        if other and share >= best / 2 and _above(other.tier, tier, tables.tiers):
            tier = other.tier
    return tier


def _above(tier: str, than: str, tiers: tuple[str, ...]) -> bool:
    return tier in tiers and than in tiers and tiers.index(tier) > tiers.index(than)


def _needs(known: Intent, guess: Classification, has_cwd: bool) -> tuple[str, ...]:
    """The intent's needs and the text's; a workspace only where there is a directory to work in."""
    needs = [need for need in known.needs if has_cwd or need != "workspace"]
    return tuple(dict.fromkeys((*needs, *guess.needs)))


def _doubt(decision: Decision) -> str:
    """Why it abstains."""
    if decision.ask.empty:
        return "nothing in it is a person's: only blocks that a client put in"
    guess = decision.guess
    if guess.nothing_asked:
        return f"a statement that asks for nothing; {guess.intent} at the most"
    nearest = ", ".join(f"{name} {share:.2f}" for name, share in guess.alternatives)
    return (
        f"not sure enough: {guess.intent} at {guess.confidence:.2f}, it answers from"
        f" {guess.threshold:.2f} on ({nearest})"
    )


def _evidence(decision: Decision) -> str:
    """Which words told, for people."""
    words = [name for name in decision.features if name.isalpha() and len(name) > 1]
    told = decision.tables.classifier.model.evidence(words, decision.guess.intent)
    telling = [f"\u201c{word}\u201d" for word, weight in told[:EVIDENCE] if weight > 0]
    return f"words {', '.join(telling)}" if telling else "its length and shape"


def explain(decision: Decision) -> dict[str, Any]:
    """What `atlas route --explain` adds: every matching rule, features with weights, numbers."""
    tables = decision.tables
    low, core = core_of(decision.ask)
    return {
        "ask": decision.ask.text,
        "language": decision.ask.language,
        "pastes": list(decision.ask.pastes),
        "harness": decision.ask.harness,
        "rules": [
            {"id": rule.id, "intent": rule.intent}
            for rule in tables.book.matching(low, core, decision.ask.words, decision.features)
        ],
        "layer2": {
            "intent": decision.guess.intent,
            "confidence": round(decision.guess.confidence, 4),
            "threshold": round(decision.guess.threshold, 4),
        },
        "alternatives": [
            {"intent": name, "share": round(share, 4)} for name, share in decision.alternatives
        ],
        "features": [
            {"feature": feature, "weight": round(weight, 3)}
            for feature, weight in tables.classifier.model.evidence(
                list(decision.features), decision.intent
            )[:12]
        ]
        if decision.intent in tables.classifier.model.classes
        else [],
        "meaning": attrs.asdict(tables.intents[decision.intent])
        if decision.intent in tables.intents
        else None,
        "trained": tables.classifier.provenance,
    }
