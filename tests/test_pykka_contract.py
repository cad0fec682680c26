"""What we lean on inside Pykka; a new release that changes it fails here and not in the field."""

import inspect

import pykka
from pykka._actor import ActorInbox
from pykka._envelope import Envelope
from pykka.messages import _ActorStop


def test_the_loop_and_its_starter_can_be_overridden():
    assert list(inspect.signature(pykka.ThreadingActor._actor_loop).parameters) == ["self"]
    source = inspect.getsource(pykka.ThreadingActor._start_actor_loop)
    assert "target=self._actor_loop" in source
    assert "self.use_daemon_thread" in source


def test_start_constructs_registers_and_starts_the_loop():
    source = inspect.getsource(pykka.Actor.start)
    assert source.index("cls(*args") < source.index("register(") < source.index("_start_actor_loop")


def test_the_inbox_is_an_attribute_with_put_get_and_empty():
    assert {"put", "get", "empty"} <= set(dir(ActorInbox))
    assert "self.actor_inbox = " in inspect.getsource(pykka.Actor.__init__)


def test_an_envelope_holds_a_message_and_who_waits():
    envelope = Envelope("message", None)
    assert (envelope.message, envelope.reply_to) == ("message", None)


def test_pykkas_own_stop_message_is_known_to_our_mailbox():
    assert isinstance(_ActorStop(), tuple)
