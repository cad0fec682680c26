"""Globs of files as patterns of RE2, so that matching takes linear time; links are followed."""

import itertools
import os.path
import re
from typing import Any, Final

import re2

VARIANTS_MAX: Final = 100

_BRACES: Final = re.compile(r"\{([^{}]*,[^{}]*)\}")
_PART: Final = re.compile(
    r"\[(?P<no>!?)(?P<set>\]?[^\]/]*)\]|(?P<any>\*)|(?P<one>\?)|(?P<plain>.)", re.S
)
_GLOB: Final = re.compile(r"[*?\[]")


class Globs:
    """A rule's paths. `*` stays in one directory, `**` crosses them, `{a,b}` is either; a relative
    glob is one of the project; `DIR/**` and `DIR/` are the directory and all that is in it."""

    def __init__(self, globs: tuple[str, ...]) -> None:
        variants = list(itertools.chain.from_iterable(map(_variants, globs)))
        self._relative = _compiled([glob for glob in variants if not glob.startswith("/")])
        self._absolute = _compiled(
            list(dict.fromkeys(place for glob in variants for place in _places(glob)))
        )

    def match(self, path: str, bases: tuple[str, ...]) -> bool:
        """Whether an absolute path is meant; `bases` are the project's roots, as it is called and
        as it is."""
        for name in dict.fromkeys((os.path.normpath(path), os.path.realpath(path))):
            if self._absolute is not None and self._absolute.fullmatch(name):
                return True
            if self._relative is None:
                continue
            for base in bases:
                inside = name.removeprefix(base.rstrip("/") + "/")
                if inside != name and self._relative.fullmatch(inside):
                    return True
        return False


def _variants(glob: str) -> list[str]:
    """The globs that the braces of one stand for; too many: as it is written."""
    found = [os.path.expanduser(glob.removeprefix("./"))]  # noqa: PTH111 - a pattern, no path
    while any(map(_BRACES.search, found)):
        parts = ((_BRACES.search(one), one) for one in found)
        found = [
            one[: braces.start()] + choice + one[braces.end() :] if braces else one
            for braces, one in parts
            for choice in (braces[1].split(",") if braces else [""])
        ]
        if len(found) > VARIANTS_MAX:
            return [glob]
    return found


def _places(glob: str) -> list[str]:
    """An absolute glob, and the same where symlinks of its plain beginning lead."""
    if not glob.startswith("/"):
        return []
    parts = glob.split("/")
    plain = list(itertools.takewhile(lambda part: not _GLOB.search(part), parts))
    real = os.path.realpath("/".join(plain) or "/").rstrip("/")
    return [glob, "/".join([real, *parts[len(plain) :]]) or "/"]


def _compiled(globs: list[str]) -> Any:
    if not globs:
        return None
    return re2.compile("(?s)" + "|".join(f"(?:{pattern_of(glob)})" for glob in globs), _options())


def pattern_of(glob: str) -> str:
    """RE2 for one glob, to be matched with a whole path."""
    if glob.endswith("/"):
        glob += "**"
    parts = glob.split("/")
    found = ""
    for number, part in enumerate(parts):
        last = number == len(parts) - 1
        if part == "**" and last:
            found = f"{found.removesuffix('/')}(?:/.*)?" if found else ".*"
        elif part == "**":
            found += "(?:[^/]+/)*"
        else:
            found += "".join(map(_piece, _PART.finditer(part))) + ("" if last else "/")
    return found


def _piece(found: re.Match[str]) -> str:
    if found["any"]:
        return "[^/]*"
    if found["one"]:
        return "[^/]"
    if found["plain"] is not None or not found["set"]:
        return str(re2.escape(found[0]))
    chosen = re.sub(r"([\\\[\]^])", r"\\\1", found["set"])
    piece = f"[{'^/' if found['no'] else ''}{chosen}]"
    return piece if _is_pattern(piece) else str(re2.escape(found[0]))


def _is_pattern(piece: str) -> bool:
    """Whether RE2 takes it: a range may be the wrong way round."""
    try:
        re2.compile(piece, _options())
    except re2.error:
        return False
    return True


def _options() -> Any:
    options = re2.Options()
    options.log_errors = False
    return options
