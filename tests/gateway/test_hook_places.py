"""Where directories belong: looked up once for all who ask, and a dead disk holds nobody up."""

import threading

import anyio
import pytest

from atlas_actors.gateway import hook_places
from atlas_actors.gateway.hook_places import Places, Where
from tests.support.doors import door_on
from tests.support.trees import WAIT_S


@pytest.fixture
def door(tmp_path):
    return door_on(tmp_path / "home", [])


@pytest.fixture
def project(tmp_path):
    folder = tmp_path / "p"
    (folder / ".git").mkdir(parents=True)
    (folder / "deep").mkdir()
    return folder


def test_a_directory_belongs_to_its_repository(door, project):
    found = anyio.run(Places().of, str(project / "deep"), door.on_client_files)
    assert found == Where(project=str(project), root=str(project))


@pytest.mark.parametrize("directory", ["", "relative", "/no/such/place", "/a\0b", "/" + "x" * 300])
def test_what_is_no_directory_belongs_nowhere(door, directory):
    assert anyio.run(Places().of, directory, door.on_client_files) is None


def test_all_who_ask_at_once_are_answered_by_one_look(door, project, monkeypatch):
    monkeypatch.setattr(hook_places, "LOOK_S", WAIT_S)
    looks, found = [], []

    async def on_thread(work):
        looks.append(work)
        return await door.on_client_files(work)

    async def ask(places):
        found.append(await places.of(str(project), on_thread))

    async def all_ask():
        places = Places()
        async with anyio.create_task_group() as group:
            for _ in range(20):
                group.start_soon(ask, places)
        await ask(places)

    anyio.run(all_ask)
    assert len(looks) == 1
    assert [where.root for where in found] == [str(project)] * 21


def test_a_disk_that_hangs_costs_a_moment_once(door, project, monkeypatch):
    monkeypatch.setattr(hook_places, "LOOK_S", 0.02)
    goes_on, looks = threading.Event(), []
    look = Places._look

    def hangs(places, directory):
        looks.append(directory)
        places._held.add(directory)
        goes_on.wait(WAIT_S)
        return look(places, directory)

    monkeypatch.setattr(Places, "_look", hangs)

    async def ask():
        places = Places()
        before = await places.of(str(project), door.on_client_files)
        places._known.clear()  # it is long ago
        again = await places.of(str(project), door.on_client_files)
        goes_on.set()
        return before, again

    assert anyio.run(ask) == (None, None)
    assert looks == [str(project)]
