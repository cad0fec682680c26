"""JSON-RPC lines: what is read, what is refused with which code."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from atlas_actors.errors import Busy, Unavailable, UsageError
from atlas_actors.gateway.methods import METHODS, describe, method_for
from atlas_actors.gateway.requests import submission_of
from atlas_actors.gateway.rpc import RpcError, error_line, id_of, read_call, result_line
from atlas_actors.settings import ProviderSettings


def request(**fields):
    return json.dumps({"jsonrpc": "2.0", "id": 1, "method": "system.ping", **fields}).encode()


def test_a_good_request_is_read():
    call = read_call(request(params={"a": 1}))
    assert (call.id, call.method, call.params, call.wants_answer) == (
        1, "system.ping", {"a": 1}, True,
    )  # fmt: skip


def test_a_request_without_an_id_wants_no_answer():
    assert not read_call(b'{"jsonrpc": "2.0", "method": "m"}').wants_answer


@pytest.mark.parametrize(
    ("line", "code"),
    [
        (b"\xff\xfe", -32700),
        (b"not json", -32700),
        (b"[" * 100_000, -32700),
        (b'{"a":' * 50_000, -32700),
        (b'{"jsonrpc": "2.0", "method": "m", "params": {"a": NaN}}', -32700),
        (request(params={"t": "\ud800"}), -32700),
        (b"[]", -32600),
        (b"5", -32600),
        (b'{"method": "m"}', -32600),
        (request(jsonrpc="1.0"), -32600),
        (request(extra=1), -32600),
        (request(id={}), -32600),
        (request(id=True), -32600),
        (request(method=5), -32600),
        (request(params=[1]), -32602),
    ],
)
def test_a_bad_line_is_refused_with_its_code(line, code):
    with pytest.raises(RpcError) as caught:
        read_call(line)
    assert caught.value.code == code


@given(st.binary(max_size=200))
def test_noise_is_always_a_named_error(noise):
    id_of(noise)
    try:
        read_call(noise)
    except RpcError as error:
        assert error.code in (-32700, -32600, -32602)


def test_the_id_of_a_faulty_request_is_found_when_it_has_one():
    assert id_of(request(extra=1)) == 1
    assert id_of(b"noise") is None


def test_an_answer_is_one_line_whatever_it_holds():
    assert result_line(1, {"text": "a\nb\u2028é"}).count(b"\n") == 1


def test_errors_carry_what_a_program_may_act_on():
    busy = json.loads(error_line(1, Busy("full", retry_after_ms=7)))["error"]
    assert (busy["code"], busy["data"]["retry_after_ms"]) == (-32000, 7)
    parked = Unavailable("no", cure="do this", part="memory", retry_at_ms=9)
    assert json.loads(error_line(1, parked))["error"] == {
        "code": -32003,
        "message": "no",
        "data": {"cure": "do this", "part": "memory", "retry_at_ms": 9},
    }


@pytest.mark.parametrize("name", METHODS)
def test_every_method_refuses_unknown_parameters(name):
    with pytest.raises(RpcError) as caught:
        method_for(name, {"no_such_parameter": 1})
    assert caught.value.code == -32602


def test_an_unknown_method_is_told_apart_from_one_that_is_not_built_yet():
    with pytest.raises(RpcError) as caught:
        method_for("no.such", {})
    assert caught.value.code == -32601


def test_describe_shows_the_schemas_that_calls_are_held_to():
    described = {method["name"]: method["params"] for method in describe()["methods"]}
    assert described == {name: method.params for name, method in METHODS.items()}


def test_a_submission_with_an_unknown_provider_or_a_bad_schema_is_refused():
    known = {"haiku": ProviderSettings(name="haiku", transport="anthropic-messages", tier="haiku")}
    assert submission_of({"prompt": "p", "provider": "haiku"}, known).request.provider == "haiku"
    with pytest.raises(UsageError, match="no provider nobody"):
        submission_of({"prompt": "p", "provider": "nobody"}, known)
    with pytest.raises(UsageError, match="not a JSON Schema"):
        submission_of({"prompt": "p", "schema": {"type": "nonsense"}}, {})
