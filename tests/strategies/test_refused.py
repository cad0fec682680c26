"""A disk that refuses at any moment: the engine is what its log says, and each end counts once."""

import random

import apsw
import pytest

from atlas_actors.messages.outcome import OutcomesGrew
from atlas_actors.messages.strategy import EvolveStrategies, RetireStrategy
from atlas_actors.store import refused
from atlas_actors.store_actor import TELL_AGAIN_S
from atlas_actors.strategies import journal, records
from atlas_actors.strategies.journal import Journal
from tests.support.ledger_room import acknowledged, handle
from tests.support.strategists import asking, batch, ended, room_on

pytestmark = pytest.mark.slow
STEPS = 100


@pytest.fixture
def room(tmp_path, monkeypatch):
    monkeypatch.setattr(journal, "SNAPSHOT_EVERY", 25)
    built = room_on(tmp_path)
    built.start()
    yield built
    built.stop()


def refuse_next_commit(room):
    """The disk is full, once."""
    store, plain = room.actor.store, room.actor.store.commit

    def refuse():
        store.commit = plain
        store.rollback()
        raise refused(store.path, apsw.FullError("planted by a test"))

    store.commit = refuse


def refuse_a_write(room, after):
    """The n-th statement that writes fails by itself, once."""
    store, plain, left = room.actor.store, room.actor.store.run, [after]

    def run(*arguments):
        left[0] -= 1
        if left[0] == 0:
            store.run = plain
            raise apsw.FullError("planted by a test")
        return plain(*arguments)

    store.run = run


def as_logged(room):
    """The engine of somebody who only has the log."""
    return Journal(room.actor.store, room.clock.now_ms).engine.snapshot()


@pytest.mark.parametrize("seed", range(3))
def test_whatever_is_refused_engine_and_log_say_the_same(room, seed):
    dice, feed = random.Random(seed), []
    for number in range(1, STEPS + 1):
        hurt = dice.random()
        if hurt < 0.15:
            refuse_next_commit(room)
        elif hurt < 0.3:
            refuse_a_write(room, dice.randint(1, 12))
        step = dice.random()
        if step < 0.5:
            (reply,) = handle(room, [asking(number, task_id=f"t{number}")])
            if acknowledged(reply):
                passed = dice.random() < 0.6
                feed.append(ended(len(feed) + 1, reply.value, f"t{number}", passed))
        elif step < 0.9 and len(feed) > (read := records.cursor(room.actor.store)):
            told = feed[max(0, read - 3) : read + dice.randint(1, 5)]  # some of them once more
            handle(room, [batch(*told), OutcomesGrew(seq=len(feed))])
            room.clock.advance(TELL_AGAIN_S)
            room.actor._handle_due()
        elif step < 0.95:
            handle(room, [EvolveStrategies()])
        else:
            victim = room.actor.store.row("select id from strategies order by id limit 1")["id"]
            handle(room, [RetireStrategy(strategy=victim)])
        assert room.actor._journal.engine.snapshot() == as_logged(room), number
    for name in ("run", "commit"):
        vars(room.actor.store).pop(name, None)
    room.clock.advance(TELL_AGAIN_S)
    room.actor._handle_due()
    handle(room, [batch(*feed)])
    counts = room.actor.store.rows(
        "select event ->> '$.choice' as choice, count(*) as n from log where kind = 'ended'"
        " group by 1"
    )
    assert {row["n"] for row in counts} == {1}
    assert len(counts) == len(feed)
    assert records.cursor(room.actor.store) == len(feed)
