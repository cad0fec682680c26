"""Installs our hooks into Codex: hooks.json, and the trust without which Codex skips them."""

import re
import shlex
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import attrs

from atlas_actors.clients.adapter import registered
from atlas_actors.clients.install import codex_config, codex_trust, hook_groups, json_edit
from atlas_actors.clients.install.codex_trust import Subject
from atlas_actors.clients.install.hook_groups import Wanted, words_of
from atlas_actors.clients.install.installer import (
    Installed,
    Report,
    State,
    Where,
    as_installed,
    hook_command,
    is_ours,
)
from atlas_actors.clients.install.originals import Originals, read
from atlas_actors.errors import UsageError

CLIENT: Final = "codex"
_NO_TRUST_YET: Final = (
    "once it is written, Codex is asked for the hash of each hook, and its config.toml trusts them"
)


def found(where: Where) -> str:
    """Why Codex seems to be used here ("": it does not)."""
    return program_of(where) or (str(where.codex_dir) if where.codex_dir.is_dir() else "")


def program_of(where: Where) -> str:
    """Codex' program, "" when there is none on the path."""
    return shutil.which("codex", path=where.search_path) or ""


def hooks_file(where: Where) -> Path:
    """Where our hooks go."""
    folder = where.codex_dir if where.scope == "user" else where.project / ".codex"
    return folder / "hooks.json"


def install(where: Where, *, dry_run: bool = False) -> Report:
    """Write our hooks and have Codex trust them; what is there already is not written again."""
    if where.scope == "project" and (checkout := _main_checkout(where.project)) is not None:
        raise UsageError(
            f"{where.project} is a linked worktree, in which Codex reads the hooks of {checkout}",
            cure=f"--dir {checkout}, or --scope user",
        )
    file = hooks_file(where)
    if where.autostart is None:
        where = as_installed(where, [words_of(handler) for _, handler in ours_in(file)])
    originals, name, hooks = Originals(where.originals), str(file), wanted(where)
    change = originals.plan_install(
        file,
        lambda data: hook_groups.merged(data, name, hooks, is_our_handler),
        lambda data: hook_groups.removed(data, name, is_our_handler),
    )
    changed = () if change.is_none else (file,)
    if dry_run:
        return Report(
            client=CLIENT, changed=changed, notes=(_NO_TRUST_YET,),
            differences=change.differences(),
        )  # fmt: skip
    originals.install(change)
    moves = _moves(change.now, change.wanted, name)
    subject = _subject(where)
    trust = codex_trust.install(subject, moves, trust_project=where.trust_project)
    notes = () if not changed and not trust.changed else ("start Codex anew: it reads hooks once",)
    return Report(
        client=CLIENT,
        changed=changed + trust.changed,
        notes=notes + trust.notes,
        problems=trust.problems,
    )


def uninstall(where: Where, *, dry_run: bool = False) -> Report:
    """Take our hooks and their trust out, and nothing else."""
    file = hooks_file(where)
    originals, name = Originals(where.originals), str(file)
    change = originals.plan_uninstall(
        file, lambda data: hook_groups.removed(data, name, is_our_handler)
    )
    changed = () if change.is_none else (file,)
    if dry_run:
        return Report(client=CLIENT, changed=changed, differences=change.differences())
    moves = _moves(change.now, change.wanted, name)
    originals.uninstall(change)
    trust = codex_trust.uninstall(_subject(where), moves)
    done = changed + trust.changed
    nothing = () if done or trust.problems else ("nothing of Atlas was in it",)
    return Report(client=CLIENT, changed=done, notes=trust.notes + nothing, problems=trust.problems)


def status(where: Where) -> State:
    """What is installed, and whether Codex trusts it; changes nothing."""
    file = hooks_file(where)
    state = State(client=CLIENT, scope=where.scope, installed="no", file=file)
    try:
        present = ours_in(file)
    except UsageError as error:
        return attrs.evolve(state, problems=(str(error),))
    if not present:
        return state
    doubts = codex_trust.doubts(_subject(where))
    return attrs.evolve(
        state,
        installed=_installed(where, present),
        events=tuple(dict.fromkeys(event for event, _ in present)),
        problems=doubts.problems,
    )


def ours_in(file: Path) -> list[tuple[str, dict[str, Any]]]:
    """(event, handler) of each hook of ours in a hooks.json. Raises UsageError."""
    found = hook_groups.ours(read(file), str(file), is_our_handler)
    return [(one.event, one.handler.node.value) for one in found]


def wanted(where: Where) -> list[Wanted]:
    """Our hooks, as hooks.json is to hold them. Codex runs a string in a shell."""
    return [
        Wanted(
            event=row.event,
            matcher=row.matcher or None,
            handler={
                "type": "command",
                "command": shlex.join(hook_command(where, CLIENT, row.event)),
                "timeout": round(row.timeout_s),
            },
        )
        for row in registered(CLIENT)
    ]


def is_our_handler(handler: dict[str, Any]) -> bool:
    """Whether a handler in hooks.json starts our hook."""
    return is_ours(words_of(handler), CLIENT)


def is_our_command(command: str) -> bool:
    """Whether a command of Codex starts our hook."""
    return is_ours(words_of({"command": command}), CLIENT)


def _installed(where: Where, present: list[tuple[str, dict[str, Any]]]) -> Installed:
    """Whether these are what an installation with the same options would write."""
    same = as_installed(where, [words_of(handler) for _, handler in present])
    hooks = {one.event: one.handler for one in wanted(same)}
    if any(hooks.get(event) != handler for event, handler in present):
        return "outdated"
    return "yes" if len(present) == len(hooks) else "partly"


def _main_checkout(project: Path) -> Path | None:
    """Of a linked worktree of git, whose .git is a file that says where its data are."""
    try:
        data = Path((project / ".git").read_text("utf-8").strip().removeprefix("gitdir: "))
    except (OSError, UnicodeDecodeError):  # a repository of its own, or none
        return None
    is_linked = data.parent.name == "worktrees" and data.parents[1].name == ".git"
    return data.parents[2] if is_linked else None


def _subject(where: Where) -> Subject:
    return Subject(
        file=hooks_file(where),
        config=where.codex_dir / "config.toml",
        codex_dir=where.codex_dir,
        home=where.home,
        project=where.project if where.scope == "project" else None,
        program=program_of(where),
        search_path=where.search_path,
        originals=where.originals,
        is_ours=is_our_command,
    )


def _moves(before: bytes | None, after: bytes | None, name: str) -> dict[str, str]:
    """Which hooks of others have another place now: the ends of their keys, old to new."""
    old, new = (_others(data, name) for data in (before, after))
    return {
        was: became
        for event, places in old.items()
        for was, became in zip(places, new.get(event, []), strict=False)
        if was != became
    }


def _others(data: bytes | None, name: str) -> dict[str, list[str]]:
    """The places of hooks that are not ours, by event and in order."""
    _, root = json_edit.read_object(data, name)
    hooks = root.value.get("hooks")
    found: dict[str, list[str]] = {}
    for event, groups in hooks.items() if isinstance(hooks, dict) else []:
        found[event] = list(_places(event, groups))
    return found


def _places(event: str, groups: Any) -> Iterator[str]:
    snake = re.sub(r"(?<!^)(?=[A-Z])", "_", event).lower()
    for number, group in enumerate(groups if isinstance(groups, list) else []):
        handlers = group.get("hooks") if isinstance(group, dict) else None
        for place, handler in enumerate(handlers if isinstance(handlers, list) else []):
            if not (isinstance(handler, dict) and is_our_handler(handler)):
                yield codex_config.end_of_key(snake, number, place)
