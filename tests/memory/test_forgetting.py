"""What is forgotten is gone from every level and from the files' bytes, and that is proven."""

import random

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from atlas_actors.errors import UsageError
from atlas_actors.memory import proof
from atlas_actors.memory.proof import CHUNK_BYTES, Needles, found_in, pieces_of
from atlas_actors.messages.learning import LearnFromTurns, Turn
from atlas_actors.messages.memory import (
    ForgetMemories,
    NewEntity,
    NewMemory,
    NewRelation,
    Recall,
    StoreMemories,
)
from atlas_actors.store import Store
from tests.support.memories import Remembering, running

SECRET = "the zanzibarine passphrase of Ophelia"


def occurrences(folder, text):
    return sum(file.read_bytes().count(text.encode()) for file in folder.rglob("*memory.db*"))


def fill(memory, count=300):
    memory.store(*(f"fact number {n} is {random.Random(n).random()}" for n in range(count)))


@pytest.mark.slow
def test_a_forgotten_text_is_in_no_byte_of_the_files(tmp_path):
    with running(tmp_path, logs=tmp_path / "log") as memory:
        fill(memory)
        (stored,) = memory.store(SECRET, project="/p", session="s")
        fill(memory, 350)
        assert occurrences(tmp_path, SECRET) > 0
        gone = memory.ask(ForgetMemories(ids=(stored.id,)))
        assert occurrences(tmp_path, SECRET) == occurrences(tmp_path, "zanzibarine") == 0
        assert (gone.ids, gone.found_again, gone.cache_cleared) == ((stored.id,), 0, True)
        assert str(tmp_path / "memory.db") in gone.files_searched
        assert memory.ask(Recall(query="zanzibarine passphrase")).items == ()


@pytest.mark.slow
def test_the_proof_can_fail(tmp_path, monkeypatch):
    monkeypatch.setattr(Store, "fold", lambda self, *, anew: True)
    with running(tmp_path) as memory:
        (stored,) = memory.store(SECRET)
        gone = memory.ask(ForgetMemories(ids=(stored.id,)))
        assert gone.found_again >= 1
        assert occurrences(tmp_path, SECRET) >= 1


@pytest.mark.slow
def test_without_secure_deletion_the_first_search_finds_it_and_the_file_is_written_anew(
    tmp_path, monkeypatch
):
    searched, whole = [], proof.search

    def search(*arguments):
        found = whole(*arguments)
        searched.append(found.found_again)
        return found

    monkeypatch.setattr(proof, "search", search)
    with running(tmp_path) as memory:
        fill(memory)
        (stored,) = memory.store(SECRET)
        insecure = _with_pragma("pragma secure_delete=off")
        monkeypatch.setattr("atlas_actors.memory.forgetting.step", insecure)
        gone = memory.ask(ForgetMemories(ids=(stored.id,)))
    assert gone.found_again == 0
    assert len(searched) == 2
    assert searched[0] > 0
    assert occurrences(tmp_path, SECRET) == 0


def _with_pragma(pragma):
    from atlas_actors.memory.forgetting import step

    def planted(store, levels, job):
        store.connection.execute(pragma).fetchall()
        step(store, levels, job)

    return planted


@pytest.mark.slow
def test_each_filter_narrows_what_is_forgotten(tmp_path):
    with running(tmp_path) as memory:
        memory.store("a cat", "a dog", project="/p", session="s")
        memory.store("a cat", project="/p", session="t", kind="decision")
        memory.store("a cat", project="/q", session="s")
        few = memory.ask(ForgetMemories(match="CAT", project="/p", session="s", dry_run=True))
        assert (len(few.ids), few.files_searched) == (1, ())
        assert len(memory.ask(ForgetMemories(match="Cat")).ids) == 3
        left = memory.ask(Recall(query="cat dog")).items
        assert [item.text for item in left] == ["a dog"]


@pytest.mark.parametrize("order", [ForgetMemories(), ForgetMemories(match="  ")])
def test_what_names_nothing_forgets_nothing(tmp_path, order):
    with running(tmp_path) as memory, pytest.raises(UsageError):
        memory.ask(order)


@pytest.mark.slow
def test_a_forgotten_option_goes_from_the_decision_against_it(tmp_path):
    with running(tmp_path) as memory:
        (option,) = memory.store(SECRET, kind="decision")
        against = NewMemory(
            kind="decision", text="We take the other", alternatives=(SECRET, "none"),
            supersedes=(option.id,),
        )  # fmt: skip
        memory.ask(StoreMemories(items=(against,), origin="person"))
        gone = memory.ask(ForgetMemories(ids=(option.id,)))
        assert gone.found_again == 0
    assert occurrences(tmp_path, SECRET) == 0


@pytest.mark.slow
def test_a_word_that_a_kept_memory_has_too_is_no_failure(tmp_path):
    with running(tmp_path) as memory:
        first, _ = memory.store("the zanzibarine stays", "zanzibarine things are kept")
        assert memory.ask(ForgetMemories(ids=(first.id,))).found_again == 0
        assert [i.text for i in memory.ask(Recall(query="zanzibarine")).items] == [
            "zanzibarine things are kept"
        ]


@pytest.mark.slow
def test_a_copy_that_was_set_aside_is_searched_too(tmp_path):
    with running(tmp_path) as memory:
        (stored,) = memory.store(SECRET)
        copy = tmp_path / "memory.db.corrupt-1"
        copy.write_bytes(b"x" * 99 + SECRET.encode())
        gone = memory.ask(ForgetMemories(ids=(stored.id,)))
        assert gone.found_again >= 1
        assert gone.found_in == (str(copy),)


def test_who_dies_between_two_steps_knows_that_files_are_to_be_cleaned(tmp_path, monkeypatch):
    monkeypatch.setattr("atlas_actors.memory.forgetting.STEP_ROWS", 2)
    memory = Remembering(tmp_path)
    memory.store("a cat", "a dog", "a cat and a dog")
    before = memory.generation()
    memory.actor.dispatch(ForgetMemories(match="cat"))
    assert memory.kept() == ["a dog", "a cat and a dog"]
    assert memory.rows("select scrub from upkeep") == [{"scrub": 1}]
    assert memory.generation() > before


@pytest.mark.slow
def test_many_are_forgotten_in_steps_while_others_are_answered(tmp_path, monkeypatch):
    monkeypatch.setattr("atlas_actors.memory.forgetting.STEP_ROWS", 50)
    with running(tmp_path) as memory:
        fill(memory, 240)
        memory.store(SECRET, project="/other")
        gone = memory.ask(ForgetMemories(match="fact number"))
        assert (len(gone.ids), gone.found_again) == (240, 0)
        assert memory.ask(Recall(query="fact number")).items == ()
        assert len(memory.ask(Recall(query="zanzibarine")).items) == 1


@pytest.mark.slow
@given(
    st.lists(
        st.tuples(st.text("abcdefgh éß中", min_size=8, max_size=60), st.booleans()),
        min_size=1,
        max_size=20,
        unique_by=lambda pair: pair[0].strip(),
    )
)
@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_of_any_texts_the_forgotten_ones_are_gone_and_the_others_stay(tmp_path_factory, texts):
    folder = tmp_path_factory.mktemp("forget")
    with running(folder) as memory:
        stored = memory.store(*(text for text, _ in texts), kind="episode", session="s")
        kept = {one.id for one, (_, goes) in zip(stored, texts, strict=True) if not goes and one.id}
        ids = tuple({one.id for one in stored if one.id} - kept)
        if ids:
            gone = memory.ask(ForgetMemories(ids=ids))
            assert (set(gone.ids), gone.found_again) == (set(ids), 0)
        rows = {text.strip() for text, goes in texts if not goes}
        left = " \n ".join(rows)
        for text, goes in texts:
            if goes and len(text.strip().encode()) > 12 and text.strip() not in left:
                assert occurrences(folder, text.strip()) == 0


@pytest.mark.slow
def test_with_an_entity_go_the_memories_that_name_it(tmp_path):
    with running(tmp_path) as memory:
        memory.store("src/zanzibarine.py imports apsw", "we read other/src/zanzibarine.py.bak")
        memory.store("see Src/Zanzibarine.py.", project="/p")
        memory.store("nothing of that", speaker="src/zanzibarine.py")
        few = memory.ask(ForgetMemories(entity="src/zanzibarine.py", project="/p", dry_run=True))
        gone = memory.ask(ForgetMemories(entity="src/zanzibarine.py"))
        assert (len(few.ids), len(gone.ids), gone.found_again) == (1, 3, 0)
        left = memory.ask(Recall(query="zanzibarine")).items
        assert [item.text for item in left] == ["we read other/src/zanzibarine.py.bak"]
        assert memory.ask(ForgetMemories(entity="we")).ids == ()  # no such entity


@pytest.mark.slow
def test_an_entity_with_a_session_narrows_to_its_memories_and_stays(tmp_path):
    with running(tmp_path) as memory:
        memory.store("zanz.py is slow", session="s")
        memory.store("zanz.py is old", session="t")
        gone = memory.ask(ForgetMemories(entity="zanz.py", session="s"))
        assert (len(gone.ids), gone.entities) == (1, 0)
        assert len(memory.ask(Recall(query="zanz.py")).items) == 1


@pytest.mark.slow
def test_a_matching_text_goes_from_the_graph_too(tmp_path):
    with running(tmp_path) as memory:
        items = (
            NewEntity(name="Billing", kind="service", observations=(SECRET, "its observation"),
                      aliases=("zanzibarine thing",)),
            NewRelation(subject="Zanzibarine hall", relation="is near", object="Billing"),
            NewRelation(subject="Billing", relation="zanzibarines", object="Nothing"),
        )  # fmt: skip
        memory.ask(StoreMemories(items=items, origin="person"))
        memory.ask(ForgetMemories(match="ZANZIBARINE", project="/other"))
        assert occurrences(tmp_path, SECRET) > 0
        gone = memory.ask(ForgetMemories(match="ZANZIBARINE"))
        assert (gone.entities, gone.found_again) == (1, 0)
        assert occurrences(tmp_path, "anzibarine") == 0
        assert occurrences(tmp_path, "its observation") > 0


@pytest.mark.slow
@pytest.mark.parametrize("order", [
    ForgetMemories(match="Zanzibarine"), ForgetMemories(session="s"),
])  # fmt: skip
def test_what_a_session_left_half_done_goes_with_it_and_is_not_learned_again(tmp_path, order):
    said = f"We decided to use Frobnicator because {SECRET}."
    turns = (
        Turn(number=1, who="user", said=said),
        Turn(number=2, who="tool", tool="shell", command=f"make '{SECRET}'", failed=True),
    )
    learn = LearnFromTurns(
        client="claude", session="s", project=None, turns=turns, channel="person"
    )
    with running(tmp_path) as memory:
        assert len(memory.ask(learn).lessons) == 1
        assert occurrences(tmp_path, "zanzibarine") > 0
        assert memory.ask(order).found_again == 0
        assert occurrences(tmp_path, "zanzibarine") == 0
        assert memory.ask(learn).lessons == ()


@pytest.mark.slow
def test_where_a_memory_was_met_again_is_matched_too(tmp_path):
    with running(tmp_path) as memory:
        memory.store("The port is 5432")
        memory.store("the port is 5432", speaker="Zanzibarine Ophelia", session="s")
        memory.ask(ForgetMemories(match="zanzibarine"))
        assert occurrences(tmp_path, "anzibarine") == 0
        assert len(memory.ask(Recall(query="port")).items) == 1


@pytest.mark.slow
def test_words_of_the_schema_are_no_failure(tmp_path):
    with running(tmp_path) as memory:
        (stored,) = memory.store("superseded memories and observations")
        assert memory.ask(ForgetMemories(ids=(stored.id,))).found_again == 0


@pytest.mark.parametrize("length", [6, 40, 41, 500, 60_000])
def test_a_piece_of_a_text_is_found_wherever_a_page_ends(tmp_path, length):
    text = "".join(random.Random(length).choices("abcdefghijklmnop ", k=length)).strip()
    pieces = list(pieces_of(text))
    assert pieces
    file = tmp_path / "f"
    file.write_bytes(b"x" * (CHUNK_BYTES - length // 2) + text.encode() + b"y" * 100)
    found = found_in([file], pieces)
    assert found
    assert set(found) <= set(pieces)
    assert found_in([tmp_path / "none", file], [b"not there"]) == {}


def test_so_many_needles_at_most_are_looked_for():
    needles = Needles()
    for number in range(20_000):
        needles.add(f"text with a number {number}")
    assert len(needles.pieces) <= proof.NEEDLES_MAX + 8
