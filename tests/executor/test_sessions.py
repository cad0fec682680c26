"""Sessions in a client's own home: found by their id, and deleted when they are old."""

import os

import pytest

from atlas_actors.executor.sessions import RETENTION_DAYS, forget_old, session_of, used_by
from atlas_actors.messages.handoff import Checkpoint, Session
from atlas_actors.providers import claude_cli, codex_cli
from atlas_actors.providers.cli import Totals
from tests.support.clocks import FakeClock

ID = "01a204cf-f036-7e73-b6a1-a161d238de82"
DAY_S = 86_400
BOTH = pytest.mark.parametrize(
    ("client", "place"),
    [
        (claude_cli, f".claude/projects/-work/{ID}.jsonl"),
        (codex_cli, f"sessions/2026/11/22/rollout-2026-11-22T19-51-06-{ID}.jsonl"),
    ],
)
ANSWER = {
    claude_cli: b'{"type":"assistant","message":{}}\n',
    codex_cli: b'{"type":"response_item","payload":{"type":"function_call"}}\n',
}


def put(home, place, text, age_s=0.0):
    """A file that was last written `age_s` before the clock's now."""
    file = home / place
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_bytes(text)
    then_s = FakeClock().now_ms() / 1000 - age_s
    os.utime(file, (then_s, then_s))
    return file


@BOTH
def test_a_session_is_found_by_its_id(tmp_path, client, place):
    put(tmp_path, place, ANSWER[client])
    assert used_by(tmp_path, client, ID) == Totals()
    assert used_by(tmp_path, client, ID.replace("8", "9")) is None


@BOTH
@pytest.mark.skipif(os.getuid() == 0, reason="root may read everything")
def test_a_transcript_that_cannot_be_read_is_none(tmp_path, client, place):
    put(tmp_path, place, ANSWER[client]).chmod(0)
    assert used_by(tmp_path, client, ID) is None


@BOTH
def test_a_transcript_that_is_a_directory_is_none(tmp_path, client, place):
    (tmp_path / place).mkdir(parents=True)
    assert used_by(tmp_path, client, ID) is None


@BOTH
def test_what_nobody_has_written_to_for_a_week_is_deleted(tmp_path, client, place):
    old = put(tmp_path, place, b"x", (RETENTION_DAYS + 0.1) * DAY_S)
    young = put(tmp_path, place.replace("8", "9"), b"x", (RETENTION_DAYS - 0.1) * DAY_S)
    assert forget_old(tmp_path, client, FakeClock().now_ms()) == 1
    assert not old.exists()
    assert young.exists()


@BOTH
@pytest.mark.parametrize(
    "other",
    [
        "auth.json",
        ".claude/.credentials.json",
        ".claude/history.jsonl",
        "sessions/x.json",
        "notes/x.jsonl",
    ],
)
def test_no_other_file_is_deleted(tmp_path, client, place, other):
    file = put(tmp_path, other, b"x", 100 * DAY_S)
    assert forget_old(tmp_path, client, FakeClock().now_ms()) == 0
    assert file.exists()


@BOTH
def test_no_file_elsewhere_is_deleted_though_a_symlink_leads_there(tmp_path, client, place):
    elsewhere = put(tmp_path, "elsewhere/x.jsonl", b"x", 100 * DAY_S)
    root = tmp_path / "home" / place.split("/2026")[0].split("/-work")[0]
    root.parent.mkdir(parents=True)
    root.symlink_to(elsewhere.parent)
    assert forget_old(tmp_path / "home", client, FakeClock().now_ms()) == 0
    assert elsewhere.exists()


def session(**changes):
    fields = {"provider": "claude", "id": ID, "folder": "/work", **changes}
    return Session(**fields)


def test_the_newest_session_of_this_provider_in_this_folder_counts():
    left = Checkpoint(sessions=(session(id="older-than-it"), session(), session(folder="/x")))
    assert session_of(left, "claude", "/work") == ID


@pytest.mark.parametrize("id", ["", "short", "-x-an-option", "../../etc", "*" * 20, "a" * 101])
def test_what_is_no_id_is_no_session(id):
    assert session_of(Checkpoint(sessions=(session(id=id),)), "claude", "/work") == ""


def test_without_a_handoff_there_is_no_session():
    assert session_of(None, "claude", "/work") == ""
