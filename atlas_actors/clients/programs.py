"""Pure: which files well-known programs read, search and change, by the words they are given."""

import re
from typing import Final

import attrs

from atlas_actors.clients.shell import Word
from atlas_actors.messages.context import AccessKind

# Options that take the next word; all others stand alone.
_NONE: Final[frozenset[str]] = frozenset()
_READERS: Final[dict[str, frozenset[str]]] = {
    "cat": _NONE,
    "tac": _NONE,
    "head": frozenset({"-n", "-c", "--lines", "--bytes"}),
    "tail": frozenset({"-n", "-c", "-s", "--lines", "--bytes", "--pid"}),
    "less": frozenset({"-p", "-x", "-y"}),
    "more": frozenset({"-n"}),
    "nl": frozenset({"-b", "-d", "-f", "-h", "-i", "-l", "-n", "-s", "-v", "-w"}),
    "bat": frozenset({"-r", "-l", "-H", "--line-range", "--language", "--style", "--theme"}),
    "batcat": frozenset({"-r", "-l", "-H", "--line-range", "--language", "--style", "--theme"}),
    "wc": _NONE,
    "sort": frozenset({"-k", "-t", "-o", "-S", "-T"}),
    "uniq": frozenset({"-f", "-s", "-w"}),
    "cut": frozenset({"-d", "-f", "-b", "-c", "--delimiter", "--fields"}),
    "diff": frozenset({"-U", "-C", "-x", "-I", "-W"}),
    "cmp": frozenset({"-n", "-i"}),
    "comm": _NONE,
    "column": frozenset({"-s", "-o", "-c"}),
    "strings": frozenset({"-n", "-t", "-e"}),
    "xxd": frozenset({"-l", "-s", "-c", "-g"}),
    "od": frozenset({"-A", "-t", "-N", "-j", "-w"}),
    "hexdump": frozenset({"-n", "-s", "-e", "-f"}),
    "base64": frozenset({"-w"}),
    "md5sum": _NONE,
    "sha1sum": _NONE,
    "sha256sum": _NONE,
    "source": _NONE,
    ".": _NONE,
}
# The first word is what is looked for, unless an option has said it.
_SEARCHERS: Final[dict[str, frozenset[str]]] = {
    name: frozenset({"-e", "-f", "-A", "-B", "-C", "-m", "-d", "-D", "--regexp", "--file"})
    for name in ("grep", "egrep", "fgrep", "zgrep")
} | {
    "rg": frozenset(
        {"-e", "-f", "-A", "-B", "-C", "-m", "-g", "-t", "-T", "-M", "-r", "-j", "-E", "-d"}
        | {"--regexp", "--file", "--glob", "--type", "--max-count", "--context"}
    ),
}
_SAID: Final = frozenset({"-e", "-f", "--regexp", "--file", "--expression"})
_CHANGERS: Final[dict[str, frozenset[str]]] = {
    "rm": _NONE,
    "unlink": _NONE,
    "shred": frozenset({"-n", "-s"}),
    "touch": frozenset({"-d", "-r", "-t", "--date", "--reference"}),
    "truncate": frozenset({"-s", "-r", "--size"}),
    "tee": _NONE,
    "sponge": _NONE,
    "mv": frozenset({"-t", "-S"}),
}
_PATCHED: Final = re.compile(
    r"^\*\*\* (?:(?:Update|Add|Delete) File|Move to): (.+?)[ \t\r]*$", re.MULTILINE
)
_DIFFED: Final = re.compile(r"^\+\+\+ (?:b/)?([^\t\r\n]+)", re.MULTILINE)


@attrs.frozen
class Touched:
    """A file as the command names it."""

    word: Word
    kind: AccessKind
    reverted: bool = False  # it is put back to what git has of it


def touched_by(name: str, words: tuple[Word, ...], bodies: tuple[str, ...]) -> list[Touched]:
    """The files that a program is given; `bodies` are what it reads from here-documents."""
    if name in _READERS:
        return _all(operands(words, _READERS[name]), "read")
    if name in _CHANGERS:
        return _all(operands(words, _CHANGERS[name]), "edit")
    if name in _SEARCHERS:
        return _after_first(words, _SEARCHERS[name], "search")
    match name:
        case "sed":
            in_place = _has(words, "i") or any(word.text.startswith("--in-place") for word in words)
            valued = frozenset({"-e", "-f", "-l", "--expression", "--file"})
            return _after_first(words, valued, "edit" if in_place else "read")
        case "awk" | "gawk" | "mawk":
            found = _after_first(words, frozenset({"-F", "-v", "-f"}), "read")
            return [file for file in found if "=" not in file.word.text]
        case "perl":
            return _perl(words)
        case "jq" | "yq":
            return _jq(name, words)
        case "cp" | "ln":
            return _copied(name, operands(words, frozenset({"-t", "-S"})))
        case "chmod" | "chown" | "chgrp":
            return _all(operands(words, _NONE)[1:], "edit")
        case "dd":
            return _dd(words)
        case "git":
            return _git(words, bodies)
        case "apply_patch" | "applypatch":
            texts = (*bodies, *(word.text for word in words if word.certain))
            return patched("\n".join(texts))
        case "patch":
            return _diffed(bodies)
    return []


def operands(words: tuple[Word, ...], valued: frozenset[str]) -> list[Word]:
    """The words that are no options, and no values of those options that take one."""
    found: list[Word] = []
    rest = iter(words)
    for word in rest:
        if word.text == "--":
            found.extend(rest)
        elif not word.text.startswith("-") or word.text == "-":
            found.append(word)
        elif _takes_next(word.text, valued):
            next(rest, None)
    return [word for word in found if word.text != "-"]


def patched(text: str) -> list[Touched]:
    """The files that a patch in apply_patch's own form names."""
    return [Touched(Word(path), "edit") for path in _PATCHED.findall(text)]


def _takes_next(option: str, valued: frozenset[str]) -> bool:
    if option.startswith("--"):
        return option in valued
    for number, letter in enumerate(option[1:], 1):
        if f"-{letter}" in valued:
            return number == len(option) - 1  # else the value is the rest of this word
    return False


def _all(words: list[Word], kind: AccessKind) -> list[Touched]:
    return [Touched(word, kind) for word in words]


def _after_first(
    words: tuple[Word, ...], valued: frozenset[str], kind: AccessKind
) -> list[Touched]:
    """The operands but the first one, which is a pattern or a program unless an option is it."""
    said = any(
        word.text.partition("=")[0] in _SAID or (word.text[:1] == "-" and word.text[:2] in _SAID)
        for word in words
    )
    given = operands(words, valued)
    return _all(given if said else given[1:], kind)


def _has(words: tuple[Word, ...], letter: str) -> bool:
    """Whether one of the short options is this letter; what follows -e is no option."""
    for word in words:
        if word.text[:1] == "-" and word.text[1:2] not in ("", "-"):
            letters = re.split("[ef]", word.text[1:], maxsplit=1)[0]
            if letter in letters:
                return True
    return False


def _perl(words: tuple[Word, ...]) -> list[Touched]:
    options = [word.text for word in words if word.text.startswith("-")]
    if not any(re.match(r"-[a-zA-Z0-9]*e", option) for option in options):
        return []  # it runs a file
    if not any(re.match(r"-[a-zA-Z0-9]*[pn]", option) for option in options):
        return []
    in_place = any(re.match(r"-[a-df-zA-Z0-9]*i", option) for option in options)
    given = operands(words, frozenset({"-e", "-E"}))
    return _all(given, "edit" if in_place else "read")


def _jq(name: str, words: tuple[Word, ...]) -> list[Touched]:
    two = ("--arg", "--argjson", "--slurpfile", "--rawfile", "--args", "--jsonargs")
    if any(word.text in two for word in words):
        return []
    in_place = name == "yq" and _has(words, "i")
    valued = frozenset({"-f", "-L", "--from-file", "--indent"})
    given = operands(words, valued)
    said = any(word.text in ("-f", "--from-file") for word in words)
    return _all(given if said else given[1:], "edit" if in_place else "read")


def _copied(name: str, given: list[Word]) -> list[Touched]:
    if len(given) < 2:
        return []
    sources = [] if name == "ln" else _all(given[:-1], "read")
    return [*sources, Touched(given[-1], "edit")]


def _dd(words: tuple[Word, ...]) -> list[Touched]:
    kinds: dict[str, AccessKind] = {"if": "read", "of": "edit"}
    parts = [(word, *word.text.partition("=")) for word in words]
    return [
        Touched(Word(path, word.certain), kinds[key])
        for word, key, _, path in parts
        if key in kinds and path
    ]


def _git(words: tuple[Word, ...], bodies: tuple[str, ...]) -> list[Touched]:
    if not words:
        return []
    verb, rest = words[0].text, words[1:]
    texts = [word.text for word in rest]
    match verb:
        case "checkout":
            if "--" in texts:
                return _reverted(list(rest[texts.index("--") + 1 :]))
            given = operands(rest, frozenset({"-b", "-B"}))
            return _reverted(given[1:]) if given and given[0].text == "HEAD" else []
        case "restore":
            index = "--staged" in texts or _has(rest, "S")
            if index and not ("--worktree" in texts or _has(rest, "W")):
                return []
            return _reverted(operands(rest, frozenset({"-s", "--source", "-U"})))
        case "rm" | "mv" if "--cached" not in texts:
            return _all(operands(rest, _NONE), "edit")
        case "apply" if "--cached" not in texts and "--check" not in texts:
            return _diffed(bodies)
    return []


def _reverted(given: list[Word]) -> list[Touched]:
    return [Touched(word, "edit", reverted=True) for word in given]


def _diffed(bodies: tuple[str, ...]) -> list[Touched]:
    paths = _DIFFED.findall("\n".join(bodies))
    return [Touched(Word(path.strip()), "edit") for path in paths if path != "/dev/null"]
