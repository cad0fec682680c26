"""Sessions among the real rooms: what hooks tell reaches who learns from it, and amends."""

import json

import pytest

from atlas_actors.messages import paths
from atlas_actors.store import Reader
from tests.support.houses import house_on
from tests.support.talks import Talk

pytestmark = pytest.mark.slow
SETTINGS = {"ATLAS_FEEDBACK_DEBOUNCE_S": 1}


@pytest.fixture(scope="module")
def house(tmp_path_factory):
    with house_on(tmp_path_factory.mktemp("house") / "home", **SETTINGS) as built:
        yield built


def talk_in(house, session, **fields):
    ref = house.tree.directory.ref(paths.SESSIONS)
    project = f"/home/ann/{session}"
    return Talk(ref.ask, session=session, project=project, **fields)


def read(house, room, sql, *bindings):
    return Reader(house.home.state / f"{room}.db").rows(sql, bindings)


def outcomes(house, session):
    """(action, result, how it was verified) as they stand, oldest first."""
    rows = read(
        house, "outcomes",
        "select action, result, verified_by from inspect_outcomes_all"
        " where json_extract(context, '$.session') = ? order by at_ms, id", session,
    )  # fmt: skip
    return [tuple(row.values()) for row in rows]


def until_told(house, session, count):
    house.until(lambda: len(outcomes(house, session)) == count)


def test_red_tests_amend_the_edit_before_them_and_the_turn_comes_to_them(house):
    talk = talk_in(house, "red")
    talk.prompt()
    talk.edited("a.py")
    talk.tested(1)
    talk.stop()
    until_told(house, "red", 3)
    assert outcomes(house, "red") == [
        ("Edit", "failure", "test"), ("Bash", "failure", "test"), ("Stop", "failure", "test"),
    ]  # fmt: skip


def test_tests_that_go_red_in_the_next_turn_amend_the_last_one(house):
    talk = talk_in(house, "later")
    talk.prompt()
    talk.edited("a.py")
    talk.stop()
    talk.prompt("does it work?")
    talk.tested(1)
    until_told(house, "later", 3)
    assert ("Stop", "failure", "test") in outcomes(house, "later")


def test_a_request_that_is_asked_again_was_not_done(house):
    talk = talk_in(house, "again")
    for _ in range(2):
        talk.prompt("make it blue")
        talk.stop()
    until_told(house, "again", 2)
    assert outcomes(house, "again") == [("Stop", "partial", "repeat"), ("Stop", "success", None)]


def test_a_file_that_is_put_back_amends_the_turn_that_changed_it(house):
    talk = talk_in(house, "back")
    talk.prompt()
    talk.edited("a.py")
    talk.stop()
    talk.prompt("no, leave it")
    talk.ran("git checkout a.py", reverts=("/home/ann/back/a.py",))
    talk.stop()
    until_told(house, "back", 4)
    assert outcomes(house, "back") == [
        ("Edit", "success", None), ("Stop", "failure", "revert"), ("Bash", "success", None),
        ("Stop", "success", None),
    ]  # fmt: skip


def proposals(house, project):
    """(state, files) of what is proposed for a project, once all that is due has been done."""
    house.call("cycle.run")
    rows = read(
        house, "proposals",
        "select state, evidence from inspect_proposals where kind = 'untested' and cwd = ?",
        project,
    )  # fmt: skip
    return [(row["state"], json.loads(row["evidence"])["files"]) for row in rows]


def test_changes_that_a_session_leaves_untested_are_proposed_and_a_test_takes_that_back(house):
    talk = talk_in(house, "bare")
    talk.prompt()
    talk.edited("a.py", "README.md")
    talk.stop()
    talk.tell("session_end", reason="other")
    house.until(lambda: proposals(house, "/home/ann/bare") == [("proposed", ["a.py"])])
    later = Talk(talk._ask, session="bare again", project=talk.project)
    later.prompt("test it")
    later.tested()
    house.until(lambda: [state for state, _ in proposals(house, talk.project)] != ["proposed"])


def test_what_was_tested_in_its_turn_is_not_proposed(house):
    talk = talk_in(house, "tidy")
    talk.prompt()
    talk.edited("a.py")
    talk.tested()
    talk.stop()
    talk.tell("session_end", reason="other")
    until_told(house, "tidy", 4)
    bare = talk_in(house, "after tidy")  # all that came before is counted once this is proposed
    bare.prompt()
    bare.edited("b.py")
    bare.tell("session_end")
    house.until(lambda: proposals(house, "/home/ann/after tidy"))
    assert proposals(house, "/home/ann/tidy") == []


def looks(house):
    return read(house, "analytics", "select count(*) as n from inspect_feedback")[0]["n"]


def test_a_turns_end_has_feedback_look_soon(house):
    before = looks(house)
    talk = talk_in(house, "watched")
    talk.prompt()
    talk.stop()
    house.until(lambda: looks(house) > before)
    (part,) = [part for part in house.call("health.list")["parts"] if part["part"] == "Stop"]
    assert part["n"] >= 1


def handoffs(house, session):
    rows = read(
        house, "handoffs", "select state, goal from inspect_handoffs where session = ?", session
    )
    return [tuple(row.values()) for row in rows]


def test_a_handoff_is_open_from_the_cut_to_the_next_stop(house):
    talk = talk_in(house, "cut")
    talk.prompt("paint it")
    talk.edited("a.py")
    talk.tell("session_end", reason="other")
    house.until(lambda: handoffs(house, "cut") == [("open", "paint it")])
    talk.tell("session_start", source="resume")
    talk.prompt("go on")
    talk.stop()
    house.until(lambda: handoffs(house, "cut") == [("dropped", "paint it")])


def test_what_comes_while_rooms_crash_is_told_once(house):
    talk = talk_in(house, "storm")
    talk.prompt()
    for number, path in enumerate(
        ["learning/outcomes", "door/sessions", "learning/outcomes", "work/handoffs"]
    ):
        talk.edited(f"{number}.py")
        house.crash(path)
        talk.tell("pre_compact")
    talk.stop()
    until_told(house, "storm", 5)
    (row,) = read(
        house, "sessions", "select files, result from inspect_turns where session = 'storm'"
    )
    assert tuple(row.values()) == (4, "success")
    house.until(lambda: [state for state, _ in handoffs(house, "storm")] == ["dropped"])


def test_an_outage_that_a_client_met_rests_the_providers_that_share_it(tmp_path):
    with house_on(tmp_path, ATLAS_PROVIDERS_CLAUDE_CLIENT_HOME="~") as house:
        talk = talk_in(house, "limited")
        talk.prompt()
        talk.tell("stop_failed", error="rate_limit")

        def breakers():
            status = house.call("system.status")
            return {one["name"]: one["breaker"] for one in status["providers"]}

        house.until(lambda: breakers()["claude"] == "open")
        assert {state for name, state in breakers().items() if name != "claude"} == {"closed"}


def test_every_event_is_answered_before_anybody_else_is_asked(tmp_path):
    with house_on(tmp_path) as house:
        for part in ("learning/outcomes", "work/handoffs"):
            house.crash_until_parked(part)
        talk = talk_in(house, "alone")
        assert talk.prompt().turn == 1
        talk.edited("a.py")
        assert talk.tell("session_end").turn == 1
        assert read(house, "sessions", "select count(*) as n from inspect_events")[0]["n"] == 3
