"""Fits the classifier offline: softmax regression on TF-IDF features with soft labels.

Needs numpy and scipy (the extra `train`); nothing at run time imports this file.
"""

import json
from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, Final

import attrs
import numpy as np
from scipy import optimize, sparse

from atlas_actors.router.classify import NOTHING
from atlas_actors.router.examples import FOLDS, Example
from atlas_actors.router.linear import dump

STRENGTH: Final = 5.0e-5  # L2 penalty
PRIMARY: Final = 0.6  # the primary label's share where others are acceptable too
ITERATIONS_MAX: Final = 80
SEEN_MIN: Final = 3  # a feature of fewer examples is dropped
AUTHORS_MIN: Final = 2
FEATURES_MAX: Final = 20_000
REAL_MIN: Final = 50  # real examples from which calibration follows them alone
ANSWERS_FROM: Final = 0.6  # a calibrated confidence below this never answers
PRECISION: Final = 0.87  # what each intent's answers must reach on held-out authors


@attrs.frozen(kw_only=True)
class Fit:
    """What training found: `weights` is (features, classes), TF-IDF factor not folded in."""

    features: tuple[str, ...]
    idf: Any
    classes: tuple[str, ...]
    weights: Any
    bias: Any


def targets(examples: Sequence[Example], classes: Sequence[str], primary: float) -> Any:
    """(examples, classes): the primary label's share, the rest for the other acceptable ones."""
    at = {name: column for column, name in enumerate(classes)}
    wanted = np.zeros((len(examples), len(classes)))
    for row, example in enumerate(examples):
        first, *others = example.labels
        others = [name for name in others if name in at and name != first]
        wanted[row, at[first]] = primary if others else 1.0
        for name in others:
            wanted[row, at[name]] += (1.0 - primary) / len(others)
    return wanted


def vocabulary(
    examples: Iterable[Example], seen_min: int = SEEN_MIN, authors_min: int = AUTHORS_MIN
) -> dict[str, int]:
    """Feature → in how many examples it is; only what enough examples and authors have.

    What one author alone writes (a project's name) tells nothing about others, and is theirs.
    """
    seen: Counter[str] = Counter()
    authors: dict[str, set[str]] = {}
    for example in examples:
        seen.update(example.features)
        for name in example.features:
            known = authors.setdefault(name, set())
            if len(known) < authors_min:
                known.add(example.author)
    return {
        name: count
        for name, count in sorted(seen.items())
        if count >= seen_min and len(authors[name]) >= authors_min
    }


def matrix(rows: Sequence[tuple[str, ...]], column: dict[str, int], idf: Any) -> Any:
    """TF-IDF of binary features, each row of length 1."""
    indices, starts = [], [0]
    for row in rows:
        indices += [column[name] for name in row if name in column]
        starts.append(len(indices))
    found = np.asarray(indices, dtype=np.int32)
    data = idf[found].astype(np.float64)
    values = sparse.csr_matrix((data, found, starts), shape=(len(rows), len(column)))
    norms = np.sqrt(values.multiply(values).sum(axis=1)).A1 if len(rows) else np.zeros(0)
    return sparse.diags(1.0 / np.maximum(norms, 1e-9)) @ values


def fit(
    examples: Sequence[Example],
    *,
    strength: float = STRENGTH,
    primary: float = PRIMARY,
    seen_min: int = SEEN_MIN,
    authors_min: int = AUTHORS_MIN,
    iterations_max: int = ITERATIONS_MAX,
) -> Fit:
    """Minimise the cross-entropy with soft labels plus an L2 penalty, by L-BFGS."""
    counts = vocabulary(examples, seen_min, authors_min)
    names = tuple(counts)
    column = {name: at for at, name in enumerate(names)}
    seen = np.array([counts[name] for name in names])
    idf = np.log((1 + len(examples)) / (1 + seen)) + 1.0
    classes = tuple(sorted({label for example in examples for label in example.labels[:1]}))
    wanted = targets(examples, classes, primary)
    inputs = matrix([example.features for example in examples], column, idf)
    share = np.array([example.weight for example in examples])
    share /= share.sum()
    width, height = len(classes), len(names)

    def loss(flat: Any) -> tuple[float, Any]:
        weights, bias = flat[:-width].reshape(height, width), flat[-width:]
        scores = inputs @ weights + bias
        scores -= scores.max(axis=1, keepdims=True)
        chances = np.exp(scores)
        chances /= chances.sum(axis=1, keepdims=True)
        entropy = -(share[:, None] * wanted * np.log(chances + 1e-12)).sum()
        slope = share[:, None] * (chances - wanted)
        found = np.concatenate([(inputs.T @ slope + strength * weights).ravel(), slope.sum(axis=0)])
        return float(entropy + 0.5 * strength * (weights**2).sum()), found

    start = np.zeros(height * width + width)
    best = optimize.minimize(
        loss, start, jac=True, method="L-BFGS-B", options={"maxiter": iterations_max}
    ).x
    return Fit(
        features=names,
        idf=idf,
        classes=classes,
        weights=best[:-width].reshape(height, width),
        bias=best[-width:],
    )


def predict(found: Fit, rows: Sequence[tuple[str, ...]]) -> Any:
    """(rows, classes): probabilities, not yet calibrated."""
    column = {name: at for at, name in enumerate(found.features)}
    scores = matrix(rows, column, found.idf) @ found.weights + found.bias
    scores -= scores.max(axis=1, keepdims=True)
    chances = np.exp(scores)
    return chances / chances.sum(axis=1, keepdims=True)


@attrs.frozen(kw_only=True)
class Judged:
    """Layer 2's held-out answers: one entry an example."""

    intents: tuple[str, ...]
    shares: Any  # of the best class
    right: Any  # 1.0 where a fair judge would accept it
    weights: Any


def document_of(found: Fit) -> dict[str, Any]:
    """The model alone, for linear.load."""
    return dump(
        classes=found.classes,
        bias=found.bias,
        features=found.features,
        idf=found.idf,
        weights=found.weights * found.idf[:, None],
    )


def held_out(examples: Sequence[Example], folds: int, **options: Any) -> Judged:
    """Each example judged by a model that saw nothing of its author."""
    authors = sorted({example.author for example in examples})
    fold_of = {author: at % folds for at, author in enumerate(authors)}
    intents: list[str] = [""] * len(examples)
    shares, right = np.zeros(len(examples)), np.zeros(len(examples))
    for fold in range(folds):
        inside = [at for at, example in enumerate(examples) if fold_of[example.author] == fold]
        outside = [example for example in examples if fold_of[example.author] != fold]
        if not inside:
            continue
        found = fit(outside, **options)
        chances = predict(found, [examples[at].features for at in inside])
        for at, row in zip(inside, chances, strict=True):
            best = int(row.argmax())
            intents[at], shares[at] = found.classes[best], row[best]
            right[at] = float(intents[at] in examples[at].labels)
    weights = np.array([example.weight for example in examples])
    return Judged(intents=tuple(intents), shares=shares, right=right, weights=weights)


def calibrate(judged: Judged, real: Any) -> dict[str, Any]:
    """Platt scaling by maximum likelihood, in two steps.

    A shift for each intent, shrunk to 0, comes from all examples: there are enough of each. The
    slope and the intercept then follow the `real` ones (a mask), where there are some.
    """
    names = sorted(set(judged.intents))
    column = {name: at for at, name in enumerate(names)}
    own = np.array([column[name] for name in judged.intents])
    share = np.clip(judged.shares, 1e-6, 1 - 1e-6)
    logits = np.log(share / (1 - share))

    def entropy(value: Any, right: Any, weights: Any) -> float:
        chance = 1 / (1 + np.exp(-value))
        each = right * np.log(chance + 1e-12) + (1 - right) * np.log(1 - chance + 1e-12)
        return float(-(weights * each).sum() / weights.sum())

    def first(flat: Any) -> float:
        value = flat[0] * logits + flat[1] + flat[2:][own]
        shrink = 0.02 * (flat[2:] ** 2).mean()
        return entropy(value, judged.right, judged.weights) + float(shrink)

    start = np.zeros(2 + len(names))
    start[0] = 1.0
    best = optimize.minimize(first, start, method="L-BFGS-B").x
    slope, intercept, shifts = best[0], best[1], best[2:]
    if real.sum() >= REAL_MIN:

        def second(flat: Any) -> float:
            value = flat[0] * logits[real] + flat[1] + shifts[own[real]]
            # Some hundred real examples may move what thousands of others say, not overturn it.
            drift = 0.05 * float(((flat - best[:2]) ** 2).sum())
            return entropy(value, judged.right[real], judged.weights[real]) + drift

        slope, intercept = optimize.minimize(second, best[:2], method="L-BFGS-B").x
    return {
        "slope": round(float(slope), 4),
        "intercept": round(float(intercept), 4),
        "shifts": {name: round(float(shifts[at]), 4) for name, at in column.items()},
    }


def confidences(judged: Judged, calibration: dict[str, Any]) -> Any:
    """What the calibrated classifier would have said of each held-out example."""
    share = np.clip(judged.shares, 1e-6, 1 - 1e-6)
    logits = np.log(share / (1 - share))
    shift = np.array([calibration["shifts"].get(name, 0.0) for name in judged.intents])
    value = calibration["slope"] * logits + calibration["intercept"] + shift
    return 1 / (1 + np.exp(-value))


def thresholds(judged: Judged, confidence: Any, precision: float) -> dict[str, float]:
    """For each intent the lowest confidence from which its answers reach the precision.

    Reached is taken from the calibrated confidences themselves, which vary less than the few
    examples of a rare intent; and nothing is let in that is more likely wrong than right.
    """
    found = {}
    for name in sorted(set(judged.intents)):
        own = np.array([intent == name for intent in judged.intents])
        order = np.argsort(-confidence[own])
        sure, weight = confidence[own][order], judged.weights[own][order]
        precise = np.cumsum(sure * weight) / np.cumsum(weight)
        good = np.nonzero((precise >= precision) & (sure >= ANSWERS_FROM))[0]
        found[name] = round(float(sure[good[-1]]) if len(good) else 1.0, 4)
    return found


def prune(found: Fit, features_max: int) -> Fit:
    """Only the features that move a score most."""
    moved = np.abs(found.weights * found.idf[:, None]).max(axis=1)
    kept = np.sort(np.argsort(-moved)[:features_max])
    return Fit(
        features=tuple(found.features[at] for at in kept),
        idf=found.idf[kept],
        classes=found.classes,
        weights=found.weights[kept],
        bias=found.bias,
    )


def train(
    examples: Sequence[Example],
    *,
    sources: Sequence[str],
    precision: float = PRECISION,
    features_max: int = FEATURES_MAX,
    folds: int = FOLDS,
) -> dict[str, Any]:
    """The whole document of classifier.json."""
    judged = held_out(examples, folds)
    # Layer 2 decides only what no rule does: calibrate there.
    left = [
        at
        for at, example in enumerate(examples)
        if example.rule is None and judged.intents[at] != NOTHING
    ]
    part = Judged(
        intents=tuple(judged.intents[at] for at in left),
        shares=judged.shares[left],
        right=judged.right[left],
        weights=judged.weights[left],
    )
    real = np.array([examples[at].real for at in left])
    calibration = calibrate(part, real)
    confidence = confidences(part, calibration)
    limits = thresholds(part, confidence, precision)
    limit = np.array([limits[name] for name in part.intents])
    answered = confidence >= limit
    found = prune(fit(examples), features_max)
    records: dict[str, list[int]] = {}
    for example in examples:
        if example.rule is not None:
            record = records.setdefault(example.rule.id, [0, 0])
            record[example.rule.intent not in example.labels] += 1
    return {
        "provenance": {
            "trained_by": "scripts/train-router",
            "sources": list(sources),
            "examples": len(examples),
            "real_examples": sum(example.real for example in examples),
            "authors": len({example.author for example in examples}),
            "features": len(found.features),
            "precision_target": precision,
            "held_out_accuracy": round(float(judged.right.mean()), 4),
            "held_out_coverage": round(float(answered.mean()), 4),
            "held_out_precision": round(
                float(part.right[answered].sum() / max(1, answered.sum())), 4
            ),
        },
        "calibration": calibration,
        "thresholds": limits,
        "rules": dict(sorted(records.items())),
        **document_of(found),
    }


def write(document: dict[str, Any], file: Path) -> None:
    """One key a line, so that two versions can be compared."""
    lines = [f"{json.dumps(key)}: {json.dumps(value)}" for key, value in document.items()]
    file.write_text("{\n" + ",\n".join(lines) + "\n}\n", "utf-8")
