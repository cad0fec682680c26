"""The second level of memory: a question in, a ranked list of memories out."""

import math
import tomllib
from collections.abc import Iterable, Sequence
from contextlib import AbstractContextManager
from operator import mul
from pathlib import Path
from typing import Final

import attrs

from atlas_actors.memory.candidates import Candidates, Found
from atlas_actors.memory.embedder import Embedder
from atlas_actors.memory.features import NAMES, Circumstances, features
from atlas_actors.memory.hits import Hit, Related
from atlas_actors.memory.index import Index, Row
from atlas_actors.memory.meaning import Meaning
from atlas_actors.memory.query import Query, read
from atlas_actors.memory.vectors import Vectors
from atlas_actors.memory.words import words
from atlas_actors.messages.memory import Recall
from atlas_actors.store import Store

WEIGHTS_FILE: Final = Path(__file__).with_name("weights.toml")
DAY_MS: Final = 86_400_000
K_MAX: Final = 1_000
BUDGET_FACTOR: Final = 3  # times k are returned when a budget of tokens may drop some


@attrs.frozen(kw_only=True)
class Weights:
    """One number a feature in the order of NAMES, and what makes a score of 0 to 1 of the sum."""

    values: tuple[float, ...]
    scale: float
    offset: float

    def score(self, row: Sequence[float]) -> float:
        """The weighted sum; only its order means something."""
        return float(sum(map(mul, self.values, row)))

    def share(self, score: float) -> float:
        """How likely it is that a candidate of this score answers, 0 to 1."""
        return 1.0 / (1.0 + math.exp(-max(-60.0, min(60.0, self.scale * score + self.offset))))


def weights_of(section: str, file: Path = WEIGHTS_FILE) -> Weights:
    """A section of the weights' file: a feature that it does not name weighs nothing."""
    document = tomllib.loads(file.read_text("utf-8"))
    named = {**document["priors"], **document[section]}
    scale, offset = named.pop("scale"), named.pop("offset")
    assert named.keys() <= set(NAMES), f"no such features: {named.keys() - set(NAMES)}"
    values = tuple(float(named.get(name, 0.0)) for name in NAMES)
    return Weights(values=values, scale=scale, offset=offset)


class Search:
    """Full-text search with one linear rescoring; used on the store's thread."""

    def __init__(
        self, store: Store, embedder: Embedder | None = None, *, half_life_days: float = 90.0
    ) -> None:
        self._index = Index(store)
        self._candidates = Candidates(self._index)
        self._half_life_ms = half_life_days * DAY_MS
        self._vectors = None if embedder is None else Vectors(store, embedder)
        self._embedder = None if embedder is None else embedder.name
        self._meaning = Meaning()
        self._plain, self._dense = weights_of("plain"), weights_of("dense")

    def noting(self) -> AbstractContextManager[None]:
        """Around the notes of a batch: they are written together, at its end."""
        return self._index.noting()

    def note(self, number: int) -> None:
        """Index a memory that was just inserted, in the same transaction."""
        self._index.note(number)

    def forget(self, numbers: Iterable[int]) -> None:
        """Take memories out of the index. Deleting their rows does so too."""
        self._index.forget(numbers)

    def backfill(self, most: int) -> int:
        """Index, or make vectors of, at most so many memories that lack it; how many did."""
        missing = self._index.missing(most)
        for number in missing:
            self._index.note(number)
        if missing or self._vectors is None:
            return len(missing)
        return self._vectors.backfill(most)

    def recount(self) -> None:
        """Count anew what each project has, after a rescue that has lost rows."""
        self._index.recount()

    def progress(self) -> dict[str, object]:
        """How many memories there are, are indexed and have vectors, and by which embedder."""
        vectors = 0 if self._vectors is None else self._vectors.filled()
        return {**self._index.counts(), "vectors": vectors, "embedder": self._embedder}

    def find(self, wanted: Recall, now_ms: int, related: Sequence[Related] = ()) -> list[Hit]:
        """The best answers, best first: k, or more when a budget of tokens may drop some."""
        found, table = self.weigh(wanted, now_ms, related)
        weights = self._dense if found.embedded else self._plain
        scored = [
            (weights.score(values), row.number, values)
            for row, values in zip(found.rows, table, strict=True)
        ]
        scored.sort(key=lambda one: (-one[0], -one[1]))
        most = max(0, min(K_MAX, wanted.k))
        if wanted.budget_tokens is not None:
            most *= BUDGET_FACTOR
        graph = {one.number for one in related}
        return [
            _hit(score, number, values, weights, number in graph and number in found.only_related)
            for score, number, values in scored[:most]
        ]

    def weigh(
        self, wanted: Recall, now_ms: int, related: Sequence[Related] = ()
    ) -> tuple[Found, list[tuple[float, ...]]]:
        """The candidates with their features: what `find` ranks and weights are fitted on."""
        as_of_ms = now_ms if wanted.at_ms is None else wanted.at_ms
        query = read(wanted.query, as_of_ms, self._index.stemmer.stem)
        scope = self._index.scope(wanted.project, wanted.kinds, wanted.session)
        if scope is None:
            return Found(), []
        near: dict[int, float] = {}
        if self._vectors is not None and query.terms:
            near = self._vectors.near(wanted.query, wanted.project, scope.rows)
        found = self._candidates.gather(
            query, scope, wanted.project, lambda row: allowed(row, wanted), related, near
        )
        dense: dict[int, float] = {}
        if self._vectors is not None and query.terms:
            dense = self._vectors.cosines(wanted.query, (row.number for row in found.rows))
        embedded = bool(dense)
        if not embedded:
            texts = ((row.number, row.terms) for row in found.rows)
            dense = self._meaning.cosines(_matter(query, found.rows), texts)
        found = attrs.evolve(found, dense=dense, embedded=embedded)
        around = Circumstances(
            now_ms=as_of_ms,
            half_life_ms=self._half_life_ms,
            rows=scope.rows,
            words=scope.words,
            frequency=found.frequency,
            kin=found.kin,
            related={one.number: one for one in related},
            dense=found.dense,
        )
        return found, features(query, found.rows, around)


def _matter(query: Query, rows: Sequence[Row]) -> list[str]:
    """What is asked about: the stems without the names of those who speak."""
    people = {part for name in {row.speaker for row in rows} for part in words(name)}
    return [stem for word, stem in query.stems if stem and word not in people]


def allowed(row: Row, wanted: Recall) -> bool:
    """Whether a memory may be an answer; what words and scope cannot say."""
    if row.state == "rejected":
        return False
    if wanted.at_ms is not None and row.at_ms > wanted.at_ms:
        return False
    if wanted.project is not None and row.project not in (wanted.project, ""):
        return False  # a neighbour or a related one is not scoped yet
    if wanted.kinds and row.kind not in wanted.kinds:
        return False
    if wanted.session and row.session_name != wanted.session:
        return False
    if wanted.injectable:
        return row.state == "kept" and row.trust > 0 and row.until_ms is None
    return True


def _hit(
    score: float, number: int, values: Sequence[float], weights: Weights, by_graph: bool
) -> Hit:
    parts = list(map(mul, weights.values, values))
    whole = sum(map(abs, parts)) or 1.0
    signals = [(name, round(part / whole, 3)) for name, part in zip(NAMES, parts, strict=True)]
    return Hit(
        number=number,
        score=round(weights.share(score), 6),
        level="l3" if by_graph else "l2",
        signals=tuple(sorted((one for one in signals if one[1]), key=lambda one: -abs(one[1]))),
    )
