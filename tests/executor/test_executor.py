"""The executor against a scripted server: every fault ends the attempt in the closed set."""

import socket
import threading

import attrs
import pytest

from atlas_actors.errors import Unavailable
from atlas_actors.executor import actor
from atlas_actors.messages import paths
from atlas_actors.messages.execution import (
    AnswerGrew,
    AttemptAccepted,
    AttemptEnded,
    CancelAttempt,
    End,
    ExecutorReported,
    Fault,
    ReportExecutor,
    Usage,
)
from atlas_actors.settings import ProviderSettings
from supervisors.requests import ListChildren
from tests.support.executors import House
from tests.support.model_server import hold, model_server, say, status
from tests.support.trees import WAIT_S


def settings(url, **changes):
    return ProviderSettings(name="x", transport="openai-chat", tier="free", base_url=url, **changes)


@pytest.fixture
def server():
    with model_server() as running:
        yield running


@pytest.fixture
def house(server, tmp_path):
    built = House(tmp_path, settings(server.url))
    yield built
    built.tree.stop()


def test_an_answer_comes_whole_with_its_tokens_and_in_pieces_as_it_is_written(house, server):
    server.scripts.put(say("four"))
    ended = house.ended(prompt="2 + 2?")
    assert (ended.end, ended.answer, ended.finish) == (End.ANSWERED, "four", "stop")
    assert (ended.model, ended.transport) == ("stub-model", "openai-chat")
    assert ended.usage == Usage(input=12, output=3)
    pieces = [house.hear(AnswerGrew, "gateway").text for _ in range(2)]
    assert pieces == ["fo", "ur"]
    assert server.requests[0]["messages"][-1]["content"] == "2 + 2?"


def test_an_attempt_is_accepted_before_it_ends(house):
    house.run()
    assert isinstance(house.hear(AttemptAccepted | AttemptEnded), AttemptAccepted)


@pytest.mark.parametrize("stream", [True, False])
def test_a_server_that_cannot_stream_is_asked_for_the_whole(server, tmp_path, stream):
    house = House(tmp_path, settings(server.url, stream=stream))
    house.ended()
    assert server.requests[0]["stream"] is stream
    house.tree.stop()


def test_a_schema_is_passed_on(house, server):
    house.ended(schema={"type": "object"})
    assert server.requests[0]["response_format"]["type"] == "json_schema"


def cut(handler, _):
    handler.begin_stream()
    handler.text("half an ans")


def html(handler, _):
    handler.reply(200, b"<html>hello</html>", content_type="text/html")


def endless_line(handler, _):
    handler.begin_stream()
    for _ in range(40):
        handler.wfile.write(b"x" * 65_536)


def bomb(handler, _):
    handler.reply(200, b"\x1f\x8b", content_encoding="gzip")


@pytest.mark.parametrize(
    ("script", "end", "fault", "says"),
    [
        (status(400), End.REFUSED, Fault.REQUEST, "scripted 400"),
        (status(401), End.REFUSED, Fault.KEY, "HTTP 401"),
        (status(429, retry_after="7"), End.BUSY, Fault.RATE, "HTTP 429"),
        (status(500), End.UNREACHABLE, Fault.SERVER, "HTTP 500"),
        (status(503), End.BUSY, Fault.RATE, "HTTP 503"),
        (status(302, location="http://127.0.0.1:9/"), End.REFUSED, Fault.REQUEST, "HTTP 302"),
        (cut, End.UNREACHABLE, Fault.SERVER, "cut off"),
        (html, End.UNREACHABLE, Fault.SERVER, "did not send JSON"),
        (endless_line, End.UNREACHABLE, Fault.SERVER, "a line is longer"),
        (bomb, End.UNREACHABLE, Fault.SERVER, "compressed"),
    ],
)  # fmt: skip
def test_f14_every_fault_of_a_server_ends_the_attempt_by_name(
    house, server, script, end, fault, says
):
    server.scripts.put(script)
    ended = house.ended()
    assert (ended.end, ended.fault) == (end, fault)
    assert says in ended.error
    assert house.ended(attempt=2).end is End.ANSWERED


def test_a_time_to_wait_is_passed_on(house, server):
    server.scripts.put(status(429, retry_after="7"))
    assert house.ended().retry_after_ms == 7_000


def test_an_attempt_past_its_deadline_is_timed_out_and_hung_up(house, server):
    begun, release = threading.Event(), threading.Event()
    server.scripts.put(hold(begun, release))
    assert house.ended(deadline_s=0.2).end is End.TIMED_OUT
    release.set()


def test_s52_a_cancelled_attempt_ends_at_once(house, server):
    begun, release = threading.Event(), threading.Event()
    server.scripts.put(hold(begun, release))
    house.run()
    begun.wait(WAIT_S)
    house.tree.directory.ref(paths.executor("x")).tell(CancelAttempt(task_id="t", attempt=1))
    assert house.hear(AttemptEnded).end is End.CANCELLED
    release.set()


def test_s52_attempts_beyond_the_slots_wait_in_line_in_order(server, tmp_path):
    house = House(tmp_path, settings(server.url, slots=1))
    begun, release = threading.Event(), threading.Event()
    server.scripts.put(hold(begun, release))
    house.run("first", attempt=1)
    house.run("second", attempt=2)
    begun.wait(WAIT_S)
    assert len(server.requests) == 1
    release.set()
    # How one ended may be told a little before the other: their texts are redacted on threads.
    assert {house.hear(AttemptEnded).started.attempt for _ in range(2)} == {1, 2}
    assert [request["messages"][-1]["content"] for request in server.requests] == [
        "first",
        "second",
    ]
    house.tree.stop()


def test_stopping_does_not_wait_for_a_running_answer(house, server):
    begun, release = threading.Event(), threading.Event()
    server.scripts.put(hold(begun, release))
    house.run()
    begun.wait(WAIT_S)
    cell = house.tree.directory.ref(paths.executor("x")).cell
    house.tree.stop()
    assert cell.last_failure == ""
    release.set()


@pytest.mark.parametrize(
    ("ready", "key", "says"),
    [
        (503, "", "still starting"),
        (200, "secret", "does not accept the key"),
    ],
)
def test_a_server_that_is_not_ready_parks_the_executor_with_a_reason(
    server, tmp_path, ready, key, says
):
    server.ready_status, server.key = ready, key
    house = House(tmp_path, settings(server.url))
    with pytest.raises(Unavailable, match=says):
        house.tree.directory.ref(paths.executor("x")).tell(CancelAttempt(task_id="t", attempt=1))
    house.tree.stop()


def test_a_server_that_is_not_there_parks_the_executor(tmp_path):
    house = House(tmp_path, settings("http://127.0.0.1:9"))
    assert house.tree.directory.ref("atlas/executors").ask(ListChildren()) == [
        ("executor.x", "parked", 1)
    ]
    house.tree.stop()


def test_a_key_is_taken_from_its_variable(server, tmp_path, monkeypatch):
    server.key = "k"
    monkeypatch.setenv("STUB_KEY", "k")
    house = House(tmp_path, settings(server.url, key_env="STUB_KEY"))
    assert house.ended().end is End.ANSWERED
    house.tree.stop()


def test_a_server_that_goes_away_parks_the_executor_after_the_attempt(server, tmp_path):
    house = House(tmp_path, settings(server.url))

    def vanish(handler, _):
        server.ready_status = 503
        handler.connection.shutdown(socket.SHUT_RDWR)

    begun, release = threading.Event(), threading.Event()
    server.scripts.put(hold(begun, release))
    house.run(attempt=1)
    begun.wait(WAIT_S)
    server.scripts.put(vanish)
    assert house.ended(attempt=2).end is End.UNREACHABLE
    # It takes no more, and says why; what it has is not cut.
    while (report := house.hear(ExecutorReported)).state != "starting":
        pass
    assert "is not ready" in report.note
    assert report.in_flight == (("t", 1),)
    cell = house.tree.directory.ref(paths.executor("x")).cell
    assert (cell.state, cell.incarnation) == ("running", 1)
    release.set()
    assert house.hear(AttemptEnded).end is End.ANSWERED
    # Its next life finds no server.
    while cell.state != "parked":
        house.tree.directory.ref("atlas/executors").ask(ListChildren())
    assert "is not ready" in cell.reason
    assert cell.incarnation == 2
    house.tree.stop()


def test_it_reports_again_and_again_while_it_has_attempts_in_flight(server, tmp_path, monkeypatch):
    monkeypatch.setattr(actor, "BEAT_S", 0.01)
    house = House(tmp_path, settings(server.url))
    begun, release = threading.Event(), threading.Event()
    server.scripts.put(hold(begun, release))
    house.run()
    begun.wait(WAIT_S)
    beats = [house.hear(ExecutorReported) for _ in range(5)]
    assert beats[-1].in_flight == (("t", 1),)
    release.set()
    while house.hear(ExecutorReported).in_flight:
        pass
    house.tree.stop()


def test_a_report_names_the_attempts_in_flight(house, server):
    begun, release = threading.Event(), threading.Event()
    server.scripts.put(hold(begun, release))
    house.run()
    begun.wait(WAIT_S)
    house.tree.directory.ref(paths.executor("x")).tell(ReportExecutor())
    while not (report := house.hear(ExecutorReported)).in_flight:
        pass
    assert attrs.asdict(report)["in_flight"] == (("t", 1),)
    release.set()
