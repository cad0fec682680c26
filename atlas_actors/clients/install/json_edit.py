"""Pure: puts values into JSON text, in its style, and takes them out; other bytes stay."""

import json
from collections.abc import Sequence
from typing import Any, Final

import attrs

from atlas_actors.clients.install.json_text import BOM, Child, Node, read_json
from atlas_actors.errors import UsageError

Item = tuple[str | None, Any]
UNIT: Final = b"  "  # of indentation, where the file shows none


@attrs.frozen(kw_only=True)
class Style:
    """How a file is written."""

    eol: bytes
    unit: bytes
    is_tight: bool  # no space behind colons and commas
    is_flat: bool  # all on one line


def read_object(data: bytes | None, name: str) -> tuple[bytes, Node]:
    """A settings file's text and its object; what is missing or blank reads as an empty object."""
    text = data or b""
    root = read_json(text, name)
    if root is None:
        text += b"{}\n" if text in (b"", BOM) or text.endswith(b"\n") else b"\n{}\n"
        root = read_json(text, name)
    if root is None or root.kind != "object":
        raise UsageError(f"{name} is no JSON object", cure="nothing was changed; correct the file")
    return text, root


def append(data: bytes, parent: Node, *items: Item) -> bytes:
    """The text with these members (name, value), or elements (None, value), behind the others."""
    style = style_of(data)
    if not parent.children:
        return _fill(data, parent, items, style)
    last = parent.children[-1]
    behind = b"" if last.comma is None else b","
    gap = data[last.before : last.start] + data[last.node.end : parent.tail]
    if b"\n" in gap or (b"\n" in data[parent.tail : parent.end] and b"//" in gap):
        indent = _indent(data, last.start)
        text = style.eol + indent + _written(items, indent, style) + behind
    else:
        flat = attrs.evolve(style, is_flat=True)
        text = (b"" if style.is_tight else b" ") + _written(items, b"", flat) + behind
    data = data[: parent.tail] + text + data[parent.tail :]
    return data if behind else data[: last.node.end] + b"," + data[last.node.end :]


def replace(data: bytes, child: Child, value: Any) -> bytes:
    """The text with another value of this member or element."""
    style = style_of(data)
    node = child.node
    own_line = b"\n" in data[child.before : child.start]
    if not own_line and b"\n" not in data[node.start : node.end]:
        style = attrs.evolve(style, is_flat=True)
    text = _written([(None, value)], _indent(data, child.start), style)
    return data[: node.start] + text + data[node.end :]


def remove(data: bytes, parent: Node, index: int) -> bytes:
    """The text without this member or element; comments around it stay."""
    child = parent.children[index]
    start, end = child.lead, child.node.end
    if len(parent.children) == 1:
        inside = data[parent.start + 1 : child.start] + data[end : parent.end - 1]
        if not inside.replace(b",", b"", 1).strip():
            return data[: parent.start + 1] + data[parent.end - 1 :]
    if b"//" in data[child.before : start] and data[end:].split(b"\n", 1)[0].strip(b" \t\r,"):
        # What follows must not come to stand in a comment's line.
        start = data.index(b"\n", start) + 1
    if child.comma is not None:
        data = data[: child.comma] + data[child.comma + 1 :]
        if index == 0 and b"\n" not in data[child.before : child.start]:
            # It begins the line on which others follow: their space goes, ours stays.
            start = child.start
            while data[end : end + 1] == b" ":
                end += 1
        return data[:start] + data[end:]
    data = data[:start] + data[end:]
    comma = parent.children[index - 1].comma if index else None
    return data if comma is None else data[:comma] + data[comma + 1 :]


def style_of(data: bytes) -> Style:
    """How this text is written, by its first line end, indentation and colon."""
    root = read_json(data, "")
    first = root.children[0] if root is not None and root.children else None
    newline = data.find(b"\n")
    unit = UNIT
    if first is not None and b"\n" in data[first.before : first.start]:
        unit = _indent(data, first.start) or UNIT
    is_tight = first is not None and first.key is not None and _is_tight(data, first)
    is_flat = first is not None and root is not None and b"\n" not in data[root.start : root.end]
    return Style(
        eol=b"\r\n" if newline > 0 and data[newline - 1 : newline] == b"\r" else b"\n",
        unit=unit,
        is_tight=is_tight,
        is_flat=is_flat,
    )


def _fill(data: bytes, parent: Node, items: Sequence[Item], style: Style) -> bytes:
    """Into an empty object or array, behind the comments that it may hold."""
    outer = _indent(data, parent.start)
    at = parent.tail
    rest = data[at : parent.end - 1]  # blanks: they stay, so that taking ours out gives them back
    if style.is_flat and b"\n" not in data[parent.start : parent.end]:
        return data[:at] + _written(items, b"", style) + data[at:]
    indent = outer + style.unit
    text = style.eol + indent + _written(items, indent, attrs.evolve(style, is_flat=False))
    return data[:at] + text + (b"" if b"\n" in rest else style.eol + outer) + data[at:]


def _written(items: Sequence[Item], indent: bytes, style: Style) -> bytes:
    """The values as text, each with its name before it; later lines are indented."""
    colon = ":" if style.is_tight else ": "
    comma = "," if style.is_tight else ", "
    texts = []
    for key, value in items:
        name = "" if key is None else json.dumps(key, ensure_ascii=False) + colon
        if style.is_flat:
            text = json.dumps(value, ensure_ascii=False, separators=(comma, colon))
        else:
            unit = style.unit.decode()
            text = json.dumps(value, ensure_ascii=False, indent=unit, separators=(",", colon))
        texts.append(name + text)
    joined = (comma if style.is_flat else ",\n").join(texts)
    return joined.encode().replace(b"\n", style.eol + indent)


def _indent(data: bytes, at: int) -> bytes:
    """The spaces that the line of this place begins with."""
    line = data[data.rfind(b"\n", 0, at) + 1 : at].removeprefix(BOM)
    return line[: len(line) - len(line.lstrip(b" \t"))]


def _is_tight(data: bytes, member: Child) -> bool:
    return data[member.node.start - 1 : member.node.start] == b":"
