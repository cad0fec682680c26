"""A scripted server of the OpenAI chat protocol on loopback: each request takes the next script.

Without a script it answers "ok: " and the end of the prompt, streamed in pieces.
"""

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from queue import Empty, SimpleQueue
from typing import Any

from tests.support.trees import WAIT_S

Script = Callable[["Handler", dict[str, Any]], None]


class Handler(BaseHTTPRequestHandler):
    """One connection."""

    protocol_version = "HTTP/1.1"
    server: "ModelServer"

    def log_message(self, *_: Any) -> None:
        """Say nothing."""

    def do_GET(self) -> None:
        if self.path == "/readyz":
            self.reply(self.server.ready_status, b"")
        elif self.path == "/v1/models":
            if self.server.key and self.headers.get("authorization") != f"Bearer {self.server.key}":
                self.reply(401, b'{"error": {"message": "no"}}')
            else:
                self.reply(200, json.dumps({"data": [{"id": "stub-model"}]}).encode())
        else:
            self.reply(404, b"")

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["content-length"])))
        self.server.requests.append(body)
        self.server.arrived.put(body)
        try:
            script = self.server.scripts.get_nowait()
        except Empty:
            script = say(f"ok: {body['messages'][-1]['content'][-60:]}")
        try:
            script(self, body)
        except (BrokenPipeError, ConnectionResetError):
            self.server.hung_up.put(body)
            self.close_connection = True

    def reply(self, status: int, body: bytes, **headers: str) -> None:
        self.send_response(status)
        headers.setdefault("content_type", "application/json")
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), value)
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def begin_stream(self) -> None:
        self.send_response(200)
        self.send_header("content-type", "text/event-stream")
        self.send_header("connection", "close")
        self.end_headers()
        self.close_connection = True

    def event(self, value: Any) -> None:
        data = value if isinstance(value, str) else json.dumps(value)
        self.wfile.write(f"data: {data}\n\n".encode())
        self.wfile.flush()

    def text(self, text: str) -> None:
        self.event({"model": "stub-model", "choices": [{"delta": {"content": text}}]})

    def end_stream(self, finish: str = "stop") -> None:
        self.event({"choices": [{"delta": {}, "finish_reason": finish}]})
        self.event({"choices": [], "usage": {"prompt_tokens": 12, "completion_tokens": 3}})
        self.event("[DONE]")


class ModelServer(ThreadingHTTPServer):
    """Runs on a thread; `url` is what base_url should be."""

    daemon_threads = True
    request_queue_size = 64

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server_address[1]}"
        self.scripts: SimpleQueue[Script] = SimpleQueue()
        self.requests: list[dict[str, Any]] = []
        self.arrived: SimpleQueue[dict[str, Any]] = SimpleQueue()
        self.hung_up: SimpleQueue[dict[str, Any]] = SimpleQueue()
        self.ready_status = 200
        self.key = ""

    def handle_error(self, *_: Any) -> None:
        """A client that hangs up is no news."""


def say(text: str, finish: str = "stop") -> Script:
    """Answer in a stream of two pieces."""

    def script(handler: Handler, _: dict[str, Any]) -> None:
        handler.begin_stream()
        half = len(text) // 2
        for piece in (text[:half], text[half:]):
            if piece:
                handler.text(piece)
        handler.end_stream(finish)

    return script


def status(code: int, **headers: str) -> Script:
    """Answer with an HTTP error."""
    body = json.dumps({"error": {"message": f"scripted {code}"}}).encode()
    return lambda handler, _: handler.reply(code, body, **headers)


def hold(begun: threading.Event, release: threading.Event, text: str = "held") -> Script:
    """Begin to answer, then wait."""

    def script(handler: Handler, _: dict[str, Any]) -> None:
        handler.begin_stream()
        handler.text("begun ")
        begun.set()
        release.wait(WAIT_S)
        handler.text(text)
        handler.end_stream()

    return script


@contextmanager
def model_server() -> Iterator[ModelServer]:
    """A running server."""
    server = ModelServer()
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield server
    finally:
        server.shutdown()
        server.server_close()
        thread.join(WAIT_S)
