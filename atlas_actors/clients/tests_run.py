"""Pure: whether a command runs tests, and what their output says of them."""

import re
from collections.abc import Callable
from typing import Final

import re2

_RUNNERS: Final = frozenset(
    [
        "pytest",
        "py.test",
        "tox",
        "nox",
        "nosetests",
        "nose2",
        "jest",
        "vitest",
        "mocha",
        "ava",
        "jasmine",
        "karma",
        "ctest",
        "phpunit",
        "rspec",
        "bats",
        "behave",
        "ginkgo",
        "gotestsum",
        "pest",
        "cucumber",
        "stestr",
        "trial",
    ]
)
_MODULES: Final = frozenset(
    {"pytest", "unittest", "nose2", "tox", "nox", "twisted.trial", "behave"}
)
# Programs whose first word that is no option says what they do.
_VERBS: Final[dict[str, frozenset[str]]] = {
    "cargo": frozenset({"test", "t", "nextest"}),
    "go": frozenset({"test"}),
    "deno": frozenset({"test"}),
    "dotnet": frozenset({"test"}),
    "swift": frozenset({"test"}),
    "mix": frozenset({"test"}),
    "flutter": frozenset({"test"}),
    "dart": frozenset({"test"}),
    "zig": frozenset({"test"}),
    "stack": frozenset({"test"}),
    "cabal": frozenset({"test"}),
    "dune": frozenset({"test", "runtest"}),
    "bazel": frozenset({"test"}),
    "meson": frozenset({"test"}),
    "composer": frozenset({"test"}),
    "rails": frozenset({"test"}),
    "playwright": frozenset({"test"}),
    "cypress": frozenset({"run"}),
    "hatch": frozenset({"test"}),
}
_PACKAGE_MANAGERS: Final = frozenset({"npm", "pnpm", "yarn", "bun"})
_BUILDERS: Final = frozenset({"make", "gmake", "just", "task", "rake", "mage", "ninja", "invoke"})
_BUILDS: Final = frozenset({"gradle", "gradlew", "mvn", "mvnw", "sbt", "lein", "ant", "xcodebuild"})
_SCRIPT: Final = re.compile(
    r"(?:run[-_]?)?(?:unit[-_]?)?tests?(?:[-_]all)?(?:\.(?:sh|bash|py|js|rb|pl))?"
)
_TARGET: Final = re.compile(r"(?:unit|run)?[-_]?(?:tests?|check|verify)(?:[-_:].*)?|.*:test")
_PYTHON: Final = re.compile(r"(?:python|pypy)[0-9.]*")
_SHELLS: Final = frozenset({"sh", "bash", "zsh", "dash", "node", "ruby", "perl", "php"})
_NOTHING_RUNS: Final = frozenset(
    [
        "--help",
        "-h",
        "--version",
        "--collect-only",
        "--co",
        "--no-run",
        "--fixtures",
        "--markers",
        "--listTests",
        "--list-tests",
        "--dry-run",
    ]
)
_VALUED: Final = frozenset(
    {"-C", "--prefix", "--filter", "-F", "--dir", "--cwd", "-w", "--workspace"}
)


def runs_tests(words: list[str]) -> bool:
    """Whether a simple command, without what is put before it, runs tests."""
    if not words or _NOTHING_RUNS.intersection(words):
        return False
    place, _, name = words[0].rpartition("/")
    rest = words[1:]
    if name in _RUNNERS:
        return True
    if _PYTHON.fullmatch(name):
        return _python(rest)
    if name in _PACKAGE_MANAGERS:
        return _package(rest)
    if name in _VERBS and _verb(rest) in _VERBS[name]:
        return True
    if name in _BUILDERS:
        return not {"-n", "--just-print"}.intersection(rest) and _any_target(rest)
    if name in _BUILDS:
        return any(word in ("test", "check", "verify") or word.endswith(":test") for word in rest)
    if name == "node":
        return "--test" in rest
    if name in _SHELLS:
        return bool(rest) and _is_script(rest[0])
    return bool(place) and _SCRIPT.fullmatch(name) is not None


def _python(rest: list[str]) -> bool:
    for number, word in enumerate(rest):
        if word == "-m":
            module = rest[number + 1] if number + 1 < len(rest) else ""
            if module == "coverage":
                return rest[number + 2 : number + 3] == ["run"] and _python(rest[number + 3 :])
            return module in _MODULES
        if word == "-c":
            return False
        if not word.startswith("-"):
            manages = word.rpartition("/")[2] == "manage.py"
            return (manages and rest[number + 1 : number + 2] == ["test"]) or _is_script(word)
    return False


def _package(rest: list[str]) -> bool:
    words = _without_options(rest)
    if words and words[0] in ("run", "run-script", "workspace"):
        words = words[2 if words[0] == "workspace" else 1 :]
    return bool(words) and (words[0] in ("test", "t", "tst") or words[0].startswith("test:"))


def _verb(rest: list[str]) -> str:
    words = [word for word in _without_options(rest) if not word.startswith("+")]
    return words[0] if words else ""


def _any_target(rest: list[str]) -> bool:
    return any(_TARGET.fullmatch(word) for word in _without_options(rest) if "=" not in word)


def _without_options(rest: list[str]) -> list[str]:
    found: list[str] = []
    words = iter(rest)
    for word in words:
        if word in _VALUED:
            next(words, None)
        elif not word.startswith("-"):
            found.append(word)
    return found


def _is_script(word: str) -> bool:
    place, _, name = word.rpartition("/")
    return (bool(place) or "." in name) and _SCRIPT.fullmatch(name) is not None


def _lines(*patterns: str) -> Callable[[str], bool]:
    """Whether one of the patterns is somewhere in an output; linear time (RE2), as the output is
    anybody's."""
    found = re2.compile("(?m)" + "|".join(f"(?:{pattern})" for pattern in patterns))
    return lambda output: found.search(output) is not None


# The last lines of test runners.
_FAILED: Final = _lines(
    r"\b[1-9]\d{0,6} (?:failed|errors?)\b[^\n]{0,120} in \d[\d.]*s",  # pytest
    r"^FAILED \((?:failures|errors|unexpected)",  # unittest
    r"^[ \t]{0,12}Tests?(?: Suites| Files)?:?[ \t]{1,8}[1-9]\d{0,6} failed\b",  # jest, vitest
    r"^test result: FAILED\.",  # cargo
    r"^--- FAIL: |^FAIL\t|^FAIL$",  # go
    r"^[ \t]{1,8}[1-9]\d{0,6} failing\b",  # mocha
    r"\b[1-9]\d{0,6} tests? failed out of \d",  # ctest
    r"^\[?(?:ERROR|WARNING)?\]? ?Tests run: \d+, Failures: (?:[1-9]|\d+, Errors: [1-9])",
    r"^BUILD FAILED\b|\bBUILD FAILURE$",  # gradle, maven
    r"\b\d{1,7} examples?, [1-9]\d{0,6} failures?\b",  # rspec
    r"^(?:FAILURES|ERRORS)!$",  # phpunit
    r"^[#ℹ] fail [1-9]",  # node --test
    r"^not ok \d",  # TAP
    r"^Failed! {1,4}- Failed:",  # dotnet
    r"\bevaluation failed :\(",  # tox
    r"^make(?:\[\d+\])?: \*\*\* \[[^\n]{0,120}\] Error \d",
)  # fmt: skip
_PASSED: Final = _lines(
    r"\b[1-9]\d{0,6} passed\b[^\n]{0,120} in \d[\d.]*s",
    r"^Ran [1-9]\d{0,6} tests? in [^\n]{1,40}\n\nOK\b",
    r"^[ \t]{0,12}Tests:?[ \t]{1,8}(?:\d+ \w+[,|] ?){0,4}[1-9]\d{0,6} passed\b",
    r"^test result: ok\. [1-9]",
    r"^ok  \t",
    r"^[ \t]{1,8}[1-9]\d{0,6} passing\b",
    r"\b100% tests passed, 0 tests failed out of [1-9]",
    r"\bTests run: [1-9]\d{0,6}, Failures: 0, Errors: 0\b",
    r"\b[1-9]\d{0,6} examples?, 0 failures\b",
    r"^OK \([1-9]\d{0,6} tests?,",
    r"^[#ℹ] fail 0$",
    r"^BUILD SUCCESSFUL\b|\bBUILD SUCCESS$",
    r"^Passed! {1,4}- Failed: {1,8}0,",
    r"\bcongratulations :\)",
)


def verdict(output: str) -> bool | None:
    """Whether tests failed, by the words of their runners; None where the output does not say."""
    if _FAILED(output):
        return True
    return False if _PASSED(output) else None
