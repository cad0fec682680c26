"""learn.turns: pieces of a transcript, each once; where it lies says whose words they are."""

import json
import os
import random
import string

import anyio
import pytest

from atlas_actors.errors import UsageError
from atlas_actors.gateway import learn, transcript_files
from atlas_actors.gateway.caller import Caller
from atlas_actors.gateway.methods import method_for
from atlas_actors.gateway.rpc import RpcError
from atlas_actors.gateway.transcript_files import PIECE_BYTES, channel_of, piece_at
from atlas_actors.messages.learning import Learned, LearnFromTranscript, LearnFromTurns
from atlas_actors.redaction import Redactor
from tests.support.doors import door_on
from tests.support.memories import Remembering

REDACTOR = Redactor()


class From(Caller):
    """A caller whose place is known."""

    def __init__(self, inside):
        super().__init__(uid=os.getuid(), pid=None)
        self._inside, self._looked = inside, True


def line(text, id="1"):
    message = {"role": "user", "content": text}
    return json.dumps({"type": "user", "uuid": id, "message": message}) + "\n"


@pytest.fixture
def file(tmp_path):
    path = tmp_path / "s.jsonl"
    path.write_text(line("Never commit to main.", "1") + line("Always use tabs.", "2"))
    return path


@pytest.fixture
def memory(tmp_path):
    built = Remembering(tmp_path)
    yield built
    built.stop()


def call(tmp_path, memory, caller=None, **params):
    params = {"client": "claude", "session": "s", **params}
    method_for("learn.turns", params)
    asked = []
    door = door_on(tmp_path / "home", asked, memory.actor.dispatch)
    answer = anyio.run(learn.answer, door, "learn.turns", params, caller or From(False))
    return answer, [message for _, message in asked]


def test_a_transcript_is_read_to_its_end_and_its_new_lines_the_next_time(tmp_path, memory, file):
    first, _ = call(tmp_path, memory, transcript_path=str(file))
    assert [one["text"] for one in first["lessons"]] == ["Never commit to main", "Always use tabs"]
    assert (first["turns"], first["more"]) == (2, False)
    again, _ = call(tmp_path, memory, transcript_path=str(file))
    assert (again["lessons"], again["turns"]) == ((), 0)
    with file.open("a") as opened:
        opened.write(line("Never use spaces.", "3") + '{"type": "user", "half')
    then, _ = call(tmp_path, memory, transcript_path=str(file))
    assert [one["text"] for one in then["lessons"]] == ["Never use spaces"]


def test_a_long_transcript_is_read_in_pieces_and_calls(tmp_path, memory, file, monkeypatch):
    monkeypatch.setattr(transcript_files, "PIECE_BYTES", 300)
    monkeypatch.setattr(learn, "PIECES_MAX", 2)
    file.write_text("".join(line(f"Always use tool{n} for it.", str(n)) for n in range(20)))
    found, calls, more = [], 0, True
    while more:
        answer, _ = call(tmp_path, memory, transcript_path=str(file))
        found += [one["text"] for one in answer["lessons"]]
        more, calls = answer["more"], calls + 1
    assert found == [f"Always use tool{n} for it" for n in range(20)]
    assert calls > 2


def test_secrets_are_gone_before_memory_sees_a_line(tmp_path, memory, file):
    secret = "ghp_" + "".join(random.Random(1).choices(string.ascii_letters + string.digits, k=36))
    file.write_text(line(f"Always use the token {secret} for deploys."))
    _, asked = call(tmp_path, memory, transcript_path=str(file))
    assert secret not in repr(asked)
    assert any(isinstance(message, LearnFromTranscript) for message in asked)


@pytest.mark.parametrize(
    ("mine", "inside", "channel"),
    [(False, False, "file"), (True, False, "person"), (True, True, "file"), (True, None, "file")],
)
def test_only_a_person_can_say_that_a_file_is_their_session(
    tmp_path, memory, file, mine, inside, channel
):
    params = {"transcript_path": str(file), "mine": mine}
    _, asked = call(tmp_path, memory, From(inside), **params)
    assert {message.channel for message in asked} == {channel}


def test_what_lies_where_a_persons_client_writes_is_what_they_typed(tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    inside = tmp_path / ".claude/projects/-w/s.jsonl"
    inside.parent.mkdir(parents=True)
    inside.touch()
    assert channel_of(str(inside)) == "person"
    assert channel_of(str(tmp_path / ".codex/sessions/2026/r.jsonl")) == "person"
    assert channel_of(str(tmp_path / ".claude/projects/../x.jsonl")) == "file"
    outside = tmp_path / "planted.jsonl"
    outside.touch()
    inside.unlink()
    inside.symlink_to(outside)
    assert channel_of(str(inside)) == "file"


@pytest.mark.parametrize(
    ("inside", "channel"), [(True, "agent"), (False, "program"), (None, "program")]
)
def test_turns_that_are_sent_count_as_the_senders(tmp_path, memory, inside, channel):
    turns = [{"number": 1, "who": "user", "said": "Always use tabs."}]
    answer, (order,) = call(tmp_path, memory, From(inside), turns=turns)
    assert isinstance(order, LearnFromTurns)
    assert order.channel == channel
    assert [one["origin"] for one in answer["lessons"]] == [channel]


@pytest.mark.parametrize("params", [{}, {"turns": [], "transcript_path": "/x"}], ids=range(2))
def test_either_turns_or_a_transcript_is_asked_for(tmp_path, memory, params):
    with pytest.raises(UsageError, match="one of the two"):
        call(tmp_path, memory, **params)


def test_turns_are_held_to_their_schema():
    turn = {"number": 1, "who": "root"}
    with pytest.raises(RpcError):
        method_for("learn.turns", {"client": "c", "session": "s", "turns": [turn]})


def test_a_dry_run_keeps_nothing(tmp_path, memory, file):
    answer, _ = call(tmp_path, memory, transcript_path=str(file), dry_run=True)
    assert [one["result"] for one in answer["lessons"]] == ["shown", "shown"]
    assert memory.kept() == []


@pytest.mark.parametrize("path", ["/nonexistent/x", "/", "/dev/null", "a\0b"])
def test_what_is_no_regular_file_is_refused(path):
    with pytest.raises(UsageError):
        piece_at(path, 0, REDACTOR)


def test_a_pipe_holds_nobody_up(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(UsageError, match="regular"):
        piece_at(str(tmp_path / "pipe"), 0, REDACTOR)


def test_a_line_that_is_too_long_is_passed_over(tmp_path):
    file = tmp_path / "t.jsonl"
    file.write_text(line("a") + "x" * (3 * PIECE_BYTES) + "\n" + line("b"))
    at, lines = 0, b""
    for _ in range(4):
        piece = piece_at(str(file), at, REDACTOR)
        lines, at = lines + piece.lines, piece.end
    assert at == file.stat().st_size
    assert piece.is_last
    assert [json.loads(one)["message"]["content"] for one in lines.split(b"\n") if one] == [
        "a",
        "b",
    ]
    assert lines.count(b"\n") == 3  # so that the numbers of what follows are right


def test_a_line_that_is_still_written_waits(tmp_path):
    file = tmp_path / "t.jsonl"
    file.write_text(line("a") + line("b")[:-1])
    piece = piece_at(str(file), 0, REDACTOR)
    assert piece.end == len(line("a"))
    assert piece.is_last
    file.write_text("x" * (2 * PIECE_BYTES))
    piece = piece_at(str(file), 0, REDACTOR)
    assert (piece.end, piece.is_last) == (0, True)


def test_lines_that_are_no_json_become_empty_ones(tmp_path):
    file = tmp_path / "t.jsonl"
    file.write_bytes(b"\xff\n" + b"[" * 10_000 + b"\n" + line("a").encode())
    assert piece_at(str(file), 0, REDACTOR).lines.count(b"\n") == 3


def test_an_answer_says_what_was_learned():
    assert learn._said(Learned(lessons=()), more=True) == {
        "lessons": (), "turns": 0, "read_to": 0, "carry": "", "more": True,
    }  # fmt: skip
