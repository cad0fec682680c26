"""Leads each task: route, provider, attempt, check, and what follows."""

import random
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Final

import attrs
from loguru import logger

from atlas_actors.actor import LATER, Place
from atlas_actors.clock import Ids
from atlas_actors.messages import paths
from atlas_actors.messages.execution import (
    AttemptAccepted,
    AttemptEnded,
    AttemptStarted,
    CancelAttempt,
    End,
    ExecutorReported,
    ProvidersChanged,
    ReportExecutor,
    RetireExecutor,
    RunAttempt,
)
from atlas_actors.messages.routing import Classified, Classify, DecideRoute, RouteChosen, RouteSpent
from atlas_actors.messages.supervision import ActorDown, ActorStarted, Ending, RequestFailed
from atlas_actors.messages.task import (
    AssignLane,
    AttemptCancelled,
    AttemptLost,
    AttemptOver,
    CloseLane,
    LanesWanted,
    OpenLane,
    TaskQueued,
    TasksStarted,
    TaskState,
)
from atlas_actors.orchestrator import records
from atlas_actors.orchestrator.check import check_answer
from atlas_actors.orchestrator.prompt import build_prompt, characters
from atlas_actors.orchestrator.steps import (
    chain_of,
    estimate_usd,
    lane_of,
    next_step,
    provider_of,
    route_without_router,
)
from atlas_actors.settings import ProviderSettings, RoutingSettings
from atlas_actors.store_actor import StoreActor

Inbox = (
    TaskQueued
    | Classified
    | RequestFailed
    | DecideRoute
    | AttemptStarted
    | AttemptAccepted
    | AttemptEnded
    | AttemptCancelled
    | TasksStarted
    | ExecutorReported
    | ActorStarted
    | ActorDown
    | ProvidersChanged
)
# An executor in one of these states takes attempts.
WORKING_STATES: Final = frozenset({"ready", "loading"})


@attrs.define
class Flight:
    """An attempt that an executor has or will have."""

    started: AttemptStarted
    accepted_by: int | None = None  # the executor's incarnation


class Orchestrator(StoreActor):
    """Owns orchestrator.db. What it knows of providers and attempts is rebuilt from reports."""

    inbox = Inbox
    schema = Path(__file__).with_name("schema")

    def __init__(
        self,
        place: Place,
        *,
        database: Path,
        providers: Mapping[str, ProviderSettings],
        interruptions_max: int,
        settings: RoutingSettings,
        jitter: Callable[[], float] = random.random,
    ) -> None:
        super().__init__(place, database=database, retention_days=settings.retention_days)
        self._interruptions_max = interruptions_max
        self._tiers = settings.tiers
        self._jitter = jitter
        self._ids = Ids(place.clock)
        self._settings_of = dict(providers)
        self._providers = {name: provider_of(table) for name, table in providers.items()}
        self._flights: dict[tuple[str, int], Flight] = {}
        self._asked: dict[str, TaskQueued | DecideRoute] = {}
        self._askers: dict[str, Any] = {}
        # Attempts that an earlier incarnation of ours sent; only their executor knows them.
        self._elsewhere: dict[tuple[str, int], str] = {}
        self._unreported = set(providers)
        self._open_attempts: tuple[tuple[str, int], ...] | None = None

    def on_start(self) -> None:
        """Ask every executor how it is, then tasks for what is open."""
        for name in self._providers:
            self.monitor(paths.executor(name))
        self.tell(paths.TASKS, LanesWanted())

    def on_rollback(self) -> None:
        """A batch was refused: have tasks say again what is open and what has no lane."""
        self.tell(paths.TASKS, LanesWanted())

    def on_receive(self, message: Inbox) -> Any:
        """Table of contents."""
        match message:
            case TaskQueued():
                if message.task_id not in self._asked:
                    self._classify(message.task_id, message)
                return None
            case DecideRoute():
                return self._on_decide_route(message)
            case Classified():
                return self._on_classified(message)
            case RequestFailed():
                return self._on_request_failed(message)
            case AttemptStarted():
                return self._on_attempt_started(message)
            case AttemptAccepted():
                return self._on_attempt_accepted(message)
            case AttemptEnded():
                return self._on_attempt_ended(message)
            case AttemptCancelled():
                self._flights.pop((message.task_id, message.attempt), None)
                order = CancelAttempt(task_id=message.task_id, attempt=message.attempt)
                return self.tell(paths.executor(message.lane), order)
            case TasksStarted():
                return self._on_tasks_started(message)
            case ExecutorReported():
                return self._on_executor_reported(message)
            case ActorStarted():
                return self.tell(message.path, ReportExecutor())
            case ActorDown():
                return self._on_executor_down(message)
            case ProvidersChanged():
                return self._on_providers_changed(message)

    # Routing.

    def _classify(self, request_id: str, asked: TaskQueued | DecideRoute) -> None:
        self._asked[request_id] = asked
        if isinstance(asked, TaskQueued):
            request = asked.request
            classify = Classify(
                request_id=request_id,
                text=request.prompt,
                cwd=request.cwd,
            )
        else:
            classify = Classify(
                request_id=request_id,
                text=asked.text,
                cwd=asked.cwd,
                session=asked.session,
                client=asked.client,
                tool_loop=asked.tool_loop,
                explain=asked.explain,
            )
        self.request(paths.ROUTER, classify)

    def _on_decide_route(self, asked: DecideRoute) -> Any:
        request_id = self._ids.new()
        self._askers[request_id] = self.reply_to
        self._classify(request_id, asked)
        return LATER

    def _on_request_failed(self, failed: RequestFailed) -> None:
        """No router: best effort on the free tier. No executor: the attempt is over."""
        match failed.request:
            case Classify():
                route = route_without_router(self._ids.new(), failed.error)
                self._on_classified(Classified(request_id=failed.request.request_id, route=route))
            case RunAttempt(started=started):
                if (started.task_id, started.attempt) in self._flights:
                    self._end_as_unreachable(started, failed.error)

    def _on_classified(self, classified: Classified) -> None:
        asked = self._asked.pop(classified.request_id, None)
        if asked is None:
            return
        queued = isinstance(asked, TaskQueued)
        pinned = asked.request.provider if isinstance(asked, TaskQueued) else asked.provider
        length = characters(asked.request) if isinstance(asked, TaskQueued) else len(asked.text)
        chain = chain_of(classified.route, pinned, length, self._providers, self._tiers)
        lane, waits_for = lane_of(chain)
        settings = self._settings_of.get(lane or "")
        estimated_usd = estimate_usd(settings, length, classified.route.answer_tokens)
        route = attrs.evolve(
            classified.route, provider=lane, chain=chain, estimated_usd=estimated_usd
        )
        task_id = asked.task_id if isinstance(asked, TaskQueued) else None
        now_ms = self.place.clock.now_ms()
        records.add_plan(self.store, self._ids.new(), task_id, route, waits_for, now_ms)
        chosen = RouteChosen(
            route_id=route.id, provider=lane, estimated_usd=estimated_usd, task_id=task_id
        )
        self.tell(paths.ROUTER, chosen)
        if queued and task_id is not None:
            logger.info("task.routed", task_id=task_id, intent=route.intent, provider=lane)
            self.tell(
                paths.TASKS,
                AssignLane(task_id=task_id, lane=lane, route=route, waits_for=waits_for),
            )
            return
        asker = self._askers.pop(classified.request_id, None)
        if asker is not None:
            asker.set(route)

    # Attempts.

    def _on_attempt_started(self, started: AttemptStarted) -> None:
        if started.lane not in self._providers:
            self._give_up(started.task_id, started.attempt, f"{started.lane} was removed")
            return
        self._flights[started.task_id, started.attempt] = Flight(started=started)
        prompt = build_prompt(started.request, started.last_error)
        # An executor that parks or crashes meanwhile gives it back as a RequestFailed.
        self.entrust(paths.executor(started.lane), RunAttempt(started=started, prompt=prompt))

    def _on_attempt_accepted(self, accepted: AttemptAccepted) -> None:
        flight = self._flights.get((accepted.task_id, accepted.attempt))
        if flight is not None:
            flight.accepted_by = accepted.incarnation

    def _on_attempt_ended(self, ended: AttemptEnded) -> None:
        started = ended.started
        self._flights.pop((started.task_id, started.attempt), None)
        self._elsewhere.pop((started.task_id, started.attempt), None)
        request = started.request
        verdict = None
        if ended.end is End.ANSWERED:
            verdict = check_answer(ended.answer, ended.finish, request.schema)
        chain = chain_of(
            started.route, request.provider, characters(request), self._providers, self._tiers
        )
        step = next_step(
            ended,
            verdict,
            chain,
            interruptions_max=self._interruptions_max,
            jitter=self._jitter(),
        )
        self.tell(
            paths.TASKS,
            AttemptOver(
                task_id=started.task_id,
                attempt=started.attempt,
                epoch=started.epoch,
                end=step.end,
                next_state=step.state,
                error=step.error,
                check=f"{verdict.how}: {verdict.detail}" if verdict else "",
                answer=verdict.answer if verdict else None,
                verified_by=verdict.how if verdict and verdict.passed else None,
                provider=ended.provider,
                model=ended.model,
                transport=ended.transport,
                usage=ended.usage,
                cost_usd=ended.cost_usd,
                duration_ms=ended.duration_ms,
                lane=step.lane,
                delay_ms=step.delay_ms,
            ),
        )

        over = step.state is not TaskState.PENDING
        self.tell(
            paths.ROUTER,
            RouteSpent(
                route_id=started.route.id,
                cost_usd=ended.cost_usd,
                duration_ms=ended.duration_ms,
                success=step.state is TaskState.COMPLETED if over else None,
            ),
        )

    def _end_as_unreachable(self, started: AttemptStarted, error: str) -> None:
        self._on_attempt_ended(
            AttemptEnded(started=started, provider=started.lane, end=End.UNREACHABLE, error=error)
        )

    # What is known of executors and tasks.

    def _on_executor_reported(self, report: ExecutorReported) -> None:
        known = self._providers.get(report.provider)
        if known is None:
            return
        usable = report.state in WORKING_STATES
        self._providers[report.provider] = attrs.evolve(
            known,
            usable=usable,
            slots=report.slots,
            reason="" if usable else f"{report.state}: {report.note}",
        )
        for task_id, attempt in report.in_flight:
            flight = self._flights.get((task_id, attempt))
            if flight is not None:
                flight.accepted_by = report.incarnation
            else:
                self._elsewhere[task_id, attempt] = report.provider
        self._tell_lane(report.provider)
        self._reported(report.provider)

    def _on_executor_down(self, down: ActorDown) -> None:
        name = down.path.rpartition("executor.")[2]
        known = self._providers.get(name)
        if known is None:
            return
        cure = f" ({down.cure})" if down.cure else ""
        self._providers[name] = attrs.evolve(known, usable=False, reason=f"{down.error}{cure}")
        # After a crash it is most likely back before a new route would be found.
        self._tell_lane(name, reroute=down.ending not in (Ending.CRASHED, Ending.KILLED))
        for flight in list(self._flights.values()):
            accepted_by = flight.accepted_by
            if flight.started.lane == name and accepted_by is not None:
                if accepted_by > down.incarnation:
                    continue
                self._end_as_unreachable(flight.started, f"the executor ended: {down.error}")
        for (task_id, attempt), provider in list(self._elsewhere.items()):
            if provider == name:
                del self._elsewhere[task_id, attempt]
                self._give_up(task_id, attempt, f"the executor ended: {down.error}")
        self._reported(name)

    def _on_providers_changed(self, changed: ProvidersChanged) -> None:
        """Settings were reloaded: who is gone or has changed finishes and ends; new ones join."""
        new = {table["name"]: ProviderSettings(**table) for table in changed.providers}
        for name, old in list(self._settings_of.items()):
            if new.get(name) != old:
                self.tell(paths.executor(name), RetireExecutor())
                gone = CloseLane(lane=name, reason="its settings changed", reroute=True)
                self.tell(paths.TASKS, gone)
                del self._providers[name], self._settings_of[name]
                self._unreported.discard(name)
        for name, settings in new.items():
            if name not in self._providers:
                self._settings_of[name] = settings
                self._providers[name] = provider_of(settings)
                self.monitor(paths.executor(name))
        self._reconcile()

    def _tell_lane(self, name: str, *, reroute: bool = True) -> None:
        provider = self._providers[name]
        if provider.usable:
            self.tell(paths.TASKS, OpenLane(lane=name, slots=provider.slots))
        else:
            self.tell(
                paths.TASKS,
                CloseLane(lane=name, reason=provider.reason, reroute=reroute),
            )

    def _on_tasks_started(self, started: TasksStarted) -> None:
        """Tasks is new or answers LanesWanted: tell the lanes, give up attempts nobody has."""
        for name in self._providers:
            if name not in self._unreported:
                self._tell_lane(name)
        self._open_attempts = started.open_attempts
        self._reconcile()

    def _reported(self, name: str) -> None:
        self._unreported.discard(name)
        self._reconcile()

    def _reconcile(self) -> None:
        """Once all have reported: an open attempt that is in no flight is lost."""
        if self._open_attempts is None or self._unreported:
            return
        open_attempts, self._open_attempts = self._open_attempts, None
        for task_id, attempt in open_attempts:
            known = (task_id, attempt) in self._flights or (task_id, attempt) in self._elsewhere
            if not known:
                self._give_up(task_id, attempt, "no executor has this attempt")

    def _give_up(self, task_id: str, attempt: int, reason: str) -> None:
        self.tell(paths.TASKS, AttemptLost(task_id=task_id, attempt=attempt, reason=reason))

    def prune(self, before_ms: int) -> bool:
        """Delete what is older than that."""
        records.prune(self.store, before_ms)
        return False
