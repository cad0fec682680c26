"""Claude Code as a provider: what is started, and what its lines mean."""

import itertools
import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from atlas_actors.messages.execution import End, Fault, Usage
from atlas_actors.providers import claude_cli
from atlas_actors.providers.cli import MARKER, PASSED_ON, Totals
from tests.support.runs import KEY, PRIVATE, PROMPT, job, option, run, shown
from tests.support.streams import json_of

SESSION = "00000000-0000-4000-8000-000000000002"
INIT = {"type": "system", "subtype": "init", "session_id": SESSION, "model": "m-1", "tools": []}
ROW = {
    "inputTokens": 240,
    "cacheReadInputTokens": 1_800,
    "cacheCreationInputTokens": 128,
    "cacheCreationEphemeral5mInputTokens": 100,
    "cacheCreationEphemeral1hInputTokens": 28,
    "outputTokens": 34,
    "thinkingTokens": 5,
    "costUSD": 0.00264,
}
USAGE = Usage(
    input=240, cache_read=1_800, cache_write=128, cache_write_1h=28, output=34, reasoning=5
)
USED = Totals(usage=USAGE, cost_usd=0.00264)


def start(key_as=claude_cli.KEY_AS, environment=None, **changes):
    return claude_cli.launch(job(key_as=key_as, **changes), environment or {})


def result(**changes):
    return {
        "type": "result", "subtype": "success", "is_error": False, "result": "four",
        "session_id": SESSION, "num_turns": 1, "stop_reason": "end_turn",
        "terminal_reason": "completed", "api_error_status": None, "total_cost_usd": 0.00264,
        "modelUsage": {"m-1": ROW}, "usage": {"input_tokens": 1, "output_tokens": 1}, **changes,
    }  # fmt: skip


def api_error(status, words, **changes):
    return result(
        is_error=True, api_error_status=status, terminal_reason="api_error", result=words,
        stop_reason="stop_sequence", modelUsage={}, total_cost_usd=0, **changes,
    )  # fmt: skip


def streamed(event, parent=None):
    return {"type": "stream_event", "event": event, "parent_tool_use_id": parent}


def delta(text, parent=None):
    return streamed({"type": "content_block_delta", "delta": {"text": text}}, parent)


def end_of(*lines, **how):
    return run(claude_cli, INIT, *lines, **how)


# What is started.


def test_no_process_list_shows_the_key_or_the_prompt():
    launch = start(writes=True, reads=True, base_url="http://127.0.0.1:9")
    assert KEY not in " ".join(launch.arguments)
    assert PROMPT not in " ".join(launch.arguments)
    assert launch.stdin == PROMPT
    assert launch.files == {}


@pytest.mark.parametrize("name", PRIVATE)
def test_what_the_caller_has_set_is_not_passed_on(name):
    launch = start(environment={name: "of the caller"})
    assert "of the caller" not in launch.environment.values()


@pytest.mark.slow
@given(st.dictionaries(st.from_regex(r"\A[A-Z_a-z]{1,12}\Z") | st.sampled_from(PASSED_ON),
                       st.just("of the caller")))  # fmt: skip
def test_only_what_is_on_the_list_is_passed_on(environment):
    launch = start(environment=environment)
    kept = {name for name, value in launch.environment.items() if value == "of the caller"}
    assert kept == set(environment) & set(PASSED_ON)


def test_nothing_that_is_passed_on_is_a_secret_or_belongs_to_a_client():
    marks = ("KEY", "TOKEN", "SECRET", "ANTHROPIC", "OPENAI", "CLAUDE", "CODEX")
    assert not [name for name in PASSED_ON if any(mark in name for mark in marks)]


def test_it_has_a_home_of_its_own_and_our_mark():
    environment = start().environment
    assert environment["HOME"] == "/own/home"
    assert environment["CLAUDE_CONFIG_DIR"] == "/own/home/.claude"
    assert environment[MARKER] == "1"
    assert 0 <= int(environment["CLAUDE_CODE_MAX_RETRIES"]) <= 2


def test_the_key_goes_into_the_variable_that_it_is_for():
    assert start().environment["ANTHROPIC_API_KEY"] == KEY
    other = start(key_as="CLAUDE_CODE_OAUTH_TOKEN").environment
    assert (other["CLAUDE_CODE_OAUTH_TOKEN"], "ANTHROPIC_API_KEY" in other) == (KEY, False)
    assert "ANTHROPIC_API_KEY" not in start(key="").environment


def test_a_server_of_the_users_is_named_in_the_environment():
    url = "http://127.0.0.1:9"
    assert start(base_url=url).environment["ANTHROPIC_BASE_URL"] == url
    assert "ANTHROPIC_BASE_URL" not in start().environment


@pytest.mark.parametrize("changes", [{}, {"reads": True}, {"reads": True, "writes": True}])
def test_no_hook_setting_or_server_of_the_project_is_used(changes):
    arguments = start(**changes).arguments
    assert json.loads(option(arguments, "--settings")) == {"disableAllHooks": True}
    assert option(arguments, "--setting-sources") == ""
    assert "--strict-mcp-config" in arguments
    assert "--dangerously-skip-permissions" not in arguments
    assert "bypassPermissions" not in arguments


def test_its_output_is_lines_and_its_session_ours():
    arguments = start(session="s-1", model="opus", turns_max=7).arguments
    assert "-p" in arguments
    assert option(arguments, "--output-format") == "stream-json"
    assert option(arguments, "--session-id") == "s-1"
    assert option(arguments, "--model") == "opus"
    assert option(arguments, "--max-turns") == "7"
    assert start(model="").arguments.count("--model") == 0


def test_a_session_is_kept_or_gone_on_with_only_when_it_is_asked_for():
    arguments = start(session="s-1").arguments
    assert option(arguments, "--session-id") == "s-1"
    assert "--no-session-persistence" in arguments
    arguments = start(session="s-1", keeps=True).arguments
    assert option(arguments, "--session-id") == "s-1"
    assert not {"--no-session-persistence", "--resume"} & set(arguments)
    arguments = start(session="s-1", keeps=True, resumes=True).arguments
    assert option(arguments, "--resume") == "s-1"
    assert "--session-id" not in arguments


def tools_of(**changes):
    return set(filter(None, option(start(**changes).arguments, "--tools").split(",")))


def test_the_tools_are_what_the_work_needs():
    look = {"Read", "Glob", "Grep"}
    change = {*look, "Edit", "Write", "NotebookEdit"}
    assert tools_of() == set()
    assert tools_of(reads=True) == look
    assert tools_of(reads=True, allow_commands=True) == look
    assert tools_of(reads=True, writes=True) == change
    assert tools_of(reads=True, writes=True, allow_commands=True) == {*change, "Bash"}


def test_only_work_that_writes_may_edit_without_being_asked():
    assert option(start(reads=True, writes=True).arguments, "--permission-mode") == "acceptEdits"
    assert option(start(reads=True).arguments, "--permission-mode") is None


def test_a_login_is_never_shut_out_by_bare():
    # --bare takes no login but a key in ANTHROPIC_API_KEY
    assert "--bare" in start().arguments
    assert "--bare" not in start(key_as="CLAUDE_CODE_OAUTH_TOKEN").arguments
    assert "--bare" not in start(key="").arguments


def test_a_budget_and_a_schema_are_passed_on():
    schema = {"type": "object"}
    arguments = start(budget_usd=0.25, schema=schema).arguments
    assert float(option(arguments, "--max-budget-usd")) == 0.25
    assert json.loads(option(arguments, "--json-schema")) == schema
    assert not {"--max-budget-usd", "--json-schema"} & set(start().arguments)


def test_a_small_budget_is_not_written_as_nothing():
    assert float(option(start(budget_usd=0.000004).arguments, "--max-budget-usd")) > 0


# What its lines mean.


def test_an_answer():
    ended = end_of(delta("fo"), delta("ur"), result())
    assert (ended.end, ended.fault, ended.error) == (End.ANSWERED, None, "")
    assert (ended.answer.text, ended.answer.finish, ended.answer.model) == ("four", "stop", "m-1")
    assert (ended.answer.usage, ended.cost_usd, ended.estimated) == (USAGE, 0.00264, False)


def test_text_is_shown_as_it_is_written_but_not_a_subagents():
    reader = claude_cli.run_reader()
    texts = shown(
        reader,
        INIT,
        streamed({"type": "message_start"}),
        delta("Let me "),
        delta("hidden", parent="toolu_1"),
        streamed({"type": "content_block_delta", "delta": {"thinking": "hidden"}}),
        delta("look."),
        {"type": "assistant", "message": {"content": [{"type": "text", "text": "hidden"}]}},
        {"type": "user", "message": {"content": "hidden"}, "tool_use_result": {}},
        streamed({"type": "message_start"}, parent="toolu_1"),
        streamed({"type": "message_start"}),
        delta("Four."),
        {"type": "system", "subtype": "informational", "content": "hidden"},
    )
    assert "".join(texts) == "Let me look.\n\nFour."


def test_the_result_counts_and_not_what_was_said_on_the_way():
    assert end_of(delta("Let me look."), result()).answer.text == "four"


def test_an_answer_to_a_schema_is_its_json():
    ended = end_of(result(structured_output={"n": "ä"}, result="done"))
    assert json.loads(ended.answer.text) == {"n": "ä"}


@pytest.mark.parametrize("changes", [{"structured_output": {"n": "\ud83d"}}, {"result": "\ud83d"}])
def test_half_a_character_cannot_be_in_an_answer(changes):
    end_of(result(**changes)).answer.text.encode("utf-8")


def test_characters_that_were_cut_in_two_are_whole_again():
    ended = end_of(delta("\ud83d"), delta("\udc4b"), result(subtype="error_max_turns", result=None))
    assert ended.answer.text.encode("utf-8")


@pytest.mark.parametrize(
    ("status", "words", "fault", "end"),
    [
        (400, "API Error: 400 bad request", Fault.REQUEST, End.REFUSED),
        (400, "Your credit balance is too low", Fault.QUOTA, End.BUSY),
        (401, "Invalid API key · Fix external API key", Fault.KEY, End.REFUSED),
        (401, "API Error: 401", Fault.KEY, End.REFUSED),
        (403, "OAuth token has been revoked · Please run /login", Fault.KEY, End.REFUSED),
        (None, "Not logged in · Please run /login", Fault.KEY, End.REFUSED),
        (404, "There is an issue with the selected model", Fault.REQUEST, End.REFUSED),
        (429, "API Error: rate_limit_error", Fault.RATE, End.BUSY),
        (429, "You've hit your usage limit", Fault.QUOTA, End.BUSY),
        (500, "API Error: 500 Internal server error", Fault.SERVER, End.UNREACHABLE),
        (529, "API Error: Repeated 529 Overloaded errors.", Fault.RATE, End.BUSY),
        (None, "Connection error.", Fault.SERVER, End.UNREACHABLE),
        ("529", "Overloaded", Fault.RATE, End.BUSY),
    ],
)
def test_an_error_of_the_server_is_no_answer_though_its_subtype_is_success(
    status, words, fault, end
):
    ended = end_of(api_error(status, words), code=1)
    assert (ended.end, ended.fault) == (end, fault)
    assert words[:20] in ended.error


def test_a_prompt_that_is_too_long():
    ended = end_of(
        api_error(400, "Prompt is too long") | {"terminal_reason": "prompt_too_long"}, code=1
    )
    assert (ended.end, ended.fault) == (End.REFUSED, Fault.CONTEXT)


def stopped(subtype, reason, errors):
    """A result of an error_* subtype: it has errors and no result."""
    value = result(
        subtype=subtype, is_error=True, terminal_reason=reason, errors=errors,
        stop_reason="tool_use", usage={"input_tokens": 0, "output_tokens": 0},
    )  # fmt: skip
    del value["result"]
    return value


def test_a_budget_that_is_used_up():
    value = stopped("error_max_budget_usd", "budget_exhausted", ["Reached maximum budget ($0.01)"])
    ended = end_of(value, code=1)
    assert ended.end is End.OVER_BUDGET
    assert "budget" in ended.error
    assert (ended.answer.usage, ended.cost_usd) == (USAGE, 0.00264)


def test_turns_that_are_used_up_leave_half_an_answer_and_its_cost():
    value = stopped("error_max_turns", "max_turns", ["Reached maximum number of turns (1)"])
    ended = end_of(delta("Let me look."), value, code=1)
    assert (ended.end, ended.answer.finish) == (End.ANSWERED, "length")
    assert (ended.answer.usage, ended.cost_usd) == (USAGE, 0.00264)


def test_an_error_of_the_client_is_never_an_answer_of_the_model():
    value = stopped("error_max_turns", "max_turns", ["Reached maximum number of turns (1)"])
    assert end_of(delta("Let me look."), value, code=1).answer.text == "Let me look."


@pytest.mark.parametrize(
    ("changes", "finish"),
    [
        ({"stop_reason": "max_tokens"}, "length"),
        ({"stop_reason": "refusal"}, "refusal"),
        ({"stop_reason": None}, "stop"),
    ],
)
def test_how_an_answer_finished(changes, finish):
    ended = end_of(result(**changes))
    assert (ended.end, ended.answer.finish, ended.answer.text) == (End.ANSWERED, finish, "four")


def test_an_error_of_the_server_after_a_long_answer_is_an_error():
    ended = end_of(api_error(529, "Overloaded") | {"stop_reason": "max_tokens"}, code=1)
    assert (ended.end, ended.fault) == (End.BUSY, Fault.RATE)


@pytest.mark.parametrize(
    "changes",
    [
        {"num_turns": 0, "result": "UserPromptSubmit operation blocked by hook:\nno",
         "stop_reason": None, "terminal_reason": None, "modelUsage": {}, "total_cost_usd": 0},
        {"num_turns": 0, "modelUsage": {}, "total_cost_usd": 0.0066},  # a compaction
        {"num_turns": 2, "terminal_reason": "hook_stopped", "result": ""},
        {"num_turns": 1, "terminal_reason": "tool_deferred", "stop_reason": "tool_deferred"},
    ],
)  # fmt: skip
def test_a_run_that_was_blocked_is_not_done_though_it_exits_0(changes):
    ended = end_of(result(**changes), code=0)
    assert (ended.end, ended.fault) == (End.REFUSED, Fault.REQUEST)
    assert "blocked" in ended.error


@pytest.mark.parametrize("code", [143, -15, -9, 1, 0])
def test_a_run_without_a_result_was_cut_off(code):
    ended = end_of(delta("half an ans"), code=code)
    assert (ended.end, ended.fault) == (End.UNREACHABLE, Fault.SERVER)
    assert str(code) in ended.error
    assert ended.answer.text == "half an ans"


def test_what_it_said_at_its_end_is_the_reason():
    ended = run(claude_cli, code=1, stderr="Error:\n  Session ID x is already in use.\n")
    assert "already in use" in ended.error
    ended = run(claude_cli, code=1, stderr="Not logged in · Please run /login\n")
    assert (ended.end, ended.fault) == (End.REFUSED, Fault.KEY)


def test_a_run_that_was_cut_off_while_it_retried_says_so():
    retry = {"type": "system", "subtype": "api_retry", "error_status": 529, "error": "overloaded"}
    assert "HTTP 529" in end_of(retry, code=143).error


def test_a_resumed_session_is_charged_by_the_difference():
    more = {name: value + 10 for name, value in ROW.items()}
    ended = end_of(result(modelUsage={"m-1": more}, total_cost_usd=0.005), before=USED)
    assert ended.answer.usage == Usage(
        input=10, cache_read=10, cache_write=10, cache_write_1h=10, output=10, reasoning=10
    )
    assert ended.cost_usd == pytest.approx(0.00236)


def test_a_session_that_was_begun_anew_is_charged_as_it_is():
    before = Totals(usage=Usage(input=10**6), cost_usd=9.0)
    ended = end_of(result(), before=before)
    assert (ended.answer.usage, ended.cost_usd) == (USAGE, 0.00264)


@settings(max_examples=25)
@given(st.integers(0, 10**6), st.integers(0, 10**6), st.integers(0, 10**6))
def test_the_parts_of_a_session_add_up(first, second, third):
    sums = [first, first + second, first + second + third]
    totals = [Totals(), *(Totals(usage=Usage(input=sum)) for sum in sums)]
    parts = [now.since(then).usage.input for then, now in itertools.pairwise(totals)]
    assert parts == [first, second, third]


def test_subagents_and_other_models_are_charged_too():
    ended = end_of(result(modelUsage={"m-1": ROW, "m-2": {"inputTokens": 7, "outputTokens": 3}}))
    assert (ended.answer.usage.input, ended.answer.usage.output) == (247, 37)


@pytest.mark.parametrize("cost", [None, "1", -1, 1e300, float("nan"), float("inf"), []])
def test_a_cost_that_makes_no_sense_is_none(cost):
    assert end_of(result(total_cost_usd=cost)).cost_usd == 0.0


def test_a_session_is_known_by_its_own_word():
    reader = claude_cli.run_reader()
    shown(reader, INIT)
    assert (reader.session, reader.totals) == (SESSION, Totals())
    shown(reader, result(session_id="forked"))
    assert (reader.session, reader.totals) == ("forked", USED)


KEYS = (
    "type", "subtype", "event", "delta", "text", "result", "is_error", "session_id", "num_turns",
    "modelUsage", "inputTokens", "total_cost_usd", "api_error_status", "terminal_reason",
    "stop_reason", "structured_output", "errors", "parent_tool_use_id", "model",
)  # fmt: skip


@pytest.mark.slow
@given(
    json_of(*KEYS, "system", "init", "stream_event"), st.sampled_from(KEYS), st.integers(-20, 255)
)
def test_lines_of_any_shape_end_somehow(value, key, code):
    lines = [
        value, {"type": "system", "subtype": value}, {**INIT, key: value},
        {"type": "stream_event", "event": value}, delta(value),
        *([value] if isinstance(value, dict) else []), result(**{key: value}) | {"type": "result"},
        b"not json", b"", b"[" * 9_000,
    ]  # fmt: skip
    for end in (run(claude_cli, *lines, code=code), end_of(*lines, delta("x"), code=code)):
        assert end.error.encode("utf-8") is not None
        assert end.answer.text.encode("utf-8") is not None
        assert (end.end is End.ANSWERED) == (end.error == "" and end.fault is None)


def test_a_run_that_was_cut_off_after_work_does_not_say_what_it_used():
    assert end_of(delta("Let me look."), code=143).estimated
    assert not end_of(code=1).estimated


# How far it has come.


def uses(name, id="toolu_1", **given):
    block = {"type": "tool_use", "id": id, "name": name, "input": given}
    return {"type": "assistant", "message": {"content": [block]}, "parent_tool_use_id": None}


def used(id="toolu_1", *, is_error=False):
    block = {"type": "tool_result", "tool_use_id": id, "content": "x", "is_error": is_error}
    return {"type": "user", "message": {"role": "user", "content": [block]}}


def trail_of(*lines):
    reader = claude_cli.run_reader("/work")
    shown(reader, INIT, *lines)
    return reader.trail


def test_a_step_is_done_when_its_result_has_come():
    trail = trail_of(uses("Edit", file_path="/work/src/a.py"), used())
    assert (trail.done, trail.files) == (("Edit src/a.py",), ("src/a.py",))


def test_a_step_that_was_cut_says_so_and_has_changed_nothing_that_is_known():
    trail = trail_of(uses("Bash", command="make all\nmake install"))
    assert trail.done == ("Bash: make all (begun, its end is not known)",)
    trail = trail_of(uses("Write", file_path="/work/a.py"))
    assert trail.files == ()


def test_a_step_that_failed_says_so():
    trail = trail_of(uses("Edit", file_path="/work/a.py"), used(is_error=True))
    assert (trail.done, trail.files) == (("Edit a.py (failed)",), ())


def test_files_elsewhere_keep_their_path():
    trail = trail_of(uses("NotebookEdit", notebook_path="/elsewhere/a.ipynb"), used())
    assert trail.files == ("/elsewhere/a.ipynb",)


@pytest.mark.parametrize("name", ["Read", "Glob", "Grep", "TodoWrite"])
def test_what_only_looks_is_no_step(name):
    assert trail_of(uses(name, file_path="/work/a.py"), used()).done == ()


def test_the_open_steps_of_its_plan_are_the_next_ones():
    todos = [
        {"content": "write", "status": "completed"},
        {"content": "test", "status": "in_progress"},
        {"content": "tidy up", "status": "pending"},
    ]
    assert trail_of(uses("TodoWrite", todos=todos)).next_steps == ("test", "tidy up")
    assert trail_of().next_steps is None


def test_the_last_text_is_kept():
    start_ = streamed({"type": "message_start"})
    trail = trail_of(delta("First."), start_, delta("Sec"), delta("ond."), start_)
    assert trail.said == "Second."


# What its transcript says.

STATE = {"type": "cost-state", "sessionId": SESSION, "totalCostUSD": 0.00264,
         "modelUsage": {"m-1": ROW}}  # fmt: skip
SPOKE = {"type": "assistant", "message": {"role": "assistant"}}


def totals_in(*rows):
    lines = [row if isinstance(row, bytes) else json.dumps(row).encode() for row in rows]
    return claude_cli.totals_in(lines)


def test_sums_begin_from_the_last_state_of_costs():
    older = {**STATE, "totalCostUSD": 0.001, "modelUsage": {"m-1": {"inputTokens": 1}}}
    assert totals_in(SPOKE, older, SPOKE, STATE) == USED


def test_a_session_that_was_killed_begins_from_nothing():
    assert totals_in(SPOKE, SPOKE) == Totals()


def test_a_session_whose_model_has_not_answered_cannot_be_gone_on_with():
    asked = {"type": "user", "message": {"content": 'is an "assistant" there?'}}
    assert totals_in(asked) is None
    assert totals_in() is None


def test_a_line_of_a_transcript_that_was_cut_does_not_count():
    assert totals_in(SPOKE, json.dumps(STATE).encode()[:-9], b'{"type":"assistant"') == Totals()
