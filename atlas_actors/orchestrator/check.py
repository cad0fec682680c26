"""Pure: does an answer pass its check?"""

import json
from collections.abc import Sequence
from typing import Any, Final

import attrs
import re2

from atlas_actors.errors import UsageError
from atlas_actors.json_schema import SchemaValidator
from atlas_actors.messages.execution import AttemptEnded, CheckRun, Request
from atlas_actors.messages.strategy import Check
from atlas_actors.orchestrator.complete import problem_of

DETAIL_CHARACTERS: Final = 300
REFUSAL_CHARACTERS: Final = 600
BRACKETS_MAX: Final = 20
_AS_JSON: Final = (
    r"\b(return|output|respond|reply|answer|give|print|produce|extract|convert|format|list|provide"
    r"|generate|write)\b[^?!\n]{0,200}\b(as|in|only|valid|return|output|with)"
    r"( (a|an|only|valid|raw|strict|plain|one))* json( (object|array|list|only|format))?"
    r"\s*([.,:;)]|$|with\b|of\b|matching\b)"
    r"|\b(return|output|print|reply with|respond with) (only |valid |raw )*json\b"
)
_REFUSAL: Final = (
    r"(unfortunately,? )?(i'?m |i am )?(very |so |really )?(sorry|afraid)?[,.;:]? ?(but |that )?"
    r"(as an ai[a-z ,-]{0,40}?,? ?)?"
    r"i(( am|'m) (unable|not able) to| (cannot|can't|can not|won't|will not|must decline to))"
    r" ((help|assist)( (you|with|in|to|do)\b|[.!]|$)|comply|fulfil|provide|engage in"
    r"|(do|share|create|generate|write) (this|that|such)\b)"
)


@attrs.frozen(kw_only=True)
class Verdict:
    """`how` names the check; `detail` says what failed; `answer` is what to keep."""

    passed: bool
    how: str
    detail: str
    answer: str


def check_answer(
    ended: AttemptEnded, needs: Sequence[str] = (), built_in: Check = "text"
) -> Verdict:
    """The request's own checks, else those that are built in.

    A command that exits 0, a JSON schema, a pattern; all that are given must hold. Always: not
    empty, not cut off, no refusal, and JSON where the request asks for JSON (`needs`). Without
    one of its own, what `built_in` adds; not of an answer that tells of changes in a directory.
    """
    request = ended.started.request
    answer = ended.answer
    how = _how(request)
    if ended.finish == "length":
        return _failed(how, "the answer was cut off", answer)
    changed = ended.workspace is not None and ended.workspace.files > 0
    if ended.finish == "refusal" or (how == "text" and is_refusal(answer)):
        return _failed(how, f"it refused: {_beginning(answer)}", answer)
    if ended.finish == "denied" and ended.workspace is not None and not changed:
        return _failed(how, "it was denied every change that it tried", answer)
    if not answer.strip() and not changed:
        return _failed(how, "the answer is empty", answer)
    kept = answer.strip()
    details = []
    if request.schema is not None:
        verdict = _check_schema(answer, request.schema)
        if not verdict.passed:
            return verdict
        kept = verdict.answer
        details.append(verdict.detail)
    elif "json" in needs and how == "text" and not changed and asks_for_json(request.prompt):
        problem = _no_json(answer)
        if problem:
            return _failed(how, problem, answer)
        details.append("holds JSON")
    if how == "text" and not changed:
        how = built_in
        problem = problem_of(answer, built_in)
        if problem:
            return _failed(how, problem, answer)
    if request.match is not None:
        if not re2.search(request.match, kept):
            return _failed(how, f"it does not match {request.match}", answer)
        details.append(f"matches {request.match}")
    if request.check is not None:
        run = ended.check
        if run is None or run.code != 0:
            return _failed(how, _run_of(request.check, run), answer)
        details.append(f"{' '.join(request.check)} exited 0")
    detail = ", ".join(details) or "not empty, not cut off, no refusal"
    return Verdict(passed=True, how=how, detail=detail[:DETAIL_CHARACTERS], answer=kept)


def asks_for_json(prompt: str) -> bool:
    """Whether the answer itself is to be JSON; a question about JSON is none."""
    return re2.search(_AS_JSON, prompt.lower()) is not None


def is_refusal(answer: str) -> bool:
    """Whether a short answer begins by saying that it will not help. An answer about refusals,
    errors or apologies is none: only the speaker's own no at the very beginning counts."""
    text = answer.strip()
    if len(text) > REFUSAL_CHARACTERS or "```" in text:
        return False
    return re2.match(_REFUSAL, text.replace("’", "'").lower()) is not None


def without_fence(answer: str) -> str:
    """The inside of an answer that is one fenced block; else the answer, stripped."""
    text = answer.strip()
    lines = text.split("\n")
    if len(lines) >= 3 and lines[0].startswith("```") and lines[-1].strip() == "```":
        return "\n".join(lines[1:-1]).strip()
    return text


def _how(request: Request) -> str:
    """The name of the check: all that the request asks for, or the built-in one."""
    asked = (("command", request.check), ("schema", request.schema), ("match", request.match))
    return "+".join(name for name, value in asked if value is not None) or "text"


def _no_json(answer: str) -> str:
    """Why an answer that should be JSON is none: whole, in a fence, or from a bracket on."""
    text = without_fence(answer)
    if "```" in text:
        text = text.split("```", 2)[1].strip()
        text = text[4:].strip() if text[:4].lower() == "json" else text
    starts = [at for at, letter in enumerate(text) if letter in "{["][:BRACKETS_MAX]
    problem = ""
    for at in starts or [0]:
        try:
            if starts:
                json.JSONDecoder().raw_decode(text, at)
            else:
                json.loads(text)  # a number, a text in quotes: then it must be all of it
        except (ValueError, RecursionError) as error:
            problem = problem or f"JSON was asked for: {error}"
        else:
            return ""
    return problem


def _run_of(command: tuple[str, ...], run: CheckRun | None) -> str:
    name = " ".join(command)
    if run is None:
        return f"{name} was not run"
    what = "did not run" if run.code is None else f"exited {run.code}"
    said = " ".join(run.output.split())[-DETAIL_CHARACTERS // 2 :]
    return f"{name} {what}{': ' if said else ''}{said}"


def _beginning(answer: str) -> str:
    return " ".join(answer.split())[:100]


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
