"""A temperature goes to whom it can be told, as each takes it; without one nothing changes."""

import json

import pytest

from atlas_actors.messages.execution import End, Fault
from atlas_actors.providers import (
    anthropic_messages,
    claude_cli,
    codex_cli,
    openai_chat,
    openai_responses,
)
from atlas_actors.providers.cli import Job
from atlas_actors.providers.wire import SYSTEM, Ask, CallEnd, failed, refuses_temperature

CODECS = [openai_chat, openai_responses, anthropic_messages]
# What went over the wire before there was a temperature to be asked for.
BEFORE = {
    openai_chat: '{"model": "m", "messages": [{"role": "system", "content": SYSTEM}, '
    '{"role": "user", "content": "p"}], "temperature": 0, "max_tokens": 5, "stream": true, '
    '"stream_options": {"include_usage": true}}',
    openai_responses: '{"model": "m", "instructions": SYSTEM, "input": [{"type": "message", '
    '"role": "user", "content": [{"type": "input_text", "text": "p"}]}], "max_output_tokens": 5, '
    '"store": false, "stream": true}',
    anthropic_messages: '{"model": "m", "max_tokens": 5, "system": SYSTEM, "messages": '
    '[{"role": "user", "content": "p"}], "stream": true}',
}


def ask(**changes):
    return Ask(model="m", prompt="p", schema=None, answer_tokens_max=5, **changes)


@pytest.mark.parametrize("codec", CODECS)
def test_without_one_the_bytes_of_a_request_are_what_they_were(codec):
    assert json.dumps(codec.request(ask())) == BEFORE[codec].replace("SYSTEM", json.dumps(SYSTEM))


@pytest.mark.parametrize("codec", CODECS)
@pytest.mark.parametrize("temperature", [0.0, 0.7, 1.0])
def test_one_that_is_asked_for_is_sent(codec, temperature):
    plain, asked = codec.request(ask()), codec.request(ask(temperature=temperature))
    assert asked == {**plain, "temperature": temperature}


@pytest.mark.parametrize(
    ("codec", "sent"), [(openai_chat, 1.6), (openai_responses, 1.6), (anthropic_messages, 1.0)]
)
def test_one_beyond_what_a_protocol_knows_is_its_highest(codec, sent):
    assert codec.request(ask(temperature=1.6))["temperature"] == sent


@pytest.mark.parametrize("codec", CODECS)
@pytest.mark.parametrize("temperature", [None, 0.7])
def test_a_model_that_refuses_it_is_sent_none_at_all(codec, temperature):
    refusing = ask(temperature=temperature, refuses_temperature=True)
    assert "temperature" not in codec.request(refusing)


@pytest.mark.parametrize(
    ("said", "refuses"),
    [
        ("Unsupported parameter: 'temperature' is not supported with this model.", True),
        ("Unsupported value: 'temperature' does not support 0.2 with this model. Only the default"
         " (1) value is supported.", True),
        ("`temperature` is deprecated for this model.", True),
        ("Unsupported parameter: 'max_tokens' is not supported with this model.", False),
        ("the temperature of the room is none of our business", False),
        ("", False),
    ],
)  # fmt: skip
def test_a_refusal_of_the_temperature_is_told_from_others(said, refuses):
    assert refuses_temperature(failed(Fault.REQUEST, f"HTTP 400: {said}")) is refuses


@pytest.mark.parametrize("fault", [fault for fault in Fault if fault is not Fault.REQUEST])
def test_only_a_refused_request_refuses_the_temperature(fault):
    assert not refuses_temperature(failed(fault, "'temperature' is not supported"))


def test_an_answer_refuses_nothing():
    assert not refuses_temperature(CallEnd(end=End.ANSWERED))


@pytest.mark.parametrize("client", [claude_cli, codex_cli])
def test_a_program_is_started_as_without_one(client):
    def launched(**changes):
        job = Job(ask=ask(**changes), home="/h", folder="/f", writes=False, reads=True, session="s")
        return client.launch(job, {})

    assert launched(temperature=0.7) == launched()
