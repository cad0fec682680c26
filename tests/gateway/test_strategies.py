"""strategy.* on the socket: lists with intervals, ids by their beginning, and who may decide."""

import anyio
import pytest

from atlas_actors.errors import Conflict, NotFound
from atlas_actors.gateway import strategies, views
from atlas_actors.gateway.caller import Caller
from atlas_actors.gateway.methods import METHODS, method_for
from atlas_actors.messages import paths
from atlas_actors.messages.strategy import StrategiesReplayed
from tests.support.doors import door_on
from tests.support.ledger_room import handle
from tests.support.strategists import asking, batch, ended, room_on


class KnownCaller(Caller):
    """One whose place is known without looking."""

    def __init__(self, inside):
        super().__init__(uid=0, pid=None)
        self._looked, self._inside = True, inside


PERSON, AGENT, UNSEEN = KnownCaller(False), KnownCaller(True), KnownCaller(None)


class Home:
    """A door with a real room of strategies behind it."""

    def __init__(self, folder):
        (folder / "state").mkdir(parents=True)
        self.asked = []
        self.room = room_on(folder / "state")
        self.room.start()
        self.door = door_on(folder, self.asked, self.room.actor.dispatch)
        self.seq = 0

    def call(self, name, /, caller=PERSON, **params):
        method_for(f"strategy.{name}", params)
        return anyio.run(strategies.answer, self.door, f"strategy.{name}", params, caller)

    def live(self, numbers, passed=lambda number: True):
        """Choices and their ends."""
        for number in numbers:
            self.seq += 1
            (reply,) = handle(self.room, [asking(number)])
            told = ended(self.seq, reply.value, f"t{number}", passed(number))
            handle(self.room, [batch(told)])

    def stop(self):
        self.room.stop()


@pytest.fixture
def home(tmp_path):
    built = Home(tmp_path)
    yield built
    built.stop()


def test_every_method_is_described_and_answered(home):
    described = {name for name in METHODS if name.startswith("strategy.")}
    assert described == {
        f"strategy.{verb}"
        for verb in ["list", "show", "lineage", "evolve", "pin", "unpin", "retire", "replay"]
    }


def test_a_rate_comes_with_its_n_and_its_interval_and_under_ten_says_so(home):
    home.live(range(1, 10))
    tried = [one for one in home.call("list", intent="bug_fix")["strategies"] if one["n"]]
    assert sum(one["n"] for one in tried) == pytest.approx(9, abs=0.5)  # old ones count less
    assert not any(one["enough"] for one in tried)
    home.live(range(10, 200))
    known = [one for one in home.call("list")["strategies"] if one["enough"]]
    assert known
    for one in known:
        assert 0 < one["low"] < one["rate"] <= one["high"] == 1
        assert one["cost_usd"] is None or one["cost_usd"] >= 0


def test_one_strategy_is_shown_with_its_choices_and_its_story(home):
    home.live(range(1, 31))
    (best, *_) = home.call("list", intent="bug_fix")["strategies"]
    shown = home.call("show", id=best["id"][:6])
    assert shown["id"] == best["id"]
    assert shown["genome"]["providers"][0] == shown["lead"]
    assert {choice["strategy"] for choice in shown["choices"]} <= {best["id"]}
    (kept,) = shown["lifetime"]
    assert kept["choices"] == kept["n"] > 0
    assert "seeded" in [note["what"] for note in shown["story"]]


def test_an_id_may_be_its_beginning_where_that_is_one_only(home):
    store = home.room.actor.store
    store.run("update strategies set id = 'abcd' || substr(id, 5) where intent = 'docs'")
    with pytest.raises(Conflict, match="more than one"):
        home.call("show", id="abcd")
    with pytest.raises(NotFound):
        home.call("show", id="abc")
    with pytest.raises(NotFound):
        home.call("show", id="zzzz")
    with pytest.raises(NotFound):
        home.call("show", id="abc%")


def test_only_a_person_pins_and_retires(home):
    id = home.call("list")["strategies"][0]["id"]
    for caller in (AGENT, UNSEEN):
        for name, params in (
            ("pin", {"id": id}),
            ("unpin", {"intent": "docs"}),
            ("retire", {"id": id}),
        ):
            with pytest.raises(Conflict, match="a person's to call"):
                home.call(name, caller=caller, **params)
    assert home.asked == []
    assert home.call("list", caller=AGENT)["strategies"]


def test_what_a_person_pins_is_shown_as_pinned_until_they_let_go(home):
    id = home.call("list", intent="docs")["strategies"][0]["id"]
    assert home.call("pin", id=id)["what"] == "pinned"
    assert home.call("show", id=id)["pinned"]
    assert home.call("unpin", intent="docs")["what"] == "unpinned"
    assert not home.call("show", id=id)["pinned"]


def test_an_intent_that_there_is_none_of_is_said_to_be_none(home):
    for name in ("list", "lineage"):
        with pytest.raises(NotFound, match="no intent 'bugfix'") as refused:
            home.call(name, intent="bugfix")
        assert "bug_fix" in refused.value.cure


def test_what_is_retired_is_listed_only_with_all(home):
    id = home.call("list", intent="docs")["strategies"][0]["id"]
    step = home.call("retire", id=id, reason="too dear")
    assert (step["what"], step["strategy"]) == ("retired", id)
    assert id not in [one["id"] for one in home.call("list")["strategies"]]
    assert id in [one["id"] for one in home.call("list", all=True)["strategies"]]
    (note,) = [one for one in home.call("show", id=id)["story"] if one["what"] == "retired"]
    assert "too dear" in note["why"]


def test_the_lineage_tells_each_intent_by_itself_or_one_strategys_story(home):
    home.live(range(1, 60), lambda number: number % 3 > 0)
    found = home.call("lineage")["intents"]
    assert [one["intent"] for one in found] == ["bug_fix", "docs"]
    (docs,) = home.call("lineage", intent="docs")["intents"]
    assert {one["intent"] for one in docs["strategies"]} == {"docs"}
    id = docs["strategies"][0]["id"]
    home.call("pin", id=id)
    (story,) = home.call("lineage", id=id[:8])["intents"]
    assert [note["strategy"] for note in story["story"]] == [id]


def test_evolve_and_replay_are_asked_of_the_room(home):
    home.door.ask = answering(
        home.asked,
        StrategiesReplayed(choices=3, same=2, different=((2, "a", "b"),), from_choice=1),
    )
    assert home.call("replay", limit=3) == {
        "choices": 3,
        "same": 2,
        "different": [{"choice": 2, "then": "a", "now": "b"}],
        "from_choice": 1,
    }
    ((path, order),) = home.asked
    assert (path, order.limit) == (paths.STRATEGIES, 3)


def answering(asked, value):
    async def ask(path, message, _timeout_s):
        asked.append((path, message))
        return value

    return ask


def test_an_intent_that_is_not_there_does_not_evolve(home):
    with pytest.raises(NotFound, match="one of"):
        home.call("evolve", intent="nope")
    steps = home.call("evolve")["steps"]
    assert {step["intent"] for step in steps} == {"bug_fix", "docs"}


def test_a_task_names_the_strategy_of_its_route():
    assert views._strategy(None) is None
    assert views._strategy({"strategy": None}) is None
    assert views._strategy({"intent": "docs"}) is None
    assert views._strategy({"strategy": {"id": "abc"}}) == "abc"
