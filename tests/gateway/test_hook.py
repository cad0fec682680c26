"""Hooks: each kind of event is told to sessions and answered in time with what there is."""

import json
import os
import threading

import anyio
import attrs
import pytest

from atlas_actors.clients.adapter import CLIENTS, registered
from atlas_actors.errors import DeadlinePassed, UsageError
from atlas_actors.gateway import brief, hook, hook_road
from atlas_actors.gateway.hook_desk import Touched, TurnOver
from atlas_actors.gateway.hook_hint import questions
from atlas_actors.gateway.hook_line import HookCall
from atlas_actors.gateway.hook_parts import agent_file
from atlas_actors.gateway.methods import method_for
from atlas_actors.gateway.rpc import RpcError
from atlas_actors.messages import paths
from atlas_actors.messages.client import (
    FailedCommand,
    HookAnswered,
    HookHappened,
    HookNoted,
    SessionWanted,
    TurnRouted,
)
from atlas_actors.messages.memory import Recall, Recalled
from atlas_actors.messages.routing import Classify
from atlas_actors.settings import HookRule
from tests.support.hook_rooms import (
    AT_MS,
    Rooms,
    classified,
    payload,
    read,
    remembered,
    shell,
)
from tests.support.trees import WAIT_S

SOON_S = 0.4  # for what answers at once, on a busy machine
FORCE = HookRule(id="no-force", reason="force pushes are for people", tools=("shell",),
                 match="push .*--force")  # fmt: skip


@pytest.fixture
def project(tmp_path):
    folder = tmp_path / "project"
    (folder / ".git").mkdir(parents=True)
    return folder


@pytest.fixture
def rooms(tmp_path):
    return Rooms(tmp_path / "home")


def prompt(text="fix the parser", cwd="/nowhere", **fields):
    return payload("UserPromptSubmit", cwd, prompt=text, **fields)


def test_a_prompt_is_answered_with_the_route_and_what_memory_knows(rooms, project):
    rooms.answers[Recall] = lambda _: Recalled(items=(remembered(),), level="l2", generation=1)
    said = rooms.says(prompt(cwd=project))
    assert said["hookEventName"] == "UserPromptSubmit"
    assert (
        "intent bug_fix, tier quality, complexity 4 of 10, mode normal" in said["additionalContext"]
    )
    assert "the parser needs LANG=C" in said["additionalContext"]


def test_sessions_hears_of_a_prompt_with_its_project_before_its_route(rooms, project):
    rooms.says(prompt(cwd=project))
    (happened,) = rooms.told(HookHappened)
    assert (happened.event.prompt, happened.project) == ("fix the parser", str(project))
    assert happened.request
    (routed,) = rooms.told(TurnRouted)
    assert (routed.session, routed.intent, routed.tier) == ("s1", "bug_fix", "quality")
    order = [type(message) for _, message in rooms.asked]
    assert order.index(HookHappened) < order.index(TurnRouted)


@pytest.mark.parametrize(
    ("answered", "expected"),
    [
        (classified(abstained=True), b""),
        (classified(intent="chat"), b""),
        (classified(intent="continue"), b""),
    ],
)
def test_a_prompt_of_which_nothing_is_known_gets_nothing(rooms, project, answered, expected):
    rooms.answers[Classify] = lambda _: answered
    assert rooms.prints(prompt(cwd=project)) == expected


def test_a_small_talk_prompt_gets_no_memories_either(rooms, project):
    rooms.answers[Classify] = lambda _: classified(intent="chat")
    rooms.answers[Recall] = lambda _: Recalled(items=(remembered(),), level="l2", generation=1)
    assert rooms.prints(prompt("thanks!", cwd=project)) == b""


def test_memories_are_told_where_the_router_abstains(rooms, project):
    rooms.answers[Classify] = lambda _: classified(abstained=True)
    rooms.answers[Recall] = lambda _: Recalled(items=(remembered(),), level="l2", generation=1)
    context = rooms.says(prompt(cwd=project))["additionalContext"]
    assert "LANG=C" in context
    assert "intent" not in context


def test_an_agent_is_named_when_its_file_is_there(rooms, project):
    rooms.answers[Classify] = lambda _: classified(agent="test-runner")
    assert "test-runner" not in rooms.says(prompt(cwd=project))["additionalContext"]
    (project / ".claude/agents").mkdir(parents=True)
    (project / ".claude/agents/test-runner.md").write_text("---\nname: test-runner\n---\n")
    said = rooms.says(prompt(cwd=project))["additionalContext"]
    assert "`test-runner` fits it (.claude/agents/test-runner.md)" in said
    (project / "AGENTS.md").write_text("# Agents\n- `test-runner`: runs tests\n")
    said = rooms.says(prompt(cwd=project), client="codex")["additionalContext"]
    assert "`test-runner` fits it (AGENTS.md)" in said


def test_a_pipe_in_place_of_the_list_of_agents_is_not_waited_for(rooms, project):
    os.mkfifo(project / "AGENTS.md")
    assert agent_file("codex", project, "test-runner") == ""


def test_a_subagent_s_prompt_gets_nothing_but_is_told(rooms, project):
    assert rooms.prints(prompt(cwd=project, agent_id="a1")) == b""
    assert rooms.told(Classify) == []
    assert len(rooms.told(HookHappened)) == 1


def test_a_prompt_that_is_private_as_a_whole_is_told_nobody(rooms, project):
    assert rooms.prints(prompt("<private>the codename is Heron</private>", project)) == b""
    assert rooms.asked == []


@pytest.mark.slow
def test_what_has_not_come_in_time_is_left_out_and_named(rooms, project):
    rooms.silent.add(Recall)
    rooms.door.hooks.settings = attrs.evolve(rooms.door.hooks.settings, answer_s=SOON_S)
    assert "intent bug_fix" in rooms.says(prompt(cwd=project))["additionalContext"]
    (answered,) = rooms.door.hooks.afterwards.take()
    assert answered.late == ("memory",)


def test_who_is_parked_is_left_out_and_the_rest_is_answered(rooms, project):
    rooms.parked |= {paths.MEMORY, paths.SESSIONS}
    assert "intent bug_fix" in rooms.says(prompt(cwd=project))["additionalContext"]
    rooms.parked.add(paths.ROUTER)
    assert rooms.prints(prompt(cwd=project)) == b""
    _, answered = rooms.door.hooks.afterwards.take()
    assert set(answered.late) == {"route", "memory"}


@pytest.mark.parametrize("said", [prompt(), payload("SessionStart"), read("/a", "/")], ids=str)
def test_sessions_is_not_waited_for_where_it_has_nothing_to_say(rooms, said):
    rooms.silent.add(HookHappened)
    with anyio.from_thread.start_blocking_portal() as portal:
        call = HookCall(
            client="claude", event="", payload=said, deadline_ms=600_000, began_ms=None, fields={}
        )
        portal.start_task_soon(hook.answer_line, rooms.door, call).result(WAIT_S)
    (answered,) = rooms.door.hooks.afterwards.take()
    assert answered.late == ()
    assert len(rooms.told(HookHappened)) == 1


def test_memory_is_asked_all_at_once(rooms, project):
    ask, waiting = rooms.door.ask, []
    all_here: list[anyio.Event] = []

    async def together(path, message, timeout_s):
        if isinstance(message, Recall):
            all_here[:] = all_here or [anyio.Event()]
            waiting.append(message.query)
            if len(waiting) == len(questions(long)):
                all_here[0].set()
            await all_here[0].wait()
        return await ask(path, message, timeout_s)

    rooms.door.ask = together
    rooms.answers[Recall] = lambda _: Recalled(items=(remembered(),), level="l2", generation=1)
    long = "The parser fails where LANG is not set, as I said. What is to be done now? " + "." * 200
    assert len(questions(long)) == 2
    assert "needs LANG=C" in rooms.says(prompt(long, project))["additionalContext"]
    assert waiting == questions(long)


def test_sessions_hears_of_a_prompt_though_a_part_of_its_answer_fails(rooms, project):
    def broken(_):
        raise ZeroDivisionError

    rooms.answers[Recall] = broken
    assert rooms.prints(prompt(cwd=project)) == b""
    assert rooms.door.hooks.failed == 1
    assert len(rooms.told(HookHappened)) == 1


def test_a_denied_tool_is_denied_though_every_room_is_parked(rooms):
    rooms.with_rules(FORCE)
    rooms.parked |= {paths.SESSIONS, paths.MEMORY, paths.ORCHESTRATOR, paths.CONTEXT}
    said = rooms.says(shell("git push origin --force"))
    assert said["permissionDecision"] == "deny"
    assert said["permissionDecisionReason"] == (
        "force pushes are for people (the user's rule no-force)"
    )
    assert rooms.prints(shell("git push origin")) == b""


@pytest.mark.slow
def test_a_denied_tool_is_denied_though_redaction_takes_too_long(rooms, monkeypatch):
    rooms.with_rules(FORCE)

    pieces, count = hook_road._piece, iter(range(9))

    async def slow_at_last(*given):
        if next(count) == 1:  # after the event is read
            await anyio.sleep_forever()
        return await pieces(*given)

    monkeypatch.setattr(hook_road, "_piece", slow_at_last)
    rooms.door.hooks.settings = attrs.evolve(rooms.door.hooks.settings, answer_s=SOON_S)
    assert rooms.says(shell("git push --force"))["permissionDecision"] == "deny"
    assert rooms.asked == []
    (answered,) = rooms.door.hooks.afterwards.take()
    assert answered.late == ("redaction",)


def test_rules_that_cannot_be_looked_at_in_time_are_no_answer(rooms, monkeypatch):
    rooms.with_rules(FORCE)
    rooms.door.hooks.settings = attrs.evolve(rooms.door.hooks.settings, answer_s=0.15)
    goes_on = threading.Event()
    monkeypatch.setattr(rooms.door.hooks.rules, "denies", lambda *_: goes_on.wait(WAIT_S))
    with pytest.raises(DeadlinePassed):
        rooms.prints(shell("git push --force"))
    goes_on.set()


def test_a_command_that_failed_here_before_is_told_with_what_worked(rooms, project):
    failed = FailedCommand(command="pytest", times=2, exit_code=1, error="no module named x",
                           last_ms=AT_MS, instead="uv run pytest")  # fmt: skip
    rooms.answers[HookHappened] = lambda _: HookNoted(turn=1, failed_before=(failed,))
    said = rooms.says(shell("pytest", project))
    assert "permissionDecision" not in said
    assert "`pytest` failed in this project 2 times" in said["additionalContext"]
    assert "then `uv run pytest` worked" in said["additionalContext"]
    rooms.with_rules(failures=False)
    assert rooms.prints(shell("pytest", project)) == b""


@pytest.mark.parametrize("event", ["Stop", "SessionEnd", "PreCompact", "Notification", "Elephant"])
def test_what_is_only_kept_is_answered_with_nothing(rooms, project, event):
    assert rooms.prints(payload(event, project, zebra={"a": 1})) == b""
    (happened,) = rooms.told(HookHappened)
    assert happened.event.event == event
    assert happened.event.unknown == {"zebra": {"a": 1}}


@pytest.fixture
def codex_ran(tmp_path):
    """A command that failed in Codex, whose record alone says so."""
    folder = tmp_path / ".codex" / "sessions"
    folder.mkdir(parents=True)
    record = folder / "rollout-1.jsonl"
    said = {
        **shell("make password=Tr0ub4dor-9931", event="PostToolUse"),
        "tool_response": "",
        "transcript_path": str(record),
    }
    item = {"type": "CommandExecution", "id": said["tool_use_id"], "exit_code": 2}
    record.write_text(json.dumps({"payload": {"item": item}}) + "\n")
    return said


def test_the_exit_code_of_a_command_of_codex_comes_from_its_record(rooms, codex_ran):
    assert rooms.prints(codex_ran, client="codex") == b""
    (happened,) = rooms.told(HookHappened)
    tool = happened.event.tool
    assert (tool.exit_code, tool.failed) == (2, True)
    assert "Tr0ub4dor" not in tool.command


def test_a_record_on_a_disk_that_hangs_is_not_waited_for(rooms, codex_ran, monkeypatch):
    released = threading.Event()
    monkeypatch.setattr(hook_road, "RECORD_S", 0.01)
    monkeypatch.setattr(hook_road, "with_exit_code", lambda event: released.wait(WAIT_S) and event)
    try:
        rooms.prints(codex_ran, client="codex")
        assert not released.is_set()
    finally:
        released.set()
    (happened,) = rooms.told(HookHappened)
    assert happened.event.tool.exit_code is None


def test_what_is_only_kept_does_not_wait_for_a_room_that_hangs(rooms, monkeypatch):
    monkeypatch.setattr(hook_road, "KEPT_S", 0.0)
    rooms.silent.add(HookHappened)
    assert rooms.prints(payload("SessionEnd", reason="other")) == b""


@pytest.mark.parametrize(
    ("event", "learns"),
    [("Stop", True), ("PreCompact", True), ("SessionEnd", True), ("Notification", False)],
)
def test_a_transcript_is_read_after_a_turn_a_compaction_or_a_session(rooms, event, learns):
    rooms.prints(payload(event))
    assert rooms.door.hooks.learning._wished.is_set() == learns


def test_a_session_s_start_is_answered_with_the_brief_within_the_clients_limit(
    rooms, project, monkeypatch
):
    asked = []

    def brief_of(state, directory, tokens):
        asked.append((directory, tokens))
        return {"text": "the brief"}

    monkeypatch.setattr("atlas_actors.gateway.hook_parts.brief_of", brief_of)
    rooms.door.brief_tokens = 100_000
    start = payload("SessionStart", project / "deeper", source="startup")
    assert rooms.prints(start) == b""  # there is no such directory
    (project / "deeper").mkdir()
    rooms.door.hooks.places._known.clear()
    assert rooms.says(start)["additionalContext"] == "the brief"
    assert asked == [(str(project), 2_300)]
    assert brief.brief_of is not brief_of


def test_the_status_line_has_tier_context_and_cost(rooms):
    said = {
        "session_id": "s1",
        "model": {"id": "m", "display_name": "Opus"},
        "cost": {"total_cost_usd": 0.12},
        "context_window": {"used_percentage": 41, "context_window_size": 1_000_000},
    }
    line = rooms.prints(said, event="StatusLine").decode()
    assert line.startswith("atlas cheap · ")
    assert "41 % of 1M · $0.12 here" in line
    (wanted,) = rooms.told(SessionWanted)
    assert wanted.session == "s1"
    (happened,) = rooms.told(HookHappened)
    assert happened.event.use.cost_usd == 0.12


def test_files_that_a_tool_has_read_go_to_context_with_the_session_s_turn(rooms, project):
    rooms.answers[HookHappened] = lambda _: HookNoted(turn=7)
    rooms.prints(read(project / "a.py", project, event="PostToolUse"))
    rooms.prints(read(project / "b.py", project))  # it has not been read yet
    rooms.prints(payload("Stop", project))
    later = [one for one in rooms.door.hooks.afterwards.take() if not isinstance(one, HookAnswered)]
    touched, over = later
    assert isinstance(touched, Touched)
    assert (touched.root, touched.turn) == (str(project), 7)
    assert [file.path for file in touched.files] == [str(project / "a.py")]
    assert over == TurnOver(root=str(project), session="s1")


def test_an_unknown_client_is_refused(rooms):
    with pytest.raises(UsageError):
        rooms.prints(payload("Stop"), client="elephant")
    with pytest.raises(UsageError):
        rooms.prints([1])


def test_a_fault_of_ours_is_answered_with_nothing_and_counted(rooms, monkeypatch):
    def broken(_):
        raise ZeroDivisionError

    rooms.answers[HookHappened] = broken
    assert rooms.prints(shell("ls")) == b""
    assert rooms.door.hooks.failed == 1


def test_a_fault_of_ours_leaves_a_denial(rooms, monkeypatch):
    rooms.with_rules(FORCE)

    def broken(*_):
        raise ZeroDivisionError

    monkeypatch.setattr(hook_road, "clean_event", broken)
    assert rooms.says(shell("git push --force"))["permissionDecision"] == "deny"


def test_what_the_environment_says_stands_in_for_what_the_payload_does_not(rooms, project):
    fields = {"CLAUDE_PROJECT_DIR": str(project), "CLAUDE_CODE_SESSION_ID": "from-env"}
    rooms.prints({"hook_event_name": "Stop"}, **fields)
    (happened,) = rooms.told(HookHappened)
    assert (happened.event.session, happened.project) == ("from-env", str(project))


@pytest.mark.parametrize(
    ("began_ms", "now_ms", "spent_ms"),
    [(None, 5_000, 0), (4_900, 5_000, 100), (9_000, 5_000, 0), (1, 5_000, 1_000)],
)
def test_what_a_hook_has_waited_already_is_never_more_than_it_would(began_ms, now_ms, spent_ms):
    call = HookCall(client="claude", event="", payload={}, deadline_ms=1_000, began_ms=began_ms,
                    fields={})  # fmt: skip
    assert hook.spent_before(call, now_ms) == spent_ms


def test_hook_event_gives_the_bytes_that_the_hook_prints(rooms, project):
    params = {"client": "claude", "payload": prompt(cwd=project)}
    method_for("hook.event", params)
    answer = anyio.run(hook.answer, rooms.door, "hook.event", params)
    assert (
        "intent bug_fix" in json.loads(answer["answer"])["hookSpecificOutput"]["additionalContext"]
    )


@pytest.mark.parametrize("params", [{}, {"client": "claude"}, {"client": "claude", "payload": []}])
def test_hook_event_takes_a_client_and_an_object(params):
    with pytest.raises(RpcError):
        method_for("hook.event", params)


def told(said, client="claude", is_told=True):
    return HookCall(
        client=client, event="", payload=said, deadline_ms=1_000, began_ms=1, fields={},
        told=is_told,
    )  # fmt: skip


@pytest.mark.parametrize("client", CLIENTS)
def test_no_event_that_is_only_told_would_be_answered(rooms, project, client):
    rooms.answers[Recall] = lambda _: Recalled(items=(remembered(),), level="l2", generation=1)
    rooms.with_rules(HookRule(id="all", reason="nothing may run", tools=("shell",)))
    for row in registered(client):
        said = shell("ls", project, row.event) | {"prompt": "fix it", "source": "startup"}
        answered = rooms.prints(said, client)
        assert not (row.told and answered), row.event


def test_a_told_event_that_comes_late_is_kept_all_the_same(rooms, project):
    said = shell("ls", project, "PostToolUse") | {"tool_response": {"stdout": "x" * 100_000}}
    assert anyio.run(hook.answer_line, rooms.door, told(said)) == b""
    (happened,) = rooms.told(HookHappened)
    assert happened.event.tool.command == "ls"
    (answered,) = [one for one in rooms.door.hooks.afterwards.take() if type(one) is HookAnswered]
    assert (answered.late, answered.took_us) == ((), 1_000_000)  # as long as it would have waited


def test_a_sessions_told_events_keep_their_order_and_hold_up_no_other(rooms, project):
    order, file = [], project / "a.py"

    async def run():
        may_go_on = anyio.Event()
        ask = rooms.door.ask

        async def slow(path, message, timeout_s):
            await may_go_on.wait()
            order.append((message.event.session, message.event.kind))
            return await ask(path, message, timeout_s)

        rooms.door.ask = slow  # which turn has touched a file is asked; the rest is told
        rooms.door.tell = lambda _, one: order.append((one.event.session, one.event.kind))
        async with anyio.create_task_group() as group:
            for said in (read(file, project, "PostToolUse"), payload("Stop", project)):
                group.start_soon(hook.answer_line, rooms.door, told(said))
                await anyio.wait_all_tasks_blocked()
            gone = told(payload("UserPromptSubmit", project), is_told=False)  # its time is over
            group.start_soon(hook.answer_line, rooms.door, gone)
            await anyio.wait_all_tasks_blocked()
            await hook.answer_line(rooms.door, told(payload("Stop", project) | {"session_id": "b"}))
            may_go_on.set()

    anyio.run(run)
    assert order == [("b", "stop"), ("s1", "post_tool"), ("s1", "stop"), ("s1", "prompt")]
