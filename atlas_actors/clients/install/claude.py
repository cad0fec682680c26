"""Claude Code: our hooks and status line in its settings.json, beside what is there."""

import functools
import shutil
from collections.abc import Iterable
from pathlib import Path
from typing import Any, Final

from atlas_actors.clients.install import hook_groups, json_edit
from atlas_actors.clients.install.claude_settings import (
    CLIENT,
    cleaned,
    edited,
    is_ours,
    wanted_hooks,
)
from atlas_actors.clients.install.installer import Installed, Report, State, Where, as_installed
from atlas_actors.clients.install.originals import Change, Originals, read
from atlas_actors.errors import UsageError

PLUGIN: Final = "atlas"


def found(where: Where) -> str:
    """Why Claude Code seems to be used here ("": it does not)."""
    if program := shutil.which(CLIENT, path=where.search_path):
        return program
    return str(where.claude_dir) if where.claude_dir.is_dir() else ""


def install(where: Where, *, dry_run: bool = False) -> Report:
    """Our hooks into the settings of this scope; UsageError when the file cannot be read."""
    file = settings_file(where)
    if where.autostart is None:
        handlers = hook_groups.ours(read(file), str(file), is_ours)
        where = as_installed(
            where, [hook_groups.words_of(one.handler.node.value) for one in handlers]
        )
    elsewhere = [] if where.scope == "user" else _other_files(where, file)
    taken = [str(other) for other in elsewhere if "statusLine" in _settings(other)]
    originals = Originals(where.originals)
    edit = functools.partial(
        edited, name=str(file), where=where, status_line=where.status_line and not taken
    )
    change = originals.plan_install(file, edit, functools.partial(cleaned, name=str(file)))
    if not dry_run:
        originals.install(change)
    return _report(change, dry_run, _next_steps(where, change, taken), _problems(where))


def uninstall(where: Where, *, dry_run: bool = False) -> Report:
    """Our hooks out of the settings of this scope; its old bytes, if nobody changed them since."""
    file = settings_file(where)
    originals = Originals(where.originals)
    change = originals.plan_uninstall(file, functools.partial(cleaned, name=str(file)))
    if not dry_run:
        originals.uninstall(change)
    notes = ("nothing of Atlas was in it",) if change.is_none else ("restart claude",)
    return _report(change, dry_run, notes, ())


def status(where: Where) -> State:
    """Which of our hooks are in the settings of this scope, and what keeps them from running."""
    file = settings_file(where)
    try:
        data = read(file)
        present = {
            one.event: hook_groups.words_of(one.handler.node.value)
            for one in hook_groups.ours(data, str(file), is_ours)
        }
    except UsageError as error:
        return State(
            client=CLIENT, scope=where.scope, installed="no", file=file, problems=(str(error),)
        )
    kind = _installed(data, str(file), where, present)
    problems = _problems(where) + _gone(present.values()) if present else ()
    return State(
        client=CLIENT,
        scope=where.scope,
        installed=kind,
        file=file,
        events=tuple(present),
        notes=_status_notes(where, kind),
        problems=problems,
    )


def plugin_status(where: Where) -> State | None:
    """Our plugin, where it is enabled."""
    if (file := plugin_enabled(where)) is None:
        return None
    return State(client=CLIENT, scope="plugin", installed="yes", file=file)


def plugin_enabled(where: Where) -> Path | None:
    """The settings file that enables our plugin, None when none does."""
    for file in (where.claude_dir / "settings.json", *_project_files(where)):
        enabled = _settings(file).get("enabledPlugins")
        if isinstance(enabled, dict) and any(
            str(name).split("@")[0] == PLUGIN and on is not False for name, on in enabled.items()
        ):
            return file
    return None


def settings_file(where: Where) -> Path:
    """The file of this scope."""
    folder = where.claude_dir if where.scope == "user" else where.project / ".claude"
    return folder / "settings.json"


def _installed(
    data: bytes | None, name: str, where: Where, present: dict[str, list[str]]
) -> Installed:
    """Whether the file is what its installation with the same options would make of it."""
    if not present:
        return "no"
    same = as_installed(where, present.values())
    if data in (edited(data, name, same, status_line=on) for on in (False, True)):
        return "yes"
    missing = {one.event for one in wanted_hooks(where)} - set(present)
    return "partly" if missing else "outdated"


def _gone(commands: Iterable[list[str]]) -> tuple[str, ...]:
    """Programs that the installed hooks name and that are not there."""
    programs = {words[0] for words in commands} | {
        word for words in commands for word in words if word.endswith("/scripts/hook")
    }
    return tuple(
        f"{program} is not there any more: atlas hooks install --client claude"
        for program in sorted(programs)
        if not Path(program).exists()
    )


def _problems(where: Where) -> tuple[str, ...]:
    """What keeps hooks from running although they are installed."""
    files = {settings_file(where), where.claude_dir / "settings.json", *_project_files(where)}
    return tuple(
        f'"disableAllHooks": true in {file} turns every hook off: take it out'
        for file in sorted(files)
        if _settings(file).get("disableAllHooks") is True
    )


def _status_notes(where: Where, kind: Installed) -> tuple[str, ...]:
    notes = []
    if kind in ("partly", "outdated"):
        scope = f" --scope {where.scope}" if where.scope == "project" else ""
        notes.append(f"atlas hooks install --client claude{scope} makes it current")
    if kind != "no" and (file := plugin_enabled(where)):
        notes.append(
            f"the plugin is enabled too, in {file}, and each hook may run twice:"
            f" atlas hooks uninstall, or claude plugin uninstall {PLUGIN}"
        )
    return tuple(notes)


def _next_steps(where: Where, change: Change, taken: list[str]) -> tuple[str, ...]:
    notes = ["is installed already"] if change.is_none else ["restart claude"]
    if taken:
        notes.append(f"no status line: {taken[0]} has one, and this file would hide it")
    elif where.status_line:
        member = json_edit.read_object(change.wanted, str(change.file))[1].member("statusLine")
        if member is not None and not is_ours(member.node.value):
            notes.append("your own status line stays")
    if where.scope == "project":
        notes += [
            "claude runs them once the folder is trusted (it asks at its first start there)",
            "the paths in this file are this machine's: do not commit it, or install for the user",
        ]
    if file := plugin_enabled(where):
        notes.append(
            f"the plugin is enabled too, in {file}, and each hook may run twice:"
            f" claude plugin uninstall {PLUGIN}"
        )
    return tuple(notes)


def _report(
    change: Change, dry_run: bool, notes: tuple[str, ...], problems: tuple[str, ...]
) -> Report:
    return Report(
        client=CLIENT,
        changed=() if change.is_none else (change.file,),
        notes=notes,
        problems=problems,
        differences=change.differences() if dry_run else "",
    )


def _project_files(where: Where) -> tuple[Path, Path]:
    folder = where.project / ".claude"
    return folder / "settings.json", folder / "settings.local.json"


def _other_files(where: Where, file: Path) -> list[Path]:
    files = (where.claude_dir / "settings.json", *_project_files(where))
    return [other for other in files if other != file]


def _settings(file: Path) -> dict[str, Any]:
    """A neighbouring settings file, which is only looked at; {} when it cannot be."""
    try:
        root = json_edit.read_object(read(file), str(file))[1]
    except UsageError:
        return {}
    return dict(root.value)
