"""Learning on the whole road: a real daemon, three providers, checks, and a change half-way.

usage: scripts/bench learning --daemon [--tasks 1000] [--seed 1] [--only COURSE…]

Each course runs with the strategies that the daemon learns, and again with every task pinned to
the dearest provider. Promised is: work has moved (eight of the last ten first attempts) within 60
tasks of each kind after the change, it costs less than the dearest alone, no more than two points
fewer tasks are verified, and every choice is made again from the log.
"""

import argparse
import tempfile
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Final

import attrs

from tests.support.shifting import DOCS, MIXED, USUAL, Course, Run, run, shifting_world

MOVED_MOST: Final = 60
SUCCESS_LESS: Final = 0.02
PARTS: Final = 10  # of a course, in the table
STORY_LINES: Final = 14


@attrs.frozen(kw_only=True)
class Case:
    """A course with who should lead after its change."""

    about: str
    course: Course
    best: str


def cases(tasks: int, seed: int) -> dict[str, Case]:
    """The courses by name; the first is the one of the promise."""

    def course(prompts: Sequence[str] = DOCS, clients: int = 1, **world: object) -> Course:
        changed = {**USUAL, **world}
        return Course(
            tasks=tasks, change=tasks // 2, seed=seed, prompts=prompts, clients=clients,
            world=changed,  # type: ignore[arg-type]
        )  # fmt: skip

    cheap, mid, dear = USUAL["cheap"], USUAL["mid"], USUAL["dear"]
    free = {"usd_input": 0.0, "usd_output": 0.0}
    alike = {"tier": "cheap"}
    return {
        "flip": Case(about="one intent, one at a time", course=course(), best="mid"),
        "mixed": Case(
            about="four kinds of requests, long and short, four at a time",
            course=course(MIXED, 4), best="mid",
        ),
        "dear": Case(
            about="the dearest turns bad, the cheap one stays",
            course=course(cheap=cheap.changed(after=0.92), dear=dear.changed(after=0.2)),
            best="cheap",
        ),
        "down": Case(
            about="the cheap one answers 503 from the change on",
            course=course(cheap=cheap.changed(after=None), mid=mid.changed(before=0.9)),
            best="mid",
        ),
        "alike": Case(
            about="all of one tier",
            course=course(
                cheap=cheap.changed(**alike), mid=mid.changed(**alike), dear=dear.changed(**alike)
            ),
            best="mid",
        ),
        "free": Case(
            about="all of one tier, none with a price",
            course=course(
                cheap=cheap.changed(**alike, **free),
                mid=mid.changed(**alike, **free, after=0.99),
                dear=dear.changed(**alike, **free, before=0.7, after=0.7),
            ),
            best="mid",
        ),
    }  # fmt: skip


def main(words: Sequence[str]) -> int:
    """Run the courses; 1 when a promise was not kept."""
    parser = argparse.ArgumentParser(prog="scripts/bench learning --daemon")
    parser.add_argument("--tasks", type=int, default=1000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--only", nargs="+", choices=list(cases(2, 1)))
    options = parser.parse_args(words)
    kept = [
        _case(name, case)
        for name, case in cases(options.tasks, options.seed).items()
        if not options.only or name in options.only
    ]
    return 0 if all(kept) else 1


def _case(name: str, case: Case) -> bool:
    course = case.course
    print(f"\n{name}: {case.about}; {course.tasks} tasks, change at {course.change}")
    with tempfile.TemporaryDirectory() as folder, shifting_world(Path(folder), course) as daemon:
        ran = run(daemon, course)
        _table(ran)
        story = daemon.run("strategies", "lineage", "--intent", "docs").stdout.splitlines()
        replayed = daemon.run("strategies", "replay")
    print("\n".join(line for line in story[-STORY_LINES:] if line))
    pinned = attrs.evolve(course, pin="dear")
    with tempfile.TemporaryDirectory() as folder, shifting_world(Path(folder), pinned) as daemon:
        always = run(daemon, pinned)
    print(replayed.stdout.strip())
    return _judged(ran, always, case.best, replayed.returncode == 0)


def _table(ran: Run) -> None:
    size = max(1, ran.course.tasks // PARTS)
    print(f"{'from':>6} {'verified':>8} {'USD':>8}  asked first")
    for low in range(0, ran.course.tasks, size):
        part = slice(low, low + size)
        done = ran.completed[part]
        asked = ", ".join(f"{who} {n}" for who, n in Counter(ran.first[part]).most_common())
        usd = sum(ran.cost_usd[part])
        print(f"{low:>6} {sum(done) / len(done):>8.3f} {usd:>8.4f}  {asked}")


def _judged(ran: Run, always: Run, best: str, same: bool) -> bool:
    moved = ran.moved_after(best)
    free = always.spent_usd == 0
    promises = {
        f"moved to {best} {moved} tasks of a kind after the change": (moved or MOVED_MOST + 1)
        <= MOVED_MOST,
        f"spent ${ran.spent_usd:.3f}, always dear ${always.spent_usd:.3f}": (
            free or ran.spent_usd < always.spent_usd
        ),
        f"verified {ran.success:.3f}, always dear {always.success:.3f}": (
            ran.success >= always.success - SUCCESS_LESS
        ),
        "every choice made again from the log": same,
    }
    for text, is_kept in promises.items():
        print(f"  {'kept  ' if is_kept else 'BROKEN'} {text}")
    print(f"  {ran.course.tasks / ran.took_s:.0f} tasks a second")
    return all(promises.values())
