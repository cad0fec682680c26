"""Strategies as a person meets them: quality flips half-way, and work moves, cheaply, and says why.

The long form is `scripts/bench learning --daemon`.
"""

import json

import pytest

from tests.support.shifting import USUAL, Course, always, run, shifting_world

pytestmark = [pytest.mark.end_to_end, pytest.mark.slow]

MOVED_WITHIN = 60
FLIP = Course(tasks=140, change=70, clients=2)
OUTAGE = Course(
    tasks=60,
    change=30,
    world={
        **USUAL,
        "cheap": USUAL["cheap"].changed(after=None),
        "mid": USUAL["mid"].changed(before=0.93),
    },
)


@pytest.fixture(scope="module")
def flip(tmp_path_factory):
    """The daemon and what came of the course."""
    with shifting_world(tmp_path_factory.mktemp("flip"), FLIP) as daemon:
        yield daemon, run(daemon, FLIP)


def test_work_moves_within_60_tasks_when_quality_flips(flip):
    _, ran = flip
    assert ran.share("cheap", 30, FLIP.change) > 0.8, ran.first
    moved = ran.moved_after("mid")
    assert moved is not None, ran.first
    assert moved <= MOVED_WITHIN


def test_it_costs_less_than_always_the_best_and_verifies_as_much(flip):
    _, ran = flip
    usd, success = always("dear", FLIP)
    assert ran.spent_usd < 0.5 * usd
    assert ran.success >= success - 0.02


def test_the_lineage_says_why_work_moved(flip):
    daemon, _ = flip
    told = daemon.run("strategies", "lineage", "--intent", "docs").stdout
    (line,) = [line for line in told.splitlines() if "leads instead of cheap" in line][-1:]
    assert "mid (" in line, told
    assert line.count("n=") == 2, line  # with both records


def test_each_choice_is_made_again_from_the_log(flip):
    daemon, _ = flip
    replayed = daemon.run("strategies", "replay")
    assert replayed.returncode == 0, replayed.stdout
    assert f"{FLIP.tasks} of {FLIP.tasks} choices the same" in replayed.stdout


def test_a_tasks_strategy_is_in_its_route_its_attempt_and_its_outcome(flip):
    daemon, ran = flip
    task = json.loads(daemon.run("tasks", "show", "last", "--json").stdout)
    strategy = task["route"]["strategy"]
    assert strategy["genome"]["providers"][0] == ran.first[-1]
    assert task["attempts"][0]["strategy"] == strategy["id"]
    kept = daemon.call("outcome.list", kind="task", limit=1)["outcomes"][0]
    assert kept["context"]["strategy"] == strategy["id"]


def test_a_provider_that_is_down_fails_no_task_and_loses_no_standing(tmp_path):
    with shifting_world(tmp_path, OUTAGE) as daemon:
        ran = run(daemon, OUTAGE)
        listed = daemon.call("strategy.list", intent="docs")["strategies"]
    assert all(ran.completed[OUTAGE.change :]), ran.completed
    known = sum(one["n"] for one in listed if one["lead"] == "cheap")
    assert 0 < known <= ran.first[: OUTAGE.change].count("cheap")
