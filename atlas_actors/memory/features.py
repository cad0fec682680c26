"""Turns what is known of each candidate into numbers between 0 and 1 that are weighed up."""

import math
from collections.abc import Mapping, Sequence
from typing import Final

import attrs

from atlas_actors.memory import shape
from atlas_actors.memory.hits import Related
from atlas_actors.memory.index import SPOTS, Row
from atlas_actors.memory.query import Query
from atlas_actors.memory.words import words

# BM25 for short texts: a word said twice says little more, and length hardly matters.
_K1: Final = 0.6
_B: Final = 0.1
_SESSION_K: Final = 1.5  # a session's count of a word saturates more slowly
_LONG_WORDS: Final = 24.0  # stems of a long turn
_SOON_DAYS: Final = 14.0

OWN: Final = (
    "words",  # BM25 of its words, of the best candidate's
    "cover",  # share of the question's information that it holds at all
    "kin",  # the same of words of the same matter, where it lacks the word itself
    "pairs",  # words that follow each other as in the question
    "exact",  # an identifier or path of the question is in it as a whole
    "code",  # both are about code
    "long",
    "asks",  # is a question itself
    "first",  # speaks of himself
    "graph",  # the graph reaches it
    "dense",  # cosine with the question
)
AROUND: Final = (
    "answers",  # BM25 of the one before in its session, when that is a question
    "asked",  # follows a question
    "before2",  # BM25 of the one before that
    "after2",
    "cover_around",  # share of the question's information in it, the one before and the one after
    "session",  # how well its session as a whole fits
    "dense_around",
)
ASKED: Final = (
    "speaker",  # its speaker is named in the question
    "day",  # said on a day that is asked for
    "day_soon",  # said in the two weeks after
    "when_time",  # asked when, and it says a time
    "many_number",
    "why_cause",
    "who_name",
    "title",
)
# Of the memory alone. Their weights are set by hand: no benchmark of questions has them.
PRIOR: Final = (
    "recent",  # halves with the half-life
    "useful",  # rated so, against rated useless: -1 to 1
    "used",
    "trust",
    "superseded",
    "durable",  # no episode
)
NAMES: Final = OWN + AROUND + ASKED + PRIOR


@attrs.frozen(kw_only=True)
class Circumstances:
    """What a question is weighed in."""

    now_ms: int
    half_life_ms: float
    rows: int  # in the scope
    words: int
    frequency: Mapping[str, int]  # rows of the scope that hold a stem
    kin: Mapping[str, frozenset[str]] = {}  # stems of the same matter
    related: Mapping[int, Related] = {}
    dense: Mapping[int, float] = {}


@attrs.frozen
class _Lexical:
    """What the words of one candidate say."""

    score: float = 0.0
    held: frozenset[str] = frozenset()
    kin: float = 0.0


_NOTHING: Final = _Lexical()


def features(query: Query, rows: Sequence[Row], around: Circumstances) -> list[tuple[float, ...]]:
    """One tuple a row, in the order of NAMES."""
    table = _Table(query, rows, around)
    return [
        table.own(row) + table.around(row) + table.asked(row) + table.prior(row) for row in rows
    ]


class _Table:
    """The candidates of one question, with what is computed once for all of them."""

    def __init__(self, query: Query, rows: Sequence[Row], around: Circumstances) -> None:
        self._query = query
        self._in = around
        speakers = {name: frozenset(words(name)) for name in {row.speaker for row in rows}}
        self._named = {name for name, parts in speakers.items() if parts & query.said}
        people = _people(query, frozenset().union(*speakers.values()))
        # The name of a speaker says who, not what.
        asked = [term for term in query.terms if term not in people] or list(query.terms)
        self._idf = {term: _idf(around.frequency.get(term, 0), around.rows) for term in asked}
        self._most = sum(self._idf.values()) or 1.0
        self._kin = {term: around.kin[term] for term in asked if around.kin.get(term)}
        self._average = around.words / around.rows
        self._lexical = {row.number: self._read(row) for row in rows}
        best = max((found.score for found in self._lexical.values()), default=0.0) or 1.0
        self._best = best
        self._covers: dict[frozenset[str], float] = {}
        self._at = {row.spot: row for row in rows if row.spot is not None}
        self._sessions = _sessions(rows, self._lexical, self._idf)

    def own(self, row: Row) -> tuple[float, ...]:
        """Its words and what leads to it."""
        found = self._lexical[row.number]
        terms = f" {row.terms} " if found.held else ""
        bits, query, related = row.shape, self._query, self._in.related.get(row.number)
        return (
            found.score / self._best,
            self._cover(found.held),
            found.kin,
            _share(terms, query.pairs),
            _share(terms, query.exact),
            1.0 if query.exact and bits & shape.CODE else 0.0,
            min(1.0, row.words / _LONG_WORDS),
            1.0 if bits & shape.ASKS else 0.0,
            1.0 if bits & shape.FIRST else 0.0,
            related.strength / (1 + related.hops) if related else 0.0,
            self._in.dense.get(row.number, 0.0),
        )

    def around(self, row: Row) -> tuple[float, ...]:
        """What was said before and after, and in its whole session."""
        found, spot = self._lexical[row.number], row.spot
        if spot is None:
            return 0.0, 0.0, 0.0, 0.0, self._cover(found.held), 0.0, 0.0
        at, best = self._at, self._best
        before, after = at.get(spot - 1), at.get(spot + 1)
        said_before = self._of(before)
        asked = before is not None and before.shape & shape.ASKS
        dense = self._in.dense
        return (
            said_before.score / best if asked else 0.0,
            1.0 if asked else 0.0,
            self._of(at.get(spot - 2)).score / best,
            self._of(at.get(spot + 2)).score / best,
            self._cover(found.held | said_before.held | self._of(after).held),
            self._sessions[spot // SPOTS],
            max((dense.get(one.number, 0.0) for one in (before, after) if one), default=0.0)
            if dense
            else 0.0,
        )

    def asked(self, row: Row) -> tuple[float, ...]:
        """Whether it is of the person, the day and the kind that is asked for."""
        query, bits = self._query, row.shape
        far = query.days.distance(row.at_ms) if query.days else 365.0
        return (
            1.0 if row.speaker in self._named else 0.0,
            1.0 if far == 0.0 else 0.0,
            1.0 - far / _SOON_DAYS if 0.0 < far < _SOON_DAYS else 0.0,
            1.0 if query.when and bits & shape.TIME else 0.0,
            1.0 if query.many and bits & shape.NUMBER else 0.0,
            1.0 if query.why and bits & shape.CAUSE else 0.0,
            1.0 if query.named and bits & shape.NAME else 0.0,
            1.0 if query.titled and bits & shape.TITLE else 0.0,
        )

    def prior(self, row: Row) -> tuple[float, ...]:
        """What it is worth whatever the question."""
        age_ms = max(0, self._in.now_ms - max(row.at_ms, row.used_ms or 0))
        rated = row.useful + row.useless
        return (
            0.5 ** (age_ms / self._in.half_life_ms),
            (row.useful - row.useless) / (rated + 2.0) if rated else 0.0,
            min(1.0, math.log1p(row.uses) / 5.0) if row.uses else 0.0,
            row.trust / 3.0,
            1.0 if _superseded(row, self._in.now_ms) else 0.0,
            0.0 if row.kind == "episode" else 1.0,
        )

    def _read(self, row: Row) -> _Lexical:
        said = row.terms.split()
        once = set(said)
        idf = self._idf
        held = frozenset(idf.keys() & once)
        akin = 0.0
        for term, others in self._kin.items():
            if term not in held and not others.isdisjoint(once):
                akin += idf[term]
        if not held:
            return _Lexical(0.0, held, akin / self._most) if akin else _NOTHING
        norm = _K1 * (1.0 - _B + _B * len(said) / self._average)
        score = 0.0
        for term in held:
            count = said.count(term)
            score += idf[term] * count * (_K1 + 1.0) / (count + norm)
        return _Lexical(score, held, akin / self._most)

    def _of(self, row: Row | None) -> _Lexical:
        return _NOTHING if row is None else self._lexical[row.number]

    def _cover(self, held: frozenset[str]) -> float:
        found = self._covers.get(held)
        if found is None:
            found = self._covers[held] = sum(self._idf[term] for term in held) / self._most
        return found


def _superseded(row: Row, now_ms: int) -> bool:
    return row.until_ms <= now_ms if row.until_ms is not None else row.state == "superseded"


def _idf(frequency: int, rows: int) -> float:
    return math.log(1.0 + (max(rows, frequency) - frequency + 0.5) / (frequency + 0.5))


def _sessions(
    rows: Sequence[Row], lexical: Mapping[int, _Lexical], idf: Mapping[str, float]
) -> dict[int, float]:
    """How well each session as a whole fits, of the best one's."""
    counts: dict[int, dict[str, int]] = {}
    for row in rows:
        if row.spot is not None:
            held = counts.setdefault(row.spot // SPOTS, {})
            for term in lexical[row.number].held:
                held[term] = held.get(term, 0) + 1
    weight = {}
    for term, information in idf.items():
        spread = sum(term in held for held in counts.values())
        # A word that is in every session tells none apart.
        weight[term] = information * _idf(spread, len(counts))
    fits = {
        session: sum(weight[term] * n / (n + _SESSION_K) for term, n in held.items())
        for session, held in counts.items()
    }
    best = max(fits.values(), default=0.0) or 1.0
    return {session: fit / best for session, fit in fits.items()}


def _people(query: Query, speakers: frozenset[str]) -> frozenset[str]:
    """Stems of the question that are names of speakers."""
    named = query.said & speakers
    return frozenset(stem for word, stem in query.stems if word in named)


def _share(terms: str, wanted: Sequence[str]) -> float:
    if not terms or not wanted:
        return 0.0
    found = 0
    for part in wanted:
        found += f" {part} " in terms
    return found / len(wanted)
