"""atlas tasks export, import, prune: whole tasks out of a queue and into another."""

import argparse
import json
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from atlas_actors.cli import show
from atlas_actors.cli.client import Client
from atlas_actors.cli.json_lines import in_parts, read
from atlas_actors.cli.submit import INLINE_BYTES_MAX
from atlas_actors.cli.times import span_s
from atlas_actors.errors import UsageError
from atlas_actors.home import Home
from atlas_actors.messages.states import ENDED, STATES


def add_to(verbs: Any) -> None:
    """Add these verbs of atlas tasks."""
    out = verbs.add_parser("export", help="whole tasks as JSON lines, to stdout")
    out.add_argument("--state", choices=STATES)
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
    count, gone, after = 0, 0, ""
    with Client(home) as client:
        while True:
            params: dict[str, Any] = {"limit": 200}
            params |= {"state": options.state} if options.state else {}
            params |= {"after": after} if after else {}
            answer = client.call("task.export", **params)
            for task in answer["tasks"]:
                sys.stdout.write(json.dumps(task, ensure_ascii=False) + "\n")
            count += len(answer["tasks"])
            gone += sum("text" not in file for task in answer["tasks"] for file in task["files"])
            after = answer["next"]
            if after is None:
                break
    show.note(f"atlas: {show.count(count, 'task')}")
    if gone:
        show.note(f"atlas: {gone} of their files are gone; those are exported without their text")
    return 0


def run_import(options: argparse.Namespace, home: Home) -> int:
    """All or, at a line that is no exported task, those before it."""
    count = lines = 0
    with tempfile.TemporaryDirectory() as aside, Client(home) as client:
        rows = ((n, _with_paths(n, task, Path(aside))) for n, task in read(options.file))
        for part in in_parts(rows):
            lines += len(part)
            count += client.call("task.import", tasks=[task for _, task in part])["count"]
    if options.json:
        show.print_json({"count": count, "known": lines - count})
    else:
        sys.stdout.write(f"{show.count(count, 'task')} taken over, {lines - count} were known\n")
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
        sys.stdout.write(f"{show.count(count, 'task')} deleted\n")
    return 0


def _with_paths(number: int, task: dict[str, Any], aside: Path) -> dict[str, Any]:
    """A line's task; its long files go by path."""
    files = task.get("files", [])
    if not isinstance(files, list) or not all(isinstance(file, dict) for file in files):
        raise UsageError(f"line {number} is no exported task: files is a list of objects")
    for n, file in enumerate(files):
        text = file.get("text")
        if isinstance(text, str) and len(text) > INLINE_BYTES_MAX:
            path = aside / f"{number}-{n}"
            path.write_text(text, "utf-8")
            files[n] = {"name": file.get("name"), "path": str(path.resolve())}
    return task
