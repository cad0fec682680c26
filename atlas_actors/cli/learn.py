"""atlas learn: what a session's transcript teaches, shown and kept."""

import argparse
import json
import sys
from pathlib import Path
from typing import Any, Final

from atlas_actors.cli import show
from atlas_actors.cli.client import Client
from atlas_actors.cli.here import add_project, project
from atlas_actors.errors import UsageError
from atlas_actors.home import Home

HEAD_BYTES: Final = 262_144
_RESULTS: Final = {
    "created": "",
    "shown": "",
    "known": " (known)",
    "merged": " (known in other words)",
    "full": " (not kept: the session has reached its limit)",
    "private": " (not kept: it is private)",
}


def add_to(groups: Any) -> None:
    """Add the command."""
    learn = groups.add_parser(
        "learn", help="learn from a session's transcript (Claude Code, Codex)"
    )
    learn.add_argument("file", metavar="FILE", help="its .jsonl")
    add_project(learn, "it holds in every project", "where the session was")
    learn.add_argument("--client", choices=("claude", "codex"), help="default: as the file looks")
    learn.add_argument("--session", metavar="ID", help="default: from the file's name")
    learn.add_argument("--mine", action="store_true",
                       help="it is your own session though it lies elsewhere: what its user says"
                       " counts as said by you")  # fmt: skip
    learn.add_argument(
        "--with",
        dest="reader",
        metavar="PROVIDER",
        help="have a model of this provider read it too, as a task",
    )
    learn.add_argument("--budget", type=float, metavar="USD",
                       help="what that may cost (default: nothing)")  # fmt: skip
    learn.add_argument("--dry-run", action="store_true", help="only show; from its beginning")
    learn.add_argument("--json", action="store_true")
    learn.set_defaults(run=run_learn)


def run_learn(options: argparse.Namespace, home: Home) -> int:
    """One line for each lesson."""
    file = Path(options.file).expanduser().absolute()
    head = _head(file)
    params: dict[str, Any] = {
        "client": options.client or client_of(head),
        "session": options.session or file.stem[-36:],
        "transcript_path": str(file),
        "dry_run": options.dry_run,
        "mine": options.mine,
    }
    if options.project is None:
        options.project = directory_of(head)
    if options.reader is not None:
        params["with"] = options.reader
    if options.budget is not None:
        params["budget_usd"] = options.budget
    root = project(options)
    if root is not None:
        params["project"] = root
    lessons: list[dict[str, Any]] = []
    tasks: list[str] = []
    turns, more = 0, True
    with Client(home) as client:
        while more:
            answer = client.call("learn.turns", **params)
            lessons += answer["lessons"]
            turns += answer["turns"]
            more = answer["more"]
            tasks += [answer["task_id"]] if answer["task_id"] else []
            if options.dry_run:
                params |= {"begin": answer["read_to"], "carry": answer["carry"]}
    if options.json:
        show.print_json({"lessons": lessons, "turns": turns, "tasks": tasks})
        return 0
    for lesson in lessons:
        sys.stdout.write(_line(lesson) + "\n")
    kept = sum(lesson["result"] in ("created", "shown") for lesson in lessons)
    verb = "would be learned" if options.dry_run else "learned"
    turned = show.count(turns, "new turn")
    sys.stdout.write(f"{kept} {verb} from {turned}, for {root or 'every project'}\n")
    for id in tasks:
        sys.stdout.write(f"{options.reader} reads it too: atlas tasks show {id}\n")
    return 0


def _line(lesson: dict[str, Any]) -> str:
    text = show.one_line(lesson["text"], 300)
    why = f" because {show.one_line(lesson['rationale'], 200)}" if lesson["rationale"] else ""
    return (
        f"{lesson['kind']:<10} {text}{why}"
        f"  [{lesson['origin']}, {show.one_line(lesson['source'], 80)}]{_RESULTS[lesson['result']]}"
    )


def _head(file: Path) -> list[bytes]:
    """Its first whole lines. Raises UsageError."""
    try:
        with file.open("rb") as opened:
            return opened.read(HEAD_BYTES).split(b"\n")[:-1]
    except OSError as error:
        raise UsageError(f"{file}: {error.strerror}") from error


def client_of(head: list[bytes]) -> str:
    """Codex begins with a line about the session."""
    return "codex" if any(b'"session_meta"' in line for line in head[:1]) else "claude"


def directory_of(head: list[bytes]) -> str | None:
    """Where the session was begun, if its first lines say it and the directory is still there."""
    for line in head:
        try:
            record = json.loads(line)
        except ValueError:
            continue
        if not isinstance(record, dict):
            continue
        payload = record.get("payload")
        cwd = (payload if isinstance(payload, dict) else record).get("cwd")
        if isinstance(cwd, str):
            return cwd if Path(cwd).is_dir() else None
    return None
