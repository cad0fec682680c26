"""Recall through L1: the same answer as without it, whatever happens to memory or the server."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from atlas_actors.memory.cache import ProcessCache
from atlas_actors.messages.memory import ForgetMemories, RateMemories
from tests.memory.test_cache_server import settle
from tests.support.memories import Remembering
from tests.support.valkey import answering, valkey

WORDS = ["port", "test", "store", "queue", "cache", "main"]
TEXTS = st.lists(st.sampled_from(WORDS), min_size=1, max_size=3).map(" ".join)
STEPS = st.one_of(
    st.tuples(st.just("store"), TEXTS, st.sampled_from([None, "/w"])),
    st.tuples(st.just("forget"), st.integers(0, 9), st.none()),
    st.tuples(st.just("rate"), st.integers(0, 9), st.booleans()),
    st.tuples(st.just("recall"), TEXTS, st.sampled_from([None, "/w"])),
    st.tuples(st.just("use"), TEXTS, st.none()),
    st.tuples(st.just("wait"), st.integers(1, 100_000), st.none()),
)


class NoCache(ProcessCache):
    """Finds nothing."""

    def get(self, key):
        return None


def found(recalled):
    """All of an answer but the level that had it."""
    return [(i.id, i.text, i.score, i.superseded_by, i.quarantined) for i in recalled.items]


def take(memory, step):
    """One step; its answer, if it is a recall."""
    kind, what, how = step
    ids = [row["id"] for row in memory.rows("select id from memories order by number")]
    match kind:
        case "store":
            memory.store(what, project=how)
        case "forget" if ids:
            memory.actor.dispatch(ForgetMemories(ids=(ids[what % len(ids)],)))
        case "rate" if ids:
            memory.actor.dispatch(RateMemories(ids=(ids[what % len(ids)],), useful=how))
        case "recall":
            return memory.recall(what, project=how)
        case "use":
            return memory.recall(f" {what} ?", injectable=True)
        case "wait":
            memory.clock.advance(what)
            memory.actor._handle_due()
    return None


@pytest.mark.slow
@settings(max_examples=40)
@given(st.lists(STEPS, max_size=40))
def test_a_cached_answer_is_what_would_be_found(tmp_path_factory, steps):
    memory = Remembering(tmp_path_factory.mktemp("m"))
    cached = memory.actor._levels
    plain = type(cached)(search=cached.search, graph=cached.graph, cache=NoCache(0))
    try:
        for step in steps:
            answer = take(memory, step)
            if answer is None:
                continue
            again = take(memory, step)
            assert again.level == "l1"
            uses = memory.actor._uses.copy()
            memory.actor._levels = plain
            truth = take(memory, step)
            memory.actor._levels, memory.actor._uses = cached, uses
            assert truth.level != "l1"
            assert found(answer) == found(again) == found(truth)
    finally:
        memory.stop()


def test_after_every_change_of_memory_the_cache_is_asked_anew(tmp_path):
    memory = Remembering(tmp_path)
    (first,) = memory.store("the port is 1")
    levels = []
    for change in (
        lambda: None,
        lambda: memory.store("the other port"),
        lambda: memory.actor.dispatch(RateMemories(ids=(first.id,), useful=True)),
        lambda: memory.actor.dispatch(ForgetMemories(ids=(first.id,))),
    ):
        change()
        levels += [memory.recall("port").level, memory.recall(" port ").level]
    assert levels == ["l2", "l1"] * 4
    assert memory.texts("port") == ["the other port"]
    memory.stop()


@pytest.mark.slow
def test_recall_goes_on_while_the_server_dies_lies_and_comes_back(tmp_path):
    with valkey(tmp_path) as server:
        memory = Remembering(tmp_path, cache_url=server.url, cache_timeout_s=2.0)
        cache = memory.actor._levels.cache
        settle(cache)
        memory.store("the port is 1")
        assert memory.recall("port").level == "l2"
        settle(cache)
        assert memory.recall("port").level == "l1"
        for name in server.client().scan_iter():
            server.client().set(name, b'[[99,1.0,"l2",[]]]')
        assert memory.texts("port") == ["the port is 1"]
        assert "is not ours" in cache.trouble()[0]
        server.kill()
        assert memory.texts("port") == ["the port is 1"]
        memory.actor.on_commit()
        assert "does not answer" in memory.cell.reason
        server.start()
        memory.stop()


@pytest.mark.slow
def test_another_daemon_with_a_copy_of_the_store_does_not_get_its_later_answers(tmp_path):
    with valkey(tmp_path) as server:
        one = Remembering(tmp_path, cache_url=server.url, cache_timeout_s=2.0)
        one.stop()
        (tmp_path / "copy").mkdir()
        (tmp_path / "copy" / "memory.db").write_bytes((tmp_path / "memory.db").read_bytes())
        one = Remembering(tmp_path, cache_url=server.url, cache_timeout_s=2.0)
        other = Remembering(tmp_path / "copy", cache_url=server.url, cache_timeout_s=2.0)
        for memory in (one, other):
            settle(memory.actor._levels.cache)
        one.store("the port is 1")
        other.store("the port is 2")
        assert one.generation() == other.generation()
        assert one.texts("port") == ["the port is 1"]
        settle(one.actor._levels.cache)
        assert other.texts("port") == ["the port is 2"]
        one.stop()
        other.stop()


@pytest.mark.slow
def test_the_threads_of_caches_end_with_the_room(tmp_path):
    with answering(tmp_path, None) as url:
        memory = Remembering(tmp_path, cache_url=url, cache_timeout_s=0.05)
        thread = memory.actor._levels.cache._thread
        memory.stop()
        thread.join(5)
        assert not thread.is_alive()
