"""What strategies find on its whole road: from an outcome to a proposal, a try, a new template."""

import json

import pytest

from atlas_actors.store import Reader
from tests.support.houses import house_on
from tests.support.model_server import model_server, say

pytestmark = pytest.mark.slow

TEMPLATE = "Think about the form of the answer first.\n\n{request}"


@pytest.fixture
def server():
    with model_server() as running:
        yield running


@pytest.fixture
def home(server, tmp_path):
    """Opens a house with two providers of one server; takes the text of its [strategies]."""

    def open_house(text=""):
        (tmp_path / "config.toml").write_text(
            '[providers.second]\ntransport = "openai-chat"\ntier = "cheap"\nmodel = "stub"\n'
            f'base_url = "{server.url}"\nusd_input = 0.0\nusd_output = 0.0\n'
            f"[strategies]\n{text}\n"
        )
        return house_on(
            tmp_path,
            ATLAS_PROVIDERS_LOCALAI_BASE_URL=server.url,
            ATLAS_PROVIDERS_CODEX_COMMAND="/no/such/codex",
            ATLAS_PROVIDERS_CLAUDE_COMMAND="/no/such/claude",
        )

    return open_house


def fail(house, prompt="Summarise the text"):
    """A person's task whose answers never pass; the task as it is then."""
    id = house.call("task.submit", prompt=prompt, match="^never$", max_attempts=2)["id"]
    task = house.call("task.wait", id=id)
    assert task["state"] == "failed"
    return task


def proposals(house, **wanted):
    listed = house.call("proposal.list", **wanted)["proposals"]
    return [house.call("proposal.get", id=proposal["id"]) for proposal in listed]


def found(house):
    """The one that is proposed, once the outcome has come to strategies."""
    house.until(lambda: house.call("cycle.run") and proposals(house, state="proposed"))
    (proposal,) = proposals(house, state="proposed")
    return proposal


def rows(house, sql):
    return Reader(house.home.state / "strategies.db").rows(sql)


def test_a_failed_check_is_proposed_with_what_it_said_and_tried_by_somebody_else(home, server):
    with home() as house:
        task = fail(house)
        asked = len(server.requests)
        proposal = found(house)
        assert (proposal["kind"], proposal["title"]) == (
            "retry", "try again another way: Summarise the text",
        )  # fmt: skip
        evidence = proposal["evidence"]
        assert evidence["task_id"] == task["id"]
        assert "does not match ^never$" in evidence["attempts"][0]["check"]
        first = evidence["failed_with"]["provider"]
        assert {first, evidence["other"]["provider"]} == {"localai", "second"}
        assert len(server.requests) == asked  # nothing is done unasked
        server.scripts.put(say("never"))
        house.call("proposal.approve", id=proposal["id"])
        house.until(lambda: house.call("task.get", id=task["id"])["state"] == "completed")
        last = house.call("task.get", id=task["id"])["attempts"][-1]
        assert last["provider"] == evidence["other"]["provider"]
        house.call("cycle.run")
        assert proposals(house, state="proposed") == []


def test_an_approved_try_that_fails_again_is_not_proposed_a_second_time(home, server):
    with home() as house:
        task = fail(house)
        house.call("proposal.approve", id=found(house)["id"])
        attempts = len(task["attempts"])

        def failed_again():
            again = house.call("task.get", id=task["id"])
            return again["state"] == "failed" and len(again["attempts"]) > attempts

        house.until(failed_again)
        count = "select count(*) as n from inspect_choices where ended_at_ms is not null"
        house.until(lambda: rows(house, count)[0]["n"] == 2)
        house.call("cycle.run")
        assert len(proposals(house)) == 1


def test_untested_changes_of_a_session_that_ended_are_proposed_until_a_test_runs(home, server):
    with home() as house:
        of = {"session": "s", "project": "/p"}
        house.call(
            "outcome.record", action="Edit", kind="hook", result="success",
            context={**of, "files": ["a.py"], "ended": True},
        )  # fmt: skip
        proposal = found(house)
        assert (proposal["kind"], proposal["title"]) == ("untested", "test the changes to a.py")
        house.call(
            "outcome.record", action="pytest", kind="hook", result="failure",
            context={**of, "test": True},
        )  # fmt: skip
        house.until(lambda: house.call("cycle.run") and proposals(house)[0]["state"] == "expired")
        assert server.requests == []


def failures(house):
    """Tasks fail until one strategy that leads has failed five times."""
    for number in range(12):
        fail(house, prompt=f"Summarise the text {number}")
    ended = "select count(*) as n from inspect_choices where ended_at_ms is not null"
    house.until(lambda: rows(house, ended)[0]["n"] == 12)


def test_no_model_is_asked_to_think_unless_one_is_named(home, server):
    with home("propose = false") as house:
        failures(house)
        asked = len(server.requests)
        house.call("cycle.run")
        assert rows(house, "select * from inspect_reflections") == []
        assert len(server.requests) == asked
        assert proposals(house) == []


def test_what_a_model_thinks_of_what_failed_becomes_a_challenger(home, server):
    with home('reflect_with = "localai"\npropose = false') as house:
        failures(house)
        server.scripts.put(say(json.dumps({"template": TEMPLATE, "why": "forms were missed"})))
        steps = house.call("cycle.run")["steps"]
        assert "1 reflection under way" in steps[1]["did"]
        taken = "select * from inspect_reflections where step is not null"
        house.until(lambda: house.call("cycle.run") and rows(house, taken))
        (reflection,) = rows(house, taken)
        step = json.loads(reflection["step"])
        assert step["what"] == "born", step
        (child,) = rows(house, "select * from inspect_strategies where operator = 'reflection'")
        assert child["id"] == step["strategy"]
        assert json.loads(child["genome"])["template"] == TEMPLATE
        thought = [one for one in server.requests if "Think over why" in str(one)]
        assert len(thought) == 1
        assert "does not match ^never$" in str(thought[0])
