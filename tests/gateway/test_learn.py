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
from atlas_actors.messages.learning import LearnFromTranscript, LearnFromTurns
from atlas_actors.messages.task import SubmitTask, TaskAccepted
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


def test_an_answer_says_what_was_learned_and_not_what_was_said(tmp_path, memory, file):
    answer, _ = call(tmp_path, memory, transcript_path=str(file))
    assert set(answer) == {"lessons", "turns", "read_to", "carry", "more", "task_id"}
    assert answer["task_id"] is None


SPOKEN = "The importer opens ledger.db once for each row. " * 10


def reading(tmp_path, memory, **params):
    """What tasks are asked for when these turns are learned from."""
    params = {"client": "claude", "session": "s", **params}
    params.setdefault("turns", [{"number": 1, "who": "user", "said": SPOKEN}])
    method_for("learn.turns", params)
    submitted = []

    def answered(message):
        if isinstance(message, SubmitTask):
            submitted.append(message)
            return TaskAccepted(id="t", created=True)
        return memory.actor.dispatch(message)

    door = door_on(tmp_path / "home", [], answered)
    door.learn_with = params.pop("learn_with", "")
    return anyio.run(learn.answer, door, "learn.turns", params, From(False)), submitted


@pytest.mark.parametrize("event", ["stop", "Stop", "pre_compact", "session_end", "session-end"])
def test_a_session_that_ends_is_read_by_the_model_that_the_user_named(tmp_path, memory, event):
    answer, (order,) = reading(tmp_path, memory, event=event, **{"with": "localai"})
    assert answer["task_id"] == "t"
    assert (order.origin, order.request.provider, order.request.budget_usd) == (
        "generated", "localai", 0.0,
    )  # fmt: skip
    assert order.request.cwd is None
    assert SPOKEN.strip() in order.request.prompt
    (row,) = memory.rows("select key, channel, taken from readings")
    assert (row["key"], row["taken"]) == (order.key, None)


def test_what_is_read_is_bounded_by_the_models_window(tmp_path, memory):
    many = [{"number": n, "who": "user", "said": SPOKEN * 20} for n in range(1, 20)]
    _, (order,) = reading(tmp_path, memory, turns=many, **{"with": "localai"})
    assert len(order.request.prompt) < 3 * (4096 - 1024)


@pytest.mark.parametrize(
    ("params", "says"),
    [({"with": "nobody"}, "no provider"), ({"with": "haiku"}, "would cost"),
     ({"with": "codex"}, "would cost")],
)  # fmt: skip
def test_a_reader_that_is_none_or_costs_is_refused_before_anything_is_learned(
    tmp_path, memory, params, says
):
    with pytest.raises(UsageError, match=says):
        reading(tmp_path, memory, **params)
    assert memory.rows("select * from transcripts") == []


def test_a_person_may_pay_for_one_reading(tmp_path, memory):
    _, (order,) = reading(tmp_path, memory, budget_usd=0.1, **{"with": "haiku"})
    assert order.request.budget_usd == 0.1


@pytest.mark.parametrize(
    "params",
    [{"dry_run": True, "with": "localai"}, {"event": "stop"},
     {"with": "localai", "turns": [{"number": 1, "who": "user", "said": "thanks"}]},
     {"with": "localai", "turns": [{"number": 1, "who": "tool", "output": SPOKEN}]}],
)  # fmt: skip
def test_nothing_is_read_that_nobody_wants_read(tmp_path, memory, params):
    answer, submitted = reading(tmp_path, memory, **params)
    assert (answer["task_id"], submitted) == (None, [])
    assert memory.rows("select * from readings") == []
