"""atlas ask and submit: from the words to the result, one task or many."""

import argparse
import json
import os
import sys
import time
from pathlib import Path
from typing import Any, Final

from atlas_actors.cli import changes, show
from atlas_actors.cli.client import Client, NotRunningError
from atlas_actors.cli.limits import check_many, check_pairs, check_request, check_timeout, due_ms
from atlas_actors.cli.many import run_many
from atlas_actors.cli.times import span_s
from atlas_actors.errors import DeadlinePassed, UsageError
from atlas_actors.home import Home
from atlas_actors.messages.states import ENDED

SLICE_MS: Final = 30_000
INLINE_BYTES_MAX: Final = 100_000  # a longer file is read by the daemon, by its path
LINE_BYTES_MAX: Final = 1_048_576


def add_to(groups: Any) -> None:
    """Add the commands of this group."""
    ask = groups.add_parser("ask", help="ask, and see the answer as it comes")
    request_options(ask)
    ask.add_argument("--timeout", type=float, metavar="S", help="give up waiting after S seconds")
    ask.add_argument("--json", action="store_true", help="print the whole task as JSON")
    ask.set_defaults(run=run_ask)

    submit = groups.add_parser("submit", help="queue work; it survives restarts")
    request_options(submit, required=False)
    submit.add_argument(
        "--many",
        metavar="FILE",
        help="one task a line as JSON, with the fields of task.submit; - reads stdin",
    )
    submit.add_argument("--key", help="the same key gives the same task")
    submit.add_argument("--priority", choices=("low", "normal", "high", "urgent"))
    submit.add_argument("--at", metavar="TIME", help="not before: 18:30, 2026-12-01 09:00, +2h")
    submit.add_argument(
        "--after", action="append", metavar="ID", help="not before this task is completed"
    )
    submit.add_argument(
        "--if-dead", choices=("fail", "skip", "run"), help="when a task of --after fails"
    )
    submit.add_argument("--unique", metavar="KEY", help="one such task at a time")
    submit.add_argument("--unique-for", metavar="TIME", help="of those made within: 30m, 1d")
    submit.add_argument(
        "--replace", action="store_true", help="with --unique: a pending one gets this request"
    )
    submit.add_argument("--group", metavar="NAME", help="one task of a group runs at a time")
    submit.add_argument("--max-attempts", type=int, metavar="N")
    submit.add_argument("--wait", action="store_true", help="wait, and print the result")
    submit.add_argument(
        "--timeout", type=float, metavar="S", help="give up waiting after S seconds"
    )
    submit.add_argument("--json", action="store_true")
    submit.set_defaults(run=run_submit)


def run_ask(options: argparse.Namespace, home: Home) -> int:
    """Submit and stream."""
    refuse_inside()
    check_timeout(options.timeout)
    params = request_of(options)
    with Client(home) as client:
        id = client.call("task.submit", **params, priority="high")["id"]
        task = follow(client, id, options.timeout, stream=not options.json)
    if options.json:
        show.print_json(task)
    else:
        note_end(task)
    return 0 if task["state"] == "completed" else 1


def run_submit(options: argparse.Namespace, home: Home) -> int:
    """Submit; print the id, or with --wait the result."""
    refuse_inside()
    if options.many is not None:
        check_many(options)
        return run_many(options, home)
    check_pairs(options)
    check_timeout(options.timeout)
    params = {**request_of(options), **_times_of(options)}
    for name in ("key", "priority", "group", "after", "if_dead", "max_attempts"):
        if getattr(options, name) is not None:
            params[name] = getattr(options, name)
    if options.unique:
        params["unique"] = {"key": options.unique, "replace": options.replace}
        if options.unique_for is not None:
            params["unique"]["period_s"] = span_s(options.unique_for)
    with Client(home) as client:
        accepted = client.call("task.submit", **params)
        if not options.wait:
            if options.json:
                show.print_json(accepted)
            else:
                sys.stdout.write(f"{accepted['id']}\n")
                _note_same(accepted)
            return 0
        show.note(f"atlas: task {accepted['id']}")
        task = follow(client, accepted["id"], options.timeout, stream=False)
    return print_result(task, options.json)


def refuse_inside() -> None:
    """Work of ours makes no work: what runs as an attempt cannot queue more. Raises UsageError."""
    from atlas_actors.providers.cli import MARKER

    if os.environ.get(MARKER):
        raise UsageError(
            "this runs inside an attempt of Atlas, which does not queue more work",
            cure="say in your answer what should be done next",
        )


def _times_of(options: argparse.Namespace) -> dict[str, int]:
    return {} if options.at is None else {"at_ms": due_ms(options.at, int(time.time() * 1000))}


def _note_same(accepted: dict[str, Any]) -> None:
    if accepted.get("replaced"):
        show.note("atlas: that task was pending; it has this request now")
    elif not accepted["created"]:
        show.note("atlas: there is such a task already; nothing new was queued")


def follow(client: Client, id: str, timeout_s: float | None, *, stream: bool) -> dict[str, Any]:
    """Wait until a task has ended; notes go to stderr, with `stream` the text to stdout.

    Raises DeadlinePassed after `timeout_s`; the task goes on.
    """
    try:
        return _follow(client, id, timeout_s, stream=stream)
    except NotRunningError:
        show.note(f"\natlas: task {id} is kept and goes on when the daemon runs again")
        raise
    except KeyboardInterrupt:
        show.note(f"\natlas: task {id} goes on (atlas tasks wait {id}, or atlas tasks cancel {id})")
        raise


def _follow(client: Client, id: str, timeout_s: float | None, *, stream: bool) -> dict[str, Any]:
    deadline = None if timeout_s is None else time.monotonic() + timeout_s
    shown = _Shown(stream)
    while True:
        slice_ms = SLICE_MS
        if deadline is not None:
            slice_ms = max(0, min(slice_ms, round((deadline - time.monotonic()) * 1000)))
        for kind, value in client.stream(
            "task.follow", slice_ms / 1000 + 30, id=id, timeout_ms=slice_ms
        ):
            if kind != "result":
                shown.event(kind, value)
                continue
            if value["state"] in ENDED:
                shown.end(value)
                return dict(value)
            shown.waits(value.get("waits_for") or "")
        if deadline is not None and time.monotonic() >= deadline:
            raise DeadlinePassed(
                f"task {id} has not ended in {timeout_s:g} s", cure=f"atlas tasks wait {id}"
            )


class _Shown:
    """What of a running task has been shown."""

    def __init__(self, stream: bool) -> None:
        self._stream = stream
        self._attempt = 0
        self._text = ""
        self._waits = ""

    def event(self, kind: str, value: dict[str, Any]) -> None:
        if kind == "task.state":
            self.waits(value["waits_for"] if value["state"] == "pending" else "")
        elif kind == "task.text" and self._stream:
            if value["attempt"] != self._attempt:
                if self._text:
                    show.note(f"\natlas: that was not the answer; attempt {value['attempt']}:")
                self._attempt, self._text = value["attempt"], ""
            text = value["text"]
            if self._text and text.startswith(self._text):  # a new slice begins anew
                text = text[len(self._text) :]
            self._text += text
            sys.stdout.write(text)
            sys.stdout.flush()

    def waits(self, reason: str) -> None:
        if reason and reason != self._waits:
            cut = "\n" if self._text and not self._text.endswith("\n") else ""
            show.note(f"{cut}atlas: {reason}")
        self._waits = reason

    def end(self, task: dict[str, Any]) -> None:
        if not self._stream:
            return
        result = task["result"] or ""
        if task["state"] == "completed" and not self._text.strip().endswith(result.strip()):
            if self._text:
                show.note("\natlas: that was not the answer; this is:")
            sys.stdout.write(result)
            self._text = result
        if self._text and not self._text.endswith("\n"):
            sys.stdout.write("\n")
        sys.stdout.flush()


def request_options(parser: argparse.ArgumentParser, *, required: bool = True) -> None:
    """Add what ask, submit and schedules say of a request."""
    parser.add_argument(
        "prompt",
        metavar="PROMPT",
        nargs=None if required else "?",
        help="the request; - reads it from stdin",
    )
    parser.add_argument(
        "--file", action="append", default=[], metavar="PATH", help="a text that goes with it"
    )
    parser.add_argument("--schema", metavar="PATH", help="the answer must be JSON of this schema")
    parser.add_argument("--provider", metavar="NAME", help="use this provider and no other")
    parser.add_argument("--cwd", metavar="DIR", help="the directory that the work is about")
    parser.add_argument(
        "--in-place", action="store_true", help="work in --cwd itself, not in a worktree or copy"
    )
    parser.add_argument(
        "--check",
        metavar="CMD",
        help="a command that must exit 0, in --cwd or an empty directory; the answer is its input",
    )
    parser.add_argument("--match", metavar="REGEX", help="the answer must match this (RE2)")
    parser.add_argument("--budget", type=float, metavar="USD", help="what it may cost in all")
    parser.add_argument("--deadline", type=float, metavar="S", help="for all of it, waits included")


def request_of(options: argparse.Namespace) -> dict[str, Any]:
    """The parameters that they share. Raises UsageError for files that cannot be sent."""
    if options.prompt is None:
        raise UsageError("there is no request", cure='atlas submit "TEXT", or - for stdin')
    check_request(options)
    prompt = _stdin() if options.prompt == "-" else options.prompt
    if not prompt.strip():
        raise UsageError("the request is empty")
    params: dict[str, Any] = {"prompt": prompt}
    if options.file:
        params["files"] = [_file(name) for name in options.file]
    if options.schema:
        try:
            params["schema"] = json.loads(_read(options.schema))
        except ValueError as error:
            raise UsageError(f"{options.schema} is not JSON: {error}") from error
        if not isinstance(params["schema"], dict):
            raise UsageError(f"{options.schema} is not a JSON object")
    for name, key in (
        ("provider", "provider"),
        ("check", "check"),
        ("match", "match"),
        ("budget", "budget_usd"),
        ("deadline", "deadline_s"),
    ):
        if getattr(options, name) is not None:
            params[key] = getattr(options, name)
    if options.in_place:
        params["in_place"] = True
    if options.cwd:
        directory = Path(options.cwd)
        if not directory.is_dir():
            raise UsageError(f"{options.cwd} is not a directory")
        params["cwd"] = str(directory.resolve())
    if len(json.dumps(params).encode()) > LINE_BYTES_MAX:
        raise UsageError("the request is longer than 1 MiB", cure="give long texts by --file")
    return params


def _file(name: str) -> dict[str, str]:
    """A file by its text, a long one by its path."""
    try:
        long = os.stat(name).st_size > INLINE_BYTES_MAX  # noqa: PTH116
    except OSError as error:
        raise UsageError(f"{name}: {error.strerror}") from error
    if long:
        return {"name": name, "path": str(Path(name).resolve())}
    return {"name": name, "text": _read(name)}


def _stdin() -> str:
    try:
        return sys.stdin.buffer.read().decode("utf-8")
    except UnicodeDecodeError as error:
        raise UsageError("stdin is not UTF-8 text") from error


def _read(name: str) -> str:
    try:
        return Path(name).read_text("utf-8")
    except OSError as error:
        raise UsageError(f"{name}: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise UsageError(f"{name} is not UTF-8 text") from error


def print_result(task: dict[str, Any], as_json: bool) -> int:
    if as_json:
        show.print_json(task)
    else:
        if task["state"] == "completed":
            sys.stdout.write(f"{task['result']}\n")
        note_end(task)
    return 0 if task["state"] == "completed" else 1


def note_end(task: dict[str, Any]) -> None:
    """How it ended, and what can be done about it."""
    if task["state"] != "completed":
        show.note(f"atlas: {task['state']}: {task['error'] or ''} (atlas tasks show {task['id']})")
        return
    show.note(f"atlas: {_summary(task)}")
    if changes.hint(task):
        show.note(changes.hint(task))


def _summary(task: dict[str, Any]) -> str:
    last = task["attempts"][-1]
    took = show.duration(last["ended_at_ms"] - last["started_at_ms"])
    cost_usd = sum(attempt["cost_usd"] for attempt in task["attempts"])
    model = f" ({last['model']})" if last["model"] else ""
    return (
        f"completed by {last['provider']}{model} in {took},"
        f" cost {show.usd(cost_usd)}, verified by {task['verified_by']}"
    )
