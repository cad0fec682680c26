"""The executor and work that is interrupted: what it tells, and in which directory it goes on."""

import os
import shutil
import signal

import pytest

from atlas_actors import process
from atlas_actors.executor import checkpoints
from atlas_actors.messages import paths
from atlas_actors.messages.execution import AttemptEnded, CancelAttempt, End, Fault
from atlas_actors.messages.handoff import Checkpoint, SaveCheckpoint, Session
from tests.support.clients import KEY, STEPS, Life, keeper, program, settings
from tests.support.executors import House

pytestmark = pytest.mark.slow  # each starts processes
CUT_AT = 7
PROMPT = "make ten files"


@pytest.fixture(autouse=True)
def impatient(monkeypatch):
    monkeypatch.setattr(process, "GRACE_S", 0.1)


@pytest.fixture
def cwd(tmp_path):
    folder = tmp_path / "cwd"
    folder.mkdir()
    return str(folder)


@pytest.fixture
def life(tmp_path):
    made = Life(tmp_path)
    yield made
    made.close()


@pytest.fixture
def start(tmp_path, monkeypatch):
    """Starts executors of a client that keeps its sessions; a second one is as after a restart."""
    monkeypatch.setenv("STUB_KEY", KEY)
    started = []

    def start(body=None, *, handoffs=True, **changes):
        command = program(tmp_path, body or keeper(tmp_path, CUT_AT))
        said = settings(command=command, key_env="STUB_KEY", **changes)
        started.append(House(tmp_path, said, handoffs=handoffs))
        return started[-1]

    yield start
    for house in started:
        house.tree.stop()


def told(house, done):
    """The first checkpoint with as many steps."""
    while True:
        save = house.hear(SaveCheckpoint, "handoffs")
        if len(save.checkpoint.done) == done:
            return save


@pytest.fixture
def cut(tmp_path, life, start, cwd):
    """What an attempt has left that was killed with its eighth call of the model."""

    def cut(house, **fields):
        house.run(prompt=PROMPT, cwd=cwd, writes=True, **fields)
        life.wait()
        os.killpg(int((tmp_path / "pids").read_text().split()[-1]), signal.SIGKILL)
        assert house.hear(AttemptEnded).end is End.UNREACHABLE
        before = fields.get("handoff") or Checkpoint()
        return told(house, len(before.done) + CUT_AT)

    return cut


def calls(tmp_path):
    return [int(number) for number in (tmp_path / "calls").read_text().split()]


def goes_on(house, cwd, left, **fields):
    return house.ended(prompt=PROMPT, attempt=2, cwd=cwd, writes=True, handoff=left, **fields)


def test_a_killed_run_goes_on_in_its_directory_after_a_restart(start, cut, tmp_path, cwd):
    left = cut(start())
    ended = goes_on(start(), cwd, left.checkpoint)
    assert (ended.end, ended.answer) == (End.ANSWERED, "done")
    assert ended.workspace.files == STEPS  # also those that the killed one had made
    assert len(calls(tmp_path)) == STEPS + 1
    assert ended.usage.input == 10 * (STEPS - CUT_AT)


def test_what_it_tells_names_the_attempt_and_the_goal(start, cut, cwd):
    save = cut(start())
    assert (save.task_id, save.attempt, save.provider, save.cwd) == ("t", 1, "x", cwd)
    assert save.checkpoint.goal == PROMPT
    assert save.checkpoint.sessions[0].folder.endswith("/workspaces/t")


def test_the_goal_of_work_that_was_handed_over_stays(start, cut):
    save = cut(start(), handoff=Checkpoint(goal="the first goal", done=("much",)))
    assert save.checkpoint.goal == "the first goal"
    assert save.checkpoint.done[0] == "much"


def test_the_key_is_not_in_the_goal_and_a_long_one_is_cut(start, cwd):
    house = start(keeper_of_one())
    house.ended(prompt=f"use {KEY} {'x' * 10_000}", cwd=cwd, writes=True)
    goal = house.hear(SaveCheckpoint, "handoffs").checkpoint.goal
    assert goal.startswith("use [key] xxx")
    assert len(goal) == 4_000


def keeper_of_one():
    return 'claude("four")'


def test_without_who_keeps_handoffs_the_work_is_done_all_the_same(start, cwd):
    ended = start(keeper_of_one(), handoffs=False).ended(prompt=PROMPT, cwd=cwd, writes=True)
    assert (ended.end, ended.answer) == (End.ANSWERED, "four")


def test_an_executor_that_stops_tells_what_its_runs_have_done(start, life, cwd, monkeypatch):
    monkeypatch.setattr(checkpoints, "CHECKPOINT_S", 10_000.0)
    house = start()
    house.run(prompt=PROMPT, cwd=cwd, writes=True)
    life.wait()
    house.tree.stop()
    assert life.is_over()
    assert told(house, CUT_AT)


def test_another_attempt_that_goes_on_with_nothing_begins_anew(start, cut, tmp_path, cwd):
    cut(start())
    house = start(keeper(tmp_path))
    ended = goes_on(house, cwd, None)
    assert ended.workspace.files == STEPS
    assert calls(tmp_path)[CUT_AT + 1 :] == list(range(STEPS))
    prompts = (tmp_path / "prompts").read_text().splitlines()
    assert prompts == [f'"{PROMPT}"'] * 2


def test_a_directory_that_was_lost_takes_the_handoff_with_it(start, cut, tmp_path, cwd):
    """Steps are not said to be done, nor gone on with, whose files are not there."""
    left = cut(start())
    shutil.rmtree(tmp_path / "workspaces")
    ended = goes_on(start(keeper(tmp_path)), cwd, left.checkpoint)
    assert ended.workspace.files == STEPS
    assert (tmp_path / "prompts").read_text().splitlines()[-1] == f'"{PROMPT}"'


def test_what_a_person_has_done_elsewhere_is_told_to_a_first_attempt(start, tmp_path, cwd):
    session = Session(provider="claude", id="a-persons-session", folder=cwd)
    left = Checkpoint(goal="fix the pager", done=("Edit pager.py",), sessions=(session,))
    house = start(keeper(tmp_path))
    house.ended(prompt=PROMPT, cwd=cwd, writes=True, handoff=left)
    prompt = (tmp_path / "prompts").read_text()
    assert "fix the pager" in prompt
    assert "Edit pager.py" in prompt


def test_work_in_place_goes_on_in_the_directory_itself(start, cut, tmp_path, cwd):
    left = cut(start(), in_place=True)
    assert left.checkpoint.sessions[0].folder == cwd
    ended = goes_on(start(), cwd, left.checkpoint, in_place=True)
    assert ended.end is End.ANSWERED
    assert len(calls(tmp_path)) == STEPS + 1


def test_a_person_who_cancels_leaves_no_directory(start, life, tmp_path, cwd):
    house = start()
    house.run(prompt=PROMPT, cwd=cwd, writes=True)
    life.wait()
    house.tree.directory.ref(paths.executor("x")).tell(CancelAttempt(task_id="t", attempt=1))
    assert house.hear(AttemptEnded).end is End.CANCELLED
    assert not (tmp_path / "workspaces" / "t").exists()


def test_a_directory_that_cannot_be_worked_in_is_a_fault_of_the_task(start, tmp_path):
    left = Checkpoint(done=("Edit a.py",))
    ended = goes_on(start(keeper_of_one()), str(tmp_path / "gone"), left)
    assert (ended.end, ended.fault) == (End.REFUSED, Fault.TASK)


def test_old_transcripts_are_deleted_when_it_starts(start, tmp_path):
    projects = tmp_path / "clients" / "x" / ".claude" / "projects" / "p"
    projects.mkdir(parents=True)
    for name, mtime_s in (("old", 1.0), ("young", None)):
        (projects / f"{name}.jsonl").touch()
        if mtime_s is not None:
            os.utime(projects / f"{name}.jsonl", (mtime_s, mtime_s))
    start(keeper_of_one())
    assert [file.name for file in projects.iterdir()] == ["young.jsonl"]
