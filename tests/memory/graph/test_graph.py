"""What is put in, what contradicts it, what is forgotten."""

import pytest

from atlas_actors.errors import Conflict, NotFound, UsageError


def test_a_memory_leaves_what_it_names_and_says(graph):
    graph.say("store.py imports apsw", speaker="Mel")
    assert graph.names() == {"store.py", "apsw", "Mel"}
    assert graph.facts() == {("store.py", "imports", "apsw")}


def test_the_same_name_in_another_case_is_the_same_entity_in_its_project_only(graph):
    graph.say("see Store.py", project="p")
    graph.say("see store.py", project="p")
    graph.say("see store.py", project="q")
    rows = graph.store.rows("select project, name from entities order by project")
    assert rows == [{"project": "p", "name": "Store.py"}, {"project": "q", "name": "store.py"}]


def test_records_of_like_names_never_merge(graph):
    graph.say("SR-2023-052 is closed")
    graph.say("SR-2023-053 is open")
    assert graph.names() == {"SR-2023-052", "SR-2023-053"}


def test_a_capitalised_word_counts_only_when_somebody_has_that_name(graph):
    first = graph.say("I like Caroline and Paris")
    second = graph.say("it works", speaker="Caroline")
    third = graph.say("I met Caroline in Paris")
    assert graph.names() == {"Caroline"}
    assert [found.number for found in graph.related("caroline")] == [third, second]
    assert first not in graph.graph.memories_of("Caroline", None)


def test_an_alias_is_the_entity(graph):
    graph.entity("apsw", "package", aliases=("another python sqlite wrapper",))
    graph.relation("Another Python SQLite Wrapper", "wraps", "sqlite")
    assert graph.facts() == {("apsw", "wraps", "sqlite")}


def test_an_alias_takes_over_what_only_memories_have_named(graph):
    number = graph.say("the_store imports apsw", at_ms=5)
    graph.entity("store.py", "path", aliases=("the_store",))
    assert graph.names() == {"store.py", "apsw"}
    assert graph.facts() == {("store.py", "imports", "apsw")}
    assert graph.graph.memories_of("the_store", None) == [number]


def test_an_alias_that_is_somebody_elses_name_is_refused(graph):
    graph.entity("redis")
    with pytest.raises(Conflict, match="redis"):
        graph.entity("valkey", aliases=("Redis",))


def test_a_contradiction_is_kept_with_its_dates(graph):
    graph.relation("store.py", "owned_by", "Ann", at_ms=10)
    graph.relation("store.py", "owned_by", "Bob", at_ms=20)
    facts = {
        (row["object_name"], row["from_ms"], row["until_ms"])
        for row in graph.store.rows("select * from inspect_facts")
    }
    assert facts == {("Ann", 10, 20), ("Bob", 20, None)}
    assert graph.facts(at_ms=15) == {("store.py", "owned_by", "Ann")}
    assert graph.facts(at_ms=20) == {("store.py", "owned_by", "Bob")}
    assert graph.facts(at_ms=9) == set()


def test_what_was_true_before_can_be_said_later(graph):
    graph.relation("store.py", "owned_by", "Bob", at_ms=20)
    graph.relation("store.py", "owned_by", "Ann", at_ms=10)
    assert graph.facts(at_ms=30) == {("store.py", "owned_by", "Bob")}
    assert graph.facts(at_ms=15) == {("store.py", "owned_by", "Ann")}


def test_what_is_trusted_less_ends_nothing(graph):
    graph.relation("store.py", "owned_by", "Ann", at_ms=10)
    graph.relation("store.py", "owned_by", "Mallory", origin="external", at_ms=20)
    assert ("store.py", "owned_by", "Ann") in graph.facts(at_ms=30)


def test_a_relation_that_may_have_many_objects_ends_nothing(graph):
    graph.relation("store.py", "uses", "apsw", at_ms=10)
    graph.relation("store.py", "uses", "attrs", at_ms=20)
    assert len(graph.facts(at_ms=30)) == 2


def test_the_same_fact_is_kept_once(graph):
    assert graph.relation("a", "uses", "b") == graph.relation("A", "uses", "b")
    assert len(graph.facts()) == 1


def test_an_observation_is_kept_once_and_shown_with_its_date(graph):
    graph.entity("apsw", observations=("fast", "fast"), at_ms=7)
    graph.entity("APSW", observations=("fast",), at_ms=9)
    (shown,) = graph.show("apsw").named
    assert [(seen.text, seen.from_ms) for seen in shown.observations] == [("fast", 7)]


@pytest.mark.parametrize(("subject", "relation"), [("", "uses"), ("a", " ")])
def test_a_relation_without_words_is_refused(graph, subject, relation):
    with pytest.raises(UsageError, match="empty"):
        graph.relation(subject, relation, "b")


def test_what_only_forgotten_memories_named_is_gone(graph):
    first = graph.say("store.py imports apsw")
    second = graph.say("store.py imports attrs")
    graph.entity("kept_by_hand")
    assert graph.forget(first) == 1
    assert graph.names() == {"store.py", "attrs", "kept_by_hand"}
    assert graph.forget(second) == 2
    assert graph.names() == {"kept_by_hand"}
    assert graph.store.rows("select * from mentions") == graph.store.rows("select * from facts")


def test_the_bytes_of_a_forgotten_name_are_gone_from_the_file(graph):
    number = graph.say("secret_project_zebra imports apsw")
    graph.store.connection.execute("pragma wal_checkpoint(truncate)").fetchall()
    assert b"zebra" in graph.path.read_bytes()
    graph.forget(number)
    graph.store.connection.execute("pragma wal_checkpoint(truncate)").fetchall()
    assert b"zebra" not in graph.path.read_bytes()


def test_when_a_contradiction_is_forgotten_the_older_value_holds_again(graph):
    graph.say("`store` is owned by Ann", at_ms=10)
    second = graph.say("`store` is owned by Bob", at_ms=20)
    assert graph.facts(at_ms=30) == {("store", "owned_by", "Bob")}
    graph.forget(second)
    assert graph.facts(at_ms=30) == {("store", "owned_by", "Ann")}


def test_a_fact_that_two_memories_say_stays_with_one(graph):
    first = graph.say("store.py imports apsw")
    graph.say("store.py imports apsw", at_ms=5)
    graph.forget(first)
    assert graph.facts() == {("store.py", "imports", "apsw")}


def test_an_entity_is_forgotten_with_all_that_is_said_of_it(graph):
    graph.say("store.py imports apsw")
    graph.entity("apsw", observations=("fast",), aliases=("wrapper",))
    assert graph.graph.forget_entity("Wrapper", None) == 1
    assert graph.names() == {"store.py"}
    for table in ("facts", "observations", "aliases"):
        assert graph.store.rows(f"select * from {table}") == []
    assert graph.graph.forget_entity("apsw", None) == 0


def test_what_is_not_there_cannot_be_shown(graph):
    with pytest.raises(NotFound, match="no apsw"):
        graph.show("apsw")


def test_an_entity_is_shown_with_what_is_around_it_as_of_a_time(graph):
    graph.say("store.py imports apsw", at_ms=10)
    graph.relation("apsw", "owned_by", "Ann", at_ms=20)
    graph.relation("apsw", "owned_by", "Bob", at_ms=30)

    def seen(**more):
        shown = graph.show("Store.py", **more)
        names = {one.id: one.name for one in (*shown.named, *shown.others)}
        return [(names[fact.object], fact.hop, fact.until_ms) for fact in shown.facts]

    assert seen(hops=0) == []
    assert seen() == [("apsw", 1, None)]
    assert seen(hops=2, at_ms=25) == [("apsw", 1, None), ("Ann", 2, 30)]
    assert seen(hops=3) == [("apsw", 1, None), ("Bob", 2, None), ("Ann", 2, 30)]
    assert graph.show("store.py").facts[0].memory == "m1"
