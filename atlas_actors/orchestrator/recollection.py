"""Asks memory what it knows for an attempt, for a moment; without an answer the work goes on.

What is recalled is put before the prompt as fenced notes. An answer is kept and shared by the
person's own words alone: notes are no part of the key of a request.
"""

from collections.abc import Callable
from typing import Final

import attrs

from atlas_actors import notes
from atlas_actors.messages import paths
from atlas_actors.messages.execution import AttemptStarted, Request
from atlas_actors.messages.handoff import Checkpoint
from atlas_actors.messages.memory import RateMemories, Recall, Recalled, RecalledItem
from atlas_actors.messages.outcome import RecordOutcome
from atlas_actors.orchestrator import records
from atlas_actors.orchestrator.choosing import checks_itself
from atlas_actors.orchestrator.desk import Desk
from atlas_actors.orchestrator.dues import RecallDue
from atlas_actors.orchestrator.flights import Flights, Key
from atlas_actors.orchestrator.genes import PLAIN, genome_of
from atlas_actors.orchestrator.waits import Waiting, Waits, name_of
from atlas_actors.projects import project_of

WAIT_S: Final = 0.5
ITEMS_MAX: Final = PLAIN.recall
QUERY_CHARACTERS: Final = 2_000
FULL_SHARE: Final = 0.75
FULL_MAX: Final = 1_000


class Recollection:
    """Attempts that wait for memory. A batch that the disk refuses can be taken back."""

    def __init__(self, desk: Desk, flights: Flights, tokens: Callable[[], int]) -> None:
        self._desk = desk
        self._flights = flights
        self._tokens = tokens
        self._waits = Waits(flights)
        self._full: dict[Key, None] = {}  # attempts whose notes filled their budget

    def ask(self, started: AttemptStarted, same: str | None, handoff: Checkpoint | None) -> bool:
        """Whether memory is asked; then its answer, or the end of the wait, comes as a message."""
        items = genome_of(started.route).recall
        tokens = self._tokens()
        if tokens <= 0 or items <= 0:
            return False
        wanted = wanted_of(started.request, tokens, items)
        if wanted is None:
            return False
        name = self._waits.add(Waiting(started=started, same=same, handoff=handoff))
        self._desk.request(paths.MEMORY, attrs.evolve(wanted, asked_for=name))
        due = RecallDue(task_id=started.task_id, attempt=started.attempt)
        self._desk.after(WAIT_S, due)
        return True

    def waits(self, due: RecallDue) -> bool:
        """Whether memory has not answered that yet."""
        return name_of(due.task_id, due.attempt) in self._waits

    def answered(self, answer: Recalled | RecallDue | Recall) -> tuple[Waiting, str] | None:
        """The attempt that has waited for this, and its notes; None: none does (any more). A
        Recall is one that memory did not take, a RecallDue the end of the wait."""
        name = answer.asked_for if not isinstance(answer, RecallDue) else name_of(
            answer.task_id, answer.attempt
        )  # fmt: skip
        found = self._waits.pop(name)
        if found is None:
            return None
        if not isinstance(answer, Recalled):
            return found, ""
        lines = notes.within([_line(item) for item in answer.items], self._tokens())
        if not lines:
            return found, ""
        started, now_ms = found.started, self._desk.place.clock.now_ms()
        ids = [item.id for item in answer.items[: len(lines)]]
        records.keep_recalled(self._desk.store, started.task_id, started.attempt, ids, now_ms)
        fence = notes.fence([notes.HEADER, *lines])
        filled = notes.tokens_of(fence) >= FULL_SHARE * self._tokens()
        if filled or len(lines) < len(answer.items):
            self._full[started.task_id, started.attempt] = None
            if len(self._full) > FULL_MAX:  # those whose answers were never checked
                del self._full[next(iter(self._full))]
        return found, fence

    def rate(self, started: AttemptStarted, passed: bool) -> None:
        """An answer was checked by what the request itself asks for: were its notes of use?"""
        if not checks_itself(started.request):
            return
        ids = records.recalled_ids(self._desk.store, started.task_id, started.attempt)
        if not ids:
            return
        self._desk.tell(paths.MEMORY, RateMemories(ids=tuple(ids), useful=passed))
        key = (started.task_id, started.attempt)
        action, full = name_of(*key), key in self._full
        self._full.pop(key, None)
        self._desk.tell(
            paths.OUTCOMES,
            RecordOutcome(
                action=action,
                kind="recall",
                result="success" if passed else "failure",
                verified_by="check of the answer",
                context={"intent": started.route.intent, "memories": len(ids), "full": full},
                key=f"recall {action}",
            ),
        )

    def keep(self) -> None:
        """The batch is on disk."""
        self._waits.keep()

    def take_back(self) -> None:
        """The batch was refused, and its mail comes again; who waited before waits still."""
        self._waits.take_back()


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


def with_notes(request: Request, noted: str) -> Request:
    """The request as it is asked."""
    return attrs.evolve(request, prompt=f"{noted}\n\n{request.prompt}") if noted else request


def _line(item: RecalledItem) -> str:
    who = "the user" if item.origin == "person" else item.origin
    return notes.line(item.id, item.at_ms, who, item.text, item.trust)
