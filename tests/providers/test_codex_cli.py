"""Codex as a provider: what is started, and what its lines mean."""

import json
import tomllib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from atlas_actors.messages.execution import End, Fault, Usage
from atlas_actors.providers import codex_cli
from atlas_actors.providers.cli import MARKER, PASSED_ON, Totals
from atlas_actors.providers.wire import WireError
from tests.support.runs import KEY, PRIVATE, PROMPT, job, option, run, shown
from tests.support.streams import json_of

THREAD = {"type": "thread.started", "thread_id": "th-1"}
TURN = {"type": "turn.started"}
RAW = {
    "input_tokens": 2_040,
    "cached_input_tokens": 1_800,
    "cache_write_input_tokens": 40,
    "output_tokens": 34,
    "reasoning_output_tokens": 12,
}
USAGE = Usage(input=200, cache_read=1_800, cache_write=40, output=34, reasoning=12)


def start(key_as=codex_cli.KEY_AS, environment=None, **changes):
    return codex_cli.launch(job(key_as=key_as, **changes), environment or {})


def settings_of(launch):
    """What the -c arguments set, as the client reads them."""
    pairs = zip(launch.arguments, launch.arguments[1:], strict=False)
    given = [value.partition("=") for flag, value in pairs if flag == "-c"]
    return {key: tomllib.loads(f"value = {value}")["value"] for key, _, value in given}


def item(**fields):
    return {"type": "item.completed", "item": {"id": "item_0", **fields}}


def says(text):
    return item(type="agent_message", text=text)


def completed(**usage):
    return {"type": "turn.completed", "usage": {**RAW, **usage}}


def failed(message):
    return {"type": "turn.failed", "error": {"message": message}}


def error(message):
    return {"type": "error", "message": message}


def end_of(*lines, **how):
    return run(codex_cli, THREAD, TURN, *lines, **how)


# What is started.


def test_no_process_list_shows_the_key_or_the_prompt():
    launch = start(base_url="http://127.0.0.1:9", schema={"type": "object"}, writes=True)
    assert KEY not in " ".join(launch.arguments)
    assert PROMPT not in " ".join(launch.arguments)
    assert (launch.arguments[-1], launch.stdin) == ("-", PROMPT)


@pytest.mark.parametrize("name", PRIVATE)
def test_what_the_caller_has_set_is_not_passed_on(name):
    assert "of the caller" not in start(environment={name: "of the caller"}).environment.values()


@pytest.mark.slow
@given(st.dictionaries(st.from_regex(r"\A[A-Z_a-z]{1,12}\Z") | st.sampled_from(PASSED_ON),
                       st.just("of the caller")))  # fmt: skip
def test_only_what_is_on_the_list_is_passed_on(environment):
    launch = start(environment=environment)
    kept = {name for name, value in launch.environment.items() if value == "of the caller"}
    assert kept == set(environment) & set(PASSED_ON)


def test_it_has_a_home_of_its_own_and_our_mark():
    environment = start().environment
    assert (environment["HOME"], environment["CODEX_HOME"]) == ("/own/home", "/own/home")
    assert (environment[MARKER], environment["CODEX_API_KEY"]) == ("1", KEY)
    assert "CODEX_API_KEY" not in start(key="").environment


def test_hooks_are_off_and_nothing_is_kept_or_asked():
    launch = start()
    assert launch.arguments[:2] == ("exec", "--json")
    assert option(launch.arguments, "--disable") == "hooks"
    assert {"--ephemeral", "--skip-git-repo-check"} <= set(launch.arguments)
    assert settings_of(launch)["approval_policy"] == "never"
    assert not [part for part in launch.arguments if "bypass" in part or "danger" in part]


@pytest.mark.parametrize(("writes", "sandbox"), [(False, "read-only"), (True, "workspace-write")])
def test_only_work_that_writes_may_change_files(writes, sandbox):
    launch = start(writes=writes, reads=True, folder="/somewhere", model="gpt")
    assert option(launch.arguments, "-s") == sandbox
    assert option(launch.arguments, "-C") == "/somewhere"
    assert option(launch.arguments, "-m") == "gpt"
    assert option(start(model="").arguments, "-m") is None


def test_a_schema_is_a_file_in_its_scratch():
    launch = start(schema={"type": "object"})
    assert option(launch.arguments, "--output-schema") == "{scratch}/schema.json"
    assert json.loads(launch.files["schema.json"]) == {"type": "object"}
    assert (start().files, option(start().arguments, "--output-schema")) == ({}, None)


@pytest.mark.parametrize("url", ["http://h:9", "http://h:9/", "http://h:9/v1", "http://h:9/v1/"])
def test_a_server_of_the_users_is_spoken_to_with_their_key(url):
    set_to = settings_of(start(base_url=url, key_as="MY_KEY"))
    assert set_to["model_provider"] == "atlas"
    assert set_to["model_providers.atlas.base_url"] == "http://h:9/v1"
    assert set_to["model_providers.atlas.env_key"] == "MY_KEY"
    assert set_to["model_providers.atlas.wire_api"] == "responses"
    assert set_to["model_providers.atlas.request_max_retries"] <= 2
    assert set_to["model_providers.atlas.stream_max_retries"] <= 2


def test_a_server_without_a_key_is_asked_without_one():
    assert "model_providers.atlas.env_key" not in settings_of(start(base_url="http://h", key=""))
    assert "model_provider" not in settings_of(start())


# What its lines mean.


def test_an_answer_is_the_last_message():
    ended = end_of(says("Let me look."), says("Four."), completed())
    assert (ended.end, ended.fault, ended.error) == (End.ANSWERED, None, "")
    assert (ended.answer.text, ended.answer.finish) == ("Four.", "stop")
    assert (ended.answer.usage, ended.cost_usd) == (USAGE, None)


def test_each_message_is_shown_when_it_is_whole():
    reader = codex_cli.run_reader()
    texts = shown(
        reader,
        THREAD,
        item(type="error", message="hidden"),
        item(type="reasoning", text="hidden"),
        item(type="command_execution", command="ls", aggregated_output="hidden", exit_code=0),
        {"type": "item.started", "item": {"type": "agent_message", "text": "hidden"}},
        says("One."),
        item(type="collab_tool_call", tool="spawn_agent", prompt="hidden"),
        says(""),
        says("Two."),
    )
    assert texts == ["One.", "\n\nTwo."]


def test_an_error_item_is_only_a_warning():
    warned = [item(type="error", message="401 unauthorized usage limit waiting for network")]
    assert end_of(*warned, says("Four."), completed()).end is End.ANSWERED


def test_an_error_that_it_got_over_is_only_a_warning():
    lines = [error("Reconnecting... 1/2 (high demand)"), says("Four."), completed()]
    assert end_of(*lines).end is End.ANSWERED


def test_an_error_alone_is_not_the_end_but_its_code_is():
    ended = end_of(error("We’re currently experiencing high demand"), code=1)
    assert (ended.end, ended.fault) == (End.BUSY, Fault.RATE)


@pytest.mark.parametrize(
    ("said", "fault", "end"),
    [
        ("You’ve hit your usage limit. Try again later.", Fault.QUOTA, End.BUSY),
        ("You've hit your usage limit. Try again in 3 days.", Fault.QUOTA, End.BUSY),
        ("Quota exceeded. Check your plan and billing details.", Fault.QUOTA, End.BUSY),
        ("We’re currently experiencing high demand, which may cause errors.", Fault.RATE, End.BUSY),
        ("exceeded retry limit, last status: 429 Too Many Requests", Fault.RATE, End.BUSY),
        ("Rate limit reached for m. Please try again in 7s.", Fault.RATE, End.BUSY),
        ("unexpected status 401 Unauthorized: no", Fault.KEY, End.REFUSED),
        ("unexpected status 403 Forbidden: no", Fault.KEY, End.REFUSED),
        ("Missing environment variable: `MY_KEY`.", Fault.KEY, End.REFUSED),
        ("Codex ran out of room in the model's context window.", Fault.CONTEXT, End.REFUSED),
        ("unexpected status 400 Bad Request: no", Fault.REQUEST, End.REFUSED),
        ("unexpected status 404 Not Found: no such model", Fault.REQUEST, End.REFUSED),
        ("stream disconnected before completion", Fault.SERVER, End.UNREACHABLE),
        ("unexpected status 500 Internal Server Error", Fault.SERVER, End.UNREACHABLE),
        ("", Fault.SERVER, End.UNREACHABLE),
    ],
)
def test_what_its_prose_means(said, fault, end):
    ended = end_of(error("Reconnecting... 1/2"), error(said), failed(said), code=1)
    assert (ended.end, ended.fault) == (end, fault)
    assert (said or "the turn failed") in ended.error


@pytest.mark.parametrize(
    "said",
    [
        "stream disconnected before completion: 4010 bytes were read",
        "failed after 1401 ms",
        "internal error (request id req_a429f400)",
    ],
)
def test_digits_within_other_numbers_are_no_status(said):
    assert end_of(failed(said), code=1).fault is Fault.SERVER


def test_a_failed_turn_is_no_answer_whatever_was_said_before():
    ended = end_of(says("Four."), completed(), failed("high demand"), code=1)
    assert ended.end is End.BUSY


def test_it_is_not_waited_for_while_it_waits_for_a_network():
    with pytest.raises(WireError, match="waiting for network") as caught:
        end_of(says("x"), error("Reconnecting… waiting for network"))
    assert caught.value.fault is Fault.NETWORK


@pytest.mark.parametrize("usage", [{}, dict.fromkeys(RAW, 0), None])
def test_a_turn_without_tokens_was_blocked_though_it_exits_0(usage):
    ended = end_of({"type": "turn.completed", "usage": usage})
    assert (ended.end, ended.fault) == (End.REFUSED, Fault.REQUEST)
    assert "blocked" in ended.error


def test_a_turn_that_added_no_tokens_to_its_thread_was_blocked_too():
    assert end_of(completed(), before=Totals(usage=USAGE)).end is End.REFUSED


@pytest.mark.parametrize("code", [143, -15, -9, 1, 0])
def test_a_run_without_its_turns_end_was_cut_off(code):
    ended = end_of(says("Let me look."), code=code)
    assert (ended.end, ended.fault) == (End.UNREACHABLE, Fault.SERVER)
    assert str(code) in ended.error


def test_what_it_said_at_its_end_is_the_reason():
    words = "Error: Not logged in. Run `codex login`."
    ended = run(codex_cli, code=1, stderr=words)
    assert (ended.end, ended.fault, ended.error) == (End.REFUSED, Fault.KEY, words)


def test_a_completed_turn_of_a_process_that_failed_is_no_answer():
    assert end_of(says("Four."), completed(), code=1).end is End.UNREACHABLE


def test_a_resumed_thread_is_charged_by_the_difference():
    raw = {"input_tokens": 3_000, "cached_input_tokens": 2_500, "output_tokens": 50}
    ended = end_of(says("Five."), completed(**raw), before=Totals(usage=USAGE))
    assert ended.answer.usage == Usage(input=260, cache_read=700, output=16)


def test_a_thread_is_known_by_its_own_word():
    reader = codex_cli.run_reader()
    shown(reader, THREAD, completed())
    assert (reader.session, reader.totals) == ("th-1", Totals(usage=USAGE))


@pytest.mark.parametrize(
    ("raw", "usage"),
    [
        ({}, Usage()),
        ({"input_tokens": 10, "cached_input_tokens": 99}, Usage(cache_read=10)),
        ({"input_tokens": 10, "cached_input_tokens": 6, "cache_write_input_tokens": 6},
         Usage(cache_read=6, cache_write=4)),
        ({"input_tokens": -1, "output_tokens": True, "cached_input_tokens": "9"}, Usage()),
    ],
)  # fmt: skip
def test_tokens_that_make_no_sense_never_count_twice(raw, usage):
    assert codex_cli.usage_of(raw) == usage


KEYS = (
    "type", "item", "text", "usage", "input_tokens", "error", "message", "thread_id", "item.type",
    "agent_message", "turn.completed", "turn.failed", "item.completed", "thread.started",
)  # fmt: skip


@pytest.mark.slow
@given(json_of(*KEYS), st.sampled_from(KEYS), st.integers(-20, 255))
def test_lines_of_any_shape_end_somehow(value, key, code):
    lines = [
        value, {"type": "item.completed", "item": value}, says(value),
        {"type": "turn.failed", "error": value}, {**completed(), key: value},
        {"type": "turn.completed", "usage": value}, b"not json", b"", b"[" * 9_000,
    ]  # fmt: skip
    for some in (lines, [*lines[:3], says("x"), completed()]):
        try:
            end = end_of(*some, code=code)
        except WireError as trouble:
            assert trouble.fault is Fault.NETWORK
            continue
        assert end.error.encode("utf-8") is not None
        assert end.answer.text.encode("utf-8") is not None
        assert (end.end is End.ANSWERED) == (end.error == "" and end.fault is None)


def test_a_turn_that_failed_before_the_model_answered_has_used_nothing():
    assert not end_of(error("high demand"), failed("high demand"), code=1).estimated


def test_what_a_turn_used_that_failed_after_work_is_not_known():
    work = item(type="command_execution", command="ls")
    assert end_of(work, failed("high demand"), code=1).estimated


# How far it has come.


def trail_of(*lines):
    reader = codex_cli.run_reader("/work")
    shown(reader, THREAD, TURN, *lines)
    return reader.trail


def begun(**fields):
    return {"type": "item.started", "item": {"id": "item_0", "status": "in_progress", **fields}}


def ran(command, status="completed"):
    return item(type="command_execution", command=command, status=status)


def changed(*files, status="completed"):
    changes = [{"path": f"/work/{file}", "kind": "add"} for file in files]
    return item(type="file_change", changes=changes, status=status)


@pytest.mark.parametrize(
    ("command", "step"),
    [
        ("/bin/bash -lc 'pytest -q'", "Bash: pytest -q"),
        ("bash -c \"echo 'a b'\"", "Bash: echo 'a b'"),
        ("/bin/bash -lc 'cat <<X\nmuch\nX'", "Bash: cat <<X"),
        ("git commit -m 'x", "Bash: git commit -m 'x"),
        ("ls -l src", "Bash: ls -l src"),
        (None, "Bash:"),
    ],
)
def test_a_command_is_named_without_its_shell(command, step):
    assert trail_of(ran(command)).done == (step,)


def test_files_that_were_changed_are_named_where_the_work_is():
    trail = trail_of(changed("src/a.py", "b.py"))
    assert trail.done == ("Edit src/a.py, b.py",)
    assert trail.files == ("src/a.py", "b.py")


@pytest.mark.parametrize("status", ["failed", "declined"])
def test_a_change_that_was_not_made_is_not_named_as_one(status):
    trail = trail_of(changed("a.py", status=status))
    assert (trail.done, trail.files) == (("Edit a.py (failed)",), ())


def test_a_step_that_was_cut_says_so_and_one_that_ended_is_there_once():
    start_ = begun(type="command_execution", command="make")
    assert trail_of(start_).done == ("Bash: make (begun, its end is not known)",)
    assert trail_of(start_, ran("make")).done == ("Bash: make",)


def test_the_open_items_of_its_list_are_the_next_steps():
    items = [{"text": "write", "completed": True}, {"text": "test", "completed": False}]
    assert trail_of(begun(type="todo_list", items=items)).next_steps == ("test",)


def test_the_last_message_is_kept():
    assert trail_of(says("First."), says("Second.")).said == "Second."


# What its transcript says.

CALLED = {"type": "response_item", "payload": {"type": "function_call"}}
COUNTED = {"type": "event_msg", "payload": {"type": "token_count",
                                            "info": {"total_token_usage": RAW}}}  # fmt: skip


def totals_in(*rows):
    lines = [row if isinstance(row, bytes) else json.dumps(row).encode() for row in rows]
    return codex_cli.totals_in(lines)


def test_sums_begin_from_the_last_count_of_tokens():
    first = {"type": "event_msg", "payload": {"type": "token_count",
             "info": {"total_token_usage": {"input_tokens": 5}}}}  # fmt: skip
    empty = {"type": "event_msg", "payload": {"type": "token_count", "info": None}}
    assert totals_in(CALLED, first, CALLED, COUNTED, empty) == Totals(usage=USAGE)


def test_a_thread_that_was_killed_before_its_first_count_begins_from_nothing():
    spoke = {"type": "response_item", "payload": {"type": "message", "role": "assistant"}}
    assert totals_in(CALLED) == totals_in(spoke) == Totals()


def test_a_thread_whose_model_has_not_answered_cannot_be_gone_on_with():
    asked = {"type": "response_item", "payload": {"type": "message", "role": "user"}}
    assert totals_in({"type": "session_meta", "payload": {"id": "th-1"}}, asked) is None
    assert totals_in() is None


def test_a_line_of_a_transcript_that_was_cut_does_not_count():
    assert totals_in(CALLED, json.dumps(COUNTED).encode()[:-9]) == Totals()


def test_a_thread_is_kept_or_gone_on_with_only_when_it_is_asked_for():
    assert "--ephemeral" in start().arguments
    assert "--ephemeral" not in start(keeps=True).arguments
    arguments = start(session="th-1", keeps=True, resumes=True, writes=True).arguments
    assert arguments[-3:] == ("resume", "th-1", "-")
    assert option(arguments, "-s") == "workspace-write"
