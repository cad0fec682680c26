"""What tools' runs teach: what mended a failing command, what works here, what was done."""

import re
from collections.abc import Sequence
from pathlib import PurePath
from typing import Any, Final

import attrs

from atlas_actors.messages.learning import Turn
from atlas_actors.messages.memory import ItemKind

FAILED_MAX: Final = 20
EDITED_MAX: Final = 20
ERROR_CHARACTERS: Final = 160
COMMAND_CHARACTERS: Final = 200

_KINDS: Final = (
    (
        "tests",
        re.compile(
            r"^(?:\S*/)?(?:pytest|py\.test|tox|nox|jest|vitest|rspec|phpunit|ctest"
            r"|python[\d.]* -m (?:pytest|unittest)|(?:uv|poetry|pdm|hatch) run (?:pytest|tox)"
            r"|(?:npm|yarn|pnpm|bun)(?: run)? test\S*|cargo (?:test|nextest)|go test"
            r"|make (?:test|check)|mvn (?:-\S+ )*(?:test|verify)|(?:\./)?gradlew? (?:test|check)"
            r"|dotnet test|mix test|bundle exec rspec|scripts/test|bin/test|\./test\S*)(?:\s|$)"
        ),
    ),
    (
        "the build",
        re.compile(
            r"^(?:\S*/)?(?:make(?: all| build)?$|cmake --build|ninja(?:\s|$)|tsc(?:\s|$)"
            r"|(?:npm|yarn|pnpm|bun) run build|cargo build|go build|mvn (?:-\S+ )*package"
            r"|(?:\./)?gradlew? (?:build|assemble)|docker build|python[\d.]* -m build)"
        ),
    ),
    (
        "checks",
        re.compile(
            r"^(?:\S*/)?(?:ruff|mypy|pyright|eslint|flake8|pylint|shellcheck|golangci-lint"
            r"|cargo clippy|go vet|(?:npm|yarn|pnpm|bun) run (?:lint|typecheck)|scripts/check)"
            r"(?:\s|$)"
        ),
    ),
)
_BEFORE: Final = re.compile(
    r"^(?:cd \S+ *(?:&&|;) *|(?:env )?[A-Z_][A-Z0-9_]*=\S* +|timeout \S+ +)+"
)
_AFTER: Final = re.compile(r"(?: +\d?>&?\s?\S+| +&>\s?\S+)+$")
# After these the exit code says nothing about the command.
_HIDDEN: Final = re.compile(r"\||;|&\s*$|\$\(|`|\n|<<")
_ERROR: Final = re.compile(
    r"(?:^|[\s:(])((?:[A-Za-z_][\w.]*)?(?:Error|Exception|Failure|Panic)|error\[\w+\]|error TS\d+"
    r"|fatal|panic|FAILED|E\d{3,4})(?!\w)(.*)"
)
# A tool's output is whatever somebody put into a file or a page: only what reads like an error.
_ORDER: Final = re.compile(
    r"\b(?:ignore|always|never|must|should|remember|please|you|your|run|execute|install|curl|wget"
    r"|sudo|download|disregard|instructions?|system|assistant|prompt|password|token|secret"
    r"|prefer|from now on)\b|https?:|[<>`$|]|[^\x20-\x7e]",
    re.IGNORECASE,
)
_WORDS: Final = re.compile(r"([a-z])([A-Z])")
_COMMIT: Final = re.compile(
    r"(?:^|&&\s*|;\s*)git commit\b.*?-[a-z]*m\s+(?:\"([^\"$`]+)\"|'([^']+)')", re.DOTALL
)
_COUNTS: Final = re.compile(
    r"\b\d+ (?:passed|failed|errors?|skipped|tests?|ok)\b[^\n]{0,80}", re.IGNORECASE
)


@attrs.frozen(kw_only=True)
class Shown:
    """One thing that runs have shown."""

    kind: ItemKind
    text: str
    rule: str
    turn: Turn


class Runs:
    """Follows a session; `carry` is what the next piece of it goes on with."""

    def __init__(self, carry: dict[str, Any], project: str | None) -> None:
        self._project = project
        # By command: [error, files that were edited since].
        self._failed: dict[str, list[Any]] = dict(carry.get("failed", {}))
        self._edited: list[str] = []
        self._works: list[str] = list(carry.get("works", []))

    @property
    def carry(self) -> dict[str, Any]:
        """For the next piece."""
        return {"failed": self._failed, "works": self._works[-FAILED_MAX:]}

    def after(self, turn: Turn) -> list[Shown]:
        """What this turn of a tool has shown, with those before."""
        if turn.tool == "edit" and turn.path and not turn.failed:
            self._edit(self._named(turn.path))
            return []
        if turn.tool != "shell" or not turn.command:
            return []
        shown = []
        message = _COMMIT.search(turn.command)
        if message is not None and turn.failed is False:
            first = (message[1] or message[2]).strip().split("\n")[0]
            shown.append(
                _shown("episode", f"Committed: {first[:COMMAND_CHARACTERS]}", "committed", turn)
            )
        command = plain_command(turn.command)
        if command is None or turn.failed is None:
            return shown
        return shown + (self._fail(command, turn) if turn.failed else self._pass(command, turn))

    def at_end(self, turn: Turn | None) -> list[Shown]:
        """What this piece as a whole has shown."""
        if not self._edited or turn is None:
            return []
        names = ", ".join(self._edited[:EDITED_MAX])
        more = len(self._edited) - EDITED_MAX
        return [
            _shown(
                "episode",
                f"Edited {names}" + (f" and {more} more" if more > 0 else ""),
                "edited",
                turn,
            )
        ]

    def _edit(self, name: str) -> None:
        if name not in self._edited:
            self._edited.append(name)
        for pair in self._failed.values():
            if name not in pair[1] and len(pair[1]) < EDITED_MAX:
                pair[1].append(name)

    def _fail(self, command: str, turn: Turn) -> list[Shown]:
        # The newest error is the one that the next edits mend; what mended the others counts too.
        before = self._failed.pop(command, None)
        self._failed[command] = [error_of(turn.output), before[1] if before else []]
        while len(self._failed) > FAILED_MAX:
            del self._failed[next(iter(self._failed))]
        return []

    def _pass(self, command: str, turn: Turn) -> list[Shown]:
        shown = []
        failed = self._failed.pop(command, None)
        if failed is not None and failed[1]:
            error, files = failed
            with_error = f" with {error}" if error else ""
            shown.append(
                _shown(
                    "learning",
                    f"`{command}` failed{with_error}; it passed after editing {', '.join(files)}",
                    "mended",
                    turn,
                )
            )
        kind = next((name for name, pattern in _KINDS if pattern.search(command)), None)
        if kind is not None and command not in self._works:
            self._works.append(command)
            shown.append(_shown("learning", f"`{command}` runs {kind} here", "works", turn))
        counts = _COUNTS.search(turn.output) if kind == "tests" else None
        if counts is not None and not _ORDER.search(counts[0]):
            shown.append(_shown("episode", f"`{command}`: {counts[0].strip(' =')}", "tested", turn))
        return shown

    def _named(self, path: str) -> str:
        """Within the project where it is of it."""
        given = PurePath(path)
        if self._project and given.is_relative_to(self._project):
            return str(given.relative_to(self._project))
        return path


def plain_command(command: str) -> str | None:
    """One command without its surroundings; None where its exit code would say nothing of it."""
    plain = _AFTER.sub("", _BEFORE.sub("", command.strip()))
    if not plain or _HIDDEN.search(plain) or "&&" in plain or len(plain) > COMMAND_CHARACTERS:
        return None
    return " ".join(plain.split())


def error_of(output: str) -> str:
    """What went wrong, from the last line that looks like an error; only its kind where the rest
    reads like anything but an error."""
    for line in reversed(output.splitlines()[-200:]):
        found = _ERROR.search(line[:1_000])
        if found is None:
            continue
        kind, rest = found[1], found[2].strip()
        if _ORDER.search(_WORDS.sub(r"\1 \2", kind)):
            return ""
        said = f"{kind}{rest}" if rest.startswith(":") else f"{kind} {rest}"
        return kind if _ORDER.search(rest) else said.strip()[:ERROR_CHARACTERS]
    return ""


def last_turn(turns: Sequence[Turn]) -> Turn | None:
    """The newest of a tool."""
    return next((turn for turn in reversed(turns) if turn.who == "tool"), None)


def _shown(kind: ItemKind, text: str, rule: str, turn: Turn) -> Shown:
    return Shown(kind=kind, text=text, rule=rule, turn=turn)
