"""Stands in for the host process of MCP servers: a server's command says what is said of it.

up: it answers, and stays; once: it answers, then it ends; down: it fails; die: the host ends; a
word of any other kind is never answered.
"""

import json
import sys

UP = {
    "ok": True, "stage": "done", "kind": "", "error": "", "status": None, "initialize_ms": 10.0,
    "tools_ms": 2.0, "ping_ms": 1.0, "took_ms": 15.0, "tools": 2, "tool_names": ["a", "b"],
    "protocol_version": "2025-06-18", "server_name": "fake", "server_version": "1",
}  # fmt: skip
DOWN = {"ok": False, "stage": "initialize", "kind": "ended", "error": "it ended", "status": None}


def say(id, what, about):
    sys.stdout.write(json.dumps({"id": id, "what": what, **about}) + "\n")
    sys.stdout.flush()


def main():
    for line in sys.stdin:
        job = json.loads(line)
        id, stays, command = job["id"], job["do"] == "stay", job["server"]["command"]
        if command == "die":
            sys.exit(3)
        if command in ("up", "once"):
            say(id, "up" if stays else "looked", UP)
        if command == "down" or (command == "once" and stays):
            say(id, "down" if stays else "looked", DOWN)


if __name__ == "__main__":
    main()
