"""Strategies are asked how a task is gone about; without their answer it goes on, and says why."""

import attrs
import pytest

from atlas_actors.messages import paths
from atlas_actors.messages.execution import ExecutorReported, Request, RunAttempt
from atlas_actors.messages.routing import Classified, Classify, DecideRoute, Link
from atlas_actors.messages.strategy import ChooseStrategy, Genome, Strategy, StrategyChosen
from atlas_actors.messages.supervision import RequestFailed
from atlas_actors.messages.task import AssignLane, TaskQueued
from atlas_actors.orchestrator.chain import Provider
from atlas_actors.orchestrator.choosing import offers_of, prior_of
from atlas_actors.orchestrator.dues import ChoiceDue
from tests.orchestrator.test_attempts import ROUTE as PLANNED
from tests.orchestrator.test_attempts import answered, only, stage_on, started
from tests.support.plans import planned

ROUTE = attrs.evolve(PLANNED, choice=None)
TIERS = ("free", "cheap", "haiku", "quality")
PAID_FIRST = Strategy(id="s-1", intent="explain", genome=Genome(providers=("paid", "cheap")))
REQUEST = Request(prompt="why")


@pytest.fixture
def stage(tmp_path):
    built = stage_on(tmp_path)
    yield built
    built.stop()


def queued(task_id="a", request=REQUEST, **changes):
    return TaskQueued(task_id=task_id, request=request, **changes)


def classified(stage, task=None, route=ROUTE):
    """What is told once the router has answered."""
    task = task or queued()
    return stage.give(task, Classified(request_id=task.task_id, route=route))


def chosen(question, strategy=PAID_FIRST, choice=3, **changes):
    return StrategyChosen(
        request_id=question.request_id, strategy=strategy, choice=choice, **changes
    )


class Reply:
    """Who waits for a route."""

    def set(self, value):
        self.value = value


def asked_for(stage, **fields):
    """(who waits, the question to strategies) for a route that somebody asks for."""
    stage.actor.reply_to = reply = Reply()
    (classify,) = only(Classify, stage.give(DecideRoute(text="why", **fields)))
    return reply, stage.give(Classified(request_id=classify.request_id, route=ROUTE))


@pytest.mark.parametrize(
    ("tier", "wanted", "prior"),
    [
        ("cheap", "cheap", 0.85), ("quality", "cheap", 0.85), ("free", "cheap", 0.6),
        ("free", "haiku", 0.35), ("free", "quality", 0.1), ("unknown", "free", 0.1),
        ("haiku", "gone", 0.6),
    ],
)  # fmt: skip
def test_a_lower_tier_is_less_likely_right_before_anything_is_known(tier, wanted, prior):
    assert prior_of(tier, wanted, TIERS) == prior


@pytest.mark.parametrize(("tier", "prior"), [("quality", 0.85), ("haiku", 0.82), ("free", 0.76)])
def test_where_the_request_brings_a_check_a_lower_tier_is_little_less_likely_right(tier, prior):
    assert prior_of(tier, "quality", TIERS, verifies=True) == prior


def test_strategies_are_told_who_could_do_it_at_what_price(stage):
    sent = classified(stage)
    assert not only(AssignLane, sent)
    (question,) = only(ChooseStrategy, sent)
    assert {offer.provider: offer.prior for offer in question.offers} == {
        "cheap": 0.85, "paid": 0.85,
    }  # fmt: skip
    assert [offer.cost_usd > 0 for offer in question.offers if offer.provider == "paid"] == [True]
    assert (question.intent, question.difficulty) == ("explain", 0.2)
    assert (question.verifies, question.trial, question.task_id) == (False, False, None)
    assert question.spent_share == 0.0
    assert 0.0 <= question.day_share <= 1.0


@pytest.mark.parametrize(
    "own", [{"schema": {"type": "object"}}, {"match": "42"}, {"check": ("true",)}]
)
def test_strategies_are_told_whether_the_request_verifies_itself(stage, own):
    (question,) = only(
        ChooseStrategy, classified(stage, queued(request=Request(prompt="why", **own)))
    )
    assert question.verifies


def test_what_is_chosen_is_the_order_in_which_providers_are_asked(stage):
    (question,) = only(ChooseStrategy, classified(stage))
    (assigned,) = only(AssignLane, stage.give(chosen(question, why="it has done best")))
    route = assigned.route
    assert (assigned.lane, route.strategy, route.choice) == ("paid", PAID_FIRST, 3)
    assert [link.provider for link in route.chain] == ["paid", "cheap"]
    assert route.strategy_why == "it has done best"


def test_a_persons_pin_stands_above_the_strategy_and_is_all_that_is_offered(stage):
    task = queued(request=Request(prompt="why", provider="cheap"))
    (question,) = only(ChooseStrategy, classified(stage, task))
    assert [offer.provider for offer in question.offers] == ["cheap"]
    (assigned,) = only(AssignLane, stage.give(chosen(question)))
    assert assigned.lane == "cheap"


@pytest.mark.parametrize("changes", [{"keep": "cheap"}, {"keep": "cheap", "locked": True},
                                     {"pin": "cheap"}])  # fmt: skip
def test_the_sessions_provider_stands_above_the_strategy(stage, changes):
    sent = classified(stage, route=attrs.evolve(ROUTE, tier="haiku", **changes))
    (question,) = only(ChooseStrategy, sent)
    assert [offer.provider for offer in question.offers] == ["cheap"]
    (assigned,) = only(AssignLane, stage.give(chosen(question)))
    assert assigned.lane == "cheap"


def test_who_cannot_do_it_is_not_asked_because_a_strategy_names_it(stage):
    down = ExecutorReported(
        provider="paid", incarnation=1, state="stopped", transport="t", model="m", slots=0
    )
    (question,) = only(ChooseStrategy, classified(stage))
    stage.give(down)
    (assigned,) = only(AssignLane, stage.give(chosen(question)))
    assert assigned.lane == "cheap"


def test_when_nobody_can_do_it_nothing_is_chosen(stage):
    for name in ("cheap", "paid"):
        stage.give(
            ExecutorReported(
                provider=name, incarnation=1, state="stopped", transport="t", model="m", slots=0
            )
        )
    sent = classified(stage)
    assert not only(ChooseStrategy, sent)
    assert only(AssignLane, sent)


def test_an_answer_that_is_kept_already_is_no_trial(tmp_path):
    stage = stage_on(tmp_path, keep_answers_s={"explain": 60.0})
    first = started("a")
    stage.give(first, answered(first))
    stage.clock.advance(1)
    sent = classified(stage, queued("b"))
    assert not only(ChooseStrategy, sent)
    (assigned,) = only(AssignLane, sent)
    assert (assigned.route.strategy, assigned.route.choice) == (None, None)
    stage.stop()


def test_while_strategies_are_parked_the_task_goes_on_and_its_route_says_why(stage):
    (question,) = only(ChooseStrategy, classified(stage))
    failed = RequestFailed(
        path=paths.STRATEGIES, request=question, error="it is parked", code=-32003
    )
    (assigned,) = only(AssignLane, stage.give(failed))
    assert (assigned.lane, assigned.route.strategy) == ("cheap", None)
    assert assigned.route.strategy_why == "strategies is not working: it is parked"


def test_strategies_that_are_late_are_not_waited_for_and_their_answer_comes_to_nothing(stage):
    later = []
    stage.actor.after = lambda delay_s, message: later.append((delay_s, message))
    (question,) = only(ChooseStrategy, classified(stage))
    assert later == [(0.5, ChoiceDue(request_id=question.request_id))]
    (assigned,) = only(AssignLane, stage.give(later[0][1]))
    assert (assigned.lane, assigned.route.strategy_why) == (
        "cheap", "strategies: no answer within 0.5 s",
    )  # fmt: skip
    assert stage.give(chosen(question), later[0][1]) == []


def test_strategies_that_crash_on_the_question_cost_nobody_their_task(stage):
    (question,) = only(ChooseStrategy, classified(stage))
    crashed = RequestFailed(path=paths.STRATEGIES, request=question, error="failed while it ...")
    (assigned,) = only(AssignLane, stage.give(crashed))
    assert assigned.lane == "cheap"
    (again,) = only(ChooseStrategy, classified(stage, queued("b")))
    (assigned,) = only(AssignLane, stage.give(chosen(again)))
    assert (assigned.task_id, assigned.route.strategy) == ("b", PAID_FIRST)


def test_the_answer_about_an_earlier_route_of_a_task_is_not_taken_for_this_one(stage):
    (first,) = only(ChooseStrategy, classified(stage))
    stage.give(ChoiceDue(request_id=first.request_id))
    (second,) = only(ChooseStrategy, classified(stage, route=attrs.evolve(ROUTE, id="r2")))
    assert stage.give(chosen(first), ChoiceDue(request_id=first.request_id)) == []
    (assigned,) = only(AssignLane, stage.give(chosen(second, choice=4)))
    assert assigned.route.choice == 4


def down(name):
    return ExecutorReported(
        provider=name, incarnation=1, state="stopped", transport="t", model="m", slots=0
    )


@pytest.mark.parametrize(
    ("asked", "changes"),
    [(True, {"strategy": None}), (False, {}), (True, {"gone": "paid"}), (True, {"intent": "plan"})],
)
def test_a_task_that_is_routed_anew_before_it_was_answered_is_chosen_for_anew_only_if_needed(
    stage, asked, changes
):
    if "gone" in changes:
        stage.give(down(changes["gone"]))
    strategy = changes.get("strategy", PAID_FIRST)
    route = attrs.evolve(ROUTE, intent=changes.get("intent", "explain"))
    sent = classified(stage, queued(strategy=strategy, choice=9), route)
    assert bool(only(ChooseStrategy, sent)) is asked
    if not asked:
        (assigned,) = only(AssignLane, sent)
        assert (assigned.lane, assigned.route.choice) == ("paid", 9)


def test_a_task_that_was_answered_by_a_strategy_stays_with_it_though_its_first_is_gone(stage):
    stage.give(down("paid"))
    sent = classified(stage, queued(strategy=PAID_FIRST, choice=9, answered=True))
    assert not only(ChooseStrategy, sent)
    (assigned,) = only(AssignLane, sent)
    assert (assigned.lane, assigned.route.choice) == ("cheap", 9)


def test_a_task_that_was_answered_by_a_strategy_stays_with_it(stage):
    task = queued(strategy=PAID_FIRST, choice=9, answered=True)
    sent = classified(stage, task)
    assert not only(ChooseStrategy, sent)
    (assigned,) = only(AssignLane, sent)
    assert (assigned.lane, assigned.route.choice) == ("paid", 9)


def test_a_task_is_asked_about_once_however_often_it_is_offered(stage):
    sent = classified(stage) + stage.give(queued(), Classified(request_id="a", route=ROUTE))
    assert len(only(ChooseStrategy, sent)) == 1
    assert len(only(Classify, sent)) == 1


@pytest.mark.parametrize("step", ["router", "strategies"])
def test_mail_of_a_batch_that_the_disk_refused_is_handled_when_it_comes_again(stage, step):
    stage.give(queued())
    mail = Classified(request_id="a", route=ROUTE)
    if step == "strategies":
        (question,) = only(ChooseStrategy, stage.give(mail))
        mail = chosen(question)
    stage.actor.dispatch(mail)
    stage.sent()
    stage.actor.on_rollback()
    stage.sent()
    sent = stage.give(mail)
    if step == "router":
        (question,) = only(ChooseStrategy, sent)
        sent = stage.give(chosen(question))
    (assigned,) = only(AssignLane, sent)
    assert (assigned.task_id, assigned.route.strategy) == ("a", PAID_FIRST)
    assert stage.give(mail) == []


def test_who_asks_for_a_route_is_told_the_best_known_strategy_and_nothing_is_tried(stage):
    reply, sent = asked_for(stage)
    (question,) = only(ChooseStrategy, sent)
    assert (question.trial, question.task_id) == (False, None)
    stage.give(chosen(question, choice=None))
    assert (reply.value.provider, reply.value.strategy) == ("paid", PAID_FIRST)


def test_who_asks_for_a_route_gets_one_without_strategies_too(stage):
    reply, sent = asked_for(stage)
    (question,) = only(ChooseStrategy, sent)
    stage.give(RequestFailed(path=paths.STRATEGIES, request=question, error="parked"))
    assert reply.value.provider == "cheap"


def test_identical_requests_are_answered_once_whatever_their_strategies(stage):
    stage.give(queued("a"), queued("b"))
    cheap_first = attrs.evolve(PAID_FIRST, id="s-2", genome=Genome(providers=("cheap",)))
    (one,) = only(AssignLane, planned(stage, "a", ROUTE, strategy=PAID_FIRST, choice=1))
    (other,) = only(AssignLane, planned(stage, "b", ROUTE, strategy=cheap_first, choice=2))
    sent = stage.give(started("a", lane="paid", route=one.route), started("b", route=other.route))
    assert [order.started.task_id for order in only(RunAttempt, sent)] == ["a"]


def test_of_a_session_whose_provider_can_that_one_alone_is_offered():
    providers = {
        name: Provider(name=name, tier="cheap", capabilities=frozenset(), context_tokens=1)
        for name in ("a", "b")
    }
    chain = [Link(provider=name, verdict="in", why="") for name in ("a", "b")]
    route = attrs.evolve(ROUTE, keep="b")
    offers = offers_of(route, chain, providers, TIERS, lambda name: 0.5)
    assert [(offer.provider, offer.cost_usd) for offer in offers] == [("b", 0.5)]
