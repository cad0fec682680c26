"""Which transports exist, how each is spoken, and what a provider reached over one can do."""

from collections.abc import Mapping
from typing import Final

import attrs

from atlas_actors.providers import (
    anthropic_messages,
    claude_cli,
    codex_cli,
    openai_chat,
    openai_responses,
)
from atlas_actors.providers.cli import Client
from atlas_actors.providers.wire import Codec

CAPABILITIES: Final = ("text", "json-schema", "tools", "workspace", "vision")


@attrs.frozen(kw_only=True)
class Transport:
    """A way to reach a model: over HTTP by a codec, or through a command-line client."""

    name: str
    capabilities: frozenset[str]
    codec: Codec | None = None
    client: Client | None = None
    base_url: str = ""  # where the maker serves it


_ANSWERS: Final = frozenset({"text", "json-schema"})
_WORKS: Final = frozenset({"text", "json-schema", "tools", "workspace"})

TRANSPORTS: Final[Mapping[str, Transport]] = {
    transport.name: transport
    for transport in (
        Transport(name="openai-chat", capabilities=_ANSWERS, codec=openai_chat),
        Transport(
            name="openai-responses",
            capabilities=_ANSWERS,
            codec=openai_responses,
            base_url="https://api.openai.com",
        ),
        Transport(
            name="anthropic-messages",
            capabilities=_ANSWERS,
            codec=anthropic_messages,
            base_url="https://api.anthropic.com",
        ),
        Transport(name="claude-cli", capabilities=_WORKS, client=claude_cli),
        Transport(name="codex-cli", capabilities=_WORKS, client=codex_cli),
    )
}
# What a model takes where neither the settings nor the table of models say.
CONTEXT_TOKENS: Final = 32_768
TIERS: Final = ("free", "cheap", "haiku", "quality")
