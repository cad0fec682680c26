"""A model server in a process of its own that writes each call down before it answers.

usage: python -m tests.support.ledger_server LEDGER SLOWEST_S     prints its port

It speaks the OpenAI chat protocol. The key between [[ and ]] in the prompt names the call. An
answer takes up to SLOWEST_S seconds, so that a kill finds calls under way.
"""

import asyncio
import json
import random
import re
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.support.fast_server import ANSWER, MODELS, pause
from tests.support.ledger import Ledger

KEY = re.compile(r"\[\[(\S+?)\]\]")
OF_A_PROMPT = "Summarise [[{}]]"


async def _serve_one(
    reader: asyncio.StreamReader, writer: asyncio.StreamWriter, ledger: Ledger, slowest_s: float
) -> None:
    """One connection, kept alive until the daemon hangs up or dies."""
    try:
        while True:
            head = (await reader.readuntil(b"\r\n\r\n")).lower()
            _, found, rest = head.partition(b"content-length:")
            asked = await reader.readexactly(int(rest.split(b"\r\n", 1)[0])) if found else b""
            status, body = b"404 Not Found", b""
            if asked:
                prompt = json.loads(asked)["messages"][-1]["content"]
                named = KEY.search(prompt)
                ledger.write("call", named[1] if named else "unnamed")
                await pause(random.random() * slowest_s)
                status, body = b"200 OK", ANSWER
            elif head.split(b" ", 2)[1].endswith(b"/models"):
                status, body = b"200 OK", MODELS
            writer.write(
                b"HTTP/1.1 " + status + b"\r\ncontent-type: application/json\r\n"
                b"content-length: %d\r\n\r\n" % len(body) + body
            )
            await writer.drain()
    except (asyncio.IncompleteReadError, ConnectionError):
        writer.close()


async def _main(file: str, slowest_s: float) -> None:
    ledger = Ledger(Path(file))
    server = await asyncio.start_server(
        lambda r, w: _serve_one(r, w, ledger, slowest_s), "127.0.0.1", 0, backlog=1024
    )
    print(server.sockets[0].getsockname()[1], flush=True)
    await asyncio.get_running_loop().run_in_executor(None, sys.stdin.read)


@contextmanager
def ledger_server(file: Path, slowest_s: float = 0.05) -> Iterator[str]:
    """A running one; gives what base_url should be."""
    process = subprocess.Popen(
        [sys.executable, "-m", "tests.support.ledger_server", str(file), str(slowest_s)],
        cwd=Path(__file__).parents[2],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    assert process.stdin
    assert process.stdout
    try:
        yield f"http://127.0.0.1:{int(process.stdout.readline())}"
    finally:
        process.stdin.close()
        process.stdout.close()
        process.wait(30)


if __name__ == "__main__":
    asyncio.run(_main(sys.argv[1], float(sys.argv[2])))
