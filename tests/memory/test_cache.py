"""L1 in the process, and what the cache holds: no text, and never yesterday's answer."""

import os
from pathlib import Path

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st

import atlas_actors.memory
from atlas_actors.cell import Fence
from atlas_actors.config import load
from atlas_actors.memory.cache import ENTRY_BYTES, ProcessCache, open_cache
from atlas_actors.memory.cache_entries import (
    STEP_MS,
    key_of,
    moment,
    normalised,
    packed,
    ranking_of,
    stepped,
    unpacked,
)
from atlas_actors.memory.hits import Hit
from atlas_actors.messages.memory import Recall
from atlas_actors.store import Store

SCHEMA = Path(atlas_actors.memory.__file__).with_name("schema")


def test_without_a_url_the_cache_is_in_the_process(tmp_path):
    settings = load({"ATLAS_HOME": str(tmp_path)}).memory
    cache = open_cache(settings, b"store")
    assert cache.state()["kind"] == "process"
    assert cache.trouble() is None


def test_what_was_used_least_recently_goes_first():
    cache = ProcessCache(3 * (2 + ENTRY_BYTES))
    for key in (b"a", b"b", b"c"):
        cache.put(key, b"x")
    assert cache.get(b"a") == b"x"
    cache.put(b"d", b"x")
    assert [cache.get(key) for key in (b"a", b"b", b"c", b"d")] == [b"x", None, b"x", b"x"]
    assert cache.state()["entries"] == 3


def test_what_is_larger_than_all_room_is_not_kept_nor_what_it_would_replace():
    cache = ProcessCache(1_000)
    cache.put(b"k", b"old")
    cache.put(b"k", b"x" * 1_000)
    assert cache.get(b"k") is None
    assert cache.state()["bytes"] == 0


@pytest.mark.slow
@given(st.lists(st.tuples(st.binary(max_size=3), st.binary(max_size=700)), max_size=60))
def test_it_never_holds_more_than_it_may_and_never_another_keys_value(puts):
    cache, truth = ProcessCache(2_000), {}
    for key, value in puts:
        cache.put(key, value)
        truth[key] = value
        assert cache.state()["bytes"] <= 2_000
    assert all(cache.get(key) in (None, value) for key, value in truth.items())
    assert cache.clear()
    assert (cache.state()["bytes"], cache.state()["entries"]) == (0, 0)


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("what is the port", "  what is\n\tthe port  ", True),
        ("what is the port", "what is the port?", True),
        ("what is the port", "what is the port?!…", True),
        ("what is the port", "What is the port", False),
        ("what is the port", "what is the ports", False),
        ("cd ..", "cd", False),
        ("what is C++", "what is C", False),
        ("use a, not b", "use a not b", False),
        ("'port'", "port", False),
        ("???", "", False),
    ],
)
def test_only_questions_that_are_one_for_every_level_share_a_key(one, other, same):
    asked, again = (normalised(Recall(query=query)) for query in (one, other))
    assert (key_of(b"m", asked, 0, "r") == key_of(b"m", again, 0, "r")) == same
    assert (asked == again) == same  # nothing below the cache can tell them apart


@pytest.mark.slow
@given(st.text())
def test_a_normalised_question_is_normal(query):
    once = normalised(Recall(query=query))
    assert normalised(once) == once


@pytest.mark.parametrize(
    "changed",
    [
        {"query": "other"},
        {"k": 11},
        {"project": "/w"},
        {"kinds": ("decision",)},
        {"session": "s"},
        {"budget_tokens": 100},
        {"at_ms": 1},
        {"injectable": True},
    ],
)
def test_each_part_of_a_question_is_in_its_key(changed):
    assert {field.name for field in attrs.fields(Recall)} >= set(changed)
    one = Recall(query="q")
    assert key_of(b"m", one, 0, "r") != key_of(b"m", attrs.evolve(one, **changed), 0, "r")


def test_what_is_not_asked_is_not_in_the_key():
    one, other = Recall(query="q"), Recall(query="q", explain=True, asked_for="task 1")
    assert key_of(b"m", one, 0, "r") == key_of(b"m", other, 0, "r")


def test_what_ranks_is_named_by_its_code_and_settings(tmp_path):
    settings = load({"ATLAS_HOME": str(tmp_path)}).memory
    assert ranking_of(settings) == ranking_of(settings)
    assert ranking_of(settings) != ranking_of(attrs.evolve(settings, half_life_days=1.0))


def test_state_time_and_ranking_are_in_the_key():
    asked = Recall(query="q")
    keys = {key_of(*parts) for parts in (
        (b"m", asked, 0, "r"), (b"n", asked, 0, "r"), (b"m", asked, 1, "r"), (b"m", asked, 0, "s"),
    )}  # fmt: skip
    assert len(keys) == 4
    assert stepped(7 * STEP_MS + 1) == stepped(8 * STEP_MS - 1) == 7 * STEP_MS


def bump(store):
    store.begin(durable=False)
    store.run("update generation set n = n + 1")
    store.commit()
    return moment(store)


def test_two_copies_of_one_store_go_through_different_moments(tmp_path):
    with Store(tmp_path / "memory.db", SCHEMA, Fence()) as store:
        first = moment(store)
        assert moment(store) == first
    (tmp_path / "copy").mkdir()
    (tmp_path / "copy" / "memory.db").write_bytes((tmp_path / "memory.db").read_bytes())
    with (
        Store(tmp_path / "memory.db", SCHEMA, Fence()) as store,
        Store(tmp_path / "copy" / "memory.db", SCHEMA, Fence()) as copy,
    ):
        assert moment(store) == moment(copy) == first
        seen = {bump(store), bump(copy), first}
    assert len(seen) == 3


def test_hits_come_back_as_they_were():
    hits = [
        Hit(number=1, score=0.5, level="l2", signals=(("bm25", 0.25), ("date", -0.1))),
        Hit(number=2**40, score=0.0, level="l3", signals=()),
    ]
    assert unpacked(packed(hits)) == hits
    assert unpacked(packed([])) == []


@pytest.mark.parametrize(
    "value",
    [
        b"",
        b"\xff\xfe",
        b"null",
        b"{}",
        b"[1]",
        b'[[1,0.5,"l2"]]',
        b'[[0,0.5,"l2",[]]]',
        b'[[1,NaN,"l2",[]]]',
        b'[[1,Infinity,"l2",[]]]',
        b'[["1",0.5,"l2",[]]]',
        b'[[1,0.5,"l9",[]]]',
        b'[[1,0.5,"l2",[["x","y"]]]]',
        b'[[1,0.5,"l2",[["%s",1]]]]' % (b"x" * 100),
        b"[" * 100_000,
        b'[[1,0.5,"l2",[]],5]',
        b"[" + b'[1,0.5,"l2",[]],' * 1_001 + b'[1,0.5,"l2",[]]]',
    ],
    ids=range(16),
)
def test_what_is_no_list_of_hits_is_nothing(value):
    assert unpacked(value) is None


@pytest.mark.slow
@given(st.binary(max_size=200))
def test_no_bytes_make_unpacking_fail(value):
    assert unpacked(value) is None or isinstance(unpacked(value), list)


def test_random_bytes_are_no_hits():
    assert unpacked(os.urandom(64)) is None
