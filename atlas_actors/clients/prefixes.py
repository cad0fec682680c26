"""Pure: a simple command without what is put before it: `DEBUG=1 timeout 9 uv run pytest`."""

import re
from typing import Final

from atlas_actors.clients.shell import Word

_ASSIGNMENT: Final = re.compile(r"[A-Za-z_][A-Za-z_0-9]*\+?=")
_DURATION: Final = re.compile(r"[0-9.]+[smhd]?")
_KEYWORDS: Final = frozenset(["if", "then", "elif", "else", "while", "until", "do", "!", "{", "}"])
# What may stand before a command, and its options that take the next word.
_PREFIXES: Final[dict[str, frozenset[str]]] = {
    "env": frozenset({"-u", "--unset", "-C", "-S"}),
    "timeout": frozenset({"-k", "-s", "--kill-after", "--signal"}),
    "nice": frozenset({"-n"}),
    "ionice": frozenset({"-c", "-n"}),
    "stdbuf": frozenset({"-o", "-e", "-i"}),
    "xvfb-run": frozenset({"-n", "-s", "-e"}),
    "sudo": frozenset({"-u", "-g"}),
    "nohup": frozenset(),
    "command": frozenset(),
    "builtin": frozenset(),
    "exec": frozenset(),
    "time": frozenset({"-f", "-o"}),
    "npx": frozenset({"-p", "--package"}),
    "bunx": frozenset(),
    "corepack": frozenset(),
}
# The same, after these words: `uv run`, `pnpm exec`.
_RUNS: Final[dict[str, tuple[frozenset[str], frozenset[str]]]] = {
    "uv": (frozenset({"run"}), frozenset({"--with", "-p", "--python", "--extra", "--group"})),
    "uvx": (frozenset(), frozenset({"--with", "-p", "--python", "--from"})),
    "poetry": (frozenset({"run"}), frozenset()),
    "pipenv": (frozenset({"run"}), frozenset()),
    "pdm": (frozenset({"run"}), frozenset()),
    "pipx": (frozenset({"run"}), frozenset({"--spec", "--python"})),
    "rye": (frozenset({"run"}), frozenset()),
    "hatch": (frozenset({"run"}), frozenset()),
    "npm": (frozenset({"exec", "x"}), frozenset({"-p", "--package"})),
    "pnpm": (frozenset({"exec", "dlx"}), frozenset()),
    "yarn": (frozenset({"exec", "dlx"}), frozenset()),
    "bundle": (frozenset({"exec"}), frozenset()),
}


def bare(words: tuple[Word, ...]) -> tuple[Word, ...]:
    """The words without assignments, keywords and programs that only run another one."""
    while words:
        shorter = _without_prefix(words)
        if len(shorter) == len(words):
            break
        words = shorter
    return words


def _without_prefix(words: tuple[Word, ...]) -> tuple[Word, ...]:
    name = words[0].text
    if name in _KEYWORDS or _ASSIGNMENT.match(name):
        return words[1:]
    if not words[0].certain:
        return words
    name = name.rpartition("/")[2]
    if name in _PREFIXES:
        rest = _without_options(words[1:], _PREFIXES[name])
        if name == "timeout" and rest and _DURATION.fullmatch(rest[0].text):
            rest = rest[1:]
        return rest
    verbs, valued = _RUNS.get(name, (None, frozenset[str]()))
    if verbs is None:
        return words
    rest = _without_options(words[1:], valued)
    if verbs:
        if not rest or rest[0].text not in verbs:
            return words
        rest = _without_options(rest[1:], valued)
    return rest


def _without_options(words: tuple[Word, ...], valued: frozenset[str]) -> tuple[Word, ...]:
    at = 0
    while at < len(words) and words[at].text.startswith("-"):
        at += 2 if words[at].text in valued else 1
    return words[at:]
