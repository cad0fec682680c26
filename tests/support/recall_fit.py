"""Fits the weights of recall: each evidence of a question against what is no evidence of it."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

import attrs
import numpy
from scipy.optimize import minimize

from atlas_actors.memory.features import NAMES, PRIOR
from atlas_actors.memory.search import Search
from atlas_actors.messages.memory import Recall
from tests.support.recalls import Question

KEPT_MAX: Final = 120  # candidates of a question that are fitted on
ROUNDS_MAX: Final = 80
STRENGTH: Final = 0.4  # of the pull towards 0
Array = numpy.ndarray[Any, Any]


@attrs.frozen(kw_only=True)
class Case:
    """One question's candidates."""

    question: Question
    evidence: tuple[int, ...]
    numbers: Array
    table: Array  # a row a candidate, in the order of NAMES
    weight: float = 1.0


def cases(
    search: Search,
    questions: Sequence[Question],
    numbers: Mapping[str, int],
    now_ms: int,
    weight: float = 1.0,
) -> list[Case]:
    """The candidates of all questions with their features."""
    result = []
    for question in questions:
        wanted = Recall(query=question.text, project=question.project)
        found, table = search.weigh(wanted, now_ms)
        result.append(
            Case(
                question=question,
                evidence=tuple(numbers[key] for key in question.evidence),
                numbers=numpy.array([row.number for row in found.rows]),
                table=numpy.array(table, dtype=float).reshape(len(found.rows), len(NAMES)),
                weight=weight,
            )
        )
    return result


def ranked(case: Case, weights: Array) -> list[int]:
    """The candidates, best first."""
    score = case.table @ weights
    return [int(number) for number in case.numbers[numpy.lexsort((-case.numbers, -score))]]


def fit(examples: Sequence[Case]) -> Array:
    """Weights in the order of NAMES; those of PRIOR stay 0: no question tells them."""
    first = _fit(examples[::3], ROUNDS_MAX // 2)
    return _fit([_shortened(case, first) for case in examples], ROUNDS_MAX)


def calibration(examples: Sequence[Case], weights: Array) -> tuple[float, float]:
    """(scale, offset) that make of a score the chance that the candidate is evidence."""
    scores = numpy.concatenate([case.table @ weights for case in examples])
    right = numpy.concatenate([numpy.isin(case.numbers, case.evidence) for case in examples])

    def loss(pair: Array) -> tuple[float, Array]:
        line = pair[0] * scores + pair[1]
        wrong = 1 / (1 + numpy.exp(-line)) - right
        value = numpy.logaddexp(0, line).sum() - line[right].sum()
        return value, numpy.array([(wrong * scores).sum(), wrong.sum()])

    found = minimize(loss, numpy.array([1.0, -5.0]), jac=True, method="L-BFGS-B").x
    return float(found[0]), float(found[1])


def _shortened(case: Case, weights: Array) -> Case:
    """Without the candidates that are far from being answers."""
    kept = numpy.isin(case.numbers, case.evidence)
    kept[numpy.argsort(-(case.table @ weights))[:KEPT_MAX]] = True
    return attrs.evolve(case, numbers=case.numbers[kept], table=case.table[kept])


def _each_evidence(case: Case) -> list[tuple[Array, float]]:
    """Each evidence above all that is none, and what it counts.

    A question with several counts more than one with one, but not as often as it has them: where
    all of them have to be found, each is harder to find.
    """
    right = numpy.isin(case.numbers, case.evidence)
    wrong, share = case.table[~right], case.weight / numpy.sqrt(right.sum())
    return [(numpy.vstack([row, wrong]), float(share)) for row in case.table[right]]


def _fit(examples: Sequence[Case], rounds: int) -> Array:
    usable = [case for case in examples if numpy.isin(case.numbers, case.evidence).any()]
    pairs = [pair for case in usable for pair in _each_evidence(case)]
    table = numpy.vstack([rows for rows, _ in pairs])
    table[:, len(NAMES) - len(PRIOR) :] = 0.0
    sizes = numpy.array([len(rows) for rows, _ in pairs])
    starts = numpy.concatenate([[0], numpy.cumsum(sizes)[:-1]])
    target = numpy.zeros(len(table))
    target[starts] = 1.0
    weight = numpy.array([share for _, share in pairs])
    each = numpy.repeat(weight, sizes)

    def loss(values: Array) -> tuple[float, Array]:
        score = table @ values
        highest = numpy.maximum.reduceat(score, starts)
        raised = numpy.exp(score - numpy.repeat(highest, sizes))
        sums = numpy.add.reduceat(raised, starts)
        chance = raised / numpy.repeat(sums, sizes)
        value = (weight * (numpy.log(sums) + highest)).sum() - (each * target * score).sum()
        slope = table.T @ (each * (chance - target)) + STRENGTH * values
        return value + STRENGTH * (values @ values) / 2, slope

    options = {"maxiter": rounds}
    begin = numpy.zeros(len(NAMES))
    return numpy.asarray(minimize(loss, begin, jac=True, method="L-BFGS-B", options=options).x)
