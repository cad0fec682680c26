"""Pure: the words of a schedule as a plan, and the plan's task as an order."""

import re
from typing import Any, Final

import attrs

from atlas_actors.errors import UsageError
from atlas_actors.messages.execution import File, Request
from atlas_actors.messages.task import SubmitTask, Unique
from atlas_actors.scheduler.cron import refuse_bad, refuse_seconds
from atlas_actors.scheduler.local_time import zone_of
from atlas_actors.scheduler.when import Kind, Missed, Plan, ticks_after

DAYS: Final = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
GAPS_LOOKED_AT: Final = 50
_TIME: Final = re.compile(r"([01][0-9]|2[0-3]):([0-5][0-9])")
_KEY: Final = "schedule"
_SET_BY_US: Final = ("key", "at_ms")
_REQUEST: Final = frozenset(field.name for field in attrs.fields(Request))
_ORDER: Final = frozenset(field.name for field in attrs.fields(SubmitTask))


def plan_of(
    *,
    id: str,
    kind: Kind,
    spec: dict[str, Any],
    timezone: str,
    missed: Missed,
    jitter_s: int,
    created_ms: int,
) -> Plan:
    """The plan of a schedule. Raises UsageError for a zone, time or expression that is none.

    `spec` has the fields of its kind: once_ms | every_s, start_ms? | daily "09:00" |
    weekly {days: ["mon"], time: "09:00"} | cron.
    """
    zone_of(timezone)
    fields: dict[str, Any] = {}
    match kind:
        case "once":
            fields["once_ms"] = spec["once_ms"]
        case "every":
            start_ms = spec.get("start_ms")
            fields = {
                "every_s": spec["every_s"],
                "start_ms": start_ms,
                "anchor_ms": created_ms if start_ms is None else start_ms,
            }
        case "daily":
            fields = _time_of(spec["daily"])
        case "weekly":
            days = spec["weekly"]["days"]
            fields = _time_of(spec["weekly"]["time"])
            fields["weekdays"] = tuple(sorted({_weekday_of(day) for day in days}))
        case "cron":
            refuse_bad(spec["cron"])
            fields["cron"] = spec["cron"]
    return Plan(kind=kind, seed=id, missed=missed, jitter_s=jitter_s, timezone=timezone, **fields)


def check(plan: Plan, now_ms: int) -> None:
    """Raises UsageError for a plan that never comes due, or whose jitter mixes up its ticks."""
    if plan.kind == "cron":
        refuse_seconds(plan.cron)
    before_ms: int | None = None
    for count, tick_ms in enumerate(ticks_after(plan, now_ms)):
        if before_ms is not None and tick_ms - before_ms < plan.jitter_s * 1000:
            raise UsageError(
                f"a jitter of {plan.jitter_s} s is more than there is between two runs"
                f" ({(tick_ms - before_ms) // 1000} s)"
            )
        before_ms = tick_ms
        if not plan.jitter_s or count == GAPS_LOOKED_AT:
            break
    if before_ms is None:
        raise UsageError("this schedule would never run: no such time is to come")


def key_of(id: str, tick_ms: int) -> str:
    """The idempotency key of a tick's task: whoever asks, and however often, it is one task."""
    return f"{_KEY}:{id}:{tick_ms}"


def tick_of(key: str) -> tuple[str, int]:
    """The schedule's id and the tick that a key names."""
    _, id, tick = key.split(":")
    return id, int(tick)


def order_of(task: dict[str, Any], key: str) -> SubmitTask:
    """The order for tasks that the stored parameters of task.submit mean.

    They were checked at the door when the schedule was made; a name in them is the name of a
    field of Request or of SubmitTask.
    """
    request = {name: value for name, value in task.items() if name in _REQUEST}
    request["files"] = tuple(File(**file) for file in task.get("files", ()))
    if request.get("check") is not None:
        request["check"] = tuple(request["check"])
    rest = {
        name: value for name, value in task.items() if name in _ORDER and name not in _SET_BY_US
    }
    if rest.get("unique") is not None:
        rest["unique"] = _unique_of(rest["unique"])
    return SubmitTask(request=Request(**request), key=key, **{**rest, "origin": "schedule"})


def _unique_of(unique: dict[str, Any]) -> Unique:
    states = {"states": tuple(unique["states"])} if "states" in unique else {}
    return Unique(**{**unique, **states})


def _time_of(text: str) -> dict[str, Any]:
    match = _TIME.fullmatch(text)
    if match is None:
        raise UsageError(f"{text[:50]} is no time of day", cure="hours and minutes: 09:00")
    return {"hour": int(match[1]), "minute": int(match[2])}


def _weekday_of(day: str) -> int:
    if day not in DAYS:
        raise UsageError(f"{day[:50]} is no weekday", cure=f"of {', '.join(DAYS)}")
    return DAYS.index(day)
