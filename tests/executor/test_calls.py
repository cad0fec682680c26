"""What a strategy asks for is in the requests that a server really gets, and in what they cost."""

import json
import threading

import anyio
import pytest

from atlas_actors.executor.calls import Calls
from atlas_actors.executor.context import ProjectFiles
from atlas_actors.executor.work import Work
from atlas_actors.messages import paths
from atlas_actors.messages.execution import (
    AnswerGrew,
    AttemptEnded,
    AttemptStarted,
    CancelAttempt,
    End,
    Fault,
    Request,
    RunAttempt,
    Usage,
)
from atlas_actors.providers.prices import shipped
from atlas_actors.providers.wire import Answer, Ask, CallEnd
from atlas_actors.providers.worst_case import PLAN_TOKENS
from atlas_actors.redaction import Redactor
from atlas_actors.settings import ProviderSettings
from tests.support.clients import program
from tests.support.clients import settings as client_settings
from tests.support.executors import ROUTE, House
from tests.support.model_server import hold, model_server, say, status
from tests.support.trees import WAIT_S

REFUSALS = {
    "openai-chat": "Unsupported value: 'temperature' does not support 0.7 with this model.",
    "openai-responses": "Unsupported parameter: 'temperature' is not supported with this model.",
    "anthropic-messages": "`temperature` is deprecated for this model.",
}
ANSWERS = {
    "openai-chat": {"choices": [{"message": {"content": "four"}, "finish_reason": "stop"}]},
    "openai-responses": {
        "status": "completed",
        "output": [{"type": "message", "content": [{"type": "output_text", "text": "four"}]}],
    },
    "anthropic-messages": {
        "content": [{"type": "text", "text": "four"}], "stop_reason": "end_turn",
    },
}  # fmt: skip


def settings(url, transport="openai-chat", **changes):
    return ProviderSettings(
        name="x", transport=transport, tier="free", base_url=url, model="m", **changes
    )


def answering(value, code=200):
    body = json.dumps(value).encode()
    return lambda handler, _: handler.reply(code, body)


def prompts(server):
    return [request["messages"][-1]["content"] for request in server.requests]


@pytest.fixture
def server():
    with model_server() as running:
        yield running


@pytest.fixture
def house(server, tmp_path):
    built = House(tmp_path, settings(server.url))
    yield built
    built.tree.stop()


# The temperature.


def test_without_genes_a_request_is_what_it_was(house, server):
    house.ended(prompt="2 + 2?")
    house.ended(prompt="2 + 2?", temperature=None, plan_first=False, context_tokens=0)
    first, second = server.requests
    assert first == second
    assert (first["temperature"], first["messages"][-1]["content"]) == (0, "2 + 2?")
    assert first["max_tokens"] == 4_096


def test_the_temperature_is_in_the_request(house, server):
    house.ended(temperature=0.7)
    assert server.requests[0]["temperature"] == 0.7


@pytest.mark.parametrize("transport", list(REFUSALS))
def test_a_model_that_refuses_a_temperature_is_asked_without_from_then_on(
    server, tmp_path, transport
):
    house = House(tmp_path, settings(server.url, transport))
    refusal = {"error": {"message": REFUSALS[transport], "type": "invalid_request_error"}}
    server.scripts.put(answering(refusal, 400))
    for _ in range(2):
        server.scripts.put(answering(ANSWERS[transport]))
    for attempt in (1, 2):
        ended = house.ended(attempt=attempt, temperature=0.7)
        assert (ended.end, ended.answer) == (End.ANSWERED, "four")
    assert [request.get("temperature") for request in server.requests] == [0.7, None, None]
    house.tree.stop()


def test_a_model_that_refuses_even_without_is_asked_no_third_time(house, server):
    refusal = {"error": {"message": REFUSALS["openai-chat"]}}
    for _ in range(2):
        server.scripts.put(answering(refusal, 400))
    ended = house.ended(temperature=0.7)
    assert (ended.end, ended.fault, len(server.requests)) == (End.REFUSED, Fault.REQUEST, 2)


def test_what_was_sent_without_a_temperature_is_not_sent_again(server, tmp_path):
    house = House(tmp_path, settings(server.url, "openai-responses"))
    refusal = {"error": {"message": REFUSALS["openai-responses"]}}
    server.scripts.put(answering(refusal, 400))
    assert house.ended().end is End.REFUSED
    assert len(server.requests) == 1
    house.tree.stop()


def test_another_refusal_is_no_reason_to_ask_again(house, server):
    server.scripts.put(status(400))
    assert house.ended(temperature=0.7).end is End.REFUSED
    assert len(server.requests) == 1


# The plan.


def test_a_plan_is_asked_for_first_and_is_part_of_the_request_then(house, server):
    server.scripts.put(say("1. add them"))
    server.scripts.put(say("four"))
    schema = {"type": "object"}
    ended = house.ended(prompt="2 + 2?", plan_first=True, temperature=0.7, schema=schema)
    assert (ended.end, ended.answer) == (End.ANSWERED, "four")
    planning, asking = server.requests
    first, second = prompts(server)
    assert first.startswith("2 + 2?\n\nDo not do this yet.")
    assert second.startswith("2 + 2?\n\n")
    assert "<atlas-plan>\n1. add them\n</atlas-plan>" in second
    assert (planning["max_tokens"], asking["max_tokens"]) == (PLAN_TOKENS, 4_096)
    assert "response_format" not in planning
    assert asking["response_format"]["json_schema"]["schema"] == schema
    assert [planning["temperature"], asking["temperature"]] == [0.7, 0.7]


def test_the_tokens_of_both_calls_count(house, server):
    for _ in range(2):
        server.scripts.put(say("four"))
    ended = house.ended(plan_first=True)
    assert (ended.usage, ended.estimated) == (Usage(input=24, output=6), False)


def test_nobody_who_follows_the_answer_sees_the_plan(house, server):
    server.scripts.put(say("1. add them"))
    server.scripts.put(say("four"))
    house.ended(plan_first=True)
    assert [house.hear(AnswerGrew, "gateway").text for _ in range(2)] == ["fo", "ur"]


@pytest.mark.parametrize(
    ("script", "end", "fault"),
    [
        (status(429, retry_after="7"), End.BUSY, Fault.RATE),
        (status(401), End.REFUSED, Fault.KEY),
        (status(500), End.UNREACHABLE, Fault.SERVER),
    ],
)
def test_a_failure_to_plan_is_that_of_the_attempt(house, server, script, end, fault):
    server.scripts.put(script)
    ended = house.ended(plan_first=True)
    assert (ended.end, ended.fault, len(server.requests)) == (end, fault, 1)


def test_a_failure_after_the_plan_counts_what_the_plan_took(house, server):
    server.scripts.put(say("1. add them"))
    server.scripts.put(status(500))
    ended = house.ended(plan_first=True)
    assert (ended.end, ended.fault) == (End.UNREACHABLE, Fault.SERVER)
    assert ended.usage == Usage(input=12, output=3)


def test_an_empty_plan_leaves_the_request_as_it_is(house, server):
    server.scripts.put(say(""))
    server.scripts.put(say("four"))
    assert house.ended(prompt="2 + 2?", plan_first=True).answer == "four"
    assert prompts(server)[1] == "2 + 2?"


class Silent:
    """Plans at once, and then says six characters and no more."""

    model = "m"

    def __init__(self):
        self.asked = []

    async def ask(self, work, on_text):
        self.asked.append(work.ask.prompt)
        if len(self.asked) == 1:
            on_text("1. add them")
            usage = Usage(input=12, output=3)
            return CallEnd(end=End.ANSWERED, answer=Answer(text="1. add them", usage=usage))
        on_text("begun ")
        await anyio.sleep_forever()
        raise AssertionError("nobody wakes it")


def test_a_plan_and_its_request_share_the_deadline_and_what_was_planned_is_counted():
    silent, heard = Silent(), []
    calls = Calls(
        backend=silent, settings=settings("http://localhost"), prices=shipped(),
        files=ProjectFiles(ask=None, redactor=Redactor()), on_text=heard.append,
    )  # fmt: skip
    started = AttemptStarted(
        task_id="t", attempt=1, epoch=1, lane="x", request=Request(prompt=""), route=ROUTE,
        answers_asked=1, attempts_max=3, interruptions=0,
    )  # fmt: skip
    order = RunAttempt(started=started, prompt="x" * 400, deadline_s=0.02, plan_first=True)
    work = Work(ask=Ask(model="m", prompt="", schema=None, answer_tokens_max=5))
    ended = anyio.run(calls.make, order, work)
    assert (ended.end, ended.fault, ended.estimated) == (End.TIMED_OUT, Fault.NETWORK, True)
    assert heard == ["begun "]
    # As the plan said it, and by its length what came after: four characters a token.
    planned = len(silent.asked[1]) // 4
    assert ended.answer.usage == Usage(input=12 + planned, output=3 + 1)


def test_a_cancelled_plan_is_a_cancelled_attempt_and_nothing_is_asked_after_it(house, server):
    begun, release = threading.Event(), threading.Event()
    server.scripts.put(hold(begun, release))
    house.run(plan_first=True)
    begun.wait(WAIT_S)
    house.tree.directory.ref(paths.executor("x")).tell(CancelAttempt(task_id="t", attempt=1))
    assert house.hear(AttemptEnded).end is End.CANCELLED
    release.set()
    assert house.ended(attempt=2, prompt="next").end is End.ANSWERED
    assert prompts(server)[1:] == ["next"]


def test_where_a_model_takes_too_little_it_is_asked_without_a_plan(server, tmp_path):
    house = House(tmp_path, settings(server.url, context_tokens=600, answer_tokens_max=100))
    house.ended(prompt="2 + 2?", plan_first=True)
    assert prompts(server) == ["2 + 2?"]
    house.tree.stop()


@pytest.mark.slow
@pytest.mark.parametrize("plan_first", [False, True])
def test_a_program_is_run_once_and_told_to_plan_in_it(tmp_path, monkeypatch, plan_first):
    monkeypatch.setenv("STUB_KEY", "k-0123456789")
    body = f"""
        prompt = sys.stdin.read()
        open({str(tmp_path / "prompts")!r}, "a").write(json.dumps(prompt) + chr(10))
        claude("four")
    """
    said = client_settings(command=program(tmp_path, body), key_env="STUB_KEY")
    house = House(tmp_path, said)
    ended = house.ended(prompt="2 + 2?", plan_first=plan_first, temperature=0.7)
    assert (ended.answer, ended.usage) == ("four", Usage(input=7, output=3))
    (prompt,) = map(json.loads, (tmp_path / "prompts").read_text().splitlines())
    asked, _, told = prompt.partition("\n\n")
    assert (asked, told.startswith("Before you change anything")) == ("2 + 2?", plan_first)
    house.tree.stop()
