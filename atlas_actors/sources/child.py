"""The process that reads and parses a person's files: what a file does to it, it does to it alone.

usage: child.py, a JSON object on stdin: {"root", "names", "bytes_max", "file_s", "texts"}.
For each name it prints a line {"begins": name} and then one with what the look came to; a file
that crashes a parser, or takes longer than `file_s`, ends this process after the first of the two.
"""

import json
import resource
import signal
import sys
from pathlib import Path
from typing import Any

if __name__ == "__main__":  # run with -I: nothing of the person's directory is importable
    sys.path.insert(0, str(Path(__file__).parents[2]))

from atlas_actors.sources.make import outline
from atlas_actors.sources.outline import language_of, tokens
from atlas_actors.sources.project import NotReadableError, read

MEMORY_BYTES_MAX = 1 << 30


def main() -> None:
    """Look at every file of the job."""
    job = json.load(sys.stdin)
    _limit()
    for name in job["names"]:
        _say({"begins": name})
        signal.setitimer(signal.ITIMER_REAL, job["file_s"])  # unhandled, it ends us also in C
        found = look(Path(job["root"]), name, job["bytes_max"], texts=job["texts"])
        signal.setitimer(signal.ITIMER_REAL, 0)
        _say(found)


def look(root: Path, name: str, bytes_max: int, *, texts: bool) -> dict[str, Any]:
    """What a file costs, and its outline's text with `texts`."""
    try:
        data, about = read(root, name, bytes_max)
    except NotReadableError as error:
        return {"name": name, "state": str(error)}
    full = tokens(data.decode("utf-8", "replace"))
    made = outline(name, data)
    text = made.text(full) if made is not None else None
    return {
        "name": name,
        "state": "text",
        "size": about.st_size,
        "mtime_ns": about.st_mtime_ns,
        "language": language_of(name) or "",
        "tokens_full": full,
        "tokens_outline": tokens(text) if text is not None else None,
        "symbols": made.symbols if made is not None else 0,
        "outline": text if texts else None,
    }


def _limit() -> None:
    """As much memory as files of the largest size need, no more; no core files."""
    _, hard = resource.getrlimit(resource.RLIMIT_AS)
    most = MEMORY_BYTES_MAX if hard == resource.RLIM_INFINITY else min(hard, MEMORY_BYTES_MAX)
    if sys.platform == "linux":  # elsewhere it cannot be set below what is mapped already
        resource.setrlimit(resource.RLIMIT_AS, (most, hard))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


def _say(line: dict[str, Any]) -> None:
    sys.stdout.write(json.dumps(line) + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main()
