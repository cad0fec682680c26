"""Which memories a question leads to by what it names."""

import pytest

from atlas_actors.memory.graph.related import OF_A_HUB, RELATED_MAX, names_in


def told(found):
    return {one.number: one for one in found}


def test_a_memory_that_names_it_is_nearest_and_says_why(graph):
    named = graph.say("store.py is slow")
    (found,) = graph.related("why is store.py slow?")
    assert (found.number, found.hops, found.why) == (named, 0, "mentions store.py")
    assert found.strength == 1.0


def test_a_fact_leads_further_with_less_strength(graph):
    graph.say("store.py imports apsw")
    far = graph.say("apsw needs `sqlite3_close` at the end")
    found = told(graph.related("what about store.py"))
    assert found[far].hops == 1
    assert found[far].why == "store.py -imports-> apsw"
    assert 0 < found[far].strength < found[1].strength


def test_a_question_that_names_nothing_leads_nowhere(graph):
    graph.say("store.py imports apsw")
    for query in ("", "what is the answer?", '"', "NEAR(", "a OR", "🙂", "word " * 10_000):
        assert graph.related(query) == []


def test_who_speaks_always_does_not_flood(graph):
    for _ in range(100):
        graph.say("nothing of note", speaker="Mel")
    rare = graph.say("see SR-2023-052", speaker="Ann")
    found = graph.related("what did Mel say about SR-2023-052?")
    assert found[0].number == rare
    assert len(found) == 1 + OF_A_HUB
    assert all(one.strength < 0.2 for one in found[1:])


def test_a_hub_at_the_far_end_brings_nothing_of_its_own(graph):
    for _ in range(100):
        graph.say("see apsw_core")
    says = graph.say("store.py imports apsw_core")
    assert [one.number for one in graph.related("store.py")] == [says]


def test_a_project_sees_itself_and_what_is_of_every_project(graph):
    own, common, other = (
        graph.say("see store.py", project=project) for project in ("p", None, "q")
    )
    assert set(told(graph.related("store.py", "p"))) == {own, common}
    assert set(told(graph.related("store.py"))) == {own, common, other}


def test_what_did_not_hold_then_is_no_way(graph):
    graph.say("`store` is owned by Ann", at_ms=10)
    graph.say("`store` is owned by Bob", at_ms=20)
    graph.entity("Bob", aliases=("bobby",))
    of_bob = graph.say("Thanks, Bob! That works")
    assert of_bob in told(graph.related("store", at_ms=30))
    assert of_bob not in told(graph.related("store", at_ms=15))


def test_it_is_bounded(graph):
    for n in range(3 * RELATED_MAX):
        graph.say(f"see file_{n % 30}.py")
    query = " ".join(f"file_{n}.py" for n in range(30))
    assert len(graph.related(query)) == RELATED_MAX


@pytest.mark.parametrize(
    ("query", "name"),
    [
        ("what about Another Python Wrapper?", "another python wrapper"),
        ("see ./src/a.py", "src/a.py"),
        ("SR-2023-052?", "sr-2023-052"),
    ],
)
def test_names_of_several_words_are_found_in_a_question(query, name):
    assert name in names_in(query)
