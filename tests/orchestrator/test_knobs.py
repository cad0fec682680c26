"""What can be adjusted while the daemon runs, and how long it holds."""

import attrs
import pytest

from atlas_actors.errors import UsageError
from atlas_actors.messages.execution import ExecutorReported, ProvidersChanged, RunAttempt
from atlas_actors.messages.feedback import AdjustKnob, KnobsWanted
from atlas_actors.messages.task import OpenLane
from atlas_actors.orchestrator.knobs import KnobBoard
from tests.orchestrator.test_attempts import TABLES, only, stage_on, started

CHEAP = TABLES["cheap"]
READY = ExecutorReported(
    provider="cheap", incarnation=1, state="ready", transport="t", model="m", slots=4
)


@pytest.fixture
def stage(tmp_path):
    built = stage_on(tmp_path)
    yield built
    built.stop()


def board(**settings):
    return KnobBoard({"a": attrs.evolve(CHEAP, name="a", retries=1, **settings)}, recall_tokens=600)


@pytest.mark.parametrize(
    ("name", "low", "high", "default"),
    [
        ("slots.a", 1, 4, 4),
        ("deadline_s.a", 60, 600, 600),
        ("retries.a", 0, 3, 1),
        ("recall_tokens", 0, 1_200, 600),
        ("context_tokens", 0, 16_000, 16_000),
    ],
)
def test_each_knob_has_bounds_and_begins_as_the_settings_say(name, low, high, default):
    knob = board().get(name)
    assert (knob.low, knob.high, knob.default, knob.value) == (low, high, default, default)


@pytest.mark.parametrize(
    ("name", "value", "says"),
    [
        ("slots.a", 0, "1 to 4"),
        ("slots.a", 5, "1 to 4"),
        ("slots.a", 1.5, "whole number"),
        ("deadline_s.a", 59.9, "60 to 600"),
        ("recall_tokens", -1, "0 to 1200"),
        ("slots.b", 1, "no knob"),
    ],
)
def test_what_is_unknown_or_out_of_bounds_is_refused_and_changes_nothing(name, value, says):
    knobs = board()
    with pytest.raises(UsageError, match=says):
        knobs.turn(name, float(value))
    assert knobs.all() == board().all()


def test_a_knob_is_turned_and_given_back_to_the_settings():
    knobs = board()
    assert knobs.turn("slots.a", 3.0).value == 3
    assert knobs.slots("a") == 3
    assert knobs.turn("slots.a", None).value == 4


def test_a_setting_that_changes_drops_what_was_turned_and_no_other():
    settings = {"a": attrs.evolve(CHEAP, name="a")}
    knobs = KnobBoard(settings, recall_tokens=600)
    for name, value in (("slots.a", 2.0), ("deadline_s.a", 90.0), ("recall_tokens", 300.0)):
        knobs.turn(name, value)
    settings["a"] = attrs.evolve(settings["a"], slots=3, model="another")
    knobs.reloaded()
    assert (knobs.slots("a"), knobs.deadline_s("a"), knobs.recall_tokens) == (3, 90.0, 300)


def test_fewer_slots_narrow_the_lane_at_once_and_a_deadline_goes_with_the_next_attempt(stage):
    stage.give(READY)
    sent = stage.give(AdjustKnob(name="slots.cheap", value=3.0))
    assert only(OpenLane, sent) == [OpenLane(lane="cheap", slots=3)]
    stage.give(AdjustKnob(name="deadline_s.cheap", value=120.0))
    (run,) = only(RunAttempt, stage.give(started()))
    assert run.deadline_s == 120.0


def test_a_report_of_more_slots_does_not_widen_a_lane_that_was_narrowed(stage):
    stage.give(AdjustKnob(name="slots.cheap", value=2.0))
    sent = stage.give(READY)
    assert only(OpenLane, sent) == [OpenLane(lane="cheap", slots=2)]


def test_retries_hold_for_the_provider_through_a_reload_that_does_not_name_them(stage):
    stage.give(READY, AdjustKnob(name="retries.cheap", value=3.0))
    assert stage.actor._roster.providers["cheap"].retries == 3
    told = attrs.asdict(attrs.evolve(CHEAP, model="another"))
    stage.give(ProvidersChanged(providers=(told,)))
    assert stage.actor._roster.providers["cheap"].retries == 3
    told = attrs.asdict(attrs.evolve(CHEAP, retries=2))
    stage.give(ProvidersChanged(providers=(told,)))
    assert stage.actor._roster.providers["cheap"].retries == 2


def test_who_asks_is_told_all_knobs_as_they_are(stage):
    stage.give(READY, AdjustKnob(name="slots.cheap", value=1.0))
    knobs = {knob.name: knob.value for knob in stage.actor.dispatch(KnobsWanted()).knobs}
    assert len(knobs) == 3 * len(TABLES) + 2
    assert (knobs["slots.cheap"], knobs["deadline_s.cheap"], knobs["retries.cheap"]) == (1, 600, 0)
    assert (knobs["recall_tokens"], knobs["context_tokens"]) == (0, 16_000)
