"""What holds when: of relations that have one value at a time."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from atlas_actors.memory.graph.timeline import Said, ends, functional


def said(*rows):
    return [
        Said(id=n, value=value, from_ms=from_ms, trust=trust)
        for n, (value, from_ms, trust) in enumerate(rows, 1)
    ]


@pytest.mark.parametrize(
    ("rows", "until"),
    [
        ([(1, 10, 3)], [None]),
        ([(1, 10, 3), (2, 20, 3)], [20, None]),
        ([(2, 20, 3), (1, 10, 3)], [None, 20]),  # what was said later may be older
        ([(1, 10, 3), (1, 20, 3), (2, 30, 3)], [30, 30, None]),
        ([(1, 10, 3), (2, 20, 3), (1, 30, 3)], [20, 30, None]),
        ([(1, 10, 3), (2, 20, 1)], [None, None]),  # whom nobody trusts ends nothing
        ([(1, 10, 1), (2, 20, 3)], [20, None]),
        ([(1, 10, 3), (2, 10, 3)], [10, None]),
    ],
)
def test_a_value_holds_until_the_next_other_one(rows, until):
    by_id = {end.id: end.until_ms for end in ends(said(*rows))}
    assert [by_id[n] for n in range(1, len(rows) + 1)] == until


@given(st.lists(st.tuples(st.integers(1, 3), st.integers(0, 50), st.just(2)), max_size=20))
def test_among_equals_one_value_holds_at_any_time(rows):
    facts = {fact.id: fact for fact in said(*rows)}
    found = ends(list(facts.values()))
    for at_ms in range(52):
        holding = {
            facts[end.id].value
            for end in found
            if facts[end.id].from_ms <= at_ms and (end.until_ms is None or end.until_ms > at_ms)
        }
        assert len(holding) == any(fact.from_ms <= at_ms for fact in facts.values())


def test_a_relation_is_known_however_it_is_written():
    assert functional("works at") and functional("Owned-By") and not functional("uses")
