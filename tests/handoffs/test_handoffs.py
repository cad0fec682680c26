"""What interrupted work has left: kept while it works, given once, forgotten in time."""

import attrs
import pytest

from atlas_actors.errors import Conflict, NotFound, UsageError
from atlas_actors.handoffs.actor import Handoffs
from atlas_actors.handoffs.checkpoint import LINES_MAX, TEXT_CHARACTERS, after, bounded
from atlas_actors.messages import paths
from atlas_actors.messages.handoff import (
    Checkpoint,
    DropHandoff,
    ReviewHandoffs,
    SaveCheckpoint,
    SaveHandoff,
    Session,
    TakeHandoff,
    WorkEnded,
)
from atlas_actors.settings import HandoffSettings
from atlas_actors.store_actor import PruneDue
from tests.support.stages import Stage

SETTINGS = HandoffSettings(retention_days=7, stale_s=3_600)
HALF = Checkpoint(
    goal="mend the pager",
    done=("Read pager.py", "Edit pager.py"),
    files=("pager.py",),
    sessions=(Session(provider="claude", id="s-1", folder="/w"),),
    last_output="next I run the tests",
)


def build(tmp_path):
    return Stage(
        Handoffs, path=paths.HANDOFFS, database=tmp_path / "handoffs.db", settings=SETTINGS
    )


@pytest.fixture
def stage(tmp_path):
    built = build(tmp_path)
    built.start()
    yield built
    built.stop()


def save(stage, attempt=1, checkpoint=HALF, task_id="t"):
    stage.give(
        SaveCheckpoint(
            task_id=task_id, attempt=attempt, provider="claude", cwd="/w", checkpoint=checkpoint
        )
    )


def take(stage, attempt=2, task_id="t", handoff_id=None):
    ask = TakeHandoff(task_id=task_id, attempt=attempt, handoff_id=handoff_id)
    return stage.actor.dispatch(ask).checkpoint


def states(stage):
    rows = stage.actor.store.rows("select attempt, state from handoffs order by attempt")
    return [(row["attempt"], row["state"]) for row in rows]


def of_client(stage, **changes):
    fields = {"client": "claude-code", "session": "abc", "cwd": "/p", "checkpoint": HALF}
    return stage.actor.dispatch(SaveHandoff(**{**fields, **changes})).id


def test_q13_the_next_attempt_gets_what_the_last_one_has_left(stage):
    save(stage)
    save(stage, checkpoint=attrs.evolve(HALF, done=("Read pager.py", "Bash: pytest")))
    found = take(stage)
    assert found.done == ("Read pager.py", "Edit pager.py", "Bash: pytest")
    assert found.sessions == HALF.sessions
    assert states(stage) == [(1, "consumed"), (2, "open")]


def test_a_handoff_is_consumed_once_and_the_same_attempt_gets_the_same_again(stage):
    save(stage)
    assert take(stage) == take(stage) == HALF
    save(stage, attempt=1)  # a late word of the attempt that was cut off
    assert states(stage) == [(1, "consumed"), (2, "open")]


def test_an_attempt_that_is_cut_off_before_it_came_any_further_loses_nothing(stage):
    save(stage)
    take(stage, attempt=2)
    assert take(stage, attempt=3) == HALF
    assert states(stage) == [(1, "consumed"), (2, "consumed"), (3, "open")]


def test_a_late_first_checkpoint_of_an_older_attempt_is_refused(stage):
    save(stage, attempt=2)
    save(stage, attempt=1)
    assert states(stage) == [(2, "open")]


def test_what_was_given_survives_a_killed_daemon(tmp_path):
    first = build(tmp_path)
    first.start()
    save(first)
    take(first)
    first.actor.store.close()
    again = build(tmp_path)
    again.start()
    assert take(again) == HALF
    again.stop()


def test_a_completed_task_leaves_nothing_and_a_failed_one_does(stage):
    for task_id in ("done", "failed"):
        save(stage, task_id=task_id)
    stage.give(WorkEnded(task_id="done"))
    assert take(stage, task_id="done") is None
    assert take(stage, task_id="failed") == HALF


def test_without_anything_to_go_on_with_the_answer_is_nothing(stage):
    assert take(stage, task_id="unknown") is None
    assert states(stage) == []


def test_a_clients_session_has_one_open_handoff_that_a_task_takes_once(stage):
    first = of_client(stage)
    assert of_client(stage, checkpoint=attrs.evolve(HALF, goal="mend it well")) == first
    assert take(stage, attempt=1, task_id="new", handoff_id=first).goal == "mend it well"
    assert take(stage, attempt=1, task_id="other", handoff_id=first) is None
    assert of_client(stage) != first


def test_a_handoff_that_is_dropped_is_given_to_nobody(stage):
    id = of_client(stage)
    stage.actor.dispatch(DropHandoff(id=id))
    assert take(stage, attempt=1, handoff_id=id) is None
    with pytest.raises(Conflict, match="dropped already"):
        stage.actor.dispatch(DropHandoff(id=id))
    with pytest.raises(NotFound):
        stage.actor.dispatch(DropHandoff(id="nobody"))


def test_one_that_nobody_goes_on_with_is_stale_then_expires_then_is_deleted(stage):
    save(stage)
    assert stage.actor.dispatch(ReviewHandoffs()).stale == ()
    stage.clock.advance(3_601)
    review = stage.actor.dispatch(ReviewHandoffs())
    assert [(one.goal, one.task_id) for one in review.stale] == [("mend the pager", "t")]
    stage.clock.advance(7 * 86_400)
    review = stage.actor.dispatch(ReviewHandoffs())
    assert (review.open, review.expired, review.stale) == (0, 1, ())
    assert take(stage) is None
    stage.clock.advance(8 * 86_400)
    stage.give(PruneDue())
    assert states(stage) == []


def test_a_wrong_clock_makes_no_handoff_stale_or_expired(stage):
    save(stage)
    stage.clock.jump(3_653 * 86_400)
    stage.clock.advance(60)
    review = stage.actor.dispatch(ReviewHandoffs())
    assert (review.open, review.expired, review.stale) == (1, 0, ())
    stage.clock.jump(-3_653 * 86_400)
    assert take(stage) == HALF


def test_a_handoff_needs_a_goal(stage):
    with pytest.raises(UsageError, match="goal"):
        of_client(stage, checkpoint=Checkpoint(goal="  "))


def test_what_is_kept_is_bounded():
    endless = Checkpoint(
        goal="g" * 10**6,
        done=tuple(f"{n} " + "d" * 10_000 for n in range(5_000)),
        files=("f",) * 5_000,
        last_output="o" * 10**6,
    )
    kept = bounded(endless)
    assert (len(kept.goal), len(kept.last_output)) == (TEXT_CHARACTERS, TEXT_CHARACTERS)
    assert len(kept.done) == LINES_MAX
    assert kept.done[-1].startswith("4999 ")


def test_what_was_done_before_is_not_forgotten():
    later = Checkpoint(
        done=("Bash: pytest",), sessions=(Session(provider="codex", id="2", folder="/w"),)
    )
    joined = after(HALF, later)
    assert joined.goal == HALF.goal
    assert joined.done == (*HALF.done, "Bash: pytest")
    assert {session.provider for session in joined.sessions} == {"claude", "codex"}
