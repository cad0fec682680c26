"""F14 of reliability.md: whatever a server does, the call ends by name and memory is bounded."""

import socket
import threading

import anyio
import pytest

from atlas_actors.clock import SystemClock
from atlas_actors.executor import http
from atlas_actors.executor.http import call, client_of
from atlas_actors.messages.execution import End, Fault
from atlas_actors.providers import anthropic_messages, openai_chat, openai_responses
from atlas_actors.providers.wire import ANSWER_BYTES_MAX, Ask
from tests.support.raw_server import raw_server
from tests.support.trees import WAIT_S

CODECS = [openai_chat, openai_responses, anthropic_messages]
ASK = Ask(model="m", prompt="why", schema=None, answer_tokens_max=100)
SSE = {"content_type": "text/event-stream"}
# What each protocol streams before its end.
BEGUN = {
    openai_chat: b'data: {"choices": [{"delta": {"content": "half"}}]}\n\n',
    openai_responses: b'data: {"type": "response.output_text.delta", "delta": "half"}\n\n',
    anthropic_messages: b'data: {"type": "content_block_delta", "delta": {"text": "half"}}\n\n',
}
SLACK_BYTES = 8 * 1_048_576  # what lies in sockets between us and the server


def asked(codec, url, *, idle_s=WAIT_S, deadline_s=WAIT_S, headers=None):
    """The end of one call; None when the deadline cut it."""

    async def ask():
        client = client_of(url, headers or codec.headers("key"), idle_s)
        try:
            with anyio.move_on_after(deadline_s):
                return await call(client, codec, ASK, lambda _: None, SystemClock())
        finally:
            await client.aclose()

    return anyio.run(ask)


def closed_port():
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return listener.getsockname()[1]


def nothing(peer):
    peer.hold()


def head_only(peer):
    peer.head(**SSE)
    peer.hold()


def reset(peer):
    peer.reset()


def reset_in_the_body(peer):
    peer.head(content_length="1000")
    peer.send(b'{"choices')
    peer.reset()


def short(peer):
    peer.head(content_length="1000")
    peer.send(b'{"choices": [')


def broken_chunks(peer):
    peer.head(transfer_encoding="chunked", **SSE)
    peer.send(b"ff\r\ndata: {")


def no_http(peer):
    peer.send(b"SSH-2.0-OpenSSH_9.9\r\n")


def endless_head(peer):
    peer.send(b"HTTP/1.1 200 OK\r\n")
    for number in range(100_000):
        peer.send(b"x-%d: y\r\n" % number)


def page(peer):
    body = b"<html><body>504 Gateway Time-out</body></html>"
    peer.head(content_type="text/html", content_length=str(len(body)))
    peer.send(body)


def bad_json(peer):
    peer.head(content_type="application/json")
    peer.send(b'{"choices": [{"message"')


def wrong_type(peer):
    peer.head(content_type="image/png")
    peer.send(b"\x89PNG\r\n\x1a\n")


def bomb(peer):
    peer.head(content_type="application/json", content_encoding="gzip")
    peer.send(b"\x1f\x8b")


def bad_event(peer):
    peer.head(**SSE)
    peer.send(b"data: {nonsense\n\n")


def deep_event(peer):
    peer.head(**SSE)
    peer.send(b"data: " + b"[" * 100_000 + b"\n\n")


def overloaded(peer):
    peer.head(**SSE)
    peer.send(
        b'event: error\ndata: {"type": "error", "error": {"type": "overloaded_error",'
        b' "message": "Overloaded"}}\n\n'
    )


ENDS = [
    (nothing, End.TIMED_OUT, Fault.NETWORK, "no byte in 0.2 s"),
    (head_only, End.TIMED_OUT, Fault.NETWORK, "no byte in 0.2 s"),
    (reset, End.UNREACHABLE, Fault.NETWORK, ""),
    (reset_in_the_body, End.UNREACHABLE, Fault.NETWORK, ""),
    (short, End.UNREACHABLE, Fault.NETWORK, ""),
    (broken_chunks, End.UNREACHABLE, Fault.NETWORK, ""),
    (no_http, End.UNREACHABLE, Fault.NETWORK, ""),
    (endless_head, End.UNREACHABLE, Fault.NETWORK, ""),
    (page, End.UNREACHABLE, Fault.SERVER, "did not send JSON"),
    (bad_json, End.UNREACHABLE, Fault.SERVER, "did not send JSON"),
    (wrong_type, End.UNREACHABLE, Fault.SERVER, "did not send JSON"),
    (bomb, End.UNREACHABLE, Fault.SERVER, "compressed unasked"),
    (bad_event, End.UNREACHABLE, Fault.SERVER, "did not send JSON"),
    (deep_event, End.UNREACHABLE, Fault.SERVER, "did not send JSON"),
    (overloaded, End.BUSY, Fault.RATE, "Overloaded"),
]


@pytest.mark.parametrize("codec", CODECS, ids=lambda codec: codec.PATH)
@pytest.mark.parametrize(
    ("script", "end", "fault", "says"), ENDS, ids=[row[0].__name__ for row in ENDS]
)
def test_f14_a_fault_ends_the_call_by_name(codec, script, end, fault, says):
    with raw_server(script) as server:
        ended = asked(codec, server.url, idle_s=0.2 if end is End.TIMED_OUT else WAIT_S)
    assert (ended.end, ended.fault) == (end, fault)
    assert says in ended.error


@pytest.mark.parametrize("codec", CODECS, ids=lambda codec: codec.PATH)
@pytest.mark.parametrize(
    ("status", "header", "body", "end", "fault", "wait_ms"),
    [
        ("400 Bad", None, b'{"error": {"message": "no"}}', End.REFUSED, Fault.REQUEST, None),
        ("401 No", None, b"", End.REFUSED, Fault.KEY, None),
        ("402 Pay", None, b"{}", End.BUSY, Fault.QUOTA, None),
        ("404 Not", None, b"<html>", End.REFUSED, Fault.REQUEST, None),
        ("429 Slow", "7", b"", End.BUSY, Fault.RATE, 7_000),
        ("429 Slow", "1.5", b"", End.BUSY, Fault.RATE, 1_500),
        ("429 Slow", "Thu, 01 Jan 1970 00:00:09 GMT", b"", End.BUSY, Fault.RATE, 0),
        ("429 Slow", "soon", b"", End.BUSY, Fault.RATE, None),
        ("429 Slow", "1e400", b"", End.BUSY, Fault.RATE, None),
        ("429 Slow", "-5", b"", End.BUSY, Fault.RATE, 0),
        ("429 Slow", "99999999999", b"", End.BUSY, Fault.RATE, 7 * 86_400_000),
        (
            "429 Slow", None,
            b'{"error": {"code": "insufficient_quota", "message": "pay"}}',
            End.BUSY, Fault.QUOTA, None,
        ),
        ("500 Oops", None, b"", End.UNREACHABLE, Fault.SERVER, None),
        ("502 Oops", None, b"<html>", End.UNREACHABLE, Fault.SERVER, None),
        ("503 Load", "3", b"", End.BUSY, Fault.RATE, 3_000),
        ("529 Full", None, b"", End.BUSY, Fault.RATE, None),
        ("302 Loop", None, b"", End.REFUSED, Fault.REQUEST, None),
    ],
)  # fmt: skip
def test_f14_a_status_ends_the_call_by_name(codec, status, header, body, end, fault, wait_ms):
    def script(peer):
        more = {} if header is None else {"retry_after": header}
        peer.head(status, content_length=str(len(body)), location="/again", **more)
        peer.send(body)

    with raw_server(script) as server:
        ended = asked(codec, server.url)
    assert (ended.end, ended.fault, ended.retry_after_ms) == (end, fault, wait_ms)
    assert len(server.peers) == 1  # a redirect is not followed, nothing is tried again in here


@pytest.mark.parametrize("codec", CODECS, ids=lambda codec: codec.PATH)
def test_f14_a_stream_that_is_cut_in_the_middle_is_no_answer(codec):
    def script(peer):
        peer.head(**SSE)
        peer.send(BEGUN[codec])

    with raw_server(script) as server:
        ended = asked(codec, server.url)
    assert (ended.end, ended.error) == (End.UNREACHABLE, "the stream was cut off")
    assert ended.answer.text == "half"


def gigabyte(peer):
    peer.head(content_type="application/json", content_length=str(2**30))
    for _ in range(2**14):
        peer.send(b" " * 65_536)


def endless_events(peer):
    peer.head(**SSE)
    while not peer.ended.is_set():
        peer.send(b": still here\n\n" * 4_000)


def endless_line(peer):
    peer.head(**SSE)
    while not peer.ended.is_set():
        peer.send(b"x" * 65_536)


def gigabyte_of_error(peer):
    peer.head("500 Oops", content_length=str(2**30))
    for _ in range(2**14):
        peer.send(b" " * 65_536)


@pytest.mark.parametrize("codec", CODECS, ids=lambda codec: codec.PATH)
@pytest.mark.parametrize("script", [gigabyte, endless_events, endless_line, gigabyte_of_error])
def test_f14_a_body_without_end_is_left_after_its_limit(codec, script):
    with raw_server(script) as server:
        ended = asked(codec, server.url)
        assert server.gone.acquire(timeout=WAIT_S)  # we have hung up
    assert (ended.end, ended.fault) == (End.UNREACHABLE, Fault.SERVER)
    assert server.peers[0].sent <= ANSWER_BYTES_MAX + SLACK_BYTES


@pytest.mark.parametrize("codec", CODECS, ids=lambda codec: codec.PATH)
def test_f14_a_drip_lasts_as_long_as_its_deadline_and_is_hung_up(codec):
    def script(peer):
        peer.head(**SSE)
        peer.drip(BEGUN[codec] * 1_000, 0.01)

    with raw_server(script) as server:
        assert asked(codec, server.url, deadline_s=0.2) is None
        assert server.gone.acquire(timeout=WAIT_S)


def test_f14_a_refused_connection_is_no_way_to_it():
    ended = asked(openai_chat, f"http://127.0.0.1:{closed_port()}")
    assert (ended.end, ended.fault) == (End.UNREACHABLE, Fault.NETWORK)


def test_f14_a_server_without_tls_is_no_way_to_it(monkeypatch):
    monkeypatch.setattr(http, "CONNECT_S", 0.2)
    with raw_server(nothing) as server:
        ended = asked(openai_chat, f"https://127.0.0.1:{server.port}", idle_s=0.2)
    assert ended.end in (End.UNREACHABLE, End.TIMED_OUT)
    assert ended.fault is Fault.NETWORK


def test_f14_a_name_server_that_hangs_is_waited_for_as_long_as_a_connection(monkeypatch):
    release = threading.Event()

    def hang(*_, **__):
        release.wait(WAIT_S)
        raise socket.gaierror

    async def ask():
        client = client_of("http://model.example", {}, WAIT_S)
        ended = await call(client, openai_chat, ASK, lambda _: None, SystemClock())
        release.set()  # the loop's end waits for the thread that asks
        await client.aclose()
        return ended

    monkeypatch.setattr(socket, "getaddrinfo", hang)
    monkeypatch.setattr(http, "CONNECT_S", 0.2)
    ended = anyio.run(ask)
    assert (ended.end, ended.error) == (End.TIMED_OUT, "no connection in 0.2 s")


def test_f14_other_calls_go_on_while_one_hangs():
    async def ask_both(url, hung):
        clients = [client_of(one, {}, WAIT_S) for one in (hung, url)]
        async with anyio.create_task_group() as group:
            group.start_soon(call, clients[0], openai_chat, ASK, lambda _: None, SystemClock())
            ends = [
                (await call(clients[1], openai_chat, ASK, lambda _: None, SystemClock())).end
                for _ in range(20)
            ]
            group.cancel_scope.cancel()
        for client in clients:
            await client.aclose()
        return ends

    def answer(peer):
        peer.head(content_type="application/json")
        peer.send(b'{"choices": [{"message": {"content": "ok"}, "finish_reason": "stop"}]}')

    with raw_server(nothing) as hung, raw_server(answer) as good:
        assert anyio.run(ask_both, good.url, hung.url) == [End.ANSWERED] * 20
