"""Reads what Claude Code and Codex write down of a session: lines of JSON, known kinds only.

The tools that wait for their results at the end of one piece are handed to the next.
"""

import json
import re
from collections.abc import Iterable, Iterator
from datetime import datetime
from typing import Any, Final, Protocol

from atlas_actors.messages.learning import Turn

TEXT_CHARACTERS: Final = 20_000
OUTPUT_CHARACTERS: Final = 4_000
COMMAND_CHARACTERS: Final = 500
WAITING_MAX: Final = 50
# What waits: [tool, command, path], by the client's id of the call.
Waiting = dict[str, list[str]]

_EDITS: Final = {"Edit", "Write", "MultiEdit", "NotebookEdit", "apply_patch"}
_SHELLS: Final = {"Bash", "shell", "shell_command", "exec_command", "local_shell", "container.exec"}
_EXIT: Final = re.compile(
    r"(?:^|\n)\s*(?:Exit code:?|Process exited with code|exit code:?)\s*(-?\d+)", re.IGNORECASE
)
_PATCHED: Final = re.compile(r"^\*\*\* (?:Add|Update|Delete) File: (.+)$", re.MULTILINE)
# A prompt that a program gave, or a summary that a model wrote in the user's place.
_NOT_A_PERSON: Final = re.compile(
    r"^\s*(?:This session is being continued from a previous conversation|\[Request interrupted"
    r"|Caveat: The messages below|<command-|<local-command|<bash-|<task-notification|# AGENTS\.md)"
)


class Reader(Protocol):
    """Lines of one client's transcript to turns."""

    def read(self, line: bytes, number: int) -> Iterator[Turn]:
        """The turns of a line, none of one that is not understood."""


def reader_of(client: str, waiting: Waiting) -> Reader | None:
    """None for a client whose transcripts nobody here can read."""
    match client:
        case "claude":
            return ClaudeReader(waiting)
        case "codex":
            return CodexReader(waiting)
    return None


def turns_of(reader: Reader, lines: Iterable[bytes], number: int) -> Iterator[Turn]:
    """All turns of these lines, the first of which has this number."""
    for at, line in enumerate(lines, number):
        yield from reader.read(line, at)


class ClaudeReader:
    """~/.claude/projects/DIRECTORY/SESSION.jsonl"""

    def __init__(self, waiting: Waiting) -> None:
        self._waiting = waiting

    def read(self, line: bytes, number: int) -> Iterator[Turn]:
        """The turns of a line."""
        record = _object(line)
        message = _part(record, "message")
        # A side chain is another agent's talk with this one; meta is what the client put in.
        if not message or record.get("isSidechain") or record.get("isMeta"):
            return
        base = Turn(number=number, who="user", id=_text(record.get("uuid")), at_ms=_ms(record))
        content = message.get("content")
        blocks = [{"type": "text", "text": content}] if isinstance(content, str) else content
        if not isinstance(blocks, list):
            return
        parts = [block for block in blocks if isinstance(block, dict)]
        match record.get("type"):
            case "user" if not record.get("isCompactSummary"):
                yield from self._of_user(base, record, parts)
            case "assistant":
                yield from self._of_assistant(base, parts)

    def _of_user(
        self, base: Turn, record: dict[str, Any], parts: list[dict[str, Any]]
    ) -> Iterator[Turn]:
        results = [part for part in parts if part.get("type") == "tool_result"]
        for result in results:
            yield _ran(
                base,
                self._waiting.pop(_text(result.get("tool_use_id")), None),
                _said(result.get("content")),
                bool(result.get("is_error")),
            )
        said = "\n".join(_text(part.get("text")) for part in parts if part.get("type") == "text")
        # A program's prompt (claude -p, or what the client itself goes on with) is not a person's.
        program = (
            _text(record.get("entrypoint")).startswith("sdk")
            or record.get("toolUseResult")
            or _part(record, "origin").get("kind", "human") != "human"
        )
        if said.strip() and not results and not program and not _NOT_A_PERSON.match(said):
            yield _evolved(base, said=said[:TEXT_CHARACTERS])

    def _of_assistant(self, base: Turn, parts: list[dict[str, Any]]) -> Iterator[Turn]:
        for part in parts:
            if part.get("type") == "text":
                yield _evolved(
                    base, who="assistant", said=_text(part.get("text"))[:TEXT_CHARACTERS]
                )
            elif part.get("type") == "tool_use":
                given = _part(part, "input")
                path = given.get("file_path") or given.get("notebook_path")
                _wait(
                    self._waiting,
                    _text(part.get("id")),
                    _text(part.get("name")),
                    _text(given.get("command")),
                    _text(path),
                )


class CodexReader:
    """$CODEX_HOME/sessions/YYYY/MM/DD/rollout-….jsonl"""

    def __init__(self, waiting: Waiting) -> None:
        self._waiting = waiting

    def read(self, line: bytes, number: int) -> Iterator[Turn]:
        """The turns of a line."""
        record = _object(line)
        payload = _part(record, "payload")
        base = Turn(number=number, who="user", at_ms=_ms(record))
        match record.get("type"), payload.get("type"):
            case "session_meta", _:
                self._waiting["source"] = [_text(payload.get("source")) or "other", "", ""]
            case "event_msg", "user_message":
                yield from self._of_user(base, _text(payload.get("message")))
            case "event_msg", "item_completed":  # as of Codex 0.169
                item = _part(payload, "item")
                if item.get("type") == "UserMessage":
                    yield from self._of_user(base, _said(item.get("content")))
            case "response_item", "message" if payload.get("role") == "assistant":
                said = _said(payload.get("content"))
                yield _evolved(base, who="assistant", said=said[:TEXT_CHARACTERS])
            case "response_item", "function_call" | "custom_tool_call" | "local_shell_call":
                self._call(payload)
            case "response_item", "function_call_output" | "custom_tool_call_output":
                waited = self._waiting.pop(_text(payload.get("call_id")), None)
                output, failed = _codex_output(payload.get("output"))
                for path in waited[2].split("\n") if waited else [""]:
                    one = [*waited[:2], path] if waited else None
                    yield _ran(base, one, output, failed)

    def _of_user(self, base: Turn, said: str) -> Iterator[Turn]:
        # `codex exec` and a thread of a thread are programs' doing.
        typed = self._waiting.get("source", [""])[0] in ("cli", "vscode")
        if typed and said.strip() and not _NOT_A_PERSON.match(said):
            yield _evolved(base, said=said[:TEXT_CHARACTERS])

    def _call(self, payload: dict[str, Any]) -> None:
        name = _text(payload.get("name")) or "local_shell"
        given = payload.get("arguments") or payload.get("input")
        if isinstance(given, str):
            patched = "\n".join(_PATCHED.findall(given))
            given = _object(given.encode("utf-8", "replace")) or {"patch": given}
        else:
            given, patched = _part(payload, "action"), ""
        command = given.get("command") or given.get("cmd") or ""
        if isinstance(command, list):
            words = [_text(word) for word in command]
            command = words[-1] if words[1:2] in (["-lc"], ["-c"]) else " ".join(words)
        if patched and (name not in _SHELLS or "apply_patch" in _text(command)):
            name = "apply_patch"
        _wait(self._waiting, _text(payload.get("call_id")), name, _text(command), patched)


def _codex_output(output: Any) -> tuple[str, bool | None]:
    """(text, whether it failed): plain, JSON in a string, or an object."""
    if isinstance(output, str):
        inner = _object(output.encode("utf-8", "replace")) if output[:1] == "{" else {}
        output = inner or output
    if isinstance(output, dict):
        code = _part(output, "metadata").get("exit_code")
        text = _text(output.get("output") or output.get("content"))
        if isinstance(code, int):
            return text, code != 0
        succeeded = output.get("success")
        return text, None if succeeded is None else not succeeded
    text = _said(output)
    found = _EXIT.search(text[:OUTPUT_CHARACTERS])
    return text, None if found is None else found[1] != "0"


def _wait(waiting: Waiting, id: str, tool: str, command: str, path: str) -> None:
    """Until its result comes; the oldest is given up."""
    kind = "shell" if tool in _SHELLS else "edit" if tool in _EDITS else tool
    waiting[id] = [kind[:100], command[:COMMAND_CHARACTERS], path[:COMMAND_CHARACTERS]]
    while len(waiting) > WAITING_MAX:
        del waiting[next(key for key in waiting if key != "source")]


def _ran(base: Turn, waited: list[str] | None, output: str, failed: bool | None) -> Turn:
    tool, command, path = waited or ["", "", ""]
    return _evolved(
        base,
        who="tool",
        tool=tool,
        command=command,
        path=path,
        output=output if len(output) <= OUTPUT_CHARACTERS else _ends(output),
        failed=failed,
    )


def _ends(text: str) -> str:
    half = OUTPUT_CHARACTERS // 2
    return f"{text[:half]}\n…\n{text[-half:]}"


def _evolved(base: Turn, **changes: Any) -> Turn:
    fields = {"number": base.number, "who": base.who, "id": base.id, "at_ms": base.at_ms}
    return Turn(**{**fields, **changes})


def _object(line: bytes) -> dict[str, Any]:
    """Nothing of what is no JSON object."""
    try:
        value = json.loads(line)
    except (ValueError, RecursionError):
        return {}
    return value if isinstance(value, dict) else {}


def _part(record: dict[str, Any], name: str) -> dict[str, Any]:
    value = record.get(name)
    return value if isinstance(value, dict) else {}


def _text(value: Any) -> str:
    return value.encode("utf-8", "replace").decode() if isinstance(value, str) else ""


def _said(content: Any) -> str:
    """A text, or a list of blocks with texts."""
    if isinstance(content, list):
        texts = (_text(block.get("text")) for block in content if isinstance(block, dict))
        return "\n".join(text for text in texts if text)
    return _text(content)


def _ms(record: dict[str, Any]) -> int | None:
    """When the client wrote it."""
    try:
        at = datetime.fromisoformat(_text(record.get("timestamp")))
        return max(0, int(at.timestamp() * 1000)) if at.tzinfo else None
    except (ValueError, OverflowError, OSError):
        return None
