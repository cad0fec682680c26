"""The vectors of memories: filled in the background, compared by brute force in bounded memory."""

import importlib
import json
from collections import OrderedDict
from collections.abc import Iterable
from typing import Any, Final

from atlas_actors.memory.embedder import Embedder
from atlas_actors.store import Store

NEAR_MAX: Final = 40  # candidates that only their vectors bring
# In a larger scope only what the words found is compared.
SCANNED_MAX: Final = 100_000
_SCOPES_KEPT: Final = 8
_UNFILLED: Final = """
    select number, text from memories left join vectors using (number)
    where vectors.model is not ? order by number desc limit ?
"""


class Vectors:
    """The vectors of one store, of one embedder."""

    def __init__(self, store: Store, embedder: Embedder) -> None:
        self._store = store
        self._embedder = embedder
        self._made = 0  # by this process, the only one that writes
        self._scanned: OrderedDict[str | None, tuple[tuple[int, int], Any, Any]] = OrderedDict()

    def backfill(self, most: int) -> int:
        """Make the vectors of at most so many memories, the newest first; how many were made."""
        rows = self._store.rows(_UNFILLED, (self._embedder.name, most))
        made = self._embedder.embed([row["text"] for row in rows])
        for row, vector in zip(rows, made, strict=True):
            self._store.run(
                "insert or replace into vectors values (?, ?, ?)",
                (row["number"], self._embedder.name, vector),
            )
        self._made += len(rows)
        return len(rows)

    def filled(self) -> int:
        """How many memories have a vector."""
        sql = "select count(*) as n from vectors where model = ?"
        return int(self._store.rows(sql, (self._embedder.name,))[0]["n"])

    def near(self, query: str, project: str | None, rows: int) -> dict[int, float]:
        """Cosines of the nearest memories of a scope of so many rows; none when it is too large."""
        if rows > SCANNED_MAX:
            return {}
        numbers, matrix = self._matrix(project)
        if not len(numbers):
            return {}
        cosines = matrix @ self._vector(query)
        best = cosines.argsort()[::-1][:NEAR_MAX]
        return {int(numbers[at]): float(cosines[at]) for at in best if cosines[at] > 0}

    def cosines(self, query: str, numbers: Iterable[int]) -> dict[int, float]:
        """Cosines of these memories with a query; of those that have a vector."""
        numpy = importlib.import_module("numpy")
        found: list[Any] = self._store.connection.execute(
            "select number, vector from vectors where model = ?"
            " and number in (select value from json_each(?))",
            (self._embedder.name, json.dumps([*numbers])),
        ).fetchall()
        if not found:
            return {}
        matrix = self._decoded([vector for _, vector in found])
        values = numpy.maximum(matrix @ self._vector(query), 0.0)
        return {number: float(value) for (number, _), value in zip(found, values, strict=True)}

    def _vector(self, text: str) -> Any:
        return self._decoded(self._embedder.embed([text]))[0]

    def _decoded(self, vectors: list[bytes]) -> Any:
        numpy = importlib.import_module("numpy")
        flat = numpy.frombuffer(b"".join(vectors), numpy.int8).astype(numpy.float32) / 127.0
        return flat.reshape(len(vectors), self._embedder.dimensions)

    def _matrix(self, project: str | None) -> tuple[Any, Any]:
        """All vectors of a scope; kept while nothing is stored or forgotten."""
        numpy = importlib.import_module("numpy")
        (row,) = self._store.rows("select n from generation")
        state = (int(row["n"]), self._made)
        kept = self._scanned.get(project)
        if kept is not None and kept[0] == state:
            self._scanned.move_to_end(project)
            return kept[1], kept[2]
        found: list[Any] = self._store.connection.execute(
            "select number, vector from vectors join memories using (number)"
            " where model = ?1 and (?2 is null or project in (?2, '')) order by number",
            (self._embedder.name, project),
        ).fetchall()
        numbers = numpy.array([number for number, _ in found], dtype=numpy.int64)
        matrix = self._decoded([vector for _, vector in found])
        self._scanned[project] = (state, numbers, matrix)
        while len(self._scanned) > _SCOPES_KEPT:
            self._scanned.popitem(last=False)
        return numbers, matrix
