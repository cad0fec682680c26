"""What an outcome says about a choice, as a table."""

import attrs
import pytest

from atlas_actors.messages.outcome import KeptOutcome
from atlas_actors.strategies.events import Amended, Ended
from atlas_actors.strategies.trials import Choice, choice_of, event_of

OPEN = Choice(number=7, strategy="abc", task_id="t1", ended=False)
TOLD = KeptOutcome(
    seq=1, id="o1", at_ms=5_000, action="t1", kind="task", result="success", verified_by="match",
    infrastructure=False, duration_ms=900, tokens=10, cost_usd=0.01,
    context={"choice": 7, "strategy": "abc", "lead": "passed", "checked": "own"},
)  # fmt: skip


def told(**changes):
    context = {**TOLD.context, **changes.pop("context", {})}
    return attrs.evolve(TOLD, context=context, **changes)


def over(lead, x, weight, result="success"):
    return attrs.evolve(OPEN, ended=True, lead=lead, result=result, x=x, weight=weight)


@pytest.mark.parametrize(
    ("lead", "checked", "x", "weight"),
    [
        ("passed", "own", 1, 1.0),
        ("passed", "text", 1, 0.2),
        ("failed", "own", 0, 1.0),
        ("failed", "text", 0, 1.0),
    ],
)
def test_what_the_request_checked_itself_counts_whole_and_a_text_that_looks_right_a_fifth(
    lead, checked, x, weight
):
    event = event_of(told(context={"lead": lead, "checked": checked}), OPEN)
    assert (event.choice, event.x, event.weight) == (7, x, weight)


@pytest.mark.parametrize("lead", ["unknown", None, 3])
def test_a_lead_that_did_not_answer_says_nothing_about_quality(lead):
    event = event_of(told(context={"lead": lead}), OPEN)
    assert isinstance(event, Ended)
    assert event.x is None


def test_a_fault_of_the_way_is_no_trial_whatever_else_is_said():
    assert event_of(told(infrastructure=True, context={"lead": "failed"}), OPEN).x is None


def test_the_cost_is_that_of_all_attempts():
    event = event_of(told(context={"task_cost_usd": 0.5}), OPEN)
    assert (event.cost_usd, event.latency_ms) == (0.5, 900)
    assert event_of(told(), OPEN).cost_usd == 0.01


@pytest.mark.parametrize(("told_ms", "took_ms"), [(300, 300), (None, 900), (-1, 900), (True, 900)])
def test_what_it_took_is_the_work_and_not_the_waits_where_that_is_told(told_ms, took_ms):
    assert event_of(told(context={"work_ms": told_ms}), OPEN).latency_ms == took_ms


@pytest.mark.parametrize(
    ("kind", "number"),
    [("attempt", 7), ("task", None), ("task", "7"), ("task", True), ("task", 0), ("task", 2**60)],
)
def test_only_the_end_of_a_task_with_a_choice_is_a_trial(kind, number):
    assert choice_of(told(kind=kind, context={"choice": number})) is None
    assert choice_of(TOLD) == 7


def test_a_number_that_was_given_again_since_is_another_choice():
    assert event_of(TOLD, None) is None
    assert event_of(told(action="t0"), OPEN) is None
    assert event_of(told(context={"strategy": "other"}), OPEN) is None
    assert event_of(TOLD, attrs.evolve(OPEN, strategy=None)) is None


def test_an_end_that_is_told_again_is_no_second_trial():
    assert event_of(TOLD, over("passed", 1, 1.0)) is None


@pytest.mark.parametrize(
    ("lead", "first", "x", "before", "result", "counts"),
    [
        ("passed", "success", 1, "success", "failure", 0),  # the person took it back
        ("passed", "success", 1, "success", "partial", 0),  # asked for the same again
        ("passed", "success", 0, "failure", "success", 1),  # and changed their mind
        ("failed", "failure", 0, "failure", "success", 1),  # the check was wrong, they kept it
        ("failed", "success", 0, "success", "failure", None),  # that answer was somebody else's
        ("failed", "success", 0, "failure", "success", None),
        ("unknown", "success", None, "success", "failure", None),
    ],
)
def test_later_evidence_counts_whole_where_it_is_about_who_was_chosen(
    lead, first, x, before, result, counts
):
    event = event_of(told(before=before, result=result), over(lead, x, 0.2, first))
    if counts is None:
        assert event is None
    else:
        assert event == Amended(choice=7, x=counts, weight=1.0, at_ms=5_000)


def test_later_evidence_that_says_the_same_changes_nothing():
    assert event_of(told(before="failure"), over("passed", 1, 1.0)) is None
    assert event_of(told(before="failure"), over("passed", 1, 0.2)).weight == 1.0
