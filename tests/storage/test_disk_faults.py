"""F4: every call to the disk fails in turn, once or until the disk has healed."""

import random
import shutil
from collections import Counter

import pytest

from atlas_actors.store_actor import StoreActor
from tests.support.faulty_disk import suffer
from tests.support.ledger_room import handle, make_schema, room_stage, work

pytestmark = pytest.mark.slow
NEVER = 10**9


@pytest.fixture
def trial(tmp_path):
    """One trial of a fault on a copy of a room's file, whose writer was killed."""
    schema = make_schema(tmp_path)
    path = tmp_path / "room.db"
    stage = room_stage(path, schema)
    stage.start()
    for batch in work(random.Random(0), 4):
        handle(stage, batch)
    whole = tmp_path / "whole.db"
    for part in ("", "-wal"):
        shutil.copyfile(f"{path}{part}", f"{whole}{part}")
    stage.stop()

    def run(fault, fails_at, *, lasts=False):
        home = tmp_path / f"{fault}-{fails_at}-{lasts}"
        home.mkdir()
        return suffer(home, whole, schema, fault, fails_at, lasts=lasts)

    return run


@pytest.mark.parametrize("lasts", [False, True], ids=["once", "lasting"])
@pytest.mark.parametrize("fault", ["io", "full", "short"])
def test_f4_a_call_that_fails_loses_nothing_and_the_room_recovers_by_itself(trial, fault, lasts):
    calls = trial(fault, NEVER).calls
    assert calls > 50
    told = Counter()
    for number in range(1, calls + 1):
        suffered = trial(fault, number, lasts=lasts)
        assert suffered.failures, number
        assert not suffered.lost, number
        assert suffered.problems == [], number
        assert suffered.crashes == [], number
        told += suffered.errors
    assert told["Unavailable"] == told.total() > calls / 4


def test_f4_a_room_that_acknowledges_what_the_disk_refused_is_found(trial, monkeypatch):
    """The negative control."""

    def say_done(actor, batch, error):
        actor.store.rollback()
        for mail in batch:
            mail.reply_to.set(None)

    monkeypatch.setattr(StoreActor, "_refuse", say_done)
    assert any(trial("full", number).lost for number in range(10, 60, 10))
