"""Proposed work on its whole road: found, proposed, approved, done, and not found anew."""

import json
import sys

import pytest

from atlas_actors.messages import paths
from atlas_actors.messages.handoff import Checkpoint, SaveHandoff
from atlas_actors.store import Reader
from tests.support.houses import house_on
from tests.support.model_server import model_server, say
from tests.support.trees import WAIT_S

pytestmark = pytest.mark.slow


@pytest.fixture
def server():
    with model_server() as running:
        yield running


def settings(server, tmp_path, text):
    (tmp_path / "config.toml").write_text(text)
    return {
        "ATLAS_PROVIDERS_LOCALAI_BASE_URL": server.url,
        "ATLAS_PROVIDERS_CODEX_COMMAND": "/no/such/codex",
        "ATLAS_PROVIDERS_CLAUDE_COMMAND": "/no/such/claude",
    }


def failing(mark):
    """A check that fails until the mark is there, and says something new each time."""
    body = (
        "import os, pathlib, sys, time\n"
        f"if pathlib.Path({str(mark)!r}).exists(): sys.exit(0)\n"
        "print('broken at', time.time(), os.getpid()); sys.exit(1)"
    )
    words = json.dumps([sys.executable, "-c", body])
    return f'[checks.x]\ncommand = {words}\nevery_s = 1\nprompt = "Summarise what is wrong"\n'


def due_again(house):
    """A cycle in which the check has run anew."""
    found = []

    def ran():
        steps = house.call("cycle.run")["steps"]
        found[:] = [step["did"] for step in steps if "checks.x" in step["did"]]
        return found

    house.until(ran)
    return found[0]


def whole(house, **wanted):
    listed = house.call("proposal.list", **wanted)["proposals"]
    return [house.call("proposal.get", id=proposal["id"]) for proposal in listed]


def task_of(house, id):
    house.until(lambda: house.call("proposal.get", id=id)["task_id"])
    return house.call("task.wait", id=house.call("proposal.get", id=id)["task_id"])


def kept(house, task_id):
    """The row of a task."""
    (row,) = Reader(house.home.state / "tasks.db").rows(
        "select * from tasks where id = ?", (task_id,)
    )
    return row


def test_a_failing_check_is_proposed_approved_done_and_not_proposed_again_until_it_had_passed(
    server, tmp_path
):
    mark = tmp_path / "fixed"
    with house_on(tmp_path, **settings(server, tmp_path, failing(mark))) as house:
        assert "fails (exit 1), proposed" in due_again(house)
        (proposal,) = whole(house, state="proposed")
        assert server.requests == []  # nothing is done unasked
        server.scripts.put(say("It is broken because of this"))
        house.call("proposal.approve", id=proposal["id"])
        task = task_of(house, proposal["id"])
        assert (task["state"], task["result"]) == ("completed", "It is broken because of this")
        assert (task["priority"], kept(house, task["id"])["origin"]) == ("low", "generated")
        asked = server.requests[0]["messages"][-1]["content"]
        assert "Summarise what is wrong" in asked
        assert "broken at" in asked
        assert "not proposed: it was done" in due_again(house)
        assert whole(house)[0]["task_state"] == "completed"
        mark.touch()
        assert "passes" in due_again(house)
        mark.unlink()
        assert "fails (exit 1), proposed" in due_again(house)
        assert len(whole(house)) == 2


def test_a_kind_that_is_allowed_is_done_without_asking_once(server, tmp_path):
    text = failing(tmp_path / "never") + '[proposals]\napprove = ["check"]\n'
    with house_on(tmp_path, **settings(server, tmp_path, text)) as house:
        assert "approved" in due_again(house)
        (proposal,) = whole(house)
        assert task_of(house, proposal["id"])["state"] == "completed"
        house.crash("work/proposals")
        house.crash("work/cycle")
        assert "not proposed" in due_again(house)
        assert len(house.call("task.list")["tasks"]) == 1


def test_what_a_generated_task_shows_is_not_proposed_and_what_a_persons_shows_is(server, tmp_path):
    with house_on(tmp_path, **settings(server, tmp_path, "")) as house:
        first = house.call("proposal.add", kind="idea", title="a", prompt="Summarise this")
        again = house.call("proposal.add", kind="idea", title="a", prompt="Summarise this")
        assert (first["state"], again["id"]) == ("proposed", None)
        house.call("proposal.approve", id=first["id"])
        generated = task_of(house, first["id"])["id"]
        persons = house.call("task.submit", prompt="Summarise that")["id"]
        more = {"kind": "idea", "title": "b", "prompt": "Summarise more"}
        refused = house.call("proposal.add", **more, from_task=generated)
        assert refused["id"] is None
        assert "generated itself" in refused["why"]
        assert house.call("proposal.add", **more, from_task=persons)["state"] == "proposed"


def test_a_clients_handoff_that_nobody_goes_on_with_becomes_a_task_that_goes_on(server, tmp_path):
    text = "[handoffs]\nstale_s = 1\n[detectors]\nhandoffs = true\nevery_s = 1\n"
    with house_on(tmp_path, **settings(server, tmp_path, text)) as house:
        handoff = SaveHandoff(
            client="claude", session="s", cwd=None,
            checkpoint=Checkpoint(goal="Summarise the text", done=("read chapter one",)),
        )  # fmt: skip
        house.tree.directory.ref(paths.HANDOFFS).ask(handoff, WAIT_S)
        house.until(lambda: house.call("cycle.run") and whole(house))
        (proposal,) = whole(house)
        assert proposal["title"] == "go on with: Summarise the text"
        house.call("proposal.approve", id=proposal["id"])
        task = task_of(house, proposal["id"])
        assert task["state"] == "completed"
        assert kept(house, task["id"])["handoff_id"] == proposal["evidence"]["handoff_id"]
        assert "Summarise the text" in server.requests[0]["messages"][-1]["content"]


def test_the_steps_say_what_waits_and_what_came_of_what_was_done(server, tmp_path):
    with house_on(tmp_path, **settings(server, tmp_path, "")) as house:
        house.call("cycle.run")
        assert house.call("task.wait", id=house.call("task.submit", prompt="Summarise")["id"])
        house.call("task.submit", prompt="Summarise", at_ms=2**50)
        house.until(lambda: len(house.call("outcome.list")["outcomes"]) == 3)
        did = {step["name"]: step for step in house.call("cycle.run")["steps"]}
        assert [step["number"] for step in did.values()] == list(range(1, 9))
        assert did["route"]["did"] == "waiting: 1 for their time"
        assert did["execute"]["did"] == "nothing runs"
        assert did["outcomes"]["did"] == "3 recorded since the last cycle: 3 success"
        assert did["learnings"]["result"] == "ok"
        assert did["learnings"]["did"] == "0 learnings from work that has ended"


def test_without_proposals_the_daemon_works_and_the_cycle_says_so(server, tmp_path):
    with house_on(tmp_path, **settings(server, tmp_path, "")) as house:
        house.crash_until_parked("work/proposals")
        steps = {step["name"]: step for step in house.call("cycle.run")["steps"]}
        assert steps["generated"]["result"] == "degraded"
        assert "parked" in steps["generated"]["did"]
        assert steps["tasks"]["result"] == "ok"
