"""Mailboxes, replies, fences and the directory."""

import threading

import pytest
from hypothesis import given
from hypothesis import strategies as st

from atlas_actors.cell import Directory, Fence, Ref
from atlas_actors.errors import AskedSelf, DeadlinePassed, MailboxFull, NotFound, Unavailable
from atlas_actors.mailbox import Envelope, Mailbox, Reply
from atlas_actors.messages.supervision import ActorStarted
from tests.support.trees import WAIT_S, Note


def envelope(value):
    return Envelope(value, None)


def test_system_mail_goes_ahead_of_user_mail():
    mailbox = Mailbox()
    mailbox.put(envelope("user"))
    mailbox.put_system("system")
    assert mailbox.get() == "system"
    assert mailbox.get().message == "user"


def test_s59_a_full_mailbox_refuses_at_once():
    mailbox = Mailbox(bound=2)
    mailbox.put(envelope(1))
    mailbox.put(envelope(2))
    with pytest.raises(MailboxFull):
        mailbox.put(envelope(3))
    mailbox.put_system("never refused")


def test_gathering_waits_for_as_many_as_are_wanted():
    mailbox = Mailbox()
    later = threading.Timer(0.01, lambda: [mailbox.put(envelope(n)) for n in range(2)])
    later.start()
    assert [mail.message for mail in mailbox.gather(2, WAIT_S)] == [0, 1]


def test_system_mail_ends_the_wait_for_more():
    mailbox = Mailbox()
    mailbox.put(envelope(0))
    waits = threading.Thread(target=mailbox.gather, args=(2, 1000 * WAIT_S), daemon=True)
    waits.start()
    mailbox.put_system("system")
    waits.join(WAIT_S)
    assert not waits.is_alive()
    assert mailbox.get() == "system"


def test_gathered_mail_counts_until_it_is_taken():
    mailbox = Mailbox(bound=3)
    for number in range(3):
        mailbox.put(envelope(number))
    assert [mail.message for mail in mailbox.gather(2)] == [0, 1]
    with pytest.raises(MailboxFull):
        mailbox.put(envelope(3))
    mailbox.pop()
    mailbox.put(envelope(3))
    assert [mailbox.get().message for _ in range(3)] == [1, 2, 3]


@given(st.lists(st.sampled_from(["put", "get", "gather", "system"]), max_size=60))
def test_user_mail_comes_out_in_the_order_in_which_it_went_in(steps):
    mailbox = Mailbox()
    put, got = [], []
    for number, step in enumerate(steps):
        if step == "put":
            mailbox.put(envelope(number))
            put.append(number)
        elif step == "system":
            mailbox.put_system("system")
        elif step == "gather":
            mailbox.gather(3)
        else:
            item = mailbox.get(timeout_s=0)
            if item is not None and item != "system":
                got.append(item.message)
    while (item := mailbox.get(timeout_s=0)) is not None:
        if item != "system":
            got.append(item.message)
    assert got == put


def test_the_first_answer_stands():
    reply = Reply()
    reply.set(1)
    reply.set(2)
    reply.set_exception(RuntimeError())
    assert reply.get(0) == 1


def test_an_answer_that_does_not_come_is_a_named_error():
    with pytest.raises(DeadlinePassed):
        Reply().get(0)


def test_a_callback_gets_the_reply_once():
    got = []
    reply = Reply(got.append)
    reply.set(1)
    reply.set(2)
    assert [r.value for r in got] == [1]


def test_dropping_a_fence_wakes_what_was_registered_and_not_what_was_taken_back():
    fence = Fence()
    woken = []
    fence.on_drop(lambda: woken.append("kept"))
    fence.on_drop(lambda: woken.append("gone"))()
    fence.drop()
    assert (fence.down, woken) == (True, ["kept"])


def test_mail_to_a_closed_address_is_refused_with_its_reason_and_counted():
    directory = Directory()
    cell = directory.cell("atlas/x")
    cell.set_state("parked", reason="no model", cure="pull it", retry_at_ms=5)
    with pytest.raises(Unavailable) as caught:
        cell.put(Note())
    assert (caught.value.cure, caught.value.retry_at_ms) == ("pull it", 5)
    assert "no model" in caught.value.message
    assert directory.dead_letter_count == 1
    assert directory.dead_letters[0].message_type == "Note"


def test_closing_answers_everybody_who_waits():
    directory = Directory()
    cell = directory.cell("atlas/x")
    cell.set_state("starting")
    replies = [Ref(cell).send(Note(), lambda _: None) for _ in range(3)]
    cell.mailbox.put_system("a stop that nobody took")
    cell.set_state("stopped", reason="gone")
    assert all(isinstance(reply.error, Unavailable) for reply in replies)


@pytest.mark.slow
def test_no_ask_that_races_a_close_stays_unanswered():
    for _ in range(200):
        cell = Directory().cell("atlas/x")
        cell.set_state("running")
        replies, refused = [], []
        go = threading.Barrier(2)

        def ask_often(cell=cell, replies=replies, refused=refused, go=go):
            go.wait(WAIT_S)
            for _ in range(20):
                reply = Reply()
                try:
                    cell.put(Note(), reply)
                    replies.append(reply)
                except Unavailable as error:
                    refused.append(error)

        thread = threading.Thread(target=ask_often)
        thread.start()
        go.wait(WAIT_S)
        cell.set_state("stopped")
        thread.join(WAIT_S)
        assert len(replies) + len(refused) == 20
        for reply in replies:
            with pytest.raises(Unavailable):
                reply.get(WAIT_S)


def test_an_unknown_path_is_not_found_at_once():
    with pytest.raises(NotFound):
        Directory().ref("atlas/nobody")


def test_an_actor_that_asks_itself_is_told_so():
    cell = Directory().cell("atlas/x")
    cell.set_state("running")
    cell.thread_id = threading.get_ident()
    with pytest.raises(AskedSelf):
        Ref(cell).ask(Note())


def test_s61_a_given_up_waiter_leaves_the_mail_to_its_successor():
    mailbox, fence = Mailbox(), Fence()
    got = []
    waiting = threading.Thread(target=lambda: got.append(mailbox.get(None, fence.is_down)))
    waiting.start()
    fence.drop()
    mailbox.wake()
    waiting.join(WAIT_S)
    mailbox.put(envelope("for the next"))
    assert (got, mailbox.get().message) == ([None], "for the next")


def test_what_is_given_back_comes_first_and_wakes_who_waits():
    mailbox = Mailbox()
    mailbox.put(envelope("second"))
    mailbox.give_back(envelope("first"))
    mailbox.give_back("system")
    assert mailbox.get() == "system"
    assert [mailbox.get().message for _ in range(2)] == ["first", "second"]


def test_an_interrupter_that_fails_does_not_hurt_who_drops_the_fence():
    fence = Fence()
    woken = []
    fence.on_drop(lambda: 1 / 0)
    fence.on_drop(lambda: woken.append(1))
    fence.drop()
    assert woken == [1]


def full():
    cell = Directory().cell("atlas/x", bound=1)
    cell.set_state("running")
    Ref(cell).tell(Note(value="first"))
    return Ref(cell)


def test_s59_the_sender_chooses_what_a_full_mailbox_means():
    ref = full()
    with pytest.raises(MailboxFull):
        ref.tell(Note())
    with pytest.raises(MailboxFull):
        ref.tell(Note(), wait_s=0.01)
    ref.tell(Note(), drop=True)
    assert ref.cell._directory.dead_letter_count >= 3
    assert len(ref.cell.mailbox) == 1


def test_s59_a_sender_that_waits_gets_the_room_that_comes():
    ref = full()
    sending = threading.Thread(target=ref.tell, args=(Note(value="second"),), kwargs={"wait_s": 9})
    sending.start()
    assert ref.cell.mailbox.get().message == Note(value="first")
    sending.join(WAIT_S)
    assert ref.cell.mailbox.get().message == Note(value="second")


def test_a_monitor_hears_how_things_are_and_of_each_change():
    directory = Directory()
    watched, monitor = directory.cell("atlas/x"), directory.cell("atlas/monitor")
    monitor.set_state("running")
    watched.set_state("parked", reason="no model", cure="pull it")
    watched.watch("atlas/monitor")
    down = monitor.mailbox.get(0).message
    assert (down.path, down.error, down.cure) == ("atlas/x", "no model", "pull it")
    watched.announce(ActorStarted(path="atlas/x", incarnation=2))
    assert monitor.mailbox.get(0).message == ActorStarted(path="atlas/x", incarnation=2)


def test_mail_that_arrives_in_the_moment_of_closing_is_refused_too():
    cell = Directory().cell("atlas/x")
    cell.set_state("running")
    plain = cell.mailbox.put

    class Late:
        """A mailbox whose address closes between the look at its state and the put."""

        def put(self, envelope, **options):
            cell.set_state("stopped", reason="just now")
            plain(envelope, **options)

        def __getattr__(self, name):
            return getattr(mailbox, name)

    mailbox, cell.mailbox = cell.mailbox, Late()
    reply = Reply()
    cell.put(Note(), reply)
    with pytest.raises(Unavailable, match="just now"):
        reply.get(0)
