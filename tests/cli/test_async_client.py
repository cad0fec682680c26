"""Calls of the socket from an event loop, against servers that misbehave."""

import json
import socket
import threading
from contextlib import contextmanager

import anyio
import pytest

from atlas_actors.cli import async_client
from atlas_actors.cli.client import NotRunningError
from atlas_actors.errors import AtlasError, Busy, DeadlinePassed
from atlas_actors.home import Home
from tests.support.trees import WAIT_S


@contextmanager
def server_on(home, answer, *, hangs_up=True):
    """A socket that answers one connection with these bytes."""
    over = threading.Event()
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(home.socket()))
        listener.listen()

        def serve():
            with listener.accept()[0] as connection:
                connection.recv(65_536)
                connection.sendall(answer)
                if not hangs_up:
                    over.wait(WAIT_S)

        thread = threading.Thread(target=serve)
        thread.start()
        try:
            yield
        finally:
            over.set()
            thread.join(WAIT_S)


def call(home, timeout_s=WAIT_S):
    async def ask():
        return await async_client.call(home, "system.ping", timeout_s=timeout_s)

    return anyio.run(ask)


def line(**answer):
    return json.dumps({"jsonrpc": "2.0", "id": 1, **answer}).encode() + b"\n"


@pytest.fixture
def home(tmp_path):
    return Home(root=tmp_path)


def test_the_result_is_what_follows_the_notifications(home):
    with server_on(home, line(method="task.state", params={}) + line(result={"x": "é"})):
        assert call(home) == {"x": "é"}


def test_an_error_is_the_error_that_it_is(home):
    error = {"code": -32000, "message": "full", "data": {"retry_after_ms": 7}}
    with server_on(home, line(error=error)), pytest.raises(Busy) as raised:
        call(home)
    assert raised.value.retry_after_ms == 7


@pytest.mark.parametrize("answer", [b"", b'{"half'])
def test_a_daemon_that_hangs_up_is_not_running(home, answer):
    with server_on(home, answer), pytest.raises(NotRunningError, match="hung up"):
        call(home)


def test_a_daemon_that_is_silent_is_given_up(home):
    with server_on(home, b"", hangs_up=False), pytest.raises(DeadlinePassed):
        call(home, timeout_s=0.05)


def test_an_answer_that_is_no_object_is_refused(home):
    with server_on(home, b"[1]\n"), pytest.raises(AtlasError, match="JSON-RPC"):
        call(home)


def test_without_a_daemon_it_says_so(home):
    with pytest.raises(NotRunningError, match="no Atlas daemon runs"):
        call(home)
