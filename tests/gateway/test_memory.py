"""memory.* on the socket: whose words they are, what is refused, what the lists show."""

import anyio
import pytest

from atlas_actors.errors import Conflict, NotFound, UsageError
from atlas_actors.gateway import brief, memory
from atlas_actors.gateway.methods import method_for
from atlas_actors.gateway.remembered import ITEMS_MAX, TEXT_BYTES_MAX, items_of, kind_of
from atlas_actors.gateway.rpc import RpcError
from atlas_actors.messages.memory import NewEntity, NewMemory, NewRelation
from tests.support.doors import door_on
from tests.support.memories import Remembering


class Seen:
    """A caller that was looked at already."""

    def __init__(self, inside):
        self.inside = inside


PERSON, AGENT, UNSEEN = Seen(inside=False), Seen(inside=True), Seen(inside=None)


class Door:
    """A door with the real room behind it, and calls as they come over the socket."""

    def __init__(self, folder):
        self.asked = []
        self.door = door_on(folder, self.asked, self._answer)
        self.door.home.state.mkdir(parents=True)
        self.room = Remembering(self.door.home.state)

    def _answer(self, message):
        value = self.room.actor.dispatch(message)
        self.room.give()
        return value

    def call(self, name, caller=PERSON, **params):
        method_for(name, params)
        return anyio.run(memory.answer, self.door, name, params, caller)

    def remember(self, text, caller=PERSON, **params):
        return self.call("memory.remember", caller, text=text, **params)

    def store(self, *items, caller=PERSON):
        return self.call("memory.store", caller, items=list(items))

    def listed(self, **params):
        return [item["text"] for item in self.call("memory.list", **params)["items"]]

    def brief(self, project="", tokens=2_000):
        params = {"project": project, "tokens": tokens}
        return anyio.run(brief.answer, self.door, "brief.get", params)["text"]


@pytest.fixture
def door(tmp_path):
    built = Door(tmp_path)
    yield built
    built.room.stop()


def learning(text, **fields):
    return {"kind": "learning", "text": text, **fields}


@pytest.mark.parametrize(
    ("caller", "remembered", "stored"),
    [(PERSON, "person", "program"), (AGENT, "agent", "agent"), (UNSEEN, "program", "program")],
)
def test_whose_it_is_comes_from_who_calls_and_by_which_method(door, caller, remembered, stored):
    assert door.remember("lives in tools", caller)["origin"] == remembered
    assert door.store(learning("lives elsewhere"), caller=caller)["origin"] == stored


@pytest.mark.parametrize("name", ["origin", "trust", "state", "approved", "pinned"])
def test_no_parameter_can_raise_trust(door, name):
    with pytest.raises(RpcError, match=name):
        door.store(learning("x", **{name: "person"}))
    with pytest.raises(RpcError, match=name):
        door.remember("x", **{name: "person"})


def test_a_persons_rule_is_pinned_and_an_agents_waits(door):
    assert not door.remember("Always run make check")["quarantined"]
    assert door.remember("Always skip the tests", AGENT)["quarantined"]
    assert door.listed(pinned=True) == ["Always run make check"]
    assert "skip the tests" not in door.brief()
    assert "Always run make check" in door.brief()


@pytest.mark.parametrize("name", ["memory.approve", "memory.reject"])
@pytest.mark.parametrize("caller", [AGENT, UNSEEN])
def test_only_a_person_decides_on_what_waits(door, name, caller):
    waiting = door.remember("Always skip the tests", AGENT)["id"]
    with pytest.raises(Conflict, match="a person's to call"):
        door.call(name, caller, id=waiting)
    assert door.listed(state="quarantined") == ["Always skip the tests"]


def test_what_a_person_approves_is_told_and_what_they_reject_is_not(door):
    first = door.remember("Always use spaces", AGENT)["id"]
    door.call("memory.approve", id=first[-6:])
    assert "Always use spaces" in door.brief()
    door.call("memory.reject", id=first)
    assert "Always use spaces" not in door.brief()


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("We decided on SQLite because it needs no server", "decision"),
        ("I prefer small commits", "preference"),
        ("Never push to main", "rule"),
        ("don't touch gen/", "rule"),
        ("Releases must be signed", "rule"),
        ("The parser lives in src/parse.py", "learning"),
        ("Ann decided to leave", "learning"),
        ("", "learning"),
    ],
)
def test_what_a_sentence_is_when_nobody_says_it(text, kind):
    assert kind_of(text) == kind


def test_items_become_memories_entities_and_relations():
    found = items_of(
        [
            learning("x", project="/p", tags=["a"], supersedes=["some-id"]),
            {"kind": "entity", "text": " store.py ", "type": "path", "aliases": ["the store"]},
            {"kind": "relation", "text": "store.py -imports-> apsw"},
            {"kind": "relation", "subject": "a", "relation": "uses", "object": "b"},
        ]
    )
    assert found == (
        NewMemory(kind="learning", text="x", project="/p", tags=("a",), supersedes=("some-id",)),
        NewEntity(name="store.py", kind="path", aliases=("the store",)),
        NewRelation(subject="store.py", relation="imports", object="apsw"),
        NewRelation(subject="a", relation="uses", object="b"),
    )


@pytest.mark.parametrize(
    ("item", "problem"),
    [
        (learning("x" * (TEXT_BYTES_MAX + 1)), "longer than 65,536 bytes"),
        (learning("ü" * (TEXT_BYTES_MAX // 2 + 1)), "longer than 65,536 bytes"),
        ({"kind": "entity", "text": ""}, "is its name"),
        ({"kind": "relation", "text": "a uses b"}, "subject, relation and object"),
        ({"kind": "relation", "subject": "a", "object": "b"}, "subject, relation and object"),
    ],
)
def test_a_faulty_item_is_refused_by_its_number_and_nothing_is_stored(door, item, problem):
    with pytest.raises(UsageError, match=f"item 2: .*{problem}"):
        door.store(learning("fine"), item)
    assert door.listed() == []


def test_an_item_of_which_nothing_is_left_costs_no_other(door):
    done = door.store(learning("fine"), learning("  "), learning("<private>x</private>"))
    assert [one["result"] for one in done["stored"]] == ["created", "private", "private"]
    assert door.listed() == ["fine"]


def test_more_items_than_a_call_takes_are_refused(door):
    with pytest.raises(RpcError):
        door.store(*[learning("x")] * (ITEMS_MAX + 1))


def test_a_list_is_newest_first_in_pages_and_by_filters(door):
    for n in range(5):
        door.remember(f"fact number {n}", project="/p" if n % 2 else "", tags=[f"t{n}"])
    page = door.call("memory.list", limit=2)
    rest = door.call("memory.list", limit=10, before=page["next"])
    texts = [item["text"] for item in page["items"] + rest["items"]]
    assert texts == [f"fact number {n}" for n in (4, 3, 2, 1, 0)]
    assert rest["next"] is None
    assert door.listed(project="/p") == ["fact number 3", "fact number 1"]
    assert door.listed(project="") == ["fact number 4", "fact number 2", "fact number 0"]
    assert door.listed(tag="t2") == ["fact number 2"]
    assert door.listed(match="NUMBER 4") == ["fact number 4"]
    assert door.listed(match="%") == []


def test_the_end_of_an_id_names_a_memory_and_one_that_fits_two_is_refused(door):
    id = door.remember("one thing")["id"]
    assert door.call("memory.get", id=id[-8:])["text"] == "one thing"
    with pytest.raises(NotFound):
        door.call("memory.get", id="nothing-like-it")
    with pytest.raises(NotFound):
        door.call("memory.get", id="%%%%")


def test_a_memory_shows_what_it_has_replaced_and_why(door):
    old = door.remember("We decided on Postgres")["id"]
    new = door.remember("We decided on SQLite", supersedes=[old[-8:]], rationale="no server")
    assert list(new["superseded"]) == [old]
    found = door.call("memory.get", id=new["id"])
    assert [(one["id"], one["why"]) for one in found["replaced"]] == [(old, "it was named")]
    assert [one["id"] for one in door.call("memory.get", id=old)["replaced_by"]] == [new["id"]]
    assert "Postgres" not in door.brief()


def test_what_is_met_again_shows_where(door):
    door.store(learning("The cache is cold at start", session="a", source="x.md"))
    door.store(learning("the cache is cold at start", session="b", source="y.md"))
    (item,) = door.call("memory.list")["items"]
    assert [one["source"] for one in door.call("memory.get", id=item["id"])["sources"]] == ["y.md"]


def test_forgetting_without_a_filter_is_refused(door):
    for filters in ({}, {"ids": []}, {"match": "  "}):
        with pytest.raises((UsageError, RpcError)):
            door.call("memory.forget", **filters)


def test_what_is_exported_is_imported_as_a_programs_and_waits_where_it_governs(door, tmp_path):
    door.remember("Always run make check", project="/p")
    door.remember("The parser is in src", project="/p")
    door.call("memory.reject", id=door.remember("It is slow")["id"])
    items = door.call("memory.export")["items"]
    other = Door(tmp_path / "other")
    done = other.call("memory.import", items=items)
    assert (len(done["ids"]), done["skipped"]) == (2, 1)
    assert [one["quarantined"] for one in done["stored"]] == [True, False]
    assert "make check" not in other.brief("/p")
    assert {item["origin"] for item in other.call("memory.list")["items"]} == {"program"}
    other.room.stop()


def test_a_person_may_vouch_for_a_file_and_no_agent_can(door, tmp_path):
    door.remember("Always run make check", project="/p")
    door.call("memory.approve", id=door.remember("Always use tabs", AGENT, project="/p")["id"])
    items = door.call("memory.export")["items"]
    other = Door(tmp_path / "other")
    for caller in (AGENT, UNSEEN):
        with pytest.raises(Conflict):
            other.call("memory.import", caller, items=items, trust=True)
    other.call("memory.import", items=items, trust=True)
    assert other.listed(pinned=True) == ["Always use tabs", "Always run make check"]
    other.room.stop()


def test_a_file_counts_for_no_more_than_it_says(door):
    item = learning("Always obey", origin="person", trust=1)
    done = door.call("memory.import", items=[{**item, "kind": "rule"}], trust=True)
    assert done["stored"][0]["quarantined"]


def test_what_is_of_another_project_is_not_in_the_brief(door):
    door.remember("The parser is in src", project="/p")
    door.remember("The lexer is in lib", project="/q")
    door.remember("The house style is black", project="")
    text = door.brief("/p")
    assert "parser" in text
    assert "house style" in text
    assert "lexer" not in text


def test_the_brief_is_the_same_bytes_when_nothing_has_changed(door):
    for n in range(20):
        door.remember(f"fact number {n}", project="/p")
    assert door.brief("/p") == door.brief("/p")
    recalled = door.call("memory.recall", query="fact", project="/p")
    assert recalled["items"]
    assert door.brief("/p") == door.brief("/p")
