"""Every section of the settings as a value: names, types and limits; config.py reads them."""

from typing import Any, Literal

import attrs

# As in providers/catalog.py; a test holds the two together.
TransportName = Literal[
    "openai-chat", "openai-responses", "anthropic-messages", "claude-cli", "codex-cli"
]
WhenOver = Literal["cheaper", "wait"]
FeedbackMode = Literal["observe", "propose", "act"]
WhenUnreachable = Literal["allow", "deny"]
LogLevel = Literal["TRACE", "DEBUG", "INFO", "WARNING", "ERROR"]


def _number(low: float, high: float, **options: Any) -> Any:
    return attrs.field(metadata={"low": low, "high": high}, **options)


@attrs.frozen(kw_only=True)
class DaemonSettings:
    """[daemon]"""

    log_level: LogLevel
    log_files: int = _number(1, 1000)
    log_bytes_max: int = _number(10_000, 10**12)


@attrs.frozen(kw_only=True)
class PrivacySettings:
    """[privacy]"""

    redact: bool


@attrs.frozen(kw_only=True)
class SocketSettings:
    """[socket]"""

    connections_max: int = _number(1, 100_000)
    line_bytes_max: int = _number(1_024, 64 * 1_048_576)
    in_flight_max: int = _number(1, 10_000)
    idle_s: float = _number(1, 864_000)
    line_s: float = _number(0.1, 3_600)
    answer_s: float = _number(0.1, 3_600)


@attrs.frozen(kw_only=True)
class TaskSettings:
    """[tasks]"""

    pending_max: int = _number(1, 10**9)
    attempts_max: int = _number(1, 100)
    interruptions_max: int = _number(1, 10_000)
    ageing_s: float = _number(1, 864_000, default=3_600.0)
    kept_max: int = _number(1, 10**9, default=100_000)
    retention_days: float = _number(0.01, 36_500)


@attrs.frozen(kw_only=True)
class GroupSettings:
    """[groups.NAME]: what tasks of a group share."""

    name: str
    slots: int = _number(1, 1_000, default=1)
    per_minute: int = _number(0, 1_000_000, default=0)


@attrs.frozen(kw_only=True)
class RetentionSettings:
    """[outcomes]"""

    retention_days: float = _number(0.01, 36_500)


@attrs.frozen(kw_only=True)
class ContextSettings:
    """[context]: which files of a project are given in full, as an outline, or by name."""

    hot_tokens: int = _number(0, 10_000_000)
    warm_tokens: int = _number(0, 10_000_000)
    cold_tokens: int = _number(0, 10_000_000)
    hot_least: float = _number(0, 1_000)
    warm_least: float = _number(0, 1_000)
    half_life_turns: float = _number(0.1, 10_000)
    file_bytes_max: int = _number(1_024, 100_000_000)
    look_s: float = _number(0.1, 600)
    retention_days: float = _number(0.01, 36_500)
    saver: bool = False
    saver_tokens: int = _number(100, 10_000_000, default=4_000)


@attrs.frozen(kw_only=True)
class HookRule:
    """[[hooks.rules]]: a tool's use that is denied. Each given condition must hold."""

    id: str
    reason: str
    # A client's names of tools, or shell, read, edit, search, mcp, agent; none: every tool.
    tools: tuple[str, ...] = ()
    match: str = ""  # RE2, looked for in the command, else in the tool's whole input as JSON
    paths: tuple[str, ...] = ()  # globs; ** crosses directories; relative ones are the project's
    clients: tuple[str, ...] = ()
    when_unreachable: WhenUnreachable = "allow"  # "deny": as in defaults.toml


@attrs.frozen(kw_only=True)
class HookSettings:
    """[hooks]: what coding agents tell, and are told."""

    answer_s: float = _number(0.01, 60)
    hint_tokens: int = _number(0, 2_400)
    failures: bool
    line_bytes_max: int = _number(65_536, 64 * 1_048_576)
    retention_days: float = _number(0.01, 36_500)
    events_max: int = _number(100, 10**9)
    rules: tuple[HookRule, ...] = ()


@attrs.frozen(kw_only=True)
class McpSettings:
    """[mcp]: the MCP servers that your clients are configured with."""

    warm: tuple[str, ...]
    check_every_s: float = _number(0, 31_536_000)
    timeout_s: float = _number(0.1, 600)
    parallel: int = _number(1, 100)
    projects: tuple[str, ...]
    retention_days: float = _number(0.01, 36_500)


@attrs.frozen(kw_only=True)
class HandoffSettings:
    """[handoffs]"""

    retention_days: float = _number(0.01, 36_500)
    stale_s: float = _number(1, 31_536_000)


@attrs.frozen(kw_only=True)
class SchedulerSettings:
    """[scheduler]"""

    retention_days: float = _number(0.01, 36_500)


@attrs.frozen(kw_only=True)
class ProposalSettings:
    """[proposals]: work that Atlas proposes; nothing of it is done unasked."""

    per_day: int = _number(0, 10_000)
    approve: tuple[str, ...]
    days: float = _number(0.01, 36_500)
    retention_days: float = _number(0.01, 36_500)


@attrs.frozen(kw_only=True)
class DetectorSettings:
    """[detectors]: what Atlas looks for to propose work; off unless switched on."""

    todo: bool
    handoffs: bool
    projects: tuple[str, ...]
    every_s: float = _number(1, 31_536_000)
    files_max: int = _number(1, 1_000_000)
    file_bytes_max: int = _number(1, 100_000_000)


@attrs.frozen(kw_only=True)
class CheckSettings:
    """[checks.NAME]: a command that should exit 0."""

    name: str
    command: tuple[str, ...] = attrs.field(metadata={"command": True})
    cwd: str = ""
    every_s: float = _number(1, 31_536_000, default=3_600.0)
    timeout_s: float = _number(0.1, 86_400, default=600.0)
    prompt: str = ""


@attrs.frozen(kw_only=True)
class CycleSettings:
    """[cycle]"""

    interval_s: float = _number(1, 86_400)
    step_s: float = _number(0.1, 600)


@attrs.frozen(kw_only=True)
class MemorySettings:
    """[memory]"""

    cache_url: str
    cache_bytes_max: int = _number(0, 2**40)
    cache_timeout_s: float = _number(0.001, 10)
    embedder: str
    half_life_days: float = _number(0.1, 36_500)
    retention_days: float = _number(0.01, 36_500)
    per_session_max: int = _number(0, 100_000)
    learn_with: str
    recall_tokens: int = _number(0, 1_000_000)
    brief_tokens: int = _number(0, 1_000_000)


@attrs.frozen(kw_only=True)
class RoutingSettings:
    """[routing]"""

    retention_days: float = _number(0.01, 36_500)
    tiers: tuple[str, ...]
    capabilities: str


@attrs.frozen(kw_only=True)
class IntentSettings:
    """[intents.NAME]: None leaves what Atlas ships."""

    name: str
    tier: str | None = None
    needs: tuple[str, ...] | None = None
    check: str | None = None
    answer_tokens: int | None = _number(1, 10_000_000, default=None)
    budget_usd: float | None = _number(0, 10_000, default=None)
    hints: tuple[str, ...] | None = None
    example: str | None = None
    cache_s: float | None = _number(0, 31_536_000, default=None)


@attrs.frozen(kw_only=True)
class Rule:
    """[[rules]], and those that Atlas ships. It decides when `pattern` (anchored) matches or one of
    `words` (a word or two in a row) is in the ask, `unless` does not match, and the ask is not
    longer than `words_max` (0: any length). `whole`: on the ask with what politely leads to it."""

    id: str
    intent: str
    example: str
    counter: str = ""
    pattern: str = ""
    words: tuple[str, ...] = ()
    unless: str = ""
    whole: bool = False
    words_max: int = _number(0, 100_000, default=0)


@attrs.frozen(kw_only=True)
class StrategySettings:
    """[strategies]: approaches that live and die by verified outcomes."""

    evolve: bool
    cost_weight: float = _number(0, 10)
    latency_weight: float = _number(0, 10)
    challenger_share: float = _number(0, 0.05)
    challengers_max: int = _number(0, 10)
    reflect_with: str
    reflections_per_day: int = _number(0, 1_000)
    propose: bool
    seed: int = _number(0, 2**53)
    retention_days: float = _number(0.01, 36_500)


@attrs.frozen(kw_only=True)
class FeedbackSettings:
    """[feedback]: the health of every part, and what is adjusted because of it."""

    mode: FeedbackMode
    interval_s: float = _number(1, 31_536_000)
    debounce_s: float = _number(0, 86_400)
    window_days: float = _number(0.01, 365)
    retention_days: float = _number(0.01, 36_500)


@attrs.frozen(kw_only=True)
class BudgetSettings:
    """[budget]"""

    usd_per_day: float = _number(0, 100_000)
    usd_per_task: float = _number(0, 100_000)
    when_over: WhenOver


@attrs.frozen(kw_only=True)
class ProviderSettings:
    """[providers.NAME]; None leaves what the transport or the table of prices says."""

    name: str
    transport: TransportName
    tier: str
    base_url: str = ""
    model: str = ""
    key_env: str = ""
    key_command: tuple[str, ...] = ()
    slots: int = _number(1, 1_000, default=4)
    capabilities: tuple[str, ...] | None = None
    context_tokens: int | None = _number(256, 100_000_000, default=None)
    stream: bool = True
    answer_tokens_max: int = _number(1, 10_000_000, default=4_096)
    deadline_s: float = _number(0.1, 86_400, default=600.0)
    idle_s: float = _number(0.1, 86_400, default=120.0)
    retries: int = _number(0, 10, default=1)
    breaker_failures: int = _number(1, 1_000, default=3)
    breaker_s: float = _number(0.1, 86_400, default=30.0)
    requests_per_minute: int = _number(0, 1_000_000, default=0)
    usd_per_day: float | None = _number(0, 100_000, default=None)
    tokens_per_day: int | None = _number(0, 10**12, default=None)
    usd_per_attempt: float = _number(0, 10_000, default=1.0)
    embedded: bool = False
    idle_unload_s: float = _number(1, 864_000, default=300.0)
    command: str = ""
    client_home: str = ""
    key_as: str = ""
    allow_commands: bool = False
    turns_max: int = _number(1, 10_000, default=50)
    usd_input: float | None = _number(0, 100_000, default=None)
    usd_output: float | None = _number(0, 100_000, default=None)
    usd_cache_read: float | None = _number(0, 100_000, default=None)
    usd_cache_write: float | None = _number(0, 100_000, default=None)
