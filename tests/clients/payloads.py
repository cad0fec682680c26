"""Payloads as the clients send them, made up."""

from typing import Any

CWD = "/home/user/project"
COMMON: dict[str, dict[str, Any]] = {
    "claude": {
        "session_id": "c-1", "transcript_path": "/t/c-1.jsonl", "cwd": CWD, "prompt_id": "p-1",
        "permission_mode": "default", "effort": {"level": "high"},
    },
    "codex": {
        "session_id": "x-1", "transcript_path": None, "cwd": CWD, "turn_id": "t-1",
        "permission_mode": "default", "model": "gpt-6-sol",
    },
    "gemini": {
        "session_id": "g-1", "transcript_path": "/t/g-1.json", "cwd": CWD,
        "timestamp": "2026-03-01T00:00:00Z",
    },
}  # fmt: skip
BEFORE_TOOL = {"claude": "PreToolUse", "codex": "PreToolUse", "gemini": "BeforeTool"}
AFTER_TOOL = {"claude": "PostToolUse", "codex": "PostToolUse", "gemini": "AfterTool"}
SHELL = {"claude": "Bash", "codex": "Bash", "gemini": "run_shell_command"}


def payload(client: str, event: str, **fields: Any) -> dict[str, Any]:
    return {**COMMON[client], "hook_event_name": event, **fields}


def tool(client: str, name: str, given: Any, **fields: Any) -> dict[str, Any]:
    """Before a tool is used."""
    told = {"tool_name": name, "tool_input": given, **fields}
    return payload(client, BEFORE_TOOL[client], **told)


def shell(client: str, command: str, **fields: Any) -> dict[str, Any]:
    """Before a command is run."""
    return tool(client, SHELL[client], {"command": command}, **fields)


def ran(client: str, command: str, response: Any) -> dict[str, Any]:
    """After a command has run."""
    return {
        **shell(client, command),
        "hook_event_name": AFTER_TOOL[client],
        "tool_response": response,
    }
