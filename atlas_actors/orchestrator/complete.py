"""Pure: is an answer all there by its own account, and does the code in it parse?"""

import ast
import json
import tomllib
import warnings
from collections.abc import Callable, Mapping
from typing import Any, Final

import attrs
import re2

from atlas_actors.messages.strategy import Check

CODE_CHARACTERS_MAX: Final = 200_000  # of a block; a longer one is not parsed
_FENCE: Final = re2.compile(r"^ {0,3}(`{3,}|~{3,})[ \t]*([^`\s]*)[^`]*$")
# A comment that says of itself that code is missing after it; said of a line in lower case. One
# that only speaks of other code ("the rest of the code assumes ...") says no such thing.
_STAYS: Final = r"(remains?|stays?|is|are|goes|go)? ?(here|unchanged|as before|omitted|the same)"
_OF_WHAT: Final = r"(code|file|class|function|method|module|implementation|script|component)"
_OTHERS: Final = r"(code|methods|functions|imports|implementation|fields|tests)"
_REST: Final = re2.compile(
    r"^\s*(#|//|/\*|--|<!--|;|%|\{/\*)\s*("
    r"(\.\.\.|…).*"
    rf"|(the )?(rest|remainder) of (the|your|this) (\w+ )?{_OF_WHAT}( {_STAYS})?"
    rf"|(the |your |all |keep )*(existing|other|previous|remaining|original) (\w+ )?{_OTHERS}"
    rf" {_STAYS}"
    rf"|(the |your )?(rest|remainder) {_STAYS}"
    r"|(add |put |insert )?your (\w+ )?(code|implementation|logic) (goes )?here"
    r")[\s.…*/)}>-]*$"
)
_DOTS: Final = re2.compile(r"^\s*(\.\.\.|…)\s*$")
# In these, dots alone in a line are no code.
_NO_DOTS: Final = frozenset(
    {
        *("c", "cpp", "c++", "cs", "csharp", "css", "go", "html", "java", "javascript", "js"),
        *("json", "jsx", "kotlin", "php", "ruby", "rb", "rs", "rust", "scala", "sql", "swift"),
        *("toml", "ts", "tsx", "typescript"),
    }
)


@attrs.frozen(kw_only=True)
class Block:
    """A fenced block; not `closed`: the answer ends within it."""

    language: str
    lines: tuple[str, ...]
    closed: bool = True


def problem_of(answer: str, check: Check) -> str:
    """Why an answer is not what `check` asks for, or an empty text; "text" asks for nothing."""
    if check == "text":
        return ""
    blocks = blocks_of(answer)
    for block in blocks:
        if not block.closed:
            return "a fenced block is not closed"
        missing = _missing(block)
        if missing:
            return f"it leaves something out: {missing.strip()[:100]}"
    if check == "code":
        for block in blocks:
            problem = _unparsed(block)
            if problem:
                return f"its {block.language} does not parse: {problem}"
    return ""


def blocks_of(answer: str) -> list[Block]:
    """The fenced blocks of a Markdown text, as CommonMark sees them at the left margin."""
    blocks: list[Block] = []
    mark, language = "", ""
    lines: list[str] = []
    for line in answer.splitlines():
        fence = _FENCE.match(line)
        if mark:
            if fence and not fence[2] and fence[1].startswith(mark) and fence[1][0] == mark[0]:
                blocks.append(Block(language=language, lines=tuple(lines)))
                mark, lines = "", []
            else:
                lines.append(line)
        elif fence:
            mark, language = fence[1], fence[2].lower()
    if mark:
        blocks.append(Block(language=language, lines=tuple(lines), closed=False))
    return blocks


def _missing(block: Block) -> str:
    """The line that stands for something left out."""
    for line in block.lines:
        if _REST.match(line.lower()):
            return line
        if block.language in _NO_DOTS and _DOTS.match(line):
            return line
    return ""


def _unparsed(block: Block) -> str:
    parse = _PARSERS.get(block.language)
    text = "\n".join(block.lines)
    if parse is None or len(text) > CODE_CHARACTERS_MAX or not text.strip():
        return ""
    try:
        parse(text)
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
        return " ".join(str(error).split())[:150] or type(error).__name__
    return ""


def _python(text: str) -> None:
    with warnings.catch_warnings(action="ignore"):  # about the answer's own escapes
        ast.parse(text)


_PARSERS: Final[Mapping[str, Callable[[str], Any]]] = {
    "python": _python,
    "py": _python,
    "python3": _python,
    "json": json.loads,
    "toml": tomllib.loads,
}
