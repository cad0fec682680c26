"""graph.* on the socket: shown, listed, and the reference server's lines out and in."""

import json

import anyio
import attrs
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from atlas_actors.cli.graph import tree_lines
from atlas_actors.config import load
from atlas_actors.errors import Conflict, NotFound, UsageError
from atlas_actors.gateway import graph, graph_lines
from atlas_actors.memory.actor import Memory
from atlas_actors.memory.graph.names import norm
from atlas_actors.messages import paths
from atlas_actors.messages.learning import NoteReading
from atlas_actors.messages.memory import NewEntity, NewMemory, NewRelation, StoreMemories
from atlas_actors.messages.task import TaskAccepted
from tests.support.doors import door_on
from tests.support.stages import Stage

# As the reference server writes them, and as forks of it do: with fields of their own.
REFERENCE = [
    {
        "type": "entity",
        "name": "John_Smith",
        "entityType": "person",
        "observations": ["Speaks fluent Spanish", "Graduated in 2019"],
    },
    {"type": "entity", "name": "Anthropic", "entityType": "organization", "observations": []},
    {"type": "relation", "from": "John_Smith", "to": "Anthropic", "relationType": "works_at"},
    {"type": "relation", "from": "John_Smith", "to": "Anthropic", "relationType": "likes a lot"},
]


class Home:
    """A door with a real memory behind it."""

    def __init__(self, folder):
        config = load({"ATLAS_HOME": str(folder)})
        config.home.state.mkdir(parents=True, exist_ok=True)
        self.asked = []
        self.stage = Stage(
            Memory,
            path=paths.MEMORY,
            database=config.home.state / "memory.db",
            settings=config.memory,
        )
        self.stage.start()
        self.door = door_on(folder, self.asked, self.stage.actor.dispatch)

    def call(self, name, /, **params):
        return anyio.run(graph.answer, self.door, f"graph.{name}", params)

    def store(self, *items, origin="person"):
        self.stage.actor.dispatch(StoreMemories(items=items, origin=origin))

    def lines(self, **params):
        """All pages."""
        found, after = [], {}
        while True:
            answer = self.call("export", **params, **after)
            found += answer["lines"]
            if answer["next"] is None:
                return found
            after = {"after": answer["next"]}

    def stop(self):
        self.stage.stop()


@pytest.fixture
def home(tmp_path):
    built = Home(tmp_path)
    yield built
    built.stop()


def test_the_reference_servers_file_comes_out_as_it_went_in(home):
    told = home.call("import", lines=REFERENCE)
    assert told == {"entities": 2, "relations": 2, "skipped": 0}
    assert home.lines() == REFERENCE
    assert home.lines(limit=1) == REFERENCE
    home.call("import", lines=REFERENCE)
    assert home.lines() == REFERENCE


def test_who_imports_is_a_program(home):
    home.call("import", lines=REFERENCE[:1])
    ((path, order),) = home.asked
    assert (path, order.origin) == (paths.MEMORY, "program")


def test_fields_and_types_that_we_do_not_know_are_left_out(home):
    entity = {**REFERENCE[0], "confidence": 0.4, "createdAt": "2025-01-01", "tags": ["x"]}
    marker = {"type": "_aim", "source": "a fork"}
    assert home.call("import", lines=[marker, entity])["skipped"] == 1
    assert home.lines() == REFERENCE[:1]


@pytest.mark.parametrize(
    ("line", "says"),
    [
        ({"name": "x"}, "it has no type"),
        ({"type": "entity", "name": "x"}, "required"),
        ({"type": "entity", "name": "", "entityType": "t", "observations": []}, "name"),
        ({"type": "entity", "name": " ` ", "entityType": "t", "observations": []}, "empty"),
        ({"type": "entity", "name": "x", "entityType": "t", "observations": [1]}, "observations"),
        ({"type": "relation", "from": "x", "to": "y"}, "relationType"),
        ({"type": "relation", "from": "x", "to": "y", "relationType": " "}, "empty"),
        ({"type": "relation", "from": "x" * 501, "to": "y", "relationType": "r"}, "from"),
    ],
)
def test_a_wrong_line_is_named_and_nothing_is_taken_over(home, line, says):
    with pytest.raises(UsageError, match=rf"line 2: .*{says}"):
        home.call("import", lines=[REFERENCE[0], line])
    assert home.asked == []
    assert home.stage.actor.store.rows("select * from entities") == []


def test_what_has_ended_is_exported_only_with_its_dates(home):
    home.store(NewRelation(subject="a", relation="owned_by", object="Ann", at_ms=10))
    home.store(NewRelation(subject="a", relation="owned_by", object="Bob", at_ms=20))
    pure = [line["to"] for line in home.lines() if line["type"] == "relation"]
    full = [
        (line["to"], line["fromMs"], line.get("untilMs"))
        for line in home.lines(full=True)
        if line["type"] == "relation"
    ]
    assert pure == ["Bob"]
    assert full == [("Ann", 10, 20), ("Bob", 20, None)]


def test_a_name_has_one_line_though_two_projects_have_it(home):
    for project, seen in (("p", "fast"), ("q", "small")):
        home.store(
            NewEntity(name="Store", kind="class", project=project, observations=(seen,)),
            NewRelation(subject="store", relation="uses", object=f"{project}sql", project=project),
        )
    lines = home.lines()
    (line,) = [line for line in lines if line.get("name") == "Store"]
    assert line["observations"] == ["fast", "small"]
    assert [line["from"] for line in lines if line["type"] == "relation"] == ["Store", "Store"]
    assert [line["name"] for line in home.lines(project="p") if "name" in line] == ["Store", "psql"]


words = st.text(st.characters(codec="utf-8", exclude_characters="\0"), min_size=1, max_size=20)
named = words.filter(lambda name: norm(" ".join(name.split())) and name.strip("`\"'“”‘’«» \t\r\n"))
entities = st.builds(
    NewEntity,
    name=named,
    kind=words.filter(str.strip),
    project=st.sampled_from([None, "p"]),
    observations=st.lists(words, max_size=3, unique=True).map(tuple),
    at_ms=st.integers(0, 50),
)
relations = st.builds(
    NewRelation,
    subject=named,
    relation=st.sampled_from(["uses", "owned_by", "works at", "说"]),
    object=named,
    project=st.sampled_from([None, "p"]),
    at_ms=st.integers(0, 50),
)


@pytest.mark.slow
@settings(suppress_health_check=[HealthCheck.too_slow], deadline=None, max_examples=15)
@given(st.lists(entities | relations, max_size=12))
def test_what_is_exported_and_imported_is_the_same_graph(tmp_path_factory, items):
    first, second = Home(tmp_path_factory.mktemp("one")), Home(tmp_path_factory.mktemp("two"))
    try:
        first.store(*items)
        lines = first.lines(full=True)
        second.call("import", lines=json.loads(json.dumps(lines)))
        assert second.lines(full=True) == lines
        assert second.lines() == first.lines()
    finally:
        first.stop()
        second.stop()


def test_it_is_shown_as_a_tree_with_dates(home):
    at_ms = home.stage.clock.now_ms()
    home.store(NewMemory(kind="learning", text="store.py imports apsw"))
    home.store(
        NewEntity(name="apsw", kind="package", observations=("thin",), aliases=("wrapper",)),
        NewRelation(subject="apsw", relation="owned_by", object="Ann", at_ms=at_ms - 10),
        NewRelation(subject="apsw", relation="owned_by", object="Bob", at_ms=at_ms),
    )
    lines = tree_lines(home.call("show", name="store.py", hops=2))
    assert lines[0] == "store.py  (path; named by 1 memory)"
    assert lines[1].startswith("  -imports-> apsw  (package)  since ")
    assert lines[2].startswith("    -owned_by-> Bob  (thing)  since ")
    assert lines[3].startswith("    -owned_by-> Ann  (thing)  ") and " to " in lines[3]
    assert len(lines) == 4
    of_apsw = tree_lines(home.call("show", name="WRAPPER"))
    assert of_apsw[1] == "  also wrapper"
    assert of_apsw[2].startswith("  · thin  since ")
    assert of_apsw[-1].startswith("  <-imports- store.py  (path)  since ")
    then = home.call("show", name="apsw", at_ms=at_ms - 5)
    assert [fact["until_ms"] for fact in then["facts"]] == [at_ms]


def test_what_is_not_there_is_said(home):
    with pytest.raises(NotFound, match="nothing_here"):
        home.call("show", name="nothing_here")


def test_entities_are_listed_newest_first_by_pages(home):
    for n in range(5):
        home.store(NewMemory(kind="learning", text=f"file_{n}.py imports apsw"))
    page = home.call("list", limit=2, kind="path")
    assert [row["name"] for row in page["entities"]] == ["file_4.py", "file_3.py"]
    rest = home.call("list", kind="path", before=page["next"])
    assert [row["name"] for row in rest["entities"]] == ["file_2.py", "file_1.py", "file_0.py"]
    (apsw,) = home.call("list", match="PSW")["entities"]
    assert (apsw["mentions"], apsw["facts"]) == (5, 5)


def test_a_provider_reads_only_what_is_trusted_within_a_budget(home):
    said = {"kind": "learning", "session": "s", "project": "p"}
    home.store(NewMemory(text="store.py is owned by Ann", **said))
    home.store(NewMemory(text="a page of the web says so", **said), origin="external")
    asked = []
    home.door.ask = answering(asked)
    assert home.call("extract", session="s", budget_usd=0.02) == {"task_id": "t", "project": "p"}
    (first, reading), (path, order) = asked
    assert (first, reading.key, len(reading.sources)) == (paths.MEMORY, order.key, 1)
    assert (path, order.origin) == (paths.TASKS, "generated")
    assert "owned by Ann" in order.request.prompt
    assert "the web" not in order.request.prompt
    assert order.request.budget_usd == 0.02
    with pytest.raises(NotFound, match="no such memories"):
        home.call("extract", session="another")
    with pytest.raises(UsageError, match="either"):
        home.call("extract")


@pytest.mark.parametrize(
    ("task", "says"),
    [
        ({"state": "in_progress", "result": None}, "in_progress"),
        ({"state": "completed", "result": "no"}, "not JSON"),
        ({"state": "completed", "result": '{"entities": []}'}, "does not fit"),
        ({"state": "completed", "result": "{}", "key": "other"}, "has not read"),
        ({"state": "completed", "result": "{}", "origin": "person"}, "has not read"),
        ({"state": "completed", "result": "{}", "key": "graph:2"}, "does not know"),
    ],
)
def test_an_answer_that_is_none_changes_nothing(home, monkeypatch, task, says):
    home.stage.actor.dispatch(NoteReading(key="graph:1"))
    row = {"key": "graph:1", "origin": "generated", **task}
    monkeypatch.setattr("atlas_actors.gateway.views.task", lambda _state, _id: row)
    with pytest.raises((Conflict, UsageError), match=says):
        home.call("apply", task_id="t")
    assert home.lines() == []


def test_what_a_provider_has_read_is_taken_over_once(home, monkeypatch):
    home.store(NewMemory(kind="learning", text="Ann owns store.py", session="s", project="p"))
    home.door.ask = reading_for(home)
    home.call("extract", session="s")
    result = {
        "entities": [{"note": 1, "name": "Ann", "kind": "person", "observations": ["is a lead"]}],
        "relations": [{"note": 1, "subject": "store.py", "relation": "owned_by", "object": "Ann"}],
    }
    row = {"key": home.submitted.key, "origin": "generated", "state": "completed"}
    row["result"] = json.dumps(result)
    monkeypatch.setattr("atlas_actors.gateway.views.task", lambda _state, _id: row)
    assert home.call("apply", task_id="t") == {"entities": 1, "relations": 1}
    said = home.lines(project="p")
    assert [line["name"] for line in said if "name" in line] == ["Ann", "store.py"]
    assert home.call("apply", task_id="t") == {"entities": 1, "relations": 1}
    assert home.lines(project="p") == said


def reading_for(home):
    """Memory answers; tasks notes what is submitted."""

    async def ask(path, message, _timeout_s):
        if path == paths.TASKS:
            home.submitted = message
            return TaskAccepted(id="t", created=True)
        return home.stage.actor.dispatch(message)

    return ask


def answering(asked):
    """Tasks accepts everything as task t."""

    async def ask(path, message, _timeout_s):
        asked.append((path, message))
        return TaskAccepted(id="t", created=True)

    return ask


def test_lines_are_messages():
    taken = graph_lines.taken(enumerate(REFERENCE, 1), "p")
    assert {item.project for item in taken.items} == {"p"}
    assert attrs.asdict(taken.items[2])["relation"] == "works_at"
