"""An interrupted run of a client goes on in its own session, or is told what was left."""

import json
import os
import signal
from collections import Counter
from pathlib import Path

import anyio
import attrs
import pytest

from atlas_actors import process
from atlas_actors.executor import checkpoints
from atlas_actors.executor.handoff import GO_ON
from atlas_actors.messages.execution import End
from atlas_actors.messages.handoff import Checkpoint, Session
from tests.support.clients import KEY, STEPS, Life, backend, keeper, work
from tests.support.trees import WAIT_S

pytestmark = pytest.mark.slow  # each starts processes
BOTH = pytest.mark.parametrize("transport", ["claude-cli", "codex-cli"])
CUT_AT = 7
PROMPT = "make ten files"


@pytest.fixture(autouse=True)
def impatient(monkeypatch):
    monkeypatch.setattr(process, "GRACE_S", 0.1)


class Bench:
    """A folder to work in, and a client whose calls are counted; each run has a new backend, as
    after a restart of the daemon."""

    def __init__(self, tmp_path, transport):
        self.path, self.transport = tmp_path, transport
        self.folder = tmp_path / "folder"
        self.folder.mkdir()
        self.life = Life(tmp_path)
        self.heard: list[Checkpoint] = []

    def run(self, handoff=None, cut_at=None, act=None, body=None, **changes):
        """One run; `act` is called once it hangs."""
        client = backend(self.path, body or keeper(self.path, cut_at), transport=self.transport,
                         **changes)  # fmt: skip
        asked = work(PROMPT, folder=str(self.folder), writes=True, handoff=handoff,
                     on_checkpoint=self.heard.append)  # fmt: skip

        async def ask():
            ended = []

            async def one():
                ended.append(await client.ask(asked, lambda _: None))

            with anyio.fail_after(WAIT_S):
                async with anyio.create_task_group() as group:
                    group.start_soon(one)
                    if act is not None:
                        await anyio.wait_readable(self.life)
                        self.life.began()
                        act(group)
            return ended[0] if ended else None

        return anyio.run(ask)

    def cut(self):
        """A run that is killed with all its group in its eighth step; the last that was heard."""

        def kill(_):
            os.killpg(int(self.lines("pids")[-1]), signal.SIGKILL)

        self.run(cut_at=CUT_AT, act=kill)
        return self.heard[-1]

    def lines(self, name):
        return (self.path / name).read_text().splitlines()

    @property
    def calls(self):
        return [int(number) for number in self.lines("calls")]

    @property
    def prompts(self):
        return [json.loads(text) for text in self.lines("prompts")]

    @property
    def home(self):
        return self.path / "atlas" / "clients" / "x"


@pytest.fixture
def bench(tmp_path, transport):
    made = Bench(tmp_path, transport)
    yield made
    made.life.close()


@BOTH
def test_a_run_of_ten_steps_killed_in_the_eighth_repeats_at_most_one_call(bench):
    left = bench.cut()
    ended = bench.run(handoff=left)
    assert (ended.end, ended.answer.text) == (End.ANSWERED, "done")
    assert bench.calls == [*range(CUT_AT + 1), *range(CUT_AT, STEPS)]
    assert len(list(bench.folder.iterdir())) == STEPS


@BOTH
def test_a_session_that_is_gone_on_with_is_told_that_and_not_the_request_again(bench):
    bench.run(handoff=bench.cut())
    assert bench.prompts == [PROMPT, GO_ON]


@BOTH
def test_what_is_gone_on_with_is_charged_by_the_difference(bench):
    ended = bench.run(handoff=bench.cut())
    assert ended.answer.usage.input == 10 * (STEPS - CUT_AT)


@BOTH
def test_a_session_that_had_ended_in_order_is_charged_by_the_difference_after_a_restart(bench):
    bench.run()
    left = attrs.evolve(bench.heard[-1], done=("all ten",))
    ended = bench.run(handoff=left)
    assert bench.calls == list(range(STEPS))  # nothing was called again
    assert ended.answer.usage.input == 0
    assert not ended.cost_usd


@BOTH
def test_it_tells_its_session_steps_and_files(bench):
    left = bench.cut()
    (session,) = left.sessions
    assert (session.provider, session.folder) == ("x", str(bench.folder))
    assert left.files == tuple(f"f{number}.txt" for number in range(CUT_AT))
    assert len(left.done) == CUT_AT
    assert left.done[0].endswith("f0.txt")


@BOTH
def test_a_run_that_goes_on_tells_the_steps_before_too(bench):
    before = attrs.evolve(bench.cut(), goal="the goal", next_steps=("test it",))
    bench.run(handoff=before)
    told = bench.heard[-1]
    assert (told.goal, told.next_steps) == ("the goal", ("test it",))
    assert told.done[: len(before.done)] == before.done
    assert told.sessions == before.sessions


@BOTH
def test_a_cancelled_run_tells_what_it_has_done(bench, monkeypatch):
    monkeypatch.setattr(checkpoints, "CHECKPOINT_S", 10_000.0)
    bench.run(cut_at=CUT_AT, act=lambda group: group.cancel_scope.cancel())
    assert len(bench.heard) == 2  # its session, and the end
    assert len(bench.heard[-1].done) == CUT_AT
    ended = bench.run(handoff=bench.heard[-1])
    assert ended.end is End.ANSWERED
    assert max(Counter(bench.calls).values()) <= 2
    assert len(bench.calls) == STEPS + 1


@BOTH
def test_a_change_is_told_while_the_run_lasts(bench, monkeypatch):
    monkeypatch.setattr(checkpoints, "CHECKPOINT_S", 0.01)
    heard = []

    def end_once_told(group):
        async def wait():
            while not bench.heard or len(bench.heard[-1].done) < CUT_AT:
                await anyio.lowlevel.checkpoint()
            heard.extend(bench.heard)
            group.cancel_scope.cancel()

        group.start_soon(wait)

    bench.run(cut_at=CUT_AT, act=end_once_told)
    assert len(heard[-1].done) == CUT_AT


@BOTH
def test_a_session_that_is_lost_is_followed_by_a_new_one_that_is_told_what_was_done(bench):
    left = bench.cut()
    (transcript,) = bench.home.glob("**/*.jsonl")
    transcript.unlink()
    assert bench.run(handoff=left).end is End.ANSWERED
    assert len(bench.calls) == CUT_AT + 1 + STEPS
    told = bench.prompts[-1]
    assert told.startswith(PROMPT)
    assert "f6.txt" in told


@BOTH
def test_a_session_that_the_client_does_not_find_is_begun_anew_once(bench):
    left = bench.cut()
    (transcript,) = bench.home.glob("**/*.jsonl")
    client = keeper(bench.path).replace("if resumes and not transcript():", "if resumes:")
    ended = bench.run(handoff=left, body=client)
    assert ended.end is End.ANSWERED
    assert bench.prompts[1] == GO_ON
    assert bench.prompts[2].startswith(PROMPT)
    assert "f6.txt" in bench.prompts[2]
    assert len(bench.prompts) == 3
    new = bench.heard[-1].sessions
    assert new != left.sessions
    assert transcript.exists()


@BOTH
def test_a_session_without_an_answer_of_the_model_is_begun_anew(bench):
    bench.run(cut_at=0, act=lambda group: group.cancel_scope.cancel())
    bench.run(handoff=bench.heard[-1])
    assert bench.prompts == [PROMPT, PROMPT]


@BOTH
@pytest.mark.parametrize("change", [{"provider": "y"}, {"folder": "/elsewhere"}, {"id": "../../x"}])
def test_a_session_of_somebody_else_or_elsewhere_is_not_gone_on_with(bench, change):
    left = bench.cut()
    session = attrs.evolve(left.sessions[0], **change)
    bench.run(handoff=attrs.evolve(left, sessions=(session,)))
    assert bench.prompts[-1].startswith(PROMPT)


@BOTH
def test_in_a_persons_own_home_nothing_is_kept(bench, tmp_path):
    person = tmp_path / "person"
    person.mkdir()
    where = {"client_home": str(person)}
    bench.run(cut_at=CUT_AT, act=lambda group: group.cancel_scope.cancel(), **where)
    left = bench.heard[-1]
    assert (left.sessions, len(left.done)) == ((), CUT_AT)
    assert list(person.rglob("*.jsonl")) == []
    bench.run(handoff=left, **where)
    assert "f6.txt" in bench.prompts[-1]
    assert list(person.rglob("*.jsonl")) == []


@BOTH
def test_of_a_question_of_text_alone_nothing_is_kept_or_told(bench):
    client = backend(bench.path, keeper(bench.path), transport=bench.transport)
    left = Checkpoint(done=("much",), sessions=(Session(provider="x", id="0" * 12, folder="/"),))
    asked = work(PROMPT, handoff=left, on_checkpoint=bench.heard.append)
    assert anyio.run(client.ask, asked, lambda _: None).end is End.ANSWERED
    assert (bench.heard, bench.prompts) == ([], [PROMPT])
    assert list(bench.home.rglob("*.jsonl")) == []


@BOTH
def test_a_run_that_did_not_begin_leaves_what_was_there_before(bench):
    left = bench.cut()
    bench.heard.clear()
    ended = bench.run(handoff=left, body="sys.exit('no')")
    assert ended.end is not End.ANSWERED
    assert bench.heard == []


def test_the_key_is_in_no_checkpoint(tmp_path):
    body = """
        key = os.environ["ANTHROPIC_API_KEY"]
        claude_line = lambda **more: line(dict(type="assistant", message=dict(content=[dict(
            type="tool_use", id="1", **more)])))
        line(dict(type="system", subtype="init", session_id="12345678", model="m"))
        claude_line(name="Bash", input=dict(command="echo " + key))
        claude_line(name="TodoWrite", input=dict(todos=[dict(content=key, status="pending")]))
        line(dict(type="stream_event", event=dict(delta=dict(text="it is " + key))))
    """
    bench = Bench(tmp_path, "claude-cli")
    bench.run(body=body)
    (left,) = bench.heard[1:]
    assert "[key]" in left.done[0]
    assert "[key]" in left.last_output
    assert KEY not in repr(bench.heard)
    bench.life.close()


def test_a_short_key_that_comes_in_pieces_is_in_no_checkpoint(tmp_path):
    body = """
        line(dict(type="system", subtype="init", session_id="12345678", model="m"))
        for letter in "it is abcd1234":
            line(dict(type="stream_event", event=dict(delta=dict(text=letter))))
    """
    bench = Bench(tmp_path, "claude-cli")
    bench.run(body=body, key="abcd1234")
    assert bench.heard[-1].last_output == "it is [key]"
    bench.life.close()


def test_the_transcripts_are_only_the_owners(tmp_path):
    bench = Bench(tmp_path, "claude-cli")
    bench.run()
    assert Path(bench.home).stat().st_mode & 0o777 == 0o700
    bench.life.close()
