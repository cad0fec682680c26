"""atlas tasks wait: one task as it goes, several as a table; both live on a terminal."""

import sys
import time
from collections.abc import Iterable, Sequence
from typing import Any, Final

from atlas_actors.cli import show
from atlas_actors.cli.client import Client
from atlas_actors.errors import DeadlinePassed
from atlas_actors.messages.states import ENDED

ASKED_MAX: Final = 100  # tasks in one question
EVERY_S: Final = 0.5
QUIET_EVERY_S: Final = 2.0  # where nobody watches
_MARKS: Final = {"completed": "green", "failed": "red", "cancelled": "yellow"}


def wait_for(client: Client, ids: Sequence[str], timeout_s: float | None) -> list[dict[str, Any]]:
    """Show how tasks go until all have ended; then the tasks. Raises DeadlinePassed."""
    try:
        return _wait_for(client, ids, timeout_s)
    except KeyboardInterrupt:
        goes = "the task goes on" if len(ids) == 1 else "the tasks go on"
        show.note(f"\natlas: {goes} (atlas tasks wait ID, or atlas tasks cancel ID)")
        raise


def _wait_for(client: Client, ids: Sequence[str], timeout_s: float | None) -> list[dict[str, Any]]:
    deadline_s = None if timeout_s is None else time.monotonic() + timeout_s
    live = sys.stderr.isatty()
    with _Screen(live) as screen:
        while True:
            rows = progress(client, ids)
            screen.show(rows)
            if all(row["state"] in ENDED for row in rows):
                break
            if deadline_s is not None and time.monotonic() >= deadline_s:
                left = sum(row["state"] not in ENDED for row in rows)
                raise DeadlinePassed(_left(left, len(rows)))
            time.sleep(EVERY_S if live else QUIET_EVERY_S)
    return [dict(client.call("task.get", id=id)) for id in ids]


def _left(left: int, total: int) -> str:
    if total == 1:
        return "the task has not ended"
    return f"{left} of {total} tasks {'has' if left == 1 else 'have'} not ended"


def progress(client: Client, ids: Sequence[str]) -> list[dict[str, Any]]:
    """Where tasks stand, in the order of `ids`. Raises NotFound."""
    found: dict[str, dict[str, Any]] = {}
    for n in range(0, len(ids), ASKED_MAX):
        part = list(ids[n : n + ASKED_MAX])
        found |= {row["id"]: row for row in client.call("task.progress", ids=part)["tasks"]}
    for id in ids:
        if id not in found:
            client.call("task.get", id=id)  # says what is wrong with it
    return [found[id] for id in ids]


def line_of(row: dict[str, Any]) -> str:
    """One task's progress as a line."""
    parts = [row["state"], row["provider"] or "-", f"attempt {row['attempt']}"]
    if row["elapsed_ms"] is not None:
        parts.append(show.duration(row["elapsed_ms"]))
    if row["tokens"]:
        parts.append(f"{row['tokens']} tokens")
    said = said_of(row, round(time.time() * 1000))
    return "  ".join(parts) + (f"  {show.one_line(said, 80)}" if said else "")


def said_of(row: dict[str, Any], now_ms: int) -> str:
    """What a task says last, or why it does not start."""
    if row["last_line"] or row["state"] != "pending":
        return str(row["last_line"])
    if row["due_at_ms"] > now_ms:
        due, now = time.localtime(row["due_at_ms"] / 1000), time.localtime(now_ms / 1000)
        form = "%H:%M" if due[:3] == now[:3] else "%Y-%m-%d %H:%M"
        return f"not until {time.strftime(form, due)}"
    return str(row["waits_for"])


class _Screen:
    """A table that is drawn anew on a terminal; elsewhere a line for each change of state, but for
    the end: the results tell it."""

    def __init__(self, live: bool) -> None:
        self._live: Any = None
        self._states: dict[str, str] = {}
        if live:
            from rich.console import Console
            from rich.live import Live

            self._live = Live(console=Console(stderr=True), auto_refresh=False, transient=True)

    def __enter__(self) -> "_Screen":
        if self._live is not None:
            self._live.start()
        return self

    def __exit__(self, *_: object) -> None:
        if self._live is not None:
            self._live.stop()

    def show(self, rows: Sequence[dict[str, Any]]) -> None:
        """Draw."""
        if self._live is not None:
            self._live.update(_table(rows), refresh=True)
            return
        for row in rows:
            if row["state"] in ENDED:
                continue
            said = f"{row['state']} {row['attempt']} {row['provider']}"
            if self._states.get(row["id"]) != said:
                self._states[row["id"]] = said
                show.note(f"atlas: {row['id']}  {line_of(row)}")


def _table(rows: Iterable[dict[str, Any]]) -> Any:
    from rich.table import Table
    from rich.text import Text

    table = Table(box=None, pad_edge=False, header_style="bold")
    for column in ("task", "state", "provider", "attempt", "elapsed", "tokens", ""):
        table.add_column(column, no_wrap=True, overflow="ellipsis")
    for row in rows:
        said = said_of(row, round(time.time() * 1000))
        table.add_row(
            Text(row["id"]),
            Text(row["state"], style=_MARKS.get(row["state"], "")),
            Text(row["provider"] or "-"),
            Text(str(row["attempt"])),
            Text(show.duration(row["elapsed_ms"])),
            Text(str(row["tokens"] or "-")),
            Text(show.one_line(said, 60)),
        )
    return table
