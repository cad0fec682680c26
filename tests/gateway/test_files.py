"""The files that a client names: a path that hangs or is none costs only who has named it."""

import threading

import anyio
import pytest

from atlas_actors.gateway.door import CLIENT_FILES_MAX
from atlas_actors.gateway.tasks import submit_many
from atlas_actors.messages.task import TaskAccepted, TasksAccepted
from tests.support.doors import door_on


@pytest.fixture
def door(tmp_path):
    def accept(message):
        results = tuple(TaskAccepted(id=order.key, created=True) for order in message.orders)
        return TasksAccepted(results=results)

    return door_on(tmp_path, [], accept)


def test_paths_that_hang_do_not_block_views(door):
    hang = threading.Event()

    async def scenario():
        async with anyio.create_task_group() as group:
            for _ in range(CLIENT_FILES_MAX + 8):
                group.start_soon(door.on_client_files, hang.wait)
            await anyio.wait_all_tasks_blocked()
            assert await door.read(lambda state: state) == door.home.state
            hang.set()

    anyio.run(scenario)


def test_a_path_that_no_system_takes_costs_only_its_own_line(door):
    faulty = {"prompt": "p", "key": "b", "files": [{"name": "n", "path": "/a\0b"}]}
    tasks = [{"prompt": "p", "key": "a"}, faulty, {"prompt": "p", "key": "c"}]
    first, second, third = anyio.run(submit_many, door, tasks)
    assert (first["id"], third["id"]) == ("a", "c")
    assert "is no path" in second["error"]
