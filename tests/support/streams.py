"""Server-sent streams for tests: built from events, read however they are cut."""

import json
from collections.abc import Iterable
from itertools import pairwise
from typing import Any

from hypothesis import strategies as st

from atlas_actors.providers.wire import EventReader, Reader


def event(value: Any, name: str = "") -> bytes:
    """One event as a server writes it."""
    data = value if isinstance(value, str) else json.dumps(value)
    return (f"event: {name}\n" if name else "").encode() + f"data: {data}\n\n".encode()


def pieces(stream: bytes, cuts: Iterable[int]) -> list[bytes]:
    """The stream cut at these places."""
    places = [0, *sorted(min(cut, len(stream)) for cut in cuts), len(stream)]
    return [stream[start:stop] for start, stop in pairwise(places)]


def read(reader: Reader, stream: bytes, cuts: Iterable[int] = ()) -> list[str]:
    """The texts that come out. Raises WireError."""
    events = EventReader()
    return [
        text
        for piece in pieces(stream, cuts)
        for name, data in events.feed(piece)
        for text in reader.read(name, data)
    ]


def cuts_of(stream: bytes) -> st.SearchStrategy[list[int]]:
    """Where a network may cut this stream."""
    return st.lists(st.integers(0, len(stream)), max_size=12)


def json_of(*keys: str) -> st.SearchStrategy[Any]:
    """JSON of any shape, with these keys more often than others."""
    words = st.sampled_from(keys) | st.text(max_size=3)
    plain = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5)
    return st.recursive(
        plain | st.sampled_from(keys),
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(words, inner, max_size=5),
        max_leaves=25,
    )
