"""The hook.* methods and the hook's own line: an event of a coding agent in, what it prints out."""

from typing import Any, Final

import anyio
import attrs
from loguru import logger

from atlas_actors.gateway import hook_road, hook_views
from atlas_actors.gateway.door import Door
from atlas_actors.gateway.hook_line import HookCall
from atlas_actors.gateway.hook_road import Road
from atlas_actors.gateway.method import NAME, method
from atlas_actors.json_schema import object_schema
from atlas_actors.messages.client import HookAnswered

MARGIN_MS: Final = 100  # for the way back, and for the hook to print
LEAST_S: Final = 0.02  # for who comes too late: what is at hand
TOLD_S: Final = 10.0  # for what nobody waits for: it came late if the daemon was held up

METHODS: Final = (
    method(
        "hook.event",
        "What a hook of this client is to print for this payload of its → {answer}: those bytes,"
        " often none. `event` says which, where the payload does not.",
        object_schema(
            {
                "client": NAME,
                "event": {"type": "string", "maxLength": 200},
                "payload": {"type": "object"},
            },
            "client",
            "payload",
        ),
    ),
    method(
        "hook.stats",
        "→ {clients: [{client, version, events, last_event, last_at_ms, latency_us: {n, p50, p90,"
        " max}}], sessions, failed, dropped}: latency of the newest 100 answers; the newest"
        " sessions; since the gateway began: hooks that a fault of ours left without an answer, and"
        " accesses for which there was no room.",
        object_schema({}),
    ),
)


async def answer(door: Door, name: str, params: dict[str, Any]) -> Any:
    """One call to its result. Raises AtlasError."""
    match name:
        case "hook.event":
            call = HookCall(
                client=params["client"],
                event=params.get("event", ""),
                payload=params["payload"],
                deadline_ms=round(door.answer_s * 1000),
                began_ms=None,
                fields={},
            )
            return {"answer": (await answer_line(door, call)).decode("utf-8", "replace")}
        case "hook.stats":
            counted = {"failed": door.hooks.failed, "dropped": door.hooks.afterwards.dropped}
            return {**await door.read(hook_views.stats), **counted}
    raise AssertionError(f"{name} is described but not answered")


async def answer_line(door: Door, call: HookCall) -> bytes:
    """What this hook prints. Raises UsageError for what is no event of a client that we know, and
    DeadlinePassed when the rules cannot be looked at; a fault of ours beyond the rules is logged,
    counted, and answered with nothing."""
    spent_ms = spent_before(call, door.clock.now_ms())
    # A hook whose time is over has gone: its daemon was stopped meanwhile.
    if not call.told and spent_ms < call.deadline_ms:
        return await _answer_line(door, call, spent_ms)
    call = attrs.evolve(call, told=True)
    async with door.hooks.in_order.after_earlier(_session(call)):
        return await _answer_line(door, call, spent_ms)


async def _answer_line(door: Door, call: HookCall, spent_ms: int) -> bytes:
    came_s = door.clock.monotonic_s()
    left_s = max(LEAST_S, (call.deadline_ms - spent_ms - MARGIN_MS) / 1000)
    most_s = TOLD_S if call.told else min(door.hooks.settings.answer_s, left_s)
    until_s = anyio.current_time() + most_s
    before = await hook_road.ruled(door, call, until_s)
    try:
        road = await hook_road.travelled(door, call, before, until_s)
    except Exception:  # whatever fails here, the client goes on
        door.hooks.failed += 1
        logger.exception("hook.failed", client=call.client)
        road = hook_road.denied(before)
    # A hook that has only told ended when its line was here.
    took_s = 0.0 if call.told else door.clock.monotonic_s() - came_s
    door.hooks.afterwards.add(_answered(road, spent_ms * 1000 + round(took_s * 1e6)))
    return road.answer


def spent_before(call: HookCall, now_ms: int) -> int:
    """Milliseconds between the hook's begin and our hearing of it; a clock that was set may not
    make it more than the hook would have waited."""
    if call.began_ms is None:
        return 0
    return min(max(0, now_ms - call.began_ms), call.deadline_ms)


def _session(call: HookCall) -> str:
    """Whose order a told event keeps; each client calls it so."""
    said = call.payload.get("session_id") if isinstance(call.payload, dict) else ""
    return f"{call.client} {said}" if isinstance(said, str) else call.client


def _answered(road: Road, took_us: int) -> HookAnswered:
    event = road.event
    return HookAnswered(
        client=event.client,
        event=event.event,
        session=event.session,
        took_us=took_us,
        answer_bytes=len(road.answer),
        late=road.late,
    )
