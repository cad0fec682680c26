"""Stands where embedded_server.py would: the same words on stdin and stdout, no model.

It answers GET /v1/models and streams "embedded: " and the prompt's end. A prompt with "die now"
ends the process; a model file that begins with "GGUFbroken" keeps it from starting.
"""

import json
import os
import socketserver
import sys
import threading
from http.server import BaseHTTPRequestHandler
from pathlib import Path

settings = json.loads(sys.argv[1])
key = sys.stdin.buffer.readline().decode().strip()
if Path(settings["model"]).read_bytes().startswith(b"GGUFbroken"):
    sys.exit("the model is broken")


class Handler(BaseHTTPRequestHandler):
    def address_string(self) -> str:
        return "unix"

    def log_message(self, *_: object) -> None:
        return

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["content-length"])))
        if self.headers["authorization"] != f"Bearer {key}":
            self.send_response(401)
            self.end_headers()
            return
        prompt = body["messages"][-1]["content"]
        if "die now" in prompt:
            os._exit(9)
        self.send_response(200)
        self.send_header("content-type", "text/event-stream")
        self.end_headers()
        text = f"embedded: {prompt[-40:]}"
        for event in (
            {"choices": [{"delta": {"content": text}}]},
            {"choices": [{"delta": {}, "finish_reason": "stop"}]},
        ):
            self.wfile.write(f"data: {json.dumps(event)}\n\n".encode())
        self.wfile.write(b"data: [DONE]\n\n")


class Server(socketserver.ThreadingMixIn, socketserver.UnixStreamServer):
    daemon_threads = True


def end_with_stdin() -> None:
    while os.read(0, 1):
        pass
    os._exit(0)


server = Server(settings["socket"], Handler)
threading.Thread(target=end_with_stdin, daemon=True).start()
print("LISTEN", settings["socket"], flush=True)
server.serve_forever()
