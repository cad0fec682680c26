"""Who could do a request as things are now, and what follows an attempt."""

from collections.abc import Callable, Sequence

import attrs

from atlas_actors.clock import Clock
from atlas_actors.messages.execution import AttemptEnded, End, Request
from atlas_actors.messages.routing import Link, Route
from atlas_actors.messages.strategy import ChooseStrategy
from atlas_actors.messages.task import TaskState
from atlas_actors.orchestrator.chain import chain_of, lane_of, wanted_of
from atlas_actors.orchestrator.check import Verdict
from atlas_actors.orchestrator.choosing import checks_itself, offers_of
from atlas_actors.orchestrator.genes import genome_of
from atlas_actors.orchestrator.money import Money
from atlas_actors.orchestrator.prompt import characters
from atlas_actors.orchestrator.roster import Roster
from atlas_actors.orchestrator.steps import Next, next_step
from atlas_actors.providers.wire import CHARACTERS_PER_TOKEN


class Prospects:
    """The pure rules, with the state of providers and of money in account."""

    def __init__(
        self,
        clock: Clock,
        roster: Roster,
        money: Money,
        *,
        tiers: Sequence[str],
        interruptions_max: int,
        jitter: Callable[[], float],
    ) -> None:
        self._clock = clock
        self._roster = roster
        self._money = money
        self.tiers = tiers
        self._interruptions_max = interruptions_max
        self._jitter = jitter

    def chain(self, route: Route, request: Request, spent_usd: float = 0.0) -> tuple[Link, ...]:
        """Who could do it now, with what the task has spent in account."""
        now_ms = self._clock.now_ms()
        over = self._money.over(self._roster.settings, request, now_ms, spent_usd, genome_of(route))
        return chain_of(
            wanted_of(route, request, over),
            self._roster.providers,
            self.tiers,
            now_s=self._clock.monotonic_s(),
            wait_for_budget=self._money.settings.when_over == "wait",
        )

    def choice(
        self, id: str, route: Route, request: Request, spent_usd: float, task_id: str | None
    ) -> ChooseStrategy | None:
        """What strategies are asked (`task_id` None: for the best known); None: nobody can do the
        request now, so that there is nothing to choose."""
        tokens = characters(request) / CHARACTERS_PER_TOKEN
        offers = offers_of(
            route,
            self.chain(route, request, spent_usd),
            self._roster.providers,
            self.tiers,
            lambda name: self._roster.estimate_usd(name, tokens, route.answer_tokens),
            verifies=checks_itself(request),
        )
        if not offers:
            return None
        spent_share, day_share = self._money.shares(self._clock.now_ms())
        return ChooseStrategy(
            request_id=id,
            intent=route.intent,
            difficulty=route.difficulty,
            offers=offers,
            verifies=checks_itself(request),
            spent_share=spent_share,
            day_share=day_share,
            task_id=task_id,
            trial=task_id is not None,
            again=route.choice,
        )

    def next(self, ended: AttemptEnded, verdict: Verdict | None, counted_usd: float = 0.0) -> Next:
        """What becomes of the task after an attempt."""
        if verdict is not None and verdict.passed:
            return Next(state=TaskState.COMPLETED, end=End.ANSWERED, lane=ended.provider)
        started = ended.started
        chain = self.chain(started.route, started.request, started.spent_usd + counted_usd)
        step = next_step(
            ended,
            verdict,
            chain,
            self._roster.providers,
            interruptions_max=self._interruptions_max,
            jitter=self._jitter(),
            tiers=self.tiers,
        )
        if step.lane not in self._roster.providers:  # it was removed
            step = attrs.evolve(step, lane=None)
        if step.lane is None and step.state is TaskState.PENDING:
            lane, waits_for = lane_of(chain, step.progress.tried)
            if lane in step.progress.tried:  # it has just said no: until something changes
                lane = None
            if lane is None:
                self._money.refuse()
            step = attrs.evolve(step, lane=lane, error=waits_for or step.error)
        return step
