"""Runs of command-line clients for tests: jobs, and lines of output that a reader reads."""

import json
from typing import Any

from atlas_actors.providers.cli import Client, Job, RunReader, Totals
from atlas_actors.providers.wire import Ask, CallEnd

KEY = "sk-not-a-real-key"
PROMPT = "a prompt that is nobody's business"
# What a person's shell may hold that no client of ours may see.
PRIVATE = (
    "ANTHROPIC_API_KEY",
    "ANTHROPIC_BASE_URL",
    "ANTHROPIC_MODEL",
    "OPENAI_API_KEY",
    "OPENAI_BASE_URL",
    "CLAUDECODE",
    "CLAUDE_CONFIG_DIR",
    "CLAUDE_CODE_OAUTH_TOKEN",
    "CLAUDE_CODE_SESSION_ID",
    "CODEX_HOME",
    "CODEX_API_KEY",
    "AWS_SECRET_ACCESS_KEY",
    "GITHUB_TOKEN",
    "HOME",
    "PYTHONPATH",
    "LD_PRELOAD",
    "NODE_OPTIONS",
    "TERM",
)


def job(**changes: Any) -> Job:
    """A job that only answers; fields of the request too."""
    asked = {"model": "m", "prompt": PROMPT, "schema": None, "answer_tokens_max": 500}
    asked |= {name: changes.pop(name) for name in list(changes) if name in asked}
    fields = {
        "ask": Ask(**asked),
        "home": "/own/home",
        "folder": "/work/folder",
        "writes": False,
        "reads": False,
        "session": "00000000-0000-4000-8000-000000000001",
        "key": KEY,
        "key_as": "",
    }
    return Job(**{**fields, **changes})


def option(arguments: tuple[str, ...], name: str) -> str | None:
    """What follows the one `name`; None without it."""
    assert arguments.count(name) <= 1, f"{name} is given twice"
    return arguments[arguments.index(name) + 1] if name in arguments else None


def line(value: Any) -> bytes:
    """One line of output."""
    return json.dumps(value).encode()


def shown(reader: RunReader, *values: Any) -> list[str]:
    """The texts of these lines. Raises WireError."""
    return [
        text
        for value in values
        for text in reader.read(value if isinstance(value, bytes) else line(value))
    ]


def run(
    client: Client, *values: Any, code: int = 0, stderr: str = "", before: Totals | None = None
) -> CallEnd:
    """How a run ends that prints these lines."""
    reader = client.run_reader()
    shown(reader, *values)
    return reader.end(code, stderr, before or Totals())
