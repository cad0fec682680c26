"""An outline of a file: every public symbol with its line and signature, and heads of its prose."""

import posixpath
from typing import Final

import attrs

# As in providers/wire.py, which would cost each child process 50 ms; a test holds them together.
CHARACTERS_PER_TOKEN: Final = 4
SIGNATURE_CHARACTERS: Final = 160
HEAD_CHARACTERS: Final = 60
DEPTH_MAX: Final = 8
HOW_TO_READ: Final = (
    "each line begins with its line number in the file; what belongs to it ends before the next"
    " number of the same depth"
)
SHARE_MAX: Final = 0.15  # of a file's tokens, beyond which an outline shows names alone

# By how a file's name ends.
LANGUAGES: Final = {
    ".py": "python", ".pyi": "python", ".pyw": "python",
    ".js": "javascript", ".mjs": "javascript", ".cjs": "javascript", ".jsx": "javascript",
    ".ts": "typescript", ".mts": "typescript", ".cts": "typescript", ".tsx": "tsx",
    ".go": "go", ".rs": "rust", ".java": "java", ".c": "c", ".h": "c",
    ".cc": "cpp", ".cpp": "cpp", ".cxx": "cpp", ".hh": "cpp", ".hpp": "cpp", ".hxx": "cpp",
    ".rb": "ruby", ".rake": "ruby", ".cs": "csharp", ".sh": "bash", ".bash": "bash",
    ".md": "markdown", ".markdown": "markdown", ".toml": "toml", ".json": "json",
    ".yaml": "yaml", ".yml": "yaml",
}  # fmt: skip


@attrs.frozen(kw_only=True)
class Entry:
    """One line of an outline."""

    line: int  # in the file, from 1
    depth: int
    text: str
    said: str = ""  # the head of its docstring or comment
    symbols: int = 1  # how many names it shows

    def shown(self, heads_to: int) -> str:
        """A line; with the head of its prose when it is less deep than `heads_to`.

        Empty when it would say nothing: neither a name nor prose.
        """
        said = f"  # {self.said}" if self.said and self.depth < heads_to else ""
        if not self.symbols and not said and self.said:
            return ""
        return f"{self.line} {' ' * self.depth}{self.text}{said}\n"


@attrs.frozen(kw_only=True)
class Outline:
    """What stands for a file."""

    language: str
    entries: tuple[Entry, ...]

    @property
    def symbols(self) -> int:
        """How many names it shows."""
        return sum(entry.symbols for entry in self.entries)

    def text(self, tokens_full: int | None = None) -> str:
        """For a model: the line of each symbol, then what it is; what is inside is indented.

        Heads of prose are said as long as it stays below SHARE_MAX of the file.
        """
        text = ""
        for heads_to in (DEPTH_MAX, 1, 0):
            text = "".join(entry.shown(heads_to) for entry in self.entries)
            if tokens_full is None or tokens(text) <= tokens_full * SHARE_MAX:
                break
        return text


def language_of(name: str) -> str | None:
    """The language by the file's name; None: there are no outlines of it."""
    base = posixpath.basename(name)
    if base in ("Rakefile", "Gemfile"):
        return "ruby"
    return LANGUAGES.get(posixpath.splitext(base)[1].lower())


def tokens(text: str) -> int:
    """About how many tokens a text has, rounded up."""
    return -(-len(text) // CHARACTERS_PER_TOKEN)


def short(text: str, characters_max: int = SIGNATURE_CHARACTERS) -> str:
    """On one line, cut."""
    line = " ".join(text.split())
    return line if len(line) <= characters_max else line[: characters_max - 1] + "…"


def head(prose: str | None) -> str:
    """The beginning of a docstring or comment: its first sentence, on one line."""
    if not prose:
        return ""
    paragraph = prose.strip().split("\n\n", 1)[0]
    sentence = " ".join(paragraph.split()).split(". ", 1)[0].rstrip(".")
    return short(sentence, HEAD_CHARACTERS)
