"""The base actor, driven by hand."""

import attrs
import pytest

from atlas_actors.actor import Actor, one_line
from atlas_actors.cell import FencedOffError
from atlas_actors.errors import AtlasError, NotFound, UsageError
from atlas_actors.mailbox import Envelope
from atlas_actors.messages.supervision import Ping, Pong, RequestFailed
from tests.support.stages import Stage
from tests.support.trees import Crash, Log, Note, Probe, probe, tree_of


@attrs.frozen(kw_only=True)
class Speak:
    """Tell somebody, then perhaps fail."""

    fails: bool = False


class Speaker(Actor):
    inbox = Speak | Note | RequestFailed

    def on_receive(self, message):
        match message:
            case Speak():
                self.tell("atlas/other", Note(value="said"))
                if message.fails:
                    raise AtlasError("no")
            case Note() if message.value == "ask nobody":
                self.request("atlas/nobody", Note(value="question"))
            case RequestFailed() | Note():
                self.got = message


def test_mail_leaves_only_after_its_handler_has_succeeded():
    stage = Stage(Speaker)
    other = stage.directory.cell("atlas/other")
    other.set_state("running")
    stage.actor._handle(type("E", (), {"message": Speak(fails=True), "reply_to": None})())
    assert other.mailbox.empty()
    stage.actor._handle(type("E", (), {"message": Speak(), "reply_to": None})())
    assert other.mailbox.get(0).message == Note(value="said")


def test_a_message_outside_the_inbox_is_refused_and_does_not_crash():
    with pytest.raises(UsageError, match="does not understand str"):
        Stage(Speaker).actor.dispatch("hello")


def test_every_actor_answers_a_ping():
    assert Stage(Speaker).actor.dispatch(Ping()) == Pong(path="atlas/work/actor", incarnation=1)


def test_a_request_that_cannot_be_delivered_comes_back_as_a_message():
    stage = Stage(Speaker)
    stage.actor._handle(type("E", (), {"message": Note(value="ask nobody"), "reply_to": None})())
    failed = stage.cell.mailbox.get(0).message
    assert isinstance(failed, RequestFailed)
    assert failed.request == Note(value="question")
    assert "no actor at atlas/nobody" in failed.error
    assert failed.code == NotFound.code


def test_timers_fire_in_order_of_time_when_their_time_has_come():
    stage = Stage(Probe, log=Log())
    stage.actor.after(2, Note(value="second"))
    stage.actor.after(1, Note(value="first"))
    stage.sent()
    stage.clock.advance(0.5)
    stage.actor._handle_due()
    assert stage.actor.noted == []
    stage.clock.advance(5)
    stage.actor._handle_due()
    assert stage.actor.noted == ["first", "second"]


class Forgetful(Speaker):
    def matters(self, message):
        return message != Note(value="old")


def test_what_does_not_matter_any_more_when_it_is_due_is_not_handled():
    stage = Stage(Forgetful)
    for value in ("new", "old"):
        stage.actor.after(1, Note(value=value))
    stage.sent()
    stage.clock.advance(1)
    stage.actor._handle_due()
    assert stage.actor.got == Note(value="new")
    assert stage.actor._next_timer_s() is None


def test_an_error_is_one_short_line():
    assert one_line(ValueError("a\nb" + "x" * 1000)).startswith("ValueError: a b")
    assert len(one_line(ValueError("x" * 1000))) == 300


def test_an_on_stop_that_fails_is_an_abnormal_end_with_its_traceback():
    log = Log()
    with tree_of(probe("a", log, plan={"stop_error": RuntimeError("at the end")})) as tree:
        cell = tree.ref("a").cell
        tree.stop()
        assert cell.last_failure == "RuntimeError: at the end"
        assert "on_stop" in [function for _, _, function in cell.last_frames]


def test_a_crash_without_an_asker_restarts_too():
    log = Log()
    with tree_of(probe("a", log)) as tree:
        tree.ref("a").tell(Crash(error=RuntimeError("boom")))
        log.wait_for("started", "a", 2)
        assert tree.ref("a").cell.last_failure == "RuntimeError: boom"


def test_s61_mail_that_a_fenced_thread_has_just_taken_goes_back():
    stage = Stage(Probe, log=Log())
    letter = Envelope(Note(value="for the next"), None)

    class Box:
        """Drops the fence in the moment in which mail is taken."""

        def get(self, *_):
            stage.actor.place.fence.drop()
            return letter

        def give_back(self, item):
            self.back = item

    stage.actor._mailbox = box = Box()
    with pytest.raises(FencedOffError):
        stage.actor._receive()
    assert box.back is letter
