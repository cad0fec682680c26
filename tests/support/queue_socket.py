"""Many connections to a real daemon from one thread, each with one question at a time."""

import json
import selectors
import socket
import time
from pathlib import Path
from typing import Any

RECEIVE_BYTES = 65_536


def calls_per_s(
    path: Path, connections: int, seconds: float, params: dict[str, Any], method: str
) -> float:
    """Calls answered a second, with the next one sent as soon as one is answered.

    Raises AssertionError when one is refused.
    """
    line = json.dumps({"jsonrpc": "2.0", "id": 1, "method": method, "params": params}).encode()
    line += b"\n"
    selector = selectors.DefaultSelector()
    buffers: dict[socket.socket, bytearray] = {}
    for _ in range(connections):
        connection = socket.socket(socket.AF_UNIX)
        connection.connect(str(path))
        buffers[connection] = bytearray()
        selector.register(connection, selectors.EVENT_READ)
    begun = time.perf_counter()
    waiting = connections
    for connection in buffers:
        connection.sendall(line)
    count = 0
    while waiting:
        for key, _ in selector.select():
            connection = key.fileobj  # type: ignore[assignment]
            buffers[connection] += connection.recv(RECEIVE_BYTES)
            if not buffers[connection].endswith(b"\n"):
                continue
            _must_be_accepted(buffers[connection])
            buffers[connection].clear()
            count += 1
            if time.perf_counter() - begun < seconds:
                connection.sendall(line)
            else:
                waiting -= 1
    rate = count / (time.perf_counter() - begun)
    for connection in buffers:
        connection.close()
    selector.close()
    return rate


def _must_be_accepted(line: bytearray) -> None:
    result = json.loads(line).get("result")
    assert result, line
    for one in result.get("results", [result]):
        assert one.get("id"), line
