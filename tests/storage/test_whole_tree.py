"""F5 and F6 in the whole tree: who is hurt says so by name, the others go on."""

import os
import resource
import shutil
import tempfile
from pathlib import Path

import pytest

from atlas_actors import store_actor
from supervisors.daemon import make_home
from tests.support.daemons import Daemon, daemon_on
from tests.support.houses import house_on
from tests.support.model_server import model_server
from tests.support.trees import WAIT_S

pytestmark = pytest.mark.slow
ROOMS = ["orchestrator", "outcomes", "router", "tasks"]
NOBODY = 65534


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


@pytest.fixture
def open_folder():
    """A folder that any user may enter, unlike pytest's own."""
    folder = Path(tempfile.mkdtemp())
    folder.chmod(0o755)
    yield folder
    shutil.rmtree(folder)


@pytest.mark.end_to_end
@pytest.mark.parametrize("whose", ["root", "state"])
def test_f6_a_home_of_somebody_else_is_refused_by_name(open_folder, whose):
    """As root the daemon runs as nobody; else the directory loses its write permission."""
    daemon = Daemon(open_folder / "home")
    make_home(daemon.home)
    named = daemon.home.root if whose == "root" else daemon.home.state
    if os.getuid() == 0:
        for folder in (daemon.home.root, daemon.home.log, daemon.home.state, daemon.home.models):
            os.chown(folder, NOBODY, NOBODY)
        os.chown(named, 0, 0)
        named.chmod(0o755)
        done = daemon.run("serve", "--no-watchdog", user=NOBODY, group=NOBODY)
    else:
        named.chmod(0o500)
        done = daemon.run("serve", "--no-watchdog")
        named.chmod(0o700)
    assert done.returncode == 2, done.stderr
    assert str(named) in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.end_to_end
def test_f6_with_few_descriptors_it_says_so_or_works_and_never_dies(tmp_path):
    with daemon_on(tmp_path / "home", limits={resource.RLIMIT_NOFILE: 64}) as daemon:
        assert daemon.call("task.submit", prompt="Summarise")["created"]
        clients = []
        for _ in range(80):
            client = daemon.client()
            try:
                clients.append(client.__enter__())
            except Exception as error:
                clients.append(error)
        for client in clients:
            if hasattr(client, "__exit__"):
                client.__exit__(None, None, None)
        assert daemon.call("task.list")["tasks"]
        assert daemon.process.poll() is None
