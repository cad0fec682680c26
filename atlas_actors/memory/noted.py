"""Collects what a batch adds to the full-text index, and writes it at once."""

from typing import Any, Final

from atlas_actors.store import Store

SPOTS: Final = 1 << 24  # places of one session
MARK: Final = "\u00a4"  # begins a token of scope; no word holds it
_INSERT: Final = "insert into search_rows values (?, ?, ?, ?, ?, ?, ?)"
_PROJECT: Final = """
    insert into search_projects (name) values (?)
    on conflict (name) do update set rows = rows returning number
"""
_SESSION: Final = """
    insert into search_sessions (project, name) values (?, ?)
    on conflict (project, name) do update set places = places returning number, places
"""


class _Project:
    """What is added to a project."""

    def __init__(self, number: int) -> None:
        self.number = number
        self.rows = self.words = 0
        self.sessions: dict[str, _Session] = {}


class _Session:
    """A session, with the places given in it so far."""

    def __init__(self, number: int, places: int) -> None:
        self.number, self.places = number, places


class Noted:
    """Rows for the index of one store, within one transaction."""

    def __init__(self, store: Store) -> None:
        self._run = store.connection.execute
        self._run_many = store.connection.executemany
        self._rows: list[tuple[Any, ...]] = []
        self._projects: dict[str, _Project] = {}

    def add(
        self, number: int, project: str, session: str, kind: str, words: int, shape: int, terms: str
    ) -> None:
        """One more memory; its place is the next one of its session."""
        of = self._projects.get(project)
        if of is None:
            of = self._projects[project] = _Project(*self._one(_PROJECT, (project,)))
        of.rows += 1
        of.words += words
        scope = f"{MARK}p{of.number} {MARK}k{kind}"
        spot = None
        if session:
            at = of.sessions.get(session)
            if at is None:
                at = of.sessions[session] = _Session(*self._one(_SESSION, (of.number, session)))
            at.places += 1
            spot = at.number * SPOTS + at.places % SPOTS
            scope += f" {MARK}s{at.number}"
        self._rows.append((number, spot, of.number, scope, words, shape, terms))

    def _one(self, sql: str, values: tuple[Any, ...]) -> tuple[Any, ...]:
        (row,) = self._run(sql, values).fetchall()
        return row

    def write(self) -> None:
        """Write the rows and what their projects and sessions have come to."""
        projects = self._projects.values()
        self._run_many(
            "update search_projects set rows = rows + ?, words = words + ? where number = ?",
            [(one.rows, one.words, one.number) for one in projects],
        )
        self._run_many(
            "update search_sessions set places = ? where number = ?",
            [(at.places, at.number) for one in projects for at in one.sessions.values()],
        )
        self._run_many(_INSERT, self._rows)
