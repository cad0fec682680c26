"""atlas ask, submit, tasks: work, from the words to the result."""

import argparse
import json
import os
import sys
import time
from pathlib import Path
from typing import Any, Final

from atlas_actors.cli import changes, show
from atlas_actors.cli.client import Client, NotRunningError
from atlas_actors.cli.task_text import task_lines
from atlas_actors.config import Home
from atlas_actors.errors import DeadlinePassed, NotFound, UsageError

FINAL: Final = ("completed", "failed", "cancelled")
SLICE_MS: Final = 30_000
FILE_BYTES_MAX: Final = 1_000_000
REFUSED_LINE_BYTES: Final = 1_048_576


def add_to(groups: Any) -> None:
    """Add the commands of this group."""
    ask = groups.add_parser("ask", help="ask, and see the answer as it comes")
    _request_options(ask)
    ask.add_argument("--timeout", type=float, metavar="S", help="give up waiting after S seconds")
    ask.add_argument("--json", action="store_true", help="print the whole task as JSON")
    ask.set_defaults(run=run_ask)

    submit = groups.add_parser("submit", help="queue work; it survives restarts")
    _request_options(submit)
    submit.add_argument("--key", help="the same key gives the same task")
    submit.add_argument("--priority", choices=("low", "normal", "high", "urgent"), default="normal")
    submit.add_argument("--max-attempts", type=int, metavar="N")
    submit.add_argument("--wait", action="store_true", help="wait, and print the result")
    submit.add_argument(
        "--timeout", type=float, metavar="S", help="give up waiting after S seconds"
    )
    submit.add_argument("--json", action="store_true")
    submit.set_defaults(run=run_submit)

    tasks = groups.add_parser(
        "tasks", help="list, show, wait for, cancel, retry tasks; decide on their changes"
    )
    verbs = tasks.add_subparsers(dest="verb", metavar="VERB")
    for parser in (tasks, verbs.add_parser("list", help="newest first")):
        parser.add_argument("--state", choices=("pending", "in_progress", *FINAL))
        parser.add_argument("--limit", type=int, default=20)
        parser.add_argument("--json", action="store_true")
        parser.set_defaults(run=run_list)
    for verb, run, about in (
        ("show", run_show, "a task with its route, attempts and result"),
        ("wait", run_wait, "wait for a task, and print its result"),
        ("cancel", run_cancel, "do not do it (any more)"),
        ("retry", run_retry, "try a failed or cancelled task anew"),
    ):
        parser = verbs.add_parser(verb, help=about)
        parser.add_argument("id", metavar="ID", help="a task's id, or: last")
        parser.add_argument("--json", action="store_true")
        if verb == "wait":
            parser.add_argument("--timeout", type=float, metavar="S")
        parser.set_defaults(run=run)
    changes.add_to(verbs, _id)


def run_ask(options: argparse.Namespace, home: Home) -> int:
    """Submit and stream."""
    with Client(home) as client:
        id = client.call("task.submit", **_request(options), priority="high")["id"]
        task = follow(client, id, options.timeout, stream=not options.json)
    if options.json:
        show.print_json(task)
    else:
        _note_end(task)
    return 0 if task["state"] == "completed" else 1


def run_submit(options: argparse.Namespace, home: Home) -> int:
    """Submit; print the id, or with --wait the result."""
    params = {**_request(options), "priority": options.priority}
    if options.key:
        params["key"] = options.key
    if options.max_attempts is not None:
        params["max_attempts"] = options.max_attempts
    with Client(home) as client:
        accepted = client.call("task.submit", **params)
        if not options.wait:
            if options.json:
                show.print_json(accepted)
            else:
                sys.stdout.write(f"{accepted['id']}\n")
                if not accepted["created"]:
                    show.note("atlas: this key was submitted before; nothing new was queued")
            return 0
        show.note(f"atlas: task {accepted['id']}")
        task = follow(client, accepted["id"], options.timeout, stream=False)
    return _print_result(task, options.json)


def run_wait(options: argparse.Namespace, home: Home) -> int:
    """Wait; print the result."""
    with Client(home) as client:
        task = follow(client, _id(client, options.id), options.timeout, stream=False)
    return _print_result(task, options.json)


def run_list(options: argparse.Namespace, home: Home) -> int:
    """A table, newest first."""
    params = {"limit": options.limit}
    if options.state:
        params["state"] = options.state
    with Client(home) as client:
        answer = client.call("task.list", **params)
    if options.json:
        show.print_json(answer)
        return 0
    show.table(
        ("id", "state", "priority", "provider", "created", "request"),
        (
            (
                task["id"],
                task["state"],
                task["priority"],
                task["lane"] or "-",
                show.when(task["created_at_ms"]),
                show.one_line(task["prompt"], 40),
            )
            for task in answer["tasks"]
        ),
        "no tasks",
    )
    return 0


def run_show(options: argparse.Namespace, home: Home) -> int:
    """Everything about one task."""
    with Client(home) as client:
        task = client.call("task.get", id=_id(client, options.id))
    if options.json:
        show.print_json(task)
    else:
        sys.stdout.write("\n".join(task_lines(task)) + "\n")
    return 0


def run_cancel(options: argparse.Namespace, home: Home) -> int:
    """Cancel."""
    with Client(home) as client:
        answer = client.call("task.cancel", id=_id(client, options.id))
    return _print_state(answer, options.json)


def run_retry(options: argparse.Namespace, home: Home) -> int:
    """Retry."""
    with Client(home) as client:
        answer = client.call("task.retry", id=_id(client, options.id))
    return _print_state(answer, options.json)


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
            if value["state"] in FINAL:
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


def _request_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("prompt", metavar="PROMPT", help="the request; - reads it from stdin")
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


def _request(options: argparse.Namespace) -> dict[str, Any]:
    """The parameters that ask and submit share. Raises UsageError for files that cannot be sent."""
    prompt = sys.stdin.read() if options.prompt == "-" else options.prompt
    if not prompt.strip():
        raise UsageError("the request is empty")
    params: dict[str, Any] = {"prompt": prompt}
    if options.file:
        params["files"] = [{"name": name, "text": _read(name)} for name in options.file]
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
    if len(json.dumps(params).encode()) > REFUSED_LINE_BYTES:
        raise UsageError("the request is longer than 1 MiB with its files")
    return params


def _read(name: str) -> str:
    try:
        size = os.stat(name).st_size  # noqa: PTH116
        if size > FILE_BYTES_MAX:
            raise UsageError(f"{name} is {show.size(size)}; at most {show.size(FILE_BYTES_MAX)}")
        return Path(name).read_text("utf-8")
    except OSError as error:
        raise UsageError(f"{name}: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise UsageError(f"{name} is not UTF-8 text") from error


def _id(client: Client, given: str) -> str:
    if given != "last":
        return given
    newest = client.call("task.list", limit=1)["tasks"]
    if not newest:
        raise NotFound("there are no tasks yet")
    return str(newest[0]["id"])


def _print_result(task: dict[str, Any], as_json: bool) -> int:
    if as_json:
        show.print_json(task)
    else:
        if task["state"] == "completed":
            sys.stdout.write(f"{task['result']}\n")
        _note_end(task)
    return 0 if task["state"] == "completed" else 1


def _note_end(task: dict[str, Any]) -> None:
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


def _print_state(answer: dict[str, Any], as_json: bool) -> int:
    if as_json:
        show.print_json(answer)
    else:
        sys.stdout.write(f"{answer['id']} {answer['state']}\n")
    return 0
