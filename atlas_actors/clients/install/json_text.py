"""Pure: reads JSON as people write it, and where each part of it stands.

RFC 8259, plus // and /* */ comments and a comma behind the last member (JSONC).
"""

import codecs
import functools
import json
import re
from typing import Any, Final, Literal

import attrs

from atlas_actors.errors import UsageError

DEPTH_MAX: Final = 200
BOM: Final = codecs.BOM_UTF8

_SPACE: Final = re.compile(rb"[ \t\r\n]+")
_COMMENT: Final = re.compile(rb"//[^\r\n]*|/\*.*?\*/", re.DOTALL)
_SCALAR: Final = re.compile(
    rb'"[^"\\\n]*(?:\\.[^"\\\n]*)*"|-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?|true|false|null'
)
Kind = Literal["object", "array", "scalar"]
_BRACKETS: Final[dict[bytes, tuple[bytes, Kind]]] = {b"{": (b"}", "object"), b"[": (b"]", "array")}


@attrs.frozen(kw_only=True)
class Node:
    """One value, and where its bytes are."""

    kind: Kind
    start: int
    end: int
    value: Any  # of an object with a key twice: the last
    children: tuple["Child", ...] = ()
    tail: int = 0  # of an object or array: the end of the last token or comment inside

    def member(self, key: str) -> "Child | None":
        """The one of this name that a reader of the file sees: the last."""
        return next((child for child in reversed(self.children) if child.key == key), None)


@attrs.frozen(kw_only=True)
class Child:
    """A member of an object or an element of an array."""

    key: str | None
    before: int  # the end of the bracket or comma before it
    lead: int  # the end of the token or comment before it
    start: int  # of its key, or of its value
    node: Node
    comma: int | None  # where the comma behind it is


def read_json(data: bytes, name: str) -> Node | None:
    """The value of a file, None of an empty one; UsageError says what is wrong, and where."""
    try:
        return _read(data)
    except _Broken as error:
        line = data.count(b"\n", 0, error.at) + 1
        raise UsageError(
            f"{name}, line {line}: no JSON that can be read: {error.why}",
            cure="nothing was changed; correct the file, then do it again",
        ) from error


@functools.lru_cache(maxsize=4)  # an edit of many steps reads each text several times
def _read(data: bytes) -> Node | None:
    try:
        data.decode("utf-8")
    except UnicodeDecodeError as error:
        raise _Broken(error.start, "it is not UTF-8") from error
    reader = _Reader(data)
    reader.skip()
    if reader.at == len(data):
        return None
    node = reader.read(0)
    reader.skip()
    if reader.at != len(data):
        raise _Broken(reader.at, "nothing may follow the value")
    return node


class _Broken(Exception):
    """The text is no JSON from this byte on."""

    def __init__(self, at: int, why: str) -> None:
        super().__init__(why)
        self.at = at
        self.why = why


class _Reader:
    """Goes through the bytes once."""

    def __init__(self, data: bytes) -> None:
        self._data = data
        self.at = len(BOM) if data.startswith(BOM) else 0

    def skip(self) -> int:
        """Past spaces and comments; the end of the last comment, else where it stood."""
        end = self.at
        while True:
            if space := _SPACE.match(self._data, self.at):
                self.at = space.end()
            elif comment := _COMMENT.match(self._data, self.at):
                self.at = end = comment.end()
            else:
                return end

    def read(self, depth: int) -> Node:
        """The value that begins here."""
        bracket = self._data[self.at : self.at + 1]
        if bracket in _BRACKETS:
            if depth == DEPTH_MAX:
                raise self._error(f"it is nested more than {DEPTH_MAX} deep")
            return self._container(bracket, depth)
        start = self.at
        return Node(kind="scalar", start=start, value=self._scalar("a value"), end=self.at)

    def _scalar(self, wanted: str) -> Any:
        found = _SCALAR.match(self._data, self.at)
        if found is None:
            raise self._error(f"{wanted} should be here")
        try:
            value = json.loads(found[0].decode())
        except ValueError as error:
            raise self._error(f"{wanted} should be here: {error}") from error
        self.at = found.end()
        return value

    def _container(self, bracket: bytes, depth: int) -> Node:
        close, kind = _BRACKETS[bracket]
        start = self.at
        self.at += 1
        children: list[Child] = []
        while True:
            before = self.at
            lead = self.skip()
            if self._data[self.at : self.at + 1] == close:
                self.at += 1
                break
            if children and children[-1].comma is None:
                raise self._error(f"a comma or {close.decode()} should be here")
            children.append(self._child(kind, before, lead, depth))
        keyed = {child.key: child.node.value for child in children}
        value = keyed if kind == "object" else [child.node.value for child in children]
        tail = self._tail(children, start, lead)
        return Node(
            kind=kind,
            start=start,
            end=self.at,
            value=value,
            children=tuple(children),
            tail=tail,
        )

    @staticmethod
    def _tail(children: list[Child], start: int, lead: int) -> int:
        last = children[-1] if children else None
        behind = (start + 1) if last is None else max(last.node.end, (last.comma or 0) + 1)
        return max(behind, lead)

    def _child(self, kind: Kind, before: int, lead: int, depth: int) -> Child:
        start, key = self.at, None
        if kind == "object":
            key = self._scalar("a name in double quotes")
            if not isinstance(key, str):
                self.at = start
                raise self._error("a name in double quotes should be here")
            self.skip()
            if self._data[self.at : self.at + 1] != b":":
                raise self._error("a colon should be here")
            self.at += 1
            self.skip()
        node = self.read(depth + 1)
        end = self.at
        self.skip()
        comma = self.at if self._data[self.at : self.at + 1] == b"," else None
        self.at = end if comma is None else comma + 1
        return Child(key=key, before=before, lead=lead, start=start, node=node, comma=comma)

    def _error(self, why: str) -> _Broken:
        return _Broken(self.at, why)
