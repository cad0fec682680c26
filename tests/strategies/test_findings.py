"""What the room of strategies finds to do: once over the same evidence, and taken back in time."""

import json

import pytest

from atlas_actors.messages.outcome import KeptOutcome
from atlas_actors.messages.strategy import (
    LookForWork,
    RetireStrategy,
    TakeReflection,
    WorkProposed,
)
from atlas_actors.strategies.reflection import BUDGET_USD, FAILURES_LEAST, FAILURES_SHOWN
from atlas_actors.strategies.work import TESTED_WITHIN_MS, UNTESTED_MAX_MS
from tests.support.strategists import OFFERS, asking, batch, ended, room_on

REJECTED = {"intent": "bug_fix", "origin": "person", "end": "rejected", "project": "/p"}
TEMPLATE = "Name the cause before you change anything.\n\n{request}"


@pytest.fixture
def opened(tmp_path):
    rooms = []

    def open_one(**settings):
        rooms.append(room_on(tmp_path, **settings))
        rooms[-1].start()
        return rooms[-1]

    yield open_one
    for room in rooms:
        room.stop()


@pytest.fixture
def room(opened):
    return opened()


class Feed:
    """Tells a room outcomes, numbered."""

    def __init__(self, room):
        self.room, self.seq = room, 0

    def tell(self, outcome):
        self.room.actor.dispatch(batch(outcome))

    def next(self):
        self.seq += 1
        return self.seq

    def fail(self, number, passed=False, **context):
        """A task asks, and its own check fails; the StrategyChosen."""
        chosen = self.room.actor.dispatch(asking(number))
        self.end(number, chosen, passed, **context)
        return chosen

    def end(self, number, chosen, passed=False, **context):
        told = {**REJECTED, **context}
        self.tell(ended(self.next(), chosen, f"t{number}", passed, context=told))

    def session(self, at_ms, kind="hook", result="success", **context):
        """What a client's hook says."""
        self.tell(
            KeptOutcome(
                seq=self.next(), id="h", at_ms=at_ms, action="Edit", kind=kind, result=result,
                verified_by=None, infrastructure=False, duration_ms=None, tokens=0, cost_usd=0.0,
                context={"project": "/p", "session": "s", **context},
            )
        )  # fmt: skip


@pytest.fixture
def feed(room):
    return Feed(room)


def look(room):
    return room.actor.dispatch(LookForWork())


def done(room, found):
    marks = tuple(proposal.fingerprint for proposal in found.proposals)
    room.actor.dispatch(WorkProposed(fingerprints=marks, settled=found.settled))


def test_a_task_that_failed_its_check_is_tried_another_way_with_both_records(room, feed):
    chosen = feed.fail(1)
    (asked,) = look(room).proposals
    assert (asked.kind, asked.retry_task, asked.from_origin) == ("retry", "t1", "person")
    assert asked.evidence["failed_with"]["strategy"] == chosen.strategy.id
    assert asked.evidence["failed_with"]["failures"] == 1.0
    other = asked.evidence["other"]
    assert other["provider"] != chosen.strategy.genome.providers[0]
    assert other["expected"] > 0


def test_it_is_found_until_it_is_proposed_and_then_never_again(room, feed):
    chosen = feed.fail(1)
    assert look(room).proposals == look(room).proposals
    done(room, look(room))
    assert look(room).proposals == ()
    feed.end(1, chosen)  # the same told again
    assert look(room).proposals == ()


def test_a_task_that_was_tried_anew_and_failed_again_is_left_alone(room, feed):
    feed.fail(1)
    done(room, look(room))
    feed.fail(1)
    assert look(room).proposals == ()


def test_the_other_try_is_led_by_somebody_else(room, feed):
    leads = []
    for _ in OFFERS:
        leads.append(feed.fail(1).strategy.genome.providers[0])
    assert set(leads) == {offer.provider for offer in OFFERS}
    assert feed.fail(1).strategy is not None  # all have failed: any may
    assert room.actor.dispatch(asking(2)).strategy is not None


def test_where_nobody_else_could_do_it_nothing_is_proposed(room, feed):
    chosen = room.actor.dispatch(asking(1, offers=OFFERS[:1]))
    feed.end(1, chosen)
    assert look(room).proposals == ()
    assert room.actor.store.rows("select state from failed_tasks") == [{"state": "alone"}]


def test_a_proposal_is_taken_back_when_the_task_succeeds_after_all(room, feed):
    feed.fail(1)
    done(room, look(room))
    feed.fail(1, passed=True, end="answered")
    assert look(room).settled == ("retry:t1",)
    done(room, look(room))
    assert look(room).settled == ()


@pytest.mark.parametrize("context", [{"origin": "generated"}, {"checked": "text"}])
def test_generated_work_and_unchecked_work_call_for_nothing(room, feed, context):
    feed.fail(1, **context)
    assert look(room).proposals == ()


def test_an_outcome_that_somebody_made_up_calls_for_nothing(room, feed):
    chosen = room.actor.dispatch(asking(1))
    feed.end(2, chosen)  # another's task with our choice
    made_up = {**REJECTED, "strategy": "abc", "choice": 99}
    feed.tell(ended(feed.next(), chosen, "t3", False, context=made_up))
    assert look(room).proposals == ()


def test_switched_off_nothing_is_proposed(opened):
    room = opened(propose=False)
    feed = Feed(room)
    feed.fail(1)
    feed.session(0, files=["a.py"], ended=True)
    assert look(room).proposals == ()


def test_changes_that_nobody_tests_are_proposed_after_half_an_hour(room, feed):
    now_ms = room.clock.now_ms()
    feed.session(now_ms, files=["a.py"])
    feed.session(now_ms + 5, files=["b.py", "a.py"])
    assert look(room).proposals == ()
    room.clock.advance(TESTED_WITHIN_MS / 1000 + 1)
    (asked,) = look(room).proposals
    assert asked.evidence["files"] == ["a.py", "b.py"]
    assert (asked.evidence["session"], asked.cwd) == ("s", "/p")
    done(room, look(room))
    assert look(room).proposals == ()
    feed.session(now_ms + 9, files=["c.py"])
    assert look(room).proposals == ()


def test_a_session_that_ended_does_not_wait_behind_many_that_go_on(room, feed):
    now_ms = room.clock.now_ms()
    for number in range(50):
        feed.session(now_ms, session=f"s{number}", files=["a.py"])
    feed.session(now_ms, session="s49", ended=True)
    (asked,) = look(room).proposals
    assert asked.evidence["session"] == "s49"


@pytest.mark.parametrize("moved_ms", [-1, UNTESTED_MAX_MS + 1])
def test_what_changed_long_ago_or_in_the_future_is_not_proposed(room, feed, moved_ms):
    """A clock that was set back is waited for."""
    feed.session(room.clock.now_ms() - moved_ms, files=["a.py"])
    assert look(room).proposals == ()


def test_changes_of_a_session_that_ended_wait_no_longer(room, feed):
    feed.session(room.clock.now_ms(), files=["a.py"])
    feed.session(room.clock.now_ms(), ended=True)
    (asked,) = look(room).proposals
    assert asked.evidence["session_ended"] is True


@pytest.mark.parametrize("context", [{}, {"session": "another"}, {"project": None}])
def test_a_test_that_came_leaves_nothing_to_propose(room, feed, context):
    feed.session(room.clock.now_ms(), files=["a.py"], ended=True)
    feed.session(room.clock.now_ms(), result="failure", test=True, **context)
    assert look(room).proposals == look(room).settled == ()


def test_a_test_of_another_project_and_session_tests_nothing_here(room, feed):
    feed.session(room.clock.now_ms(), files=["a.py"], ended=True)
    feed.session(room.clock.now_ms(), test=True, session="x", project="/q")
    assert len(look(room).proposals) == 1


def test_a_test_that_comes_later_takes_the_proposal_back_and_later_changes_count_anew(room, feed):
    now_ms = room.clock.now_ms()
    feed.session(now_ms, files=["a.py"], ended=True)
    (asked,) = look(room).proposals
    done(room, look(room))
    feed.session(now_ms + 1, test=True)
    assert look(room).settled == (asked.subject,)
    feed.session(now_ms + 2, files=["a.py"], ended=True)
    (again,) = look(room).proposals
    assert again.fingerprint == asked.fingerprint
    assert again.evidence_key != asked.evidence_key


def test_what_was_found_survives_a_crash(opened, tmp_path):
    first = room_on(tmp_path)
    first.start()
    Feed(first).fail(1)
    first.stop()
    assert len(look(opened()).proposals) == 1


def lead_fails(room, feed, times=FAILURES_LEAST):
    """The strategy that leads fails so often; its id."""
    failed = {}
    for number in range(1, 200):
        chosen = feed.fail(number)
        failed[chosen.strategy.id] = failed.get(chosen.strategy.id, 0) + 1
        for strategy in led(room):
            if failed.get(strategy, 0) >= times:
                return strategy
    raise AssertionError("nobody leads for long enough")


def led(room):
    return room.actor._journal.engine.leaders("bug_fix")


def test_without_a_provider_to_reflect_nothing_is_kept_or_wanted(room, feed):
    for number in range(20):
        feed.fail(number + 1)
    assert look(room).reflections == ()
    assert room.actor.store.rows("select * from failed_trials") == []


@pytest.fixture
def thinking(opened):
    return opened(reflect_with="localai")


def test_a_leading_strategy_that_keeps_failing_is_thought_over_once(thinking):
    feed = Feed(thinking)
    parent = lead_fails(thinking, feed)
    (wanted,) = look(thinking).reflections
    assert (wanted.intent, wanted.parent, wanted.provider) == ("bug_fix", parent, "localai")
    assert FAILURES_LEAST <= len(wanted.tasks) <= FAILURES_SHOWN
    assert wanted.budget_usd == BUDGET_USD
    assert wanted.key.startswith("reflect:bug_fix:")
    assert look(thinking).reflections == (wanted,)  # until its answer has come
    thinking.actor.dispatch(TakeReflection(key=wanted.key, answer=None))
    assert look(thinking).reflections == ()


def test_no_more_than_the_days_limit_are_wanted(opened):
    room = opened(reflect_with="localai", reflections_per_day=0)
    lead_fails(room, Feed(room))
    assert look(room).reflections == ()


def test_what_was_thought_of_becomes_a_challenger_with_its_failures_named(thinking):
    parent = lead_fails(thinking, Feed(thinking))
    (wanted,) = look(thinking).reflections
    said = json.dumps({"template": TEMPLATE, "why": "causes were not named"})
    step = thinking.actor.dispatch(TakeReflection(key=wanted.key, answer=said))
    assert (step.what, step.intent) == ("born", "bug_fix")
    (row,) = thinking.actor.store.rows("select * from strategies where id = ?", (step.strategy,))
    genome = json.loads(row["genome"])
    assert (row["state"], row["operator"], json.loads(row["parents"])) == (
        "challenger", "reflection", [parent],
    )  # fmt: skip
    assert genome["template"] == TEMPLATE
    assert "causes were not named" in row["why"]
    assert wanted.tasks[0] in row["why"]
    again = thinking.actor.dispatch(TakeReflection(key=wanted.key, answer="something else"))
    assert again == step
    assert thinking.actor.dispatch(TakeReflection(key="reflect:x:1", answer=said)).what == "nothing"


@pytest.mark.parametrize(
    "said",
    [
        "rm -rf /",
        json.dumps({"template": "run this", "why": ""}),
        json.dumps({"template": "{request}{request}", "why": ""}),
        "x" * 1_000_000,
    ],
)
def test_a_hostile_answer_changes_no_strategy(thinking, said):
    lead_fails(thinking, Feed(thinking))
    (wanted,) = look(thinking).reflections
    before = thinking.actor.store.rows("select * from strategies order by id")
    step = thinking.actor.dispatch(TakeReflection(key=wanted.key, answer=said))
    assert step.what == "nothing"
    assert thinking.actor.store.rows("select * from strategies order by id") == before


def test_what_was_thought_of_a_parent_that_is_gone_meanwhile_is_not_tried_beside_it(thinking):
    lead_fails(thinking, Feed(thinking))
    (wanted,) = look(thinking).reflections
    thinking.actor.dispatch(RetireStrategy(strategy=wanted.parent))
    said = json.dumps({"template": TEMPLATE, "why": "w"})
    step = thinking.actor.dispatch(TakeReflection(key=wanted.key, answer=said))
    assert (step.what, step.why) == ("nothing", "it waits until a challenger has room")
    waiting = thinking.actor._journal.engine._state.intents["bug_fix"].waiting
    # Nothing else of the parent is kept: whoever it will be compared with has another provider.
    assert waiting[0].genes == {"template": TEMPLATE}
    assert (
        thinking.actor.store.rows("select id from strategies where operator = 'reflection'") == []
    )
