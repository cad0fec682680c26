"""A batch is indexed and linked together: it comes to what one by one comes to, or to nothing."""

import pytest

from atlas_actors.errors import NotFound
from atlas_actors.messages.memory import NewEntity, NewMemory
from tests.support.memories import Remembering

TURNS = (
    NewMemory(kind="episode", text="Ann wrote store.py", project="p", session="s", speaker="Ann"),
    NewMemory(kind="episode", text="it needs apsw", project="p", session="s", speaker="Bob"),
    NewMemory(kind="learning", text="`apsw` is imported by store.py", project="p"),
    NewMemory(kind="episode", text="apsw is in C", project="p", session="t", speaker="Ann"),
    NewMemory(kind="learning", text="store.py opens the file", project="q"),
)
TABLES = (
    "select * from search_projects order by number",
    "select * from search_sessions order by number",
    "select * from search_rows order by number",
    "select project, kind, name, norm from entities order by id",
    "select entity, number, count from mentions order by number, entity",
    "select subject, relation, object, number from facts order by id",
)


@pytest.fixture(name="room")
def _room(tmp_path):
    return _opened(tmp_path / "together")


def _opened(folder):
    folder.mkdir()
    return Remembering(folder)


def _tables(room):
    return [room.rows(sql) for sql in TABLES]


def test_a_batch_comes_to_what_its_memories_come_to_one_by_one(room, tmp_path):
    room.store(*TURNS)
    apart = _opened(tmp_path / "apart")
    for turn in TURNS:
        apart.store(turn)
    assert _tables(room) == _tables(apart)
    assert len(room.rows("select * from mentions")) > len(TURNS)


def test_a_batch_goes_on_where_the_one_before_has_ended(room, tmp_path):
    room.store(*TURNS[:2])
    room.store(*TURNS[2:])
    whole = _opened(tmp_path / "whole")
    whole.store(*TURNS)
    assert _tables(room) == _tables(whole)


def test_a_word_is_no_name_before_something_has_that_name(room):
    entity = NewEntity(name="zebra", kind="thing", project="p")
    before = NewMemory(kind="learning", text="we wait for the zebra", project="p")
    after = NewMemory(kind="learning", text="we hold the zebra", project="p")
    room.store(before, entity, after)
    (mention,) = room.rows("select number from mentions")
    (row,) = room.rows("select text from memories where number = ?", mention["number"])
    assert row["text"] == "we hold the zebra"


def test_of_a_batch_that_fails_nothing_is_counted(room):
    room.store(*TURNS[:1])
    before = _tables(room)
    missing = NewMemory(kind="learning", text="no", project="p", supersedes=("gone",))
    with pytest.raises(NotFound), room.actor.store.savepoint():
        room.store(*TURNS[1:], missing)
    assert _tables(room) == before
    room.store(*TURNS[1:2])
    (session,) = room.rows("select places from search_sessions")
    assert session["places"] == 2
