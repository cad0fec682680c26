"""Along the facts: how far, how many, since when."""

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from atlas_actors.memory.graph.walk import walk


def id_of(graph, name):
    return graph.store.row("select id from entities where name = ?", (name,))["id"]


def reached(graph, name, hops, **more):
    steps = walk(graph.store.rows, [id_of(graph, name)], hops, **more)
    return [(step.hop, step.relation) for step in steps]


def test_it_goes_both_ways_and_at_most_three_hops(graph):
    for n in range(6):
        graph.relation(f"e{n}", f"r{n}", f"e{n + 1}")
    assert reached(graph, "e0", 2) == [(1, "r0"), (2, "r1")]
    assert reached(graph, "e6", 3) == [(1, "r5"), (2, "r4"), (3, "r3")]
    assert reached(graph, "e0", 9) == [(1, "r0"), (2, "r1"), (3, "r2")]


def test_a_circle_ends(graph):
    for one, other in ("ab", "bc", "ca"):
        graph.relation(one, "knows", other)
    assert [hop for hop, _ in reached(graph, "a", 3)] == [1, 1, 2]


def test_a_hub_gives_its_newest_only(graph):
    for n in range(30):
        graph.relation("hub", "has", f"leaf{n}")
    steps = walk(graph.store.rows, [id_of(graph, "hub")], 1, fan_out=(5, 5, 5))
    newest = {id_of(graph, f"leaf{n}") for n in range(25, 30)}
    assert {step.far for step in steps} == newest


def test_what_has_ended_is_not_gone_along_as_of_later(graph):
    graph.relation("a", "owned_by", "b", at_ms=10)
    graph.relation("a", "owned_by", "c", at_ms=20)
    graph.relation("b", "knows", "d", at_ms=10)
    assert reached(graph, "a", 3, at_ms=15) == [(1, "owned_by"), (2, "knows")]
    assert reached(graph, "a", 3, at_ms=25) == [(1, "owned_by")]
    assert len(reached(graph, "a", 3)) == 3


pairs = st.lists(st.tuples(st.integers(0, 12), st.integers(0, 12)), max_size=60)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(pairs, st.integers(0, 5), st.integers(1, 6), st.integers(1, 10))
def test_no_walk_exceeds_its_caps(graph, pairs, hops, fan_out, entities_max):
    with graph.store.savepoint():
        graph.store.run("delete from entities")
        for one, other in pairs:
            graph.relation(f"e{one}", "knows", f"e{other}")
        ids = [row["id"] for row in graph.store.rows("select id from entities limit 2")]
    steps = walk(graph.store.rows, ids, hops, None, (fan_out,) * 3, entities_max)
    assert len({step.far for step in steps} | set(ids)) <= max(entities_max, len(ids))
    assert all(step.hop <= min(hops, 3) for step in steps)
    assert len({step.id for step in steps}) == len(steps)
    for near in {step.near for step in steps}:
        assert sum(step.near == near for step in steps) <= 2 * fan_out
