"""The one choke point for secrets: what comes in is redacted here before anything else sees it.

Four doors call it, each once, before a text is stored, indexed, embedded or logged:

- the gateway, for the parameters of every call and the files that they name
  (gateway/privacy.py); what would be executed or is an address is refused, never changed;
- the gateway again, for the payloads of clients' hooks (gateway/hook_privacy.py): whole, before
  they are cut;
- the executor, for answers, errors, output of checks and checkpoints (executor/privacy.py), and
  for files of a project that it puts before a prompt (executor/context.py);
- the cycle, for what its detectors have read (cycle/detectors.py).

The log and the files of failures go through it too (supervisors/logs.py). Whoever stores a text
that came another way has to call it. A secret becomes a mark with its kind and eight digits, keyed
with a key of this home: the same secret has the same mark, and the mark does not tell it.
<private>…</private> goes whatever it holds.
"""

import hashlib
import hmac
import os
import secrets
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, Final

from loguru import logger

from atlas_actors.errors import UsageError
from atlas_actors.secret_search import NOISE, Found, joined, may_hold, position_of, search
from atlas_actors.secret_values import is_secret, pattern

KEY_BYTES: Final = 32
DEPTH_MAX: Final = 200
PRIVATE_MARK: Final = "[private]"
_PASSES_MAX: Final = 4
TAGS: Final = (b"<", b"u003", b"rivate", b"RIVATE")  # without them nothing is private
_PRIVATE: Final = pattern(r"(?i)<(/?)private(?:[\s/][^<>]{0,200})?>")


class Redactor:
    """Takes secrets out of texts; has no state, so that any thread may use it."""

    def __init__(self, key: bytes | None = None, *, enabled: bool = True) -> None:
        """Without a key, one of its own: marks then are the same within this object only."""
        self._key = key or secrets.token_bytes(KEY_BYTES)
        self._enabled = enabled

    def text(self, text: str) -> str:
        """The text without what is private and with a mark for each secret; a text that is
        private as a whole becomes empty. Linear in time; twice is as once."""
        if not text:
            return text
        data = text.encode("utf-8", "surrogatepass")
        if not may_hold(data, *TAGS):
            return text
        clean = _without_private(data)
        for _ in range(_PASSES_MAX if self._enabled else 0):
            found = _found_in(clean)
            if not found:
                break
            clean = self._marked(clean, found)
        return text if clean == data else clean.decode("utf-8", "surrogatepass")

    def value(self, value: Any) -> Any:
        """A JSON-like value with all its texts redacted, names of members too; what stands under
        a name like `password` is judged by it. Raises UsageError when nested too deeply."""
        return self._value(value, "", DEPTH_MAX)

    def field(self, name: str, value: Any) -> Any:
        """As `value`, of a member that stands under this name."""
        return self._value(value, name, DEPTH_MAX)

    def found(self, text: str) -> list[str]:
        """The kinds of what would be redacted, in order; whether or not it is switched on."""
        data = text.encode("utf-8", "surrogatepass")
        clean = _without_private(data)
        return ["private"] * (clean != data) + [found.kind for _, found in _found_in(clean)]

    def _value(self, value: Any, name: str, depth: int) -> Any:
        if depth == 0:
            raise UsageError(f"nested deeper than {DEPTH_MAX} levels")
        match value:
            case str():
                return self._named(name, value)
            case Mapping():
                named = value.get("name") or value.get("key")
                return {
                    (self.text(key) if isinstance(key, str) else key): self._value(
                        item,
                        named if key == "value" and isinstance(named, str) else str(key),
                        depth - 1,
                    )
                    for key, item in value.items()
                }
            case list():
                return [self._value(item, name, depth - 1) for item in value]
            case tuple():
                return tuple(self._value(item, name, depth - 1) for item in value)
            case _:
                return value

    def _named(self, name: str, value: str) -> str:
        """A text by itself, and if nothing is found in it, by the name that it stands under."""
        clean = self.text(value)
        if not self._enabled or clean != value or not name or len(value) > 20_000:
            return clean
        position = position_of(name.encode("utf-8", "surrogatepass"))
        data = value.encode("utf-8", "surrogatepass")
        if position is None or not is_secret(position, "quoted", data):
            return clean
        return self._mark(data, position).decode()

    def _marked(self, data: bytes, found: Iterable[tuple[bytes, Found]]) -> bytes:
        pieces, at = [], 0
        for secret, one in found:
            pieces += [data[at : one.start], self._mark(secret, one.kind)]
            at = one.end
        return b"".join([*pieces, data[at:]])

    def _mark(self, secret: bytes, kind: str) -> bytes:
        digest = hmac.new(self._key, secret, hashlib.sha256).hexdigest()[:8]
        return f"[secret:{kind}:{digest}]".encode()


def _found_in(data: bytes) -> list[tuple[bytes, Found]]:
    """Each secret as it is meant, and where it stands with what hides it."""
    found = search(data)
    meant = {(one.start, one.end): data[one.start : one.end] for one in found}
    noise = list(NOISE.finditer(data))
    if noise:
        clean = _Clean(data, noise)
        for one in search(clean.data):
            start, end = clean.at(one.start), clean.at(one.end - 1, after=True)
            found.append(Found(start, end, one.kind))
            meant[start, end] = clean.data[one.start : one.end]
    return [
        (meant.get((one.start, one.end)) or _cleaned(data[one.start : one.end]), one)
        for one in joined(found)
    ]


def _cleaned(data: bytes) -> bytes:
    return _Clean(data, list(NOISE.finditer(data))).data


class _Clean:
    """A text without its noise, which knows where each of its bytes came from."""

    def __init__(self, data: bytes, noise: list[Any]) -> None:
        pieces: list[bytes] = []
        self._starts: list[tuple[int, int, int]] = []  # (here, there, length there of one byte)
        here = at = 0
        for match in noise:
            start, end = match.span()
            if start > at:
                pieces.append(data[at:start])
                self._starts.append((here, at, 1))
                here += start - at
            said = bytes.fromhex(match[1].decode()) if match[1] else match[2]
            if said:
                pieces.append(said)
                self._starts.append((here, start, end - start))
                here += 1
            at = end
        if at < len(data):
            pieces.append(data[at:])
            self._starts.append((here, at, 1))
        self.data = b"".join(pieces)

    def at(self, place: int, *, after: bool = False) -> int:
        """Where a byte of `data` was, or where it ended."""
        low, high = 0, len(self._starts)
        while high - low > 1:
            middle = (low + high) // 2
            if self._starts[middle][0] <= place:
                low = middle
            else:
                high = middle
        here, there, length = self._starts[low]
        return there + place - here + (length if after else 0)


def _without_private(data: bytes) -> bytes:
    """Without <private>…</private>, nested ones, and one that is never closed to the end."""
    if b"rivate" not in data and b"RIVATE" not in data:
        return data if _is_plain(data) else _without_hidden_private(data)
    return _without_hidden_private(data)


def _is_plain(data: bytes) -> bool:
    """No tag can be hidden in it by small and capital letters or by what nobody sees."""
    return b"<" not in data and b"u003" not in data


def _without_hidden_private(data: bytes) -> bytes:
    noise = list(NOISE.finditer(data))
    clean = _Clean(data, noise)
    spans: list[tuple[int, int]] = []
    depth = begin = 0
    for tag in _PRIVATE.finditer(clean.data):
        if not tag[1]:
            begin = begin if depth else tag.start()
            depth += 1
        elif depth:
            depth -= 1
            if not depth:
                spans.append((clean.at(begin), clean.at(tag.end() - 1, after=True)))
    if depth:
        spans.append((clean.at(begin), len(data)))
    if not spans:
        return data
    outside, at = [], 0
    for start, end in spans:
        outside.append(data[at:start])
        at = end
    outside.append(data[at:])
    if not b"".join(outside).strip():
        return b""
    return PRIVATE_MARK.encode().join(outside)


def load_key(path: Path) -> bytes:
    """The key of this home, made when it is missing; one that is no key is replaced: marks made
    with it are not made again. Where none can be kept, one for this run; both with a warning."""
    key = _read_key(path)
    if key is not None:
        return key
    new = secrets.token_bytes(KEY_BYTES)
    try:
        return _keep_key(path, new)
    except OSError as error:
        logger.warning("redaction.key_not_kept", file=str(path), error=str(error.strerror))
        return new


def _keep_key(path: Path, new: bytes) -> bytes:
    part = path.with_name(f"{path.name}.{os.getpid()}")
    descriptor = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(new)
        file.flush()
        os.fsync(file.fileno())
    if path.exists() or path.is_symlink():
        logger.warning("redaction.key_replaced", file=str(path))
        part.replace(path)
        return new
    try:
        os.link(part, path)  # of two that start at once, the first
    except FileExistsError:
        return _read_key(path) or new
    finally:
        part.unlink()
    return new


def _read_key(path: Path) -> bytes | None:
    """The key, readable by its owner only from now on; None where there is none."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
    except OSError:
        return None
    with os.fdopen(descriptor, "rb") as file:
        try:
            key = file.read(KEY_BYTES + 1)
        except OSError:
            return None
        os.fchmod(descriptor, 0o600)
    return key if len(key) == KEY_BYTES else None
