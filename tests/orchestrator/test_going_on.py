"""Attempts that go on with interrupted work, and executors that say nothing any more."""

import pytest

from atlas_actors.messages import paths
from atlas_actors.messages.execution import (
    AttemptAccepted,
    AttemptEnded,
    AttemptStarted,
    End,
    ExecutorReported,
    Request,
    RunAttempt,
)
from atlas_actors.messages.handoff import Checkpoint, HandoffTaken, TakeHandoff, WorkEnded
from atlas_actors.messages.routing import Route
from atlas_actors.messages.supervision import RequestFailed
from atlas_actors.messages.task import AttemptCancelled, AttemptOver, CloseLane, OpenLane, TaskState
from atlas_actors.orchestrator.actor import LeasesDue, Orchestrator
from atlas_actors.orchestrator.going_on import ASKED_MAX
from atlas_actors.orchestrator.leases import LOOKS_MAX, Leases
from atlas_actors.providers.prices import shipped
from atlas_actors.settings import BudgetSettings, ProviderSettings, RoutingSettings
from tests.support.stages import Stage

ROUTE = Route(
    id="r", layer=1, rule="x", intent="fix", confidence=0.9, abstained=False, tier="quality",
    agent=None, complexity=3, difficulty=0.2, mode="normal", reason="", needs=("text", "workspace"),
    choice=1,  # made already
)  # fmt: skip
PROGRAM = ProviderSettings(
    name="program", transport="claude-cli", tier="quality", model="claude-opus-5-5", retries=0
)
HALF = Checkpoint(goal="mend it", done=("Edit pager.py",))


@pytest.fixture
def stage(tmp_path):
    built = Stage(
        Orchestrator,
        path=paths.ORCHESTRATOR,
        database=tmp_path / "orchestrator.db",
        providers={"program": PROGRAM},
        prices=shipped(),
        budget=BudgetSettings(usd_per_day=9.0, usd_per_task=9.0, when_over="wait"),
        keep_answers_s={},
        interruptions_max=10,
        files=tmp_path / "files",
        settings=RoutingSettings(retention_days=1, tiers=("free", "quality"), capabilities=""),
        jitter=lambda: 0.0,
    )
    built.directory.cell(paths.executor("program"))
    built.start()
    built.give(report())
    yield built
    built.stop()


def report(*in_flight):
    return ExecutorReported(
        provider="program", incarnation=1, state="ready", transport="claude-cli", model="m",
        slots=4, in_flight=in_flight,
    )  # fmt: skip


def started(attempt=2, goes_on=True, cwd="/project"):
    return AttemptStarted(
        task_id="t", attempt=attempt, epoch=1, lane="program", answers_asked=1, attempts_max=3,
        interruptions=0, request=Request(prompt="mend it", cwd=cwd), route=ROUTE, goes_on=goes_on,
    )  # fmt: skip


def only(kind, sent):
    return [message for message in sent if isinstance(message, kind)]


def taken(checkpoint=HALF):
    return HandoffTaken(task_id="t", attempt=2, checkpoint=checkpoint)


def test_q13_an_attempt_after_a_cut_off_one_begins_with_what_that_has_left(stage):
    sent = stage.give(started())
    assert only(TakeHandoff, sent) == [TakeHandoff(task_id="t", attempt=2)]
    assert only(RunAttempt, sent) == []
    (run,) = only(RunAttempt, stage.give(taken()))
    assert (run.handoff, run.writes) == (HALF, True)
    assert only(RunAttempt, stage.give(taken())) == []  # said twice


def test_a_room_of_handoffs_that_does_not_answer_is_asked_again_before_the_work_begins_anew(stage):
    (ask,) = only(TakeHandoff, stage.give(started()))
    failed = RequestFailed(path=paths.HANDOFFS, request=ask, error="parked")
    for _ in range(ASKED_MAX):
        assert only(RunAttempt, stage.give(failed)) == []
        assert only(TakeHandoff, stage.give(ask)) == [ask]  # by its timer
    (run,) = only(RunAttempt, stage.give(failed))
    assert run.handoff is None


def test_a_cancelled_run_of_a_program_leaves_nothing_to_go_on_with(stage):
    stage.give(started(goes_on=False))
    sent = stage.give(AttemptCancelled(task_id="t", attempt=2, lane="program"))
    assert only(WorkEnded, sent) == [WorkEnded(task_id="t")]


@pytest.mark.parametrize("changes", [{"goes_on": False}, {"cwd": None}])
def test_a_fresh_attempt_and_one_of_text_alone_ask_for_nothing(stage, changes):
    sent = stage.give(started(**changes))
    assert (len(only(TakeHandoff, sent)), len(only(RunAttempt, sent))) == (0, 1)


def test_a_task_that_is_cancelled_while_it_waits_for_its_handoff_is_not_run(stage):
    stage.give(started())
    stage.give(AttemptCancelled(task_id="t", attempt=2, lane="program"))
    assert only(RunAttempt, stage.give(taken())) == []


def test_a_batch_that_the_disk_refuses_leaves_the_attempt_waiting_for_its_handoff(stage):
    stage.give(started())
    stage.actor.dispatch(taken())
    stage.actor.outbox.clear()
    stage.actor.on_rollback()
    stage.sent()
    assert len(only(RunAttempt, stage.give(taken()))) == 1  # it is told again


def test_the_end_of_a_programs_work_is_told_to_the_room_of_handoffs(stage):
    order = started(goes_on=False)
    stage.give(order)
    ended = AttemptEnded(
        started=order, provider="program", end=End.ANSWERED, answer="done", finish="stop"
    )
    assert only(WorkEnded, stage.give(ended)) == [WorkEnded(task_id="t")]


def test_a_programs_failed_work_is_not_told_since_it_may_be_gone_on_with(stage):
    order = started(goes_on=False, attempt=99)
    stage.give(order)
    ended = AttemptEnded(started=order, provider="program", end=End.REJECTED, error="no")
    sent = stage.give(ended)
    assert [over.next_state for over in only(AttemptOver, sent)] == [TaskState.FAILED]
    assert only(WorkEnded, sent) == []


def accept(stage):
    stage.give(started(goes_on=False))
    stage.give(AttemptAccepted(task_id="t", attempt=2, provider="program", incarnation=1))


def test_q10_an_executor_that_for_long_does_not_have_an_attempt_has_lost_it(stage):
    accept(stage)
    for _ in range(LOOKS_MAX):
        assert only(AttemptOver, stage.give(LeasesDue(), report())) == []
    (over,) = only(AttemptOver, stage.give(LeasesDue(), report()))
    assert (over.end, over.infrastructure, over.maybe_ran) == (End.UNREACHABLE, True, True)


def test_q10_an_executor_that_is_silent_for_many_looks_has_lost_its_attempts(stage):
    accept(stage)
    for _ in range(LOOKS_MAX):
        assert only(AttemptOver, stage.give(LeasesDue())) == []
    sent = stage.give(LeasesDue())
    assert [over.end for over in only(AttemptOver, sent)] == [End.UNREACHABLE]
    assert [lane.lane for lane in only(CloseLane, sent)] == ["program"]
    assert [lane.lane for lane in only(OpenLane, stage.give(report()))] == ["program"]


def test_q10_one_that_reports_in_between_keeps_them(stage):
    accept(stage)
    for _ in range(3 * LOOKS_MAX):
        assert only(AttemptOver, stage.give(LeasesDue(), report(("t", 2)))) == []


def test_f8_what_is_counted_are_looks_and_not_time():
    leases = Leases()
    assert leases.look(["a"]) == []
    # However long the machine slept in between, this is the second look.
    assert leases.look(["a"]) == []
    assert leases.look([]) == []
    for _ in range(LOOKS_MAX):
        assert leases.look(["a"]) == []
    assert leases.look(["a"]) == ["a"]
