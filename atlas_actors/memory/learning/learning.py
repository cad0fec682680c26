"""Learns from what sessions and work deliver: each piece once, bounded, with its source."""

import json
from collections.abc import Callable, Iterable, Sequence
from typing import Final

import attrs

from atlas_actors.errors import UsageError
from atlas_actors.memory.intake import clean
from atlas_actors.memory.learning import records
from atlas_actors.memory.learning.lessons import Found, Session, of_turns, of_work
from atlas_actors.memory.learning.transcripts import reader_of, turns_of
from atlas_actors.messages.learning import (
    Learned,
    LearnFromTranscript,
    LearnFromTurns,
    LearnFromWork,
    Lesson,
    Turn,
)
from atlas_actors.messages.memory import NewMemory, Origin, Stored
from atlas_actors.store import Store

WORK_MARK: Final = "work"
CLIENTS: Final = ("claude", "codex")
# Of a session's share: what was done is less worth than what was said.
EPISODES_SHARE: Final = 0.5

Put = Callable[[NewMemory, Origin, int], Stored]


class Learning:
    """Works within the transaction in hand; `put` stores one item there."""

    def __init__(self, store: Store, put: Put, per_session_max: int) -> None:
        self._store = store
        self._put = put
        self._per_session_max = per_session_max

    def from_transcript(self, order: LearnFromTranscript, now_ms: int) -> Learned:
        """Learn from bytes that follow on what was read. Raises UsageError."""
        place = records.place_of(self._store, order.client, order.session, order.path)
        if place.head and order.head != place.head:
            place = records.Place()  # another file at the same path
        if order.dry_run:
            place = attrs.evolve(place, read_to=order.begin, carry=json.loads(order.carry or "{}"))
        if order.begin != place.read_to:
            return Learned(lessons=(), read_to=place.read_to)
        waiting = dict(place.carry.get("waiting", {}))
        reader = reader_of(order.client, waiting)
        if reader is None:
            raise UsageError(
                f"transcripts of {order.client} cannot be read", cure=f"one of {', '.join(CLIENTS)}"
            )
        lines = order.lines.removesuffix(b"\n").split(b"\n") if order.lines else []
        turns = list(turns_of(reader, lines, place.turn + 1))
        session = Session(
            client=order.client, id=order.session, project=order.project, channel=order.channel
        )
        found, carry = of_turns(session, turns, place.carry)
        carry["waiting"] = waiting
        lessons = self.keep(session, found, now_ms, dry_run=order.dry_run)
        after = records.Place(
            head=place.head or order.head,
            read_to=order.end,
            turn=place.turn + len(lines),
            carry=carry,
        )
        if not order.dry_run:
            records.read(self._store, order.client, order.session, order.path, after, now_ms)
        return _learned(lessons, turns, after, order.spoken_max)

    def from_turns(self, order: LearnFromTurns, now_ms: int) -> Learned:
        """Learn from the turns that come after those which were read."""
        place = records.place_of(self._store, order.client, order.session, "")
        turns = [turn for turn in order.turns if turn.number > place.turn]
        session = Session(
            client=order.client, id=order.session, project=order.project, channel=order.channel
        )
        found, carry = of_turns(session, turns, place.carry)
        lessons = self.keep(session, found, now_ms, dry_run=order.dry_run)
        last = max((turn.number for turn in turns), default=place.turn)
        after = records.Place(read_to=last, turn=last, carry=carry)
        if turns and not order.dry_run:
            records.read(self._store, order.client, order.session, "", after, now_ms)
        return _learned(lessons, turns, after, order.spoken_max)

    def from_work(self, order: LearnFromWork, now_ms: int) -> Learned:
        """Learn from work that has ended."""
        lessons: list[Lesson] = []
        for found in of_work(order.ended):
            session = Session(
                client="atlas", id=found.item.session or "", project=None, channel="tool"
            )
            lessons += self.keep(session, [found], now_ms)
        records.set_mark(self._store, WORK_MARK, order.until_ms)
        return Learned(lessons=tuple(lessons))

    def prune(self, before_ms: int) -> None:
        """Forget how far was read in what is that old."""
        records.prune(self._store, before_ms)

    def keep(
        self, session: Session, found: Iterable[Found], now_ms: int, *, dry_run: bool = False
    ) -> list[Lesson]:
        """Each of what was found once, and no more than a session may teach."""
        lessons: list[Lesson] = []
        count = records.count(self._store, session.client, session.id)
        for one in found:
            known = records.is_learned(self._store, one.key)
            most = self._per_session_max
            if one.item.kind == "episode":
                most = int(most * EPISODES_SHARE)
            if known is not None:
                lessons.append(_lesson(one, "known", known))
            elif count >= most:
                lessons.append(_lesson(one, "full", ""))
            elif dry_run:
                count += 1
                lessons.append(_lesson(one, "shown", ""))
            else:
                stored = self._put_one(one, now_ms)
                if stored.result != "full":
                    records.learned(
                        self._store,
                        one.key,
                        session.client,
                        session.id,
                        one.rule,
                        stored.id,
                        now_ms,
                    )
                    count += stored.result == "created"
                lessons.append(_lesson(one, stored.result, stored.id))
        return lessons

    def _put_one(self, found: Found, now_ms: int) -> Stored:
        """One that memory refuses does not keep the others out."""
        try:
            return self._put(found.item, found.origin, now_ms)
        except UsageError:
            return Stored(id="", result="private")


def _lesson(found: Found, result: str, id: str) -> Lesson:
    return Lesson(
        kind=found.item.kind,
        text=found.item.text,
        rationale=found.item.rationale,
        origin=found.origin,
        rule=found.rule,
        source=found.item.source or "",
        result=result,
        id=id,
    )


def _learned(
    lessons: Sequence[Lesson], turns: Sequence[Turn], place: records.Place, spoken_max: int
) -> Learned:
    return Learned(
        lessons=tuple(lessons),
        turns=len(turns),
        read_to=place.read_to,
        carry=json.dumps(place.carry),
        spoken=spoken(turns, spoken_max),
    )


def spoken(turns: Sequence[Turn], most: int) -> str:
    """The end of what a person and their agent have said, without private and own parts.

    Not what tools gave out: anybody's words may stand there.
    """
    if most <= 0:
        return ""
    said = ((turn.who, clean(turn.said)) for turn in turns if turn.who != "tool")
    return "\n".join(f"{who}: {text}" for who, text in said if text)[-most:]
