"""atlas submit --many: many tasks from JSON lines, each for itself."""

import argparse
import contextlib
import json
import sys
from collections.abc import Iterator, Sequence
from graphlib import CycleError, TopologicalSorter
from typing import Any, Final

from atlas_actors.cli import show
from atlas_actors.cli.client import Client, NotRunningError
from atlas_actors.cli.json_lines import PART_BYTES, PART_ROWS, Row, rows
from atlas_actors.cli.limits import NAME_CHARACTERS_MAX
from atlas_actors.errors import AtlasError, Busy, DeadlinePassed, Unavailable, UsageError
from atlas_actors.home import Home

# What says that the daemon cannot be asked now, whatever the lines are.
_NOT_OF_THE_LINES: Final = (NotRunningError, Busy, DeadlinePassed, Unavailable)


def run_many(options: argparse.Namespace, home: Home) -> int:
    """One id a line, in the order of the lines; what was refused goes to stderr, exit code 1."""
    found = list(rows(options.many))
    if not found:
        show.note(f"atlas: {'stdin' if options.many == '-' else options.many} holds no tasks")
        return 0
    results = {row.number: {"error": problem} for row in found if (problem := _problem(row))}
    with Client(home) as client:
        try:
            for part in parts([row for row in found if row.number not in results]):
                results |= _sent(client, part)
        finally:
            _print(found, results, as_json=options.json)
    return 1 if any("error" in result for result in results.values()) else 0


def parts(found: Sequence[Row]) -> Iterator[list[Row]]:
    """Pure: the rows in parts of bounded length, each after those that its `after` names by key.

    Those in a circle, and those after them, come last and together, so that the daemon sees
    the circle.
    """
    ordered, circular = _in_order(found)
    for group in (ordered, circular):
        part: list[Row] = []
        size = 0
        for row in group:
            if part and (size + row.bytes > PART_BYTES or len(part) >= PART_ROWS):
                yield part
                part, size = [], 0
            part.append(row)
            size += row.bytes
        if part:
            yield part


def _in_order(found: Sequence[Row]) -> tuple[list[Row], list[Row]]:
    of_key: dict[str, int] = {}
    for at, row in enumerate(found):
        key = row.value.get("key")
        if isinstance(key, str):
            of_key.setdefault(key, at)
    graph = {
        at: {of_key[name] for name in _after(row) if name in of_key} for at, row in enumerate(found)
    }
    sorter = TopologicalSorter(graph)
    with contextlib.suppress(CycleError):  # what is in no circle and after none comes out
        sorter.prepare()
    ordered: list[int] = []
    while ready := sorted(sorter.get_ready()):
        ordered += ready
        sorter.done(*ready)
    left = sorted(graph.keys() - set(ordered))
    return [found[at] for at in ordered], [found[at] for at in left]


def _after(row: Row) -> list[str]:
    after = row.value.get("after")
    return [name for name in after if isinstance(name, str)] if isinstance(after, list) else []


def _problem(row: Row) -> str:
    """What the line is refused for without asking."""
    key = row.value.get("key")
    if isinstance(key, str) and len(key) > NAME_CHARACTERS_MAX:
        return f"key is longer than {NAME_CHARACTERS_MAX} characters"
    return row.problem


def _sent(client: Client, part: Sequence[Row]) -> dict[int, dict[str, Any]]:
    """The results by line; a part that is refused as a whole is sent line by line."""
    try:
        answer = client.call("task.submit_many", tasks=[row.value for row in part])
    except _NOT_OF_THE_LINES:
        raise
    except AtlasError as error:
        if len(part) == 1:
            return {part[0].number: {"error": str(error)}}
        if not isinstance(error, UsageError) and type(error) is not AtlasError:
            raise
        return {n: result for row in part for n, result in _sent(client, [row]).items()}
    return {row.number: result for row, result in zip(part, answer["results"], strict=True)}


def _print(found: Sequence[Row], results: dict[int, dict[str, Any]], *, as_json: bool) -> None:
    for row in found:
        result = results.get(row.number, {"error": "it was not answered"})
        if "error" in result and row.number in results:
            show.note(f"atlas: line {row.number}: {result['error']}")
        said = json.dumps(result, ensure_ascii=False) if as_json else result.get("id", "-")
        sys.stdout.write(f"{said}\n")
    sys.stdout.flush()
    show.note(f"atlas: {_summary(results, len(found))}")


def _summary(results: dict[int, dict[str, Any]], lines: int) -> str:
    refused = sum("error" in result for result in results.values())
    queued = sum(bool(result.get("created")) for result in results.values())
    known = len(results) - refused - queued
    said = [f"{queued:,} queued"]
    said += [f"{known:,} known already"] if known else []
    said += [f"{refused:,} refused"] if refused else []
    said += [f"{lines - len(results):,} not answered"] if lines > len(results) else []
    return ", ".join(said)
