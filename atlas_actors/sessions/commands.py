"""Pure: which commands are the same, and which success shows what worked instead of a failure.

Rather nothing than a wrong word: a command cures another only if it is a variant of it by the
program and what it was given, soon after it, with no edit in between that may have been the cure.
"""

import re
from typing import Final

import attrs

from atlas_actors.clients.prefixes import bare
from atlas_actors.clients.shell import stages_of
from atlas_actors.sessions.texts import plain

COMMAND_CHARACTERS: Final = 1_000
ERROR_CHARACTERS: Final = 600
SOON: Final = 5  # commands
NOT_FOUND: Final = frozenset({126, 127})

_VERSION: Final = re.compile(r"(?<=[a-z])[-.]?\d[\d.]*$")
_ON_THE_WAY: Final = frozenset({"cd", "export", "source", ".", "set"})
_PACKAGES: Final = frozenset({"npm", "pnpm", "yarn", "bun"})
# Their first word says what they do.
_WITH_VERBS: Final = frozenset(
    {
        "git", "gh", "docker", "podman", "kubectl", "helm", "cargo", "go", "make", "just", "task",
        "pip", "uv", "poetry", "conda", "apt", "apt-get", "brew", "dotnet", "mvn", "gradle",
        "gradlew", "terraform", "aws", "gcloud", "systemctl", "rails", "rake", "mix", "nx", "turbo",
        "packages",
    }
)  # fmt: skip
# They run the file that they are given.
_RUNNERS: Final = frozenset(
    {
        "python", "node", "tsx", "ts-node", "deno", "bun", "bash", "sh", "zsh", "ruby", "perl",
        "php", "lua", "rscript", "java", "pytest", "jest", "vitest", "mocha", "rspec",
    }
)  # fmt: skip
# They look: that they find something cures nothing, and that they find nothing is no failure.
_LOOKING: Final = frozenset(
    {
        "ls", "cat", "head", "tail", "less", "more", "grep", "rg", "ag", "find", "fd", "which",
        "type", "whereis", "stat", "file", "wc", "diff", "cmp", "test", "[", "echo", "printf",
        "pwd", "cd", "true", "tree", "du", "df", "ps", "env", "date", "sleep", "pgrep",
    }
)  # fmt: skip
_SILENT: Final = frozenset({"grep", "rg", "ag", "test", "[", "diff", "cmp", "which", "pgrep"})
# Where tests end with 1, this tells that they had not even begun.
_NOT_BEGUN: Final = re.compile(
    r"no module named|command not found|not recognized|unrecognized arguments|unknown option"
    r"|invalid option|unexpected argument|no such file or directory|missing script",
    re.IGNORECASE,
)


@attrs.frozen(kw_only=True)
class Shape:
    """What a command comes to: its program, what that does, and with what."""

    program: str
    verb: str = ""
    targets: frozenset[str] = frozenset()
    file: str = ""  # the first thing it is given, if that looks like one


@attrs.frozen(kw_only=True)
class Failure:
    """A command that failed in a session."""

    command: str
    exit_code: int | None
    error: str
    tests: bool
    position: int  # how many commands had run in its session, with it
    edited: bool  # whether a file was edited since


def normal(command: str) -> str:
    """The same for commands that differ in spaces only."""
    return " ".join(plain(command, 8 * COMMAND_CHARACTERS).split())[:COMMAND_CHARACTERS]


def says_nothing(command: str, exit_code: int | None, output: str) -> bool:
    """Whether a failure is an answer: a search that has found nothing, a test that is false."""
    shape = shape_of(command)
    if shape is None or shape.program not in _SILENT:
        return False
    return exit_code in (None, 1) and not output.strip()


def cured(failures: list[Failure], worked: str, position: int) -> str | None:
    """Which of the failed commands of a session, newest first, `worked` has done the job of."""
    shape = shape_of(worked)
    if shape is None or shape.program in _LOOKING:
        return None
    for failure in failures:
        if 0 < position - failure.position <= SOON and _may_be_cured(failure):
            failed = shape_of(failure.command)
            if failed is not None and failure.command != worked and _is_variant(failed, shape):
                return failure.command
    return None


def shape_of(command: str) -> Shape | None:
    """The first thing that a command line really does; None: it cannot be told."""
    words = _first_step(command)
    if not words:
        return None
    path, rest = words[0], words[1:]
    program = _name(path)
    if program == "python" and rest[:1] == ["-m"] and len(rest) > 1:
        program, rest = _name(rest[1]), rest[2:]
    if program in _PACKAGES:
        program, rest = "packages", [word for word in rest if word != "run"]
    plain_words = [word for word in rest if not word.startswith("-")]
    verb = ""
    if program in _WITH_VERBS and plain_words:
        verb, plain_words = plain_words[0], plain_words[1:]
    given = plain_words[0] if plain_words else ""
    if "/" in path and program not in _RUNNERS | _WITH_VERBS:
        given = path  # it is itself what runs
    return Shape(
        program=program,
        verb=verb,
        targets=frozenset(plain_words),
        file=given.removeprefix("./") if "/" in given or "." in given else "",
    )


def _may_be_cured(failure: Failure) -> bool:
    """Tests that were red want another code, not another command; and so may all that failed
    before an edit, but for a program that was not there."""
    if failure.exit_code in NOT_FOUND:
        return True
    if failure.edited:
        return False
    is_red = failure.tests and failure.exit_code in (None, 1)
    return not is_red or _NOT_BEGUN.search(failure.error) is not None


def _is_variant(failed: Shape, worked: Shape) -> bool:
    """Whether it does the same another way."""
    if failed.file and failed.file == worked.file and failed.program != worked.program:
        return _runs(failed) and _runs(worked)
    if (failed.program, failed.verb) != (worked.program, worked.verb):
        return False
    return failed.targets <= worked.targets


def _runs(shape: Shape) -> bool:
    """Whether what it is given is what it runs."""
    return shape.program in _RUNNERS or shape.program == _name(shape.file)


def _first_step(command: str) -> list[str]:
    """The words of the first step of a command line that is not on the way to it only."""
    for stage in stages_of(command[:COMMAND_CHARACTERS]):
        words = [word.text for word in bare(stage.words)]
        if words and words[0] not in _ON_THE_WAY:
            return words
    return []


def _name(path: str) -> str:
    """A program's name without its directory, and of another version the same."""
    name = path.rstrip("/").rpartition("/")[2].lower()
    return _VERSION.sub("", name) or name
