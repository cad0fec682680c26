"""Pure: does an answer pass its check?"""

import json
from typing import Any, Final

import attrs

from atlas_actors.errors import UsageError
from atlas_actors.json_schema import SchemaValidator

DETAIL_CHARACTERS: Final = 300


@attrs.frozen(kw_only=True)
class Verdict:
    """`how` names the check; `detail` says what failed; `answer` is what to keep."""

    passed: bool
    how: str
    detail: str
    answer: str


def check_answer(answer: str, finish: str, schema: dict[str, Any] | None) -> Verdict:
    """With a schema: JSON that fits it. Without: text that is there and was not cut off."""
    if finish == "length":
        return _failed("schema" if schema else "text", "the answer was cut off", answer)
    if schema is not None:
        return _check_schema(answer, schema)
    text = answer.strip()
    if not text:
        return _failed("text", "the answer is empty", answer)
    return Verdict(passed=True, how="text", detail="not empty, not cut off", answer=text)


def without_fence(answer: str) -> str:
    """The inside of an answer that is one fenced block; else the answer, stripped."""
    text = answer.strip()
    lines = text.split("\n")
    if len(lines) >= 3 and lines[0].startswith("```") and lines[-1].strip() == "```":
        return "\n".join(lines[1:-1]).strip()
    return text


def _check_schema(answer: str, schema: dict[str, Any]) -> Verdict:
    text = without_fence(answer)
    try:
        value = json.loads(text)
    except (ValueError, RecursionError) as error:
        return _failed("schema", f"not JSON: {error}", answer)
    try:
        problem = SchemaValidator(schema).problem(value)
    except UsageError as error:
        problem = error.message
    except ValueError as error:  # a text inside it is not Unicode
        problem = str(error)
    if problem:
        return _failed("schema", problem, answer)
    return Verdict(passed=True, how="schema", detail="fits the JSON schema", answer=text)


def _failed(how: str, detail: str, answer: str) -> Verdict:
    return Verdict(passed=False, how=how, detail=detail[:DETAIL_CHARACTERS], answer=answer)
