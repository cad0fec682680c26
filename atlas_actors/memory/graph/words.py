"""What kind of thing one word names, by its shape alone."""

import re
from typing import Final

from atlas_actors.memory.graph.vocabulary import (
    BRANCHES,
    DECORATORS,
    ERRNOS,
    ERROR_ENDS,
    EXTENSIONS,
    FILES,
    NO_FILES,
    NO_ISSUES,
    NO_SYMBOLS,
    SIGNALS,
)

Kind = str
WORD_CHARACTERS: Final = 200  # longer ones are data
_ISSUE: Final = re.compile(r"#\d{1,7}|[A-Z][A-Z0-9]{1,9}(?:-\d{1,8}){1,4}")
_FOREIGN_ISSUE: Final = re.compile(r"[\w.-]{1,60}/[\w.-]{1,60}#\d{1,7}")
_EMAIL: Final = re.compile(r"[\w.+-]{1,64}@[\w-]{1,63}(?:\.[\w-]{1,63}){1,4}")
_HANDLE: Final = re.compile(r"@[A-Za-z][\w-]{1,38}")
_SCOPED: Final = re.compile(r"@[a-z0-9-]{1,40}/[\w.-]{1,60}")
_VERSION: Final = re.compile(
    r"(?:v\d{1,4}(?:\.\d{1,6}){0,4}|\d{1,4}(?:\.\d{1,6}){2,4})[\w+-]{0,20}"
)
_DATE: Final = re.compile(r"\d{1,4}\.\d{1,2}\.\d{4}|20\d\d\.\d\d?\.\d\d?|\d{1,3}(?:\.\d{1,3}){3}")
_PINNED: Final = re.compile(
    r"([A-Za-z][\w.-]{0,60})(?:\[[\w,-]{1,60}\])?(?:==|@)(\d[\w.+!-]{0,30})"
)
_COMMIT: Final = re.compile(r"[0-9a-f]{7,40}")
_CODED_ERROR: Final = re.compile(r"E0\d{3}|TS\d{4}|SQLITE_[A-Z]{3,20}|ORA-\d{4,5}")
_HOST: Final = re.compile(r"[a-z][a-z0-9+.-]{1,15}://(?:[^\s/@]{0,80}@)?([^\s/:?#\]]{1,253})")
_DOTTED: Final = re.compile(r"[^\W\d]\w*(?:\.[^\W\d]\w*)+")
_IDENTIFIER: Final = re.compile(r"[^\W\d]\w*")
_DRIVE: Final = re.compile(r"[A-Za-z]:[\\/]")
_LINE: Final = re.compile(r":\d{1,7}(?::\d{1,7})?$")
_HUMP: Final = re.compile(r"[A-Z][a-z0-9]+(?:[A-Z][a-z0-9]*)+|[a-z][a-z0-9]*(?:[A-Z][a-z0-9]*)+")
_TEXT_DOTS: Final = frozenset({"e.g", "i.e", "a.m", "p.m", "u.s", "etc"})


def kind_of(word: str, *, code: bool = False) -> tuple[Kind, str] | None:
    """(kind, name) of a word without the punctuation around it; `code`: it was in backticks."""
    if len(word) > WORD_CHARACTERS:
        return None
    if "://" in word:
        host = _HOST.match(word.lower())
        return None if host is None or host[1] == "" else ("host", host[1])
    if "@" in word:
        return _with_at(word)
    if "/" in word or "\\" in word:
        return _with_slash(word, code=code)
    if "#" in word or "-" in word:
        found = _issue(word)
        if found is not None:
            return found
    if word.isalnum():
        return _plain(word, code=code)
    return _with_dots(word, code=code)


def pinned(word: str) -> tuple[str, str] | None:
    """(package, version) of package==version."""
    found = _PINNED.fullmatch(word)
    return None if found is None or "@" in word else (found[1], found[2])


def _issue(word: str) -> tuple[Kind, str] | None:
    if _ISSUE.fullmatch(word) is None:
        return ("error", word) if _CODED_ERROR.fullmatch(word) else None
    return None if word.partition("-")[0] in NO_ISSUES else ("issue", word)


def _with_at(word: str) -> tuple[Kind, str] | None:
    if word[0] != "@":
        if _EMAIL.fullmatch(word):
            return ("person", word)
        found = _PINNED.fullmatch(word)
        return None if found is None else ("package", found[1])
    if _HANDLE.fullmatch(word):
        return ("symbol", word[1:]) if word[1:] in DECORATORS else ("person", word)
    if _SCOPED.fullmatch(word):
        return ("package", word)
    return ("symbol", word[1:]) if _DOTTED.fullmatch(word[1:]) else None


def _with_slash(word: str, *, code: bool) -> tuple[Kind, str] | None:
    if _FOREIGN_ISSUE.fullmatch(word):
        return ("issue", word)
    if word.startswith(BRANCHES) and "." not in word.rpartition("/")[2]:
        return ("branch", word)
    path = _LINE.sub("", word)
    if path.endswith("()") or "//" in path or not any(letter.isalpha() for letter in path):
        return None
    parts = path.replace("\\", "/").split("/")
    if _DRIVE.match(path) or path.startswith(("./", "../", "~/", ".\\", "..\\", "\\\\")):
        return ("path", path)
    if path[0] == "/":
        return ("path", path) if len(parts) > 2 or code or "." in path else None
    if not code and "=" in path:
        return None
    if _extension(parts[-1]) or (len(parts) > 1 and not parts[-1] and (len(parts) > 2 or code)):
        return ("path", path)
    named = any("_" in part or part.startswith(".") for part in parts)
    return ("path", path) if code or (named and all(parts)) else None


def _plain(word: str, *, code: bool) -> tuple[Kind, str] | None:
    """Letters and digits only."""
    if word in ERRNOS or word in SIGNALS or _CODED_ERROR.fullmatch(word):
        return ("error", word)
    if word[0].isdigit() or word.islower():
        if _COMMIT.fullmatch(word) and not word.isdigit() and not word.isalpha():
            return ("commit", word)
        if _VERSION.fullmatch(word):
            return ("version", word)
        return ("symbol", word) if code and _IDENTIFIER.fullmatch(word) else None
    if word.endswith(ERROR_ENDS) and (word not in ERROR_ENDS or code):
        return ("error", word)
    if _HUMP.fullmatch(word) and word not in NO_SYMBOLS and any(map(str.islower, word)):
        return ("symbol", word)
    return ("symbol", word) if code and _IDENTIFIER.fullmatch(word) else None


def _with_dots(word: str, *, code: bool) -> tuple[Kind, str] | None:
    """With dots, underscores, brackets, colons, = in it."""
    call = word.endswith("()")
    name = _LINE.sub("", word[:-2] if call else word)
    low = name.lower()
    if _VERSION.fullmatch(name):
        return None if _DATE.fullmatch(name) else ("version", name)
    if not call and low not in NO_FILES and (_extension(name) or low in FILES):
        return ("path", name)
    if low in NO_FILES:
        return ("package", name)
    if _IDENTIFIER.fullmatch(name):
        if _CODED_ERROR.fullmatch(name):
            return ("error", name)
        if name.endswith(ERROR_ENDS) and name[0].isupper():
            return ("error", name)
        whole = len(name) > 2 and name.strip("_") and ("_" in name.strip("_") or name[:2] == "__")
        return ("symbol", name) if call or whole or code else None
    if _DOTTED.fullmatch(name) is None or low in _TEXT_DOTS:
        return None
    parts = name.split(".")
    if parts[-1].endswith(ERROR_ENDS) and parts[-1] not in ERROR_ENDS:
        return ("error", name)
    shaped = call or code or len(parts) > 2 or any("_" in part for part in parts)
    shaped = shaped or any(_HUMP.fullmatch(part) for part in parts)
    return ("symbol", name) if shaped and max(map(len, parts)) > 1 else None


def _extension(name: str) -> bool:
    """Whether it ends like a file's name."""
    stem, dot, ending = name.rpartition(".")
    return bool(dot) and ending.lower() in EXTENSIONS and (stem != "" or name == ".env")
