"""What a hook costs a client: the whole process beside `python -I -S -c pass`, in the same run.

usage: scripts/bench hooks [--rounds 150]

All cases take turns within each round, so that drift of the machine hits each. A door is a thread
that answers at once; the daemon is a real one with a project to know. The goal is for a hook that a
daemon answers: at most 1.25 times the bare interpreter, by the medians. What the daemon itself
takes is in the last lines: the same lines over the socket, from this process.
"""

import argparse
import json
import os
import socket
import statistics
import sys
import tempfile
import time
from pathlib import Path

import attrs

from atlas_actors.gateway.hook_cache import keep_compiled
from atlas_actors.gateway.hook_line import framed
from tests.support.daemons import Daemon, daemon_on
from tests.support.hooks import FakeDoor, command, environment, read_all, says

GOAL = 1.25
BARE = "python -I -S -c pass"
ANSWER = framed(b'{"hookSpecificOutput":{"hookEventName":"PreToolUse"}}')


@attrs.frozen(kw_only=True)
class Case:
    """One kind of process to time."""

    name: str
    words: list[str]
    home: Path
    payload: Path
    has_goal: bool = False


def main(words: list[str]) -> int:
    """Print the table; 1 when the goal is missed or the daemon hears no hooks."""
    parser = argparse.ArgumentParser(prog="scripts/bench hooks", description=__doc__)
    parser.add_argument("--rounds", type=int, default=150)
    options = parser.parse_args(words)
    keep_compiled()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        project = folder / "project"
        project.mkdir()
        (folder / "door").mkdir()
        payloads = {
            event: written(folder / event, payload)
            for event, payload in payloads_of(project).items()
        }
        with FakeDoor(folder / "door", says(ANSWER)), daemon_on(folder / "home") as daemon:
            if not asked(daemon, payloads["PreToolUse"])[0].split(b"\n")[0].isdigit():
                print("this daemon does not answer hooks")
                return 1
            cases = cases_of(folder, daemon.home.root, payloads)
            times = measured(cases, options.rounds)
            missed = show(cases, times)
            for event, payload in payloads.items():
                inside = [asked(daemon, payload)[1] for _ in range(options.rounds)]
                print(f"{'daemon alone: ' + event:<34} {three(inside)}")
    return int(missed)


def payloads_of(project: Path) -> dict[str, object]:
    """What a client tells of one step and of one prompt."""
    about = {"session_id": "bench", "cwd": str(project), "transcript_path": ""}
    return {
        "PreToolUse": {
            **about,
            "hook_event_name": "PreToolUse",
            "tool_name": "Bash",
            "tool_input": {"command": "pytest -q tests/test_pager.py"},
            "tool_use_id": "toolu_1",
        },
        "UserPromptSubmit": {
            **about,
            "hook_event_name": "UserPromptSubmit",
            "prompt": "the pager shows one line too many at the end, fix it and run its tests",
        },
    }


def written(file: Path, payload: object) -> Path:
    file.write_text(json.dumps(payload), "utf-8")
    return file


def cases_of(folder: Path, home: Path, payloads: dict[str, Path]) -> list[Case]:
    tool, prompt = payloads["PreToolUse"], payloads["UserPromptSubmit"]
    absent, hook = folder / "absent", command("claude")
    bare = [sys.executable, "-I", "-S", "-c", "pass"]
    return [
        Case(name=BARE, words=bare, home=absent, payload=tool),
        Case(name="hook, no daemon", words=hook, home=absent, payload=tool),
        Case(name="hook, a door", words=hook, home=folder / "door", payload=tool),
        Case(name="hook, daemon: a tool", words=hook, home=home, payload=tool, has_goal=True),
        Case(name="hook, daemon: a prompt", words=hook, home=home, payload=prompt),
        Case(
            name="hook, daemon: only told",
            words=[*hook, "PostToolUse", "--tell"],
            home=home,
            payload=tool,
            has_goal=True,
        ),
    ]


def measured(cases: list[Case], rounds: int) -> dict[str, list[float]]:
    """Milliseconds of each process, from its start to its end."""
    times: dict[str, list[float]] = {case.name: [] for case in cases}
    for number in range(rounds + 5):
        for case in cases:
            took_ms = run(case)
            if number >= 5:  # the first ones fill caches
                times[case.name].append(took_ms)
    return times


def run(case: Case) -> float:
    """Start it as a client does, wait for it: milliseconds."""
    streams = [
        (os.POSIX_SPAWN_OPEN, 0, str(case.payload), os.O_RDONLY, 0),
        (os.POSIX_SPAWN_OPEN, 1, os.devnull, os.O_WRONLY, 0),
    ]
    variables = environment(case.home)
    began_s = time.perf_counter()
    pid = os.posix_spawn(case.words[0], case.words, variables, file_actions=streams)
    _, status = os.waitpid(pid, 0)
    took_s = time.perf_counter() - began_s
    assert status == 0, f"{case.name} ended with {status}"
    return took_s * 1000


def asked(daemon: Daemon, payload: Path) -> tuple[bytes, float]:
    """The daemon's frame for one hook's line, and how many milliseconds it took."""
    head = b"hook\x1fclaude\x1f1000\x1f%d\x1f\x1e" % (time.time() * 1000)
    began_s = time.perf_counter()
    with socket.socket(socket.AF_UNIX) as door:
        door.connect(str(daemon.home.socket()))
        door.sendall(head + payload.read_bytes() + b"\n")
        frame = read_all(door)
    return frame, (time.perf_counter() - began_s) * 1000


def show(cases: list[Case], times: dict[str, list[float]]) -> bool:
    """Print each case beside the bare interpreter; whether the goal was missed."""
    missed = False
    print(f"{'ms':<34} {'min / median / p95':>21}  by min  by median  goal")
    for case in cases:
        ratios = [of(times[case.name]) / of(times[BARE]) for of in (min, statistics.median)]
        verdict = "-"
        if case.has_goal:
            missed = missed or ratios[1] > GOAL
            verdict = f"at most {GOAL}: {'MISSED' if ratios[1] > GOAL else 'met'}"
        print(f"{case.name:<34} {three(times[case.name]):>21}  {ratios[0]:6.2f}  {ratios[1]:9.2f}"
              f"  {verdict}")  # fmt: skip
    return missed


def three(values: list[float]) -> str:
    shown = (min(values), statistics.median(values), statistics.quantiles(values, n=20)[-1])
    return " / ".join(f"{value:.1f}" for value in shown)
