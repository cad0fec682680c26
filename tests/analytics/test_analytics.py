"""Analytics, driven by hand: it counts once, looks once at the same, and shows what it knows."""

import json

import pytest

from atlas_actors.analytics.actor import ActorsDue, CountDue, FeedbackDue, HealthDue
from atlas_actors.analytics.parts import Part
from atlas_actors.clock import DAY_MS
from atlas_actors.errors import Unavailable
from atlas_actors.gateway.feedback import health, status
from atlas_actors.mailbox import Envelope, Reply
from atlas_actors.messages import paths
from atlas_actors.messages.feedback import KnobsWanted, RunFeedback
from atlas_actors.messages.memory import StoreMemories
from atlas_actors.messages.outcome import OutcomesAfter, OutcomesGrew
from atlas_actors.messages.proposal import Propose, SubjectSettled
from atlas_actors.messages.supervision import ActorDown, ActorStarted, Ending
from atlas_actors.store_actor import PruneDue
from tests.support.watching import HOUR_S, Watching


@pytest.fixture
def room(tmp_path):
    built = Watching(tmp_path, "propose")
    yield built
    built.stage.stop()


def counted(room, kind="provider"):
    rows = room.rows(f"select part, tally from hours where kind = '{kind}'")
    return {row["part"]: json.loads(row["tally"])["n"] for row in rows}


def timers(room, kind):
    return [timer[2] for timer in room.stage.actor._timers if isinstance(timer[2], kind)]


def test_what_grew_is_asked_for_page_by_page_and_counted_once(room):
    room.feed.attempts(450)
    room.grow()
    assert counted(room) == {"haiku": 450}
    assert [asked.seq for asked in room.only(OutcomesAfter)] == [0, 200, 400]
    room.grow()
    room.give(room.feed.after(300))  # told twice
    assert counted(room) == {"haiku": 450}


def test_what_came_while_it_was_away_is_counted_when_it_is_back(room, tmp_path):
    room.feed.attempts(10)
    room.grow()
    room.feed.attempts(7)
    again = room.restart()
    again.give(ActorStarted(path=paths.OUTCOMES, incarnation=1))
    assert counted(again) == {"haiku": 17}
    room.stage = again.stage  # that the fixture closes


def test_the_cursor_and_the_counts_are_one_commit(room):
    room.feed.attempts(5)
    store = room.stage.actor.store
    store.begin(durable=False)
    room.grow()
    store.rollback()
    room.stage.actor.on_rollback()
    assert counted(room) == {}
    room.grow()
    assert counted(room) == {"haiku": 5}


def test_while_outcomes_is_parked_the_status_says_so_and_a_look_goes_on_with_what_is_known(room):
    room.stage.actor._degrade("kept as x", "look at it")  # as after a damaged file
    room.away = {"OutcomesAfter"}
    assert room.look().new
    assert room.stage.cell.reason == "outcomes does not answer: parked"
    room.away = set()
    room.give(ActorStarted(path=paths.OUTCOMES, incarnation=2))
    assert room.stage.cell.reason == "kept as x"


def test_without_an_orchestrator_it_says_so_and_turns_nothing(room):
    room.feed.attempts(80)
    room.feed.faults(20, "rate")
    room.away = {"KnobsWanted"}
    report = room.look().report
    assert report["why"] == "the orchestrator does not answer: parked"
    room.away = set()
    assert room.look().report["adjustment"]["knob"] == "slots.haiku"


def test_the_same_evidence_is_concluded_from_once(room):
    room.feed.attempts(5)
    for _ in range(20):
        room.feed.add(provider="haiku", end="rejected", result="failure")
    first = room.look()
    assert first.new
    before = room.rows("select * from adjustments"), room.rows("select * from told")
    asked = len(room.only(Propose)), len(room.only(StoreMemories))
    room.later(0.5)
    second = room.look()
    assert (second.new, second.id) == (False, first.id)
    assert second.report["since_ms"] == first.report["at_ms"]
    assert second.report["findings"] == first.report["findings"]
    assert before == (room.rows("select * from adjustments"), room.rows("select * from told"))
    assert asked == (len(room.only(Propose)), len(room.only(StoreMemories)))
    room.feed.attempts(1)
    assert room.look().new


def test_a_restart_of_any_actor_is_new_evidence(room):
    assert room.look().new
    assert not room.look().new
    cell = room.stage.directory.cell("atlas/work/x")
    cell.restarts = 3
    cell.set_state("running")
    found = room.look()
    assert found.new
    assert [one["what"] for one in found.report["findings"]] == ["restarting"]


def test_restarts_are_counted_once_and_each_daemons_anew(room):
    cell = room.stage.directory.cell("atlas/work/x")
    for restarts, seen in ((2, 2), (2, 2), (5, 5)):
        cell.restarts = restarts
        room.give(ActorsDue())
        (row,) = room.rows("select tally from hours where part = 'work/x'")
        assert json.loads(row["tally"])["faults"] == {"restarts": seen}
    room.stage.actor._epoch = 2
    cell.restarts = 1
    room.give(ActorsDue())
    (row,) = room.rows("select tally from hours where part = 'work/x'")
    assert json.loads(row["tally"])["faults"] == {"restarts": 6}


def test_a_weak_part_is_proposed_once_and_remembered_once_with_its_evidence(room):
    for n in range(3):
        for _ in range(20):
            room.feed.add(provider="haiku", end="rejected", result="failure")
        report = room.look().report
        assert len(report["proposed"]) == (n == 0)
        assert len(report["learned"]) == (n == 0)
    (repair,) = room.only(Propose)
    assert (repair.kind, repair.evidence["part"]) == ("repair", "provider haiku")
    (stored,) = room.only(StoreMemories)
    assert (stored.origin, stored.items[0].kind) == ("program", "learning")


def test_what_has_come_right_is_settled_and_would_be_proposed_again(room):
    for _ in range(20):
        room.feed.add(provider="haiku", end="rejected", result="failure")
    room.look()
    room.later(24 * 8)
    room.feed.attempts(20)
    room.look()
    (settled,) = room.only(SubjectSettled)
    assert settled.subject == room.only(Propose)[0].subject
    room.later(24 * 8)
    for _ in range(20):
        room.feed.add(provider="haiku", end="rejected", result="failure")
    assert len(room.look().report["proposed"]) == 1


@pytest.mark.parametrize(("away", "kind"), [("Propose", Propose), ("StoreMemories", StoreMemories)])
def test_who_did_not_answer_is_asked_again_with_new_evidence(room, away, kind):
    for answers in (False, True, True):
        room.away = set() if answers else {away}
        for _ in range(20):
            room.feed.add(provider="haiku", end="rejected", result="failure")
        room.look()
    assert len(room.only(kind)) == 2


def test_to_observe_is_to_change_and_propose_nothing(tmp_path):
    room = Watching(tmp_path, "observe")
    room.feed.faults(20, "rate")
    for _ in range(20):
        room.feed.add(provider="haiku", end="rejected", result="failure")
    report = room.look().report
    assert report["why"].startswith("mode is observe; it would be slots.haiku 4 → 3: ")
    assert {one["what"] for one in report["findings"]} == {"weak"}
    kinds = {type(message) for message in room.asked}
    assert kinds == {OutcomesAfter, KnobsWanted}
    assert room.history() == []
    room.stage.stop()


def test_many_ended_turns_are_one_look_a_while_later(room):
    for _ in range(5):
        room.feed.add(kind="hook", action="Stop")
        room.grow()
    assert timers(room, FeedbackDue).count(FeedbackDue()) == 1
    room.give(FeedbackDue())
    assert len(room.rows("select * from looks")) == 1
    room.feed.add(kind="hook", action="Stop")
    room.grow()
    assert timers(room, FeedbackDue).count(FeedbackDue()) == 2  # the first has gone off


def test_the_hook_that_ends_a_turn_asks_for_a_look(room):
    room.feed.add(kind="hook", action="Edit")
    room.grow()
    assert FeedbackDue() not in timers(room, FeedbackDue)
    room.feed.add(kind="hook", action="Stop")
    room.grow()
    assert FeedbackDue() in timers(room, FeedbackDue)


def test_a_look_at_each_interval(room):
    room.give(FeedbackDue(again=True))
    assert len(room.rows("select * from looks")) == 1
    assert timers(room, FeedbackDue).count(FeedbackDue(again=True)) == 2


def test_an_actor_that_is_not_there_yet_is_looked_for(room):
    missing = ActorDown(path=paths.OUTCOMES, incarnation=0, ending=Ending.CANNOT_START, error="no")
    before = len(room.stage.actor._timers)
    room.give(missing)
    assert len(room.stage.actor._timers) == before + 1


def test_a_refused_batch_leaves_who_asked_waiting_for_the_next_look(room):
    room.away = {"OutcomesAfter"}
    actor = room.stage.actor
    actor._asked.append(Envelope(None, None))
    actor._looking = True
    actor.on_rollback()
    assert not actor._looking
    room.stage.sent()
    assert FeedbackDue() in timers(room, FeedbackDue)
    actor._asked.clear()


def test_who_waits_for_a_look_hears_of_it_when_it_will_not_end(tmp_path):
    room = Watching(tmp_path)
    reply = Reply()
    room.stage.actor.reply_to = reply
    room.stage.give(RunFeedback())  # nobody answers
    room.stage.stop()
    with pytest.raises(Unavailable, match="it ended before the look did"):
        reply.get(0)


def test_parts_are_shown_with_what_is_known_of_them(room, tmp_path):
    room.feed.attempts(40, duration_ms=1_000)
    room.feed.faults(10, "rate")
    room.feed.add(kind="task", provider="haiku", intent="code", strategy="s1", duration_ms=9_000)
    room.grow()
    room.give(HealthDue(), ActorsDue())
    found = health(tmp_path)
    parts = {(part["kind"], part["part"]): part for part in found["parts"]}
    haiku = parts["provider", "haiku"]
    assert (haiku["n"], haiku["success"], haiku["infrastructure"]) == (50, 40, 10)
    assert haiku["faults"] == {"rate": 10}
    assert haiku["p99_ms"] == pytest.approx(1_000, rel=0.1)
    assert {("intent", "code"), ("strategy", "s1"), ("kind", "task")} <= parts.keys()
    assert ("queue", "haiku") not in parts
    assert [actor["name"] for actor in found["actors"]] == ["learning/analytics"]


def test_what_counts_as_now_moves_on(room):
    room.feed.attempts(30)
    room.look()
    room.later(24 * 8)
    room.feed.attempts(12)
    room.look()
    (row,) = room.rows("select * from health where part = 'haiku'")
    assert (row["n"], row["before_judged"]) == (12, 30)
    room.later(24 * 30)
    room.look()
    assert room.rows("select * from health where part = 'haiku'") == []


def test_a_kind_has_room_for_so_many_parts(room):
    for n in range(230):
        room.feed.add(kind="hook", action=f"hook {n}")
    room.grow()
    hooks = counted(room, "hook")
    assert len(hooks) == 201
    assert hooks["(others)"] == 30


def test_what_is_old_goes_and_what_holds_stays(room):
    room.feed.attempts(30)
    room.look()
    room.clock.advance(181 * DAY_MS / 1000)
    room.give(PruneDue())
    assert room.rows("select * from hours") == room.rows("select * from looks") == []


def test_an_adjustment_that_holds_stays_however_old_it_is(tmp_path):
    room = Watching(tmp_path, "act")
    for _ in range(2):
        room.feed.attempts(80)
        room.feed.faults(20, "rate")
        room.look()
        room.later()
        room.feed.attempts(20)
        room.look()
        room.later()
    room.clock.advance(181 * DAY_MS / 1000)
    room.give(PruneDue())
    assert room.history() == [("slots.haiku", 3, 2, "kept")]
    room.restart_orchestrator()
    assert room.board.slots("haiku") == 2
    room.stage.stop()


def test_the_status_is_the_last_look_and_what_is_open(room, tmp_path):
    room.feed.attempts(80)
    room.feed.faults(20, "rate")
    ended = room.look()
    found = status(tmp_path)
    assert (found["mode"], found["last"]["id"]) == ("propose", ended.id)
    assert [one["knob"] for one in found["adjustments"]] == ["slots.haiku"]


def test_an_older_numbering_of_outcomes_asks_for_what_comes_after_ours(room):
    room.feed.attempts(3)
    room.grow()
    room.give(OutcomesGrew(seq=2))
    assert [asked.seq for asked in room.only(OutcomesAfter)] == [0]


def test_retries_that_help_are_told_from_those_that_do_not(room):
    for task, then in (("a", {"end": "answered"}), ("b", {"end": "busy", "fault": "network"})):
        room.feed.faults(1, "network", action=f"{task}/1")
        fields = {"result": "failure", "infrastructure": True} if "fault" in then else {}
        room.feed.add(provider="haiku", action=f"{task}/2", **then, **fields)
    room.feed.faults(1, "network", action="c/1")
    room.feed.attempts(1, provider="local", action="c/2")  # elsewhere is no retry
    room.grow()
    (row,) = room.rows("select tally from hours where kind = 'provider' and part = 'haiku'")
    assert json.loads(row["tally"])["faults"] == {"network": 4, "retried": 2, "retry_helped": 1}


def test_evidence_of_the_hour_in_which_a_knob_was_turned_counts_for_neither_side(room):
    room.stage.actor._controller._mode = "act"
    room.feed.attempts(80)
    room.feed.faults(20, "rate")
    room.look()
    room.feed.attempts(80)
    seen = room.stage.actor._controller.evidence(
        room.stage.actor.store, "slots.haiku", room.clock.now_ms()
    )
    part = Part(kind="provider", name="haiku")
    assert seen(part).n == 0
    room.clock.advance(HOUR_S)
    room.feed.attempts(7)
    room.grow()
    assert seen(part).n == 7


def test_outcomes_that_come_one_by_one_are_asked_for_together(room):
    room.feed.attempts(3)
    for seq in (1, 2, 3):
        room.give(OutcomesGrew(seq=seq))
    assert len(timers(room, CountDue)) == 1
    assert not room.only(OutcomesAfter)
    room.give(CountDue())
    assert counted(room) == {"haiku": 3}
    assert len(room.only(OutcomesAfter)) == 1
    assert len(timers(room, HealthDue)) == 1
    room.feed.attempts(1)
    room.grow()
    assert counted(room) == {"haiku": 4}
    assert len(timers(room, HealthDue)) == 1


def test_a_refused_batch_does_not_keep_what_comes_later_from_being_counted(room):
    room.feed.attempts(2)
    room.stage.actor.dispatch(OutcomesGrew(seq=1))
    room.stage.actor.outbox.clear()  # its timer too
    room.stage.actor.on_rollback()
    room.give(OutcomesGrew(seq=2))
    assert len(timers(room, CountDue)) == 1
