"""A server that sends what a script says, byte for byte, and counts what was taken."""

import contextlib
import socket
import struct
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from tests.support.trees import WAIT_S

Script = Callable[["Peer"], None]


class Peer:
    """One connection of a client, its request read."""

    def __init__(self, connection: socket.socket, ended: threading.Event) -> None:
        self.connection = connection
        self.ended = ended
        self.sent = 0

    def send(self, data: bytes) -> None:
        self.connection.sendall(data)
        self.sent += len(data)

    def head(self, status: str = "200 OK", **headers: str) -> None:
        """The head of an answer; without a length, the end of the connection ends it."""
        headers.setdefault("connection", "close")
        lines = [f"HTTP/1.1 {status}"]
        lines += [f"{name.replace('_', '-')}: {value}" for name, value in headers.items()]
        self.send(("\r\n".join(lines) + "\r\n\r\n").encode())

    def reset(self) -> None:
        """End the connection by RST."""
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.connection.close()

    def hold(self) -> None:
        """Do nothing until the client or the test has gone."""
        self.connection.settimeout(WAIT_S)
        with contextlib.suppress(OSError):
            while self.connection.recv(65_536):
                pass

    def drip(self, data: bytes, pause_s: float) -> None:
        """One byte after the other."""
        for byte in data:
            self.send(bytes([byte]))
            if self.ended.wait(pause_s):
                return


class RawServer:
    """Each connection gets the same script."""

    def __init__(self, script: Script) -> None:
        self._script = script
        self._ended = threading.Event()
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = self._listener.getsockname()[1]
        self.url = f"http://127.0.0.1:{self.port}"
        self.peers: list[Peer] = []
        self.gone = threading.Semaphore(0)  # released for each connection that is over
        self._thread = threading.Thread(target=self._accept)
        self._thread.start()

    def stop(self) -> None:
        self._ended.set()
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self._thread.join(WAIT_S)

    def _accept(self) -> None:
        while not self._ended.is_set():
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            threading.Thread(target=self._serve, args=(connection,), daemon=True).start()

    def _serve(self, connection: socket.socket) -> None:
        peer = Peer(connection, self._ended)
        self.peers.append(peer)
        try:
            connection.settimeout(WAIT_S)
            received = b""
            while b"\r\n\r\n" not in received:
                data = connection.recv(65_536)
                if not data:
                    return
                received += data
            head, _, body = received.partition(b"\r\n\r\n")
            _, _, length = head.lower().partition(b"content-length:")
            missing = int(length.split(b"\r\n", 1)[0] or 0) - len(body)
            while missing > 0:  # what is unread at the end would turn it into a reset
                missing -= len(connection.recv(65_536))
            self._script(peer)
        except OSError:
            return  # the client has gone
        finally:
            with contextlib.suppress(OSError):
                connection.close()
            self.gone.release()


@contextmanager
def raw_server(script: Script) -> Iterator[RawServer]:
    """A running server."""
    server = RawServer(script)
    try:
        yield server
    finally:
        server.stop()
