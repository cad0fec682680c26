"""scripts/hook as clients start it, and doors for it that behave as no daemon should."""

import os
import socket
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path

from tests.support.trees import WAIT_S

ROOT = Path(__file__).parents[2]
HOOK = ROOT / "scripts" / "hook"
Behaviour = Callable[[socket.socket], None]


def command(*words: str, script: Path = HOOK) -> list[str]:
    """What an installer writes into a client's settings."""
    return [sys.executable, "-I", "-S", str(script), *words]


def environment(home: Path, **more: str) -> dict[str, str]:
    """A client's environment."""
    return {"PATH": os.environ["PATH"], "HOME": str(home), "ATLAS_HOME": str(home), **more}


def hook(
    home: Path,
    *words: str,
    payload: bytes = b"{}",
    script: Path = HOOK,
    **more: str,
) -> "subprocess.CompletedProcess[bytes]":
    """Run it to its end. A hook that hangs fails the test.

    Where the test says no deadline, a busy machine has time: the usual one is a second.
    """
    patience = () if "--deadline" in words else ("--deadline", str(WAIT_S))
    return subprocess.run(
        command(*patience, *words, script=script),
        input=payload,
        env=environment(home, **more),
        capture_output=True,
        timeout=WAIT_S,
        check=False,
    )


class FakeDoor:
    """Listens where a daemon would; each connection gets the same behaviour, on one thread."""

    def __init__(self, home: Path, behave: Behaviour) -> None:
        self.lines: list[bytes] = []
        self._behave = behave
        self._listener = socket.socket(socket.AF_UNIX)
        self._listener.bind(str(home / "atlas.sock"))
        self._listener.listen(64)
        self._thread = threading.Thread(target=self._serve, daemon=True)

    def __enter__(self) -> "FakeDoor":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._listener.shutdown(socket.SHUT_RDWR)
        self._thread.join(WAIT_S)
        self._listener.close()

    def _serve(self) -> None:
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            connection.settimeout(WAIT_S)
            try:
                with connection:
                    self.lines.append(read_line(connection))
                    self._behave(connection)
            except OSError:
                continue  # the hook has gone, as it should


def read_line(connection: socket.socket) -> bytes:
    """The one line that a hook sends, without its line feed."""
    data = bytearray()
    while not data.endswith(b"\n"):
        piece = connection.recv(1_048_576)
        if not piece:
            break
        data += piece
    return bytes(data[:-1])


def read_all(connection: socket.socket) -> bytes:
    """Until the other side closes."""
    data = b""
    while piece := connection.recv(1_048_576):
        data += piece
    return data


def says(*pieces: bytes) -> Behaviour:
    """A door that sends these and closes."""

    def behave(connection: socket.socket) -> None:
        for piece in pieces:
            connection.sendall(piece)

    return behave


def waits(*pieces: bytes) -> Behaviour:
    """A door that sends these, then neither speaks nor closes until the hook has gone."""

    def behave(connection: socket.socket) -> None:
        says(*pieces)(connection)
        connection.recv(1)

    return behave
