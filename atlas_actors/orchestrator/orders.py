"""Makes of an attempt what its executor is told, and sets its worst case aside."""

from pathlib import Path

from atlas_actors.attachments import filled
from atlas_actors.errors import NotFound
from atlas_actors.messages.execution import AttemptEnded, AttemptStarted, End, Fault, RunAttempt
from atlas_actors.messages.handoff import Checkpoint
from atlas_actors.orchestrator.chain import IN
from atlas_actors.orchestrator.desk import Desk
from atlas_actors.orchestrator.genes import genome_of, templated
from atlas_actors.orchestrator.money import Money
from atlas_actors.orchestrator.prompt import build_prompt
from atlas_actors.orchestrator.prospects import Prospects
from atlas_actors.orchestrator.recollection import with_notes
from atlas_actors.orchestrator.roster import Roster
from atlas_actors.orchestrator.steps import attempt_deadline_s


class Orders:
    """`files` is where long files of requests lie."""

    def __init__(
        self, desk: Desk, roster: Roster, money: Money, prospects: Prospects, files: Path
    ) -> None:
        self._desk = desk
        self._roster = roster
        self._money = money
        self._prospects = prospects
        self._files = files

    def make(
        self, started: AttemptStarted, handoff: Checkpoint | None, noted: str
    ) -> RunAttempt | AttemptEnded:
        """What its strategy makes of the request, with the notes of memory; or why it ends before
        it begins. Its provider is known."""
        now_ms, lane = self._desk.place.clock.now_ms(), started.lane
        genome = genome_of(started.route)
        request = with_notes(templated(started.request, genome.template), noted)
        try:
            prompt = build_prompt(filled(self._files, request), started.last_error)
        except NotFound as gone:
            return cut_short(started, End.REFUSED, Fault.TASK, gone.message)
        deadline_s = self._deadline_s(started, now_ms)
        if deadline_s is None:
            error = f"the deadline of {started.request.deadline_s:g} s is over"
            return cut_short(started, End.TIMED_OUT, Fault.TASK, error)
        key, settings = (started.task_id, started.attempt), self._roster.settings[lane]
        why = self._money.reserve(
            self._desk.store, key, settings, request, now_ms, started.spent_usd, genome
        )
        if why:
            return cut_short(started, End.OVER_BUDGET, Fault.BUDGET, why)
        is_client = self._roster.is_client(lane)
        return RunAttempt(
            started=started,
            prompt=prompt,
            deadline_s=deadline_s,
            writes="workspace" in started.route.needs and self.is_work(started),
            budget_usd=self._money.reserved_usd(key) if is_client else None,
            handoff=handoff,
            temperature=genome.temperature,
            plan_first=genome.plan_first,
            context_tokens=min(self._roster.knobs.context_tokens, genome.context_tokens),
        )

    def is_work(self, started: AttemptStarted) -> bool:
        """Whether it is more than one call: a program works in a directory."""
        return self._roster.is_client(started.lane) and started.request.cwd is not None

    def _deadline_s(self, started: AttemptStarted, now_ms: int) -> float | None:
        """Its provider's, or of what is left of the task's its share; None: nothing is left."""
        limit_s = self._roster.knobs.deadline_s(started.lane)
        if started.deadline_ms is None:
            return limit_s
        left_s = (started.deadline_ms - now_ms) / 1000
        if left_s <= 0:
            return None
        chain = self._prospects.chain(started.route, started.request, started.spent_usd)
        fresh = [link for link in chain if link.verdict == IN]
        more = min(len(fresh) - 1, started.attempts_max - started.answers_asked)
        return attempt_deadline_s(limit_s, left_s, more)


def cut_short(
    started: AttemptStarted, end: End, fault: Fault, error: str, *, begun: bool = False
) -> AttemptEnded:
    """Nobody answers it; what it cost is not known where it had `begun`."""
    return AttemptEnded(
        started=started,
        provider=started.lane,
        end=end,
        fault=fault,
        error=error,
        cost_usd=None if begun else 0.0,
        estimated=begun,
    )
