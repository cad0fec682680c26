"""Leads attempts: from the journalled start over the executor and the check to what follows."""

from collections.abc import Callable, Sequence
from pathlib import Path

from atlas_actors.messages import paths
from atlas_actors.messages.execution import (
    AttemptAccepted,
    AttemptEnded,
    AttemptStarted,
    CancelAttempt,
    End,
    ExecutorReported,
    Fault,
    Usage,
)
from atlas_actors.messages.handoff import Checkpoint, HandoffTaken, TakeHandoff, WorkEnded
from atlas_actors.messages.memory import Recall, Recalled
from atlas_actors.messages.strategy import ChooseStrategy, StrategyChosen
from atlas_actors.messages.supervision import ActorDown
from atlas_actors.messages.task import AttemptCancelled, AttemptLost
from atlas_actors.orchestrator.answers import CACHE_LANE, Answers, kept, key_of, not_kept
from atlas_actors.orchestrator.check import Verdict, check_answer
from atlas_actors.orchestrator.choices import Choices
from atlas_actors.orchestrator.desk import Desk
from atlas_actors.orchestrator.dues import ChoiceDue, RecallDue
from atlas_actors.orchestrator.flights import Flight, Flights, Key
from atlas_actors.orchestrator.genes import genome_of
from atlas_actors.orchestrator.going_on import GoingOn
from atlas_actors.orchestrator.leases import LOOKS_MAX, Leases
from atlas_actors.orchestrator.money import Money
from atlas_actors.orchestrator.orders import Orders, cut_short
from atlas_actors.orchestrator.overs import Overs
from atlas_actors.orchestrator.prospects import Prospects
from atlas_actors.orchestrator.recollection import Recollection
from atlas_actors.orchestrator.roster import Roster


class Attempts:
    """The attempts under way; all that it knows is rebuilt from reports."""

    def __init__(
        self,
        desk: Desk,
        roster: Roster,
        money: Money,
        answers: Answers,
        prospects: Prospects,
        *,
        files: Path,
        jitter: Callable[[], float],
        on_breaker: Callable[[str], None],
        on_money: Callable[[], None],
    ) -> None:
        self._desk = desk
        self._roster = roster
        self._money = money
        self._answers = answers
        self._prospects = prospects
        self._jitter = jitter
        self._on_breaker = on_breaker
        self._on_money = on_money
        self._flights = Flights()
        self._overs = Overs(desk, roster.is_client)
        self._leases = Leases()
        self._going_on = GoingOn(desk, self._flights)
        self._choices = Choices(desk, prospects, self._flights)
        self._orders = Orders(desk, roster, money, prospects, files)
        self._recollection = Recollection(desk, self._flights, lambda: roster.knobs.recall_tokens)

    def keep(self) -> None:
        """The batch is on disk."""
        self._flights.keep()
        self._choices.keep()
        self._recollection.keep()

    def take_back(self) -> None:
        """The batch was refused, and its mail comes again."""
        self._flights.take_back()
        self._choices.take_back()
        self._recollection.take_back()
        self._answers.leaders.clear()

    def start(self, started: AttemptStarted) -> None:
        """Run it, unless its answer is here or on its way."""
        self._flights.arrived((started.task_id, started.attempt))
        if started.lane == CACHE_LANE:
            self._answer_from_cache(started)
            return
        if started.lane not in self._roster.providers:
            self.give_up(started.task_id, started.attempt, f"{started.lane} was removed")
            return
        same = key_of(started.request)
        key = (started.task_id, started.attempt)
        if same is not None:
            given = self._answers.given(same, started.created_ms)
            if given is not None:
                self._overs.share(started, given)
                return
            leader = self._answers.leaders.get(same)
            flight = self._flights.get(leader) if leader is not None else None
            if flight is not None and leader != key:
                self._flights.follow(flight, started, leader)
                return
        if started.goes_on and self._orders.is_work(started):
            self._going_on.ask(started, same)
            return
        if self._choices.ask(started, same):
            self._fly(started, same)
            return
        self._run(started, same)

    def chosen(self, answer: StrategyChosen | ChoiceDue | ChooseStrategy) -> None:
        """Strategies have answered, have had their time, or have not taken the question."""
        found = self._choices.answered(answer)
        if found is None:
            return
        waiting, here = found
        key = (waiting.started.task_id, waiting.started.attempt)
        if here:
            self._flights.planned(key, waiting.started)
            self._run(waiting.started, waiting.same)
            return
        flight = self._flights.pop(key)
        if flight is not None:
            self._release_followers(flight, key)

    def waits(self, due: ChoiceDue | RecallDue) -> bool:
        """Whether an attempt waits for that answer still."""
        if isinstance(due, ChoiceDue):
            return self._choices.waits(due)
        return self._recollection.waits(due)

    def handoff_taken(self, taken: HandoffTaken) -> None:
        """What an earlier attempt has left; without it the work begins anew."""
        key = (taken.task_id, taken.attempt)
        flight = self._flights.handoff_answered(key)
        if flight is None:  # it was cancelled meanwhile
            self._flights.not_elsewhere(key)
            return
        self._run(flight.started, flight.same, taken.checkpoint)

    def recalled(self, answer: Recalled | RecallDue | Recall) -> None:
        """Memory has answered, has not taken the question, or has had its time."""
        found = self._recollection.answered(answer)
        if found is not None:
            waiting, noted = found
            self._set_off(waiting.started, waiting.same, waiting.handoff, noted)

    def accepted(self, accepted: AttemptAccepted) -> None:
        """An executor has it in hand."""
        flight = self._flights.get((accepted.task_id, accepted.attempt))
        if flight is not None:
            flight.accepted_by = accepted.incarnation

    def handoff_refused(self, ask: TakeHandoff) -> None:
        """Handoffs does not answer now."""
        if not self._going_on.again(ask):
            self.handoff_taken(HandoffTaken(task_id=ask.task_id, attempt=ask.attempt))

    def ended(self, ended: AttemptEnded) -> None:
        """Check it, count it, say what follows."""
        started = ended.started
        key = (started.task_id, started.attempt)
        flight = self._flights.pop(key)
        self._flights.not_elsewhere(key)
        cost_usd, counted_usd = self._settle(key, ended)
        now_s = self._desk.place.clock.monotonic_s()
        if self._roster.heard(ended, now_s, self._jitter()):
            self._on_breaker(ended.provider)
        verdict = None
        if ended.end is End.ANSWERED:
            verdict = check_answer(ended, started.route.needs, genome_of(started.route).check)
            self._recollection.rate(started, verdict.passed)
        step = self._prospects.next(ended, verdict, counted_usd)
        self._overs.tell(ended, verdict, step, cost_usd, counted_usd)
        if flight is not None:
            self._after_flight(flight, ended, verdict, key)

    def cancelled(self, cancelled: AttemptCancelled) -> None:
        """The task was cancelled: stop it; who waits for the same answer runs by itself."""
        key = (cancelled.task_id, cancelled.attempt)
        flight = self._flights.pop(key)
        if flight is not None and flight.follows is not None:
            self._flights.unfollow(flight)
            return
        order = CancelAttempt(task_id=cancelled.task_id, attempt=cancelled.attempt)
        self._desk.tell(paths.executor(cancelled.lane), order)
        self._flights.elsewhere[key] = cancelled.lane  # until its end is told, or its executor's
        if self._roster.is_client(cancelled.lane):  # its directory is taken away with it
            self._desk.tell(paths.HANDOFFS, WorkEnded(task_id=cancelled.task_id))
        if flight is not None:
            self._release_followers(flight, key)

    def not_taken(self, started: AttemptStarted, error: str) -> None:
        """The executor gave it back."""
        key = (started.task_id, started.attempt)
        if self._flights.not_elsewhere(key):  # cancelled, and never begun
            now_ms = self._desk.place.clock.now_ms()
            self._money.settle(self._desk.store, key, started.lane, 0.0, Usage(), now_ms)
        if key in self._flights:
            self.ended(cut_short(started, End.UNREACHABLE, Fault.NETWORK, error))

    def reported(self, report: ExecutorReported) -> None:
        """What an executor says that it has."""
        self._leases.heard(report.provider)
        for key in report.in_flight:
            known = self._flights.get(key)
            if known is not None:
                known.accepted_by, known.missed = report.incarnation, 0
            else:
                self._flights.elsewhere[key] = report.provider

    def look(self) -> list[str]:
        """One more look at the executors that have attempts: who is silent, and has lost them. One
        that reports, but for long not this attempt, has lost it (its end may only be late: a batch
        of ours was refused, and its mail comes again)."""
        silent = self._leases.look(flight.started.lane for flight in self._flights.accepted())
        for flight in self._flights.accepted():
            flight.missed += 1
            if flight.started.lane in silent:
                self._cut_off(flight.started, "its executor has been silent for too long")
            elif flight.missed > LOOKS_MAX:
                self._cut_off(flight.started, "its executor does not have it any more")
        return silent

    def executor_down(self, name: str, down: ActorDown) -> None:
        """What it had has ended with it; what is still in its mail has not."""
        for flight in self._flights.accepted(name):
            if (flight.accepted_by or 0) <= down.incarnation:
                self._cut_off(flight.started, f"the executor ended: {down.error}")
        for (task_id, attempt), provider in list(self._flights.elsewhere.items()):
            if provider == name:
                self._flights.not_elsewhere((task_id, attempt))
                self.give_up(task_id, attempt, f"the executor ended: {down.error}")

    def reconcile(self, open_attempts: Sequence[Key]) -> None:
        """All have reported: what is open and in no flight is lost."""
        for key in open_attempts:
            if not self._flights.known(key):
                self.give_up(*key, "no executor has this attempt")
        for key in self._money.open_attempts():
            if not self._flights.known(key):
                self._money.lose(self._desk.store, key, self._desk.place.clock.now_ms())

    def give_up(self, task_id: str, attempt: int, reason: str) -> None:
        """Nobody will say how it ended."""
        now_ms = self._desk.place.clock.now_ms()
        counted_usd = self._money.lose(self._desk.store, (task_id, attempt), now_ms)
        lost = AttemptLost(task_id=task_id, attempt=attempt, reason=reason, counted_usd=counted_usd)
        self._desk.tell(paths.TASKS, lost)

    def _run(
        self, started: AttemptStarted, same: str | None, handoff: Checkpoint | None = None
    ) -> None:
        """Ask memory what it knows, where it is to be asked; then set off."""
        if self._recollection.ask(started, same, handoff):
            self._fly(started, same)
        else:
            self._set_off(started, same, handoff, "")

    def _fly(self, started: AttemptStarted, same: str | None) -> None:
        key = self._flights.begin(started, same)
        if same is not None:
            self._answers.leaders[same] = key

    def _set_off(
        self, started: AttemptStarted, same: str | None, handoff: Checkpoint | None, noted: str
    ) -> None:
        """Reserve its worst case, then give it to its executor."""
        if started.lane not in self._roster.providers:  # meanwhile
            self.not_taken(started, f"{started.lane} was removed")
            return
        order = self._orders.make(started, handoff, noted)
        if isinstance(order, AttemptEnded):
            self.ended(order)
            return
        self._fly(started, same)
        if self._roster.started(started.lane):
            self._on_breaker(started.lane)
        # An executor that parks or crashes meanwhile gives it back as a RequestFailed.
        self._desk.entrust(paths.executor(started.lane), order)

    def _cut_off(self, started: AttemptStarted, error: str) -> None:
        self.ended(cut_short(started, End.UNREACHABLE, Fault.NETWORK, error, begun=True))

    def _settle(self, key: Key, ended: AttemptEnded) -> tuple[float, float]:
        """(what it cost, what counts against the task's budget), in the ledger too."""
        now_ms = self._desk.place.clock.now_ms()
        cost_usd = self._roster.cost_usd(ended)
        client = self._roster.is_client(ended.provider)
        counted_usd = self._money.count(self._desk.store, key, ended, cost_usd, client, now_ms)
        if ended.fault is not Fault.BUDGET and self._money.came_back():
            self._on_money()
        return cost_usd, counted_usd

    def _after_flight(
        self, flight: Flight, ended: AttemptEnded, verdict: Verdict | None, key: Key
    ) -> None:
        """Who waited for the same answer gets it, or runs by itself."""
        same = flight.same
        if same is None:
            return
        if verdict is None or not verdict.passed:
            self._release_followers(flight, key)
            return
        now_ms = self._desk.place.clock.now_ms()
        given = self._answers.keep(self._desk.store, same, ended, verdict, now_ms)
        for follower in flight.followers:
            self._flights.pop((follower.task_id, follower.attempt))
            self._overs.share(follower, given)

    def _release_followers(self, flight: Flight, key: Key) -> None:
        if flight.same is not None and self._answers.leaders.get(flight.same) == key:
            del self._answers.leaders[flight.same]
        for follower in flight.followers:
            self._flights.pop((follower.task_id, follower.attempt))
            self.start(follower)

    def _answer_from_cache(self, started: AttemptStarted) -> None:
        now_ms = self._desk.place.clock.now_ms()
        given = kept(self._desk.store, started, now_ms)
        if given is None:
            ended = not_kept(started, CACHE_LANE)
            self._overs.tell(ended, None, self._prospects.next(ended, None), 0.0)
            return
        self._overs.without_call(started, given, provider=CACHE_LANE, transport="cache")
