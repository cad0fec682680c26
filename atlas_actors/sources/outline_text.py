"""Outlines of prose and data: headings of Markdown, top-level keys of TOML, JSON and YAML."""

import json
import re
import tomllib
from collections.abc import Iterator, Mapping
from typing import Any, Final

from atlas_actors.sources.outline import Entry, Outline, short

KEYS_MAX: Final = 500
HEADING_CHARACTERS: Final = 100
_FENCE: Final = re.compile(r"^ {0,3}(`{3,}|~{3,})")
_HEADING: Final = re.compile(r"^ {0,3}(#{1,6})(?:[ \t]+|$)(.*)")
_UNDERLINE: Final = re.compile(r"^ {0,3}(=+|-+)[ \t]*$")
_CLOSING: Final = re.compile(r"(?:^|[ \t])#+$")
_KEY: Final = re.compile(
    r"""^("[^"\n]{1,200}"|'[^'\n]{1,200}'|[^\s#"'\-?:,\[\]{}&*!|>%@`][^:#\n]{0,200}?)\s*:(?:\s|$)"""
)


def markdown(text: str) -> Outline:
    """Headings outside of code, indented by level."""
    entries = [
        Entry(line=line, depth=level - 1, text=short(title, HEADING_CHARACTERS))
        for line, level, title in _headings(text.split("\n"))
    ]
    return Outline(language="markdown", entries=tuple(entries))


def toml(text: str) -> Outline:
    """Top-level keys and tables. Raises ValueError (a syntax error)."""
    return Outline(language="toml", entries=tuple(_keys(tomllib.loads(text), text, "=")))


def json_keys(text: str) -> Outline:
    """Top-level keys with what they hold; for a list, what it is a list of. Raises ValueError."""
    value = json.loads(text)
    if isinstance(value, Mapping):
        return Outline(language="json", entries=tuple(_keys(value, text, ":")))
    first = f" of {_kind(value[0])}" if isinstance(value, list) and value else ""
    entry = Entry(line=1, depth=0, text=f"{_kind(value)}{first}", symbols=0)
    return Outline(language="json", entries=(entry,))


def yaml(text: str) -> Outline:
    """Keys that begin a line: what is inside a block is indented."""
    entries: list[Entry] = []
    for number, line in enumerate(text.split("\n"), 1):
        found = _KEY.match(line)
        if found and len(entries) < KEYS_MAX:
            entries.append(Entry(line=number, depth=0, text=short(found[1].strip("\"'"), 80)))
    return Outline(language="yaml", entries=tuple(entries))


def _headings(lines: list[str]) -> Iterator[tuple[int, int, str]]:
    """(line, level, title), of both ways to write them."""
    fence = ""
    before = ""  # a line of prose that an underline may follow
    front_matter = bool(lines) and lines[0].rstrip() == "---"
    for number, raw in enumerate(lines, 1):
        line = raw.rstrip("\r")
        if front_matter:
            front_matter = number == 1 or line.rstrip() not in ("---", "...")
            continue
        found = _FENCE.match(line)
        if fence:
            closes = found and found[1].startswith(fence) and not line.strip(" \t`~")
            fence = "" if closes else fence
            continue
        if found:
            fence, before = found[1], ""
            continue
        heading = _HEADING.match(line)
        if heading:
            yield number, len(heading[1]), _CLOSING.sub("", heading[2].strip()).strip()
            before = ""
        elif before and (underline := _UNDERLINE.match(line)):
            yield number - 1, 1 if underline[1].startswith("=") else 2, before
            before = ""
        else:
            plain = line.strip() and not line.startswith(("    ", "\t", ">", "- ", "* ", "|"))
            before = line.strip() if plain else ""


def _keys(table: Mapping[str, Any], text: str, sign: str) -> Iterator[Entry]:
    """Each key with what it holds, at the line where it seems to be written first."""
    lines = _lines_of_keys(text, sign)
    for key, value in list(table.items())[:KEYS_MAX]:
        yield Entry(line=lines.get(key, 1), depth=0, text=f"{short(key, 80)}: {_kind(value)}")


def _lines_of_keys(text: str, sign: str) -> dict[str, int]:
    found: dict[str, int] = {}
    key = re.compile(
        r'^\s*(?:\[\[?\s*)?["\']?([^"\'=:.\]\[\n]{1,200}?)["\']?\s*(?:' + sign + r"|[.\]])"
    )
    for number, line in enumerate(text.split("\n"), 1):
        match = key.match(line[:400])
        if match:
            found.setdefault(match[1].strip(), number)
    return found


def _kind(value: Any) -> str:
    if isinstance(value, Mapping):
        inside = ", ".join(short(str(key), 30) for key in list(value)[:6])
        return f"{{{inside}{', …' if len(value) > 6 else ''}}}"
    if isinstance(value, list):
        return f"list of {len(value)}"
    if value is None or isinstance(value, bool | int | float):
        return short(str(value), 20)
    return "text" if isinstance(value, str) else type(value).__name__
