"""Codex CLI's `exec --json` as a provider: how it is launched, and what its JSON lines mean. Pure.

Wire facts (measured with 0.169.0): usage is a sum over the thread and includes what was cached;
errors are prose without a status; a refused connection is retried for ever; a blocked prompt ends
as turn.completed with no usage; an error item is a warning, only turn.failed is final; the sum
that a thread is gone on with stands in its transcript after each answer, a killed run's too.
"""

import json
import re
import shlex
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Final

from atlas_actors.messages.execution import End, Fault, Usage
from atlas_actors.providers.cli import Job, Launch, Totals, passed_on, words
from atlas_actors.providers.trail import Trail, text_of
from atlas_actors.providers.wire import (
    Answer,
    CallEnd,
    WireError,
    count,
    error_text,
    failed,
    fault_in,
    name_of,
    object_of,
    part,
    rows_of,
    whole,
)

COMMAND: Final = "codex"
KEY_AS: Final = "CODEX_API_KEY"
LOGIN_FILES: Final[tuple[str, ...]] = ("auth.json",)
TRANSCRIPTS: Final = "sessions/**/*.jsonl"
SESSION_LOST: Final = "no rollout found"
RETRIES: Final = 1
IDLE_MS: Final = 120_000
COMMAND_CHARACTERS: Final = 20_000  # a longer one is shown as it is
# It retries these without end, whatever its limits.
_NO_NETWORK: Final = "waiting for network"
# The classes of errors that are only prose, the first that matches; numbers as whole words.
_PROSE: Final = (
    (Fault.QUOTA, r"usage limit|quota|billing"),
    (Fault.CONTEXT, r"context window|context.length"),
    (Fault.KEY, r"\b40[13]\b|unauthorized|missing environment variable|not logged in|api key"),
    (Fault.NETWORK, r"waiting for network|connection refused|error sending request"),
    (Fault.RATE, r"rate limit|high demand|\b429\b|try again in|overloaded"),
    (Fault.REQUEST, r"\b400\b|invalid request|not supported|unexpected status 4\d\d\b"),
)


def launch(job: Job, environment: Mapping[str, str]) -> Launch:
    """Hooks off, in its own sandbox; the prompt comes by standard input."""
    arguments = [
        *("exec", "--json", "--skip-git-repo-check", "--disable", "hooks"),
        *(() if job.keeps else ("--ephemeral",)),
        *("-s", "workspace-write" if job.writes else "read-only"),
        *("-C", job.folder),
        *(("-m", job.ask.model) if job.ask.model else ()),
    ]
    settings: dict[str, Any] = {
        "approval_policy": "never",
        "check_for_update_on_startup": False,
        "analytics.enabled": False,
        "sandbox_workspace_write.exclude_slash_tmp": True,  # others' files are there
    }
    if job.base_url:
        settings |= {
            "model_provider": "atlas",
            "model_providers.atlas.name": "atlas",
            "model_providers.atlas.base_url": job.base_url.rstrip("/").removesuffix("/v1") + "/v1",
            "model_providers.atlas.wire_api": "responses",
            "model_providers.atlas.request_max_retries": RETRIES,
            "model_providers.atlas.stream_max_retries": RETRIES,
            "model_providers.atlas.stream_idle_timeout_ms": IDLE_MS,
        }
        if job.key:
            settings["model_providers.atlas.env_key"] = job.key_as
    for key, value in settings.items():
        arguments += ["-c", f"{key}={json.dumps(value)}"]
    files = {}
    if job.ask.schema is not None:
        files["schema.json"] = json.dumps(job.ask.schema)
        arguments += ["--output-schema", "{scratch}/schema.json"]
    arguments += ["resume", job.session, "-"] if job.resumes else ["-"]
    variables = {
        **passed_on(environment),
        "HOME": job.home,
        "CODEX_HOME": job.home,
        "TMPDIR": "{scratch}",
    }
    if job.key:
        variables[job.key_as] = job.key
    return Launch(
        arguments=tuple(arguments), environment=variables, stdin=job.ask.prompt, files=files
    )


def run_reader(folder: str = "") -> "RunReader":
    """For one run in this folder."""
    return RunReader(folder)


def totals_in(transcript: Iterable[bytes]) -> Totals | None:
    """The last sums in a transcript; None before the model's first answer."""
    sums, answered = Totals(), False
    for line in transcript:
        if b'"token_count"' not in line and (answered or b'"response_item"' not in line):
            continue
        try:
            value = object_of(line)
        except WireError:
            continue  # cut in the middle
        said = part(value, "payload")
        if value.get("type") == "response_item":
            kind = str(said.get("type"))
            answered = answered or kind.endswith("_call") or said.get("role") == "assistant"
        elif said.get("type") == "token_count":
            usage = part(part(said, "info"), "total_token_usage")
            sums = Totals(usage=usage_of(usage)) if usage else sums
    return sums if answered else None


class RunReader:
    """The lines of one run: a thread, items, and the turn's end."""

    def __init__(self, folder: str = "") -> None:
        self.answer = Answer()
        self.totals = Totals()
        self.session = ""
        self.trail = Trail(folder)
        self._messages: list[str] = []
        self._completed = False
        self._worked = False  # the model has answered at least once
        self._failure: str | None = None
        self._error = ""

    def read(self, line: bytes) -> Iterator[str]:
        """Each message of the agent as it is whole. Raises WireError where it waits for ever."""
        try:
            value = object_of(line)
        except WireError:
            return  # a warning in prose
        item = part(value, "item")
        kind = item.get("type")
        self._worked = self._worked or kind not in (None, "error")
        if str(value.get("type")).startswith("item."):
            self._on_item(item, over=value.get("type") == "item.completed")
        match value.get("type"):
            case "thread.started":
                self.session = name_of(value.get("thread_id"))
            case "item.completed" if kind == "agent_message":
                text = item.get("text")
                if isinstance(text, str) and text:
                    self._messages.append(whole(text))
                    self.trail.pause()
                    self.trail.say(self._messages[-1])
                    yield ("\n\n" if len(self._messages) > 1 else "") + self._messages[-1]
            case "turn.completed":
                self._completed = True
                self.totals = Totals(usage=usage_of(part(value, "usage")))
            case "turn.failed":
                self._failure = error_text(value.get("error")) or "the turn failed"
            case "error":
                self._error = error_text(value)
                if _NO_NETWORK in self._error.lower():
                    raise WireError(self._error, Fault.NETWORK)

    def _on_item(self, item: Mapping[str, Any], *, over: bool) -> None:
        """A step begins or ends, or its list of steps has changed."""
        id, kind = name_of(item.get("id")), item.get("type")
        if kind == "todo_list":
            rows = rows_of(item.get("items"))
            self.trail.plan([text_of(row.get("text")) for row in rows if not row.get("completed")])
        elif kind == "command_execution":
            self.trail.begin(id, f"Bash: {_command(text_of(item.get('command')))}")
        elif kind == "file_change":
            changes = rows_of(item.get("changes"))
            files = [self.trail.place(text_of(change.get("path"))) for change in changes]
            self.trail.begin(id, f"Edit {', '.join(files)}", tuple(files))
        elif kind == "mcp_tool_call":
            self.trail.begin(id, f"{name_of(item.get('server'))}: {name_of(item.get('tool'))}")
        if over:
            self.trail.end(id, failed=item.get("status") not in (None, "completed"))

    def end(self, code: int, stderr: str, before: Totals) -> CallEnd:
        """turn.completed with usage is an answer: the last message."""
        used = self.totals.since(before)
        self.answer.usage = used.usage
        if self._completed and self._failure is None and code == 0:
            if used.usage == Usage():
                return failed(Fault.REQUEST, "the run was blocked (no tokens)", self.answer)
            self.answer.text = self._messages[-1] if self._messages else ""
            self.answer.finish = "stop"
            return CallEnd(end=End.ANSWERED, answer=self.answer)
        said = self._failure or self._error or words(stderr)
        error = said or f"it ended with code {code} and no result"
        fault = fault_of_words(said)
        unknown = self._worked and not self._completed  # a failed turn does not say what it used
        return failed(fault, error, self.answer, estimated=unknown)


def usage_of(usage: Mapping[str, Any]) -> Usage:
    """Tokens; input_tokens includes what was read from and written to the cache."""
    total = count(usage.get("input_tokens"))
    cached = min(total, count(usage.get("cached_input_tokens")))
    written = min(total - cached, count(usage.get("cache_write_input_tokens")))
    return Usage(
        input=total - cached - written,
        cache_read=cached,
        cache_write=written,
        output=count(usage.get("output_tokens")),
        reasoning=count(usage.get("reasoning_output_tokens")),
    )


def _command(said: str) -> str:
    """What was run, without the shell that it is wrapped in."""
    try:
        parts = shlex.split(said) if len(said) < COMMAND_CHARACTERS else []
    except ValueError:
        parts = []
    return parts[2] if len(parts) == 3 and parts[1] in ("-c", "-lc") else said


def fault_of_words(said: str) -> Fault:
    """The class of an error that is only prose."""
    low = said.lower()
    known = fault_in(low)
    if known is not None:
        return known
    found = (fault for fault, pattern in _PROSE if re.search(pattern, low))
    return next(found, Fault.SERVER)
