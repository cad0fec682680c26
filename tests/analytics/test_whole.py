"""Feedback in the whole tree: outcomes flow in, a knob is turned, and holds through crashes."""

import pytest

from atlas_actors.messages import paths
from atlas_actors.messages.feedback import DecideAdjustment, KnobsWanted
from atlas_actors.messages.outcome import RecordOutcome
from tests.support.houses import house_on

pytestmark = pytest.mark.slow
SETTINGS = {"ATLAS_PROVIDERS_LOCALAI_SLOTS": 4, "ATLAS_FEEDBACK_MODE": "propose"}


def record(house, times, result="success", **context):
    for _ in range(times):
        context |= {"provider": "localai"}
        told = RecordOutcome(action="x/1", kind="attempt", result=result, context=dict(context))
        house.tree.directory.ref(paths.OUTCOMES).ask(told)


def slots(house):
    orchestrator = house.tree.directory.ref(paths.ORCHESTRATOR)
    knobs = {knob.name: knob.value for knob in orchestrator.ask(KnobsWanted()).knobs}
    return knobs["slots.localai"]


def holds_again(house):
    """Once the orchestrator runs again and has been told."""
    house.until(lambda: slots(house) == 3)


def test_a_knob_that_a_person_approved_holds_through_crashes_of_both_sides(tmp_path):
    with house_on(tmp_path, **SETTINGS) as house:
        record(house, 80, end="answered")
        record(house, 20, result="failure", end="busy", fault="rate")
        first = house.call("feedback.run")
        assert first["report"]["adjustment"]["knob"] == "slots.localai"
        assert not house.call("feedback.run")["new"]
        (part,) = [
            part for part in house.call("health.list")["parts"] if part["kind"] == "provider"
        ]
        assert (part["part"], part["n"], part["faults"]) == ("localai", 100, {"rate": 20})
        analytics = house.tree.directory.ref(paths.ANALYTICS)
        changed = analytics.ask(DecideAdjustment(id=1, decision="approve"))
        assert changed.state == "applied"
        holds_again(house)
        house.crash("work/orchestrator")
        holds_again(house)
        house.crash("learning/analytics")
        house.crash("learning/outcomes")
        record(house, 20, end="answered")
        ended = house.call("feedback.run")
        assert ended["report"]["measured"]["state"] == "kept"
        (one,) = house.call("feedback.history")["adjustments"]
        assert (one["state"], one["measured"]["n_after"]) == ("kept", 20)
    with house_on(tmp_path, **SETTINGS) as house:
        holds_again(house)
    with house_on(tmp_path, **{**SETTINGS, "ATLAS_PROVIDERS_LOCALAI_SLOTS": 2}) as house:
        house.call("feedback.run")
        house.until(lambda: slots(house) == 2)
        (one,) = house.call("feedback.history")["adjustments"]
        assert one["state"] == "undone"


def test_feedback_answers_while_other_parts_are_parked(tmp_path):
    with house_on(tmp_path, **SETTINGS) as house:
        record(house, 12, result="failure", end="rejected")
        house.crash_until_parked("work/proposals")
        house.crash_until_parked("learning/memory")
        report = house.call("feedback.run")["report"]
        found = {(one["what"], one["name"]) for one in report["findings"]}
        assert ("weak", "localai") in found
        assert ("degraded", "work/proposals") in found
        assert ("restarting", "learning/memory") in found
