"""The socket against rude clients: every limit has an error, and good clients are served."""

import json
import os
import socket
import stat

import pytest

from tests.support.daemons import daemon_on, lines
from tests.support.trees import WAIT_S

pytestmark = [pytest.mark.end_to_end, pytest.mark.slow]


@pytest.fixture(scope="module")
def daemon(tmp_path_factory):
    limits = {
        "ATLAS_SOCKET_CONNECTIONS_MAX": 20,
        "ATLAS_SOCKET_LINE_S": 0.3,
        "ATLAS_SOCKET_IDLE_S": 1,
        "ATLAS_SOCKET_IN_FLIGHT_MAX": 4,
    }
    with daemon_on(tmp_path_factory.mktemp("door") / "home", **limits) as running:
        yield running


def connect(daemon):
    connection = socket.socket(socket.AF_UNIX)
    connection.settimeout(WAIT_S)
    connection.connect(str(daemon.home.socket()))
    return connection


def read_all(connection):
    data = b""
    while chunk := connection.recv(65536):
        data += chunk
    return lines(data)


def read_lines(connection, count):
    data = b""
    while data.count(b"\n") < count:
        data += connection.recv(65536)
    return lines(data)


PING = b'{"jsonrpc":"2.0","id":1,"method":"system.ping"}\n'


def test_only_the_owner_can_reach_the_socket(daemon):
    assert stat.S_IMODE(daemon.home.socket().stat().st_mode) == 0o600
    assert stat.S_IMODE(daemon.home.root.stat().st_mode) == 0o700
    for database in daemon.home.state.glob("*.db"):
        assert stat.S_IMODE(database.stat().st_mode) == 0o600


def test_bad_lines_are_answered_and_the_connection_goes_on(daemon):
    with connect(daemon) as connection:
        connection.sendall(b"\xff\n[]\nnot json\n\n" + PING)
        codes = [answer.get("error", {}).get("code") for answer in read_lines(connection, 4)]
        assert codes == [-32700, -32600, -32700, None]


def test_a_line_that_is_too_long_is_refused_by_name_and_closed(daemon):
    with connect(daemon) as connection:
        connection.sendall(b'{"a":"' + b"x" * 3_000_000)
        (answer,) = read_all(connection)
        assert "longer than 1048576 bytes" in answer["error"]["message"]


def test_a_line_that_drips_is_refused_after_its_time(daemon):
    with connect(daemon) as connection:
        connection.sendall(b'{"jsonrpc"')
        (answer,) = read_all(connection)
        assert "not complete after 0.3 s" in answer["error"]["message"]


def test_a_silent_connection_is_told_and_closed(daemon):
    with connect(daemon) as connection:
        (answer,) = read_all(connection)
        assert "nothing was sent for 1 s" in answer["error"]["message"]


def test_more_connections_than_the_limit_are_told_so(daemon):
    crowd = [connect(daemon) for _ in range(20)]
    for connection in crowd:
        connection.sendall(PING)
        read_lines(connection, 1)
    with connect(daemon) as one_more:
        (answer,) = read_all(one_more)
        assert answer["error"]["code"] == -32000
    for connection in crowd:
        connection.close()


def test_more_requests_in_flight_than_the_limit_are_told_so(daemon):
    id = daemon.call("task.submit", prompt="waits for ever")["id"]
    wait = json.dumps(
        {"jsonrpc": "2.0", "id": 5, "method": "task.wait", "params": {"id": id, "timeout_ms": 900}}
    ).encode()
    with connect(daemon) as connection:
        connection.sendall((wait + b"\n") * 6)
        answers = read_lines(connection, 6)
        busy = [answer for answer in answers if answer.get("error", {}).get("code") == -32000]
        assert len(busy) == 2
        assert busy[0]["error"]["data"]["retry_after_ms"] > 0


def test_a_client_that_only_shuts_its_writing_side_still_gets_its_answer(daemon):
    with connect(daemon) as connection:
        connection.sendall(PING)
        connection.shutdown(socket.SHUT_WR)
        (answer,) = read_all(connection)
        assert answer["result"]["pid"] == daemon.process.pid


def test_a_client_that_dies_before_its_answer_harms_nobody(daemon):
    for _ in range(50):
        connection = connect(daemon)
        connection.sendall(PING * 3)
        connection.close()
    assert daemon.call("system.ping")["pid"] == daemon.process.pid
    assert daemon.tree()["atlas/door/gateway"]["restarts"] == 0


def test_ten_thousand_pipelined_requests_are_all_answered(daemon):
    with connect(daemon) as connection:
        connection.settimeout(None)
        pid = os.fork()
        if pid == 0:
            connection.sendall(PING * 10_000)
            os._exit(0)
        answers = read_lines(connection, 10_000)
        os.waitpid(pid, 0)
        assert len(answers) == 10_000
        assert all("result" in one or one["error"]["code"] == -32000 for one in answers)
