"""One commit for all who ask at once: who was just answered is waited for, a little."""

import threading

import pytest

from atlas_actors import store_actor
from atlas_actors.mailbox import Envelope, Reply
from atlas_actors.messages import paths
from atlas_actors.messages.task import LookAtTasks
from atlas_actors.tasks.actor import Tasks
from tests.support.queue_many import SETTINGS
from tests.support.queue_tree import ORDER
from tests.support.stages import Stage
from tests.support.trees import WAIT_S


@pytest.fixture
def stage(tmp_path, monkeypatch):
    monkeypatch.setattr(store_actor, "GATHER_S", WAIT_S)  # so that what waits, waits for mail
    built = Stage(
        Tasks, path=paths.TASKS, database=tmp_path / "tasks.db", settings=SETTINGS, epoch=1
    )
    built.start()
    yield built
    built.stop()


def ask(stage, message=ORDER, reply=None):
    reply = reply or Reply()
    stage.cell.mailbox.put(Envelope(message, reply))
    return reply


def handle(stage):
    """What the loop does with the next message."""
    stage.actor._handle(stage.cell.mailbox.get(0))
    stage.actor._commit_s = 2 * WAIT_S  # the clock of this stage stands still


def answered(replies):
    return sum(reply.value is not None for reply in replies)


def test_a_commit_takes_all_mail_that_waits(stage):
    replies = [ask(stage) for _ in range(3)]
    handle(stage)
    assert answered(replies) == 3


def test_the_next_commit_waits_for_as_many_as_were_just_answered(stage):
    for _ in range(3):
        ask(stage)
    handle(stage)
    replies = [ask(stage), Reply(), Reply()]
    threading.Timer(0.01, lambda: [ask(stage, reply=reply) for reply in replies[1:]]).start()
    handle(stage)
    assert answered(replies) == 3


@pytest.mark.parametrize("before", [0, 1])
def test_one_caller_is_never_waited_for(stage, monkeypatch, before):
    for _ in range(before):
        ask(stage)
        handle(stage)
    waits = []
    gather = stage.cell.mailbox.__class__.gather
    monkeypatch.setattr(
        "atlas_actors.mailbox.Mailbox.gather",
        lambda mailbox, count, wait_s=0.0: waits.append(wait_s) or gather(mailbox, count),
    )
    reply = ask(stage)
    handle(stage)
    assert (answered([reply]), waits) == (1, [0.0])


def test_what_need_not_survive_a_power_cut_waits_for_nobody(stage, monkeypatch):
    for _ in range(3):
        ask(stage)
    handle(stage)
    waits = []
    gather = stage.cell.mailbox.__class__.gather
    monkeypatch.setattr(
        "atlas_actors.mailbox.Mailbox.gather",
        lambda mailbox, count, wait_s=0.0: waits.append(wait_s) or gather(mailbox, count),
    )
    reply = ask(stage, LookAtTasks())
    handle(stage)
    assert (answered([reply]), waits) == (1, [0.0])
