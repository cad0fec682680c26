"""How a task is gone about is chosen when its first attempt begins, and where it begins then."""

import attrs
import pytest

from atlas_actors.messages import paths
from atlas_actors.messages.execution import Request, RunAttempt
from atlas_actors.messages.strategy import ChooseStrategy, Genome
from atlas_actors.messages.supervision import RequestFailed
from atlas_actors.messages.task import AttemptCancelled, AttemptPlanned
from atlas_actors.orchestrator.dues import ChoiceDue
from tests.orchestrator.test_attempts import only, stage_on, started
from tests.orchestrator.test_choosing import PAID_FIRST, ROUTE, chosen, classified


@pytest.fixture
def stage(tmp_path):
    built = stage_on(tmp_path)
    yield built
    built.stop()


def begins(stage, **changes):
    """The question to strategies when an attempt begins on `cheap`, the best known then."""
    (question,) = only(ChooseStrategy, stage.give(started("a", route=ROUTE, **changes)))
    return question


def test_the_choice_is_made_when_the_first_attempt_begins_and_is_a_trial(stage):
    question = begins(stage)
    assert (question.trial, question.task_id) == (True, "a")
    assert {offer.provider for offer in question.offers} == {"cheap", "paid"}


def test_a_choice_of_who_it_waited_for_begins_at_once_with_its_genome(stage):
    cheap_first = attrs.evolve(
        PAID_FIRST, genome=Genome(providers=("cheap",), recall=0, template="Well: {request}")
    )
    sent = stage.give(chosen(begins(stage), cheap_first, choice=7))
    (planned_,) = only(AttemptPlanned, sent)
    assert (planned_.lane, planned_.route.choice) == ("cheap", 7)
    (run,) = only(RunAttempt, sent)
    assert run.prompt == "Well: why"
    assert run.started.route.choice == 7


def test_a_choice_of_somebody_else_sends_the_task_there_and_nothing_begins_here(stage):
    sent = stage.give(chosen(begins(stage)))
    (planned_,) = only(AttemptPlanned, sent)
    assert (planned_.task_id, planned_.attempt, planned_.lane) == ("a", 1, "paid")
    assert not only(RunAttempt, sent)
    (again,) = only(ChooseStrategy, stage.give(started("a", lane="paid", route=planned_.route)))
    assert again.again == 3
    sent = stage.give(chosen(again))
    assert not only(AttemptPlanned, sent)
    assert [run.started.lane for run in only(RunAttempt, sent)] == ["paid"]


def test_a_choice_that_is_outdated_by_the_time_there_is_room_is_made_anew(stage):
    (moved,) = only(AttemptPlanned, stage.give(chosen(begins(stage))))
    (again,) = only(ChooseStrategy, stage.give(started("a", lane="paid", route=moved.route)))
    cheap_first = attrs.evolve(PAID_FIRST, id="s-2", genome=Genome(providers=("cheap",)))
    sent = stage.give(chosen(again, cheap_first, choice=4))
    (back,) = only(AttemptPlanned, sent)
    assert (back.lane, back.route.choice, back.route.moved) == ("cheap", 4, True)
    assert not only(RunAttempt, sent)


def test_the_end_of_a_wait_matters_only_until_the_answer_has_come(stage):
    (planning,) = only(ChooseStrategy, classified(stage))
    beginning = begins(stage)
    dues = [ChoiceDue(request_id=question.request_id) for question in (planning, beginning)]
    assert [stage.actor.matters(due) for due in dues] == [True, True]
    stage.give(chosen(planning), chosen(beginning))
    assert [stage.actor.matters(due) for due in dues] == [False, False]


def test_strategies_that_are_late_or_refuse_cost_an_attempt_nothing(stage):
    question = begins(stage)
    assert only(RunAttempt, stage.give(ChoiceDue(request_id=question.request_id)))
    assert not only(RunAttempt, stage.give(chosen(question)))
    (question,) = only(
        ChooseStrategy, stage.give(started("b", route=ROUTE, request=Request(prompt="how")))
    )
    failed = RequestFailed(path=paths.STRATEGIES, request=question, error="it is parked")
    assert only(RunAttempt, stage.give(failed))


@pytest.mark.parametrize("changes", [{"answers_asked": 2}, {"goes_on": True}])
def test_a_later_attempt_stays_with_what_the_first_was_gone_about_by(stage, changes):
    sent = stage.give(started("a", attempt=2, route=ROUTE, **changes))
    assert not only(ChooseStrategy, sent)
    assert only(RunAttempt, sent)


def test_what_is_cancelled_while_strategies_think_does_not_begin(stage):
    question = begins(stage)
    stage.give(AttemptCancelled(task_id="a", attempt=1, lane="cheap"))
    assert stage.give(chosen(question)) == []


def test_who_waits_for_the_same_answer_chooses_for_itself_when_the_first_goes_elsewhere(stage):
    question = begins(stage)
    assert not only(ChooseStrategy, stage.give(started("b", route=ROUTE)))
    (other,) = only(ChooseStrategy, stage.give(chosen(question)))
    assert other.task_id == "b"


@pytest.mark.parametrize("lead", ["cheap", "paid"])
def test_a_choice_in_a_batch_that_the_disk_refused_is_made_again(stage, lead):
    strategy = attrs.evolve(PAID_FIRST, genome=Genome(providers=(lead,), recall=0))
    mail = chosen(begins(stage), strategy)
    stage.actor.dispatch(mail)
    stage.sent()
    stage.actor.on_rollback()
    stage.sent()
    sent = stage.give(mail)
    assert [order.lane for order in only(AttemptPlanned, sent)] == [lead]
    assert bool(only(RunAttempt, sent)) == (lead == "cheap")
