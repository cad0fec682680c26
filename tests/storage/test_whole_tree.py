"""F5 and F6 in the whole tree: who is hurt says so by name, the others go on."""

import os
import re
import resource
import socket
import sys

import pytest

from atlas_actors import store_actor
from atlas_actors.config import Home
from atlas_actors.errors import Unavailable
from supervisors.daemon import make_home
from tests.support.daemons import Daemon
from tests.support.houses import house_on
from tests.support.limits import start_limited
from tests.support.model_server import model_server
from tests.support.supervision import eventually
from tests.support.trees import WAIT_S

pytestmark = pytest.mark.slow
NOBODY = 65534
ROOMS = ["orchestrator", "outcomes", "router", "tasks"]


def submit(house, **fields):
    return house.call("task.submit", prompt="Summarise", **fields)["id"]


def ended(house, id):
    return house.call("task.wait", id=id, timeout_ms=int(WAIT_S * 1000))


def hurt(house):
    """Reasons by room, of the rooms that have a database."""
    status = house.call("system.status")
    reasons = {part["part"].rpartition("/")[2]: part["reason"] for part in status["degraded"]}
    return {name: reasons[name] for name in ROOMS if name in reasons}


def test_f5_files_that_are_removed_in_use_come_back_one_after_the_other(tmp_path, monkeypatch):
    monkeypatch.setattr(store_actor, "LOOK_EVERY_S", 0.05)
    with model_server() as server:
        url = {"ATLAS_PROVIDERS_LOCALAI_BASE_URL": server.url}
        with house_on(tmp_path, **url) as house:
            accepted = [submit(house)]
            assert ended(house, accepted[0])["state"] == "completed"
            assert hurt(house) == {}
            gone = set()
            for name in ROOMS:
                path = tmp_path / "state" / f"{name}.db"
                path.unlink()
                gone.add(name)
                house.until(path.exists)
                house.until(lambda: set(hurt(house)) == gone)
                accepted.append(submit(house))
                assert ended(house, accepted[-1])["state"] == "completed"
            assert all("written back" in reason for reason in hurt(house).values())
            assert all(cell.restarts == 0 for cell in house.tree.directory)
            tasks = house.call("task.list")["tasks"]
            assert {task["id"] for task in tasks} == set(accepted)
        with house_on(tmp_path, **url) as again:
            assert hurt(again) == {}
            tasks = again.call("task.list")["tasks"]
            assert {task["id"] for task in tasks} == set(accepted)


def test_f5_files_that_are_damaged_at_rest_are_named_and_tasks_that_can_be_read_go_on(tmp_path):
    with house_on(tmp_path) as house:  # nobody to run it: it waits
        waiting = submit(house)
    for name in ROOMS:
        path = tmp_path / "state" / f"{name}.db"
        with path.open("r+b") as file:
            file.write(bytes(16))
    with house_on(tmp_path) as house:
        reasons = hurt(house)
        assert sorted(reasons) == ROOMS
        assert all("was corrupt and set aside as" in reason for reason in reasons.values())
        assert house.call("task.get", id=waiting)["state"] == "pending"


# F6.


linux = pytest.mark.skipif(sys.platform != "linux", reason="limits and rights are Linux's")


@pytest.fixture
def limited(tmp_path):
    """Starts daemons under limits and without root's rights to files; none is left."""
    begun = []

    def start(**limits):
        numbers = {getattr(resource, f"RLIMIT_{name}"): most for name, most in limits.items()}
        begun.append(start_limited(tmp_path / "home", numbers))
        return begun[-1]

    yield start
    for daemon, _ in begun:
        if daemon.process.poll() is None:
            daemon.kill()


@linux
@pytest.mark.end_to_end
def test_f6_with_64_descriptors_it_works_while_clients_take_all_of_them(limited):
    daemon, _ = limited(NOFILE=64)
    id = daemon.call("task.submit", prompt="Summarise")["id"]
    clients = []
    for _ in range(80):  # more than it can have; the kernel's queue takes the rest
        client = socket.socket(socket.AF_UNIX)
        client.connect(str(daemon.home.socket()))
        clients.append(client)
    log = daemon.home.root / "log" / "atlas.log"
    assert eventually(lambda: "gateway.cannot_accept" in log.read_text("utf-8"), True)
    for client in clients:
        client.close()
    assert daemon.call("task.get", id=id)["state"] == "pending"
    assert daemon.call("task.submit", prompt="Summarise that")["created"]
    assert daemon.process.poll() is None
    assert daemon.tree()["atlas/door/gateway"]["incarnation"] == 1  # it waited, and lost nobody


@linux
@pytest.mark.end_to_end
def test_f6_with_too_little_memory_to_start_it_says_so(limited):
    daemon, said = limited(AS=120 << 20)
    if daemon.process.poll() is None:
        lacking = [part for part in daemon.call("system.status")["degraded"] if part["cure"]]
        assert any("cannot be" in part["reason"] for part in lacking), lacking
        return
    assert daemon.process.returncode in (1, 2)
    assert re.search(r"can't start new thread|Too many open files|unable to open|memory", said), (
        said
    )


@linux
@pytest.mark.end_to_end
@pytest.mark.skipif(os.getuid() != 0, reason="only root can give a directory away")
@pytest.mark.parametrize("folder", ["", "state"])
def test_f6_a_home_of_somebody_else_is_refused_by_name(limited, tmp_path, folder):
    home = Home(root=tmp_path / "home")
    make_home(home)
    os.chown(home.root / folder, NOBODY, NOBODY)
    daemon, said = limited()
    os.chown(home.root / folder, 0, 0)
    assert daemon.process.returncode == 2, said
    assert str(home.root / folder) in said
    assert "Traceback" not in said


@linux
@pytest.mark.end_to_end
def test_f6_a_read_only_state_directory_refuses_work_by_name_and_still_shows_what_is_there(
    limited, tmp_path
):
    daemon, _ = limited()
    id = daemon.call("task.submit", prompt="Summarise")["id"]
    assert daemon.stop() == 0
    daemon.home.state.chmod(0o500)
    daemon, said = limited()
    try:
        assert daemon.process.poll() is None, said
        found = []

        def lacking():
            """How often status names tasks: not in the moments in which it tries by itself."""
            parts = daemon.call("system.status")["degraded"]
            found[:] = [part for part in parts if part["part"] == "tasks" and part["retry_at_ms"]]
            return len(found)

        assert eventually(lacking, 1)
        assert "tasks.db cannot be written" in found[0]["reason"]
        with pytest.raises(Unavailable, match=r"tasks\.db cannot be written"):
            daemon.call("task.submit", prompt="Summarise")
        assert [task["id"] for task in daemon.call("task.list")["tasks"]] == [id]
    finally:
        daemon.home.state.chmod(0o700)
    assert daemon.run("retry", "tasks").returncode == 0
    daemon.call("task.submit", prompt="Summarise")
    assert "tasks" not in {part["part"] for part in daemon.call("system.status")["degraded"]}


def test_a_part_that_has_come_back_by_itself_may_be_retried_too(tmp_path):
    with house_on(tmp_path) as house:
        retried = house.call("system.retry", part="tasks")
    assert retried == {"part": "atlas/work/tasks", "state": "running"}


@pytest.mark.end_to_end
def test_a_failpoint_that_does_not_exist_stops_the_start(tmp_path):
    wrong = Daemon(tmp_path / "home", ATLAS_FAIL="somewhere:1").run("serve", "--no-watchdog")
    assert wrong.returncode == 2
    assert "ATLAS_FAIL: 'somewhere:1' is not POINT:N" in wrong.stderr
