"""atlas hooks: Atlas' hooks in the settings of coding agents: in, out, and how they are."""

import argparse
import os
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Final

import attrs

from atlas_actors.cli import hooks_doctor, show
from atlas_actors.clients.install import claude, codex
from atlas_actors.clients.install.installer import (
    Installer,
    Report,
    Scope,
    State,
    Where,
    where_from,
)
from atlas_actors.clients.install.plugin import write_plugin
from atlas_actors.errors import AtlasError, UsageError
from atlas_actors.home import Home

INSTALLERS: Final[dict[str, Installer]] = {"claude": claude, "codex": codex}
SCOPES: Final[tuple[Scope, ...]] = ("user", "project")
PROBLEM: Final = 1  # exit code


def add_to(groups: Any) -> None:
    """Add the command."""
    command = groups.add_parser("hooks", help="Atlas in the settings of your coding agents")
    verbs = command.add_subparsers(dest="verb", metavar="VERB", required=True)
    install = verbs.add_parser("install", help="put Atlas' hooks beside yours")
    _changes(install)
    install.add_argument(
        "--autostart",
        action=argparse.BooleanOptionalAction,
        help="the start of a session starts the daemon; neither: as it is installed",
    )
    install.add_argument(
        "--no-status-line", action="store_true", help="claude: without Atlas' status line"
    )
    install.add_argument(
        "--trust-project", action="store_true", help="codex: trust the project's directory too"
    )
    _finish(install, run_install)
    uninstall = verbs.add_parser("uninstall", help="take them out; the rest stays as it is")
    _changes(uninstall)
    _finish(uninstall, run_uninstall)
    status = verbs.add_parser("status", help="what is installed where")
    _place(status)
    _finish(status, run_status)
    plugin = verbs.add_parser("plugin", help="write them as a plugin of Claude Code instead")
    plugin.add_argument("folder", metavar="DIR", help="new or empty")
    _finish(plugin, run_plugin)
    hooks_doctor.add_to(verbs)


def run_install(options: argparse.Namespace, home: Home) -> int:
    """0 when all that was asked for is installed and nothing keeps it from running."""
    where = attrs.evolve(
        _where_changed(options, home),
        autostart=options.autostart,
        status_line=not options.no_status_line,
        trust_project=options.trust_project,
    )
    clients = [options.client] if options.client else _clients(where, options.json)
    return _each(options, clients, lambda one: one.install(where, dry_run=options.dry_run))


def run_uninstall(options: argparse.Namespace, home: Home) -> int:
    """Every client, unless one is named."""
    where = _where_changed(options, home)
    clients = [options.client] if options.client else list(INSTALLERS)
    return _each(options, clients, lambda one: one.uninstall(where, dry_run=options.dry_run))


def run_status(options: argparse.Namespace, home: Home) -> int:
    """A table, and below what there is to say; of projects only those with hooks."""
    states = list(_states(options, home))
    if options.json:
        show.print_json({"clients": [_plain(state) for state in states]})
        return 0
    if not options.scope:
        states = [
            state
            for state in states
            if state.scope != "project" or state.installed != "no" or state.problems
        ]
    show.table(
        ("client", "scope", "installed", "events", "file"),
        (
            (
                state.client,
                state.scope,
                state.installed,
                str(len(state.events) or "-"),
                _short(state.file),
            )
            for state in states
        ),
        "nothing is installed",
    )
    for state in states:
        for text in (*state.problems, *state.notes):
            sys.stdout.write(f"{state.client}, {state.scope}: {text}\n")
    return 0


def run_plugin(options: argparse.Namespace, home: Home) -> int:
    """Write it, and say how it is installed."""
    folder = Path(os.path.abspath(options.folder))  # noqa: PTH100 - keeps links
    where = where_from(os.environ, scope="user", project=folder, atlas_home=home.root)
    changed = write_plugin(where, folder)
    state = claude.status(where)
    if options.json:
        show.print_json({"folder": str(folder), "changed": [str(file) for file in changed]})
        return 0
    said = "written" if changed else "is current already"
    sys.stdout.write(f"plugin   {_short(folder)}: {said}\n")
    sys.stdout.write(f"next     claude plugin marketplace add {folder}\n")
    sys.stdout.write(f"         claude plugin install {claude.PLUGIN}@{claude.PLUGIN}\n")
    if state.installed != "no":
        sys.stdout.write(
            f"note     hooks are in {_short(state.file)} too and would run twice:"
            " atlas hooks uninstall --client claude\n"
        )
    return 0


def _each(
    options: argparse.Namespace, clients: list[str], act: Callable[[Installer], Report]
) -> int:
    """One client's fault is told, and does not keep the others."""
    reports, failed = [], False
    for client in clients:
        try:
            reports.append(act(INSTALLERS[client]))
        except AtlasError as error:
            if options.client:
                raise
            failed = True
            reports.append(Report(client=client, problems=(str(error),)))
    if options.json:
        show.print_json({"clients": [_plain(report) for report in reports]})
    else:
        for report in reports:
            _say(report, dry_run=options.dry_run)
    return PROBLEM if failed or any(report.problems for report in reports) else 0


def _say(report: Report, *, dry_run: bool) -> None:
    sys.stdout.write(report.differences)
    changed = "would change" if dry_run else "changed"
    lines = [f"{changed} {_short(file)}" for file in report.changed]
    lines += [*report.notes, *(f"problem: {text}" for text in report.problems)]
    for n, line in enumerate(lines):
        sys.stdout.write(f"{'' if n else report.client:<9}{line}\n")


def _states(options: argparse.Namespace, home: Home) -> Iterator[State]:
    for client in [options.client] if options.client else INSTALLERS:
        seen: set[Path] = set()
        for scope in [options.scope] if options.scope else SCOPES:
            state = INSTALLERS[client].status(_where(options, home, scope))
            if state.file not in seen:  # a project that is the home directory has the user's
                yield state
            seen.add(state.file)
        if INSTALLERS[client] is claude:
            plugin = claude.plugin_status(_where(options, home, "user"))
            if plugin is not None:
                yield plugin


def _clients(where: Where, is_quiet: bool) -> list[str]:
    """Those that are used here; says so, since nobody named them."""
    why = {client: one.found(where) for client, one in INSTALLERS.items()}
    found = [client for client, reason in why.items() if reason]
    if not found:
        raise UsageError(
            f"no coding agent was found: {', '.join(INSTALLERS)}", cure="name one: --client claude"
        )
    if not is_quiet:
        listed = ", ".join(f"{client} ({_short(Path(why[client]))})" for client in found)
        sys.stdout.write(f"found    {listed}\n")
    return found


def _where_changed(options: argparse.Namespace, home: Home) -> Where:
    if options.dir and options.scope != "project":
        raise UsageError("--dir names a project", cure="add --scope project")
    return _where(options, home, options.scope or "user")


def _where(options: argparse.Namespace, home: Home, scope: Scope) -> Where:
    project = Path(options.dir or ".")
    if not project.is_dir():
        raise UsageError(f"there is no directory {project}")
    return where_from(os.environ, scope=scope, project=project, atlas_home=home.root)


def _changes(parser: argparse.ArgumentParser) -> None:
    _place(parser)
    parser.add_argument("--dry-run", action="store_true", help="show it, change nothing")


def _place(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--client", choices=tuple(INSTALLERS), help="else every one in use here")
    parser.add_argument("--scope", choices=SCOPES, help="your settings, or a project's")
    parser.add_argument("--dir", metavar="DIR", help="the project; else where you are")


def _finish(parser: argparse.ArgumentParser, run: Any) -> None:
    parser.add_argument("--json", action="store_true")
    parser.set_defaults(run=run)


def _short(file: Path) -> str:
    """With ~ for the home."""
    try:
        return f"~/{file.relative_to(Path.home())}"
    except ValueError:
        return str(file)


def _plain(value: Any) -> dict[str, Any]:
    def as_text(_: Any, __: Any, found: Any) -> Any:
        return str(found) if isinstance(found, Path) else found

    return attrs.asdict(value, value_serializer=as_text)
