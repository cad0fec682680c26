"""A quick server of the chat protocol for benchmarks; run as a program it prints its port.

/v1 answers at once, /bad/v1 with 500, /slow/v1 after the seconds that are its argument.
"""

import asyncio
import json
import sys

ANSWER = json.dumps(
    {
        "id": "1",
        "object": "chat.completion",
        "created": 1,
        "model": "m",
        "choices": [
            {
                "index": 0,
                "message": {"role": "assistant", "content": "ok"},
                "finish_reason": "stop",
            }
        ],
        "usage": {"prompt_tokens": 3, "completion_tokens": 1, "total_tokens": 4},
    }
).encode()
MODELS = b'{"data": [{"id": "m"}]}'
ERROR = b'{"error": {"message": "scripted"}}'


async def pause(seconds: float) -> None:
    """Let time pass without a task of its own."""
    over = asyncio.get_running_loop().create_future()
    asyncio.get_running_loop().call_later(seconds, over.set_result, None)
    await over


async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, slow_s: float) -> None:
    """One connection, kept alive."""
    try:
        while True:
            head = (await reader.readuntil(b"\r\n\r\n")).lower()
            _, found, rest = head.partition(b"content-length:")
            if found:
                await reader.readexactly(int(rest.split(b"\r\n", 1)[0]))
            path = head.split(b" ", 2)[1]
            status, body = b"200 OK", ANSWER
            if path.endswith(b"/readyz"):
                status, body = b"404 Not Found", b""
            elif path.endswith(b"/models"):
                body = MODELS
            elif path.startswith(b"/bad"):
                status, body = b"500 Internal Server Error", ERROR
            elif path.startswith(b"/slow"):
                await pause(slow_s)
            writer.write(
                b"HTTP/1.1 " + status + b"\r\ncontent-type: application/json\r\n"
                b"content-length: %d\r\n\r\n" % len(body) + body
            )
            await writer.drain()
    except (asyncio.IncompleteReadError, ConnectionError):
        writer.close()


async def main(slow_s: float) -> None:
    """Serve until the standard input ends."""
    server = await asyncio.start_server(
        lambda r, w: handle(r, w, slow_s), "127.0.0.1", 0, backlog=1024
    )
    print(server.sockets[0].getsockname()[1], flush=True)
    await asyncio.get_running_loop().run_in_executor(None, sys.stdin.read)


if __name__ == "__main__":
    asyncio.run(main(float(sys.argv[1])))
