"""The road of one hook: its event, what the rules say, whom it is told, and what is answered."""

from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Final, TypeVar

import anyio
import attrs
from loguru import logger

from atlas_actors.clients.adapter import event_of
from atlas_actors.clients.answer import Answer, encode
from atlas_actors.clients.fingerprint import fingerprint
from atlas_actors.clients.rollout import lacks_exit_code, with_exit_code
from atlas_actors.clients.table import ANSWERED
from atlas_actors.errors import AtlasError, DeadlinePassed
from atlas_actors.gateway import hook_parts
from atlas_actors.gateway.door import Door
from atlas_actors.gateway.hook_asked import Asked
from atlas_actors.gateway.hook_desk import Touched, TurnOver
from atlas_actors.gateway.hook_line import HookCall
from atlas_actors.gateway.hook_places import Where
from atlas_actors.gateway.hook_privacy import clean_event, is_long, with_fields
from atlas_actors.messages import paths
from atlas_actors.messages.client import ClientEvent, EventKind, HookHappened, HookNoted
from atlas_actors.settings import HookRule

GUARDED: Final = frozenset[EventKind]({"pre_tool", "permission"})
# Nobody waits for what is only kept, or worked on later, for longer than that.
KEPT_S: Final = 0.2
RECORD_S: Final = 0.1  # a look at the end of Codex' record of a session takes a millisecond
LEARNED: Final = frozenset[EventKind]({"stop", "pre_compact", "session_end"})
T = TypeVar("T")


@attrs.frozen(kw_only=True)
class Road:
    """What came of a hook."""

    event: ClientEvent  # without secrets
    answer: bytes
    late: tuple[str, ...] = ()


@attrs.frozen(kw_only=True)
class Ruled:
    """What is known before anybody else is asked."""

    raw: ClientEvent  # as it came: for the opening of files alone
    where: Where | None
    denied: HookRule | None


async def ruled(door: Door, call: HookCall, until_s: float) -> Ruled:
    """What the user's rules say; needs nobody but the gateway. Raises UsageError for an unknown
    client, or a payload that is no event; DeadlinePassed when the disk does not say by then where
    files really are."""

    def read() -> ClientEvent:
        event = event_of(call.client, call.event, call.payload)
        return with_fields(event, call.fields)

    raw = await _piece(door, call.payload, read)
    where = await door.hooks.places.of(raw.cwd, door.on_client_files)
    denied = None
    if raw.kind in GUARDED and door.hooks.settings.rules:
        denied = await _denied(door, call, raw, where, until_s)
    return Ruled(raw=raw, where=where, denied=denied)


async def _denied(
    door: Door, call: HookCall, raw: ClientEvent, where: Where | None, until_s: float
) -> HookRule | None:
    """On a thread: rules about paths look at the disk."""
    project = where.project if where is not None else None
    with anyio.CancelScope(deadline=until_s):
        return await anyio.to_thread.run_sync(
            lambda: door.hooks.rules.denies(raw, call.payload, project),
            abandon_on_cancel=True,
            limiter=door.hooks.ruling,
        )
    raise DeadlinePassed("the disk did not say in time whether a rule is about these files")


async def travelled(door: Door, call: HookCall, before: Ruled, until_s: float) -> Road:
    """Tell the event, and answer it with what is there by then, a time of the loop's."""
    event = None
    with anyio.CancelScope(deadline=until_s):
        event = await _piece(
            door,
            call.payload,
            lambda: clean_event(door.redactor, before.raw, call.event, call.payload, call.fields),
        )
    raw = before.raw
    if event is None:  # too much to be made clean in time: nothing of it is kept
        return attrs.evolve(denied(before), late=("redaction",))
    if _is_private(raw, event):
        return Road(event=event, answer=b"")
    if lacks_exit_code(raw):
        event = await _with_exit_code(door, raw, event, until_s)
    happened = _happened(event, before.where)
    if before.denied is not None:
        door.tell(paths.SESSIONS, happened)
        return Road(event=event, answer=_denial(raw, before.denied))
    parts: dict[str, Callable[[], Awaitable[Any]]] = {}
    asked = Asked(raw=raw, event=event, where=before.where, until_s=until_s)
    if hook_parts.needs_noted(event):
        parts["sessions"] = lambda: door.ask(paths.SESSIONS, happened, door.answer_s)
    elif event.kind in ("prompt", "session_start"):
        asked.later.append(happened)  # one thread runs at a time: first what the answer waits for
    else:  # before it is asked for what depends on it
        door.tell(paths.SESSIONS, happened)
    parts |= hook_parts.parts_of(door, asked)
    if event.kind not in ANSWERED and not call.told:
        until_s = min(until_s, anyio.current_time() + KEPT_S)
    try:
        found, late = await _gathered(parts, until_s) if parts else ({}, ())
    finally:
        for fact in asked.later:
            door.tell(paths.SESSIONS, fact)
    answer = hook_parts.answer_of(door, asked, found)
    _afterwards(door, asked, found.get("sessions"))
    return Road(event=event, answer=encode(event.client, raw.event, answer), late=late)


async def _with_exit_code(
    door: Door, raw: ClientEvent, event: ClientEvent, until_s: float
) -> ClientEvent:
    """How Codex' command ended, as its record says; where that is not known in time, as it was."""
    read = event
    with anyio.CancelScope(deadline=min(until_s, anyio.current_time() + RECORD_S)):
        try:
            read = await door.on_client_files(lambda: with_exit_code(raw))
        except AtlasError as error:
            logger.debug("hook.record_not_read", error=error.message)
    if read.tool is None or event.tool is None or read.tool.exit_code is None:
        return event
    ended = attrs.evolve(event.tool, exit_code=read.tool.exit_code, failed=read.tool.failed)
    return attrs.evolve(event, tool=ended)


def denied(before: Ruled) -> Road:
    """The answer of the rules alone; of the event, nothing that could hold a secret."""
    raw = before.raw
    known = raw.event if raw.kind != "other" else ""  # another name could be anything
    name = ClientEvent(client=raw.client, event=known, kind=raw.kind, session="")
    return Road(event=name, answer=_denial(raw, before.denied))


async def _piece(door: Door, payload: Any, work: Callable[[], T]) -> T:
    """Work on a payload: a few pieces in each round of the loop, and long ones on threads."""
    if is_long(payload):
        return await anyio.to_thread.run_sync(work, abandon_on_cancel=True, limiter=door.hooks.long)
    async with door.hooks.at_once:
        return work()


async def _gathered(
    parts: Mapping[str, Callable[[], Awaitable[Any]]], until_s: float
) -> tuple[dict[str, Any], tuple[str, ...]]:
    """What each part has come to by then, and those that have not."""
    found: dict[str, Any] = {}

    async def run(name: str, part: Callable[[], Awaitable[Any]]) -> None:
        try:
            found[name] = await part()
        except AtlasError as error:
            logger.debug("hook.part_failed", part=name, error=error.message)

    with anyio.CancelScope(deadline=until_s):
        async with anyio.create_task_group() as group:
            for name, part in parts.items():
                group.start_soon(run, name, part)
    return found, tuple(name for name in parts if name not in found)


def _happened(event: ClientEvent, where: Where | None) -> HookHappened:
    return HookHappened(
        event=event,
        project=where.project if where is not None else None,
        request=fingerprint(event.prompt) if event.kind == "prompt" and event.prompt else "",
    )


def _is_private(raw: ClientEvent, event: ClientEvent) -> bool:
    """A prompt of which nothing may be kept: it is not even counted."""
    return raw.kind == "prompt" and bool(raw.prompt.strip()) and not event.prompt.strip()


def _denial(raw: ClientEvent, rule: HookRule | None) -> bytes:
    if rule is None:
        return b""
    reason = f"{rule.reason} (the user's rule {rule.id})"
    return encode(raw.client, raw.event, Answer(deny=reason))


def _afterwards(door: Door, asked: Asked, noted: HookNoted | None) -> None:
    """What follows once the answer is out."""
    desk, event = door.hooks, asked.event
    if event.kind in LEARNED:
        desk.learning.wish()
    if asked.where is None or not event.session:
        return
    if event.kind == "stop":
        desk.afterwards.add(TurnOver(root=asked.where.root, session=event.session))
    if event.kind in ("post_tool", "tool_failed") and event.tool is not None:
        files = asked.openable(event.tool.files)
        if files:
            turn = noted.turn if noted is not None else 0
            desk.afterwards.add(
                Touched(root=asked.where.root, session=event.session, turn=turn, files=files)
            )
