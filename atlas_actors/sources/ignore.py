"""Which files are nobody's to read: secrets by name, and patterns in gitignore's language.

Patterns come with the project, so they are as untrusted as its files: they become RE2 expressions,
which match in linear time. Rules as in gitignore(5): the last that matches decides, ! takes a file
back (not from a directory that is left out), / anchors, a final / means directories.
"""

import functools
import re
from collections.abc import Iterable, Sequence
from typing import Final

import attrs
import re2

LINES_MAX: Final = 2_000
LINE_CHARACTERS_MAX: Final = 500
# What holds keys or passwords whatever a project says; case does not matter.
SECRETS: Final = (
    ".env", ".env.*", "*.env", "!.env.example", "!.env.sample", "!.env.template", ".envrc",
    "*.pem", "*.key", "*.p12", "*.pfx", "*.jks", "*.keystore", "*.kdbx", "*.ppk", "*.asc", "*.gpg",
    "id_rsa*", "id_dsa*", "id_ecdsa*", "id_ed25519*", ".ssh/", ".gnupg/", ".aws/", ".azure/",
    ".kube/", ".docker/config.json", ".netrc", "_netrc", ".git-credentials", ".npmrc", ".pypirc",
    ".htpasswd", ".pgpass", ".my.cnf", "credentials", "credentials.*", "secrets.*", "secret.*",
    "*.tfstate", "*.tfvars", ".git/", ".hg/", ".svn/",
)  # fmt: skip


@attrs.frozen(kw_only=True)
class Pattern:
    """One line: what it matches, whether it takes back, whether it is of directories only."""

    expression: str
    takes_back: bool
    directory: bool


class Patterns:
    """Compiled lines of one place."""

    def __init__(self, lines: Iterable[str], *, any_case: bool = False) -> None:
        found = [pattern for line in list(lines)[:LINES_MAX] if (pattern := _pattern(line))]
        flag = "(?i)" if any_case else ""
        self._rules = [(re2.compile(flag + one.expression), one) for one in found]

    def matches(self, name: str) -> bool:
        """Whether a file, relative to the patterns' place, is left out."""
        parts = name.split("/")
        below = ["/".join(parts[:length]) for length in range(1, len(parts))]
        return any(self._decides(part, is_directory=True) for part in below) or self._decides(
            name, is_directory=False
        )

    def _decides(self, name: str, *, is_directory: bool) -> bool:
        for compiled, pattern in reversed(self._rules):
            if (is_directory or not pattern.directory) and compiled.fullmatch(name):
                return not pattern.takes_back
        return False


def is_secret(name: str) -> bool:
    """Whether a file's name says that it holds keys or passwords, or is the repository itself."""
    return _secrets().matches(name)


def without_secrets(names: Sequence[str]) -> list[str]:
    """The others."""
    return [name for name in names if not is_secret(name)]


@functools.lru_cache(maxsize=1)
def _secrets() -> Patterns:
    return Patterns(SECRETS, any_case=True)


def _pattern(line: str) -> Pattern | None:
    """One line; None for what is none: blank, a comment, too long, or broken."""
    text = line.rstrip("\r\n")
    text = re.sub(r"(?<!\\)\s+$", "", text)
    if not text or text.startswith("#") or len(text) > LINE_CHARACTERS_MAX:
        return None
    takes_back = text.startswith("!")
    text = text.removeprefix("!")
    directory = text.endswith("/")
    text = text.rstrip("/")
    if not text:
        return None
    anchored = "/" in text
    expression = _translated(text.removeprefix("/"))
    if expression is None:
        return None
    if not anchored:
        expression = f"(?:.*/)?{expression}"
    return Pattern(expression=f"(?s:{expression})", takes_back=takes_back, directory=directory)


def _translated(text: str) -> str | None:
    """A glob as an expression; None when a bracket is not closed."""
    parts: list[str] = []
    at = 0
    while at < len(text):
        if text.startswith("**/", at) and (at == 0 or text[at - 1] == "/"):
            parts.append("(?:.*/)?")
            at += 3
        elif text.startswith("**", at) and at + 2 == len(text) and text[at - 1 : at] == "/":
            parts.append(".+")
            at += 2
        elif text[at] == "*":
            parts.append("[^/]*")
            at += 1
        elif text[at] == "?":
            parts.append("[^/]")
            at += 1
        elif text[at] == "[":
            end = text.find("]", at + 2)
            if end < 0:
                return None
            parts.append(_class(text[at + 1 : end]))
            at = end + 1
        else:
            at += text[at] == "\\" and at + 1 < len(text)
            parts.append(re2.escape(text[at]))
            at += 1
    return "".join(parts)


def _class(inside: str) -> str:
    """A bracket expression: any of these characters, with ranges; ! or ^ negates."""
    negated = inside[0] in "!^"
    body = inside[1:] if negated else inside
    ranges = re.sub(r"[\\\[\]^&~|]", lambda found: "\\" + found[0], body)
    return f"[{'^' if negated else ''}{ranges}]" if body else re2.escape(f"[{inside}]")
