"""The feedback.* and health.* methods: who is asked, who may decide, what is read."""

import anyio
import pytest

from atlas_actors.errors import Conflict
from atlas_actors.gateway import feedback
from atlas_actors.gateway.caller import Caller
from atlas_actors.gateway.methods import METHODS, method_for
from atlas_actors.gateway.rpc import RpcError
from atlas_actors.messages import paths
from atlas_actors.messages.feedback import (
    AdjustmentChanged,
    DecideAdjustment,
    FeedbackEnded,
    Knobs,
    KnobsWanted,
    RunFeedback,
)
from tests.support.doors import door_on
from tests.support.watching import Watching


class From(Caller):
    """A caller whose place is known."""

    def __init__(self, inside):
        super().__init__(uid=0, pid=None)
        self._inside, self._looked = inside, True


CHANGED = AdjustmentChanged(id=7, state="applied", knob="slots.a", before=4.0, after=3.0)


def call(tmp_path, name, inside=False, answer=None, **params):
    method_for(name, params)
    asked = []
    door = door_on(tmp_path, asked, lambda _: answer)
    (tmp_path / "state").mkdir(exist_ok=True)
    return anyio.run(feedback.answer, door, name, params, From(inside)), asked


def test_a_look_is_analytics_to_have(tmp_path):
    ended = FeedbackEnded(id=1, new=True, report={"findings": []})
    answer, asked = call(tmp_path, "feedback.run", inside=True, answer=ended)
    assert asked == [(paths.ANALYTICS, RunFeedback())]
    assert answer == {"id": 1, "new": True, "report": {"findings": []}}


@pytest.mark.parametrize("decision", ["approve", "reject", "undo"])
def test_a_person_decides(tmp_path, decision):
    answer, asked = call(tmp_path, f"feedback.{decision}", answer=CHANGED, id=7)
    assert asked == [(paths.ANALYTICS, DecideAdjustment(id=7, decision=decision))]
    assert (answer["state"], answer["knob"]) == ("applied", "slots.a")


@pytest.mark.parametrize("decision", ["approve", "reject", "undo"])
@pytest.mark.parametrize("inside", [True, None])
def test_an_agent_decides_nothing(tmp_path, decision, inside):
    with pytest.raises(Conflict, match="is a person's to call"):
        call(tmp_path, f"feedback.{decision}", inside=inside, id=7)


@pytest.mark.parametrize("id", [0, -1, "7", 1.5])
def test_an_adjustment_is_named_by_its_number(id):
    with pytest.raises(RpcError):
        method_for("feedback.approve", {"id": id})


def test_status_history_and_health_are_read_from_what_analytics_publishes(tmp_path):
    home = tmp_path / "home"
    (home / "state").mkdir(parents=True)
    room = Watching(home / "state", "propose")
    room.feed.attempts(80)
    room.feed.faults(20, "rate")
    room.look()
    knobs = Knobs(knobs=room.board.all())
    status, asked = call(home, "feedback.status", answer=knobs)
    assert asked == [(paths.ORCHESTRATOR, KnobsWanted())]
    assert (status["mode"], status["adjustments"][0]["state"]) == ("propose", "proposed")
    assert {knob["name"] for knob in status["knobs"]} >= {"slots.haiku", "recall_tokens"}
    shown, _ = call(home, "feedback.history", limit=5)
    assert [one["knob"] for one in shown["adjustments"]] == ["slots.haiku"]
    found, _ = call(home, "health.list")
    (haiku,) = [part for part in found["parts"] if part["kind"] == "provider"]
    assert (haiku["part"], haiku["n"], haiku["faults"]) == ("haiku", 100, {"rate": 20})
    room.stage.stop()


def test_every_method_of_the_group_is_described():
    names = {name for name in METHODS if name.startswith(("feedback.", "health."))}
    assert names == {
        "feedback.run", "feedback.status", "feedback.history", "feedback.approve",
        "feedback.reject", "feedback.undo", "health.list",
    }  # fmt: skip
