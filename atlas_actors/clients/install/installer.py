"""What every installer of hooks is told, does and reports."""

import itertools
import os
import sys
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Final, Literal, Protocol

import attrs

from atlas_actors.clients.adapter import registered
from atlas_actors.errors import UsageError

Scope = Literal["user", "project"]
Installed = Literal["yes", "no", "partly", "outdated"]

DEADLINE_S: Final = 1.0  # what scripts/hook takes when it is told nothing
HOOK: Final = Path(__file__).resolve().parents[3] / "scripts" / "hook"


@attrs.frozen(kw_only=True)
class Where:
    """Where hooks go, and what they are to be; paths are absolute."""

    scope: Scope
    home: Path  # the user's
    project: Path
    atlas_home: Path
    claude_dir: Path  # ~/.claude, or $CLAUDE_CONFIG_DIR
    codex_dir: Path  # ~/.codex, or $CODEX_HOME
    python: str
    hook: Path
    search_path: str = ""  # where programs are looked for
    autostart: bool | None = False  # None: as it is installed
    status_line: bool = True
    trust_project: bool = False
    deadline_s: float = DEADLINE_S

    @property
    def originals(self) -> Path:
        """Where it is noted what a file was before our first change of it."""
        return self.atlas_home / "hooks"


@attrs.frozen(kw_only=True)
class Report:
    """What an installer has done to one client; of a dry run, what it would do."""

    client: str
    changed: tuple[Path, ...] = ()
    notes: tuple[str, ...] = ()  # what comes next, what was left alone and why
    problems: tuple[str, ...] = ()  # each says what to do about it
    differences: str = ""  # a unified diff; of a dry run only


@attrs.frozen(kw_only=True)
class State:
    """How one client stands in one scope."""

    client: str
    scope: str  # user, project, plugin
    installed: Installed
    file: Path
    events: tuple[str, ...] = ()  # those that have our hook
    notes: tuple[str, ...] = ()
    problems: tuple[str, ...] = ()


class Installer(Protocol):
    """What claude.py and codex.py are: modules with these functions."""

    def found(self, where: Where) -> str:
        """Why this client seems to be used here ("" : it does not)."""

    def install(self, where: Where, *, dry_run: bool = False) -> Report:
        """Write our hooks; what is there already is not written again."""

    def uninstall(self, where: Where, *, dry_run: bool = False) -> Report:
        """Take our hooks out, and nothing else."""

    def status(self, where: Where) -> State:
        """What is installed; reads only."""


def where_from(
    environment: Mapping[str, str], *, scope: Scope, project: Path, atlas_home: Path
) -> Where:
    """What this process would install; UsageError when there is no scripts/hook beside it."""
    home = Path(environment.get("HOME") or Path.home())
    if not HOOK.is_file():
        raise UsageError(
            f"there is no {HOOK}", cure="install Atlas from its checkout with scripts/serve"
        )
    return Where(
        scope=scope,
        home=home,
        project=_absolute(project),
        atlas_home=_absolute(atlas_home),
        claude_dir=_absolute(Path(environment.get("CLAUDE_CONFIG_DIR") or home / ".claude")),
        codex_dir=_absolute(Path(environment.get("CODEX_HOME") or home / ".codex")),
        # The real one: a venv may be gone tomorrow, and a shim of pyenv costs 70 ms a hook.
        python=os.path.realpath(sys.executable),
        hook=HOOK,
        search_path=environment.get("PATH", ""),
    )


def hook_command(where: Where, client: str, event: str) -> list[str]:
    """The words that start our hook for this event; the client adds none."""
    words = [where.python, "-I", "-S", str(where.hook), client, event]
    if event in _told(client):
        words.append("--tell")
    if where.atlas_home != _absolute(where.home / ".atlas"):
        # A client starts its hooks with its own environment, in which ATLAS_HOME may be missing.
        words += ["--home", str(where.atlas_home)]
    if where.deadline_s != DEADLINE_S:
        words += ["--deadline", f"{where.deadline_s:g}"]
    if where.autostart and event == "SessionStart":
        words.append("--autostart")
    return words


def _told(client: str) -> frozenset[str]:
    """The events that the hook tells without waiting."""
    return frozenset(one.event for one in registered(client) if one.told)


def as_installed(where: Where, commands: Iterable[Sequence[str]]) -> Where:
    """The same place with the options that these installed commands show."""
    return attrs.evolve(where, autostart=any("--autostart" in words for words in commands))


def is_ours(words: Sequence[str], client: str) -> bool:
    """Whether these words start a hook of Atlas, of this checkout or another, for this client."""
    return any(
        word.endswith("/scripts/hook") and following == client
        for word, following in itertools.pairwise(words)
    )


def _absolute(path: Path) -> Path:
    return Path(os.path.abspath(path.expanduser()))  # noqa: PTH100 - keeps links
