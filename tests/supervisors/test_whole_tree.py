"""The real tree, hurt in the middle of real work."""

import contextlib
import socket
import threading

import pytest

from atlas_actors.errors import AtlasError
from atlas_actors.messages.supervision import FailNow
from tests.support.houses import house_on
from tests.support.model_server import hold, model_server
from tests.support.trees import WAIT_S

pytestmark = pytest.mark.slow

ROOMS = ["learning/outcomes", "work/router", "work/orchestrator", "work/tasks"]


@pytest.fixture
def server():
    with model_server() as running:
        yield running


def url(server):
    return {"ATLAS_PROVIDERS_LOCALAI_BASE_URL": server.url}


@pytest.mark.parametrize("path", [*ROOMS, "executors/executor.localai", "door/gateway"])
def test_a_crash_in_the_middle_of_a_task_does_not_lose_it(server, tmp_path, path):
    begun, release = threading.Event(), threading.Event()
    server.scripts.put(hold(begun, release))
    with house_on(tmp_path, **url(server)) as house:
        id = house.call("task.submit", prompt="Summarise this")["id"]
        assert begun.wait(WAIT_S)
        house.crash(path)
        release.set()
        task = house.call("task.wait", id=id)
        assert (task["state"], task["attempts"][-1]["end"]) == ("completed", "answered")
        # Only the death of who runs the attempt may cost a second one.
        repeated = path == "executors/executor.localai"
        assert len(task["attempts"]) == (2 if repeated else 1)
        assert len(server.requests) == (2 if repeated else 1)


@pytest.mark.parametrize("path", ROOMS)
def test_a_crash_with_nothing_to_do_is_over_before_the_next_task(server, tmp_path, path):
    with house_on(tmp_path, **url(server)) as house:
        house.crash(path)
        id = house.call("task.submit", prompt="Summarise this")["id"]
        assert house.call("task.wait", id=id)["state"] == "completed"
        assert house.cell(path).restarts == 1


def test_without_its_router_the_daemon_still_works_and_says_so(server, tmp_path):
    with house_on(tmp_path, **url(server)) as house:
        house.crash_until_parked("work/router")
        id = house.call("task.submit", prompt="Summarise this")["id"]
        task = house.call("task.wait", id=id)
        assert task["state"] == "completed"
        assert "the router is not working" in task["route"]["reason"]
        parts = {part["part"]: part["state"] for part in house.call("system.status")["degraded"]}
        assert parts["router"] == "parked"
        assert house.call("system.retry", part="router")["state"] == "running"


def test_what_the_daemon_cannot_do_without_ends_it(server, tmp_path):
    with house_on(tmp_path, **url(server)) as house:
        house.crash_until_the_end("work/tasks")
        ended = house.tree.first_report()
        assert "atlas/work" in ended.error


def test_a_client_gets_an_error_and_not_silence_when_tasks_is_gone(server, tmp_path):
    with house_on(tmp_path, **url(server)) as house:
        house.cell("work/tasks").set_state("parked", reason="hurt by a test")
        with pytest.raises(AtlasError, match="hurt by a test"):
            house.call("task.submit", prompt="x")


def test_a_client_in_the_backlog_of_a_gateway_that_dies_is_not_left_hanging(server, tmp_path):
    with house_on(tmp_path, **url(server)) as house:
        gateway = house.cell("door/gateway")
        for life in range(1, 4):
            with socket.socket(socket.AF_UNIX) as client:
                client.settimeout(WAIT_S)
                client.connect(str(house.home.socket()))
                gateway.mailbox.put_system(FailNow())
                with contextlib.suppress(ConnectionError):
                    client.sendall(b"x" * 10)
                    while client.recv(4096):
                        pass
            house.until(lambda n=life: gateway.incarnation > n and gateway.state == "running")


def test_a_provider_of_a_new_tier_waits_for_a_restart_and_breaks_nothing(tmp_path, monkeypatch):
    monkeypatch.setenv("ATLAS_HOME", str(tmp_path / "home"))
    with house_on(tmp_path / "home") as built:
        (tmp_path / "home" / "config.toml").write_text(
            '[routing]\ntiers = ["free", "mid", "cheap", "haiku", "quality"]\n'
            '[providers.new]\ntransport = "openai-chat"\ntier = "mid"\n'
        )
        built.reload()
        reasons = {one["part"]: one["reason"] for one in built.call("system.status")["degraded"]}
        assert "mid" in reasons["atlas"]
        assert built.call("route.decide", text="explain the cache")["intent"] == "explain"
        assert built.cell("work/orchestrator").restarts == 0


def test_who_restarts_after_a_reload_has_the_settings_of_the_reload(server, tmp_path, monkeypatch):
    monkeypatch.setenv("ATLAS_HOME", str(tmp_path))
    with house_on(tmp_path) as house:
        (tmp_path / "config.toml").write_text(
            '[providers.added]\ntransport = "openai-chat"\ntier = "free"\n'
            f'base_url = "{server.url}"\n'
        )
        house.reload()
        for path in ("work/orchestrator", "door/gateway", "executors"):
            house.crash(path)
        house.until(lambda: house.cell("executors/executor.added").state == "running")
        id = house.call("task.submit", prompt="Summarise", provider="added")["id"]
        assert house.call("task.wait", id=id)["state"] == "completed"
        (tmp_path / "config.toml").write_text("")
        house.reload()
        house.crash("work/orchestrator")
        names = [row["name"] for row in house.call("system.status")["providers"]]
        assert "added" not in names
        assert house.cell("work/orchestrator").state == "running"
