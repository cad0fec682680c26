"""schedule.* on the socket: what is held to, what is stored, what is shown."""

import anyio
import pytest

from atlas_actors.errors import UsageError
from atlas_actors.gateway import schedules
from atlas_actors.messages import paths
from atlas_actors.messages.schedule import AddSchedule, PauseSchedule, ScheduleChanged
from atlas_actors.store_actor import StoreActor
from tests.support.doors import door_on
from tests.support.schedulers import scheduler_stage

METHODS = {method.name: method for method in schedules.METHODS}
TASK = {"prompt": "look at the logs"}


@pytest.fixture
def asked():
    return []


@pytest.fixture
def door(tmp_path, asked):
    return door_on(
        tmp_path, asked, lambda order: ScheduleChanged(id="i", name=order.name, state="paused")
    )


def problem(**params):
    return METHODS["schedule.add"].validator.problem({"name": "a", "task": TASK, **params})


@pytest.mark.parametrize(
    ("params", "kind", "spec"),
    [
        ({"once_ms": 5}, "once", {"once_ms": 5}),
        ({"every_s": 60, "start_ms": 7}, "every", {"every_s": 60, "start_ms": 7}),
        ({"daily": "09:00"}, "daily", {"daily": "09:00"}),
        (
            {"weekly": {"days": ["mon"], "time": "09:00"}},
            "weekly",
            {"weekly": {"days": ["mon"], "time": "09:00"}},
        ),
        ({"cron": "*/5 * * * *"}, "cron", {"cron": "*/5 * * * *"}),
    ],
)
def test_each_kind_is_understood(door, params, kind, spec):
    assert problem(**params) == ""
    order = schedules.order_of(door, {"name": "a", "task": TASK, **params})
    assert order == AddSchedule(name="a", kind=kind, spec=spec, task=TASK)


@pytest.mark.parametrize(
    "params",
    [
        {"every_s": 0},
        {"every_s": 1.5},
        {"daily": "9:00"},
        {"weekly": {"days": [], "time": "09:00"}},
        {"weekly": {"days": ["monday"], "time": "09:00"}},
        {"missed": "never"},
        {"jitter_s": -1},
        {"name": "a\nb"},
        {"task": {}},
        {"task": {**TASK, "key": "k"}},
        {"task": {**TASK, "at_ms": 1}},
        {"task": {**TASK, "after": ["t"]}},
        {"task": {**TASK, "files": [{"name": "f", "path": "/f"}]}},
        {"strange": 1},
    ],
    ids=str,
)
def test_what_the_schema_does_not_allow_is_refused(params):
    assert problem(**{"every_s": 60, **params}) != ""


@pytest.mark.parametrize(
    ("params", "says"),
    [
        ({}, "here are none"),
        ({"every_s": 60, "daily": "09:00"}, "here are every_s, daily"),
        ({"daily": "09:00", "start_ms": 1}, "start_ms goes with every_s"),
        ({"every_s": 60, "task": {**TASK, "provider": "nobody"}}, "no provider nobody"),
        ({"every_s": 60, "task": {**TASK, "schema": {"type": 5}}}, "JSON Schema"),
        ({"every_s": 60, "task": {**TASK, "match": "("}}, "RE2"),
        ({"every_s": 60, "task": {**TASK, "in_place": True}}, "cwd"),
    ],
)
def test_what_a_task_could_not_be_is_refused_before_anything_is_stored(door, params, says):
    with pytest.raises(UsageError, match=says):
        schedules.order_of(door, {"name": "a", "task": TASK, **params})


def test_a_command_is_stored_as_its_words(door):
    params = {"name": "a", "every_s": 60, "task": {**TASK, "check": "grep -q 'a b'"}}
    assert schedules.order_of(door, params).task["check"] == ["grep", "-q", "a b"]


def test_pausing_asks_the_scheduler(door, asked):
    found = anyio.run(schedules.answer, door, "schedule.pause", {"name": "a"})
    assert found == {"id": "i", "name": "a", "state": "paused", "next_ms": []}
    assert asked == [(paths.SCHEDULER, PauseSchedule(name="a"))]


def test_the_list_comes_from_the_file_also_when_nobody_owns_it(door):
    door.home.state.mkdir(parents=True)
    stage = scheduler_stage(door.home.state)
    stage.start()
    assert isinstance(stage.actor, StoreActor)
    long = {"prompt": "x" * 500}
    params = {"name": "b", "daily": "09:00", "task": long, "jitter_s": 60, "missed": "all"}
    stage.give(schedules.order_of(door, params))
    stage.give(schedules.order_of(door, {"name": "a", "every_s": 60, "task": TASK}))
    stage.stop()
    first, second = anyio.run(schedules.answer, door, "schedule.list", {})["schedules"]
    assert (first["name"], first["kind"], first["spec"]) == ("a", "every", {"every_s": 60})
    assert (first["paused"], first["state"], first["ticks"]) == (False, "active", 0)
    assert len(first["next_ms"]) == 5
    assert (second["timezone"], second["missed"]) == ("Europe/Berlin", "all")
    assert second["jitter_s"] == 60
    assert (second["prompt"], second["last_ms"], second["last_task_id"]) == ("x" * 200, None, None)
