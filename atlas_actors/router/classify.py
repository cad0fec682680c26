"""Layer 2: fast_classify weighs an ask's features and says how sure it is, or abstains."""

import json
import math
from functools import cache
from pathlib import Path
from typing import Any, Final

import attrs

from atlas_actors.router import intents, linear
from atlas_actors.router.difficulty import complexity_of, difficulty_of
from atlas_actors.router.features import features_of
from atlas_actors.router.normalise import Ask, normalise

CLASSIFIER_FILE: Final = Path(__file__).with_name("classifier.json")
LONG_CONTEXT_CHARACTERS: Final = 100_000
ALTERNATIVES: Final = 3
# Of real prompts in any language a third of the features or more are known: with fewer it is a
# text of another kind, about which the shares say nothing.
KNOWN_MIN: Final = 0.2
STRANGE: Final = 0.3
# The class of plain statements that ask for nothing; never an answer.
NOTHING: Final = "none"


@attrs.frozen(kw_only=True)
class Classification:
    """What Layer 2 makes of an ask."""

    intent: str  # the best guess also when it abstains
    confidence: float  # 0 to 1: the chance that a fair judge would accept the intent
    threshold: float  # below it Layer 2 abstains
    abstained: bool
    nothing_asked: bool  # a plain statement
    complexity: int  # 1 to 10
    difficulty: float  # 0 to 1
    answer_tokens: int  # how long an answer will likely be
    needs: tuple[str, ...]  # of tools, json, long_context; the intent's own needs not included
    alternatives: tuple[tuple[str, float], ...]  # (intent, share), best first


@attrs.frozen(kw_only=True)
class Classifier:
    """The trained data: model, calibration, thresholds, the record of each rule in training."""

    model: linear.Linear = attrs.field(repr=False)
    slope: float
    intercept: float
    shifts: dict[str, float]
    thresholds: dict[str, float]
    rules: dict[str, tuple[float, float]]
    provenance: dict[str, Any]

    def confidence(self, intent: str, share: float) -> float:
        """The calibrated chance that an intent with this share is acceptable (Platt, per class)."""
        share = min(max(share, 1e-6), 1 - 1e-6)
        logit = math.log(share / (1 - share))
        value = self.slope * logit + self.intercept + self.shifts.get(intent, 0.0)
        return 1 / (1 + math.exp(-value))


def read(document: dict[str, Any]) -> Classifier:
    """A classifier from the document that scripts/train-router writes."""
    calibration = document["calibration"]
    return Classifier(
        model=linear.load(document),
        slope=calibration["slope"],
        intercept=calibration["intercept"],
        shifts=calibration["shifts"],
        thresholds=document["thresholds"],
        rules={id: (right, wrong) for id, (right, wrong) in document["rules"].items()},
        provenance=document["provenance"],
    )


@cache
def shipped() -> Classifier:
    """The classifier that comes with Atlas; about 30 ms the first time."""
    return read(json.loads(CLASSIFIER_FILE.read_text("utf-8")))


def fast_classify(text: str, classifier: Classifier | None = None) -> Classification:
    """Classify a text of any length without rules, sessions, pins and model calls."""
    ask = normalise(text)
    return classify(ask, text, features_of(ask), classifier or shipped())


def classify(ask: Ask, text: str, features: list[str], classifier: Classifier) -> Classification:
    """As fast_classify, for an ask whose features are known already."""
    shares, known = classifier.model.weigh(features)
    names = classifier.model.classes
    order = sorted(range(len(shares)), key=shares.__getitem__, reverse=True)
    nothing_asked = names[order[0]] == NOTHING
    if NOTHING in names:
        order.remove(names.index(NOTHING))
    best = order[0]
    intent = names[best]
    confidence = classifier.confidence(intent, shares[best])
    if known < KNOWN_MIN * len(features):
        confidence = min(confidence, STRANGE)
    if nothing_asked:
        confidence = min(confidence, shares[best])
    threshold = classifier.thresholds.get(intent, 1.0)
    difficulty = difficulty_of(text)
    return Classification(
        intent=intent,
        confidence=confidence,
        threshold=threshold,
        abstained=confidence < threshold or ask.empty or nothing_asked,
        nothing_asked=nothing_asked,
        complexity=complexity_of(difficulty),
        difficulty=difficulty,
        answer_tokens=answer_tokens_of(intents.shipped().get(intent), difficulty),
        needs=needs_of(ask, text),
        alternatives=tuple((names[at], shares[at]) for at in order[:ALTERNATIVES]),
    )


def answer_tokens_of(intent: intents.Intent | None, difficulty: float) -> int:
    """How long an answer will likely be: what the intent usually takes, more when it is hard."""
    usual = intent.answer_tokens if intent else 500
    return round(usual * (0.5 + difficulty))


def needs_of(ask: Ask, text: str) -> tuple[str, ...]:
    """What the text itself asks for, whatever its intent."""
    low = ask.text.lower()
    needs = []
    if "http" in low or "google" in low or "online" in low or "web search" in low:
        needs.append("tools")
    if "json" in low:
        needs.append("json")
    if len(text) > LONG_CONTEXT_CHARACTERS:
        needs.append("long_context")
    return tuple(needs)
