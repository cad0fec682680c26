"""Pure: which commands are the same, and which success shows what worked instead of a failure.

Rather nothing than a wrong word: a command cures another only if it is a variant of it by the
program and what it was given, soon after it, with no edit in between that may have been the cure.
"""

import re
import shlex
from itertools import chain
from typing import Final

import attrs

from atlas_actors.sessions.texts import plain

COMMAND_CHARACTERS: Final = 1_000
ERROR_CHARACTERS: Final = 600
SOON: Final = 5  # commands
NOT_FOUND: Final = frozenset({126, 127})

_AND: Final = frozenset({"&&", "||", ";", "|", "&", "|&", "\n"})
_ASSIGNMENT: Final = re.compile(r"^[A-Za-z_]\w*=")
_VERSION: Final = re.compile(r"(?<=[a-z])[-.]?\d[\d.]*$")
# A program that runs the one after it: how many words it has of its own, options apart.
_LEADS: Final[dict[str, int]] = {
    "sudo": 0, "env": 0, "time": 0, "nice": 0, "nohup": 0, "command": 0, "exec": 0, "timeout": 1,
    "npx": 0, "bunx": 0, "uvx": 0, "pipx run": 0, "uv run": 0, "poetry run": 0, "pdm run": 0,
    "hatch run": 0, "pipenv run": 0, "rye run": 0, "pnpm exec": 0, "yarn exec": 0, "npm exec": 0,
    "bundle exec": 0, "corepack": 0,
}  # fmt: skip
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
    while words:
        led = _led(words)
        if led is None:
            break
        words = led
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
    lexer = shlex.shlex(command[:COMMAND_CHARACTERS], posix=True, punctuation_chars=True)
    lexer.whitespace_split = True
    lexer.commenters = ""
    step: list[str] = []
    try:
        for word in chain(lexer, ";"):
            if word not in _AND:
                step.append(word)
                continue
            step = _without_redirections(step)
            if step and step[0] not in ("cd", "export", "source", ".", "set"):
                return step
            step = []
    except ValueError:  # quotes that do not end
        return []
    return []


def _without_redirections(step: list[str]) -> list[str]:
    """The words that a program gets; of redirections it hears nothing."""
    kept: list[str] = []
    skips = False
    for word in step:
        if skips:
            skips = False
        elif word.startswith(("<", ">")):
            skips = True
            if kept and kept[-1].isdigit():
                kept.pop()
        elif not kept and _ASSIGNMENT.match(word):
            continue
        else:
            kept.append(word)
    return kept


def _led(words: list[str]) -> list[str] | None:
    """What a program runs that runs another; None: it does not."""
    for lead in (" ".join(words[:2]), words[0]):
        own = _LEADS.get(lead)
        if own is None:
            continue
        rest = words[len(lead.split()) :]
        while rest and (rest[0].startswith("-") or _ASSIGNMENT.match(rest[0])):
            rest = rest[1:]
        return rest[own:]
    return None


def _name(path: str) -> str:
    """A program's name without its directory, and of another version the same."""
    name = path.rstrip("/").rpartition("/")[2].lower()
    return _VERSION.sub("", name) or name
