"""Has Codex trust our hooks, and only ours, and looks whether it does.

Codex skips a hook whose hash its config.toml does not trust. The hash is Codex' own: its
app-server says it, and says after the change whether it is content.
"""

import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Final

import attrs

from atlas_actors.clients.install import codex_config
from atlas_actors.clients.install.codex_server import HookSeen, HooksSeen, hooks_seen
from atlas_actors.clients.install.originals import Edit, Originals, read
from atlas_actors.clients.install.programs import ProgramError
from atlas_actors.errors import Conflict, UsageError

_AGAIN: Final = "atlas hooks install --client codex"
_NOT_TRUSTED: Final = {
    "untrusted": "Codex skips what it does not trust",
    "modified": "Codex skips what is not as it was told to trust it",
}


@attrs.frozen(kw_only=True)
class Subject:
    """Which file's hooks are meant, and where their trust stands."""

    file: Path  # hooks.json
    config: Path  # Codex' config.toml
    codex_dir: Path
    home: Path  # the user's
    project: Path | None  # of a project's hooks.json
    program: str  # "": Codex is not installed
    search_path: str
    originals: Path
    is_ours: Callable[[str], bool]  # of a hook's command

    @property
    def again(self) -> str:
        """The command that brings it in order."""
        return _AGAIN if self.project is None else f"{_AGAIN} --scope project"

    def is_of_file(self, path: str) -> bool:
        """Whether Codex means our hooks.json by this path; it follows some links in it."""
        return os.path.realpath(path) == os.path.realpath(self.file)


@attrs.frozen(kw_only=True)
class Told:
    """What has been done, or seen."""

    changed: tuple[Path, ...] = ()
    notes: tuple[str, ...] = ()
    problems: tuple[str, ...] = ()


def install(subject: Subject, moves: Mapping[str, str], *, trust_project: bool) -> Told:
    """Trust each of our hooks in the file, then ask Codex again.

    `moves`: hooks of others that have another place now, as the ends of their keys.
    """
    if not subject.program:
        return Told(problems=(_no_program(subject),))
    try:
        before = read(subject.config)
        codex_config.settings_of(before)  # or else Codex itself does not start
        if trust_project and subject.project is not None:
            project = os.path.realpath(subject.project)
            _write(subject, lambda data: codex_config.with_project(data, project))
        _trust(subject, moves)
        changed = () if read(subject.config) == before else (subject.config,)
    except (UsageError, Conflict) as error:
        return Told(problems=(f"{subject.config}: {error}",))
    except ProgramError as error:
        return Told(problems=(f"whether Codex trusts the hooks is not known: {error}",))
    told = doubts(subject)
    return attrs.evolve(told, changed=changed)


def uninstall(subject: Subject, moves: Mapping[str, str]) -> Told:
    """Take the trust out that we have put in; for this, Codex itself is not needed."""
    originals = Originals(subject.originals)
    try:
        before, edit = read(subject.config), _without(subject, moves)
        if codex_config.is_any_ours(edit(before)):  # of another scope
            _write(subject, edit)
        else:
            originals.uninstall(originals.plan_uninstall(subject.config, edit))
        changed = () if read(subject.config) == before else (subject.config,)
    except (UsageError, Conflict) as error:
        return Told(problems=(f"{subject.config}: {error}",))
    return Told(changed=changed)


def doubts(subject: Subject) -> Told:
    """Why Codex would not run our hooks; changes nothing."""
    if not subject.program:
        return Told(problems=(_no_program(subject),))
    try:
        if codex_config.are_hooks_off(codex_config.settings_of(read(subject.config))):
            off = f"{subject.config} turns all hooks off: [features] hooks = false"
            return Told(problems=(off,))
        seen = _seen(subject)
    except UsageError as error:
        return Told(problems=(f"{subject.config}: {error}",))
    except ProgramError as error:
        return Told(problems=(f"whether Codex trusts the hooks is not known: {error}",))
    ours = _ours(subject, seen)
    problems = [f"Codex: {problem}" for problem in seen.problems]
    if not ours and not problems:
        problems.append(_unseen(subject, seen))
    problems += _doubted(subject, ours)
    if problems:
        return Told(problems=tuple(problems))
    return Told(notes=(f"Codex {seen.version} trusts each of Atlas' {len(ours)} hooks",))


def _trust(subject: Subject, moves: Mapping[str, str]) -> None:
    seen = _ours(subject, _seen(subject))
    hashes = {hook.key: hook.hash for hook in seen if hook.trust != "managed"}
    if not hashes:  # all hooks are off, or Codex cannot read the file: doubts() says which
        return

    def edit(data: bytes | None) -> bytes | None:
        data = codex_config.without_hooks(data, subject.is_of_file, keep=hashes)
        data = _moved(data, subject, moves)
        return codex_config.with_hooks(data, hashes)

    _write(subject, edit)


def _write(subject: Subject, edit: Edit) -> None:
    """Change config.toml so that uninstallation finds back to the bytes before our first change."""
    originals = Originals(subject.originals)
    originals.install(originals.plan_install(subject.config, edit, codex_config.without_any))


def _without(subject: Subject, moves: Mapping[str, str]) -> Edit:
    def edit(data: bytes | None) -> bytes | None:
        data = codex_config.without_hooks(data, subject.is_of_file)
        if subject.project is not None:
            data = codex_config.without_project(data, os.path.realpath(subject.project))
        return _moved(data, subject, moves)

    return edit


def _moved(data: bytes | None, subject: Subject, moves: Mapping[str, str]) -> bytes | None:
    """The user's own trust goes with their hooks."""
    keys = {}
    for key in codex_config.keys_of(codex_config.settings_of(data)):
        file = codex_config.file_of(key)
        end = key[len(file) + 1 :]
        if end in moves and subject.is_of_file(file):
            keys[key] = f"{file}:{moves[end]}"
    return codex_config.renamed(data, keys)


def _seen(subject: Subject) -> HooksSeen:
    environment = {**os.environ, "HOME": str(subject.home), "PATH": subject.search_path}
    cwd = Path(os.path.realpath(subject.project or subject.codex_dir))
    codex_home: Path | None = subject.codex_dir
    if not subject.codex_dir.is_dir():
        if subject.codex_dir != subject.home / ".codex":
            raise ProgramError(f"CODEX_HOME names {subject.codex_dir}, which is not there")
        codex_home = None  # its own default, which it then makes
    return hooks_seen(subject.program, codex_home, cwd, environment)


def _ours(subject: Subject, seen: HooksSeen) -> list[HookSeen]:
    return [
        hook
        for hook in seen.hooks
        if subject.is_of_file(hook.source_path) and subject.is_ours(hook.command)
    ]


def _doubted(subject: Subject, ours: list[HookSeen]) -> list[str]:
    """One line for all hooks that have the same trouble."""
    events: dict[str, list[str]] = {}
    for hook in ours:
        if doubt := _doubt(subject, hook):
            events.setdefault(doubt, []).append(hook.event)
    return [f"{', '.join(names)}: {doubt}" for doubt, names in events.items()]


def _doubt(subject: Subject, hook: HookSeen) -> str:
    if hook.trust in ("untrusted", "modified"):
        return (
            f"{_NOT_TRUSTED[hook.trust]} ({subject.again} has it trusted, as does /hooks in Codex)"
        )
    if not hook.enabled:
        return "switched off in Codex (/hooks switches it on)"
    return ""


def _unseen(subject: Subject, seen: HooksSeen) -> str:
    if subject.project is not None:
        return (
            f"Codex does not trust {subject.project} and so reads none of its hooks"
            f" ({subject.again} --trust-project, or say yes when Codex asks)"
        )
    return f"Codex {seen.version} does not see the hooks in {subject.file}"


def _no_program(subject: Subject) -> str:
    return (
        "codex is not on the path; it will skip the hooks until they are trusted"
        f" (then: {subject.again}, or /hooks in Codex)"
    )
