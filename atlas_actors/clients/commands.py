"""Pure: what a shell's command does with files, and whether it runs tests, without executing it."""

import os.path
import re
from typing import Final

import attrs

from atlas_actors.clients.prefixes import bare
from atlas_actors.clients.programs import Touched, touched_by
from atlas_actors.clients.shell import Stage, Word, stages_of
from atlas_actors.clients.tests_run import runs_tests
from atlas_actors.messages.client import FileTouch
from atlas_actors.messages.context import AccessKind

COMMAND_CHARS_MAX: Final = 200_000
PATH_CHARS_MAX: Final = 4_096
FILES_MAX: Final = 50
NESTING_MAX: Final = 3

_LOOPS: Final = frozenset(
    [
        "if",
        "then",
        "elif",
        "else",
        "while",
        "until",
        "do",
        "for",
        "case",
        "select",
        "!",
        "{",
        "[[",
        "function",
    ]
)
_TEST_FILE: Final = re.compile(r"[^\s]+\.(?:py|js|jsx|ts|tsx|mjs|cjs|rb|php|bats|go|ex|exs)")
_SHELLS: Final = frozenset({"sh", "bash", "zsh", "dash"})
_TEST: Final[AccessKind] = "test"
_WRITES: Final = frozenset({">", ">>", ">|", "&>", "&>>", "<>"})


@attrs.frozen(kw_only=True)
class Reading:
    """What is certain of a command."""

    files: tuple[FileTouch, ...] = ()
    reverts: tuple[str, ...] = ()
    whole: bool = False  # all that it does is to print one file
    test: bool = False
    decides: bool = False  # its exit code is that of its tests


def read_command(command: str, cwd: str, files_max: int = FILES_MAX) -> Reading:
    """What a command does. `cwd` is where it is run; unless it is absolute, relative paths of the
    command are left out."""
    if not command.strip() or len(command) > COMMAND_CHARS_MAX or "\0" in command:
        return Reading()
    walk = _Walk(cwd, files_max)
    stages = stages_of(command)
    decides = walk.go(stages, NESTING_MAX)
    return Reading(
        files=tuple(walk.files),
        reverts=tuple(walk.reverts),
        whole=len(stages) == 1 and len(walk.files) == 1 and _is_cat(stages[0]),
        test=walk.test,
        decides=walk.test and decides,
    )


def absolute(path: str, cwd: str) -> str:
    """An absolute path without `..`; "" for a relative one of an unknown place."""
    if path.startswith("~/"):
        path = os.path.expanduser(path)  # noqa: PTH111 - words, no files
    if not os.path.isabs(path):  # noqa: PTH117
        if not path or not os.path.isabs(cwd):  # noqa: PTH117
            return ""
        path = f"{cwd}/{path}"
    return "" if len(path) > PATH_CHARS_MAX else os.path.normpath(path)


def _is_cat(stage: Stage) -> bool:
    words = stage.words
    plain = not (stage.redirections or stage.inner or stage.scope) and stage.after in ("", "\n")
    return plain and len(words) == 2 and words[0].text == "cat" and words[1].certain


class _Walk:
    """Goes through the simple commands and knows where each is run."""

    def __init__(self, cwd: str, files_max: int) -> None:
        self._cwd = cwd
        self._files_max = files_max
        self.files: dict[FileTouch, None] = {}
        self.reverts: dict[str, None] = {}
        self.test = False

    def go(self, stages: tuple[Stage, ...], nesting: int) -> bool:
        """Go through one command; whether its exit code is that of the tests it runs."""
        places: dict[tuple[int, ...], str] = {(): self._cwd}
        decides: bool | None = None  # before the first test
        for number, stage in enumerate(stages):
            place = next(places[up] for up in _upwards(stage.scope) if up in places)
            if decides is not None and stage.before not in ("&&", ")"):
                decides = False
            words = bare(stage.words)
            if words and words[0].text in ("cd", "pushd", "popd"):
                places[stage.scope] = _moved(words, place)
                continue
            self._cwd = place
            tested = self._stage(stage, stages[number - 1] if number else None, words, nesting)
            if tested is not None:
                certain = tested and decides is not False and _counts(stage)
                decides = certain and not any(_is_loop(other) for other in stages)
        self._cwd = places[()]
        return bool(decides)

    def _stage(
        self, stage: Stage, before: Stage | None, words: tuple[Word, ...], nesting: int
    ) -> bool | None:
        """What one simple command does; whether its exit code is its tests', None: it has none."""
        if nesting:
            for inner in stage.inner:
                self._inside().go(stages_of(inner), nesting - 1)
        for operator, word in stage.redirections:
            if operator in _WRITES:
                self._touch(Touched(word, "edit"))
            elif operator == "<":
                self._touch(Touched(word, "read"))
        if not words or not words[0].certain:
            return None
        name = words[0].text.rpartition("/")[2]
        script = _script_of(name, words) if nesting else None
        if script is not None:
            return self._script(script, nesting - 1)
        if name == "git":
            words, folder = _git_folder(words)
            self._cwd = absolute(folder, self._cwd) if folder else self._cwd
        bodies = stage.bodies
        if before is not None and stage.before == "|" and not bodies:
            bodies = before.bodies
        for touched in touched_by(name, words[1:], bodies):
            self._touch(touched)
        if not runs_tests([word.text for word in words]):
            return None
        self.test = True
        for word in words[1:]:
            self._test_file(word)
        return True

    def _inside(self) -> "_Walk":
        """The same lists for a command whose `cd` is its own, and whose tests nobody sees."""
        walk = _Walk(self._cwd, self._files_max)
        walk.files, walk.reverts = self.files, self.reverts
        return walk

    def _script(self, script: str, nesting: int) -> bool | None:
        walk = self._inside()
        decides = walk.go(stages_of(script), nesting)
        self.test |= walk.test
        return decides if walk.test else None

    def _touch(self, touched: Touched) -> None:
        if not touched.word.certain or len(self.files) >= self._files_max:
            return
        path = absolute(touched.word.text, self._cwd)
        if not path or path.startswith(("/dev/", "/proc/")):
            return
        self.files[FileTouch(path=path, kind=touched.kind)] = None
        if touched.reverted:
            self.reverts[path] = None

    def _test_file(self, word: Word) -> None:
        path = word.text.partition("::")[0]
        if word.certain and not path.startswith("-") and _TEST_FILE.fullmatch(path):
            self._touch(Touched(Word(path), _TEST))


def _upwards(scope: tuple[int, ...]) -> list[tuple[int, ...]]:
    return [scope[:length] for length in range(len(scope), -1, -1)]


def _counts(stage: Stage) -> bool:
    return stage.before not in ("||", "&") and stage.after in ("", "&&", "\n", ";", ")")


def _is_loop(stage: Stage) -> bool:
    return bool(stage.words) and stage.words[0].text in _LOOPS


def _moved(words: tuple[Word, ...], place: str) -> str:
    """Where a `cd` goes; "" when that is not certain."""
    given = [word for word in words[1:] if word.text not in ("--", "-P", "-L")]
    if len(given) != 1 or not given[0].certain or given[0].text == "-" or words[0].text == "popd":
        return ""
    return absolute(given[0].text, place)


def _script_of(name: str, words: tuple[Word, ...]) -> str | None:
    """The script of `sh -c SCRIPT`."""
    if name not in _SHELLS:
        return None
    for number, word in enumerate(words[1:-1], 1):
        if re.fullmatch(r"-[a-z]*c", word.text):
            script = words[number + 1]
            return script.text if script.certain else None
        if not word.text.startswith("-"):
            return None
    return None


def _git_folder(words: tuple[Word, ...]) -> tuple[tuple[Word, ...], str]:
    """`git -C FOLDER -c KEY=VALUE VERB ...` without what stands before the verb, and the folder."""
    folder, at = "", 1
    while at < len(words) and words[at].text.startswith("-"):
        option = words[at].text
        if option == "-C" and at + 1 < len(words) and words[at + 1].certain:
            folder = words[at + 1].text
        at += 2 if option in ("-C", "-c", "--git-dir", "--work-tree") else 1
    return (words[0], *words[at:]), folder
