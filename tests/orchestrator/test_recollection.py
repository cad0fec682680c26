"""What memory knows is put before a prompt; nobody waits long for it, and no answer changes."""

import attrs
import pytest

from atlas_actors import notes
from atlas_actors.messages import paths
from atlas_actors.messages.execution import AttemptEnded, CheckRun, End, Request, RunAttempt
from atlas_actors.messages.memory import RateMemories, Recall, Recalled, RecalledItem
from atlas_actors.messages.outcome import RecordOutcome
from atlas_actors.messages.supervision import RequestFailed
from atlas_actors.messages.task import AttemptCancelled, AttemptOver
from atlas_actors.orchestrator.answers import key_of
from atlas_actors.orchestrator.dues import RecallDue
from atlas_actors.orchestrator.recollection import QUERY_CHARACTERS, wanted_of, with_notes
from tests.orchestrator.test_attempts import answered, only, stage_on, started


@pytest.fixture
def stage(tmp_path):
    built = stage_on(tmp_path, recall_tokens=600)
    yield built
    built.stop()


@pytest.fixture
def project(tmp_path):
    (tmp_path / "project" / ".git").mkdir(parents=True)
    return tmp_path / "project"


def item(text="The tests need a running server", id="m-1234567890", **changes):
    fields = {
        "kind": "learning", "score": 0.9, "at_ms": 1_750_000_000_000, "project": "/p",
        "session": None, "speaker": None, "source": None, "tags": (), "origin": "agent",
        "trust": 2, "level": "l2", "why": "", **changes,
    }  # fmt: skip
    return RecalledItem(id=id, text=text, **fields)


def recalled(*items, asked_for="a/1"):
    return Recalled(items=items, level="l2", generation=1, asked_for=asked_for)


def test_what_is_known_is_put_before_the_prompt_as_fenced_notes(stage):
    (asked,) = stage.give(started())
    assert (asked.query, asked.project, asked.injectable) == ("why", "", True)
    (order,) = only(RunAttempt, stage.give(recalled(item())))
    fence, _, rest = order.prompt.rpartition("\n\n")
    assert fence.startswith(f"<{notes.TAG} ")
    assert notes.HEADER in fence
    assert "agent: The tests need a running server" in fence
    assert rest == "why"
    assert order.started.request.prompt == "why"


def test_when_nothing_is_known_the_prompt_is_the_persons_own(stage):
    stage.give(started())
    (order,) = only(RunAttempt, stage.give(recalled()))
    assert order.prompt == "why"


@pytest.mark.parametrize("asked_for", ["b/1", "a/2", ""])
def test_the_answer_of_another_attempt_begins_nothing(stage, asked_for):
    stage.give(started())
    assert stage.give(recalled(item(), asked_for=asked_for)) == []


def test_without_memory_the_work_goes_on_at_once(stage):
    (asked,) = stage.give(started())
    failed = RequestFailed(path=paths.MEMORY, request=asked, error="parked", code=-32003)
    (order,) = only(RunAttempt, stage.give(failed))
    assert order.prompt == "why"


def test_memory_that_is_late_is_not_waited_for_and_its_answer_comes_to_nothing(stage):
    stage.give(started())
    (order,) = only(RunAttempt, stage.give(RecallDue(task_id="a", attempt=1)))
    assert order.prompt == "why"
    assert stage.give(recalled(item()), RecallDue(task_id="a", attempt=1)) == []


def test_the_end_of_the_wait_matters_only_until_memory_has_answered(stage):
    stage.give(started())
    due = RecallDue(task_id="a", attempt=1)
    assert stage.actor.matters(due)
    stage.give(recalled(item()))
    assert not stage.actor.matters(due)


def test_a_task_that_is_cancelled_while_memory_is_asked_never_begins(stage):
    stage.give(started(), AttemptCancelled(task_id="a", attempt=1, lane="cheap"))
    assert only(RunAttempt, stage.give(recalled(item()))) == []


def test_identical_requests_are_done_once_also_while_memory_is_asked(stage):
    sent = stage.give(started("a"), started("b"))
    assert len(only(Recall, sent)) == 1
    stage.give(recalled(item()))
    overs = only(AttemptOver, stage.give(answered(started("a"))))
    assert [over.task_id for over in overs] == ["a", "b"]


def test_notes_are_no_part_of_what_makes_two_requests_the_same():
    request = Request(prompt="why")
    assert with_notes(request, "") is request
    assert key_of(with_notes(request, "notes")) != key_of(request)
    assert key_of(attrs.evolve(request)) == key_of(request)


def test_a_batch_that_the_disk_refused_leaves_who_waits_waiting(stage):
    stage.give(started())
    stage.actor.dispatch(recalled(item()))
    stage.sent()
    stage.actor.on_rollback()
    stage.sent()
    (order,) = only(RunAttempt, stage.give(recalled(item())))
    assert "running server" in order.prompt


def test_an_order_that_the_disk_refused_asks_again(stage):
    stage.actor.dispatch(started())
    stage.sent()
    stage.actor.on_rollback()
    stage.sent()
    assert len(only(Recall, stage.give(started()))) == 1
    assert len(only(RunAttempt, stage.give(recalled(item())))) == 1


def test_in_a_directory_its_project_is_asked(project):
    (project / "src").mkdir()
    wanted = wanted_of(Request(prompt="why", cwd=str(project / "src")), 600)
    assert (wanted.project, wanted.budget_tokens) == (str(project), 600)


@pytest.mark.parametrize(
    "given", [{"schema": {"type": "object"}}, {"match": "42"}, {"check": ("true",)}]
)
def test_an_exact_answer_from_what_is_given_asks_nothing(given):
    assert wanted_of(Request(prompt="extract", **given), 600) is None


def test_a_long_prompt_is_asked_for_by_its_ends():
    wanted = wanted_of(Request(prompt="first " + "x" * 50_000 + " last"), 600)
    assert len(wanted.query) <= QUERY_CHARACTERS + 1
    assert wanted.query.startswith("first ")
    assert wanted.query.endswith(" last")


def test_notes_keep_to_their_tokens(tmp_path):
    stage = stage_on(tmp_path, recall_tokens=150)
    stage.give(started())
    items = [item(f"fact {n} " + "long " * 20, id=f"{n:08}") for n in range(8)]
    (order,) = only(RunAttempt, stage.give(recalled(*items)))
    assert notes.tokens_of(order.prompt.rpartition("\n\n")[0]) <= 150
    assert "fact 0" in order.prompt
    stage.stop()


def test_with_no_tokens_nothing_is_asked(tmp_path):
    stage = stage_on(tmp_path, recall_tokens=0)
    assert only(RunAttempt, stage.give(started()))
    stage.stop()


@pytest.mark.parametrize(("code", "useful"), [(0, True), (1, False)])
def test_its_own_check_says_whether_the_notes_were_of_use(stage, project, code, useful):
    request = Request(prompt="why", cwd=str(project), check=("true",))
    order = started(request=request)
    stage.give(order)
    stage.give(recalled(item(id="m-1"), item("other", id="m-2")))
    sent = stage.give(answered(order, check=CheckRun(code=code, output="")))
    assert only(RateMemories, sent) == [RateMemories(ids=("m-1", "m-2"), useful=useful)]
    (outcome,) = only(RecordOutcome, sent)
    assert (outcome.kind, outcome.result) == ("recall", "success" if useful else "failure")
    assert (outcome.context["memories"], outcome.context["full"]) == (2, False)


def test_notes_that_fill_their_budget_are_told_as_full(stage, project):
    order = started(request=Request(prompt="why", cwd=str(project), check=("true",)))
    stage.give(order)
    stage.give(recalled(*(item(f"{n} words" + " and more" * 60, id=f"m-{n}") for n in range(20))))
    (outcome,) = only(RecordOutcome, stage.give(answered(order, check=CheckRun(code=0, output=""))))
    assert outcome.context["full"]


@pytest.mark.parametrize(
    "end",
    [
        answered,
        lambda order: AttemptEnded(started=order, provider="cheap", end=End.UNREACHABLE, error="x"),
    ],
)
def test_without_a_check_of_its_own_nobody_knows_whether_they_were(stage, end):
    order = started()
    stage.give(order)
    stage.give(recalled(item()))
    assert only(RateMemories, stage.give(end(order))) == []


def test_what_an_attempt_was_told_is_kept_by_id_alone(stage):
    stage.give(started())
    stage.give(recalled(item()))
    row = stage.actor.store.row("select * from inspect_recalled")
    assert (row["task_id"], row["attempt"], row["ids"]) == ("a", 1, '["m-1234567890"]')
