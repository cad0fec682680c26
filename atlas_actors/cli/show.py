"""How things are shown to people: tables, times, costs."""

import json
import sys
import time
from collections.abc import Iterable, Sequence
from typing import Any


def print_json(value: Any) -> None:
    """One JSON object, indented."""
    sys.stdout.write(json.dumps(value, ensure_ascii=False, indent=2) + "\n")


def table(columns: Sequence[str], rows: Iterable[Sequence[str]], empty: str) -> None:
    """A table, or one line when there is nothing."""
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    listed = list(rows)
    if not listed:
        sys.stdout.write(f"{empty}\n")
        return
    shown = Table(box=None, pad_edge=False, header_style="bold")
    for column in columns:
        shown.add_column(
            column,
            overflow="fold" if column in ("id", "part") else "ellipsis",
            no_wrap=column in ("id", "state"),
        )
    for row in listed:
        shown.add_row(*(Text(cell) for cell in row))
    width = None if sys.stdout.isatty() else 160
    Console(width=width).print(shown)


def when(ms: int | None) -> str:
    """A time, local."""
    return "-" if ms is None else time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(ms / 1000))


def duration(ms: float | None) -> str:
    """A duration in the unit that fits."""
    if ms is None:
        return "-"
    if ms < 1000:
        return f"{ms:.0f} ms"
    seconds = ms / 1000
    if seconds < 60:
        return f"{seconds:.1f} s"
    minutes, seconds = divmod(int(seconds), 60)
    if minutes < 60:
        return f"{minutes} min {seconds} s"
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes} min"


def size(count: int | None) -> str:
    """Bytes in the unit that fits."""
    if count is None:
        return "-"
    value = float(count)
    for unit in ("B", "kB", "MB"):
        if value < 1000:
            return f"{value:.0f} {unit}"
        value /= 1000
    return f"{value:.2f} GB"


def usd(value: float | None) -> str:
    """Dollars to a millionth when they are few."""
    if value is None:
        return "-"
    return "$0" if value == 0 else f"${value:.6f}".rstrip("0").rstrip(".")


def one_line(text: str, width: int = 60) -> str:
    """The beginning of a text."""
    line = " ".join(text.split())
    return line if len(line) <= width else line[: width - 1] + "…"


def note(text: str) -> None:
    """A line for the person beside the result: to stderr."""
    sys.stderr.write(f"{text}\n")
    sys.stderr.flush()
