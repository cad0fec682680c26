"""Pure JSON-RPC 2.0, one object a line: bytes to a call, answers to bytes.

Codes: the standard ones; -32000 busy (data.retry_after_ms), -32001 not found, -32002 conflict,
-32003 degraded (data.part), -32004 no answer in time.
"""

import json
import math
from typing import Any, Final

import attrs

from atlas_actors.errors import AtlasError, Busy, Unavailable

PARSE_ERROR: Final = -32700
INVALID_REQUEST: Final = -32600
METHOD_NOT_FOUND: Final = -32601
INVALID_PARAMS: Final = -32602
INTERNAL_ERROR: Final = -32603


class RpcError(AtlasError):
    """An error of the protocol itself."""

    def __init__(self, code: int, message: str) -> None:
        super().__init__(message)
        self.code = code


@attrs.frozen(kw_only=True)
class Call:
    """One request; without an id it is a notification, which gets no answer."""

    id: str | int | None
    method: str
    params: dict[str, Any]
    wants_answer: bool


def read_call(line: bytes) -> Call:
    """Parse a line. Raises RpcError; `id_of` still finds the id of a faulty request."""
    value = _load(line)
    if isinstance(value, list):
        raise RpcError(INVALID_REQUEST, "send one object a line, not a batch")
    if not isinstance(value, dict) or value.get("jsonrpc") != "2.0":
        raise RpcError(INVALID_REQUEST, 'not a JSON-RPC 2.0 request: "jsonrpc" must be "2.0"')
    unknown = value.keys() - {"jsonrpc", "id", "method", "params"}
    if unknown:
        raise RpcError(INVALID_REQUEST, f"unknown members: {', '.join(sorted(unknown))[:100]}")
    id = value.get("id")
    if isinstance(id, bool) or not isinstance(id, str | int | None):
        raise RpcError(INVALID_REQUEST, "id must be a string, a whole number or null")
    method = value.get("method")
    if not isinstance(method, str):
        raise RpcError(INVALID_REQUEST, "method must be a string")
    params = value.get("params", {})
    if not isinstance(params, dict):
        raise RpcError(INVALID_PARAMS, "params are given by name, as an object")
    return Call(id=id, method=method, params=params, wants_answer="id" in value)


def id_of(line: bytes) -> str | int | None:
    """The id of a request that could not be read, or None."""
    try:
        value = json.loads(line)
    except (ValueError, RecursionError):
        return None
    id = value.get("id") if isinstance(value, dict) else None
    if isinstance(id, str) and not encodes(id):
        return None
    return id if isinstance(id, str | int) and not isinstance(id, bool) else None


def result_line(id: str | int | None, result: Any) -> bytes:
    """An answer."""
    return _line({"jsonrpc": "2.0", "id": id, "result": result})


def error_line(id: str | int | None, error: AtlasError) -> bytes:
    """An error; `data` holds the cure and what a program may act on."""
    data: dict[str, Any] = {"cure": error.cure} if error.cure else {}
    if isinstance(error, Busy):
        data["retry_after_ms"] = error.retry_after_ms
    if isinstance(error, Unavailable):
        data["part"] = error.part
        data["retry_at_ms"] = error.retry_at_ms
    body: dict[str, Any] = {"code": error.code, "message": error.message}
    if data:
        body["data"] = data
    return _line({"jsonrpc": "2.0", "id": id, "error": body})


def notification_line(method: str, params: dict[str, Any]) -> bytes:
    """Something that a client follows."""
    return _line({"jsonrpc": "2.0", "method": method, "params": params})


def _load(line: bytes) -> Any:
    try:
        text = line.decode("utf-8")
    except UnicodeDecodeError as error:
        raise RpcError(PARSE_ERROR, "not UTF-8") from error
    try:
        value = json.loads(text, parse_constant=_refuse_constant, parse_float=_finite)
    except RecursionError as error:
        raise RpcError(PARSE_ERROR, "nested too deeply") from error
    except ValueError as error:
        raise RpcError(PARSE_ERROR, f"not JSON: {str(error)[:100]}") from error
    # Only an escape can smuggle in half a surrogate pair.
    if "\\u" in text and not encodes(json.dumps(value, ensure_ascii=False)):
        raise RpcError(PARSE_ERROR, "a text holds half a surrogate pair")
    return value


def _refuse_constant(name: str) -> Any:
    raise ValueError(f"{name} is not JSON")


def _finite(text: str) -> float:
    number = float(text)
    if not math.isfinite(number):
        raise ValueError(f"{text[:20]} is too large")
    return number


def encodes(text: str) -> bool:
    """Whether UTF-8 can hold it: half a surrogate pair it cannot."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def _line(value: dict[str, Any]) -> bytes:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode() + b"\n"
