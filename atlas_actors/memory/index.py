"""Reads and writes the full-text index of memories: the SQL of search."""

import json
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import Final

import attrs

from atlas_actors.memory import noted
from atlas_actors.memory.noted import MARK, Noted
from atlas_actors.memory.shape import shape_of
from atlas_actors.memory.words import Stemmer, words
from atlas_actors.store import Store

SPOTS: Final = noted.SPOTS
WORDS_MAX: Final = 4_000  # of one memory; the rest is not searchable

# In a file of so many rows, a project with this share of them is not asked for by its token.
LARGE_ROWS: Final = 50_000
MOST: Final = 0.5
ALMOST_ALL: Final = 0.999

_ROW: Final = """
    select number, spot, words, shape, terms, memories.project, session, speaker, kind, origin,
        trust, state, approved_ms, at_ms, until_ms, uses, useful, useless, used_ms, created_ms
    from search_rows join memories using (number)
    where %s in (select value from json_each(?)) order by number
"""
_ROWS: Final = _ROW % "number"
_ROWS_AT: Final = _ROW % "spot"
_FTS: Final = "select rowid from search_index where search_index match ?"
_UNNOTED: Final = """
    select project, session, kind, text, rationale, alternatives, tags, source
    from memories where number = ?
"""


@attrs.define
class Row:
    """A memory as ranking sees it, positionally as `_ROW` selects it."""

    number: int
    spot: int | None
    words: int
    shape: int
    terms: str
    project: str
    session_name: str
    speaker: str
    kind: str
    origin: str
    trust: int
    state: str
    approved_ms: int | None
    at_ms: int
    until_ms: int | None
    uses: int
    useful: int
    useless: int
    used_ms: int | None
    created_ms: int


@attrs.frozen(kw_only=True)
class Scope:
    """Where to look: tokens of which one of each group must be there, and how much there is."""

    groups: tuple[tuple[str, ...], ...]
    rows: int
    words: int
    share: float = 1.0  # of what is found, about so much is of the projects that are asked for

    def match(self, *terms: str) -> str:
        """An FTS5 expression for any of these; they are ours: letters and digits only."""
        parts = []
        for group in (terms, *self.groups):
            tokens = " OR ".join(f'"{token}"' for token in group)
            parts.append(f"({tokens})")
        return " AND ".join(parts)


class Index:
    """The index in one store, used on the store's thread and in its transactions."""

    def __init__(self, store: Store) -> None:
        self._store = store
        tokenizer = store.connection.fts5_tokenizer(
            "porter", ["unicode61", "remove_diacritics", "2"]
        )
        self.stemmer = Stemmer(tokenizer)
        self._noted: Noted | None = None

    @contextmanager
    def noting(self) -> Iterator[None]:
        """Within it, what is noted is written at its end, together; nothing of it when it raises.

        Not to be asked for anything meanwhile.
        """
        collected = self._noted = Noted(self._store)
        try:
            yield
        finally:
            self._noted = None
        collected.write()

    def note(self, number: int) -> None:
        """Index a row of `memories` that is not in the index."""
        if self._noted is None:
            with self.noting():
                return self.note(number)
        for row in self._store.connection.execute(_UNNOTED, (number,)):
            project, session, kind, text, rationale, alternatives, tags, source = row
            whole = _searchable(text, rationale, alternatives, tags, source)
            said = words(whole)[:WORDS_MAX]
            terms = self.stemmer.terms(said)
            shape, stems = shape_of(text, said), " ".join(terms)
            self._noted.add(number, project, session, kind, len(terms), shape, stems)
        return None

    def forget(self, numbers: Iterable[int]) -> None:
        """Take them out of the index; those that are gone from `memories` are out already."""
        run = self._store.connection.execute
        for number in numbers:
            run("delete from search_rows where number = ?", (number,))

    def recount(self) -> None:
        """Count rows and words of each project and session anew; names of none go."""
        run = self._store.run
        run("update search_projects set rows = 0, words = 0")
        run(
            "update search_projects set rows = found.rows, words = found.words from (select"
            " project, count(*) as rows, sum(words) as words from search_rows group by project)"
            " as found where found.project = number"
        )
        run(
            f"delete from search_sessions where not exists (select 1 from search_rows"  # noqa: S608
            f" where spot >= search_sessions.number * {SPOTS}"
            f" and spot < (search_sessions.number + 1) * {SPOTS})"
        )
        run(
            "delete from search_projects where rows = 0 and not exists"
            " (select 1 from search_sessions where project = search_projects.number)"
        )

    def missing(self, most: int) -> list[int]:
        """Numbers of memories that are not in the index, the oldest first."""
        found = self._store.rows(
            "select number from memories where number not in (select number from search_rows)"
            " order by number limit ?",
            (most,),
        )
        return [row["number"] for row in found]

    def scope(self, project: str | None, kinds: Sequence[str], session: str | None) -> Scope | None:
        """The scope of a question; None when there is nothing in it."""
        found = self._store.rows(
            "select number, rows, words from search_projects where ?1 is null or name in (?1, '')",
            (project,),
        )
        if not found:
            return None
        rows, length = (sum(row[name] for row in found) for name in ("rows", "words"))
        share = 1.0 if project is None else self._share(rows)
        groups: list[tuple[str, ...]] = []
        if share == 1.0 and project is not None:
            groups.append(tuple(f"{MARK}p{row['number']}" for row in found))
        if kinds:
            groups.append(tuple(f"{MARK}k{kind}" for kind in kinds if kind.isalpha()))
        if session:
            sessions = self._sessions([row["number"] for row in found], session)
            groups.append(tuple(f"{MARK}s{number}" for number in sessions))
        if not all(groups):
            return None
        return Scope(groups=tuple(groups), rows=max(1, rows), words=max(1, length), share=share)

    def _share(self, rows: int) -> float:
        """The share of a project that has most of a large file, else 1: to look up for each word
        which of its rows are of that project costs more than to leave the others out later."""
        (whole,) = self._store.rows("select sum(rows) as rows from search_projects")
        if whole["rows"] < LARGE_ROWS or rows < whole["rows"] * MOST:
            return 1.0
        return float(min(rows / whole["rows"], ALMOST_ALL))

    def holding(self, scope: Scope, terms: Iterable[str], most: int) -> list[int]:
        """Numbers of the newest rows that hold one of these stems, about `most` of the scope."""
        sql = (
            "select rowid from search_index where search_index match ? order by rowid desc limit ?"
        )
        most = int(most / scope.share)
        cursor = self._store.connection.execute(sql, (scope.match(*terms), most))
        return [number for (number,) in cursor]

    def frequency(self, term: str) -> int:
        """How many rows of all projects hold a stem; takes long for frequent ones."""
        sql = "select doc from search_vocabulary where term = ?"
        for (count,) in self._store.connection.execute(sql, (term,)):
            return int(count)
        return 0

    def rows(self, numbers: Iterable[int]) -> list[Row]:
        """These memories, in order of number."""
        found = self._store.connection.execute(_ROWS, (json.dumps([*numbers]),))
        return [Row(*row) for row in found]

    def at(self, spots: Iterable[int]) -> list[Row]:
        """The memories at these places of sessions."""
        found = self._store.connection.execute(_ROWS_AT, (json.dumps([*spots]),))
        return [Row(*row) for row in found]

    def during(self, project: str | None, start_ms: int, end_ms: int, most: int) -> list[int]:
        """Numbers of the newest memories of a span."""
        sql = "select number from memories where at_ms >= ? and at_ms < ?"
        values: list[object] = [start_ms, end_ms]
        if project is not None:
            sql += " and project in (?, '')"
            values.append(project)
        sql += " order by at_ms desc, number desc limit ?"
        cursor = self._store.connection.execute(sql, (*values, most))
        return [number for (number,) in cursor]

    def counts(self) -> dict[str, object]:
        """How many memories there are, and how many of them are indexed."""
        (found,) = self._store.rows(
            "select (select count(*) from memories) as memories,"
            " (select coalesce(sum(rows), 0) from search_projects) as indexed"
        )
        return found

    def _sessions(self, projects: Sequence[int], name: str) -> list[int]:
        sql = "select number from search_sessions where project = ? and name = ?"
        execute = self._store.connection.execute
        return [number for project in projects for (number,) in execute(sql, (project, name))]


def _searchable(text: str, rationale: str, alternatives: str, tags: str, source: str) -> str:
    """All that a memory is found by. A source only when it is a file or an address."""
    parts = [text, rationale]
    for listed in (alternatives, tags):
        if listed != "[]":
            parts += map(str, json.loads(listed))
    if "/" in source or source[-5:].count("."):
        parts.append(source)
    return "\n".join(filter(None, parts))
