"""Plans each request: what it is, who does it, and in which order others follow."""

from typing import Any

import attrs
from loguru import logger

from atlas_actors.clock import Ids
from atlas_actors.messages import paths
from atlas_actors.messages.routing import Classified, Classify, DecideRoute, Route, RouteChosen
from atlas_actors.messages.strategy import ChooseStrategy, StrategyChosen
from atlas_actors.messages.task import AssignLane, TaskQueued
from atlas_actors.orchestrator import records
from atlas_actors.orchestrator.answers import CACHE_LANE, Answers, key_of
from atlas_actors.orchestrator.asked import Question, Questions
from atlas_actors.orchestrator.chain import IN, lane_of, route_without_router
from atlas_actors.orchestrator.choices import WAIT_S
from atlas_actors.orchestrator.desk import Desk
from atlas_actors.orchestrator.dues import ChoiceDue
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
        self._classify(classify, Question(asked=queued))

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
        self._classify(classify, Question(asked=asked, reply=reply))

    def not_classified(self, classify: Classify, error: str) -> None:
        """No router: best effort on the free tier."""
        route = route_without_router(self._ids.new(), error)
        self.classified(Classified(request_id=classify.request_id, route=route))

    def classified(self, classified: Classified) -> None:
        """It is known what the request is: how is it gone about?"""
        id = classified.request_id
        question = self._questions.get(id)
        if question is None or question.route is not None:
            return
        question = attrs.evolve(question, route=self._gone_on_with(question, classified.route))
        self._questions.put(id, question)
        choose = self._choose(id, question)
        if choose is None:
            self._plan(id)
            return
        self._desk.request(paths.STRATEGIES, choose)
        self._desk.after(WAIT_S, ChoiceDue(request_id=choose.request_id))

    def waits(self, due: ChoiceDue) -> bool:
        """Whether strategies have not answered that yet."""
        return self._asked_for(due.request_id) is not None

    def chosen(self, answer: StrategyChosen | ChoiceDue | ChooseStrategy, error: str = "") -> None:
        """Strategies have answered, have had their time, or have not taken the question."""
        question = self._asked_for(answer.request_id)
        if question is None:
            return  # it has gone on without
        match answer:
            case StrategyChosen(strategy=strategy, choice=choice):
                why = answer.why
            case ChoiceDue():
                strategy, choice, why = None, None, f"strategies: no answer within {WAIT_S:g} s"
            case ChooseStrategy():
                strategy, choice, why = None, None, f"strategies is not working: {error}"
        assert question.route is not None
        route = attrs.evolve(question.route, strategy=strategy, choice=choice, strategy_why=why)
        id = answer.request_id.partition(" ")[0]
        self._questions.put(id, attrs.evolve(question, route=route))
        self._plan(id)

    def _asked_for(self, request_id: str) -> Question | None:
        """Who waits for the answer to this question to strategies; None: nobody does (any more)."""
        id, _, route_id = request_id.partition(" ")
        question = self._questions.get(id)
        if question is None or question.route is None or question.route.id != route_id:
            return None
        return question

    def _classify(self, classify: Classify, question: Question) -> None:
        self._questions.put(classify.request_id, question)
        self._desk.request(paths.ROUTER, classify)

    def _gone_on_with(self, question: Question, route: Route) -> Route:
        """A task that is routed anew stays with its strategy where it was answered by it, or where
        it was chosen for it and who leads in it can still do the work: lanes that open and close
        make no trials."""
        asked = question.asked
        if not isinstance(asked, TaskQueued) or asked.strategy is None:
            return route
        chosen = asked.choice is not None and asked.strategy.intent == route.intent
        if asked.answered:
            why = "an answer by it was asked for before"
        elif chosen and asked.strategy.genome.providers[:1] == self._first_in(question, route):
            why = "it was chosen before"
        else:
            return route
        return attrs.evolve(route, strategy=asked.strategy, choice=asked.choice, strategy_why=why)

    def _first_in(self, question: Question, route: Route) -> tuple[str, ...]:
        """Whom the task's old strategy would have asked first now."""
        assert isinstance(question.asked, TaskQueued)
        by = attrs.evolve(route, strategy=question.asked.strategy)
        chain = self._prospects.chain(by, question.request, question.spent_usd)
        return tuple(link.provider for link in chain if link.verdict == IN)[:1]

    def _choose(self, id: str, question: Question) -> ChooseStrategy | None:
        """What strategies are asked: the best known, by which the task waits for somebody; None
        where there is nothing to choose: an answer of it was rejected already, it is kept, or
        nobody can do it now."""
        route, request = question.route, question.request
        assert route is not None
        if route.strategy is not None or self._has_kept(route, question):
            return None
        return self._prospects.choice(f"{id} {route.id}", route, request, question.spent_usd, None)

    def _plan(self, id: str) -> None:
        """Who does it, and who follows."""
        question = self._questions.pop(id)
        assert question is not None and question.route is not None
        request, route = question.request, question.route
        chain = self._prospects.chain(route, request, question.spent_usd)
        lane, waits_for = lane_of(chain, question.tried)
        if lane is None and any(link.verdict == "over budget" for link in chain):
            self._money.refuse()
        estimated_usd = self._roster.estimate_usd(
            lane, characters(request) / CHARACTERS_PER_TOKEN, route.answer_tokens
        )
        if self._has_kept(route, question):
            lane, waits_for, estimated_usd = CACHE_LANE, "", 0.0
        self._tell(
            question,
            attrs.evolve(route, provider=lane, chain=chain, estimated_usd=estimated_usd),
            waits_for,
        )

    def _tell(self, question: Question, route: Route, waits_for: str) -> None:
        task_id, now_ms = question.task_id, self._desk.place.clock.now_ms()
        records.add_plan(self._desk.store, self._ids.new(), task_id, route, waits_for, now_ms)
        chosen = RouteChosen(
            route_id=route.id,
            provider=route.provider,
            estimated_usd=route.estimated_usd,
            task_id=task_id,
        )
        self._desk.tell(paths.ROUTER, chosen)
        if task_id is not None:
            logger.info(
                "task.routed",
                task_id=task_id,
                intent=route.intent,
                provider=route.provider,
                strategy=route.strategy and route.strategy.id,
            )
            assign = AssignLane(
                task_id=task_id, lane=route.provider, route=route, waits_for=waits_for
            )
            self._desk.tell(paths.TASKS, assign)
        elif question.reply is not None:
            question.reply.set(route)

    def _has_kept(self, route: Route, question: Question) -> bool:
        """Whether a task's answer is here already."""
        if question.task_id is None or not self._answers.kept_for_s(question.request, route):
            return False
        same = key_of(question.request)
        now_ms = self._desk.place.clock.now_ms()
        return same is not None and records.kept_answer(self._desk.store, same, now_ms) is not None
