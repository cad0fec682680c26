"""atlas schedules: work at its time, once or again and again."""

import argparse
import re
import sys
import time
from typing import Any, Final

from atlas_actors.cli import show
from atlas_actors.cli.client import Client
from atlas_actors.cli.limits import due_ms
from atlas_actors.cli.submit import refuse_inside, request_of, request_options
from atlas_actors.cli.times import moment_ms, span_s
from atlas_actors.errors import NotFound, UsageError
from atlas_actors.home import Home

DAYS: Final = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
_WHOLE: Final = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
_UNITS: Final = ((86_400, "d"), (3_600, "h"), (60, "min"), (1, "s"))


def add_to(groups: Any) -> None:
    """Add the commands of this group."""
    schedules = groups.add_parser("schedules", help="work at its time, once or again and again")
    verbs = schedules.add_subparsers(dest="verb", metavar="VERB")
    _add_options(verbs.add_parser("add", help="submit a request at these times"))
    for parser in (schedules, verbs.add_parser("list", help="by name")):
        parser.add_argument("--json", action="store_true")
        parser.set_defaults(run=run_list)
    for verb, run, about in (
        ("show", run_show, "all of one, with its next runs"),
        ("pause", run_change, "submit nothing of it; what comes due meanwhile is skipped"),
        ("resume", run_change, "go on from now"),
        ("remove", run_change, "forget it; tasks that it made stay"),
    ):
        parser = verbs.add_parser(verb, help=about)
        parser.add_argument("name", metavar="NAME", help="a schedule's name or id")
        parser.add_argument("--json", action="store_true")
        parser.set_defaults(run=run)


def _add_options(add: argparse.ArgumentParser) -> None:
    add.add_argument("name", metavar="NAME")
    when = add.add_mutually_exclusive_group(required=True)
    when.add_argument("--at", metavar="TIME", help="once: 18:30, 2026-12-01 09:00, +2h")
    when.add_argument("--every", metavar="SPAN", help="from now on: 30m, 1h30m, 2d")
    when.add_argument("--daily", metavar="HH:MM", help="each day at a local time")
    when.add_argument("--weekly", metavar="DAYS@HH:MM", help="mon,thu@09:00")
    when.add_argument("--cron", metavar="EXPRESSION", help='"*/5 * * * *"')
    add.add_argument("--start", metavar="TIME", help="with --every: the first time")
    add.add_argument("--timezone", metavar="ZONE", help="Europe/Berlin; else the machine's own")
    add.add_argument(
        "--missed",
        choices=("skip", "once", "all"),
        help="what to do for times that passed while nobody looked (once)",
    )
    add.add_argument("--jitter", metavar="SPAN", help="up to so much later, each time differently")
    request_options(add)
    add.add_argument("--priority", choices=("low", "normal", "high", "urgent"))
    add.add_argument("--unique", metavar="KEY", help="no new task while one of this key waits")
    add.add_argument("--group", metavar="NAME", help="one task of a group runs at a time")
    add.add_argument("--max-attempts", type=int, metavar="N")
    add.add_argument("--json", action="store_true")
    add.set_defaults(run=run_add)


def run_add(options: argparse.Namespace, home: Home) -> int:
    """Add; say when it runs."""
    refuse_inside()
    params = {"name": options.name, **_when(options), "task": _task(options)}
    if options.timezone is not None:
        params["timezone"] = options.timezone
    if options.missed is not None:
        params["missed"] = options.missed
    if options.jitter is not None:
        params["jitter_s"] = _whole_s(options.jitter, "--jitter")
    with Client(home) as client:
        added = client.call("schedule.add", **params)
    if options.json:
        show.print_json(added)
        return 0
    sys.stdout.write(f"{added['name']} runs next at {_moment(added['next_ms'])}\n")
    if not added["created"]:
        show.note("atlas: there was this very schedule already; nothing has changed")
    return 0


def run_list(options: argparse.Namespace, home: Home) -> int:
    """A table, by name."""
    with Client(home) as client:
        answer = client.call("schedule.list")
    if options.json:
        show.print_json(answer)
        return 0
    show.table(
        ("name", "when", "zone", "next run", "last run", "state", "request"),
        (
            (
                row["name"],
                in_words(row),
                row["timezone"],
                _moment(row["next_ms"]),
                show.when(row["last_ms"]),
                row["state"],
                show.one_line(row["prompt"], 40),
            )
            for row in answer["schedules"]
        ),
        "no schedules",
    )
    return 0


def run_show(options: argparse.Namespace, home: Home) -> int:
    """All of one."""
    with Client(home) as client:
        rows = client.call("schedule.list")["schedules"]
    row = next((row for row in rows if options.name in (row["name"], row["id"])), None)
    if row is None:
        raise NotFound(f"there is no schedule {options.name}", cure="atlas schedules lists them")
    if options.json:
        show.print_json(row)
    else:
        sys.stdout.write("\n".join(_lines(row)) + "\n")
    return 0


def run_change(options: argparse.Namespace, home: Home) -> int:
    """Pause, resume, remove."""
    with Client(home) as client:
        answer = client.call(f"schedule.{options.verb}", name=options.name)
    if options.json:
        show.print_json(answer)
        return 0
    runs = f", runs next at {_moment(answer['next_ms'])}" if answer["next_ms"] else ""
    sys.stdout.write(f"{answer['name']} {answer['state']}{runs}\n")
    return 0


def in_words(row: dict[str, Any]) -> str:
    """When a schedule runs, short."""
    spec = row["spec"]
    match row["kind"]:
        case "once":
            words = f"at {show.when(spec['once_ms'])}"
        case "every":
            words = f"every {_span(spec['every_s'])}"
        case "daily":
            words = f"daily at {spec['daily']}"
        case "weekly":
            days = sorted(spec["weekly"]["days"], key=DAYS.index)
            words = f"{', '.join(days)} at {spec['weekly']['time']}"
        case _:
            words = f"cron {spec['cron']}"
    return words + (f" + up to {_span(row['jitter_s'])}" if row["jitter_s"] else "")


def _lines(row: dict[str, Any]) -> list[str]:
    shown = [
        ("name", row["name"]),
        ("id", row["id"]),
        ("when", f"{in_words(row)} ({row['timezone']})"),
        ("state", row["state"] + (f": {row['problem']}" if row["problem"] else "")),
        ("missed", row["missed"]),
        ("made", f"{row['ticks']} tasks, {row['skipped']} skipped"),
        ("last", f"{show.when(row['last_ms'])} {row['last_task_id'] or ''}".strip()),
    ]
    if row["open_ticks"]:
        shown.append(("waiting", f"{row['open_ticks']} to be accepted: {row['error'] or 'now'}"))
    shown += [("next", show.when(moment_ms)) for moment_ms in row["next_ms"]]
    shown.append(("request", row["prompt"]))
    return [f"{name:<9}{text}" for name, text in shown]


def _when(options: argparse.Namespace) -> dict[str, Any]:
    """What schedule.add calls it. Raises UsageError."""
    now_ms = int(time.time() * 1000)
    if options.start is not None and options.every is None:
        raise UsageError("--start goes with --every")
    if options.at is not None:
        return {"once_ms": due_ms(options.at, now_ms)}
    if options.every is not None:
        start = {} if options.start is None else {"start_ms": moment_ms(options.start, now_ms)}
        return {"every_s": _whole_s(options.every, "--every"), **start}
    if options.daily is not None:
        return {"daily": _clock(options.daily)}
    if options.weekly is not None:
        days, at, clock = options.weekly.partition("@")
        if not at or not days.strip() or not clock.strip():
            lacks = "weekdays" if at and not days.strip() else "time"
            if not at:
                lacks = "days and time"
            raise UsageError(f"{options.weekly[:50]!r} names no {lacks}", cure="mon,thu@09:00")
        return {"weekly": {"days": _days(days), "time": _clock(clock)}}
    return {"cron": options.cron}


def _days(text: str) -> list[str]:
    days = [day.strip().lower() for day in text.split(",")]
    for day in days:
        if day not in DAYS + _WHOLE:
            raise UsageError(f"{day or text} is no weekday", cure=f"of {', '.join(DAYS)}")
    return [day[:3] for day in days]


def _clock(text: str) -> str:
    """9:00 as 09:00; the daemon checks the numbers. Raises UsageError."""
    clock = text.strip().rjust(5, "0")
    if not re.fullmatch(r"[0-9]{2}:[0-9]{2}", clock):
        raise UsageError(f"{text[:50]!r} is no time of day (09:00)")
    return clock


def _task(options: argparse.Namespace) -> dict[str, Any]:
    """The parameters of task.submit. Raises UsageError."""
    task = request_of(options)
    for file in task.get("files", ()):
        if "text" not in file:
            raise UsageError(
                f"{file['name']} is too long to be kept with a schedule",
                cure="name its path in the request, with --cwd",
            )
    for name in ("priority", "group", "max_attempts"):
        if getattr(options, name) is not None:
            task[name] = getattr(options, name)
    if options.unique:
        task["unique"] = {"key": options.unique}
    return task


def _whole_s(text: str, option: str) -> int:
    seconds = span_s(text)
    if seconds != int(seconds):
        raise UsageError(f"{option} takes whole seconds", cure="like 90s, 30m, 1h30m, 2d")
    return int(seconds)


def _moment(next_ms: list[int]) -> str:
    return show.when(next_ms[0]) if next_ms else "-"


def _span(seconds: int) -> str:
    """90 as 1 min 30 s."""
    parts = []
    for unit_s, unit in _UNITS:
        count, seconds = divmod(seconds, unit_s)
        if count:
            parts.append(f"{count} {unit}")
    return " ".join(parts) or "0 s"
