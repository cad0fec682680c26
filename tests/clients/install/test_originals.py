"""A file that Atlas changed gets its bytes back, unless others have changed it since."""

import os
import stat

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from atlas_actors.clients.install import originals as module
from atlas_actors.clients.install.originals import Originals, added, read, replace, without
from atlas_actors.errors import Conflict, UsageError
from tests.clients.install.places import tree


def edit(data):
    return (data or b"") + b"ours\n" if b"ours\n" not in (data or b"") else data


def clean(data):
    return None if data is None else data.replace(b"ours\n", b"")


@pytest.fixture
def kept(tmp_path):
    return Originals(tmp_path / "kept")


def install(kept, file, edit=edit):
    change = kept.plan_install(file, edit, clean)
    kept.install(change)
    return change


def uninstall(kept, file):
    change = kept.plan_uninstall(file, clean)
    kept.uninstall(change)
    return change


def test_the_very_bytes_come_back_though_taking_out_would_give_others(tmp_path, kept):
    file = tmp_path / "a"
    file.write_bytes(b"x")
    install(kept, file, lambda _: b"so x is between")
    uninstall(kept, file)
    assert tree(tmp_path) == {"a": b"x"}


def test_a_file_that_was_not_there_goes_with_the_directories_made_for_it(tmp_path, kept):
    install(kept, tmp_path / "b" / "c" / "a")
    uninstall(kept, tmp_path / "b" / "c" / "a")
    assert tree(tmp_path) == {}


def test_a_directory_that_somebody_uses_now_stays(tmp_path, kept):
    install(kept, tmp_path / "b" / "c" / "a")
    (tmp_path / "b" / "mine").write_text("")
    uninstall(kept, tmp_path / "b" / "c" / "a")
    assert tree(tmp_path) == {"b": None, "b/mine": b""}


def test_a_change_of_somebody_else_is_kept(tmp_path, kept):
    file = tmp_path / "a"
    file.write_bytes(b"x\n")
    install(kept, file)
    file.write_bytes(file.read_bytes() + b"theirs\n")
    uninstall(kept, file)
    assert file.read_bytes() == b"x\ntheirs\n"


def test_a_change_between_two_installations_is_kept_and_comes_back(tmp_path, kept):
    file = tmp_path / "a"
    file.write_bytes(b"x\n")
    install(kept, file)
    file.write_bytes(b"y\nours\n")
    install(kept, file, lambda data: b"second " + data)
    uninstall(kept, file)
    assert file.read_bytes() == b"y\n"


def test_an_installation_over_our_own_keeps_the_first_original(tmp_path, kept):
    file = tmp_path / "a"
    file.write_bytes(b"x\n")
    install(kept, file)
    install(kept, file, lambda data: b"newer " + data)
    uninstall(kept, file)
    assert file.read_bytes() == b"x\n"


@pytest.mark.parametrize("left", [b"", b"{}", b"\xef\xbb\xbf{\r\n}\r\n"])
def test_a_file_of_ours_that_somebody_emptied_goes(tmp_path, kept, left):
    file = tmp_path / "a"
    install(kept, file)
    file.write_bytes(left + b"ours\n")
    uninstall(kept, file)
    assert not file.exists()


def test_an_empty_file_that_was_there_before_stays(tmp_path, kept):
    file = tmp_path / "a"
    file.write_bytes(b"{}")
    install(kept, file)
    uninstall(kept, file)
    assert file.read_bytes() == b"{}"


def test_nothing_is_written_when_nothing_changes(tmp_path, kept):
    file = tmp_path / "a"
    file.write_bytes(b"ours\n")
    before = file.stat()
    assert install(kept, file).is_none
    assert file.stat().st_ino == before.st_ino
    assert tree(tmp_path) == {"a": b"ours\n"}


def test_without_a_note_what_is_ours_is_taken_out(tmp_path, kept):
    file = tmp_path / "a"
    file.write_bytes(b"x\nours\ny\n")
    uninstall(kept, file)
    assert file.read_bytes() == b"x\ny\n"


@pytest.mark.parametrize("note", [b"", b"[]", b"{}", b"\xff", b'{"existed": true}'])
def test_a_note_that_cannot_be_read_is_as_none(tmp_path, kept, note):
    file = tmp_path / "a"
    file.write_bytes(b"x\n")
    install(kept, file)
    for kept_file in (tmp_path / "kept").glob("*.json"):
        kept_file.write_bytes(note)
    uninstall(kept, file)
    assert tree(tmp_path) == {"a": b"x\n"}


def test_mode_and_link_stay(tmp_path, kept):
    target, file = tmp_path / "dotfiles", tmp_path / "a"
    target.write_bytes(b"x\n")
    target.chmod(0o640)
    file.symlink_to(target)
    install(kept, file)
    assert file.is_symlink()
    assert target.read_bytes() == b"x\nours\n"
    assert stat.S_IMODE(target.stat().st_mode) == 0o640


def test_a_link_to_nothing_gets_its_file_and_stays_a_link(tmp_path, kept):
    file = tmp_path / "a"
    file.symlink_to(tmp_path / "there" / "settings")
    install(kept, file)
    assert (tmp_path / "there" / "settings").read_bytes() == b"ours\n"
    uninstall(kept, file)
    assert file.is_symlink()
    assert not (tmp_path / "there").exists()


def test_nothing_of_a_file_is_kept(tmp_path, kept):
    file = tmp_path / "a"
    file.write_bytes(b"key = secret\n")
    install(kept, file)
    file.write_bytes(file.read_bytes() + b"other = key\n")
    install(kept, file, lambda data: data.replace(b"ours", b"newer ours"))
    notes = list((tmp_path / "kept").iterdir())
    assert [note.suffix for note in notes] == [".json"]
    assert not any(word in notes[0].read_bytes() for word in (b"secret", b"key", b"ours"))
    assert stat.S_IMODE(notes[0].stat().st_mode) == 0o600
    assert stat.S_IMODE((tmp_path / "kept").stat().st_mode) == 0o700


def test_of_a_file_of_which_we_took_something_ours_is_taken_out(tmp_path, kept):
    file = tmp_path / "a"
    file.write_bytes(b"x\ny\n")
    install(kept, file, lambda _: b"ours\ny\n")
    uninstall(kept, file)
    assert file.read_bytes() == b"y\n"


@given(
    st.lists(st.tuples(st.binary(max_size=300), st.binary(max_size=300)), max_size=6),
    st.binary(max_size=300),
)
@example([(b"", b"a"), (b"a" * 300, b"b"), (b"b" + b"a" * 40, b"")], b"ab")
def test_what_was_added_anywhere_can_be_taken_away(parts, end):
    before = b"".join(theirs for _, theirs in parts)
    after = b"".join(ours + theirs for ours, theirs in parts) + end
    pieces = added(before, after)
    assert without(after, pieces) == before
    assert sum(size for _, size in pieces) == len(after) - len(before)


def test_what_takes_more_than_taking_away_is_not_tried():
    assert added(b"ab", b"ba") == ()
    assert added(b"a" * 3_000, b"ab" * 3_000) == ()  # too many pieces to note


def test_a_new_file_is_as_open_as_the_user_has_it(tmp_path):
    before = os.umask(0o027)
    try:
        replace(tmp_path / "a", None, b"x")
    finally:
        os.umask(before)
    assert stat.S_IMODE((tmp_path / "a").stat().st_mode) == 0o640


def test_who_was_quicker_is_not_overwritten(tmp_path, kept):
    file = tmp_path / "a"
    file.write_bytes(b"x\n")
    change = kept.plan_install(file, edit, clean)
    file.write_bytes(b"quick\n")
    with pytest.raises(Conflict, match="just now"):
        kept.install(change)
    assert file.read_bytes() == b"quick\n"
    install(kept, file)
    uninstall(kept, file)
    assert file.read_bytes() == b"quick\n"


def test_cut_off_between_note_and_file_nothing_is_lost(tmp_path, kept, monkeypatch):
    file = tmp_path / "a"
    file.write_bytes(b"x\n")
    with monkeypatch.context() as patched:
        patched.setattr(module, "replace", lambda *_: (_ for _ in ()).throw(KeyboardInterrupt))
        with pytest.raises(KeyboardInterrupt):
            install(kept, file)
    file.write_bytes(b"y\n")
    uninstall(kept, file)
    assert tree(tmp_path) == {"a": b"y\n"}


def test_what_cannot_be_read_or_is_too_long_is_said(tmp_path, monkeypatch):
    (tmp_path / "folder").mkdir()
    with pytest.raises(UsageError, match="cannot be read"):
        read(tmp_path / "folder")
    monkeypatch.setattr(module, "BYTES_MAX", 3)
    (tmp_path / "a").write_bytes(b"1234")
    with pytest.raises(UsageError, match="longer than 3 bytes"):
        read(tmp_path / "a")


@pytest.mark.parametrize("link", [False, True])
def test_a_pipe_in_place_of_a_file_is_neither_waited_for_nor_replaced(tmp_path, kept, link):
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    file = tmp_path / "settings.json" if link else pipe
    if link:
        file.symlink_to(pipe)
    with pytest.raises(UsageError, match="no regular file"):
        install(kept, file)
    assert stat.S_ISFIFO(pipe.stat().st_mode)


def test_a_home_that_is_no_directory_is_said_and_nothing_is_changed(tmp_path, kept):
    (tmp_path / "kept").write_bytes(b"")
    file = tmp_path / "a"
    file.write_bytes(b"x\n")
    with pytest.raises(UsageError, match="cannot be made"):
        install(kept, file)
    uninstall(kept, file)
    assert tree(tmp_path) == {"a": b"x\n", "kept": b""}


def test_a_failed_write_leaves_file_and_directory_alone(tmp_path, monkeypatch):
    file = tmp_path / "a"
    file.write_bytes(b"x")

    def full(_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(module.os, "fsync", full)
    with pytest.raises(UsageError, match="No space left"):
        replace(file, b"x", b"y")
    assert tree(tmp_path) == {"a": b"x"}


def test_a_change_is_shown_as_a_difference(tmp_path, kept):
    file = tmp_path / "a"
    file.write_bytes(b"x")
    change = kept.plan_install(file, lambda data: data + b"\nours\n", clean)
    assert change.differences().splitlines()[2:] == ["@@ -1 +1,2 @@", "-x", "+x", "+ours"]
    assert file.read_bytes() == b"x"
