"""What the tools ask of the daemon, and what a model sees of its answers."""

from typing import Any

import anyio
import attrs
import pytest

from atlas_actors.cli import mcp_calls
from atlas_actors.cli.client import NotRunningError
from atlas_actors.cli.mcp_calls import Caller
from atlas_actors.cli.mcp_serve import told_as
from atlas_actors.cli.mcp_tools import BY_NAME, TOOLS
from atlas_actors.errors import Busy, Conflict, DeadlinePassed, NotFound, Unavailable
from atlas_actors.gateway.methods import METHODS

CALLER = Caller(client="some agent", session="s1", project="/p", in_executor=False)
STORED = {"id": "m1", "result": "created", "quarantined": False}
TASK = {
    "id": "t1", "state": "in_progress", "prompt": "say hi", "lane": "localai", "result": None,
    "error": None, "verified_by": None, "spent_usd": 0.0, "waits_for": "", "workspace": None,
    "created_at_ms": 1, "ended_at_ms": None, "attempts": [{"model": "m"}],
}  # fmt: skip
ROW = {
    "state": "in_progress",
    "provider": "localai",
    "attempt": 1,
    "last_line": "",
    "waits_for": "",
}


class Daemon:
    """Answers each method with what is set; holds calls to the real parameter schemas."""

    def __init__(self, **answers: Any) -> None:
        self.answers = {name.replace("_", ".", 1): value for name, value in answers.items()}
        self.asked: list[tuple[str, dict[str, Any]]] = []

    async def __call__(self, method: str, *, timeout_s: float = 1.0, **params: Any) -> Any:
        assert METHODS[method].validator.problem(params) == ""
        self.asked.append((method, params))
        answer = self.answers[method]
        return answer(params) if callable(answer) else answer


def test_a_memory_is_stored_as_a_programs_word_of_this_project_and_session():
    daemon = Daemon(memory_store={"stored": [STORED]})
    done = anyio.run(mcp_calls.remember, daemon, CALLER, {"text": "x", "because": "y"})
    assert done == {"id": "m1", "result": "created", "waits_for_approval": False, "project": "/p"}
    assert daemon.asked == [
        (
            "memory.store",
            {"items": [{"kind": "learning", "text": "x", "project": "/p", "session": "s1",
                        "source": "mcp: some agent", "rationale": "y"}]},
        )
    ]  # fmt: skip


@pytest.mark.parametrize("changes", [{"project": None}, {}])
def test_a_memory_may_hold_everywhere(changes):
    daemon = Daemon(memory_store={"stored": [STORED]})
    given = {"text": "x", "everywhere": not changes}
    done = anyio.run(mcp_calls.remember, daemon, attrs.evolve(CALLER, **changes), given)
    assert done["project"] is None
    assert "project" not in daemon.asked[0][1]["items"][0]


def test_what_may_not_be_put_before_a_model_is_not_asked_for():
    daemon = Daemon(memory_recall={"items": []})
    anyio.run(mcp_calls.recall, daemon, CALLER, {"query": "x"})
    assert daemon.asked == [
        ("memory.recall", {"query": "x", "k": 8, "injectable": True, "project": "/p"})
    ]


def test_a_task_of_atlas_makes_no_tasks():
    daemon = Daemon()
    inside = attrs.evolve(CALLER, in_executor=True)
    with pytest.raises(Conflict, match="itself a task"):
        anyio.run(mcp_calls.submit_task, daemon, inside, {"prompt": "x"}, None)
    assert daemon.asked == []


def test_a_task_is_submitted_with_no_more_than_a_model_may_say():
    daemon = Daemon(task_submit={"id": "t1", "created": True})
    given = {"prompt": "x", "key": "k", "priority": "low"}
    anyio.run(mcp_calls.submit_task, daemon, CALLER, given, "/p/src")
    assert daemon.asked == [("task.submit", {**given, "cwd": "/p/src"})]
    assert set(BY_NAME["submit_task"].takes["properties"]) == {*given, "directory"}


def follow(states, wait_s, times):
    """Follow a task through these states, at these times of the clock."""
    told: list[tuple[float, float, str]] = []
    ahead = iter(states)
    daemon = Daemon(
        task_get=lambda _: {**TASK, "state": next(ahead)},
        task_wait=lambda _: {**TASK, "state": next(ahead)},
        task_progress={"tasks": [ROW]},
    )

    async def tell(*words: Any) -> None:
        told.append(words)

    seen = anyio.run(
        mcp_calls.follow_task, daemon, {"id": "t1", "wait_s": wait_s}, tell, iter(times).__next__
    )
    return seen, told, daemon


def test_a_task_is_followed_to_its_end_and_progress_is_told():
    seen, told, _ = follow(["pending", "in_progress", "completed"], 30, [0.0, 0.0, 1.0])
    assert seen["state"] == "completed"
    assert told == [(0.0, 30.0, "in progress, by localai, attempt 1"),
                    (1.0, 30.0, "in progress, by localai, attempt 1")]  # fmt: skip


def test_a_task_that_goes_on_is_shown_as_it_is_when_the_time_is_over():
    seen, told, daemon = follow(["pending", "in_progress"], 0.5, [0.0, 0.0, 0.5])
    assert (seen["state"], len(told)) == ("in_progress", 1)
    waited = [params for method, params in daemon.asked if method == "task.wait"]
    assert waited == [{"id": "t1", "timeout_ms": 500}]


def test_a_task_that_has_ended_is_not_waited_for():
    seen, told, _ = follow(["failed"], 30, [0.0])
    assert (seen["state"], told) == ("failed", [])


def test_a_long_result_is_cut_and_says_so():
    seen = mcp_calls.shown({**TASK, "result": "x" * 50_000})
    assert len(seen["result"]) < 40_100
    assert seen["result"].endswith("[10,000 more characters: atlas tasks show]")


def test_changes_in_a_copy_are_the_persons_to_take_over():
    assert "atlas tasks apply" in mcp_calls.shown({**TASK, "workspace": {"path": "/w"}})["changes"]


@pytest.mark.parametrize("tool", TOOLS, ids=lambda tool: tool.name)
def test_every_text_that_a_tool_takes_has_a_limit_and_nothing_else_is_taken(tool):
    assert tool.takes["additionalProperties"] is False
    assert tool.validator.problem({"surprise": 1})
    for schema in tool.takes["properties"].values():
        if schema.get("type") == "string":
            assert schema["maxLength"] <= 50_000
        if schema.get("type") in ("integer", "number"):
            assert schema["maximum"] <= 10_000


def test_tools_that_change_nothing_say_so_and_only_cancelling_destroys():
    assert [tool.name for tool in TOOLS if not tool.reads_only] == [
        "remember", "submit_task", "cancel_task",
    ]  # fmt: skip
    assert [tool.name for tool in TOOLS if tool.destroys] == ["cancel_task"]


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (NotRunningError("none on /h"), "atlas is not running: scripts/serve --detach"),
        (Busy("queue is full", retry_after_ms=1500), "busy: queue is full (again in 1.5 s)"),
        (Unavailable("parked", part="memory"), "degraded (memory): parked"),
        (DeadlinePassed("no answer"), "too slow or stands still: no answer"),
        (NotFound("there is no task x", cure="list_tasks"), "there is no task x (list_tasks)"),
    ],
)
def test_what_goes_wrong_is_said_in_a_line_with_its_cure(error, said):
    assert said in told_as(error)
    assert "\n" not in told_as(error)
