"""Pure: what counted outcomes say: rates, what stands out, what to prefer.

A count has the outcomes of one kind that share their values of DIMENSIONS. Faults of the way are
counted apart: a rate is of what was judged.
"""

from collections.abc import Iterable, Mapping, Sequence
from itertools import combinations
from typing import Any, Final

import attrs

from atlas_actors.gateway.shares import share_of
from atlas_actors.intervals import ENOUGH, wilson

DIMENSIONS: Final = ("intent", "provider", "strategy", "rule", "project")
PATTERNS_MAX: Final = 20
NOT_ENOUGH: Final = "not enough data"
OTHERS: Final = "(others)"  # stands for values too many or too rare to be told apart
# Of which kind of outcome a preference is read.
_PREFERENCES: Final = (("provider", "attempt"), ("strategy", "task"), ("rule", "route"))


@attrs.frozen(kw_only=True)
class Count:
    """How many outcomes, and what they came to; `n` has those of `infrastructure` too."""

    n: int = 0
    successes: int = 0
    partials: int = 0
    failures: int = 0
    infrastructure: int = 0
    cost_usd: float = 0.0

    @property
    def judged(self) -> int:
        """Those that say something of quality."""
        return self.n - self.infrastructure

    @property
    def interval(self) -> tuple[float, float]:
        """Where the true rate of success is, with 95 %."""
        return wilson(self.successes, self.judged)

    @property
    def rate(self) -> float:
        """Of success; 0 without any."""
        return self.successes / self.judged if self.judged else 0.0

    def plus(self, other: "Count") -> "Count":
        """Both together. Written out: many thousands are added up for one answer."""
        return Count(
            n=self.n + other.n,
            successes=self.successes + other.successes,
            partials=self.partials + other.partials,
            failures=self.failures + other.failures,
            infrastructure=self.infrastructure + other.infrastructure,
            cost_usd=self.cost_usd + other.cost_usd,
        )

    def minus(self, other: "Count") -> "Count":
        """Those that are not among `other`."""
        return Count(
            n=self.n - other.n,
            successes=self.successes - other.successes,
            partials=self.partials - other.partials,
            failures=self.failures - other.failures,
            infrastructure=self.infrastructure - other.infrastructure,
            cost_usd=self.cost_usd - other.cost_usd,
        )


@attrs.frozen(kw_only=True)
class Counted:
    """A count of one kind with its context."""

    kind: str
    context: dict[str, str]  # without what is not known
    count: Count


def shown(count: Count) -> dict[str, Any]:
    """As the socket shows a count."""
    share = share_of(count.successes, count.judged)
    return {
        **attrs.asdict(count),
        "judged": count.judged,
        **share,
        "note": "" if share["enough"] else NOT_ENOUGH,
    }


def rates(counted: Iterable[Counted], by: Sequence[str]) -> list[dict[str, Any]]:
    """One row for each kind and each value of `by`, most outcomes first."""
    groups: dict[tuple[str | None, ...], Count] = {}
    for one in counted:
        key = (one.kind, *(one.context.get(name) for name in by))
        groups[key] = groups.get(key, Count()).plus(one.count)
    ordered = sorted(groups.items(), key=lambda item: (-item[1].n, str(item[0])))
    return [
        {**dict(zip(("kind", *by), key, strict=True)), **shown(count)} for key, count in ordered
    ]


def patterns(counted: Sequence[Counted]) -> list[dict[str, Any]]:
    """Pairs of context values whose rate is off that of the others of their kind, with the
    intervals apart and enough on both sides; those furthest apart first.

    What one pattern has explained is taken out before the next is looked for.
    """
    found: list[tuple[float, dict[str, Any]]] = []
    for kind in sorted({one.kind for one in counted}):
        left = [one for one in counted if one.kind == kind]
        sums = {pair: _sums(left, pair) for pair in combinations(DIMENSIONS, 2)}
        for _ in range(PATTERNS_MAX):
            apart = [each for pair, groups in sums.items() for each in _apart(groups, pair)]
            if not apart:
                break
            gap, where, pattern = max(apart, key=lambda each: each[0])
            found.append((gap, {"kind": kind, "where": where, **pattern}))
            explained = [one for one in left if where.items() <= one.context.items()]
            left = [one for one in left if not where.items() <= one.context.items()]
            for pair, groups in sums.items():
                for key, count in _sums(explained, pair).items():
                    groups[key] = groups[key].minus(count)
    ordered = sorted(found, key=lambda each: -each[0])
    return [pattern for _, pattern in ordered[:PATTERNS_MAX]]


def _sums(counted: Sequence[Counted], pair: tuple[str, str]) -> dict[tuple[str, str], Count]:
    """By the values of a pair of dimensions, of those that have both."""
    groups: dict[tuple[str, str], Count] = {}
    for one in counted:
        if pair[0] in one.context and pair[1] in one.context:
            key = (one.context[pair[0]], one.context[pair[1]])
            known = groups.get(key)
            groups[key] = one.count if known is None else known.plus(one.count)
    return groups


def _apart(
    groups: Mapping[tuple[str, str], Count], pair: tuple[str, str]
) -> list[tuple[float, dict[str, str], dict[str, Any]]]:
    """(how far apart, which values, the numbers) of each that stands out."""
    whole = sum_of(groups.values())
    found = []
    for key, count in groups.items():
        rest = whole.minus(count)
        if min(count.judged, rest.judged) < ENOUGH or OTHERS in key:
            continue
        gap = _gap(count, rest)
        if gap <= 0:
            continue
        own = share_of(count.successes, count.judged)
        others = share_of(rest.successes, rest.judged)
        pattern = {
            "better": count.rate > rest.rate,
            "n": count.judged,
            "successes": count.successes,
            **{name: own[name] for name in ("rate", "low", "high")},
            "rest_n": rest.judged,
            "rest": others["rate"],
            "rest_low": others["low"],
            "rest_high": others["high"],
        }
        found.append((gap, dict(zip(pair, key, strict=True)), pattern))
    return found


def recommend(counted: Sequence[Counted], kind: str | None = None) -> list[dict[str, Any]]:
    """What to prefer among providers, strategies and rules, by the lower end of their intervals;
    of equals the cheaper."""
    return [
        _preferred(what, of_kind, [one for one in counted if one.kind == of_kind])
        for what, of_kind in _PREFERENCES
        if kind in (None, of_kind)
    ]


def _preferred(what: str, kind: str, counted: Sequence[Counted]) -> dict[str, Any]:
    groups: dict[str, Count] = {}
    for one in counted:
        if one.context.get(what, OTHERS) != OTHERS:
            value = one.context[what]
            groups[value] = groups.get(value, Count()).plus(one.count)
    ranked = sorted(
        ((value, count) for value, count in groups.items() if count.judged >= ENOUGH),
        key=lambda item: (-item[1].interval[0], _cost(item[1]), item[0]),
    )
    evidence = [
        {"value": value, **shown(count), "cost_each_usd": round(_cost(count), 6)}
        for value, count in ranked
    ]
    preferred, surely, why = None, False, NOT_ENOUGH
    if ranked:
        preferred, why = ranked[0][0], "nothing else has enough data"
    if len(ranked) > 1:
        surely = _gap(ranked[0][1], ranked[1][1]) > 0
        why = f"{'surely' if surely else 'not surely'} better than {ranked[1][0]}"
    return {
        "what": what,
        "kind": kind,
        "prefer": preferred,
        "surely": surely,
        "why": why,
        "evidence": evidence,
    }


def sum_of(counts: Iterable[Count]) -> Count:
    """All together."""
    whole = Count()
    for count in counts:
        whole = whole.plus(count)
    return whole


def _cost(count: Count) -> float:
    return count.cost_usd / count.n if count.n else 0.0


def _gap(one: Count, other: Count) -> float:
    """How far apart the intervals are; not above 0: they overlap."""
    (low, high), (other_low, other_high) = one.interval, other.interval
    return max(low - other_high, other_low - high)
