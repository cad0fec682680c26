"""Q19: the files of tasks go when nobody needs them, and not before the disk says so."""

import os

import pytest

from atlas_actors.attachments import INLINE_BYTES_MAX, file_of, text_of
from atlas_actors.errors import NotFound
from atlas_actors.messages.task import CancelTask
from atlas_actors.store_actor import PruneDue
from tests.support.queues import Queue

DAY_S = 86_400


@pytest.fixture
def queue(tmp_path):
    queue = Queue(tmp_path)
    queue.actor._files = tmp_path / "files"
    yield queue
    queue.die()


def ended_with_a_file(queue):
    """An old file that only a task has which ended long ago."""
    file = file_of(queue.actor._files, "a.txt", b"x" * (INLINE_BYTES_MAX + 1))
    id = queue.submit(files=(file,))
    queue.ask(CancelTask(id=id))
    os.utime(queue.actor._files / file.sha256, (0, 0))
    queue.clock.advance(2 * DAY_S)
    return id, file


def test_q19_the_files_of_a_task_whose_deletion_the_disk_refuses_are_there(queue):
    id, file = ended_with_a_file(queue)
    queue.refuse_next_commit()
    queue.tell(PruneDue())
    assert queue.state(id) == "cancelled"
    assert text_of(queue.actor._files, file)


def test_q19_the_files_of_a_task_go_after_it(queue):
    _, file = ended_with_a_file(queue)
    queue.tell(PruneDue())
    assert queue.rows("select * from tasks") == []
    assert text_of(queue.actor._files, file), "the deletion was not on disk"
    queue.wake()
    with pytest.raises(NotFound):
        text_of(queue.actor._files, file)
