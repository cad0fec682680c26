"""An answer counts only when its check passes."""

import attrs
import pytest

from atlas_actors.errors import UsageError
from atlas_actors.json_schema import SchemaValidator
from atlas_actors.messages.execution import AttemptEnded, AttemptStarted, CheckRun, End, Request
from atlas_actors.messages.routing import Route
from atlas_actors.messages.workspace import Workspace
from atlas_actors.orchestrator.check import check_answer

ORDER = {"type": "object", "properties": {"n": {"type": "integer"}}, "required": ["n"]}
ROUTE = Route(
    id="r", layer=1, rule="x", intent="data_text", confidence=0.9, abstained=False, tier="free",
    agent=None, complexity=3, difficulty=0.2, mode="normal", reason="",
)  # fmt: skip
CHANGED = Workspace(kind="copy", source="/s", root="/w", cwd="/w", files=1)


def answered(answer, finish="stop", *, run=None, workspace=None, **asked):
    """An answer to a request of the fields `asked`."""
    started = AttemptStarted(
        task_id="t", attempt=1, epoch=1, lane="a", request=Request(**{"prompt": "p", **asked}),
        route=ROUTE, answers_asked=1, attempts_max=3, interruptions=0,
    )  # fmt: skip
    return AttemptEnded(
        started=started, provider="a", end=End.ANSWERED, answer=answer, finish=finish,
        check=run, workspace=workspace,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("answer", "finish", "schema", "passed", "says"),
    [
        ("4", "stop", None, True, "not empty"),
        ("an error is an unexpected event", "stop", None, True, "not empty"),
        ("  \n", "stop", None, False, "empty"),
        ("long and", "length", None, False, "cut off"),
        ('{"n": 1}', "stop", ORDER, True, "fits"),
        ('```json\n{"n": 1}\n```', "stop", ORDER, True, "fits"),
        ('{"n": "1"}', "stop", ORDER, False, "n: "),
        ('{"n": 1', "length", ORDER, False, "cut off"),
        ("n is 1", "stop", ORDER, False, "not JSON"),
        ("[" * 100_000, "stop", ORDER, False, "not JSON"),
    ],
)
def test_the_check(answer, finish, schema, passed, says):
    verdict = check_answer(answered(answer, finish, schema=schema))
    assert verdict.passed is passed
    assert says in verdict.detail


@pytest.mark.parametrize(
    "answer",
    [
        "I'm sorry, but I can't help with that.",
        "I’m sorry, I can’t assist with that request.",
        "I cannot help you.",
        "As an AI language model, I am unable to provide this.",
        "Sorry, I won't do that.",
        "I must decline to engage in this.",
    ],
)
def test_a_refusal_is_no_answer(answer):
    verdict = check_answer(answered(answer))
    assert (verdict.passed, verdict.detail[:11]) == (False, "it refused:")


@pytest.mark.parametrize(
    "answer",
    [
        "4",
        "no",
        "Error: the file does not exist means that the path is wrong.",
        "The server refuses with: I'm sorry, but I can't help with that.",
        "I can't help but notice that the second clause repeats the first.",
        "I'm sorry that the parcel came late. We will send another one today.",
        "Sorry is the hardest word.",
        'It raises PermissionError("I cannot do this") when the file is locked.',
        "I cannot help you. That is how the letter begins, and it goes on: " + "x" * 600,
        "I can't do this without a lock:\n```\nlock.acquire()\n```",
    ],
)
def test_an_answer_that_only_looks_like_a_refusal_counts(answer):
    assert check_answer(answered(answer)).passed


@pytest.mark.parametrize(
    ("finish", "says"),
    [("refusal", "it refused"), ("denied", "denied every change")],
)
def test_a_provider_that_says_how_it_stopped_is_believed(finish, says):
    unchanged = attrs.evolve(CHANGED, files=0)
    verdict = check_answer(answered("Here it is.", finish, workspace=unchanged))
    assert not verdict.passed
    assert says in verdict.detail


def test_what_was_denied_something_and_changed_files_all_the_same_counts():
    assert check_answer(answered("Here it is.", "denied", workspace=CHANGED)).passed


def test_changed_files_are_an_answer_without_words_and_no_change_is_none():
    assert check_answer(answered("", workspace=CHANGED)).passed
    assert not check_answer(answered("", workspace=attrs.evolve(CHANGED, files=0))).passed


@pytest.mark.parametrize(
    ("asked", "run", "passed", "how", "says"),
    [
        ({"match": "^[0-9]+$"}, None, True, "match", "matches"),
        ({"match": "^[a-z]+$"}, None, False, "match", "does not match"),
        ({"check": ("test",)}, CheckRun(code=0, output=""), True, "command", "test exited 0"),
        ({"check": ("test",)}, CheckRun(code=1, output="2 failed"), False, "command", "2 failed"),
        ({"check": ("test",)}, CheckRun(code=None, output="gone"), False, "command", "not run"),
        ({"check": ("test",)}, None, False, "command", "was not run"),
        # all that are given must hold
        (
            {"check": ("test",), "match": "^x"},
            CheckRun(code=0, output=""), False, "command+match", "does not match",
        ),
        (
            {"check": ("test",), "match": "^4"},
            CheckRun(code=1, output=""), False, "command+match", "exited 1",
        ),
        (
            {"check": ("test",), "match": "^4"},
            CheckRun(code=0, output=""), True, "command+match", "matches ^4, test exited 0",
        ),
    ],
)  # fmt: skip
def test_the_requests_own_checks(asked, run, passed, how, says):
    verdict = check_answer(answered("4", run=run, **asked))
    assert (verdict.passed, verdict.how) == (passed, how)
    assert says in verdict.detail


@pytest.mark.parametrize(
    ("answer", "asked", "passed"),
    [
        ('{"n": 1}', {}, True),
        ('```json\n{"n": 1}\n```', {}, True),
        ("Here it is:\n```json\n[1]\n```\nDone.", {}, True),
        ('Here it is: {"n": 1}', {}, True),
        ("n is 1", {}, False),
        ('{"n": ', {}, False),
        ("[" * 100_000, {}, False),
        ("n is 1", {"match": "^n"}, True),  # a person's own check says what is wanted
    ],
)
def test_where_json_was_asked_for_an_answer_without_it_fails(answer, asked, passed):
    asked = {"prompt": "Extract name and order. Answer with JSON only.", **asked}
    assert check_answer(answered(answer, **asked), ("json",)).passed is passed
    assert check_answer(answered(answer, **asked)).passed


@pytest.mark.parametrize(
    ("prompt", "wanted"),
    [
        ("Extract the name as JSON", True),
        ("list the files in json format", True),
        ("Return only valid JSON with the keys a and b", True),
        ("Respond with a JSON object: {name}", True),
        ("why is JSON slower than protobuf?", False),
        ("explain errors in json parsing", False),
        ("write a JSON parser in C", False),
        ("what is json", False),
    ],
)
def test_a_question_about_json_may_be_answered_in_prose(prompt, wanted):
    verdict = check_answer(answered("some prose", prompt=prompt), ("json",))
    assert verdict.passed is not wanted


def test_json_after_other_brackets_is_found():
    prompt = "return json"
    assert check_answer(answered('Sure [v2]: {"a": 1}', prompt=prompt), ("json",)).passed


def test_where_a_person_brought_a_check_it_decides_and_no_guess():
    assert check_answer(answered("I can't help you.", match="help")).passed
    assert not check_answer(answered("I can't help you.")).passed


def test_the_fence_around_a_checked_answer_is_not_kept():
    assert check_answer(answered('```json\n{"n": 1}\n```', schema=ORDER)).answer == '{"n": 1}'


def test_a_schema_that_cannot_be_used_fails_the_check_and_does_not_crash():
    assert not check_answer(answered("{}", schema={"type": 5})).passed


@pytest.mark.parametrize(
    "schema",
    [
        {"type": "no such type"},
        {"$ref": "http://127.0.0.1:9/never-fetched.json"},
        {"$ref": "file:///etc/passwd"},
        {"type": "string", "pattern": "("},
    ],
)
def test_a_faulty_schema_is_refused_and_nothing_is_fetched(schema):
    with pytest.raises(UsageError):
        SchemaValidator(schema)


def test_a_pattern_that_would_backtrack_for_ever_is_linear_here():
    schema = {"type": "string", "pattern": "^(a+)+$"}
    assert SchemaValidator(schema).problem("a" * 50_000 + "b")


@pytest.mark.parametrize("workspace", [None, CHANGED])
def test_what_is_told_of_changes_in_a_directory_may_leave_code_out(workspace):
    told = "I changed it:\n```py\n# ... rest unchanged\n```"
    verdict = check_answer(answered(told, workspace=workspace), built_in="complete")
    assert verdict.passed is (workspace is not None)
