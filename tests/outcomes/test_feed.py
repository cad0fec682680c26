"""The feed of what was recorded and amended: in order, once each, across crashes."""

import pytest

from atlas_actors.errors import Conflict, NotFound, UsageError
from atlas_actors.messages import paths
from atlas_actors.messages.outcome import (
    AmendOutcome,
    OutcomesAfter,
    OutcomesGrew,
    RecordOutcome,
)
from atlas_actors.messages.supervision import ActorDown, ActorStarted, Ending
from atlas_actors.outcomes.actor import Outcomes, TellDue
from atlas_actors.settings import RetentionSettings
from tests.support.stages import Stage


def stage_on(database):
    settings = RetentionSettings(retention_days=1)
    built = Stage(Outcomes, path=paths.OUTCOMES, database=database, settings=settings)
    built.start()
    return built


@pytest.fixture
def stage(tmp_path):
    built = stage_on(tmp_path / "outcomes.db")
    yield built
    built.stop()


def record(stage, action="x", **fields):
    told = {"kind": "hook", "result": "success", **fields}
    return stage.actor.dispatch(RecordOutcome(action=action, **told)).id


def amend(stage, result, verified_by="person", reason="said so", **fields):
    told = AmendOutcome(result=result, verified_by=verified_by, reason=reason, **fields)
    return stage.actor.dispatch(told)


def after(stage, seq=0, limit=200):
    return stage.actor.dispatch(OutcomesAfter(seq=seq, limit=limit))


def feed(stage, seq=0):
    return [(one.action, one.before, one.result) for one in after(stage, seq).outcomes]


def test_an_amendment_comes_after_its_outcome_and_says_what_stood_before(stage):
    id = record(stage, "a", context={"strategy": "s", "intent": "debug"}, verified_by="text")
    record(stage, "b")
    amended = amend(stage, "failure", id=id)
    assert (amended.id, amended.before, amended.changed) == (id, "success", True)
    assert feed(stage) == [
        ("a", None, "success"),
        ("b", None, "success"),
        ("a", "success", "failure"),
    ]
    last = after(stage).outcomes[-1]
    assert (last.context, last.verified_by) == ({"strategy": "s", "intent": "debug"}, "person")


def test_what_stood_is_kept_beside_what_stands(stage):
    id = record(stage)
    amend(stage, "failure", id=id)
    (row,) = stage.actor.store.rows("select result, first_result from inspect_outcomes")
    assert row == {"result": "failure", "first_result": "success"}


def test_the_same_amendment_twice_changes_nothing(stage):
    id = record(stage)
    assert amend(stage, "failure", id=id).changed
    stage.clock.advance(5)
    again = amend(stage, "failure", id=id)
    assert (again.changed, again.before) == (False, "failure")
    assert len(feed(stage)) == 2
    assert len(stage.actor.store.rows("select 1 from inspect_amendments")) == 1


def test_a_person_may_change_their_mind_and_back(stage):
    id = record(stage)
    for result in ("failure", "success", "failure"):
        stage.clock.advance(1)
        assert amend(stage, result, id=id).changed
    assert [before for _, before, _ in feed(stage)] == [None, "success", "failure", "success"]


def test_a_person_is_not_overruled_by_what_is_only_concluded(stage):
    id = record(stage)
    amend(stage, "success", id=id)
    stage.clock.advance(1)
    assert not amend(stage, "failure", "test", id=id).changed
    assert amend(stage, "partial", "person", id=id).changed


def test_another_proof_of_the_same_result_is_told(stage):
    id = record(stage, verified_by="text")
    assert amend(stage, "success", "test", id=id).changed
    assert after(stage).outcomes[-1].verified_by == "test"


def test_an_amendment_by_key_waits_for_its_outcome(stage):
    held = amend(stage, "failure", key="task t/1")
    assert (held.id, held.changed) == (None, False)
    assert feed(stage) == []
    record(stage, "t", key="task t/1")
    record(stage, "t", key="task t/1")
    assert feed(stage) == [("t", None, "success"), ("t", "success", "failure")]


def test_a_fault_of_the_way_is_not_amended(stage):
    id = record(stage, result="failure", infrastructure=True)
    with pytest.raises(Conflict):
        amend(stage, "success", id=id)
    amend(stage, "success", key="task t/1")
    record(stage, "t", result="failure", infrastructure=True, key="task t/1")
    assert [before for _, before, _ in feed(stage)] == [None, None]


def test_an_amendment_of_nothing_is_refused(stage):
    with pytest.raises(NotFound):
        amend(stage, "success", id="none")
    with pytest.raises(UsageError):
        amend(stage, "success")
    with pytest.raises(UsageError):
        amend(stage, "success", id="a", key="b")


def test_a_batch_ends_where_the_next_begins(stage):
    for number in range(5):
        record(stage, str(number))
    first = after(stage, limit=3)
    rest = after(stage, first.upto, limit=3)
    assert ([one.action for one in first.outcomes], first.more) == (["0", "1", "2"], True)
    assert ([one.action for one in rest.outcomes], rest.more) == (["3", "4"], False)
    assert after(stage, rest.upto).outcomes == ()
    assert after(stage, rest.upto).upto == rest.upto


def grew(sent):
    return [message for message in sent if isinstance(message, OutcomesGrew)]


def test_who_runs_is_told_once_a_batch_that_the_feed_has_grown(stage):
    assert grew(stage.give(RecordOutcome(action="x", kind="hook", result="success"))) == []
    told = stage.give(ActorStarted(path=paths.STRATEGIES, incarnation=1))
    assert told == [OutcomesGrew(seq=1)]
    two = [RecordOutcome(action=name, kind="hook", result="success") for name in "ab"]
    assert stage.give(*two) == [OutcomesGrew(seq=3)]
    assert stage.give(OutcomesAfter(seq=0)) == []
    stage.give(ActorStarted(path=paths.ANALYTICS, incarnation=1))
    stage.clock.advance(1)
    assert len(grew(stage.give(*two))) == 2
    stage.give(
        ActorDown(path=paths.STRATEGIES, incarnation=1, ending=Ending.CRASHED, error="x"),
        ActorDown(path=paths.ANALYTICS, incarnation=0, ending=Ending.CANNOT_START, error="absent"),
    )
    assert stage.give(*two) == []


def test_what_comes_right_after_is_told_a_moment_later_and_once_for_all(stage):
    stage.give(ActorStarted(path=paths.STRATEGIES, incarnation=1))
    one = RecordOutcome(action="x", kind="hook", result="success")
    assert grew(stage.give(one)) == [OutcomesGrew(seq=1)]
    assert [grew(stage.give(one)) for _ in range(3)] == [[], [], []]
    assert [timer[2] for timer in stage.actor._timers].count(TellDue()) == 1
    assert grew(stage.give(TellDue())) == [OutcomesGrew(seq=4)]
    stage.clock.advance(1)
    assert grew(stage.give(one)) == [OutcomesGrew(seq=5)]


def test_what_was_to_be_told_soon_is_told_though_the_disk_has_refused_a_batch_since(stage):
    stage.give(ActorStarted(path=paths.STRATEGIES, incarnation=1))
    one = RecordOutcome(action="x", kind="hook", result="success")
    stage.give(one)
    stage.give(one)  # to be told soon
    store = stage.actor.store
    store.begin(durable=True)
    stage.actor.dispatch(one)
    stage.actor.before_commit()
    store.rollback()
    stage.actor.outbox.clear()
    stage.actor.on_rollback()
    assert grew(stage.give(one)) == [OutcomesGrew(seq=3)]


def test_what_had_been_kept_before_there_was_a_feed_is_in_it(tmp_path):
    database = tmp_path / "outcomes.db"
    built = stage_on(database)
    for action in "ab":
        record(built, action)
        built.clock.advance(1)
    store = built.actor.store
    for drop in (
        *("view inspect_outcomes", "view inspect_outcomes_all", "view inspect_amendments"),
        *("view inspect_rates", "view inspect_cost_by_day", "view inspect_cost_today"),
        *("index outcomes_seq", "index outcomes_session", "table amendments", "table feed"),
    ):
        store.run(f"drop {drop}")
    for column in ("seq", "now_result", "now_verified_by"):
        store.run(f"alter table outcomes drop column {column}")
    store.run("pragma user_version=2")
    built.stop()
    built = stage_on(database)
    assert [(one.seq, one.action) for one in after(built).outcomes] == [(1, "a"), (2, "b")]
    record(built, "c")
    assert feed(built, 2) == [("c", None, "success")]
    built.stop()


def test_a_file_that_starts_anew_gives_no_number_that_was_read(tmp_path):
    database = tmp_path / "outcomes.db"
    built = stage_on(database)
    record(built)
    upto = after(built).upto
    built.stop()
    database.write_bytes(b"this is no database" * 1000)
    built = stage_on(database)
    record(built, "anew")
    assert feed(built, upto) == [("anew", None, "success")]
    built.stop()


def test_an_older_copy_of_the_file_gives_no_number_that_was_read(stage):
    record(stage)
    assert after(stage, 70).upto == 70
    record(stage, "next")
    assert feed(stage, 70) == [("next", None, "success")]


def test_retention_takes_amendments_along(stage):
    id = record(stage)
    amend(stage, "failure", id=id)
    amend(stage, "failure", key="never came")
    stage.actor.prune(stage.clock.now_ms() + 1)
    assert stage.actor.store.rows("select 1 from amendments") == []
    assert after(stage, 0).upto == 2
