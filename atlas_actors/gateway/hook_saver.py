"""[context] saver: the outline of a large file in place of all of it, once in a turn."""

import os
from pathlib import Path
from typing import Final

import anyio

from atlas_actors.gateway import hook_hint
from atlas_actors.gateway.door import Door
from atlas_actors.gateway.hook_asked import Asked
from atlas_actors.messages import paths
from atlas_actors.messages.client import ClaimOutline, ClientEvent
from atlas_actors.messages.context import (
    Delivery,
    FileMeasure,
    FilesDelivered,
    PlanTiers,
    TiersPlanned,
)
from atlas_actors.providers.wire import CHARACTERS_PER_TOKEN
from atlas_actors.sources import git_says
from atlas_actors.sources.ignore import is_secret
from atlas_actors.sources.measure import Look, look_at
from atlas_actors.sources.planning import FILES
from atlas_actors.sources.project import name_in, size_and_time

# How a part of a file is read.
TOOL_RANGES: Final = "offset and limit"
SHELL_RANGES: Final = "sed -n 'FIRST,LASTp'"
SHARE_MAX: Final = 0.5  # of the file: a longer outline saves too little to be worth a refusal


def may_save(event: ClientEvent) -> bool:
    """Whether it is a whole read of one file, by a tool for that or by `cat`."""
    tool = event.tool
    return (
        tool is not None
        and tool.kind in ("read", "shell")
        and tool.whole
        and len(tool.files) == 1
        and tool.files[0].kind == "read"
    )


async def outline(door: Door, asked: Asked) -> str:
    """Why the file is not read whole now, with its outline; empty: it may be read."""
    assert asked.raw.tool is not None
    if asked.where is None or not asked.openable(asked.raw.tool.files):
        return ""
    root, path = Path(asked.where.root), asked.raw.tool.files[0].path
    settings = door.hooks.context
    name = await door.on_client_files(lambda: _large(root, path, settings.saver_tokens))
    if not name:
        return ""
    left_s = asked.until_s - anyio.current_time()
    looks = await look_at(
        root, [name], bytes_max=settings.file_bytes_max, timeout_s=left_s, texts=True
    )
    if not looks or not _saves(looks[0], settings.saver_tokens):
        return ""
    look, event = looks[0], asked.event
    if await _is_hot(door, asked.where.root, event.session, look.measure):
        return ""
    claim = ClaimOutline(client=event.client, session=event.session, path=path)
    if not await door.ask(paths.SESSIONS, claim, door.answer_s):
        return ""
    ranges = SHELL_RANGES if asked.raw.tool.kind == "shell" else TOOL_RANGES
    return _given(door, asked.where.root, event.session, look, ranges)


def _large(root: Path, path: str, tokens: int) -> str:
    """The name of a file in the project that may be shown and could be too long; else nothing."""
    name = name_in(root, path, root)
    if name is None or is_secret(name):
        return ""
    found = size_and_time(root, name)
    if found is None or found[0] <= tokens * CHARACTERS_PER_TOKEN:
        return ""
    return "" if git_says.ignored(root, [name]) else os.fspath(name)


def _saves(look: Look, tokens: int) -> bool:
    measure = look.measure
    return (
        measure.state == "text"
        and bool(look.outline)
        and measure.tokens_outline is not None
        and measure.tokens_full > tokens
        and measure.tokens_outline <= SHARE_MAX * measure.tokens_full
    )


async def _is_hot(door: Door, root: str, session: str, measure: FileMeasure) -> bool:
    """Whether context would give it in full."""
    ask = PlanTiers(project=root, session=session or None, limit=FILES, measures=(measure,))
    planned: TiersPlanned = await door.ask(paths.CONTEXT, ask, door.answer_s)
    return any(file.path == measure.path and file.tier == "HOT" for file in planned.files)


def _given(door: Door, root: str, session: str, look: Look, ranges: str) -> str:
    """The refusal; it is kept what was given in place of what."""
    measure = look.measure
    text = door.redactor.text(look.outline or "")
    tokens = measure.tokens_outline or 0
    reason = hook_hint.outline_reason(measure.path, text, measure.tokens_full, tokens, ranges)
    delivery = Delivery(
        path=measure.path,
        tier="WARM",
        tokens_full=measure.tokens_full,
        tokens_given=len(reason) // CHARACTERS_PER_TOKEN,
    )
    fact = FilesDelivered(project=root, session=session, deliveries=(delivery,))
    door.tell(paths.CONTEXT, fact)
    return reason
