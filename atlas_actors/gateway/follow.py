"""Clients that follow tasks: each gets what happens, and what an answer holds so far."""

from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

import anyio
import attrs

from atlas_actors.messages.execution import AnswerGrew
from atlas_actors.messages.task import ENDED, TaskChanged

EVENTS_MAX: Final = 10_000  # of one follower that does not read
OVER_KEPT: Final = 1_000  # ended tasks of which late text is known to be late
LINE_CHARACTERS: Final = 200
TEXT_CHARACTERS_MAX: Final = 1_000_000  # kept of one running answer


class Follower:
    """One client's queue of events; the oldest go when it does not read."""

    def __init__(self) -> None:
        self._events: deque[TaskChanged | AnswerGrew] = deque(maxlen=EVENTS_MAX)
        self._come = anyio.Event()

    def put(self, event: TaskChanged | AnswerGrew) -> None:
        """Queue an event."""
        self._events.append(event)
        self._come.set()

    async def next(self) -> TaskChanged | AnswerGrew:
        """The next event."""
        while not self._events:
            self._come = anyio.Event()
            await self._come.wait()
        return self._events.popleft()

    def rest(self) -> Iterator[TaskChanged | AnswerGrew]:
        """What is queued now."""
        while self._events:
            yield self._events.popleft()


@attrs.define
class _Text:
    """What one attempt has answered so far."""

    attempt: int
    pieces: list[str] = attrs.field(factory=list)
    characters: int = 0


class Followers:
    """Who follows which task, and the text of answers that are being written."""

    def __init__(self) -> None:
        self._followers: dict[str, list[Follower]] = {}
        self._texts: dict[str, _Text] = {}
        self._over: dict[str, None] = {}

    @contextmanager
    def follow(self, id: str) -> Iterator[Follower]:
        """Events of one task, beginning with the text that is there already."""
        follower = Follower()
        if id in self._texts:
            text = self._texts[id]
            follower.put(AnswerGrew(task_id=id, attempt=text.attempt, text="".join(text.pieces)))
        self._followers.setdefault(id, []).append(follower)
        try:
            yield follower
        finally:
            self._followers[id].remove(follower)
            if not self._followers[id]:
                del self._followers[id]

    def so_far(self, id: str) -> tuple[int, str]:
        """Of an answer that is being written: (its characters, its last line)."""
        text = self._texts.get(id)
        if text is None:
            return 0, ""
        end = ""
        for piece in reversed(text.pieces):
            end = piece + end
            if "\n" in end.strip() or len(end) > LINE_CHARACTERS:
                break
        lines = end.strip().splitlines()
        return text.characters, lines[-1][-LINE_CHARACTERS:] if lines else ""

    def changed(self, fact: TaskChanged) -> None:
        """A task's state changed."""
        if fact.state in ENDED:
            self._texts.pop(fact.id, None)
            self._over[fact.id] = None  # what still comes of it is for nobody
            if len(self._over) > OVER_KEPT:
                del self._over[next(iter(self._over))]
        else:
            self._over.pop(fact.id, None)
        for follower in self._followers.get(fact.id, ()):
            follower.put(fact)

    def grew(self, fact: AnswerGrew) -> None:
        """More of an answer has come; a new attempt begins it anew."""
        if fact.task_id in self._over:
            return
        text = self._texts.get(fact.task_id)
        if text is None or text.attempt != fact.attempt:
            text = self._texts[fact.task_id] = _Text(attempt=fact.attempt)
        if text.characters < TEXT_CHARACTERS_MAX:
            text.pieces.append(fact.text)
            text.characters += len(fact.text)
        for follower in self._followers.get(fact.task_id, ()):
            follower.put(fact)
