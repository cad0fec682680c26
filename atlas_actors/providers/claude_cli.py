"""Claude Code in print mode as a provider: how it is launched, and what its JSON lines mean. Pure.

Wire facts (measured with 2.1.330): errors keep subtype success, so is_error, api_error_status and
terminal_reason decide; a prompt that a hook blocked exits 0 with no turn; modelUsage and
total_cost_usd are sums over the session since its last cost-state, a line that its transcript gets
when a run ends in order (a killed one is not in the sums); usage is zero on some errors and leaves
out subagents; --max-turns and --max-budget-usd count from where a session is gone on with.
"""

import json
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Final

from atlas_actors.messages.execution import End, Fault, Usage
from atlas_actors.providers.cli import Job, Launch, Totals, passed_on, words
from atlas_actors.providers.trail import Trail, text_of
from atlas_actors.providers.wire import (
    END_OF,
    SYSTEM,
    Answer,
    CallEnd,
    WireError,
    count,
    error_text,
    failed,
    fault_of,
    name_of,
    object_of,
    part,
    rows_of,
    whole,
)

COMMAND: Final = "claude"
KEY_AS: Final = "ANTHROPIC_API_KEY"
LOGIN_FILES: Final[tuple[str, ...]] = (".claude/.credentials.json",)
TRANSCRIPTS: Final = ".claude/projects/**/*.jsonl"
SESSION_LOST: Final = "no conversation found"
RETRIES: Final = 2  # its own, for a hiccup within a long run; ours come after it has ended
_READ_TOOLS: Final = ("Read", "Glob", "Grep")
_WRITE_TOOLS: Final = (*_READ_TOOLS, "Edit", "Write", "NotebookEdit")
# What only looks or plans is no step of the work.
_LOOKS: Final = frozenset({*_READ_TOOLS, "LS", "TodoWrite", "WebSearch", "WebFetch"})
_LENGTH: Final = frozenset({"max_turns", "max_tokens"})
_QUIET: Final = (
    "DISABLE_TELEMETRY",
    "DISABLE_ERROR_REPORTING",
    "DISABLE_AUTOUPDATER",
    "DISABLE_BUG_COMMAND",
    "CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC",
)
_NO_LOGIN: Final = ("not logged in", "/login", "invalid api key", "oauth token")


def launch(job: Job, environment: Mapping[str, str]) -> Launch:
    """Hooks off, no settings of the project or the person, no MCP servers, only the tools that
    the work needs; the prompt comes by standard input, so that no process list shows it."""
    tools = _WRITE_TOOLS if job.writes else _READ_TOOLS if job.reads else ()
    if job.writes and job.allow_commands:
        tools = (*tools, "Bash")
    # A tenth of the request, but few tools, no CLAUDE.md of the project, and no login but a key.
    bare = not tools and job.key != "" and job.key_as == KEY_AS
    arguments = [
        "-p",
        *("--output-format", "stream-json", "--verbose", "--include-partial-messages"),
        *(("--model", job.ask.model) if job.ask.model else ()),
        *("--max-turns", str(job.turns_max)),
        *("--resume" if job.resumes else "--session-id", job.session),
        *(() if job.keeps else ("--no-session-persistence",)),
        *("--settings", json.dumps({"disableAllHooks": True})),
        *("--setting-sources", ""),
        "--strict-mcp-config",
        *("--tools", ",".join(tools)),
        *(("--bare",) if bare else ()),
    ]
    if tools:
        arguments += ["--allowedTools", ",".join(tools)]
    if job.writes:
        arguments += ["--permission-mode", "acceptEdits"]
    else:
        arguments += ["--system-prompt", SYSTEM]
    if job.budget_usd is not None:
        arguments += ["--max-budget-usd", f"{job.budget_usd:.6f}"]
    if job.ask.schema is not None:
        arguments += ["--json-schema", json.dumps(job.ask.schema)]
    variables = {
        **passed_on(environment),
        "HOME": job.home,
        "CLAUDE_CONFIG_DIR": f"{job.home}/.claude",
        "TMPDIR": "{scratch}",
        "CLAUDE_CODE_MAX_RETRIES": str(RETRIES),
        "CLAUDE_CODE_MAX_OUTPUT_TOKENS": str(job.ask.answer_tokens_max),
        **dict.fromkeys(_QUIET, "1"),
    }
    if job.key:
        variables[job.key_as] = job.key
    if job.base_url:
        variables["ANTHROPIC_BASE_URL"] = job.base_url
    return Launch(arguments=tuple(arguments), environment=variables, stdin=job.ask.prompt)


def run_reader(folder: str = "") -> "RunReader":
    """For one run in this folder."""
    return RunReader(folder)


def totals_in(transcript: Iterable[bytes]) -> Totals | None:
    """The last sums in a transcript; None before the model's first answer."""
    sums, answered = Totals(), False
    for line in transcript:
        if not answered and b'"assistant"' in line:
            answered = _kind(line) == "assistant"
        if b'"cost-state"' in line and _kind(line) == "cost-state":
            state = object_of(line)
            sums = totals_of({**state, "total_cost_usd": state.get("totalCostUSD")})
    return sums if answered else None


def _kind(line: bytes) -> object:
    """The type of a line; nothing of one that was cut in the middle."""
    try:
        return object_of(line).get("type")
    except WireError:
        return None


class RunReader:
    """The lines of one run: init, stream events, messages, and one result."""

    def __init__(self, folder: str = "") -> None:
        self.answer = Answer()
        self.totals = Totals()
        self.session = ""
        self.trail = Trail(folder)
        self._result: dict[str, Any] | None = None
        self._retry = ""
        self._worked = False  # the model has answered at least once

    def read(self, line: bytes) -> Iterator[str]:
        """The text as the main agent writes it; what it did in between is not shown."""
        try:
            value = object_of(line)
        except WireError:
            return  # a warning in prose; what counts is the result
        self._worked = self._worked or value.get("type") in ("stream_event", "assistant")
        match value.get("type"):
            case "system" if value.get("subtype") == "init":
                self.session = name_of(value.get("session_id"))
                self.answer.model = name_of(value.get("model"))
            case "system" if value.get("subtype") == "api_retry":
                status, why = value.get("error_status"), value.get("error")
                self._retry = f"it retried after HTTP {status}: {why}"
            case "stream_event" if value.get("parent_tool_use_id") is None:
                yield from self._stream(part(value, "event"))
            case "assistant":
                for block in rows_of(part(value, "message").get("content")):
                    self._on_tool(block)
            case "user":
                for block in rows_of(part(value, "message").get("content")):
                    if block.get("type") == "tool_result":
                        id = name_of(block.get("tool_use_id"))
                        self.trail.end(id, failed=bool(block.get("is_error")))
            case "result":
                self._result = value
                self.session = name_of(value.get("session_id")) or self.session
                self.totals = totals_of(value)

    def _stream(self, event: Mapping[str, Any]) -> Iterator[str]:
        text = part(event, "delta").get("text")
        if isinstance(text, str):
            self.trail.say(whole(text))
        if event.get("type") == "message_start" and self.answer.text:
            text = "\n\n"  # what it says after a tool call
            self.trail.pause()
        if isinstance(text, str) and text:
            self.answer.text += text
            yield whole(text)

    def _on_tool(self, block: Mapping[str, Any]) -> None:
        """It begins to use a tool; what comes of it is told by a later line."""
        if block.get("type") != "tool_use":
            return
        name, given = name_of(block.get("name")), part(block, "input")
        if name == "TodoWrite":
            rows = rows_of(given.get("todos"))
            open_rows = [row for row in rows if row.get("status") != "completed"]
            self.trail.plan([text_of(row.get("content")) for row in open_rows])
        if name in _LOOKS:
            return
        file = text_of(given.get("file_path") or given.get("notebook_path"))
        id, command = name_of(block.get("id")), text_of(given.get("command"))
        if file:
            where = self.trail.place(file)
            self.trail.begin(id, f"{name} {where}", (where,))
        else:
            self.trail.begin(id, f"{name}: {command}" if command else name)

    def end(self, code: int, stderr: str, before: Totals) -> CallEnd:
        """The result line decides; without one the run was cut off."""
        result = self._result
        used = self.totals.since(before)
        self.answer.usage = used.usage
        if result is None:
            why = words(stderr) or self._retry
            error = f"it ended with code {code} and no result{': ' + why if why else ''}"
            fault = _fault_of_words(why) or Fault.SERVER
            return failed(fault, error, self.answer, estimated=self._worked)
        said = _text_of(result)
        reason = str(result.get("terminal_reason") or result.get("subtype") or "")
        self.answer.finish = _finish(result, reason)
        status = result.get("api_error_status")
        if reason == "budget_exhausted" or result.get("subtype") == "error_max_budget_usd":
            return self._ended(End.OVER_BUDGET, None, "it reached the budget of the attempt", used)
        if reason == "prompt_too_long":
            return self._ended(
                END_OF[Fault.CONTEXT], Fault.CONTEXT, said or "the prompt is too long", used
            )
        if self.answer.finish == "length" and not status:
            self.answer.text = whole(said_by_model(result) or self.answer.text)
            return self._ended(End.ANSWERED, None, "", used)
        if result.get("is_error"):
            fault = _fault_of_words(said) or fault_of(count(status), {"message": said})
            message = f"HTTP {status}: {said}" if status else said or reason
            return self._ended(END_OF[fault], fault, message, used)
        if not count(result.get("num_turns")) or reason in ("hook_stopped", "tool_deferred"):
            return self._ended(
                End.REFUSED, Fault.REQUEST, f"the run was blocked ({reason or 'no turn'})", used
            )
        self.answer.text = said
        if result.get("permission_denials"):
            self.answer.finish = "denied"  # of something; it counts where nothing was changed
        return self._ended(End.ANSWERED, None, "", used)

    def _ended(self, end: End, fault: Fault | None, error: str, used: Totals) -> CallEnd:
        return CallEnd(
            end=end,
            fault=fault,
            answer=self.answer,
            error=error_text(error),
            cost_usd=used.cost_usd,
        )


def totals_of(result: Mapping[str, Any]) -> Totals:
    """The session's sums: over all models, subagents included."""
    models = [row for row in part(result, "modelUsage").values() if isinstance(row, dict)]

    def total(key: str) -> int:
        return sum(count(row.get(key)) for row in models)

    cost = result.get("total_cost_usd")
    return Totals(
        usage=Usage(
            input=total("inputTokens"),
            cache_read=total("cacheReadInputTokens"),
            cache_write=total("cacheCreationInputTokens"),
            cache_write_1h=total("cacheCreationEphemeral1hInputTokens"),
            output=total("outputTokens"),
            reasoning=total("thinkingTokens"),
        ),
        cost_usd=float(cost) if isinstance(cost, int | float) and 0 <= cost < 1e9 else 0.0,
    )


def said_by_model(result: Mapping[str, Any]) -> str:
    """The answer in a result; an empty text where there are only errors of the client."""
    structured = result.get("structured_output")
    if structured is not None:
        return whole(json.dumps(structured, ensure_ascii=False))
    said = result.get("result")
    return whole(said) if isinstance(said, str) else ""


def _text_of(result: Mapping[str, Any]) -> str:
    said = said_by_model(result)
    if said:
        return said
    errors = result.get("errors")
    return whole("; ".join(str(error) for error in errors)) if isinstance(errors, list) else ""


def _finish(result: Mapping[str, Any], reason: str) -> str:
    stop = str(result.get("stop_reason") or "")
    if reason in _LENGTH or stop in _LENGTH or result.get("subtype") == "error_max_turns":
        return "length"
    return "refusal" if stop == "refusal" else "stop"


def _fault_of_words(said: str) -> Fault | None:
    low = said.lower()
    return Fault.KEY if any(mark in low for mark in _NO_LOGIN) else None
