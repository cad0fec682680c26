"""Every section of the settings as a value: names, types and limits; config.py reads them."""

from typing import Any, Literal

import attrs

# As in providers/catalog.py; a test holds the two together.
TransportName = Literal[
    "openai-chat", "openai-responses", "anthropic-messages", "claude-cli", "codex-cli"
]
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
    retention_days: float = _number(0.01, 36_500)


@attrs.frozen(kw_only=True)
class RetentionSettings:
    """[outcomes]"""

    retention_days: float = _number(0.01, 36_500)


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


@attrs.frozen(kw_only=True)
class RuleSettings:
    """[[rules]]: a Layer 1 rule of the user's."""

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
class ProviderSettings:
    """[providers.NAME]"""

    name: str
    transport: TransportName
    tier: str
    base_url: str = ""
    model: str = ""
    key_env: str = ""
    slots: int = _number(1, 1_000, default=4)
    context_tokens: int = _number(256, 100_000_000, default=32_768)
    answer_tokens_max: int = _number(1, 10_000_000, default=4_096)
    deadline_s: float = _number(0.1, 86_400, default=600.0)
    embedded: bool = False
    idle_unload_s: float = _number(1, 864_000, default=300.0)
    usd_input: float = _number(0, 100_000, default=0.0)
    usd_output: float = _number(0, 100_000, default=0.0)
    usd_cache_read: float = _number(0, 100_000, default=0.0)
    usd_cache_write: float = _number(0, 100_000, default=0.0)
