"""Which transports exist, and what a provider reached over one can do."""

from typing import Final

import attrs


@attrs.frozen(kw_only=True)
class Transport:
    """A way to reach a model. `built` is False for what this version cannot speak yet."""

    name: str
    built: bool
    workspace: bool  # can read and edit files in a working directory


TRANSPORTS: Final = {
    transport.name: transport
    for transport in (
        Transport(name="openai-chat", built=True, workspace=False),
        Transport(name="openai-responses", built=False, workspace=False),
        Transport(name="anthropic-messages", built=False, workspace=False),
        Transport(name="claude-cli", built=False, workspace=True),
        Transport(name="codex-cli", built=False, workspace=True),
    )
}
TIERS: Final = ("free", "cheap", "haiku", "quality")
