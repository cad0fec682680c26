"""What outcomes and handoffs are owed is told until they have confirmed it."""

import heapq

import pytest

from atlas_actors.errors import Conflict, NotFound, Unavailable, UsageError
from atlas_actors.messages import paths
from atlas_actors.messages.client import ClientEvent, HookHappened, TurnRouted
from atlas_actors.messages.handoff import Checkpoint, DropHandoff, HandoffSaved, SaveHandoff
from atlas_actors.messages.outcome import OutcomeRecorded, RecordOutcome
from atlas_actors.messages.supervision import ActorDown, ActorStarted, Ending, RequestFailed
from atlas_actors.sessions.actor import ASKED_AT_ONCE, IDLE_S, REST_S, IdleDue
from atlas_actors.sessions.left import UNKNOWN_GOAL
from tests.sessions.test_sessions import room_on
from tests.support.talks import PROJECT, Talk

THERE = [ActorStarted(path=path, incarnation=1) for path in (paths.OUTCOMES, paths.HANDOFFS)]


class Room:
    """Sessions on a stage, with everything that it has asked of others."""

    def __init__(self, folder, clock=None):
        self.folder = folder
        self.stage = room_on(folder, clock)
        self.asked = list(self.stage.start())
        self.talk = Talk(self.ask)

    def ask(self, message):
        answer = self.stage.actor.dispatch(message)
        self.give()
        return answer

    def give(self, *messages):
        """Handle these; what is asked of others from then on."""
        before = len(self.asked)
        self.asked += self.stage.give(*messages)
        return self.asked[before:]

    def due(self):
        """What the room told itself for now."""
        timers, now_s = self.stage.actor._timers, self.stage.clock.monotonic_s()
        while timers and timers[0][0] <= now_s:
            self.give(heapq.heappop(timers)[2])

    def outcomes(self, **fields):
        """What outcomes was asked to keep, of those that are like this."""
        told = [one for one in self.asked if isinstance(one, RecordOutcome)]
        return [
            one
            for one in told
            if all(getattr(one, name) == value for name, value in fields.items())
        ]

    def handoffs(self):
        """What handoffs was asked."""
        return [one for one in self.asked if isinstance(one, SaveHandoff | DropHandoff)]

    def owed(self):
        return len(self.stage.actor.store.rows("select * from owed"))

    def restarted(self):
        self.stage.stop()
        return Room(self.folder, self.stage.clock)


@pytest.fixture
def room(tmp_path):
    built = Room(tmp_path)
    built.give(*THERE)
    yield built
    built.stage.stop()


def saved(id="h", session="s"):
    return HandoffSaved(id=id, client="claude", session=session)


DROPPED = HandoffSaved(id="h")


def failed(path, request, error):
    return RequestFailed(path=path, request=request, error=str(error), code=error.code)


# What is told of what.


def test_a_command_is_told_with_its_exit_code_and_where_it_ran(room):
    room.talk.prompt()
    room.talk.ran("make  check \n" + "x" * 500, 2)
    (told,) = room.outcomes(action="Bash")
    assert (told.kind, told.result, told.verified_by) == ("hook", "failure", None)
    assert len(told.context.pop("command")) == 80
    assert told.context == {
        "session": "s", "client": "claude", "project": PROJECT, "turn": 1, "exit_code": 2,
    }  # fmt: skip


def test_tests_and_reverts_are_told_as_such(room):
    room.talk.prompt()
    room.talk.tested()
    room.talk.tested(1)
    room.talk.ran("git checkout a.py", reverts=(f"{PROJECT}/a.py",))
    green, red, back = room.outcomes(action="Bash")
    assert (green.result, green.verified_by, green.context["test"]) == ("success", "test", True)
    assert (red.result, red.verified_by) == ("failure", "test")
    assert (back.verified_by, back.context["reverts"]) == (None, ["a.py"])


@pytest.mark.parametrize(
    "told",
    [
        {"code": 130, "interrupted": True},
        {"code": None, "failed": None},
    ],
    ids=["cut off by a person", "of which nobody knows"],
)
def test_of_such_a_command_nothing_is_told(room, told):
    room.talk.ran("make", told.pop("code"), **told)
    assert room.outcomes() == []


def test_an_edit_is_told_with_its_files(room):
    room.talk.prompt()
    room.talk.edited("a.py", "b/c.py", "a.py")
    (told,) = room.outcomes(action="Edit")
    assert (told.result, told.context["files"]) == ("success", ["a.py", "b/c.py"])


def test_a_turn_is_told_with_its_route_its_request_and_what_its_tests_said(room):
    room.talk.prompt("fix it")
    room.give(
        TurnRouted(
            client="claude", session="s", intent="bug_fix", tier="cheap",
            route_id="r",
        )
    )  # fmt: skip
    room.talk.edited("a.py")
    room.talk.tested(1)
    room.stage.clock.advance(2)
    room.talk.stop()
    (told,) = room.outcomes(action="Stop")
    assert (told.kind, told.result, told.verified_by) == ("hook", "failure", "test")
    assert told.duration_ms == 2_000
    assert told.context == {
        "session": "s", "client": "claude", "project": PROJECT, "turn": 1, "request": "#fix it",
        "files": ["a.py"], "intent": "bug_fix", "tier": "cheap", "route": "r",
    }  # fmt: skip


def test_a_stop_said_again_is_none_and_one_after_more_work_is(room):
    room.talk.prompt()
    room.talk.stop()
    room.talk.stop()
    assert len(room.outcomes(action="Stop")) == 1
    room.talk.about_to("pytest -q")
    room.talk.tested()
    room.talk.stop()
    assert [one.verified_by for one in room.outcomes(action="Stop")] == [None, "test"]


def test_an_end_is_told_once_and_a_failure_of_the_service_is_nobodys_fault(room):
    room.talk.prompt()
    room.talk.tell("stop_failed", error="overloaded")
    room.talk.tell("session_end", reason="other")
    room.talk.tell("session_end", reason="other")
    (ended,) = room.outcomes(action="SessionEnd")
    assert ended.context["ended"] is True
    (failure,) = room.outcomes(action="StopFailure")
    assert (failure.result, failure.infrastructure) == ("failure", True)
    assert failure.context["failure"] == "overloaded"


def test_a_subagent_is_told_by_its_type_and_compactions_have_none(room):
    room.talk.prompt()
    room.talk.tell("subagent_stop", agent_id="a", agent_type="explorer")
    room.talk.tell("subagent_stop", agent_id="b", agent_type="")
    (told,) = room.outcomes()
    assert (told.kind, told.action, told.result) == ("agent", "explorer", "success")


def test_each_outcome_has_a_key_of_its_own(room):
    room.talk.prompt()
    for _ in range(3):
        room.talk.ran("make")
    room.talk.stop()
    assert len({one.key for one in room.outcomes()}) == 4


# Until it is confirmed.


def test_what_is_confirmed_is_owed_no_more(room):
    room.talk.ran("make")
    (told,) = room.outcomes()
    assert room.owed() == 1
    room.give(OutcomeRecorded(id="o", key=told.key))
    assert room.owed() == 0


def test_who_was_away_hears_all_of_it_later_in_order(tmp_path):
    room = Room(tmp_path)
    for number in range(3):
        room.talk.ran(f"make {number}")
    assert room.outcomes() == []
    room.give(*THERE)
    commands = [one.context["command"] for one in room.outcomes()]
    assert commands == ["make 0", "make 1", "make 2"]
    room.stage.stop()


def test_what_a_killed_room_had_not_had_confirmed_is_told_by_the_next(room):
    room.talk.ran("make")
    (told,) = room.outcomes()
    again = room.restarted()
    again.give(*THERE)
    assert again.outcomes() == [told]
    room.stage = again.stage


def test_who_does_not_answer_is_left_alone_for_a_while(room):
    room.talk.ran("make")
    (told,) = room.outcomes()
    room.give(failed(paths.OUTCOMES, told, Unavailable("parked")))
    room.talk.ran("make again")
    assert len(room.outcomes()) == 1
    room.stage.clock.advance(REST_S + 1)
    room.due()
    commands = [one.context["command"] for one in room.outcomes()]
    assert commands == ["make", "make", "make again"]


def test_who_comes_back_sooner_hears_sooner(room):
    room.talk.ran("make")
    down = ActorDown(path=paths.OUTCOMES, incarnation=1, ending=Ending.CRASHED, error="x")
    room.give(down)
    assert room.give(*THERE) == room.outcomes()[:1]


def test_what_is_refused_for_good_is_given_up(room):
    room.talk.ran("make")
    (told,) = room.outcomes()
    room.give(failed(paths.OUTCOMES, told, UsageError("no such kind")))
    assert room.owed() == 0


@pytest.mark.slow
def test_many_are_told_a_page_at_a_time(tmp_path):
    room = Room(tmp_path)
    for number in range(ASKED_AT_ONCE + 5):
        room.talk.ran(f"make {number}")
    assert len(room.give(*THERE)) == ASKED_AT_ONCE
    first = room.outcomes()[0]
    assert len(room.give(OutcomeRecorded(id="o", key=first.key))) == 5
    room.stage.stop()


def test_a_batch_that_the_disk_refused_is_told_anew(room):
    room.talk.ran("make")
    room.stage.actor.on_rollback()
    assert len(room.give()) == 1
    assert room.outcomes()[0] == room.outcomes()[1]


# Handoffs.


def work(room):
    """A turn that has begun."""
    room.talk.prompt("make it faster", message="")
    room.talk.edited("a.py")
    room.talk.tested(1)


DONE = ("edited: a.py", "ran: pytest -q (exit 1)")


@pytest.mark.parametrize(
    ("kind", "fields"),
    [
        ("pre_compact", {}),
        ("session_end", {"reason": "other"}),
        ("stop_failed", {"error": "rate_limit", "message": "last words"}),
        ("interrupt", {}),
    ],
)
def test_a_turn_that_is_cut_off_or_forgotten_leaves_a_handoff(room, kind, fields):
    work(room)
    room.talk.tell(kind, **fields)
    (save,) = room.handoffs()
    assert save == SaveHandoff(
        client="claude", session="s", cwd=PROJECT,
        checkpoint=Checkpoint(
            goal="make it faster", done=DONE, files=("a.py",),
            last_output=fields.get("message", ""),
        ),
    )  # fmt: skip


def test_an_idle_turn_and_a_client_that_died_leave_one_too(room):
    work(room)
    room.stage.clock.advance(IDLE_S + 1)
    room.give(IdleDue())
    other = Talk(room.ask, session="other")
    other.prompt()
    room.give(saved())
    other.tell("session_start", source="startup")
    assert [save.session for save in room.handoffs()] == ["s", "other"]


@pytest.mark.parametrize(
    ("kind", "fields"),
    [
        ("pre_compact", {"agent_id": "a"}),
        ("subagent_stop", {"agent_id": "a"}),
        ("notification", {}),
        ("status", {}),
        ("session_start", {"source": "compact"}),
    ],
)
def test_other_events_leave_none(room, kind, fields):
    work(room)
    room.talk.tell(kind, **fields)
    assert room.handoffs() == []


def test_a_turn_of_which_nothing_is_known_leaves_none_and_one_without_its_prompt_does(room):
    room.talk.tell("session_end")
    room.talk.tell("pre_tool", turn_id="x")
    room.talk.tell("interrupt", turn_id="x")
    assert room.handoffs() == []
    room.talk.ran("make", turn_id="y")
    room.talk.tell("interrupt", turn_id="y")
    (save,) = room.handoffs()
    assert save.checkpoint.goal == UNKNOWN_GOAL


def test_a_later_stop_drops_what_is_open(room):
    work(room)
    room.talk.tell("pre_compact")
    room.give(saved("h"))
    room.talk.stop()
    assert room.handoffs()[1:] == [DropHandoff(id="h")]
    room.give(DROPPED)
    room.talk.tell("session_end")
    assert len(room.handoffs()) == 2


def test_the_end_of_a_session_whose_turn_was_cut_off_drops_nothing(room):
    work(room)
    room.talk.tell("stop_failed", error="overloaded")
    room.give(saved("h"))
    room.talk.tell("session_end")
    assert len(room.handoffs()) == 1


def test_the_end_of_a_session_after_a_finished_turn_drops_what_an_earlier_one_left(room):
    work(room)
    room.talk.tell("interrupt")
    room.give(saved("h"))
    room.talk.prompt("another")
    room.talk.stop(turn_id="p2")
    room.give(DROPPED)
    assert room.handoffs()[1:] == [DropHandoff(id="h")]


def test_what_was_never_sent_is_not_saved_to_be_dropped(tmp_path):
    room = Room(tmp_path)
    work(room)
    room.talk.tell("pre_compact")
    room.talk.stop()
    assert room.give(*THERE) == room.outcomes()
    room.stage.stop()


def test_a_save_that_may_have_arrived_is_said_again_so_that_it_can_be_dropped(room):
    work(room)
    room.talk.tell("pre_compact")
    room.talk.stop()
    (save,) = room.handoffs()
    again = room.restarted()
    again.give(*THERE)
    assert again.handoffs() == [save]
    again.give(saved("h"))
    assert again.handoffs() == [save, DropHandoff(id="h")]
    again.give(DROPPED)
    assert again.stage.actor.store.rows("select * from handoffs") == []
    room.stage = again.stage


def test_only_the_newest_of_what_came_meanwhile_is_saved(room):
    work(room)
    room.talk.tell("pre_compact")
    room.talk.edited("b.py")
    room.talk.tell("pre_compact")
    room.talk.edited("c.py")
    room.talk.tell("pre_compact")
    assert len(room.handoffs()) == 1
    room.give(saved("h"))
    first, newest = room.handoffs()
    assert (first.checkpoint.files, newest.checkpoint.files) == (
        ("a.py",), ("a.py", "b.py", "c.py"),
    )  # fmt: skip
    room.give(saved("h"))
    assert len(room.handoffs()) == 2


def test_a_new_handoff_that_is_wanted_while_the_old_one_is_dropped_is_saved(room):
    work(room)
    room.talk.tell("pre_compact")
    room.give(saved("h"))
    room.talk.stop()
    room.talk.prompt("another")
    room.talk.tell("interrupt")
    room.give(DROPPED)
    assert [type(one) for one in room.handoffs()] == [SaveHandoff, DropHandoff, SaveHandoff]
    room.give(saved("h2"))
    (row,) = room.stage.actor.store.rows("select id, checkpoint, dropped from handoffs")
    assert tuple(row.values()) == ("h2", None, 0)


@pytest.mark.parametrize("error", [Conflict("consumed already"), NotFound("no handoff h")])
def test_what_somebody_else_has_taken_or_dropped_is_over(room, error):
    work(room)
    room.talk.tell("pre_compact")
    room.give(saved("h"))
    room.talk.stop()
    room.give(failed(paths.HANDOFFS, DropHandoff(id="h"), error))
    assert room.stage.actor.store.rows("select * from handoffs") == []
    assert len(room.handoffs()) == 2


def test_handoffs_that_are_away_are_asked_again_later(room):
    work(room)
    room.talk.tell("interrupt")
    (save,) = room.handoffs()
    room.give(failed(paths.HANDOFFS, save, Unavailable("parked")))
    room.talk.tell("notification")
    assert room.handoffs() == [save]
    room.stage.clock.advance(REST_S + 1)
    room.due()
    assert room.handoffs() == [save, save]


def test_an_answer_that_comes_late_is_of_its_own_session(room):
    """Handoffs was killed and has both answers in its mailbox's order, asked twice or not."""
    work(room)
    room.talk.tell("interrupt")
    room.give(*THERE)
    room.give(saved("h"))
    other = Talk(room.ask, session="other")
    other.prompt("b")
    other.tell("interrupt")
    room.give(saved("h"))  # to what was asked twice
    rows = room.stage.actor.store.rows("select session, id from handoffs order by session")
    assert [tuple(row.values()) for row in rows] == [("other", None), ("s", "h")]
    room.give(saved("h2", "other"))
    rows = room.stage.actor.store.rows("select session, id from handoffs order by session")
    assert [tuple(row.values()) for row in rows] == [("other", "h2"), ("s", "h")]


def test_a_late_stop_of_an_older_turn_leaves_the_newer_ones_handoff(room):
    room.talk.prompt()
    room.talk.prompt("another")
    room.talk.tell("pre_compact")
    room.give(saved("h"))
    event = ClientEvent(
        client="claude", event="Stop", kind="stop", session="s", turn_id="p1", cwd=PROJECT
    )
    room.ask(HookHappened(event=event, project=PROJECT))
    assert len(room.handoffs()) == 1
