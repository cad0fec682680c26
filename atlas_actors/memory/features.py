"""Turns what is known of each candidate into numbers between 0 and 1 that are weighed up."""

import math
from collections.abc import Mapping, Sequence
from typing import Final

import attrs

from atlas_actors.memory import shape
from atlas_actors.memory.dates import DAY_MS
from atlas_actors.memory.hits import Related
from atlas_actors.memory.index import SPOTS, Row
from atlas_actors.memory.query import Query
from atlas_actors.memory.words import words

# BM25 for short texts: a word said twice says little more, and length hardly matters.
_K1: Final = 0.6
_B: Final = 0.1
_SESSION_K: Final = 1.5  # a session's count of a word saturates more slowly
_LONG_WORDS: Final = 24.0  # stems of a long turn

NAMES: Final = (
    "words",  # BM25 of its own words, of the most that the question could give
    "words_best",  # the same, of the best candidate's
    "before",  # BM25 of the one before in its session
    "before2",
    "after",
    "after2",
    "answers",  # BM25 of the one before, when that is a question
    "session",  # BM25 of its session as a whole
    "session_best",
    "day",  # said on a day that is asked for
    "day_soon",  # said in the two weeks after
    "speaker",  # its speaker is named in the question
    "speaker_other",  # the question names a speaker, and it is not this one
    "speaker_words",  # speaker and words together
    "named",  # the text names somebody whom the question names
    "cover",  # share of the question's information that it holds at all
    "cover_around",  # the same of it and its neighbours together
    "kin",  # words of the same matter as those of the question that it lacks
    "kin_around",  # the same of its neighbours
    "pairs",  # words that follow each other as in the question
    "exact",  # an identifier or path of the question is in it as a whole
    "when_time",  # asked when, and it says a time
    "many_number",
    "why_cause",
    "who_name",
    "title",
    "asks",  # is a question itself
    "asked",  # follows a question
    "first",  # speaks of himself
    "long",
    "code",  # both are about code
    "graph",  # the graph reaches it
    "dense",  # cosine with the question
    "dense_around",  # of its neighbours
    "recent",
    "useful",
    "used",
    "trust",
    "superseded",
    "durable",  # a decision or a learning, not an episode
)


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


@attrs.define
class _Lexical:
    """What the words of one candidate say."""

    score: float = 0.0
    cover: float = 0.0
    held: tuple[str, ...] = ()
    kin: float = 0.0


_NOTHING: Final = _Lexical()


def features(query: Query, rows: Sequence[Row], around: Circumstances) -> list[tuple[float, ...]]:
    """One tuple a row, in the order of NAMES."""
    people = _people(query, rows)
    asked = [term for term in query.terms if term not in people] or list(query.terms)
    idf = {term: _idf(around.frequency.get(term, 0), around.rows) for term in asked}
    most = sum(idf.values()) or 1.0
    average = around.words / around.rows
    kin = {term: around.kin[term] for term in asked if around.kin.get(term)}
    lexical = {row.number: _lexical(row, idf, most, average, kin) for row in rows}
    spots = {row.spot: row for row in rows if row.spot is not None}
    sessions = _sessions(rows, lexical, idf, most)
    best = max((found.score for found in lexical.values()), default=0.0) or 1.0
    best_session = max(sessions.values(), default=0.0) or 1.0
    speakers = {row.speaker: _is_named(row.speaker, query) for row in rows}
    someone = any(speakers.values())
    code = bool(query.exact)
    dense = around.dense
    result = []
    for row in rows:
        own = lexical[row.number]
        spot = row.spot
        if spot is None:
            before = before2 = after = after2 = None
            session = 0.0
        else:
            before, before2 = spots.get(spot - 1), spots.get(spot - 2)
            after, after2 = spots.get(spot + 1), spots.get(spot + 2)
            session = sessions[spot // SPOTS]
        bm_before = lexical[before.number] if before else _NOTHING
        bm_after = lexical[after.number] if after else _NOTHING
        asked_before = bool(before and before.shape & shape.ASKS)
        far = query.days.distance(row.at_ms) if query.days else 365.0
        speaks = speakers[row.speaker]
        bits = row.shape
        held = f" {row.terms} " if own.held else ""
        related = around.related.get(row.number)
        own_dense = dense.get(row.number, 0.0)
        near_dense = max(
            dense.get(before.number, 0.0) if before else 0.0,
            dense.get(after.number, 0.0) if after else 0.0,
        )
        together = {*own.held, *bm_before.held, *bm_after.held}
        result.append(
            (
                own.score,
                own.score / best,
                bm_before.score,
                lexical[before2.number].score if before2 else 0.0,
                bm_after.score,
                lexical[after2.number].score if after2 else 0.0,
                bm_before.score if asked_before else 0.0,
                session,
                session / best_session,
                1.0 if far == 0.0 else 0.0,
                1.0 - far / 14 if 0.0 < far < 14 else 0.0,
                1.0 if speaks else 0.0,
                1.0 if someone and not speaks else 0.0,
                own.cover if speaks else 0.0,
                1.0 if people and held and any(f" {name} " in held for name in people) else 0.0,
                own.cover,
                sum(idf[term] for term in together) / most,
                own.kin,
                max(bm_before.kin, bm_after.kin),
                _share(held, query.pairs),
                _share(held, query.exact),
                1.0 if query.when and bits & shape.TIME else 0.0,
                1.0 if query.many and bits & shape.NUMBER else 0.0,
                1.0 if query.why and bits & shape.CAUSE else 0.0,
                1.0 if query.named and bits & shape.NAME else 0.0,
                1.0 if query.titled and bits & shape.TITLE else 0.0,
                1.0 if bits & shape.ASKS else 0.0,
                1.0 if asked_before else 0.0,
                1.0 if bits & shape.FIRST else 0.0,
                min(1.0, row.words / _LONG_WORDS),
                1.0 if code and bits & shape.CODE else 0.0,
                related.strength / (1 + related.hops) if related else 0.0,
                own_dense,
                near_dense,
                0.5 ** (max(0, around.now_ms - row.at_ms) / around.half_life_ms),
                (row.useful - row.useless) / (row.useful + row.useless + 3.0),
                min(1.0, math.log1p(row.uses) / 5.0),
                row.trust / 3.0,
                1.0 if row.state == "superseded" else 0.0,
                0.0 if row.kind == "episode" else 1.0,
            )
        )
    return result


def _idf(frequency: int, rows: int) -> float:
    return math.log(1.0 + (max(rows, frequency) - frequency + 0.5) / (frequency + 0.5))


def _lexical(
    row: Row,
    idf: Mapping[str, float],
    most: float,
    average: float,
    kin: Mapping[str, frozenset[str]],
) -> _Lexical:
    said = row.terms.split()
    once = set(said)
    held = tuple(idf.keys() & once)
    akin = sum(
        idf[term] for term, others in kin.items() if term not in once and not others.isdisjoint(once)
    )
    if not held:
        return _Lexical(kin=akin / most) if akin else _NOTHING
    norm = _K1 * (1.0 - _B + _B * len(said) / average)
    score = cover = 0.0
    for term in held:
        weight = idf[term]
        count = said.count(term)
        cover += weight
        score += weight * count * (_K1 + 1.0) / (count + norm)
    return _Lexical(score / most / (_K1 + 1.0) * 1.6, cover / most, held, akin / most)


def _sessions(
    rows: Sequence[Row], lexical: Mapping[int, _Lexical], idf: Mapping[str, float], most: float
) -> dict[int, float]:
    """How well each session as a whole fits, 0 to 1."""
    counts: dict[int, dict[str, int]] = {}
    for row in rows:
        if row.spot is not None:
            held = counts.setdefault(row.spot // SPOTS, {})
            for term in lexical[row.number].held:
                held[term] = held.get(term, 0) + 1
    # A word that is in every session tells none apart.
    spread = {term: sum(term in held for held in counts.values()) for term in idf}
    weight = {
        term: math.log(1.0 + (len(counts) - n + 0.5) / (n + 0.5)) * idf[term]
        for term, n in spread.items()
    }
    whole = sum(weight.values()) or 1.0
    return {
        session: sum(weight[term] * n / (n + _SESSION_K) for term, n in held.items()) / whole
        for session, held in counts.items()
    }


def _people(query: Query, rows: Sequence[Row]) -> frozenset[str]:
    """Stems of the question that are names of speakers: they say who, not what."""
    speakers = {word for name in {row.speaker for row in rows} for word in words(name)}
    named = query.said & speakers
    return frozenset(stem for word, stem in query.stems if word in named)


def _is_named(speaker: str, query: Query) -> bool:
    return any(word in query.said for word in words(speaker))


def _share(held: str, wanted: Sequence[str]) -> float:
    if not held or not wanted:
        return 0.0
    return sum(f" {part} " in held for part in wanted) / len(wanted)
