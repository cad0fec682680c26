"""Q8, Q10 in the whole tree: who dies with work in hand, and who says to come later."""

import threading

import pytest

from tests.support.houses import house_on
from tests.support.model_server import hold, model_server, status
from tests.support.trees import WAIT_S

pytestmark = pytest.mark.slow


@pytest.fixture
def server():
    with model_server() as running:
        yield running


def test_q10_a_task_whose_executor_dies_is_started_again_with_no_timeout_involved(server, tmp_path):
    begun, release = threading.Event(), threading.Event()
    server.scripts.put(hold(begun, release))
    settings = {
        "ATLAS_PROVIDERS_LOCALAI_BASE_URL": server.url,
        "ATLAS_PROVIDERS_LOCALAI_DEADLINE_S": 3_600,
        "ATLAS_PROVIDERS_LOCALAI_IDLE_S": 3_600,
    }
    try:
        with house_on(tmp_path, **settings) as house:
            id = house.call("task.submit", prompt="Summarise this")["id"]
            assert begun.wait(WAIT_S)
            server.arrived.get(timeout=WAIT_S)
            house.crash("executors/executor.localai")
            server.arrived.get(timeout=WAIT_S)  # the first attempt is held by the server still
            task = house.call("task.wait", id=id)
    finally:
        release.set()
    assert task["state"] == "completed"
    assert [attempt["end"] for attempt in task["attempts"]] == ["unreachable", "answered"]
    first, second = task["attempts"]
    assert second["started_at_ms"] >= first["ended_at_ms"]


def test_q8_a_retry_after_is_honoured_and_uses_no_attempt(server, tmp_path):
    server.scripts.put(status(429, retry_after="1"))
    url = {"ATLAS_PROVIDERS_LOCALAI_BASE_URL": server.url}
    with house_on(tmp_path, **url) as house:
        submitted = {"prompt": "Summarise this", "provider": "localai", "max_attempts": 1}
        task = house.call("task.wait", id=house.call("task.submit", **submitted)["id"])
    assert task["state"] == "completed"
    busy, answered = task["attempts"]
    assert (busy["end"], answered["end"]) == ("busy", "answered")
    assert answered["started_at_ms"] - busy["ended_at_ms"] >= 950
