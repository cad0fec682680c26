"""Which agents, skills and commands exist: the user's and the project's `.claude/`, `AGENTS.md`.

Their files are a person's, but not Atlas's: names must look like names, sizes and numbers are
bounded, and nothing in them is executed or obeyed.
"""

import os
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final

import attrs

FILES_MAX: Final = 500
ENTRIES_MAX: Final = 2_000  # of one folder with all below it
DEPTH_MAX: Final = 4
FILE_BYTES_MAX: Final = 65_536
DESCRIPTION_CHARACTERS: Final = 300
CHECK_EVERY_S: Final = 2.0
_NAME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.:-]{0,63}")
_FIELD: Final = re.compile(r"^(name|description):[ \t]*(.*)$", re.MULTILINE)
_LISTED: Final = re.compile(
    r"^\s*[-*] [`*]{0,2}(@?/?[A-Za-z0-9][\w.:-]{1,63})[`*]{0,2}\s*[:\u2013\u2014-]\s+(.+)$"
)
_HEADING: Final = re.compile(r"^#{1,6} .*\b(agent|skill|command)s?\b", re.IGNORECASE)
_WORD: Final = re.compile(r"[a-z]{3,}")
_ADDRESSED: Final = re.compile(r"(?:^|\s)@([a-z0-9][a-z0-9_.:-]{0,63}?)(?=[\s,.!?]|$)")


@attrs.frozen(kw_only=True)
class Capability:
    """One thing a client has by name; kind is agent, skill or command."""

    kind: str
    name: str
    description: str
    source: str


class Registry:
    """Reads the files when they have changed; looks at most every CHECK_EVERY_S."""

    def __init__(self, user: Path | None, monotonic_s: Callable[[], float]) -> None:
        self._user = user
        self._monotonic_s = monotonic_s
        self._known: dict[str | None, tuple[float, tuple[object, ...], tuple[Capability, ...]]] = {}

    def of(self, cwd: str | None) -> tuple[Capability, ...]:
        """What exists in a project (first) and for the user."""
        now_s = self._monotonic_s()
        before = self._known.get(cwd)
        if before is not None and now_s - before[0] < CHECK_EVERY_S:
            return before[2]
        files = list(self._files(cwd))
        stamp = tuple((os.fspath(file), *_stamp(file)) for _, file in files)
        found = before[2] if before and before[1] == stamp else _read_all(files)
        if len(self._known) > 100:  # projects come and go
            self._known.clear()
        self._known[cwd] = (now_s, stamp, found)
        return found

    def _files(self, cwd: str | None) -> Iterator[tuple[str, Path]]:
        """(kind, file), the project's before the user's."""
        left = FILES_MAX
        roots = [Path(cwd) / ".claude"] if cwd else []
        if self._user is not None:
            roots.append(self._user)
        for root in roots:
            for kind, folder in (("agent", "agents"), ("skill", "skills"), ("command", "commands")):
                for file in _walk(root / folder, kind):
                    if left:
                        left -= 1
                        yield kind, file
        if cwd and _is_file(Path(cwd) / "AGENTS.md"):
            yield "listed", Path(cwd) / "AGENTS.md"


def _walk(root: Path, kind: str) -> list[Path]:
    """The Markdown files of one kind below a folder: no links into other trees, bounded."""
    found: list[Path] = []
    folders, entries = [(root, 0)], 0
    while folders and entries < ENTRIES_MAX:
        folder, depth = folders.pop()
        try:
            if folder.is_symlink() and depth:
                continue
            with os.scandir(folder) as listed:
                for entry in listed:
                    entries += 1
                    if entries >= ENTRIES_MAX:
                        break
                    if entry.is_dir(follow_symlinks=False):
                        if depth < (0 if kind == "agent" else 1 if kind == "skill" else DEPTH_MAX):
                            folders.append((Path(entry.path), depth + 1))
                    elif (
                        entry.name == "SKILL.md" if kind == "skill" else entry.name.endswith(".md")
                    ):
                        found.append(Path(entry.path))
        except (OSError, ValueError):  # not there, not ours to read, or no path at all
            continue
    return sorted(file for file in found if _is_file(file))


def _is_file(file: Path) -> bool:
    try:
        return file.is_file()
    except (OSError, ValueError):
        return False


def hint_for(
    ask: str,
    command: str | None,
    intent: str,
    hints: tuple[str, ...],
    known: tuple[Capability, ...],
) -> str | None:
    """The one that fits: named in the ask, else whose name fits the intent and the ask's words."""
    low = ask.lower()
    addressed = {name.removeprefix("agent-") for name in _ADDRESSED.findall(low)}
    if command is not None:
        addressed.add(command.lower())
    for capability in known:
        name = capability.name.lower()
        if name in addressed:
            return capability.name
    words = set(_WORD.findall(low))
    best: tuple[int, str] | None = None
    for capability in known:
        if capability.kind == "command":
            continue
        parts = set(_WORD.findall(capability.name.lower().replace("_", " ")))
        fits = any(hint in part for hint in hints for part in parts) or intent in parts
        named = len(parts & words)
        about = len(words & set(_WORD.findall(capability.description.lower())) - _COMMON)
        if not fits and named < max(1, len(parts)):
            continue
        score = 4 * fits + 2 * named + min(3, about)
        if score >= 4 and (best is None or score > best[0]):
            best = (score, capability.name)
    return best[1] if best else None


_COMMON_WORDS: Final = """
the and for with this that use when you your from are was code all any can will should
"""
_COMMON: Final = frozenset(_COMMON_WORDS.split())


def _read_all(files: list[tuple[str, Path]]) -> tuple[Capability, ...]:
    found: dict[tuple[str, str], Capability] = {}
    for kind, file in files:
        try:
            with file.open(encoding="utf-8", errors="replace") as opened:
                text = opened.read(FILE_BYTES_MAX)
        except OSError:  # gone since it was listed: it does not exist
            continue
        for capability in _listed(text, file) if kind == "listed" else _described(kind, text, file):
            found.setdefault((capability.kind, capability.name), capability)
    return tuple(found.values())


def _described(kind: str, text: str, file: Path) -> Iterator[Capability]:
    """A file with front matter; the name is its own, else the file's or the folder's."""
    head = text[4 : text.find("\n---", 4)] if text.startswith("---\n") else ""
    fields = {key: value.strip().strip("\"'") for key, value in _FIELD.findall(head)}
    default = file.parent.name if kind == "skill" else file.stem
    name = default if kind == "command" else fields.get("name") or default
    if _NAME.fullmatch(name):
        description = fields.get("description", "")[:DESCRIPTION_CHARACTERS]
        yield Capability(kind=kind, name=name, description=description, source=os.fspath(file))


def _listed(text: str, file: Path) -> Iterator[Capability]:
    """AGENTS.md: list items `name`: description below a heading on agents, skills or commands."""
    kind = ""
    for line in text.splitlines():
        if line.startswith("#"):
            heading = _HEADING.match(line)
            kind = heading[1].lower() if heading else ""
        item = _LISTED.match(line) if kind else None
        if item:
            name = item[1].lstrip("@/")
            description = item[2].strip()[:DESCRIPTION_CHARACTERS]
            yield Capability(kind=kind, name=name, description=description, source=os.fspath(file))


def _stamp(file: Path) -> tuple[int, int]:
    try:
        status = file.stat()
    except OSError:
        return 0, 0
    return status.st_mtime_ns, status.st_size
