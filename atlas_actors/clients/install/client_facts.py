"""What of one client can be seen from outside: its program, our hooks in it, what it has told."""

import json
import os
import shutil
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any, Final

import attrs

from atlas_actors.clients.install import claude, codex, hook_groups
from atlas_actors.clients.install.claude_settings import is_ours
from atlas_actors.clients.install.installer import State, Where
from atlas_actors.clients.install.originals import read
from atlas_actors.clients.install.programs import ProgramError, needed, output_of, version_of
from atlas_actors.clients.table import table_of
from atlas_actors.errors import UsageError
from atlas_actors.providers.cli import MARKER

HOOK_S: Final = 10.0  # a hook that says nothing takes 30 ms


@attrs.frozen(kw_only=True)
class ClientFacts:
    """One client, as far as Atlas can see it from outside."""

    client: str
    program: str  # its path, "" when it is not on the path
    version: str  # what the program says, "" when it says nothing
    measured: str  # the version that Atlas' tables were written for
    starts_daemon: bool  # a session's start does, where none runs
    installed: tuple[State, ...]  # in each scope; of a plugin when there is one
    seen: dict[str, Any] | None  # of hook.stats; None: no event has been heard
    notes: tuple[str, ...] = ()
    problems: tuple[str, ...] = ()

    @property
    def is_installed(self) -> bool:
        """Whether our hooks are in one of its files."""
        return any(state.installed != "no" for state in self.installed)


def facts_of(
    client: str, where: Where, environment: Mapping[str, str], seen: dict[str, Any] | None
) -> ClientFacts:
    """Look at one client; `seen` is its row of hook.stats."""
    program = shutil.which(client, path=where.search_path) or ""
    states = _states(client, where)
    present = [state for state in states if state.installed != "no"]
    commands = _commands(client, present)
    version, problem = _version(program, {**environment, "PATH": where.search_path})
    problems = [
        *problem,
        *_placed(states, lambda state: (*state.problems, *_advice(state))),
        *_twice(client, present),
    ]
    notes = _placed(present, lambda state: state.notes)
    if not present:
        notes.append(f"no hooks in it: atlas hooks install --client {client}")
    elif seen is None:
        notes.append(f"no event was heard yet: start {client} anew and say something to it")
    if client == "claude" and present and not _is_trusted(where):
        notes.append(
            f"Claude Code asks once whether {where.project} is trusted, and holds hooks back in it"
            " until then; claude -p does not ask"
        )
    return ClientFacts(
        client=client,
        program=program,
        version=version,
        measured=table_of(client).version,
        starts_daemon=any("--autostart" in words for words in commands),
        installed=tuple(states),
        seen=seen,
        notes=tuple(notes),
        problems=(*problems, *_broken(client, commands, problems)),
    )


def _version(program: str, environment: Mapping[str, str]) -> tuple[str, list[str]]:
    """What it says, or the problem that it has with that."""
    try:
        return (version_of(program, environment) if program else ""), []
    except ProgramError as error:
        return "", [str(error)]


def _states(client: str, where: Where) -> list[State]:
    """One a scope; a project that is the home directory has the user's file."""
    installer = claude if client == "claude" else codex
    user = installer.status(attrs.evolve(where, scope="user"))
    states = [user]
    project = installer.status(attrs.evolve(where, scope="project"))
    if os.path.realpath(project.file) != os.path.realpath(user.file):
        states.append(project)
    if client == "claude" and (plugin := claude.plugin_status(where)) is not None:
        states.append(plugin)
    return states


def _placed(states: Iterable[State], texts: Callable[[State], Iterable[str]]) -> list[str]:
    """Each text once, behind the first scope that it is true of."""
    found: dict[str, str] = {}
    for state in states:
        for text in texts(state):
            found.setdefault(text, state.scope)
    return [f"{scope}: {text}" for text, scope in found.items()]


def _advice(state: State) -> list[str]:
    if state.installed not in ("partly", "outdated"):
        return []
    scope = f" --scope {state.scope}" if state.scope == "project" else ""
    return [
        f"the hooks in {state.file} are not what this Atlas installs: they are older, edited, or"
        f" another checkout's (atlas hooks install --client {state.client}{scope})"
    ]


def _broken(client: str, commands: list[list[str]], known: list[str]) -> list[str]:
    """What keeps the installed commands from starting. Each is started, marked as one of Atlas' own
    executors, in which it ends at once and tells the daemon nothing."""
    problems = []
    for words in {tuple(_first_words(words)): None for words in commands}:
        gone = [word for word in (words[0], words[-1]) if not Path(word).exists()]
        if gone:
            problem = f"{gone[0]} is not there any more (atlas hooks install --client {client})"
            problems += [] if any(gone[0] in text for text in known) else [problem]
            continue
        try:
            said = output_of([*words, client], {**needed(os.environ), MARKER: "1"}, HOOK_S)
        except ProgramError as error:
            problems.append(f"its hook does not run: {error}")
        else:
            problems += ["its hook prints what no client expects"] if said else []
    return problems


def _commands(client: str, present: list[State]) -> list[list[str]]:
    """What the installed hooks start."""
    found = []
    for state in present:
        if state.scope == "plugin":
            continue
        if client == "codex":
            found += [hook_groups.words_of(handler) for _, handler in codex.ours_in(state.file)]
        else:
            data = read(state.file)
            hooks = hook_groups.ours(data, str(state.file), is_ours)
            found += [hook_groups.words_of(one.handler.node.value) for one in hooks]
    return found


def _first_words(words: list[str]) -> list[str]:
    """Up to scripts/hook."""
    place = next(n for n, word in enumerate(words) if word.endswith("/scripts/hook"))
    return words[: place + 1]


def _twice(client: str, present: list[State]) -> list[str]:
    """Claude Code runs equal commands once; a plugin's are told apart, as are Codex'."""
    scopes = [state.scope for state in present]
    if len(scopes) < 2 or (client == "claude" and "plugin" not in scopes):
        return []
    places = " and ".join(scopes)
    return [f"hooks are installed for {places}: each may run twice (uninstall one of them)"]


def _is_trusted(where: Where) -> bool:
    """Whether Claude Code has been told that this directory, or one above it, is trusted."""
    folder = where.home if where.claude_dir == where.home / ".claude" else where.claude_dir
    try:
        said = json.loads(read(folder / ".claude.json") or b"{}")
        projects = said["projects"]
        return any(
            projects.get(str(place), {}).get("hasTrustDialogAccepted") is True
            for place in (where.project, *where.project.parents)
        )
    except (UsageError, ValueError, KeyError, AttributeError, TypeError):
        return False  # it may be trusted: what follows is a note only
