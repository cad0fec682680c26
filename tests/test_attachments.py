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


def test_what_is_not_ours_in_the_folder_is_left_alone(tmp_path):
    part = tmp_path / f"{'a' * 64}.17.4"
    for stranger in (tmp_path / "notes.txt", part):
        stranger.write_text("something")
    (tmp_path / ("b" * 64)).mkdir()
    (tmp_path / ("c" * 64)).symlink_to(tmp_path / "nowhere")
    for entry in tmp_path.iterdir():
        os.utime(entry, (0, 0), follow_symlinks=False)
    assert attachments.prune(tmp_path, lambda _: set()) == 1
    assert not part.exists(), "what was left of a killed daemon's writing"
    assert sorted(entry.name for entry in tmp_path.iterdir()) == ["b" * 64, "c" * 64, "notes.txt"]


def test_what_cannot_be_deleted_does_not_keep_the_others(tmp_path, monkeypatch):
    first, second = sorted(
        file_of(tmp_path, "f", (LONG + end).encode()).sha256 for end in ("1", "2")
    )
    for name in (first, second):
        os.utime(tmp_path / name, (0, 0))
    plain = attachments.Path.unlink

    def unlink(path, *arguments):
        if path.name == first:
            raise PermissionError(13, "planted")
        plain(path, *arguments)

    monkeypatch.setattr(attachments.Path, "unlink", unlink)
    assert attachments.prune(tmp_path, lambda _: set()) == 1
    assert (tmp_path / first).exists()
    assert not (tmp_path / second).exists()


def test_a_text_that_is_kept_again_while_old_ones_are_looked_through_stays(tmp_path):
    file = file_of(tmp_path, "f", LONG.encode())
    os.utime(tmp_path / file.sha256, (0, 0))

    def in_use(_):
        file_of(tmp_path, "f", LONG.encode())  # of a task that is not committed yet
        return set()

    assert attachments.prune(tmp_path, in_use) == 0
    assert text_of(tmp_path, file) == LONG


@pytest.mark.parametrize("path", ["/tmp/a\0b", "/tmp/\udc00\ud800"])
def test_a_path_that_no_system_takes_is_refused_and_not_a_crash(tmp_path, path):
    with pytest.raises(UsageError, match="is no path"):
        file_at(tmp_path, "n", path)
