"""atlas model: the embedded model's file."""

import argparse
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from atlas_actors.cli import show
from atlas_actors.cli.client import Client, NotRunningError
from atlas_actors.errors import AtlasError, Conflict, Unavailable
from atlas_actors.home import Home
from atlas_actors.model import file as model_file


def add_to(groups: Any) -> None:
    """Add the commands of this group."""
    model = groups.add_parser("model", help="the embedded model: list, pull, remove, use FILE")
    verbs = model.add_subparsers(dest="verb", metavar="VERB", required=True)
    listed = verbs.add_parser("list", help="which model is used, and is it whole")
    listed.add_argument("--json", action="store_true")
    listed.set_defaults(run=run_list)
    pull = verbs.add_parser("pull", help="fetch the official model (1.1 GB), going on if begun")
    pull.add_argument("--from", dest="source", metavar="FILE", help="take it from this file")
    pull.set_defaults(run=run_pull)
    remove = verbs.add_parser("remove", help="delete the official model's file")
    remove.set_defaults(run=run_remove)
    use = verbs.add_parser("use", help="use a GGUF file of yours; 'official' goes back")
    use.add_argument("file", metavar="FILE")
    use.set_defaults(run=run_use)


def run_list(options: argparse.Namespace, home: Home) -> int:
    """The official model and the selected one."""
    chosen = model_file.selected(home)
    rows = [_row(home, model_file.official(home), chosen)]
    if not chosen.official:
        rows.append(_row(home, chosen, chosen))
    if options.json:
        show.print_json({"models": rows})
        return 0
    show.table(
        ("", "name", "state", "size", "licence", "path"),
        (
            (
                "*" if row["selected"] else "",
                row["name"],
                row["state"],
                show.size(row["bytes"]),
                row["licence"] or "-",
                row["path"],
            )
            for row in rows
        ),
        "no models",
    )
    return 0


def run_pull(options: argparse.Namespace, home: Home) -> int:
    """Fetch, verify, and let a running daemon know."""
    from atlas_actors.model.fetch import pull

    model = model_file.official(home)
    try:
        model_file.verify(home, model)
        sys.stdout.write(f"{model.name} is there and whole: {model.path}\n")
    except Unavailable:
        known = model_file.manifest()
        show.note(f"fetching {known.name} ({known.licence}, {known.origin})")
        with _progress() as progress:
            pull(home, Path(options.source) if options.source else None, progress)
        sys.stdout.write(f"{model.name}: sha256 verified: {model.path}\n")
    _tell_daemon(home)
    return 0


def run_remove(_: argparse.Namespace, home: Home) -> int:
    """Delete the official file and what is left of a fetch."""
    model = model_file.official(home)
    found = [path for path in (model.path, model.path.with_suffix(".part")) if path.exists()]
    for path in found:
        path.unlink()
        sys.stdout.write(f"deleted {path}\n")
    if not found:
        sys.stdout.write("there was nothing to delete\n")
    return 0


def run_use(options: argparse.Namespace, home: Home) -> int:
    """Select a file of the user's."""
    if options.file == "official":
        (home.models / "selected.json").unlink(missing_ok=True)
        model = model_file.official(home)
    else:
        model = model_file.select(home, Path(options.file), lambda _: None)
    sys.stdout.write(f"using {model.name}: {model.path}\n")
    _tell_daemon(home)
    return 0


def _row(home: Home, model: model_file.Model, chosen: model_file.Model) -> dict[str, Any]:
    there = model.path.exists()
    part = model.path.with_suffix(".part")
    if not there:
        state = "half fetched" if part.exists() else "absent"
    elif model_file.is_verified(home, model):
        state = "verified"
    else:
        state = "unchecked"
    return {
        "name": model.name,
        "path": str(model.path),
        "state": state,
        "bytes": model.path.stat().st_size if there else None,
        "sha256": model.sha256,
        "licence": model_file.manifest().licence if model.official else None,
        "selected": model.path == chosen.path,
    }


def _tell_daemon(home: Home) -> None:
    """A parked executor tries again at once; without a daemon there is nobody to tell."""
    try:
        with Client(home) as client:
            client.call("system.retry", part="executor.localai")
            show.note("atlas: the daemon uses it now")
    except (NotRunningError, Conflict):  # nobody to tell, or it runs with it already
        return
    except AtlasError as error:
        show.note(f"atlas: the running daemon was not told: {error}; atlas stop and start it")


@contextmanager
def _progress() -> Iterator[Any]:
    """A bar on a terminal; a line for every tenth elsewhere."""
    if sys.stderr.isatty():
        from rich.console import Console
        from rich.progress import BarColumn, DownloadColumn, Progress, TimeRemainingColumn

        columns = ("{task.description}", BarColumn(), DownloadColumn(), TimeRemainingColumn())
        with Progress(*columns, console=Console(stderr=True)) as bar:
            row = bar.add_task("model", total=None)
            yield lambda done, total, source: bar.update(
                row, completed=done, total=total, description=source
            )
        return
    tenth = -1

    def line(done: int, total: int, source: str) -> None:
        nonlocal tenth
        if done * 10 // total != tenth:
            tenth = done * 10 // total
            show.note(f"{source}: {done // 1_000_000} of {total // 1_000_000} MB")

    yield line
