"""Pure: which providers a fault counts for that a person's own coding agent has met."""

from pathlib import Path
from typing import Final

import attrs

from atlas_actors.messages.execution import Fault
from atlas_actors.settings import ProviderSettings


@attrs.frozen(kw_only=True)
class Service:
    """What a client uses: through which programs with which login, over which wires."""

    program: str  # the transport that runs the client itself
    login_home: str  # where the person's own login is
    wire: str  # the transport that speaks with the maker directly


_SERVICES: Final = {
    "claude": Service(program="claude-cli", login_home="~", wire="anthropic-messages"),
    "codex": Service(program="codex-cli", login_home="~/.codex", wire="openai-responses"),
}
# A limit is that of a login; an outage is everybody's.
_OF_LOGIN: Final = frozenset({Fault.RATE, Fault.QUOTA})


def same_service(settings: ProviderSettings, client: str, fault: Fault) -> bool:
    """Whether this provider would meet the same fault now."""
    service = _SERVICES.get(client)
    if service is None or settings.base_url:
        return False
    if fault in _OF_LOGIN:
        return settings.transport == service.program and _same_home(settings, service)
    if fault is Fault.SERVER:
        return settings.transport in (service.program, service.wire)
    return False


def _same_home(settings: ProviderSettings, service: Service) -> bool:
    home = settings.client_home
    return bool(home) and Path(home).expanduser() == Path(service.login_home).expanduser()
