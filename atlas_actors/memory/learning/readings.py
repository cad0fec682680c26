"""Takes over what a model has read for memory: once, as an agent's word, only what is grounded."""

import json
from collections.abc import Mapping, Sequence
from typing import Any

from loguru import logger

from atlas_actors import readings
from atlas_actors.errors import UsageError
from atlas_actors.memory import records as memories
from atlas_actors.memory.learning import records
from atlas_actors.memory.learning.learning import Learning
from atlas_actors.memory.learning.lessons import Found, Session, key_of_reading, least
from atlas_actors.memory.levels import Graph
from atlas_actors.messages.learning import NoteReading, ReadingTaken, TakeReading
from atlas_actors.messages.memory import TRUST, ForgetMemories, NewEntity, NewMemory, NewRelation
from atlas_actors.store import Row, Store


class Readings:
    """Works within the transaction in hand."""

    def __init__(self, store: Store, graph: Graph, learning: Learning) -> None:
        self._store = store
        self._graph = graph
        self._learning = learning

    def note(self, order: NoteReading, now_ms: int) -> None:
        """What comes of it is waited for."""
        records.note_reading(self._store, order, now_ms)

    def take(self, order: TakeReading, now_ms: int) -> ReadingTaken:
        """Take over an answer; one that does not fit is no one's fault but its model's."""
        row = records.reading(self._store, order.key)
        if row is None:
            return ReadingTaken(known=False)
        if row["taken"] is not None:
            return ReadingTaken(known=True, **json.loads(row["taken"]))
        taken: dict[str, Any] = {}
        try:
            if order.answer is None:
                taken["problem"] = "the task has no answer"
            elif order.key.startswith(readings.GRAPH):
                said = readings.said_of(readings.GRAPH, order.answer)
                taken |= self._into_graph(row, said, now_ms)
            else:
                said = readings.said_of(readings.SESSION, order.answer)
                taken["lessons"] = self._as_lessons(row, said["lessons"], now_ms)
        except UsageError as error:
            taken["problem"] = str(error)
        if "problem" in taken:
            logger.warning("memory.reading_refused", key=order.key)
        records.reading_taken(self._store, order.key, taken)
        return ReadingTaken(known=True, **taken)

    def forget(self, order: ForgetMemories) -> None:
        """Nothing comes of what is being read of sessions that are being forgotten."""
        if not order.dry_run:
            records.forget_readings(self._store, order.project, order.session)

    def _as_lessons(self, row: Row, said: Sequence[Mapping[str, Any]], now_ms: int) -> int:
        session = Session(
            client=row["client"],
            id=row["session"],
            project=row["project"] or None,
            channel=row["channel"],
        )
        found = [
            Found(
                item=NewMemory(
                    kind=one["kind"],
                    text=one["text"],
                    rationale=one.get("because") or None,
                    project=session.project,
                    session=session.id,
                    speaker=session.client,
                    at_ms=row["at_ms"],
                    source=f"{session.id}#{row['key'].removeprefix(readings.SESSION)[:12]}",
                    tags=("read",),
                ),
                origin=least("agent", session.channel),
                rule="read",
                key=key_of_reading(session, one["text"]),
            )
            for one in said
        ]
        lessons = self._learning.keep(session, found, now_ms)
        return sum(lesson.result == "created" for lesson in lessons)

    def _into_graph(self, row: Row, said: Mapping[str, Any], now_ms: int) -> dict[str, int]:
        """What a note does not name was not read there; of a note that is forgotten, nothing."""
        ids = json.loads(row["sources"])
        found = ((at, memories.find(self._store, id)) for at, id in enumerate(ids, 1))
        notes = {at: note for at, note in found if note is not None}
        project = row["project"] or None
        names: set[str] = set()
        for one in said["entities"]:
            note = notes.get(one["note"])
            if note is not None and _names(note, one["name"]):
                entity = NewEntity(
                    name=one["name"],
                    kind=one["kind"],
                    project=project,
                    observations=tuple(one["observations"]),
                )
                self._graph.read_entity(note["number"], entity, _trust(note), note["at_ms"], now_ms)
                names.add(one["name"])
        relations = 0
        for one in said["relations"]:
            note = notes.get(one["note"])
            if note is not None and _names(note, one["subject"], one["object"]):
                relation = NewRelation(
                    subject=one["subject"],
                    relation=one["relation"],
                    object=one["object"],
                    project=project,
                )
                self._graph.read_relation(
                    note["number"], relation, _trust(note), note["at_ms"], now_ms
                )
                relations += 1
        return {"entities": len(names), "relations": relations}


def _names(note: Row, *names: str) -> bool:
    """Whether a note has all of these names in it, in any case and spacing."""
    text = " ".join(f"{note['speaker']} {note['text']}".casefold().split())
    return all(" ".join(name.casefold().split()) in text for name in names)


def _trust(note: Row) -> int:
    return min(TRUST["agent"], int(note["trust"]))
