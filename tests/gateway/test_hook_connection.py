"""Hook lines on a connection, over a real socket: handed on, answered once, and it ends."""

import json
import socket
from contextlib import asynccontextmanager

import anyio
import pytest
from loguru import logger

from atlas_actors.errors import NotFound
from atlas_actors.gateway.connection import Connection
from atlas_actors.gateway.hook_line import FAILED
from atlas_actors.settings import SocketSettings
from tests.support.trees import WAIT_S

SETTINGS = SocketSettings(
    connections_max=10, line_bytes_max=2_000, in_flight_max=4, idle_s=WAIT_S, line_s=WAIT_S,
    answer_s=WAIT_S,
)  # fmt: skip
HEAD = b"hook\x1fclaude\x1f1000\x1f\x1fStop\x1e"


@asynccontextmanager
async def door(path, on_hook, **more):
    async def answer(call, _):
        return {"pong": call.method}

    async def serve(stream):
        async with stream:
            await Connection(stream, SETTINGS, answer, on_hook, **more).serve()

    async with (
        await anyio.create_unix_listener(path) as listener,
        anyio.create_task_group() as group,
    ):
        group.start_soon(listener.serve, serve)
        yield
        group.cancel_scope.cancel()


async def exchange(path, data):
    """Send, and read until the daemon ends the connection."""
    received = b""
    async with await anyio.connect_unix(path) as stream:
        await stream.send(data)
        with anyio.fail_after(WAIT_S):
            async for piece in stream:
                received += piece
    return received


def asked(tmp_path, data, on_hook=None, **more):
    """What is received for these bytes, and the hooks that were handed on."""
    calls = []

    async def note(call):
        calls.append(call)
        return b"answer"

    async def run():
        async with door(tmp_path / "s", on_hook or note, **more):
            return await exchange(tmp_path / "s", data)

    return anyio.run(run), calls


def test_a_hooks_line_is_handed_on_and_its_answer_framed(tmp_path):
    received, (call,) = asked(tmp_path, HEAD + b'{"a":1}\n')
    assert received == b"6\nanswer"
    assert (call.client, call.event, call.payload) == ("claude", "Stop", {"a": 1})


def test_a_hooks_line_may_be_longer_than_others(tmp_path):
    payload = json.dumps({"a": "x" * 3_000_000}).encode()
    received, (call,) = asked(tmp_path, HEAD + payload + b"\n")
    assert received == b"6\nanswer"
    assert len(call.payload["a"]) == 3_000_000


def test_a_hooks_line_has_its_own_limit(tmp_path):
    received, calls = asked(tmp_path, HEAD + b"x" * 10_000 + b"\n", hook_bytes_max=5_000)
    assert not received[:1].isdigit()
    assert calls == []


def test_calls_keep_their_limit(tmp_path):
    call = b'{"jsonrpc":"2.0","id":1,"method":"m","params":{"a":"' + b"x" * 3_000 + b'"}}\n'
    received, calls = asked(tmp_path, call)
    assert "longer than 2000 bytes" in json.loads(received)["error"]["message"]
    assert calls == []


def test_without_somebody_who_hears_hooks_the_line_is_no_call(tmp_path):
    async def run():
        async with door(tmp_path / "s", None), await anyio.connect_unix(tmp_path / "s") as stream:
            await stream.send(HEAD + b"{}\n")
            with anyio.fail_after(WAIT_S):
                return await stream.receive()

    assert json.loads(anyio.run(run))["error"]["code"] == -32700


@pytest.mark.parametrize(
    "line",
    [HEAD + b"{\n", b"hook\x1f\n", HEAD + b"[" * 50_000 + b"\n"],
    ids=["no JSON", "no head", "too deep, on a thread"],
)
def test_a_bad_line_is_told_that_it_has_no_answer(tmp_path, line):
    received, calls = asked(tmp_path, line)
    assert received == FAILED
    assert calls == []


@pytest.mark.parametrize("error", [NotFound("nobody"), ZeroDivisionError("ours")])
def test_a_failure_is_logged_and_told_as_no_answer(tmp_path, error):
    async def fail(call):
        raise error

    logged = []
    sink = logger.add(lambda message: logged.append(message.record["message"]))
    try:
        received, _ = asked(tmp_path, HEAD + b'{"prompt":"hunter2"}\n', fail)
    finally:
        logger.remove(sink)
    assert received == FAILED
    assert len(logged) == 1
    assert logged[0].startswith("gateway.hook_")


def test_what_follows_a_hooks_line_is_not_served(tmp_path):
    ping = b'{"jsonrpc":"2.0","id":1,"method":"m"}\n'
    received, calls = asked(tmp_path, HEAD + b"{}\n" + ping + HEAD + b"{}\n")
    assert received == b"6\nanswer"
    assert len(calls) == 1


def test_who_has_only_told_is_heard_to_the_end_after_it_has_gone(tmp_path):
    payload = json.dumps({"a": "x" * 100_000}).encode()
    logged, calls = [], []

    async def run():
        heard = anyio.Event()

        async def note(call):
            calls.append(call)
            heard.set()
            return b"answer"

        async with door(tmp_path / "s", note):
            for head in (HEAD, HEAD.replace(b"Stop", b"Stop\x1ftell")):
                with socket.socket(socket.AF_UNIX) as hook:  # gone before anybody reads
                    hook.connect(str(tmp_path / "s"))
                    hook.sendall(head + payload + b"\n")
                with anyio.fail_after(WAIT_S):
                    await heard.wait()
                heard = anyio.Event()

    sink = logger.add(lambda message: logged.append(message.record["message"]))
    try:
        anyio.run(run)
    finally:
        logger.remove(sink)
    assert [call.told for call in calls] == [False, True]
    assert logged == []


def test_what_is_only_told_gets_no_answer(tmp_path):
    received, calls = asked(tmp_path, HEAD.replace(b"Stop", b"Stop\x1ftell") + b"{}\n")
    assert received == b""
    assert len(calls) == 1
