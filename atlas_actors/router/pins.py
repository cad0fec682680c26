"""A person's choice of a provider: in the prompt, for a session, a project, or everywhere. Pure."""

import os
from collections.abc import Collection, Sequence
from pathlib import PurePath

from atlas_actors.messages.routing import Pin
from atlas_actors.router.sessions import directive_of


def pinned_by(
    ask: str,
    providers: Collection[str],
    pins: Sequence[Pin],
    *,
    session: str | None,
    cwd: str | None,
    tool_loop: bool = False,
) -> tuple[str | None, str]:
    """(provider or None, why): the nearest to the person's words wins. What a tool says is not a
    person's word: in a tool loop only standing pins count."""
    named = None if tool_loop else directive_of(ask, providers)
    if named is not None:
        return named, f"the prompt names {named}"
    for pin in pins:
        if pin.scope == "session" and pin.name == session:
            return pin.provider, f"the session is pinned to {pin.provider}"
    inside = [pin for pin in pins if pin.scope == "project" and cwd and _within(cwd, pin.name)]
    if inside:
        nearest = max(inside, key=lambda pin: len(pin.name))
        return nearest.provider, f"{nearest.name} is pinned to {nearest.provider}"
    for pin in pins:
        if pin.scope == "all":
            return pin.provider, f"everything is pinned to {pin.provider}"
    return None, ""


def _within(cwd: str, project: str) -> bool:
    return PurePath(os.path.normpath(cwd)).is_relative_to(project)
