"""What ages, what was used, and what a person decided."""

from atlas_actors.clock import DAY_MS
from atlas_actors.memory.actor import IndexDue
from atlas_actors.messages.memory import RateMemories
from tests.support.memories import Remembering

DAY_S = DAY_MS / 1000


def test_old_episodes_and_unused_learnings_go_and_the_rest_stays(tmp_path):
    memory = Remembering(tmp_path)
    for kind in ("episode", "learning", "decision", "rule", "preference"):
        memory.one(f"an old {kind} of little use", kind=kind, origin="tool")
    used = memory.one("a learning that was used", kind="learning", origin="tool")
    memory.actor.dispatch(RateMemories(ids=(used.id,), useful=True))
    memory.clock.advance(DAY_S * 400)
    memory.one("a new episode", kind="episode", at_ms=1)
    before = memory.generation()
    assert memory.actor.prune(memory.clock.now_ms() - 365 * DAY_MS) is False
    assert memory.kept() == [
        "an old decision of little use",
        "an old rule of little use",
        "an old preference of little use",
        "a learning that was used",
        "a new episode",
    ]
    assert memory.generation() > before
    assert memory.texts("old episode of little use", kinds=("episode",)) == ["a new episode"]
    memory.stop()


def test_what_a_person_said_stays_though_no_prompt_ever_used_it(tmp_path):
    memory = Remembering(tmp_path)
    memory.one("the tests need a running redis")
    memory.clock.advance(DAY_S * 400)
    assert memory.actor.prune(memory.clock.now_ms() - 365 * DAY_MS) is False
    assert memory.kept() == ["the tests need a running redis"]
    memory.stop()


def test_what_is_given_to_a_prompt_is_counted_later_and_together(tmp_path):
    memory = Remembering(tmp_path)
    stored = memory.one("the port is 5433")
    before = memory.generation()
    for _ in range(3):
        assert len(memory.recall("port", injectable=True).items) == 1
    memory.recall("port")
    assert (memory.row(stored.id)["uses"], memory.generation()) == (0, before)
    memory.actor.on_stop()
    row = memory.row(stored.id)
    assert (row["uses"], row["used_ms"]) == (3, memory.clock.now_ms())
    assert memory.generation() == before + 1
    memory.stop()


def test_feedback_moves_the_ranking(tmp_path):
    memory = Remembering(tmp_path)
    first, second = memory.store("the deploy needs vpn access", "the deploy needs a ticket")
    ranked = [item.id for item in memory.recall("what does the deploy need").items]
    last = ranked[-1]
    assert set(ranked) == {first.id, second.id}
    for _ in range(5):
        memory.actor.dispatch(RateMemories(ids=(last,), useful=True))
        memory.actor.dispatch(RateMemories(ids=(ranked[0],), useful=False))
    assert memory.recall("what does the deploy need").items[0].id == last
    memory.stop()


def test_what_a_rescued_file_lacks_in_index_and_graph_is_built_anew(tmp_path):
    memory = Remembering(tmp_path)
    memory.store(*(f"fact {n} is about src/mod{n}.py" for n in range(5)), project="/p")
    # As after a rescue: a new file with what could be read of the old one.
    for sql in (
        "update upkeep set indexed = null",
        "delete from memories where number = 5",
        "delete from entities",
        "update search_projects set rows = 600, words = 9000",
    ):
        memory.actor.store.run(sql)
    memory.stop()
    again = Remembering(tmp_path)
    while again.rows("select indexed from upkeep")[0]["indexed"] is None:
        again.actor.dispatch(IndexDue())
    assert len(again.rows("select 1 as one from entities where name like 'src/mod%'")) == 4
    rows = again.rows("select rows, words from search_projects")
    assert rows == again.rows("select count(*) as rows, sum(words) as words from search_rows")
    assert len(again.texts("src/mod2.py", project="/p")) == 4
    again.stop()
