"""Proposals, driven by hand with a fake clock: what is made, decided, submitted, and how often."""

import attrs
import pytest

from atlas_actors.clock import local_day
from atlas_actors.errors import Busy, Conflict, NotFound, Unavailable, UsageError
from atlas_actors.messages import paths
from atlas_actors.messages.execution import Request
from atlas_actors.messages.proposal import (
    ApproveProposal,
    LookAtProposals,
    Propose,
    ProposedWorkEnded,
    RejectProposal,
    SubjectSettled,
    SubmitDue,
)
from atlas_actors.messages.supervision import RequestFailed
from atlas_actors.messages.task import RetryTask, SubmitTask, TaskAccepted, TaskChanged, TaskState
from atlas_actors.proposals.actor import RETRY_S, UNANSWERED_S, Proposals
from atlas_actors.settings import ProposalSettings, TaskSettings
from atlas_actors.store_actor import PruneDue
from atlas_actors.tasks.actor import Tasks
from tests.support.stages import Stage

SETTINGS = ProposalSettings(per_day=3, approve=(), days=14, retention_days=100)
DAY_S = 86_400


def build(tmp_path, clock=None, **changes):
    """A room on the database of this test; `clock` is that of an earlier one."""
    stage = Stage(
        Proposals,
        path=paths.PROPOSALS,
        database=tmp_path / "proposals.db",
        settings=attrs.evolve(SETTINGS, **changes),
    )
    if clock is not None:
        stage.clock = clock
        stage.actor.place = attrs.evolve(stage.actor.place, clock=clock)
        stage.actor._ids._clock = clock
    return stage


@pytest.fixture
def stage(tmp_path):
    built = build(tmp_path)
    built.start()
    yield built
    built.stop()


def proposal(mark="a", **fields):
    return Propose(**{"kind": "check", "title": "mend it", "prompt": "mend it now",
                      "fingerprint": mark, **fields})  # fmt: skip


def propose(stage, mark="a", **fields):
    return stage.actor.dispatch(proposal(mark, **fields))


def row(stage, id):
    return stage.actor.store.row("select * from proposals where id = ?", (id,))


def orders(sent):
    return [message for message in sent if isinstance(message, SubmitTask | RetryTask)]


def approve(stage, id):
    return orders(stage.give(ApproveProposal(id=id)))


def accept(stage, order, task_id="t1"):
    return stage.give(TaskAccepted(id=task_id, created=True, key=order.key))


def done(stage, mark="a", task_id="t1", **fields):
    """A proposal whose task has ended."""
    id = propose(stage, mark, **fields).id
    (order,) = approve(stage, id)
    accept(stage, order, task_id)
    stage.give(ProposedWorkEnded(tasks=((task_id, "completed"),)))
    assert row(stage, id)["state"] == "done"
    return id


def test_nothing_is_submitted_before_it_is_approved(stage):
    made = propose(stage)
    assert made.state == "proposed"
    assert orders(stage.give(LookAtProposals())) == []


def test_an_approved_proposal_becomes_one_task_that_says_where_it_is_from(stage):
    id = propose(stage, cwd="/p", check=("pytest", "-q"), handoff_id="h").id
    (order,) = approve(stage, id)
    assert order == SubmitTask(
        request=Request(prompt="mend it now", cwd="/p", check=("pytest", "-q")),
        key=f"proposal:{id}", priority="low", group="generated", origin="generated",
        handoff_id="h",
    )  # fmt: skip
    accept(stage, order)
    assert (row(stage, id)["state"], row(stage, id)["task_id"]) == ("submitted", "t1")
    stage.clock.advance(UNANSWERED_S * 2)
    assert orders(stage.give(LookAtProposals())) == []


@pytest.mark.parametrize("decision", [None, ApproveProposal, RejectProposal])
def test_what_is_open_approved_or_rejected_is_not_proposed_again(stage, decision):
    id = propose(stage).id
    if decision is not None:
        stage.give(decision(id=id))
    again = propose(stage, evidence={"new": 1})
    assert (again.id, again.state) == (None, None)
    assert id in again.why
    assert propose(stage, "b").id is not None


def test_what_was_done_is_proposed_again_only_when_its_evidence_is_new(stage):
    done(stage, evidence={"line": 1}, evidence_key="x")
    assert propose(stage, evidence={"line": 2}, evidence_key="x").id is None
    assert propose(stage, evidence={"line": 2}, evidence_key="y").id is not None


def test_without_a_key_the_evidence_itself_says_whether_it_is_new(stage):
    done(stage, evidence={"a": 1, "b": 2})
    assert propose(stage, evidence={"b": 2, "a": 1}).id is None
    assert propose(stage, evidence={"b": 3, "a": 1}).id is not None


def test_work_under_way_is_not_proposed_again_however_new_its_evidence(stage):
    (order,) = approve(stage, propose(stage).id)
    accept(stage, order)
    assert propose(stage, evidence={"new": 1}).id is None


def test_of_a_subject_there_is_one_and_it_says_what_is_the_case_now(stage):
    first = propose(stage, "a", subject="s", evidence={"n": 1})
    second = propose(stage, "b", subject="s", evidence={"n": 2}, title="mend the other")
    assert second.id == first.id
    assert (row(stage, first.id)["title"], row(stage, first.id)["fingerprint"]) == (
        "mend the other", "b",
    )  # fmt: skip
    assert propose(stage, "c", subject="other").id != first.id
    approve(stage, first.id)
    assert propose(stage, "d", subject="s").id is None


def test_a_settled_subject_expires_what_is_open_of_it_and_lets_what_was_done_come_back(stage):
    old = done(stage, "a", subject="s")
    assert propose(stage, "a", subject="s").id is None
    open_one = propose(stage, "b", subject="s").id
    assert stage.actor.dispatch(SubjectSettled(subject="s")).expired == 1
    assert row(stage, open_one)["state"] == "expired"
    again = propose(stage, "a", subject="s")
    assert again.id not in (None, old)


def test_a_day_has_its_limit_also_after_restarts_and_the_next_has_its_own(tmp_path):
    first = build(tmp_path)
    first.start()
    assert [propose(first, mark).id is None for mark in "ab"] == [False, False]
    first.stop()
    second = build(tmp_path, first.clock)
    second.start()
    assert propose(second, "c").id is not None
    over = propose(second, "d")
    assert (over.id, over.full) == (None, True)
    assert "3 were proposed today" in over.why
    second.clock.advance(DAY_S)
    assert local_day(second.clock.now_ms()) != local_day(first.clock.now_ms() - DAY_S * 1000)
    assert propose(second, "d").id is not None
    second.stop()


def test_what_changes_its_open_proposal_uses_nothing_of_the_day(stage):
    for n in range(10):
        assert propose(stage, f"m{n}", subject="s").id is not None
    assert propose(stage, "other").id is not None


def test_what_was_generated_does_not_generate(stage):
    refused = [propose(stage, from_task="t9", from_origin="generated") for _ in range(3)]
    assert [one.id for one in refused] == [None, None, None]
    assert "task t9, which was generated itself" in refused[0].why
    (counted,) = stage.actor.store.rows("select * from inspect_refusals")
    assert (counted["reason"], counted["count"], counted["from_task"]) == ("generated", 3, "t9")


@pytest.mark.parametrize("origin", [None, "person", "schedule", "handoff", "import"])
def test_what_comes_from_any_other_work_is_proposed(stage, origin):
    assert propose(stage, from_task="t9", from_origin=origin).id is not None


def test_a_kind_that_the_settings_allow_needs_no_approval(tmp_path):
    stage = build(tmp_path, approve=("todo",))
    stage.start()
    assert propose(stage, "a", kind="check").state == "proposed"
    assert orders(stage.give()) == []
    made = propose(stage, "b", kind="todo")
    (order,) = orders(stage.give())
    assert (made.state, order.key) == ("approved", f"proposal:{made.id}")
    assert row(stage, made.id)["approved_by"] == "settings"
    stage.stop()


def test_a_kill_between_approval_and_submission_still_makes_exactly_one_task(tmp_path):
    tasks = Stage(
        Tasks, path=paths.TASKS, database=tmp_path / "tasks.db", epoch=1,
        settings=TaskSettings(
            pending_max=9, attempts_max=1, interruptions_max=1, retention_days=1
        ),
    )  # fmt: skip
    tasks.start()
    first = build(tmp_path)
    first.start()
    id = propose(first).id
    (order,) = approve(first, id)
    first.stop()  # killed before the request left, or before its answer was recorded
    unheard = tasks.actor.dispatch(order)
    second = build(tmp_path, first.clock)
    (again,) = orders(second.start())
    answer = tasks.actor.dispatch(again)
    assert (answer.id, answer.created, answer.key) == (unheard.id, False, f"proposal:{id}")
    second.give(answer)
    assert row(second, id)["task_id"] == unheard.id
    second.stop()
    third = build(tmp_path, first.clock)
    assert orders(third.start()) == []
    third.stop()
    tasks.stop()


@pytest.mark.parametrize("code", [Busy.code, Unavailable.code, NotFound.code, 0])
def test_a_refused_submission_is_tried_again_later_and_at_each_look(stage, code):
    id = propose(stage).id
    (order,) = approve(stage, id)
    full = RequestFailed(path=paths.TASKS, request=order, error="full", code=code)
    assert orders(stage.give(full)) == []
    assert row(stage, id)["error"] == "full"
    assert stage.actor._next_timer_s() == RETRY_S
    assert orders(stage.give(SubmitDue())) == [order]
    assert orders(stage.give(LookAtProposals())) == []  # it is under way
    stage.give(full)
    assert orders(stage.give(LookAtProposals())) == [order]


def test_an_unanswered_submission_is_requested_again_under_the_same_key(stage):
    (order,) = approve(stage, propose(stage).id)
    stage.clock.advance(UNANSWERED_S - 1)
    assert orders(stage.give(LookAtProposals())) == []
    stage.clock.advance(1)
    assert orders(stage.give(LookAtProposals())) == [order]


@pytest.mark.parametrize(
    ("fields", "code"), [({}, UsageError.code), ({"retry_task": "t5"}, NotFound.code)]
)
def test_what_tasks_will_never_take_is_given_up_and_says_why(stage, fields, code):
    id = propose(stage, **fields).id
    (order,) = approve(stage, id)
    stage.give(RequestFailed(path=paths.TASKS, request=order, error="no such thing", code=code))
    assert (row(stage, id)["state"], row(stage, id)["reason"]) == ("rejected", "no such thing")


def test_a_tasks_own_handoff_tries_that_task_anew(stage):
    id = propose(stage, kind="handoff", retry_task="t5").id
    assert approve(stage, id) == [RetryTask(id="t5")]
    stage.give(TaskChanged(id="t5", state=TaskState.PENDING))
    assert (row(stage, id)["state"], row(stage, id)["task_id"]) == ("submitted", "t5")


def test_a_task_that_goes_on_already_counts_as_tried_anew(stage):
    id = propose(stage, retry_task="t5").id
    (order,) = approve(stage, id)
    stage.give(
        RequestFailed(path=paths.TASKS, request=order, error="it is pending", code=Conflict.code)
    )
    assert row(stage, id)["state"] == "submitted"


def test_nobody_deciding_for_days_lets_a_proposal_expire_and_it_may_come_back(stage):
    id = propose(stage).id
    stage.clock.advance(14 * DAY_S)
    assert stage.actor.dispatch(LookAtProposals()).expired == 0
    stage.clock.advance(1)
    looked = stage.actor.dispatch(LookAtProposals())
    assert (looked.expired, looked.proposed) == (1, 0)
    assert row(stage, id)["state"] == "expired"
    assert propose(stage).id is not None


def test_a_look_says_what_there_is_and_whose_end_is_not_known(stage):
    propose(stage, "a")
    propose(stage, "b")
    (order,) = approve(stage, propose(stage, "c").id)
    accept(stage, order, "t7")
    looked = stage.actor.dispatch(LookAtProposals())
    assert (looked.proposed, looked.approved, looked.submitted) == (2, 0, 1)
    assert looked.awaited == ("t7",)
    stage.give(ProposedWorkEnded(tasks=(("t7", "failed"),)))
    assert stage.actor.dispatch(LookAtProposals()).awaited == ()


def test_a_decision_is_made_once_but_a_rejection_can_be_taken_back(stage):
    id = propose(stage).id
    stage.actor.dispatch(RejectProposal(id=id, reason="not\nnow"))
    assert row(stage, id)["reason"] == "not now"
    with pytest.raises(Conflict, match="rejected already"):
        stage.actor.dispatch(RejectProposal(id=id))
    approve(stage, id)
    for order in (ApproveProposal(id=id), RejectProposal(id=id)):
        with pytest.raises(Conflict, match="approved already"):
            stage.actor.dispatch(order)
    with pytest.raises(NotFound, match="there is no proposal x"):
        stage.actor.dispatch(ApproveProposal(id="x"))


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"kind": "No Kind"}, "no kind"),
        ({"title": " \n\x1b"}, "needs a title"),
        ({"prompt": " "}, "needs a title, a prompt"),
        ({"prompt": "x" * 200_001}, "the prompt of a proposal has 200001"),
        ({"evidence": {"x": "y" * 20_000}}, "the evidence of a proposal"),
        ({"fingerprint": "x" * 201}, "the fingerprint"),
    ],
)
def test_what_is_too_long_or_says_nothing_is_refused(stage, fields, said):
    with pytest.raises(UsageError, match=said):
        propose(stage, **fields)


def test_a_title_is_one_printable_line_whatever_it_was_made_of(stage):
    id = propose(stage, title="a\nb\x1b[31m\u202ec" + "x" * 300).id
    title = row(stage, id)["title"]
    assert title.startswith("a b [31m c")
    assert title.isprintable()
    assert len(title) == 200


def test_old_ones_that_are_over_are_deleted_and_open_ones_kept(stage):
    over, kept = propose(stage, "a").id, propose(stage, "b").id
    stage.give(RejectProposal(id=over))
    approve(stage, kept)
    stage.clock.advance(101 * DAY_S)
    stage.actor.dispatch(PruneDue())
    assert row(stage, over) is None
    assert row(stage, kept) is not None


def test_a_wrong_clock_expires_no_proposal(stage):
    id = propose(stage).id
    stage.clock.jump(3_653 * DAY_S)
    stage.clock.advance(60)
    looked = stage.actor.dispatch(LookAtProposals())
    assert (looked.proposed, looked.expired) == (1, 0)
    stage.clock.jump(-3_653 * DAY_S)
    assert len(approve(stage, id)) == 1


def test_evidence_is_measured_and_kept_as_it_is_written_not_escaped(stage):
    evidence = {"said": "字" * 6_000}  # 18,000 bytes; 36,000 if it were escaped
    id = propose(stage, evidence=evidence).id
    assert evidence["said"] in row(stage, id)["evidence"]
    assert propose(stage, "odd", evidence={"said": "\ud800"}).id is not None
    with pytest.raises(UsageError, match="the evidence"):
        propose(stage, "long", evidence={"said": "字" * 7_000})
