"""One knob at a time: turned, measured, kept or undone; a person has the last word."""

import pytest

from atlas_actors.errors import Conflict, NotFound
from atlas_actors.gateway.feedback import history
from atlas_actors.messages.feedback import AdjustKnob
from atlas_actors.messages.memory import StoreMemories
from tests.support.watching import HAIKU, Watching


@pytest.fixture
def act(tmp_path):
    built = Watching(tmp_path, "act")
    yield built
    built.stage.stop()


@pytest.fixture
def propose(tmp_path):
    built = Watching(tmp_path, "propose")
    yield built
    built.stage.stop()


def overload(room, times=20, of=100, **fields):
    """A provider that answers 429 under load."""
    room.feed.attempts(of - times, **fields)
    room.feed.faults(times, "rate", **fields)


def told(room):
    return [(order.name, order.value) for order in room.only(AdjustKnob)]


def test_a_provider_that_is_overloaded_gets_fewer_slots_and_keeps_them_when_that_has_helped(act):
    overload(act)
    report = act.look().report
    assert report["adjustment"]["knob"] == "slots.haiku"
    assert "20 % of 100 attempts were told to come later" in report["adjustment"]["why"]
    assert act.board.slots("haiku") == 3
    act.later()
    overload(act, times=1, of=19)
    assert act.look().report["why"] == (
        "slots.haiku is being measured (adjustment 1, 19 outcomes so far)"
    )
    act.feed.attempts(1)
    measured = act.look().report["measured"]
    assert (measured["state"], measured["knob"]) == ("kept", "slots.haiku")
    assert "rate 20 % → 5 %" in measured["result"]
    assert act.board.slots("haiku") == 3
    assert act.history() == [("slots.haiku", 4, 3, "kept")]


def test_a_knob_that_made_it_worse_is_turned_back_by_itself(act):
    act.feed.attempts(90, duration_ms=1_000)
    act.feed.faults(10, "timed_out", duration_ms=600_000)
    act.look()
    assert act.board.deadline_s("haiku") == 60
    act.later()
    act.feed.attempts(10, duration_ms=55_000)
    act.feed.faults(10, "timed_out", duration_ms=60_000)
    measured = act.look().report["measured"]
    assert measured["state"] == "undone"
    assert measured["result"].startswith("worse: fewer succeed, more timed out")
    assert act.board.deadline_s("haiku") == 600
    assert told(act)[-1] == ("deadline_s.haiku", None)  # what the settings say


def test_the_same_change_is_kept_when_nothing_got_worse(act):
    """The negative control of the test above."""
    act.feed.attempts(90, duration_ms=1_000)
    act.feed.faults(10, "timed_out", duration_ms=600_000)
    act.look()
    act.later()
    act.feed.attempts(18, duration_ms=1_000)
    act.feed.faults(2, "timed_out", duration_ms=60_000)
    assert act.look().report["measured"]["state"] == "kept"
    assert act.board.deadline_s("haiku") == 60


def test_one_knob_at_a_time(act):
    overload(act)
    overload(act, provider="local")
    act.look()
    act.later()
    overload(act, provider="local")
    act.look()
    assert act.history() == [("slots.haiku", 4, 3, "applied")]
    act.feed.attempts(20)
    act.look()
    assert act.history() == [("slots.haiku", 4, 3, "kept"), ("slots.local", 4, 3, "applied")]


def test_what_began_before_does_not_tell_what_it_did(act):
    overload(act)
    act.look()
    act.clock.advance(30)
    overload(act, times=20, of=40, duration_ms=60_000)
    assert "0 outcomes so far" in act.look().report["why"]


def test_without_outcomes_it_is_judged_after_three_days(act):
    overload(act)
    act.look()
    act.feed.attempts(1, provider="local")
    act.later(71)
    assert act.look().report["measured"] is None
    act.later(1.5)
    measured = act.look().report["measured"]
    assert measured["state"] == "kept"
    assert measured["result"].startswith("only 0 outcomes in three days")


def test_it_goes_on_only_with_evidence_that_is_younger_than_the_last_step(act):
    overload(act)
    act.look()
    act.later()
    act.feed.attempts(20)
    act.look()  # kept; of the 429 from before nothing follows any more
    act.feed.attempts(1)
    assert act.look().report["why"] == "nothing calls for a change"
    act.later()
    overload(act)
    act.look()
    assert act.history()[1:] == [("slots.haiku", 3, 2, "applied")]


def undone_slots(room):
    """Slots were cut, and that was worse."""
    overload(room)
    room.look()
    room.later()
    room.feed.faults(20, "rate")
    assert room.look().report["measured"]["state"] == "undone"
    room.later()


@pytest.mark.parametrize(("of", "hours", "again"), [(199, 1, False), (201, 1, True)])
def test_what_was_undone_is_not_tried_again_without_twice_the_evidence(act, of, hours, again):
    undone_slots(act)
    overload(act, times=of // 2, of=of)
    report = act.look().report
    assert (report["adjustment"] is not None) is again
    if not again:
        assert "is not tried again yet: adjustment 1 was undone (worse: " in report["why"]


def test_what_was_undone_may_be_tried_again_after_a_month(act):
    undone_slots(act)
    act.later(24 * 30)
    overload(act)
    assert act.look().report["adjustment"]["knob"] == "slots.haiku"


def test_an_orchestrator_that_restarts_is_told_again_what_holds(act):
    overload(act)
    act.look()
    act.restart_orchestrator()
    assert act.board.slots("haiku") == 3
    act.restart_orchestrator()  # applied or kept: both hold
    assert told(act) == [("slots.haiku", 3)] * 3


def test_a_daemon_that_restarts_goes_on_with_what_holds_and_is_being_measured(act):
    overload(act)
    act.look()
    act.later()
    act.feed.attempts(15)
    act.grow()
    again = act.restart()
    assert again.board.slots("haiku") == 3
    again.feed.attempts(15)
    assert again.look().report["measured"]["state"] == "kept"
    act.stage = again.stage  # that the fixture closes


def test_a_knob_that_was_turned_back_stays_back_after_a_restart(act):
    undone_slots(act)
    act.restart_orchestrator()
    assert act.board.slots("haiku") == 4


def two_steps(act):
    """A step that was kept, and one more that is being measured."""
    overload(act)
    act.look()
    act.later()
    act.feed.attempts(20)
    act.look()
    act.later()
    overload(act)
    act.look()


def test_after_a_kept_step_an_undone_one_goes_back_to_it_also_after_a_restart(act):
    two_steps(act)
    assert act.board.slots("haiku") == 2
    act.later()
    act.feed.faults(20, "rate")
    act.look()
    assert act.board.slots("haiku") == 3
    act.restart_orchestrator()
    assert act.board.slots("haiku") == 3


def test_settings_that_change_win_and_what_was_turned_is_over(act):
    overload(act)
    act.look()
    act.providers["haiku"] = HAIKU.__class__(
        name="haiku", transport="anthropic-messages", tier="haiku", slots=6
    )
    act.restart_orchestrator()
    assert act.board.slots("haiku") == 6
    (row,) = act.rows("select state, result from adjustments")
    assert (row["state"], row["result"]) == ("undone", "the settings were changed: they say 6")
    act.later()
    act.feed.attempts(1)
    assert act.look().report["measured"] is None


def test_a_provider_that_is_removed_takes_its_adjustments_along(act):
    overload(act)
    act.look()
    del act.providers["haiku"]
    act.restart_orchestrator()
    assert act.history() == [("slots.haiku", 4, 3, "undone")]


def test_a_proposal_waits_for_a_person_and_is_measured_from_then_on(propose):
    overload(propose)
    report = propose.look().report
    assert report["adjustment"]["state"] == "proposed"
    assert told(propose) == []
    propose.feed.attempts(5)
    assert propose.look().report["why"] == "adjustment 1 waits for your decision"
    changed = propose.decide(1, "approve")
    assert (changed.state, changed.before, changed.after) == ("applied", 4, 3)
    assert propose.board.slots("haiku") == 3
    propose.later()
    propose.feed.attempts(20)
    assert propose.look().report["measured"]["state"] == "kept"


def test_what_a_person_rejects_is_not_proposed_again_on_the_same_evidence(propose):
    overload(propose)
    propose.look()
    assert propose.decide(1, "reject").state == "rejected"
    propose.feed.attempts(1)
    assert "is not tried again yet: adjustment 1 was rejected" in propose.look().report["why"]
    assert told(propose) == []


@pytest.mark.parametrize("measured", [False, True])
def test_a_person_undoes_what_is_measured_and_what_was_kept(propose, measured):
    overload(propose)
    propose.look()
    propose.decide(1, "approve")
    propose.later()
    if measured:
        propose.feed.attempts(20)
        propose.look()
    assert propose.decide(1, "undo").state == "undone"
    assert propose.board.slots("haiku") == 4
    propose.feed.attempts(30)
    assert propose.look().report["measured"] is None


@pytest.mark.parametrize(
    ("before", "decision", "error"),
    [
        ((), "undo", "is proposed and cannot be undone"),
        (("approve",), "approve", "is applied and cannot be approved"),
        (("approve",), "reject", "is applied and cannot be rejected"),
        (("reject",), "approve", "is rejected and cannot be approved"),
        (("approve", "undo"), "undo", "is undone and cannot be undone"),
    ],
)
def test_a_decision_that_does_not_fit_is_refused(propose, before, decision, error):
    overload(propose)
    propose.look()
    for one in before:
        propose.decide(1, one)
    with pytest.raises(Conflict, match=error):
        propose.decide(1, decision)


def test_an_adjustment_that_there_is_not_cannot_be_decided_on(propose):
    with pytest.raises(NotFound):
        propose.decide(7, "approve")


def test_an_older_step_is_not_undone_under_a_newer_one(act):
    two_steps(act)
    with pytest.raises(Conflict, match=r"adjustment 2 has turned slots\.haiku since"):
        act.decide(1, "undo")
    act.decide(2, "undo")
    act.decide(1, "undo")
    assert act.board.slots("haiku") == 4


def test_a_proposal_that_nobody_decides_on_expires(propose):
    overload(propose)
    propose.look()
    propose.later(24 * 14)
    propose.feed.attempts(1)
    propose.look()
    assert propose.history() == [("slots.haiku", 4, 3, "expired")]


def test_an_orchestrator_that_does_not_answer_is_told_when_it_does(act):
    overload(act)
    act.away = {"AdjustKnob"}
    act.look()
    assert act.board.slots("haiku") == 4
    act.away = set()
    act.restart_orchestrator()
    assert act.board.slots("haiku") == 3


def test_each_action_is_explained_and_what_it_taught_is_remembered(act, tmp_path):
    overload(act)
    act.look()
    act.later()
    act.feed.attempts(20)
    act.look()
    (one,) = history(tmp_path, 10)
    assert (one["knob"], one["before"], one["after"], one["state"]) == ("slots.haiku", 4, 3, "kept")
    assert one["why"].startswith("20 % of 100 attempts")
    assert one["numbers"] == {"n": 100, "rate_share": 0.2}
    assert (one["measured"]["rate_before"], one["measured"]["rate_after"]) == (0.2, 0)
    lessons = [item.text for stored in act.only(StoreMemories) for item in stored.items]
    assert lessons[-1].startswith("Turning slots.haiku from 4 to 3 was kept: not worse")
