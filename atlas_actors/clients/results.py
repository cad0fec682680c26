"""Pure: what the use of a tool came to, as far as its client says."""

import re
from typing import Any, Final

import attrs

from atlas_actors.clients.bounds import text
from atlas_actors.clients.tests_run import verdict
from atlas_actors.messages.client import EventKind, ToolUse

OUTPUT_CHARS_MAX: Final = 8_000
PARTS_MAX: Final = 100
DEPTH_MAX: Final = 5
_DURATION_MS_MAX: Final = 2**53

# Claude begins the error of a failed command with it, Gemini has it among the last lines.
_EXIT_FIRST: Final = re.compile(r"Exit code (\d{1,3})(?:\n|$)")
_EXIT_LAST: Final = re.compile(r"^Exit Code: (\d{1,3})\s*$", re.MULTILINE)


def result_of(
    use: ToolUse,
    client: str,
    kind: EventKind,
    payload: dict[str, Any],
    *,
    decides: bool,
    later: bool,
) -> ToolUse:
    """The use with its result. `decides`: a test's exit code is its own (`pytest | tail` has
    another one's); `later`: the command went on in the background, so that nothing is known."""
    use = attrs.evolve(use, duration_ms=_duration_ms(payload.get("duration_ms")))
    match kind:
        case "tool_failed":
            return _failed(use, payload)
        case "post_tool" if client == "claude":
            return _claude(use, payload, decides=decides, later=later)
        case "post_tool" if client == "gemini":
            return _gemini(use, payload, decides=decides, later=later)
        case "post_tool":
            return _told(use, _printed(payload.get("tool_response")))
    return use


def _failed(use: ToolUse, payload: dict[str, Any]) -> ToolUse:
    error = payload.get("error")
    error = error if isinstance(error, str) else ""
    found = _EXIT_FIRST.match(error) if use.kind == "shell" else None
    interrupted = payload.get("is_interrupt") is True
    return attrs.evolve(
        use,
        failed=None if interrupted else True,
        interrupted=interrupted,
        exit_code=int(found[1]) if found else None,
        output=text(error[found.end() :] if found else error, OUTPUT_CHARS_MAX, end=True),
    )


def _claude(use: ToolUse, payload: dict[str, Any], *, decides: bool, later: bool) -> ToolUse:
    """PostToolUse follows success only: of a command, exit code 0 or one that means no failure,
    which `returnCodeInterpretation` then explains (grep has found nothing)."""
    response = payload.get("tool_response")
    told = response if isinstance(response, dict) else {}
    use = attrs.evolve(use, output=text(_printed(response), OUTPUT_CHARS_MAX, end=True))
    if told.get("interrupted") is True:
        return attrs.evolve(use, interrupted=True)
    if use.kind != "shell":
        return attrs.evolve(use, failed=False)
    if later or told.get("backgroundTaskId"):
        return use
    exit_code = None if told.get("returnCodeInterpretation") else 0
    failed = False if decides else verdict(use.output)
    return attrs.evolve(use, failed=failed, exit_code=exit_code)


def _gemini(use: ToolUse, payload: dict[str, Any], *, decides: bool, later: bool) -> ToolUse:
    """By its documentation: tool_response is {llmContent, returnDisplay, error?}, and a command's
    text names its exit code."""
    response = payload.get("tool_response")
    told = response if isinstance(response, dict) else {}
    printed = _printed(told.get("llmContent", response))
    use = attrs.evolve(use, output=text(printed, OUTPUT_CHARS_MAX, end=True))
    if told.get("error"):
        use = attrs.evolve(use, failed=True)
    if use.kind != "shell":
        return use if use.failed else attrs.evolve(use, failed=False)
    codes = _EXIT_LAST.findall(use.output)
    if later or not codes:
        return _told(use, printed)
    exit_code = int(codes[-1])
    failed = exit_code != 0 if decides or exit_code else verdict(printed)
    return attrs.evolve(use, exit_code=exit_code, failed=failed)


def _told(use: ToolUse, printed: str) -> ToolUse:
    """A result without an exit code: only the last lines of tests say how they went."""
    output = text(printed, OUTPUT_CHARS_MAX, end=True)
    failed = verdict(output) if use.test and use.failed is None else use.failed
    return attrs.evolve(use, output=output, failed=failed)


def _printed(response: Any, depth: int = DEPTH_MAX) -> str:
    """The text of a tool's response, whatever its form."""
    match response if depth else None:
        case str() as whole:
            return whole
        case {"stdout": str(out), "stderr": str(err)}:
            return f"{out}\n{err}" if out and err else out or err
        case {"text": str(inner)}:
            return inner
        case {"content": str() | list() as inner}:
            return _printed(inner, depth - 1)
        case list():
            return "\n".join(
                filter(None, (_printed(part, depth - 1) for part in response[:PARTS_MAX]))
            )
    return ""


def _duration_ms(value: Any) -> int | None:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    return int(value) if 0 <= value < _DURATION_MS_MAX else None
