"""Long texts of tasks: kept once under their hash, read whole, deleted when nobody needs them."""

import os

import pytest

from atlas_actors import attachments
from atlas_actors.attachments import BYTES_MAX, INLINE_BYTES_MAX, file_at, file_of, filled, text_of
from atlas_actors.errors import NotFound, UsageError
from atlas_actors.messages.execution import Request

LONG = "ä" * INLINE_BYTES_MAX


def test_q19_a_short_text_stays_inline_and_a_long_one_is_kept_by_its_hash(tmp_path):
    assert file_of(tmp_path, "a.txt", b"short").text == "short"
    file = file_of(tmp_path, "b.txt", LONG.encode())
    assert (file.text, file.bytes) == ("", len(LONG.encode()))
    assert text_of(tmp_path, file) == LONG
    assert file_of(tmp_path, "other name", LONG.encode()).sha256 == file.sha256
    assert os.listdir(tmp_path) == [file.sha256]  # noqa: PTH208


def test_a_request_is_filled_with_its_texts(tmp_path):
    file = file_of(tmp_path, "b.txt", LONG.encode())
    request = Request(prompt="p", files=(file, file_of(tmp_path, "a", b"short")))
    assert [one.text for one in filled(tmp_path, request).files] == [LONG, "short"]


def test_what_is_not_what_it_was_is_gone(tmp_path):
    file = file_of(tmp_path, "b.txt", LONG.encode())
    (tmp_path / file.sha256).write_text("something else")
    with pytest.raises(NotFound, match=r"b\.txt"):
        text_of(tmp_path, file)
    (tmp_path / file.sha256).unlink()
    with pytest.raises(NotFound, match=r"b\.txt"):
        text_of(tmp_path, file)


@pytest.mark.parametrize("sha256", ["../../etc/passwd", "x", "/etc/passwd"])
def test_a_hash_is_never_a_path(tmp_path, sha256):
    with pytest.raises(NotFound, match="no hash"):
        text_of(tmp_path, attachments.File(name="n", text="", sha256=sha256))


def test_only_regular_files_of_text_within_the_limit_are_read(tmp_path):
    folder = tmp_path / "files"
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "bytes").write_bytes(b"\xff\xfe" * 10)
    with (tmp_path / "endless").open("wb") as sparse:
        sparse.truncate(BYTES_MAX + 1)
    for name, said in (
        ("pipe", "not a regular file"),
        ("bytes", "not UTF-8"),
        ("endless", "longer than"),
        ("missing", "No such file"),
    ):
        with pytest.raises(UsageError, match=said):
            file_at(folder, name, str(tmp_path / name))
    with pytest.raises(UsageError, match="not a regular file"):
        file_at(folder, "d", str(tmp_path))


def test_what_no_task_refers_to_is_deleted_once_it_is_old(tmp_path):
    used, unused, young = (
        file_of(tmp_path, "f", (LONG + end).encode()).sha256 for end in ("1", "2", "3")
    )
    for name in (used, unused):
        os.utime(tmp_path / name, (0, 0))
    assert attachments.prune(tmp_path, lambda names: {used} & set(names)) == 1
    assert {used, young} == set(os.listdir(tmp_path))  # noqa: PTH208
    assert attachments.prune(tmp_path / "missing", lambda _: set()) == 0
