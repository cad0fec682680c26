"""An answer counts only when its check passes."""

import pytest

from atlas_actors.errors import UsageError
from atlas_actors.json_schema import SchemaValidator
from atlas_actors.orchestrator.check import check_answer

ORDER = {"type": "object", "properties": {"n": {"type": "integer"}}, "required": ["n"]}


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
    verdict = check_answer(answer, finish, schema)
    assert verdict.passed is passed
    assert says in verdict.detail


def test_the_fence_around_a_checked_answer_is_not_kept():
    assert check_answer('```json\n{"n": 1}\n```', "stop", ORDER).answer == '{"n": 1}'


def test_a_schema_that_cannot_be_used_fails_the_check_and_does_not_crash():
    assert not check_answer("{}", "stop", {"type": 5}).passed


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
