"""atlas tasks export, import, prune: whole tasks out of a queue and into another."""

import argparse
import json
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

from atlas_actors.cli import show
from atlas_actors.cli.client import Client
from atlas_actors.cli.times import span_s
from atlas_actors.config import Home
from atlas_actors.errors import UsageError

INLINE_BYTES_MAX: Final = 100_000
PART_BYTES: Final = 400_000
PART_TASKS: Final = 500
ENDED: Final = ("completed", "failed", "cancelled")


def add_to(verbs: Any) -> None:
    """Add these verbs of atlas tasks."""
    out = verbs.add_parser("export", help="whole tasks as JSON lines, to stdout")
    out.add_argument("--state", choices=("pending", "in_progress", *ENDED))
    out.set_defaults(run=run_export)
    into = verbs.add_parser("import", help="take over exported tasks; known ones stay as they are")
    into.add_argument("file", metavar="FILE", help="JSON lines; - reads them from stdin")
    into.add_argument("--json", action="store_true")
    into.set_defaults(run=run_import)
    prune = verbs.add_parser("prune", help="delete tasks that have ended, with their attempts")
    prune.add_argument("--older-than", metavar="TIME", required=True, help="30d, 12h, 0s for all")
    prune.add_argument("--state", choices=ENDED, action="append", help="only of this state")
    prune.add_argument("--json", action="store_true")
    prune.set_defaults(run=run_prune)


def run_export(options: argparse.Namespace, home: Home) -> int:
    """One task a line, oldest first."""
    count, after = 0, ""
    with Client(home) as client:
        while True:
            params: dict[str, Any] = {"limit": 200}
            params |= {"state": options.state} if options.state else {}
            params |= {"after": after} if after else {}
            answer = client.call("task.export", **params)
            for task in answer["tasks"]:
                sys.stdout.write(json.dumps(task, ensure_ascii=False) + "\n")
            count += len(answer["tasks"])
            after = answer["next"]
            if after is None:
                break
    show.note(f"atlas: {count} tasks")
    return 0


def run_import(options: argparse.Namespace, home: Home) -> int:
    """All or, at a line that is no exported task, those before it."""
    count = lines = 0
    with tempfile.TemporaryDirectory() as aside, Client(home) as client:
        for part in _parts(options.file, Path(aside)):
            lines += len(part)
            count += client.call("task.import", tasks=part)["count"]
    if options.json:
        show.print_json({"count": count, "known": lines - count})
    else:
        sys.stdout.write(f"{count} tasks taken over, {lines - count} were known\n")
    return 0


def run_prune(options: argparse.Namespace, home: Home) -> int:
    """Part by part; the daemon works on in between."""
    before_ms = int((time.time() - span_s(options.older_than)) * 1000) + 1
    states = {"states": options.state} if options.state else {}
    count = 0
    with Client(home) as client:
        while True:
            answer = client.call("task.prune", before_ms=before_ms, **states)
            count += answer["count"]
            if not answer["more"]:
                break
    if options.json:
        show.print_json({"count": count})
    else:
        sys.stdout.write(f"{count} tasks deleted\n")
    return 0


def _parts(name: str, aside: Path) -> Iterator[list[dict[str, Any]]]:
    part: list[dict[str, Any]] = []
    size = 0
    with sys.stdin if name == "-" else _open(name) as lines:
        for number, line in enumerate(lines, 1):
            if not line.strip():
                continue
            task = _task_of(number, line, aside)
            length = len(json.dumps(task))
            if part and (size + length > PART_BYTES or len(part) >= PART_TASKS):
                yield part
                part, size = [], 0
            part.append(task)
            size += length
    if part:
        yield part


def _task_of(number: int, line: str, aside: Path) -> dict[str, Any]:
    """A line's task; its long files go by path."""
    try:
        task = json.loads(line)
    except ValueError as error:
        raise UsageError(f"line {number} is not JSON: {error}") from error
    if not isinstance(task, dict) or not isinstance(task.get("files", []), list):
        raise UsageError(f"line {number} is no exported task")
    for n, file in enumerate(task.get("files", [])):
        if len(file.get("text", "")) > INLINE_BYTES_MAX:
            path = aside / f"{number}-{n}"
            path.write_text(file["text"], "utf-8")
            task["files"][n] = {"name": file["name"], "path": str(path.resolve())}
    return task


def _open(name: str) -> Any:
    try:
        return Path(name).open(encoding="utf-8")
    except OSError as error:
        raise UsageError(f"{name}: {error.strerror}") from error
