"""Plans each request: what it is, who does it, and in which order others follow."""

from typing import Any

import attrs
from loguru import logger

from atlas_actors.clock import Ids
from atlas_actors.messages import paths
from atlas_actors.messages.execution import Request
from atlas_actors.messages.routing import Classified, Classify, DecideRoute, Route, RouteChosen
from atlas_actors.messages.task import AssignLane, TaskQueued
from atlas_actors.orchestrator import records
from atlas_actors.orchestrator.answers import CACHE_LANE, Answers, key_of
from atlas_actors.orchestrator.asked import Asked, Questions
from atlas_actors.orchestrator.chain import lane_of, route_without_router
from atlas_actors.orchestrator.desk import Desk
from atlas_actors.orchestrator.money import Money
from atlas_actors.orchestrator.prompt import characters
from atlas_actors.orchestrator.prospects import Prospects
from atlas_actors.orchestrator.roster import Roster
from atlas_actors.providers.wire import CHARACTERS_PER_TOKEN


class Planning:
    """Requests on their way to a provider. A batch that the disk refuses can be taken back."""

    def __init__(
        self,
        desk: Desk,
        roster: Roster,
        money: Money,
        answers: Answers,
        prospects: Prospects,
        ids: Ids,
    ) -> None:
        self._desk = desk
        self._roster = roster
        self._money = money
        self._answers = answers
        self._prospects = prospects
        self._ids = ids
        self._questions = Questions()

    def keep(self) -> None:
        """The batch is on disk."""
        self._questions.keep()

    def take_back(self) -> None:
        """The batch was refused, and its mail comes again."""
        self._questions.take_back()

    def queued(self, queued: TaskQueued) -> None:
        """A task has no lane yet."""
        if queued.task_id in self._questions:
            return
        request = queued.request
        classify = Classify(request_id=queued.task_id, text=request.prompt, cwd=request.cwd)
        self._ask(classify, queued)

    def decide(self, asked: DecideRoute, reply: Any) -> None:
        """Somebody waits for a route."""
        classify = Classify(
            request_id=self._ids.new(),
            text=asked.text,
            cwd=asked.cwd,
            session=asked.session,
            client=asked.client,
            tool_loop=asked.tool_loop,
            explain=asked.explain,
        )
        self._ask(classify, asked, reply)

    def not_classified(self, classify: Classify, error: str) -> None:
        """No router: best effort on the free tier."""
        route = route_without_router(self._ids.new(), error)
        self.classified(Classified(request_id=classify.request_id, route=route))

    def classified(self, classified: Classified) -> None:
        """It is known what the request is: who does it?"""
        question = self._questions.pop(classified.request_id)
        if question is None:
            return
        asked, asker = question
        if isinstance(asked, TaskQueued):
            request, tried, spent_usd = asked.request, asked.progress.tried, asked.spent_usd
        else:
            request = Request(prompt=asked.text, cwd=asked.cwd, provider=asked.provider)
            tried, spent_usd = (), 0.0
        chain = self._prospects.chain(classified.route, request, spent_usd)
        lane, waits_for = lane_of(chain, tried)
        if lane is None and any(link.verdict == "over budget" for link in chain):
            self._money.refuse()
        estimated_usd = self._roster.estimate_usd(
            lane, characters(request) / CHARACTERS_PER_TOKEN, classified.route.answer_tokens
        )
        if isinstance(asked, TaskQueued) and self._has_kept(classified.route, asked):
            lane, waits_for, estimated_usd = CACHE_LANE, "", 0.0
        route = attrs.evolve(
            classified.route, provider=lane, chain=chain, estimated_usd=estimated_usd
        )
        task_id = asked.task_id if isinstance(asked, TaskQueued) else None
        now_ms = self._desk.place.clock.now_ms()
        records.add_plan(self._desk.store, self._ids.new(), task_id, route, waits_for, now_ms)
        chosen = RouteChosen(
            route_id=route.id, provider=lane, estimated_usd=estimated_usd, task_id=task_id
        )
        self._desk.tell(paths.ROUTER, chosen)
        if task_id is not None:
            logger.info("task.routed", task_id=task_id, intent=route.intent, provider=lane)
            assign = AssignLane(task_id=task_id, lane=lane, route=route, waits_for=waits_for)
            self._desk.tell(paths.TASKS, assign)
            return
        if asker is not None:
            asker.set(route)

    def _ask(self, classify: Classify, asked: Asked, reply: Any = None) -> None:
        self._questions.add(classify.request_id, asked, reply)
        self._desk.request(paths.ROUTER, classify)

    def _has_kept(self, route: Route, queued: TaskQueued) -> bool:
        if not self._answers.kept_for_s(queued.request, route):
            return False
        same = key_of(queued.request)
        now_ms = self._desk.place.clock.now_ms()
        return same is not None and records.kept_answer(self._desk.store, same, now_ms) is not None
