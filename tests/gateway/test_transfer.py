"""Whole tasks as JSON: one moment of the queue, page by page, whatever has become of a file."""

import pytest

from atlas_actors.attachments import INLINE_BYTES_MAX, file_of
from atlas_actors.gateway import transfer
from atlas_actors.gateway.transfer import page, taken
from atlas_actors.json_schema import SchemaValidator
from atlas_actors.messages.execution import File
from atlas_actors.messages.task import ImportTasks, OpenLane
from tests.support.queues import Queue, lane

EXPORTED = SchemaValidator(transfer.EXPORTED)


@pytest.fixture
def queue(tmp_path):
    queue = Queue(tmp_path)
    yield queue
    queue.die()


def test_a_file_that_is_gone_costs_no_other_and_stays_known_by_its_hash(queue, tmp_path):
    files = tmp_path / "files"
    gone = file_of(files, "gone.txt", b"x" * (INLINE_BYTES_MAX + 1))
    (files / gone.sha256).unlink()
    first = queue.submit(files=(gone, File(name="a.txt", text="é")))
    second = queue.submit()
    exported = page(tmp_path, files, None, "", 50)["tasks"]
    assert [task["id"] for task in exported] == [first, second]
    assert exported[0]["files"] == [
        {"name": "gone.txt", "sha256": gone.sha256, "bytes": gone.bytes},
        {"name": "a.txt", "text": "é"},
    ]
    assert EXPORTED.problem(exported[0]) == ""
    (tmp_path / "new").mkdir()
    other = Queue(tmp_path / "new")
    other.ask(ImportTasks(tasks=tuple(taken(tmp_path / "new" / "files", exported))))
    assert page(tmp_path / "new", tmp_path / "new" / "files", None, "", 50)["tasks"] == exported
    other.die()


def test_an_export_sees_one_moment_whatever_happens_meanwhile(queue, tmp_path, monkeypatch):
    ids = [queue.submit() for _ in range(3)]
    plain = transfer._task

    def meanwhile(rows, files, id):
        if queue.state(ids[2]) == "pending":
            queue.tell(OpenLane(lane="a", slots=9), *(lane(each) for each in ids))
        return plain(rows, files, id)

    monkeypatch.setattr(transfer, "_task", meanwhile)
    exported = page(tmp_path, tmp_path / "files", None, "", 50)["tasks"]
    assert [(task["state"], task["attempts"]) for task in exported] == [("pending", [])] * 3
    assert queue.state(ids[0]) == "in_progress"


def test_a_page_holds_what_fits_and_says_where_to_go_on(queue, tmp_path, monkeypatch):
    ids = [queue.submit(prompt="x" * 5_000) for _ in range(5)]
    monkeypatch.setattr(transfer, "PAGE_BYTES_MAX", 13_000)
    seen, after = [], ""
    while after is not None:
        part = page(tmp_path, tmp_path / "files", None, after, 4)
        assert len(part["tasks"]) <= 2
        seen += [task["id"] for task in part["tasks"]]
        after = part["next"]
    assert seen == ids
