"""What actions came to: kept once, and told again after a crash in between."""

import attrs
import pytest

from atlas_actors.messages import paths
from atlas_actors.messages.execution import End
from atlas_actors.messages.outcome import OutcomesWanted, RecordOutcome
from atlas_actors.messages.supervision import ActorDown, ActorStarted, Ending
from atlas_actors.messages.task import CancelTask, TaskState
from atlas_actors.outcomes.actor import MARGIN_MS, LookForTasks, Outcomes
from atlas_actors.settings import RetentionSettings
from tests.support.queues import Queue, over
from tests.support.stages import Stage


@pytest.fixture
def stage(tmp_path):
    settings = RetentionSettings(retention_days=1)
    built = Stage(
        Outcomes, path=paths.OUTCOMES, database=tmp_path / "outcomes.db", settings=settings
    )
    built.start()
    yield built
    built.stop()


def rows(stage):
    return stage.actor.store.rows("select kind, action, result, verified_by from outcomes")


def test_what_is_told_twice_with_the_same_key_is_kept_once(stage):
    first = RecordOutcome(action="t/1", kind="attempt", result="success", key="attempt t/1")
    ids = {stage.actor.dispatch(first).id for _ in range(3)}
    assert (len(ids), len(rows(stage))) == (1, 1)
    for _ in range(2):
        stage.actor.dispatch(RecordOutcome(action="x", kind="hook", result="success"))
    assert len(rows(stage)) == 3


def test_when_tasks_is_there_it_is_asked_for_what_may_have_been_missed(stage):
    assert stage.give(ActorStarted(path=paths.TASKS, incarnation=1)) == [OutcomesWanted(since_ms=0)]
    stage.actor.dispatch(RecordOutcome(action="x", kind="hook", result="success"))
    (wanted,) = stage.give(ActorStarted(path=paths.TASKS, incarnation=2))
    assert wanted.since_ms == stage.clock.now_ms() - MARGIN_MS


def test_a_clock_that_was_a_year_ahead_hides_nothing_that_was_missed_since(stage):
    stage.actor.dispatch(RecordOutcome(action="x", kind="hook", result="success"))
    kept_ms = stage.clock.now_ms()
    stage.clock.jump(365 * 86_400)
    stage.actor.dispatch(RecordOutcome(action="y", kind="hook", result="success"))
    stage.clock.jump(-365 * 86_400)
    stage.clock.advance(60)
    (wanted,) = stage.give(ActorStarted(path=paths.TASKS, incarnation=2))
    assert wanted.since_ms == kept_ms - MARGIN_MS


@pytest.mark.parametrize(("ago_s", "kept_ago_s"), [(None, 0), (86_400, 86_400), (-60, 0)])
def test_what_is_told_again_later_counts_for_the_day_of_its_end(stage, ago_s, kept_ago_s):
    now_ms = stage.clock.now_ms()
    at_ms = None if ago_s is None else now_ms - ago_s * 1000
    told = RecordOutcome(action="t/1", kind="attempt", result="success", at_ms=at_ms)
    stage.actor.dispatch(told)
    (kept,) = stage.actor.store.rows("select at_ms from outcomes")
    assert kept["at_ms"] == now_ms - kept_ago_s * 1000


def test_tasks_is_looked_for_until_it_is_there(stage):
    missing = ActorDown(path=paths.TASKS, incarnation=0, ending=Ending.CANNOT_START, error="no")
    stage.give(missing)
    assert any(isinstance(timer[2], LookForTasks) for timer in stage.actor._timers)
    crashed = ActorDown(path=paths.TASKS, incarnation=3, ending=Ending.CRASHED, error="x")
    assert stage.give(crashed) == []


def test_q17_what_tasks_tells_again_is_what_it_had_told(tmp_path):
    queue = Queue(tmp_path)
    answered, rejected, cancelled = (queue.begin() for _ in range(3))
    usage = {"provider": "a", "model": "m", "transport": "t", "cost_usd": 0.5}
    queue.batch(over(answered, verified_by="schema", duration_ms=0, **usage))
    failed = {"end": End.REJECTED, "state": TaskState.FAILED}
    queue.batch(over(rejected, duration_ms=0, **failed, **usage))
    queue.ask(CancelTask(id=cancelled))
    told = queue.heard(RecordOutcome)
    assert len(told) == 4
    queue.tell(OutcomesWanted(since_ms=0))
    ended_ms = queue.clock.now_ms()
    assert queue.heard(RecordOutcome) == [attrs.evolve(one, at_ms=ended_ms) for one in told]
    queue.tell(OutcomesWanted(since_ms=queue.clock.now_ms() + 1))
    assert queue.heard(RecordOutcome) == []
    queue.die()
