"""Transcripts of sessions: each is read once it is due, one at a time; what fails stays due."""

import json

import anyio
import pytest

from atlas_actors.errors import Unavailable
from atlas_actors.gateway import hook_learning
from atlas_actors.gateway.hook_learning import TRIES_MAX, work_off
from atlas_actors.messages.client import LearningDone, LearningDue, LearningWanted
from atlas_actors.messages.learning import LearnFromTranscript
from tests.support.doors import door_on
from tests.support.memories import Remembering


@pytest.fixture
def memory(tmp_path):
    built = Remembering(tmp_path)
    yield built
    built.stop()


def due(path, seq=1, session="s", client="claude"):
    return LearningDue(client=client, session=session, project="/p", transcript_path=str(path),
                       event="stop", seq=seq)  # fmt: skip


def transcript(folder, text="Never commit to main."):
    file = folder / "s.jsonl"
    message = {"role": "user", "content": text}
    file.write_text(json.dumps({"type": "user", "uuid": "1", "message": message}) + "\n")
    return file


def door_with(tmp_path, memory, wanted):
    asked = []

    def answer(message):
        match message:
            case LearningWanted():
                return wanted
            case LearningDone():
                return None
        return memory.actor.dispatch(message)

    return door_on(tmp_path / "home", asked, answer), asked


def told(asked, kind):
    return [message for _, message in asked if isinstance(message, kind)]


def test_what_is_due_is_learned_and_done(tmp_path, memory):
    door, asked = door_with(tmp_path, memory, (due(transcript(tmp_path), seq=9),))
    anyio.run(work_off, door, {})
    assert memory.kept() == ["Never commit to main"]
    assert told(asked, LearningDone) == [LearningDone(client="claude", session="s", seq=9)]
    (order,) = told(asked, LearnFromTranscript)
    assert (order.project, order.channel) == ("/p", "file")


def test_what_cannot_be_read_stays_due_and_is_not_tried_for_ever(tmp_path, memory):
    file = transcript(tmp_path)
    door, asked = door_with(tmp_path, memory, (due("/no/such/file"), due(file, session="t")))
    tries = {}

    async def often():
        for _ in range(TRIES_MAX + 3):
            await work_off(door, tries)

    anyio.run(often)
    assert {done.session for done in told(asked, LearningDone)} == {"t"}
    assert tries["claude", "s", 1] == TRIES_MAX


def test_tries_are_forgotten_with_what_is_due_no_more(tmp_path, memory):
    door, _ = door_with(tmp_path, memory, ())
    tries = {("claude", "s", 1): 1}
    anyio.run(work_off, door, tries)
    assert tries == {}


def test_a_room_that_is_parked_is_asked_again_at_the_next_wish(tmp_path, memory):
    seen = []

    async def ask(_path, message, _timeout_s):
        seen.append(message)
        raise Unavailable("parked", part="sessions")

    door = door_on(tmp_path / "home", [])
    door.ask = ask

    async def follow():
        async with anyio.create_task_group() as group:
            group.start_soon(hook_learning.follow, door)
            for count in (1, 2):
                while len(seen) < count:
                    await anyio.lowlevel.checkpoint()
                door.hooks.learning.wish()
            group.cancel_scope.cancel()

    anyio.run(follow)
    assert all(isinstance(message, LearningWanted) for message in seen)
