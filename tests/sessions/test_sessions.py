"""The room of sessions, driven by hand: what it keeps, answers and tells."""

import json

import attrs
import pytest

from atlas_actors.config import load
from atlas_actors.messages import paths
from atlas_actors.messages.client import (
    ClaimOutline,
    ClientEvent,
    ClientMet,
    HookAnswered,
    HookHappened,
    LearningDone,
    LearningDue,
    LearningWanted,
    SessionKnown,
    SessionWanted,
    ToolUse,
    TurnRouted,
)
from atlas_actors.messages.execution import Fault
from atlas_actors.sessions.actor import IDLE_S, IdleDue, Sessions
from tests.support.stages import Stage
from tests.support.talks import PROJECT, Talk


def room_on(folder, clock=None, **variables):
    settings = load({"ATLAS_HOME": str(folder), **variables}).hooks
    return Stage(
        Sessions, path=paths.SESSIONS, clock=clock, database=folder / "sessions.db",
        settings=settings,
    )  # fmt: skip


@pytest.fixture
def stage(tmp_path):
    built = room_on(tmp_path)
    built.start()
    yield built
    built.stop()


@pytest.fixture
def talk(stage):
    return Talk(stage.actor.dispatch)


def rows(stage, view):
    return stage.actor.store.rows(f"select * from inspect_{view}")


def turns(stage):
    """(number, result), oldest first."""
    found = [(row["number"], row["result"]) for row in rows(stage, "turns")]
    return sorted(found, key=lambda turn: turn[0])


def only(stage, view):
    (row,) = rows(stage, view)
    return row


def texts_of(stage, number):
    """(goal, done, words) of a turn: what is only kept to go on with it."""
    row = stage.actor.store.row("select * from turns where number = ?", (number,))
    return row["goal"], row["done"], row["words"]


def owed_outcomes(stage):
    return [
        json.loads(row["outcome"])
        for row in stage.actor.store.rows("select * from owed order by number")
    ]


# Turns.


def test_each_prompt_is_a_turn_and_a_stop_ends_it(stage, talk):
    assert talk.tell("session_start", source="startup").turn == 0
    assert talk.prompt().turn == 1
    assert talk.ran("make").turn == 1
    assert talk.stop().turn == 1
    assert talk.prompt("and now the docs").turn == 2
    assert turns(stage) == [(1, "success"), (2, None)]


def test_a_late_stop_tells_what_its_own_turn_has_come_to(stage, talk):
    talk.prompt()
    talk.tested(code=1)
    talk.prompt("and now the docs")
    assert talk.stop(turn_id="p1").turn == 1
    assert turns(stage) == [(1, "failure"), (2, None)]
    assert texts_of(stage, 1) == ("", "[]", "")
    assert texts_of(stage, 2)[0] == "and now the docs"
    (stop,) = [one for one in owed_outcomes(stage) if one["action"] == "Stop"]
    assert (stop["context"]["turn"], stop["result"]) == (1, "failure")


def test_a_tool_that_is_told_of_after_the_next_has_begun_counts_in_its_turn(stage, talk):
    talk.prompt()
    talk.about_to("make")
    talk.about_to("pytest")
    talk.ran("make", 2)
    talk.prompt("next")
    talk.ran("pytest", 0, turn_id="p1", test=True)
    first = next(row for row in rows(stage, "turns") if row["number"] == 1)
    assert (first["commands"], first["failed"], first["tests"]) == (2, 1, 1)
    assert texts_of(stage, 1) == ("", "[]", "")


def test_a_stop_that_comes_after_the_end_leaves_the_session_ended_and_nothing_to_go_on_with(
    stage, talk
):
    talk.prompt()
    talk.edited("a.py")
    talk.tell("session_end", reason="other")
    assert turns(stage) == [(1, "interrupted")]
    talk.stop()
    assert turns(stage) == [(1, "success")]
    assert only(stage, "sessions")["ended_ms"] is not None
    assert texts_of(stage, 1) == ("", "[]", "")
    wanted = stage.actor.store.rows("select * from handoffs")
    assert [row for row in wanted if row["checkpoint"] and not row["dropped"]] == []
    ends = [one["action"] for one in owed_outcomes(stage)]
    assert (ends.count("Stop"), ends.count("SessionEnd")) == (1, 1)


@pytest.mark.parametrize("kind", ["session_start", "prompt", "pre_tool"])
def test_a_session_goes_on_after_its_end_when_its_client_waits_for_a_hook(stage, talk, kind):
    talk.prompt()
    talk.tell("session_end", reason="other")
    talk.tell(kind, prompt="again", source="resume")
    assert only(stage, "sessions")["ended_ms"] is None


def test_what_a_subagent_is_told_is_no_turn(stage, talk):
    talk.prompt()
    assert talk.tell("prompt", prompt="sub", turn_id="other", agent_id="a").turn == 1
    assert talk.tell("stop", turn_id="other", agent_id="a").turn == 1
    assert turns(stage) == [(1, None)]


def test_a_prompt_that_comes_after_its_tools_is_theirs(stage, talk):
    talk.turn_id = "p1"
    assert talk.ran("make").turn == 1
    assert talk.prompt("late").turn == 1
    assert only(stage, "turns")["request"] == "#late"
    assert only(stage, "turns")["commands"] == 1


def test_a_stop_that_comes_after_the_next_prompt_ends_its_own_turn(stage, talk):
    talk.prompt()
    talk.prompt("another")
    assert talk.stop(turn_id="p1").turn == 1
    assert turns(stage) == [(1, "success"), (2, None)]


def test_two_clients_with_a_session_of_the_same_name_do_not_meet(stage, talk):
    other = Talk(stage.actor.dispatch, client="codex")
    talk.prompt()
    talk.prompt("again")
    assert other.prompt().turn == 1
    labels = stage.actor.store.rows("select label from sessions order by began_ms, client")
    assert [row["label"] for row in labels] == ["s", "codex:s"]


def test_starts_again_and_ends_that_are_missing_are_normal(stage, talk):
    for source in ("startup", "resume", "clear", "compact", "fork", "unheard of"):
        assert talk.tell("session_start", source=source).turn == 0
    assert talk.tell("subagent_stop", agent_id="a", agent_type="").turn == 0
    assert talk.tell("session_end", reason="other").turn == 0
    assert only(stage, "sessions")["reason"] == "other"
    assert talk.tell("session_start", source="resume").turn == 0
    assert only(stage, "sessions")["ended_ms"] is None


def test_a_client_that_died_at_work_and_comes_back_was_interrupted(stage, talk):
    talk.prompt()
    talk.tell("session_start", source="compact")
    assert turns(stage) == [(1, None)]
    talk.tell("session_start", source="resume")
    assert turns(stage) == [(1, "interrupted")]


def test_an_event_without_a_session_is_kept_and_belongs_to_none(stage):
    event = ClientEvent(client="gemini", event="New", kind="other", session="")
    assert stage.actor.dispatch(HookHappened(event=event)).turn == 0
    assert (len(rows(stage, "events")), rows(stage, "sessions")) == (1, [])


def test_what_is_told_twice_counts_once(stage, talk):
    talk.prompt()
    for _ in range(2):
        talk.ran("make", id="toolu_1")
        talk.tell("notification")
    assert only(stage, "turns")["commands"] == 1
    talk.ran("make other", id="toolu_1")  # whatever a client's ids are worth
    assert only(stage, "turns")["commands"] == 2
    kinds = [row["kind"] for row in rows(stage, "events")]
    assert (kinds.count("post_tool"), kinds.count("notification")) == (2, 2)


def test_a_turn_in_which_nothing_happens_for_an_hour_is_over(stage, talk):
    talk.prompt()
    stage.clock.advance(IDLE_S - 1)
    stage.give(IdleDue())
    assert turns(stage) == [(1, None)]
    talk.status(cost_usd=0.5)  # nobody works because of a status line
    stage.clock.advance(2)
    stage.give(IdleDue())
    assert turns(stage) == [(1, "interrupted")]


def test_a_clock_that_is_set_ahead_makes_nothing_idle(stage, talk):
    talk.prompt()
    stage.clock.jump(10 * IDLE_S)
    stage.give(IdleDue())
    assert turns(stage) == [(1, None)]


def test_the_idle_are_looked_for_by_itself(stage, talk):
    talk.prompt()
    stage.clock.advance(IDLE_S + 1)
    stage.sent()
    stage.actor._handle_due()
    assert turns(stage) == [(1, "interrupted")]


# What is known of a session.


def test_a_session_knows_its_route_its_model_and_its_turn(stage, talk):
    assert stage.actor.dispatch(SessionWanted(client="claude", session="s")) is None
    talk.tell("session_start", model="opus")
    talk.prompt()
    routed = TurnRouted(client="claude", session="s", intent="docs", tier="cheap", route_id="r")
    stage.give(routed)
    known = stage.actor.dispatch(SessionWanted(client="claude", session="s"))
    assert known == SessionKnown(turn=1, project=PROJECT, intent="docs", tier="cheap", model="opus")
    shown = only(stage, "sessions")
    assert (shown["intent"], shown["tier"]) == ("docs", "cheap")
    talk.prompt("another")
    assert only(stage, "sessions")["intent"] == ""


def test_a_route_of_a_session_that_nobody_knows_is_of_no_use(stage):
    routed = TurnRouted(client="x", session="y", intent="docs", tier="cheap", route_id="r")
    assert stage.give(routed) == []


def test_cost_context_models_and_compactions_are_kept(stage, talk):
    talk.tell("session_start", model="opus")
    talk.status(cost_usd=0.25, used_percent=12.5, used_tokens=25_000, window_tokens=200_000)
    talk.status(used_percent=13.0)
    talk.tell("model_switch", to_model="haiku")
    talk.tell("pre_compact", reason="auto")
    talk.ran("make", model="sub-model", agent_id="a")
    shown = only(stage, "sessions")
    assert (shown["cost_usd"], shown["used_percent"]) == (0.25, 13.0)
    assert (shown["used_tokens"], shown["window_tokens"]) == (25_000, 200_000)
    assert (shown["model"], shown["switches"], shown["compactions"]) == ("haiku", 1, 1)
    assert "status" not in [row["kind"] for row in rows(stage, "events")]
    assert only(stage, "clients")["events"] == 6


def test_an_outline_is_given_once_for_a_file_and_a_turn(stage, talk):
    claim = ClaimOutline(client="claude", session="s", path="/p/a.py")
    assert stage.actor.dispatch(claim) is False  # of a session that nobody knows
    talk.prompt()
    assert [stage.actor.dispatch(claim) for _ in range(3)] == [True, False, False]
    other = ClaimOutline(client="claude", session="s", path="/p/b.py")
    assert stage.actor.dispatch(other) is True
    talk.prompt("another")
    assert stage.actor.dispatch(claim) is True
    assert len(stage.actor.store.rows("select * from said")) == 1


def test_answers_are_kept_for_who_looks_after_latency(stage):
    for took_us in (300, 700):
        stage.give(
            HookAnswered(
                client="claude", event="Stop", session="s", took_us=took_us, answer_bytes=9,
                late=("memory", "router"),
            )
        )  # fmt: skip
    found = [(row["took_us"], row["late"]) for row in rows(stage, "answers")]
    assert found == [(700, "memory,router"), (300, "memory,router")]


# What is stored.


def test_nothing_of_what_tools_and_people_say_is_kept_but_what_is_needed(stage, talk):
    talk.prompt("the goal")
    tool = ToolUse(name="Read", kind="read", output="zebra")
    talk.tell("post_tool", tool=tool, message="zebra", reason="zebra", error="zebra")
    talk.tell("notification", message="zebra")
    assert "zebra" not in json.dumps(_everything(stage))
    talk.stop(message="zebra")
    assert "zebra" not in json.dumps(_everything(stage))
    assert "the goal" in json.dumps(_everything(stage))
    talk.prompt("a newer one")
    kept = [row["goal"] for row in stage.actor.store.rows("select goal from turns")]
    assert sorted(kept) == ["", "a newer one"]
    talk.stop()
    talk.tell("session_end")
    assert "a newer one" not in json.dumps(_everything(stage)).replace("#a newer one", "")


def _everything(stage):
    names = stage.actor.store.rows("select name from sqlite_schema where type = 'table'")
    return [stage.actor.store.rows(f"select * from {row['name']}") for row in names]


@pytest.mark.parametrize(
    "unknown",
    [
        {"new": 1},
        {"new": {"deep": ["\ud800", None, 1e9]}},
        {f"field {count}": "x" * 400 for count in range(200)},
        {"big": "x" * 100_000, "small": 1},
        {"é" * 50_000: 1},
    ],
    ids=["a field", "no text that UTF-8 holds", "many", "a big one", "a long name"],
)
def test_fields_that_nobody_knows_are_kept_as_json_within_their_limit(stage, talk, unknown):
    talk.tell("other", unknown=unknown)
    text = only(stage, "events")["unknown"]
    assert len(text.encode()) <= 16_000
    kept = json.loads(text)
    assert kept.get("new", unknown.get("new")) == unknown.get("new")
    assert kept.get("small", unknown.get("small")) == unknown.get("small")


def test_no_text_and_no_number_of_a_client_is_refused(stage, talk):
    odd = "\ud800" * 3
    tool = ToolUse(
        name=odd, kind="shell", command=odd, exit_code=10**30, failed=True, output=odd, id=odd,
        duration_ms=10**40,
    )  # fmt: skip
    fields = {
        "event": odd, "cwd": odd, "turn_id": odd, "model": odd, "transcript_path": odd,
        "version": odd, "message": odd, "reason": odd, "error": odd,
    }  # fmt: skip
    other = Talk(stage.actor.dispatch, session=odd, project=odd)
    other.prompt(odd, **fields)
    for kind in ("tool_failed", "pre_tool", "stop", "stop_failed", "session_end"):
        other.tell(kind, tool=tool, **fields)
    other.status(used_tokens=10**30)
    assert len(rows(stage, "events")) == 6


@pytest.mark.slow
def test_only_so_many_events_and_answers_are_kept(tmp_path):
    stage = room_on(tmp_path, ATLAS_HOOKS_EVENTS_MAX="100")
    stage.start()
    talk = Talk(stage.actor.dispatch)
    for number in range(150):
        talk.tell("notification")
        stage.give(HookAnswered(client="c", event="e", session="s", took_us=number, answer_bytes=0))
    for view in ("events", "answers"):
        kept = [row["seq"] for row in rows(stage, view)]
        assert kept == list(range(150, 50, -1))
    stage.stop()


def test_what_is_older_than_its_retention_goes_with_all_that_belongs_to_it(stage, talk):
    talk.prompt()
    talk.ran("make", 2)
    stage.actor.dispatch(ClaimOutline(client="claude", session="s", path="a"))
    talk.stop(transcript_path="/t")
    stage.clock.advance(86_400)
    talk.prompt("a later one")
    old_ms = stage.clock.now_ms()
    stage.clock.advance(86_400)
    other = Talk(stage.actor.dispatch, session="new")
    other.prompt()
    other.ran("make all", 2)
    assert stage.actor.prune(old_ms - 1) is False
    assert turns(stage) == [(1, None), (2, None)]  # of the first only the newest is left
    stage.actor.prune(old_ms + 1)
    assert [row["session"] for row in rows(stage, "sessions")] == ["new"]
    assert [row["command"] for row in rows(stage, "commands")] == ["make all"]
    for table in ("said", "learnings", "turns"):
        found = stage.actor.store.rows(f"select session from {table}")
        assert {row["session"] for row in found} <= {"new"}


# Commands that failed.


def test_a_command_that_failed_is_said_once_a_turn_until_it_has_worked(talk):
    talk.prompt()
    assert talk.about_to("make check").failed_before == ()
    talk.ran("make check", 2, output="x" * 2_000 + "no rule")
    talk.ran("make  check ", 3, output="still no rule")
    (failed,) = talk.about_to("make check").failed_before
    assert (failed.command, failed.times, failed.exit_code) == ("make check", 2, 3)
    assert (failed.error, failed.instead) == ("still no rule", "")
    assert talk.about_to("make check").failed_before == ()
    talk.prompt("another")
    assert talk.about_to(" make check").failed_before == (failed,)
    talk.ran("make check")
    talk.prompt("a third")
    assert talk.about_to("make check").failed_before == ()


def test_another_session_of_the_project_hears_of_it_and_another_project_does_not(stage, talk):
    talk.prompt()
    talk.ran("make check", 2)
    talk.ran("make check -j1")
    here = Talk(stage.actor.dispatch, client="codex", session="other")
    (failed,) = here.about_to("make check").failed_before
    assert failed.instead == "make check -j1"
    there = Talk(stage.actor.dispatch, session="third", project="/home/ann/else")
    assert there.about_to("make check").failed_before == ()


def test_the_same_words_in_another_directory_are_another_command(talk):
    talk.prompt()
    talk.ran("npm test", 1, cwd=f"{PROJECT}/web")
    assert talk.about_to("npm test", cwd=f"{PROJECT}/api").failed_before == ()
    assert talk.about_to("npm test", cwd=f"{PROJECT}/web").failed_before != ()


def test_an_edit_in_between_is_taken_for_the_cure(stage, talk):
    talk.prompt()
    talk.edited("a.py")
    talk.ran("python a.py", 1)
    talk.edited("a.py")
    talk.ran("python3 a.py")
    assert only(stage, "commands")["instead"] == ""


def test_what_a_person_cut_off_has_neither_failed_nor_worked(stage, talk):
    talk.prompt()
    talk.ran("make check", 130, interrupted=True)
    talk.ran("make other", None, failed=None)
    assert rows(stage, "commands") == []
    talk.ran("make check", 2)
    talk.ran("make check", None, failed=None, interrupted=True)
    assert only(stage, "commands")["failures"] == 1


def test_what_worked_first_instead_is_what_is_said(talk):
    talk.ran("make check", 2)
    talk.ran("make check -j1")
    talk.ran("make check -k")
    (failed,) = talk.about_to("make check").failed_before
    assert failed.instead == "make check -j1"


def test_what_failed_is_kept_but_not_said_where_that_is_switched_off(tmp_path):
    stage = room_on(tmp_path, ATLAS_HOOKS_FAILURES="false")
    stage.start()
    talk = Talk(stage.actor.dispatch)
    talk.ran("make", 2)
    assert talk.about_to("make").failed_before == ()
    assert only(stage, "commands")["failures"] == 1
    stage.stop()


def test_outside_of_projects_commands_belong_to_their_directory(stage):
    talk = Talk(stage.actor.dispatch, project=None)
    talk.ran("make", 2, cwd="/tmp/x")
    assert talk.about_to("make", cwd="/tmp/x").failed_before != ()
    assert talk.about_to("make", cwd="/tmp/y").failed_before == ()


# What is to be learned from.


def test_a_transcript_is_to_be_learned_from_until_memory_has_read_it(stage, talk, tmp_path):
    talk.prompt(transcript_path="/t.jsonl")
    talk.stop()
    due = LearningDue(
        client="claude", session="s", project=PROJECT, transcript_path="/t.jsonl", event="stop",
        seq=2,
    )  # fmt: skip
    assert stage.actor.dispatch(LearningWanted()) == (due,)
    talk.tell("session_end")
    later = attrs.evolve(due, event="session_end", seq=3)
    stage.give(LearningDone(client="claude", session="s", seq=due.seq))
    assert stage.actor.dispatch(LearningWanted()) == (later,)
    stage.give(LearningDone(client="claude", session="s", seq=later.seq))
    assert stage.actor.dispatch(LearningWanted()) == ()


def test_what_is_to_be_learned_survives_the_end_of_the_room(tmp_path):
    first = room_on(tmp_path)
    first.start()
    Talk(first.actor.dispatch).tell("pre_compact", transcript_path="/t.jsonl")
    due = first.actor.dispatch(LearningWanted())
    first.stop()
    again = room_on(tmp_path, first.clock)
    again.start()
    assert again.actor.dispatch(LearningWanted()) == due
    assert [one.transcript_path for one in due] == ["/t.jsonl"]
    again.stop()


def test_a_subagents_transcript_and_no_transcript_are_not(stage, talk):
    talk.stop()
    talk.tell("stop", agent_id="a", transcript_path="/t")
    talk.tell("subagent_stop", agent_id="a", transcript_path="/t")
    talk.tell("post_tool", transcript_path="/t")
    assert stage.actor.dispatch(LearningWanted()) == ()


# What a client's failure says of its service.


@pytest.mark.parametrize(
    ("error", "fault"),
    [
        ("rate_limit", Fault.RATE),
        ("overloaded", Fault.SERVER),
        ("server_error", Fault.SERVER),
        ("billing_error", Fault.QUOTA),
        ("authentication_failed", None),
        ("a new one", None),
        ("", None),
    ],
)
def test_the_orchestrator_hears_what_a_client_met_at_its_service(stage, error, fault):
    event = ClientEvent(
        client="claude", event="StopFailure", kind="stop_failed", session="s", error=error
    )
    sent = stage.give(HookHappened(event=event))
    met = [message for message in sent if isinstance(message, ClientMet)]
    assert [one.fault for one in met] == ([] if fault is None else [fault])
