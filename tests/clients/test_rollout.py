"""How a command of Codex ended, by the session's own record."""

import json
import os

import pytest

from atlas_actors.clients.adapter import event_of
from atlas_actors.clients.rollout import END_BYTES, exit_code_in, with_exit_code
from tests.clients.payloads import ran


@pytest.fixture
def record(tmp_path):
    folder = tmp_path / "sessions" / "2026"
    folder.mkdir(parents=True)
    return folder / "rollout-1.jsonl"


def step(tool_id="call_1", code=3, **item):
    told = {"type": "CommandExecution", "id": tool_id, "exit_code": code, **item}
    return json.dumps({"type": "event_msg", "payload": {"type": "item_completed", "item": told}})


def heard(path, command="make", printed=""):
    told = {**ran("codex", command, printed), "tool_use_id": "call_1", "transcript_path": str(path)}
    return event_of("codex", "", told)


def test_the_exit_code_is_found_in_the_record(record):
    record.write_text("\n".join(['{"type":"x"}', step("call_0", 0), step(), step("call_2", 0), ""]))
    tool = with_exit_code(heard(record)).tool
    assert tool is not None
    assert (tool.exit_code, tool.failed) == (3, True)


@pytest.mark.parametrize(
    ("command", "printed", "code", "failed"),
    [
        ("pytest", "", 0, False),
        ("pytest", "", 1, True),
        ("pytest | tail", "", 0, None),
        ("pytest | tail", "1 failed in 0.1s", 0, True),
        ("ls", "", 0, False),
    ],
)
def test_a_tests_exit_code_counts_where_it_is_its_own(record, command, printed, code, failed):
    record.write_text(step(code=code))
    tool = with_exit_code(heard(record, command, printed)).tool
    assert tool is not None
    assert (tool.exit_code, tool.failed) == (code, failed)


def test_only_the_end_of_a_long_record_is_read(record):
    record.write_text(step() + "\n" + "x" * END_BYTES)
    assert with_exit_code(heard(record)) == heard(record)
    record.write_text("x" * END_BYTES + "\n" + step())
    tool = with_exit_code(heard(record)).tool
    assert tool is not None
    assert tool.exit_code == 3


@pytest.mark.parametrize(
    "line",
    [step()[:-3], step(code="3"), step(code=True), step(code=None), step(type="Message"), "[]",
     '"call_1 CommandExecution"', step("call_11"), "[" * 2_000 + '"CommandExecution" call_1'],
)  # fmt: skip
def test_a_record_that_does_not_say_it_says_nothing(line):
    assert exit_code_in(line.encode(), "call_1") is None


def test_a_path_that_is_no_record_is_not_read(tmp_path, record):
    record.write_text(step())
    folder = record.parent
    pipe, link = folder / "rollout-2.jsonl", folder / "rollout-3.jsonl"
    os.mkfifo(pipe)
    link.symlink_to(record)
    elsewhere = tmp_path / "rollout-1.jsonl"
    others = [elsewhere, folder / "rollout-1.txt", folder / "mine.jsonl"]
    for other in others:
        other.write_text(step())
    up = f"{folder}/../../rollout-1.jsonl"
    for path in (
        pipe,
        link,
        *others,
        up,
        folder / "rollout-4.jsonl",
        folder,
        "",
        "rollout-1.jsonl",
    ):
        assert with_exit_code(heard(path)) == heard(path)
    assert with_exit_code(heard(record)) != heard(record)


def test_other_clients_and_tools_are_left_alone(record):
    record.write_text(step())
    told = {**ran("codex", "x", ""), "tool_name": "other", "tool_use_id": "call_1"}
    other = event_of("codex", "", {**told, "transcript_path": str(record)})
    assert with_exit_code(other) == other
    before = event_of("codex", "PreToolUse", {**told, "transcript_path": str(record)})
    assert with_exit_code(before) == before
