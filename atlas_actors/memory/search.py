"""The second level of memory: a question in, a ranked list of memories out."""

import math
import tomllib
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, Final

from atlas_actors.memory.candidates import Candidates, Found
from atlas_actors.memory.features import NAMES, Circumstances, features
from atlas_actors.memory.hits import Hit, Related
from atlas_actors.memory.index import Index, Row
from atlas_actors.memory.query import Query, read
from atlas_actors.messages.memory import Recall
from atlas_actors.store import Store

WEIGHTS_FILE: Final = Path(__file__).with_name("weights.toml")
MORE: Final = 3  # times k are returned when a budget may drop some


def weights_in(file: Path, section: str) -> tuple[float, ...]:
    """One number a feature, 0 for those that the section does not name."""
    section_data: dict[str, Any] = tomllib.loads(file.read_text("utf-8"))[section]
    unknown = section_data.keys() - set(NAMES)
    assert not unknown, f"no such features: {sorted(unknown)}"
    return tuple(float(section_data.get(name, 0.0)) for name in NAMES)


class Search:
    """Full-text search with one linear rescoring; used on the store's thread."""

    def __init__(self, store: Store, *, half_life_days: float = 90.0) -> None:
        self._index = Index(store)
        self._candidates = Candidates(self._index)
        self._half_life_ms = half_life_days * 86_400_000
        self._plain = weights_in(WEIGHTS_FILE, "plain")

    def note(self, number: int) -> None:
        """Index a memory that was just inserted, in the same transaction."""
        self._index.note(number)

    def forget(self, numbers: Iterable[int]) -> None:
        """Take memories out of the index; to be called where their rows are deleted."""
        self._index.forget(numbers)

    def find(self, wanted: Recall, now_ms: int, related: Sequence[Related] = ()) -> list[Hit]:
        """The best answers, best first: k, or more when a budget of tokens may drop some."""
        query, found, table = self.weigh(wanted, now_ms, related)
        weights = self._plain
        scored = sorted(
            ((sum(map(float.__mul__, weights, values)), row.number, values)
             for row, values in zip(found.rows, table, strict=True)),
            key=lambda one: (-one[0], -one[1]),
        )
        most = max(0, wanted.k) * (MORE if wanted.budget_tokens is not None else 1)
        return [_hit(score, number, values, weights) for score, number, values in scored[:most]]

    def weigh(
        self, wanted: Recall, now_ms: int, related: Sequence[Related] = ()
    ) -> tuple[Query, Found, list[tuple[float, ...]]]:
        """The candidates with their features: what `find` ranks, and what weights are fitted on."""
        query = read(wanted.query, now_ms, self._index.stemmer.stem)
        scope = self._index.scope(wanted.project, wanted.kinds, wanted.session)
        if scope is None:
            return query, Found(rows=(), frequency={}, kin={}), []
        found = self._candidates.gather(
            query, scope, wanted.project, lambda row: _allowed(row, wanted), related
        )
        around = Circumstances(
            now_ms=now_ms, half_life_ms=self._half_life_ms, rows=scope.rows, words=scope.words,
            frequency=found.frequency, kin=found.kin, related={one.number: one for one in related},
        )
        return query, found, features(query, found.rows, around)


def _allowed(row: Row, wanted: Recall) -> bool:
    if row.state == "rejected":
        return False
    return True


def _hit(score: float, number: int, values: Sequence[float], weights: Sequence[float]) -> Hit:
    parts = [(name, value * weight) for name, value, weight in zip(NAMES, values, weights, strict=True)]
    whole = sum(part for _, part in parts if part > 0) or 1.0
    signals = sorted(((n, round(p / whole, 3)) for n, p in parts if p), key=lambda s: -abs(s[1]))
    return Hit(number=number, score=1 / (1 + math.exp(-score)), level="l2", signals=tuple(signals))
