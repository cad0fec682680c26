"""A choice on its whole road: asked for, carried out, counted, and the same again after a kill."""

import pytest

from tests.support.daemons import daemon_on
from tests.support.model_server import model_server

pytestmark = [pytest.mark.end_to_end, pytest.mark.slow]
TASKS = 6
READS_MAX = 600


def ended(daemon):
    """The choices that were counted, once all are; each read is one call of the socket."""
    for _ in range(READS_MAX):
        listed = daemon.call("strategy.list")["strategies"]
        shown = [daemon.call("strategy.show", id=one["id"]) for one in listed if one["n"]]
        choices = [choice for one in shown for choice in one["choices"]]
        if sum(choice["x"] is not None for choice in choices) >= TASKS:
            return choices
    raise AssertionError(f"only {choices} were counted")


def test_a_task_is_done_by_a_strategy_that_learns_from_it_and_survives_a_kill(tmp_path):
    with model_server() as server:
        url = {"ATLAS_PROVIDERS_LOCALAI_BASE_URL": server.url}
        with daemon_on(tmp_path / "home", **url) as daemon:
            tasks = [
                daemon.call("task.submit", prompt=f"Explain {n}", match=expected(n))["id"]
                for n in range(TASKS)
            ]
            done = [daemon.wait(id) for id in tasks]
            choices = ended(daemon)
            daemon.kill()
            daemon.start()
            assert daemon.run("strategies", "replay").returncode == 0
            replayed = daemon.call("strategy.replay")
            assert replayed["choices"] == replayed["same"] >= TASKS
            costs = daemon.call("cost.stats", by="strategy")["rows"]
            assert ended(daemon) == choices
    by_task = {choice["task_id"]: choice for choice in choices}
    for number, task in enumerate(done):
        choice = by_task[task["id"]]
        assert choice["strategy"] == task["strategy"]
        assert choice["x"] == number % 2, "its first answer passed, or did not"
        assert choice["weight"] == 1
    assert {row["strategy"] for row in costs} == {task["strategy"] for task in done}


def expected(number):
    """Half of the first answers are not what they should be; the second repeats what was wrong."""
    return "ok" if number % 2 else "never said"
