"""Starts MCP servers and speaks with them, as a process: what they do to it, they do to it alone.

usage: host.py '{"mark": …, "parallel": …}', jobs as JSON lines on stdin:
{"do": "look", "id", "server", "timeout_s"}, {"do": "stay", …, "every_s"}.
It answers in JSON lines with the job's id: {"what": "looked" | "up" | "down", …}. When stdin ends,
also with the daemon's death, it ends everything that it has started and then itself.
"""

import contextlib
import json
import logging
import os
import sys
import threading
from pathlib import Path
from typing import Any, Final

if __name__ == "__main__":  # run with -I: nothing of the person's directory is importable
    sys.path.insert(0, str(Path(__file__).parents[2]))

import anyio

from atlas_actors.mcp import strays
from atlas_actors.mcp.visit import Visit
from atlas_actors.orphans import end_marked

END_S: Final = 10.0  # for servers that will not end


class Host:
    """The jobs of one daemon's host."""

    def __init__(self, mark: str, parallel: int) -> None:
        self._mark = mark
        self._limit = anyio.CapacityLimiter(parallel)
        self._count = 0

    async def serve(self) -> None:
        """Until stdin ends."""
        async with anyio.create_task_group() as group:
            async for line in anyio.wrap_file(sys.stdin):
                job = json.loads(line)
                match job["do"]:
                    case "look":
                        group.start_soon(self._look, job)
                    case "stay":
                        group.start_soon(self._stay, job)
            threading.Timer(END_S, _give_up, (self._mark,)).start()
            group.cancel_scope.cancel()

    def _visit(self, job: dict[str, Any]) -> Visit:
        self._count += 1
        return Visit(job["server"], f"{self._mark}/{self._count}", job["timeout_s"])

    async def _look(self, job: dict[str, Any]) -> None:
        async with self._limit:
            found = await self._visit(job).look()
        _say({"id": job["id"], "what": "looked", **found})

    async def _stay(self, job: dict[str, Any]) -> None:
        async def up(found: dict[str, Any]) -> None:
            _say({"id": job["id"], "what": "up", **found})

        found = await self._visit(job).stay(job["every_s"], up)
        _say({"id": job["id"], "what": "down", **found})


def _say(value: dict[str, Any]) -> None:
    sys.stdout.write(json.dumps(value) + "\n")
    with contextlib.suppress(BrokenPipeError):  # the daemon is gone, and stdin says so
        sys.stdout.flush()


def _give_up(mark: str) -> None:
    """What has not ended by itself is ended, we with it."""
    end_marked(mark)
    strays.end_descendants()
    os._exit(1)


def main() -> None:
    """Serve one daemon."""
    settings = json.loads(sys.argv[1])
    logging.disable(logging.CRITICAL)  # a server's garbage would be logged with a trace a line
    strays.adopt_orphans()
    sys.stdin.reconfigure(encoding="utf-8")  # type: ignore[union-attr]
    anyio.run(Host(settings["mark"], settings["parallel"]).serve)
    strays.end_descendants()
    os._exit(0)  # threads that read for a server that is gone are not waited for


if __name__ == "__main__":
    main()
