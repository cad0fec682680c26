"""Asks memory what it knows for an attempt, for a moment; without an answer the work goes on.

What is recalled is put before the prompt as fenced notes. An answer is kept and shared by the
person's own words alone: notes are no part of the key of a request.
"""

from typing import Final

import attrs

from atlas_actors import notes
from atlas_actors.messages import paths
from atlas_actors.messages.execution import AttemptStarted, Request
from atlas_actors.messages.handoff import Checkpoint
from atlas_actors.messages.memory import RateMemories, Recall, Recalled, RecalledItem
from atlas_actors.orchestrator import records
from atlas_actors.orchestrator.desk import Desk
from atlas_actors.orchestrator.dues import RecallDue
from atlas_actors.orchestrator.flights import Flights
from atlas_actors.orchestrator.genes import PLAIN, genome_of
from atlas_actors.projects import project_of

WAIT_S: Final = 0.5
ITEMS_MAX: Final = PLAIN.recall
QUERY_CHARACTERS: Final = 2_000


@attrs.frozen(kw_only=True)
class Waiting:
    """An attempt that begins once memory has answered."""

    started: AttemptStarted
    same: str | None
    handoff: Checkpoint | None
    notes: str = ""


class Recollection:
    """Attempts that wait for memory. A batch that the disk refuses can be taken back."""

    def __init__(self, desk: Desk, flights: Flights, tokens: int) -> None:
        self._desk = desk
        self._flights = flights
        self._tokens = tokens
        self._waiting: dict[str, Waiting] = {}
        self._new: list[str] = []
        self._answered: dict[str, Waiting] = {}

    def ask(self, started: AttemptStarted, same: str | None, handoff: Checkpoint | None) -> bool:
        """Whether memory is asked; then its answer, or the end of the wait, comes as a message."""
        items = genome_of(started.route).recall
        if self._tokens <= 0 or items <= 0:
            return False
        wanted = wanted_of(started.request, self._tokens, items)
        if wanted is None:
            return False
        name = _name(started.task_id, started.attempt)
        self._waiting[name] = Waiting(started=started, same=same, handoff=handoff)
        self._new.append(name)
        self._desk.request(paths.MEMORY, attrs.evolve(wanted, asked_for=name))
        due = RecallDue(task_id=started.task_id, attempt=started.attempt)
        self._desk.after(WAIT_S, due)
        return True

    def answered(self, answer: Recalled | RecallDue | Recall) -> Waiting | None:
        """The attempt that has waited for this, with its notes; None: none does (any more). A
        Recall is one that memory did not take, a RecallDue the end of the wait."""
        name = answer.asked_for if not isinstance(answer, RecallDue) else _name(
            answer.task_id, answer.attempt
        )  # fmt: skip
        found = self._waiting.pop(name, None)
        if found is None:
            return None
        if name not in self._new:
            self._answered[name] = found
        key = (found.started.task_id, found.started.attempt)
        if key not in self._flights:  # it was cancelled meanwhile
            self._flights.not_elsewhere(key)
            return None
        if not isinstance(answer, Recalled):
            return found
        lines = notes.within([_line(item) for item in answer.items], self._tokens)
        if not lines:
            return found
        started, now_ms = found.started, self._desk.place.clock.now_ms()
        ids = [item.id for item in answer.items[: len(lines)]]
        records.keep_recalled(self._desk.store, started.task_id, started.attempt, ids, now_ms)
        return attrs.evolve(found, notes=notes.fence([notes.HEADER, *lines]))

    def rate(self, started: AttemptStarted, passed: bool) -> None:
        """An answer was checked by what the request itself asks for: were its notes of use?"""
        if not checks_itself(started.request):
            return
        ids = records.recalled_ids(self._desk.store, started.task_id, started.attempt)
        if ids:
            self._desk.tell(paths.MEMORY, RateMemories(ids=tuple(ids), useful=passed))

    def keep(self) -> None:
        """The batch is on disk."""
        self._new.clear()
        self._answered.clear()

    def take_back(self) -> None:
        """The batch was refused, and its mail comes again; who waited before waits still."""
        for name in self._new:
            self._waiting.pop(name, None)
        self._waiting.update(self._answered)
        self.keep()


def wanted_of(request: Request, tokens: int, items: int = ITEMS_MAX) -> Recall | None:
    """What to ask memory: in a directory, what its project knows; elsewhere, for a plain question,
    what holds in every project; for an exact answer from what is given, nothing."""
    project = ""
    if request.cwd is not None:
        try:
            project = project_of(request.cwd)
        except (OSError, RuntimeError):  # it cannot be read: whoever works in it will say so
            return None
    elif request.files or checks_itself(request):
        return None
    query = request.prompt.strip()
    if len(query) > QUERY_CHARACTERS:
        query = f"{query[: QUERY_CHARACTERS // 2]} {query[-QUERY_CHARACTERS // 2 :]}"
    return Recall(query=query, k=items, project=project, budget_tokens=tokens, injectable=True)


def checks_itself(request: Request) -> bool:
    """Whether the request says what a right answer is."""
    return request.schema is not None or request.match is not None or request.check is not None


def with_notes(request: Request, noted: str) -> Request:
    """The request as it is asked."""
    return attrs.evolve(request, prompt=f"{noted}\n\n{request.prompt}") if noted else request


def _line(item: RecalledItem) -> str:
    who = "the user" if item.origin == "person" else item.origin
    return notes.line(item.id, item.at_ms, who, item.text, item.trust)


def _name(task_id: str, attempt: int) -> str:
    return f"{task_id}/{attempt}"
