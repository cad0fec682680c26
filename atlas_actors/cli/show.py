"""How things are shown to people: tables, times, costs."""

import json
import shutil
import sys
import time
from collections.abc import Iterable, Sequence
from typing import Any, Final

WIDTH: Final = 160  # where no terminal says it
DAYS_FROM_H: Final = 48
LAST_MIN: Final = 8  # characters of a last column that is cut
READ_MIN: Final = 24  # of one that can be read; before it is cut shorter, others are left out


def print_json(value: Any) -> None:
    """One JSON object, indented."""
    sys.stdout.write(json.dumps(value, ensure_ascii=False, indent=2) + "\n")


def table(
    columns: Sequence[str],
    rows: Iterable[Sequence[str]],
    empty: str,
    *,
    cut: bool = False,
    drop: Sequence[str] = (),
) -> None:
    """A table, or one line when there is nothing; with `cut` the last column gives way, so that
    each row is one line. What `drop` names is left out, in this order, where there is no room."""
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    listed = list(rows)
    if not listed:
        sys.stdout.write(f"{empty}\n")
        return
    console = Console(width=None if sys.stdout.isatty() else WIDTH)
    columns, listed = _that_fit(columns, listed, console.width, drop, cut)
    if cut:
        listed = _cut(columns, listed, console.width)
    shown = Table(box=None, pad_edge=False, header_style="bold")
    for n, column in enumerate(columns):
        whole = cut and n < len(columns) - 1
        shown.add_column(
            column,
            overflow="fold" if column in ("id", "part") else "ellipsis",
            no_wrap=cut or column in ("id", "state"),
            min_width=max(len(row[n]) for row in listed) if whole else None,
        )
    for row in listed:
        shown.add_row(*(Text(cell) for cell in row))
    console.print(shown)


def _that_fit(
    columns: Sequence[str], rows: list[Sequence[str]], width: int, drop: Sequence[str], cut: bool
) -> tuple[Sequence[str], list[Sequence[str]]]:
    """Without as many of the columns to `drop` as it takes."""
    for name in drop:
        cells = list(zip(columns, *rows, strict=True))
        widths = [max(map(len, column)) for column in cells]
        if cut:
            widths[-1] = min(widths[-1], READ_MIN)
        if sum(widths) + 2 * (len(widths) - 1) <= width:
            break
        cells = [column for column in cells if column[0] != name]
        columns, *left = list(zip(*cells, strict=True))
        rows = [*left]
    return columns, rows


def _cut(columns: Sequence[str], rows: list[Sequence[str]], width: int) -> list[Sequence[str]]:
    others = zip(*([*columns[:-1]], *(row[:-1] for row in rows)), strict=True)
    left = width - sum(max(len(cell) for cell in cells) + 2 for cells in others)
    return [(*row[:-1], one_line(row[-1], max(LAST_MIN, left))) for row in rows]


def terminal_width() -> int | None:
    """Characters in a line; None where nobody looks at a terminal."""
    return shutil.get_terminal_size().columns if sys.stdout.isatty() else None


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
    if hours >= DAYS_FROM_H:
        return f"{hours // 24} days"
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


def count(number: int, noun: str) -> str:
    """1 task, 2 tasks."""
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


def one_line(text: str, width: int = 60) -> str:
    """The beginning of a text."""
    line = " ".join(text.split())
    return line if len(line) <= width else line[: width - 1] + "…"


def note(text: str) -> None:
    """A line for the person beside the result: to stderr."""
    sys.stderr.write(f"{text}\n")
    sys.stderr.flush()


def strategy(route: dict[str, Any]) -> list[str]:
    """A route's strategy and why, in at most one line; of routes before there were any, none."""
    chosen, why = route.get("strategy"), route.get("strategy_why", "")
    if chosen is None:
        return [f"none: {why}"] if why else []
    return [f"{chosen['id']}: {why}" if why else str(chosen["id"])]


def plain(text: str) -> str:
    """Without what a terminal would obey: it may come from a file of anybody's."""
    return "".join(
        letter if letter.isprintable() or letter in "\n\t" else "\N{REPLACEMENT CHARACTER}"
        for letter in text
    )


def percent(share: float) -> str:
    """0.5 as 50 %."""
    return f"{100 * share:.0f} %"
