"""Faults of disk, mail and providers in the whole tree: nothing accepted is stuck or lost."""

import contextlib
import json
import socket
import threading
from queue import SimpleQueue

import apsw
import pytest

from atlas_actors import store_actor
from atlas_actors.errors import AtlasError, Busy
from tests.support.daemons import lines
from tests.support.houses import house_on
from tests.support.model_server import hold, model_server, status
from tests.support.trees import WAIT_S

pytestmark = pytest.mark.slow


@pytest.fixture
def server():
    with model_server() as running:
        yield running


@pytest.fixture
def house(server, tmp_path, monkeypatch):
    monkeypatch.setattr("atlas_actors.store.BUSY_TIMEOUT_MS", 50)
    monkeypatch.setattr("atlas_actors.store_actor.TELL_AGAIN_S", 0.05)
    with house_on(tmp_path, ATLAS_PROVIDERS_LOCALAI_BASE_URL=server.url) as built:
        yield built


def submit(house, **fields):
    return house.call("task.submit", prompt=fields.pop("prompt", "Summarise"), **fields)["id"]


def ended(house, id):
    return house.call("task.wait", id=id, timeout_ms=int(WAIT_S * 1000))


class Locked:
    """Another program holds the write lock of a room's file."""

    def __init__(self, path):
        self.connection = apsw.Connection(str(path))

    def __enter__(self):
        self.connection.set_busy_timeout(10_000)
        self.connection.execute("begin immediate").fetchall()

    def __exit__(self, *_):
        self.connection.execute("rollback").fetchall()
        self.connection.close()


@pytest.mark.parametrize("room", ["tasks", "orchestrator", "router", "outcomes"])
def test_a_file_that_is_locked_while_an_attempt_ends_costs_neither_answer_nor_slot(
    house, server, tmp_path, room, monkeypatch
):
    refusals = SimpleQueue()
    plain = store_actor.refused
    monkeypatch.setattr(
        store_actor, "refused", lambda path, e: refusals.put(path.name) or plain(path, e)
    )
    begun, release = threading.Event(), threading.Event()
    server.scripts.put(hold(begun, release, "the answer"))
    first = submit(house)
    assert begun.wait(WAIT_S)
    with Locked(tmp_path / "state" / f"{room}.db"):
        release.set()
        if room in ("tasks", "orchestrator"):  # the others have nothing to write by then
            assert refusals.get(timeout=WAIT_S) == f"{room}.db"
    task = ended(house, first)
    assert (task["state"], task["result"]) == ("completed", "begun the answer")
    assert len(task["attempts"]) == 1
    assert ended(house, submit(house))["state"] == "completed"


def test_a_submission_that_the_disk_refuses_is_an_error_and_not_accepted(house, tmp_path):
    with Locked(tmp_path / "state" / "tasks.db"), pytest.raises(AtlasError, match="cannot be"):
        submit(house)
    assert house.call("task.list")["tasks"] == []
    assert ended(house, submit(house))["state"] == "completed"


def test_a_file_that_is_locked_at_the_start_parks_its_room_and_is_tried_again(
    server, tmp_path, monkeypatch
):
    monkeypatch.setattr("atlas_actors.store.BUSY_TIMEOUT_MS", 50)
    url = {"ATLAS_PROVIDERS_LOCALAI_BASE_URL": server.url}
    with house_on(tmp_path, **url) as house:
        done = submit(house)
        ended(house, done)
    with Locked(tmp_path / "state" / "tasks.db"):
        house = house_on(tmp_path, **url)
        with house as running:
            assert running.cell("work/tasks").state == "parked"
            with pytest.raises(AtlasError, match="cannot be written"):
                submit(running)
    with house_on(tmp_path, **url) as again:
        assert again.call("task.get", id=done)["state"] == "completed"
        assert ended(again, submit(again))["state"] == "completed"


def test_damage_that_shows_only_in_use_is_found_at_the_next_start_of_the_room(house, tmp_path):
    for _ in range(5):
        ended(house, submit(house, prompt="Summarise " + "x" * 3000))
    path = tmp_path / "state" / "tasks.db"
    house.tree.stop()
    size = path.stat().st_size
    with path.open("r+b") as file:
        for page in range(2, size // 4096):
            file.seek(page * 4096)
            file.write(b"\xff" * 4096)
    with house_on(tmp_path) as again:
        again.until(lambda: again.cell("work/tasks").state == "running")
        house_again = again.call("system.status")
        reasons = {part["part"]: part["reason"] for part in house_again["degraded"]}
        assert "corrupt and set aside" in reasons["tasks"]
        assert submit(again)


def test_an_attempt_whose_executor_parks_before_it_takes_it_is_tried_again(house, server):
    executor = house.cell("executors/executor.localai")
    executor.set_state("parked", reason="hurt by a test")  # orchestrator and tasks do not know
    first = submit(house)
    house.until(lambda: any(one["end"] for one in house.call("task.get", id=first)["attempts"]))
    executor.set_state("running")
    task = ended(house, first)
    assert task["state"] == "completed"
    assert "hurt by a test" in task["attempts"][0]["error"]
    assert ended(house, submit(house))["state"] == "completed"


def test_rooms_full_of_a_clients_mail_still_hear_each_other(house, server):
    for path in ("work/tasks", "work/orchestrator", "executors/executor.localai"):
        house.cell(path).mailbox.bound = 0  # what clients may put
    house.cell("work/tasks").mailbox.bound = 1
    id = None
    while id is None:  # a client is refused while a room's own mail fills the one place
        with contextlib.suppress(Busy):
            id = submit(house)
    assert ended(house, id)["state"] == "completed"


def test_a_task_that_always_times_out_fails_after_its_attempts(server, tmp_path):
    release = threading.Event()
    for _ in range(5):
        server.scripts.put(hold(threading.Event(), release))
    settings = {
        "ATLAS_PROVIDERS_LOCALAI_BASE_URL": server.url,
        "ATLAS_PROVIDERS_LOCALAI_DEADLINE_S": 0.2,
        "ATLAS_TASKS_ATTEMPTS_MAX": 2,
    }
    with house_on(tmp_path, **settings) as house:
        task = ended(house, submit(house))
        assert task["state"] == "failed"
        assert [attempt["end"] for attempt in task["attempts"]] == ["timed_out"] * 2
        release.set()


def test_a_server_that_says_busy_many_times_does_not_fail_a_task(server, tmp_path):
    settings = {
        "ATLAS_PROVIDERS_LOCALAI_BASE_URL": server.url,
        "ATLAS_PROVIDERS_LOCALAI_BREAKER_S": 0.1,
        "ATLAS_TASKS_ATTEMPTS_MAX": 2,
        "ATLAS_TASKS_INTERRUPTIONS_MAX": 2,
    }
    for _ in range(5):
        server.scripts.put(status(503, retry_after="0"))
    with house_on(tmp_path, **settings) as house:
        task = ended(house, submit(house))
    assert task["state"] == "completed"
    assert [attempt["end"] for attempt in task["attempts"]] == [*["busy"] * 5, "answered"]


def test_one_bad_answer_does_not_cut_the_providers_other_attempts(server, tmp_path):
    begun, release = threading.Event(), threading.Event()
    server.scripts.put(hold(begun, release))
    settings = {
        "ATLAS_PROVIDERS_LOCALAI_BASE_URL": server.url,
        "ATLAS_PROVIDERS_LOCALAI_SLOTS": 2,
    }
    with house_on(tmp_path, **settings) as house:
        first = submit(house)
        assert begun.wait(WAIT_S)
        server.scripts.put(status(500))
        other = submit(house, prompt="Summarise that")  # the same would share the first's answer
        assert ended(house, other)["state"] == "completed"
        release.set()
        assert len(ended(house, first)["attempts"]) == 1


def strange(**usage):
    def script(handler, _):
        handler.begin_stream()
        handler.event('{"choices":[{"delta":{"content":"smile \\ud83d"}}]}')
        handler.event('{"choices":[{"delta":{"content":"\\ude00 and \\ud800"}}]}')
        handler.event({"choices": [{"delta": {}, "finish_reason": "stop"}]})
        handler.event({"model": "m\ud800" * 500, "choices": [], "usage": usage})
        handler.event("[DONE]")

    return script


def test_numbers_and_texts_that_nothing_can_hold_do_not_hurt_the_rooms(house, server):
    server.scripts.put(strange(prompt_tokens=10**30, completion_tokens=-5))
    task = ended(house, submit(house))
    assert (task["state"], task["result"]) == ("completed", "smile \U0001f600 and \ufffd")
    assert task["attempts"][0]["tokens"]["input"] == 2**53 - 1
    assert all(cell.restarts == 0 for cell in house.tree.directory)


LINES = [
    b'{"jsonrpc":"2.0","id":"\\ud800","method":"x"}',
    b'{"jsonrpc":"2.0","id":1,"method":"task.submit","params":{"prompt":"\\ud800"}}',
    b'{"jsonrpc":"2.0","id":1,"method":"task.submit","params":{"prompt":"x","schema":'
    b'{"const":1e999}}}',
    b'{"jsonrpc":"2.0","id":1,"method":"outcome.record","params":{"action":"a","kind":"task",'
    b'"result":"success","context":{"intent":[1]}}}',
    b'{"jsonrpc":"2.0","id":1,"method":"outcome.record","params":{"action":"a","kind":"task",'
    b'"result":"success","context":{"model":' + b"9" * 40 + b"}}}",
    b'{"jsonrpc":"2.0","id":1,"method":"task.submit","params":{"prompt":"x","at_ms":'
    + b"9" * 40
    + b"}}",
    b'{"jsonrpc":"2.0","id":' + b"9" * 5000 + b',"method":"system.ping"}',
]


@pytest.mark.parametrize("line", LINES)
def test_no_line_of_a_client_crashes_an_actor(house, line):
    with socket.socket(socket.AF_UNIX) as connection:
        connection.settimeout(WAIT_S)
        connection.connect(str(house.home.socket()))
        connection.sendall(line + b'\n{"jsonrpc":"2.0","id":7,"method":"system.ping"}\n')
        data = b""
        while data.count(b"\n") < 2:
            data += connection.recv(65536)
    answers = lines(data)
    assert answers[0]["error"]["code"] in (-32700, -32602, -32600)
    assert answers[1]["result"]
    house.call("task.list")
    assert all(cell.restarts == 0 for cell in house.tree.directory), json.dumps(answers)
