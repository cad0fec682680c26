"""A client of the socket like any other: one JSON line out, one in; standard library only."""

import json
import os
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

from atlas_actors.errors import (
    AtlasError,
    Busy,
    Conflict,
    DeadlinePassed,
    NotFound,
    Unavailable,
    UsageError,
)
from atlas_actors.home import Home

CONNECT_S: Final = 5.0
RECEIVE_BYTES: Final = 65_536
ANSWER_BYTES_MAX: Final = 64 * 1_048_576


class NotRunningError(AtlasError):
    """No daemon answers on this home."""


class Client:
    """One connection. Raises NotRunningError when there is no daemon."""

    def __init__(self, home: Home, timeout_s: float = 60.0) -> None:
        self._path = home.socket()
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self._socket.settimeout(CONNECT_S)
        self._buffer = bytearray()
        self._next_id = 0
        try:
            self._socket.connect(os.fsencode(self._path))
        except OSError as error:
            self._socket.close()
            raise not_running(home, error) from error
        self._socket.settimeout(timeout_s)

    def __enter__(self) -> "Client":
        return self

    def __exit__(self, *_: object) -> None:
        self._socket.close()

    def call(self, method: str, timeout_s: float | None = None, /, **params: Any) -> Any:
        """Ask and wait; a `timeout_s` among the params is the method's own.

        Raises the daemon's error as the AtlasError that it is."""
        for kind, value in self.stream(method, timeout_s, **params):
            if kind == "result":
                return value
        raise AssertionError("a stream ends with its result")

    def stream(
        self, method: str, timeout_s: float | None = None, /, **params: Any
    ) -> Iterator[tuple[str, Any]]:
        """(notification's method, its params) as they come, then ("result", the answer)."""
        self._next_id += 1
        if timeout_s is not None:
            self._socket.settimeout(timeout_s)
        request = {"jsonrpc": "2.0", "id": self._next_id, "method": method, "params": params}
        line = json.dumps(request, ensure_ascii=False).encode("utf-8", "replace") + b"\n"
        try:
            self._socket.sendall(line)
            while True:
                answer = self._read()
                if "method" in answer:
                    yield answer["method"], answer.get("params", {})
                    continue
                if answer.get("error"):
                    raise error_of(answer["error"])
                yield "result", answer.get("result")
                return
        except TimeoutError as error:
            raise DeadlinePassed("the daemon did not answer in time") from error
        except (BrokenPipeError, ConnectionResetError) as error:
            raise self._refusal() from error

    def _refusal(self) -> AtlasError:
        """The daemon closed; what it said before, if it said something."""
        try:
            answer = self._read()
        except (AtlasError, OSError):
            return NotRunningError("the daemon closed the connection")
        return error_of(answer.get("error") or {})

    def _read(self) -> dict[str, Any]:
        while b"\n" not in self._buffer:
            data = self._socket.recv(RECEIVE_BYTES)
            if not data:
                raise NotRunningError("the daemon closed the connection", cure="atlas status")
            self._buffer += data
            if len(self._buffer) > ANSWER_BYTES_MAX:
                raise AtlasError("the daemon's answer is too long")
        line, _, rest = self._buffer.partition(b"\n")
        self._buffer = bytearray(rest)
        value = json.loads(line)
        if not isinstance(value, dict):
            raise AtlasError("the daemon did not answer in JSON-RPC")
        return value


def running_pid(home: Home) -> int | None:
    """The pid in the lock file, if a process of that number exists."""
    try:
        pid = int(Path(home.lock).read_text("ascii").strip())
        os.kill(pid, 0)
    except (OSError, ValueError):
        return None
    return pid


def not_running(home: Home, error: OSError) -> NotRunningError:
    """Why nobody answers on a home's socket."""
    if isinstance(error, FileNotFoundError | ConnectionRefusedError | NotADirectoryError):
        return NotRunningError(
            f"no Atlas daemon runs on {home.root}",
            cure="scripts/serve --detach starts it; scripts/inspect shows what it has left",
        )
    return NotRunningError(f"{home.socket()}: {error}")


def error_of(error: dict[str, Any]) -> AtlasError:
    """The AtlasError that an answer's `error` is."""
    data = error.get("data") or {}
    message, cure = str(error.get("message", "")), str(data.get("cure", ""))
    match error.get("code"):
        case UsageError.code:
            return UsageError(message, cure=cure)
        case Busy.code:
            return Busy(message, retry_after_ms=int(data.get("retry_after_ms", 1000)), cure=cure)
        case NotFound.code:
            return NotFound(message, cure=cure)
        case Conflict.code:
            return Conflict(message, cure=cure)
        case Unavailable.code:
            return Unavailable(message, cure=cure, part=str(data.get("part", "")))
        case _:
            return AtlasError(message, cure=cure)
