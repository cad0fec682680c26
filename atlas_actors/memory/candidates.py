"""Gathers the few hundred memories that may answer a question, whatever the size of the file."""

import heapq
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Final

import attrs

from atlas_actors.memory.hits import Related
from atlas_actors.memory.index import Index, Row, Scope
from atlas_actors.memory.query import Query

POOL_MAX: Final = 80  # found by their words
SEEDS_MAX: Final = 35  # whose neighbours are looked at too
AROUND: Final = (-2, -1, 1, 2)
DATED_MAX: Final = 60  # of a span of days that the question names
# Rows of the index that one question may read: what bounds its time in a large file.
READ_MAX: Final = 8_000
KIN_MAX: Final = 15  # with words of the same matter only
KIN_ROWS_MAX: Final = 100_000  # in a larger scope such words are everywhere
TERMS_MAX: Final = 12  # the rarest
_MEMORY_MAX: Final = 50_000  # frequencies kept


@attrs.frozen(kw_only=True)
class Found:
    """The candidates, and how many rows of the scope hold each word."""

    rows: Sequence[Row] = ()
    frequency: Mapping[str, int] = {}
    kin: Mapping[str, frozenset[str]] = {}  # stems of the same matter as each word
    dense: Mapping[int, float] = {}  # cosines with the question
    embedded: bool = False  # by an embedder's vectors; else by the table that is built in
    only_related: frozenset[int] = frozenset()  # none of their words is asked for


class Candidates:
    """Gathers from one index; keeps the frequencies of words, which are slow to count."""

    def __init__(self, index: Index) -> None:
        self._index = index
        self._frequencies: dict[str, tuple[int, int]] = {}  # (rows then, frequency)

    def gather(
        self,
        query: Query,
        scope: Scope,
        project: str | None,
        allowed: Callable[[Row], bool],
        related: Sequence[Related],
        near: Iterable[int] = (),
    ) -> Found:
        """Those with the question's rarest words, of its days, related ones, and what is around."""
        weights, frequency = self._by_words(query.terms, scope)
        # As many more as are of other projects; those are not allowed.
        best = _heaviest(weights, int(POOL_MAX / scope.share))
        kin = {term: self._index.stemmer.kin(term) for term in frequency}
        akin = sorted(frozenset[str]().union(*kin.values()))
        if akin and scope.rows <= KIN_ROWS_MAX:
            best += [n for n in self._index.holding(scope, akin, KIN_MAX) if n not in weights]
        wanted = {*best, *near, *(one.number for one in related)}
        for start_ms, end_ms in query.days.spans:
            wanted.update(self._index.during(project, start_ms, end_ms, DATED_MAX))
        rows = {row.number: row for row in self._index.rows(wanted) if allowed(row)}
        seeds = [number for number in best if number in rows][:SEEDS_MAX]
        seeds += [one.number for one in related if one.number in rows]
        for row in self._index.at(_spots_around([rows[number] for number in seeds], rows.values())):
            if allowed(row):
                rows[row.number] = row
        return Found(
            rows=sorted(rows.values(), key=lambda row: row.number),
            frequency=frequency,
            kin=kin,
            only_related=frozenset(one.number for one in related) - weights.keys(),
        )

    def _by_words(
        self, terms: Sequence[str], scope: Scope
    ) -> tuple[dict[int, float], dict[str, int]]:
        """How much each memory has of the rarest words, and how frequent these are."""
        weights: dict[int, float] = {}
        frequency: dict[str, int] = {}
        left = READ_MAX
        for term in self._rarest(terms, scope):
            numbers = self._index.holding(scope, (term,), left)
            count = round(len(numbers) * scope.share)
            if count >= left:  # there are more
                count = max(count, min(scope.rows, self._frequency(term, scope.rows)))
            frequency[term] = count
            weight = 1.0 / (1.0 + count) ** 0.4
            for number in numbers:
                weights[number] = weights.get(number, 0.0) + weight
            left -= count
            if left <= 0:
                break
        return weights, frequency

    def _rarest(self, terms: Sequence[str], scope: Scope) -> list[str]:
        """The words that tell most, the rarest first."""
        if len(terms) <= TERMS_MAX and scope.rows * len(terms) <= READ_MAX:
            return list(terms)
        return sorted(terms, key=lambda term: self._frequency(term, scope.rows))[:TERMS_MAX]

    def _frequency(self, term: str, rows: int) -> int:
        known = self._frequencies.get(term)
        if known is not None and known[0] * 0.8 <= rows <= known[0] * 1.25:
            return known[1]
        if len(self._frequencies) >= _MEMORY_MAX:
            self._frequencies.clear()
        count = self._index.frequency(term)
        self._frequencies[term] = (rows, count)
        return count


def _heaviest(weights: Mapping[int, float], most: int) -> list[int]:
    """Those with most of the words, the newest of equals first."""
    pairs = heapq.nlargest(most, zip(weights.values(), weights.keys(), strict=True))
    return [number for _, number in pairs]


def _spots_around(seeds: Iterable[Row], known: Iterable[Row]) -> set[int]:
    """The places next to these that are not known yet."""
    around = {row.spot + step for row in seeds if row.spot is not None for step in AROUND}
    return around - {row.spot for row in known if row.spot is not None}
