"""Connections to one server: used again, one for each call, and none left open."""

import socket
import threading
from contextlib import asynccontextmanager

import anyio
import httpx
import pytest

from atlas_actors.executor import connections
from atlas_actors.executor.connections import Connections
from atlas_actors.executor.http import client_of
from tests.support.clients import open_files
from tests.support.trees import WAIT_S

HEAD = b"HTTP/1.1 200 OK\r\ncontent-length: %d\r\n\r\n"


class Server:
    """Answers each request by its path: /N with N bytes, /hold once `release` is set, /silent
    never, /drop by hanging up, /last once and then hangs up."""

    def __init__(self):
        self.accepted, self.open, self.most_at_once = 0, 0, 0
        self.arrived, self.release = threading.Semaphore(0), threading.Event()
        self._changed = threading.Condition()
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=200)
        self.url = f"http://127.0.0.1:{self._listener.getsockname()[1]}"
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self):
        while True:
            try:
                peer, _ = self._listener.accept()
            except OSError:
                return
            self._count(1)
            threading.Thread(target=self._serve, args=(peer,), daemon=True).start()

    def _count(self, change):
        with self._changed:
            self.accepted += max(0, change)
            self.open += change
            self._changed.notify_all()

    def _serve(self, peer):
        try:
            with peer, peer.makefile("rb") as lines:
                while True:
                    words = lines.readline().split()
                    if not words:
                        return
                    while lines.readline() not in (b"\r\n", b""):
                        pass
                    if not self._answer(peer, words[1].decode()):
                        return
        except OSError:
            return
        finally:
            self._count(-1)

    def _answer(self, peer, path):
        if path == "/drop":
            return False
        if path == "/hold":
            peer.sendall(HEAD % 4 + b"he")
            self.arrived.release()
            self.release.wait(WAIT_S)
            peer.sendall(b"ld")
            return True
        if path == "/silent":
            self.arrived.release()
            return True
        size = 2 if path == "/last" else int(path[1:])
        peer.sendall(HEAD % size + b"x" * size)
        return path != "/last"

    def wait_until_open(self, number):
        """Whether so many connections are open in time."""
        with self._changed:
            return self._changed.wait_for(lambda: self.open <= number, WAIT_S)

    def close(self):
        self.release.set()
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()


@pytest.fixture
def server():
    made = Server()
    yield made
    made.close()


@asynccontextmanager
async def client_for(server):
    client = client_of(server.url, {}, 10.0)
    try:
        with anyio.fail_after(WAIT_S):
            yield client
    finally:
        await client.aclose()


async def until(semaphore, times=1):
    for _ in range(times):
        assert await anyio.to_thread.run_sync(semaphore.acquire, True, WAIT_S)


def test_calls_one_after_the_other_share_a_connection(server):
    async def calls():
        async with client_for(server) as client:
            for size in (1, 0, 100_000, 2):
                assert len((await client.get(f"/{size}")).content) == size

    anyio.run(calls)
    assert server.accepted == 1
    assert server.wait_until_open(0)


def test_calls_at_once_have_a_connection_each(server):
    async def calls():
        async with client_for(server) as client, anyio.create_task_group() as group:
            for _ in range(10):
                group.start_soon(client.get, "/hold")
            await until(server.arrived, 10)
            server.release.set()

    anyio.run(calls)
    assert server.accepted == 10
    assert server.wait_until_open(0)


def test_connections_of_calls_at_once_are_used_again(server):
    async def calls():
        async with client_for(server) as client:
            server.release.set()
            for _ in range(3):
                async with anyio.create_task_group() as group:
                    for _ in range(5):
                        group.start_soon(client.get, "/hold")

    anyio.run(calls)
    assert server.accepted <= 5


def test_only_so_many_are_kept_idle(server, monkeypatch):
    monkeypatch.setattr(connections, "IDLE_MAX", 3)

    async def calls():
        async with client_for(server) as client:
            async with anyio.create_task_group() as group:
                for _ in range(10):
                    group.start_soon(client.get, "/hold")
                await until(server.arrived, 10)
                server.release.set()
            assert await anyio.to_thread.run_sync(server.wait_until_open, 3)
            assert server.open == 3

    anyio.run(calls)
    assert server.wait_until_open(0)


def test_a_call_that_failed_leaves_no_connection(server):
    async def calls():
        async with client_for(server) as client:
            for _ in range(3):
                with pytest.raises(httpx.RemoteProtocolError):
                    await client.get("/drop")
            assert (await client.get("/1")).content == b"x"

    anyio.run(calls)
    assert server.accepted == 4
    assert server.wait_until_open(0)


def test_a_server_that_hung_up_on_an_idle_connection_is_called_anew(server):
    async def calls():
        async with client_for(server) as client:
            for _ in range(3):
                assert (await client.get("/last")).content == b"xx"
                assert await anyio.to_thread.run_sync(server.wait_until_open, 0)

    anyio.run(calls)
    assert server.accepted == 3


@pytest.mark.parametrize("path", ["/hold", "/silent"])
def test_a_cancelled_call_closes_its_connection(server, path):
    async def calls():
        async with client_for(server) as client:
            await client.get("/1")
            for _ in range(3):
                async with anyio.create_task_group() as group:
                    group.start_soon(client.get, path)
                    await until(server.arrived)
                    group.cancel_scope.cancel()
            server.release.set()
            assert await anyio.to_thread.run_sync(server.wait_until_open, 0)
            assert (await client.get("/1")).content == b"x"

    anyio.run(calls)


def test_an_answer_that_is_not_read_to_its_end_does_not_spoil_the_next(server):
    async def calls():
        async with client_for(server) as client:
            for _ in range(3):
                async with client.stream("GET", "/5000000") as response:
                    assert response.status_code == 200
                assert (await client.get("/3")).content == b"xxx"

    anyio.run(calls)
    assert server.wait_until_open(0)


def test_an_answer_that_outlives_its_client_closes_its_connection(server):
    async def calls():
        client = client_of(server.url, {}, 10.0)
        with anyio.fail_after(WAIT_S):
            response = await client.send(client.build_request("GET", "/hold"), stream=True)
            await until(server.arrived)
            await client.aclose()
            server.release.set()
            assert await response.aread() == b"held"
            await response.aclose()
            assert await anyio.to_thread.run_sync(server.wait_until_open, 0)

    anyio.run(calls)


def test_nobody_there_leaves_nothing_behind():
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{taken.getsockname()[1]}"

        async def calls():
            client = client_of(url, {}, 10.0)
            before = open_files()
            for _ in range(5):
                with pytest.raises(httpx.ConnectError):
                    await client.get("/1")
            assert open_files() <= before
            await client.aclose()

        anyio.run(calls)


class Made(httpx.AsyncBaseTransport):
    """A connection that fails or answers, and knows whether it is closed."""

    def __init__(self, error=None):
        self.error, self.closed = error, 0

    async def handle_async_request(self, request):
        if self.error is not None:
            raise self.error
        return httpx.Response(200, stream=Body())

    async def aclose(self):
        self.closed += 1


class Body(httpx.AsyncByteStream):
    async def __aiter__(self):
        yield b"a"


def test_the_connection_that_was_used_last_is_taken_first():
    made = []

    def make():
        made.append(Made())
        return made[-1]

    async def calls():
        pool = Connections(make)
        request = httpx.Request("GET", "http://h/")
        first = await pool.handle_async_request(request)
        second = await pool.handle_async_request(request)
        await second.aclose()
        await first.aclose()
        again = await pool.handle_async_request(request)
        assert pool._idle == [made[1]]
        await again.aclose()
        await pool.aclose()

    anyio.run(calls)
    assert [connection.closed for connection in made] == [1, 1]


@pytest.mark.parametrize("error", [httpx.ConnectError("no"), OSError("no"), KeyboardInterrupt()])
def test_a_connection_is_closed_by_any_failure(error):
    made = Made(error)

    async def call():
        pool = Connections(lambda: made)
        with pytest.raises(type(error)):
            await pool.handle_async_request(httpx.Request("GET", "http://h/"))
        assert pool._idle == []

    anyio.run(call)
    assert made.closed == 1
