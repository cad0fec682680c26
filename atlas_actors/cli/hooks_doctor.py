"""atlas hooks doctor: whether hooks reach the daemon, and what to do where they do not."""

import argparse
import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

from atlas_actors.cli import show
from atlas_actors.cli.client import Client
from atlas_actors.clients.install.client_facts import ClientFacts
from atlas_actors.clients.install.doctor import CLIENTS, Examined, examined
from atlas_actors.clients.install.installer import where_from
from atlas_actors.errors import UsageError
from atlas_actors.home import Home

ANSWER_S: Final = 5.0  # of the daemon
PROBLEM: Final = 1  # exit code


def add_to(verbs: Any) -> None:
    """Add the command to those of `atlas hooks`."""
    doctor = verbs.add_parser("doctor", help="whether hooks work, and what to do about it")
    doctor.add_argument("--client", choices=CLIENTS, help="else every one")
    doctor.add_argument("--dir", metavar="DIR", help="the project; else where you are")
    doctor.add_argument("--json", action="store_true")
    doctor.set_defaults(run=run_doctor)


def run_doctor(options: argparse.Namespace, home: Home) -> int:
    """0 when nothing keeps hooks from working."""
    project = Path(options.dir or ".")
    if not project.is_dir():
        raise UsageError(f"there is no directory {project}")
    where = where_from(os.environ, scope="user", project=project, atlas_home=home.root)
    clients = (options.client,) if options.client else CLIENTS

    def ask(method: str) -> Any:
        with Client(home, ANSWER_S) as client:
            return client.call(method)

    found = examined(where, os.environ, ask, lambda: _kept(home), clients)
    if options.json:
        show.print_json(found.as_json())
    else:
        sys.stdout.writelines(f"{line}\n" for line in _lines(found))
    return 0 if found.ok else PROBLEM


def _kept(home: Home) -> Any:
    from atlas_actors.gateway import hook_views

    return hook_views.stats(home.state)


def _lines(found: Examined) -> Iterator[str]:
    answers = "does not answer" if found.pid is None else f"answers, pid {found.pid}"
    yield f"daemon   {answers}"
    for problem in found.problems:
        yield f"         problem: {problem}"
    for facts in found.clients:
        yield f"{facts.client:<9}{_program(facts)}"
        lines = [*_installed(facts), *_seen(facts), *(f"note: {text}" for text in facts.notes)]
        yield from (f"         {line}" for line in lines)
        yield from (f"         problem: {text}" for text in facts.problems)
    problems = len(found.all_problems)
    yield "all well" if found.ok else show.count(problems, "problem")


def _program(facts: ClientFacts) -> str:
    if not facts.program:
        return "not on the path"
    measured = "" if facts.version == facts.measured else f" (measured with {facts.measured})"
    return f"{facts.version or 'unknown version'}{measured}, {facts.program}"


def _installed(facts: ClientFacts) -> Iterator[str]:
    for state in facts.installed:
        if state.installed != "no":
            events = show.count(len(state.events), "event") if state.events else "a plugin"
            yield f"{state.scope}: installed, {events}, {state.file}"


def _seen(facts: ClientFacts) -> Iterator[str]:
    if facts.seen is None:
        return
    yield f"last event: {facts.seen['last_event']}, {show.when(facts.seen['last_at_ms'])}"
    took = facts.seen["latency_us"]
    if took["n"]:
        p50, p90, most = (f"{took[key] / 1000:.1f} ms" for key in ("p50", "p90", "max"))
        yield f"latency of the last {took['n']}: p50 {p50}, p90 {p90}, at most {most}"
