"""What OTP does not promise and we do: rows S54 to S61, with real threads."""

import threading

import pytest

from atlas_actors.errors import (
    AtlasError,
    DeadlinePassed,
    Unavailable,
)
from atlas_actors.messages.supervision import ChildStarted, RetryChild
from supervisors.child import Budget, ChildSpec, SupervisorSpec
from supervisors.requests import (
    RestartChild,
    StartChild,
    StopChild,
)
from supervisors.supervisor import Supervisor
from tests.support.supervision import BOOM, crash, eventually, states
from tests.support.trees import (
    WAIT_S,
    Crash,
    Hold,
    Log,
    Note,
    Probe,
    Refuse,
    Tree,
    probe,
    tree_of,
)


def test_s54_mail_behind_a_crash_is_handled_by_the_next_incarnation_in_order():
    log = Log()
    busy, release = threading.Event(), threading.Event()
    with tree_of(probe("a", log)) as tree:
        ref = tree.ref("a")
        ref.tell(Hold(busy=busy, release=release))
        busy.wait(WAIT_S)
        ref.tell(Crash(error=BOOM))
        for number in range(50):
            ref.tell(Note(value=number))
        release.set()
        assert ref.ask(Note(value="end"), WAIT_S) == [*range(50), "end"]


def test_s55_an_old_ref_works_after_its_supervisors_restart():
    log = Log()
    inner = SupervisorSpec(
        children=(probe("a", log, on_exhausted="escalate"),), budget=Budget(intensity=0)
    )
    with tree_of(ChildSpec(id="s", actor=Supervisor, arguments={"spec": inner})) as tree:
        ref = tree.ref("s/a")
        crash(tree, "s/a")
        log.wait_for("started", "a", 2)
        assert ref.ask(Note(value=1), WAIT_S) == [1]
        assert tree.ref("s").cell.incarnation == 2


def test_s56_a_crash_in_an_ask_gives_the_cause_and_declared_errors_do_not_crash():
    log = Log()
    with tree_of(probe("a", log)) as tree:
        error = crash(tree, "a")
        assert "RuntimeError: boom" in str(error)
        assert error.__cause__ is BOOM
        log.wait_for("started", "a", 2)
        with pytest.raises(AtlasError, match="refused as declared"):
            tree.ref("a").ask(Refuse(), WAIT_S)
        assert tree.ref("a").cell.incarnation == 2


@pytest.mark.slow
def test_s57_no_ask_that_races_a_death_stays_unanswered():
    log = Log()
    deaths, asks_each = 150, 6
    with tree_of(probe("a", log, budget=Budget(intensity=10**6))) as tree:
        ref = tree.ref("a")
        unanswered, answered = [], []

        def ask_often():
            for _ in range(deaths):
                try:
                    answered.append(ref.ask(Note(), WAIT_S))
                except DeadlinePassed as error:
                    unanswered.append(error)

        threads = [threading.Thread(target=ask_often) for _ in range(asks_each)]
        for thread in threads:
            thread.start()
        for _ in range(deaths):
            crash(tree, "a")
        for thread in threads:
            thread.join()
        assert (len(answered), unanswered) == (deaths * asks_each, [])
        assert eventually(lambda: tree.ref("a").cell.restarts, deaths)


@pytest.mark.parametrize("kind", [SystemExit, KeyboardInterrupt, MemoryError, GeneratorExit])
def test_s58_what_would_end_the_program_ends_one_actor(kind):
    log = Log()
    with tree_of(probe("a", log), probe("b", log)) as tree:
        tree.ref("b").ask(Note(value="kept"))
        crash(tree, "a", kind())
        assert tree.ref("a").ask(Note(value=1), WAIT_S) == [1]
        assert tree.ref("b").ask(Note(value=2)) == ["kept", 2]


def test_s60_a_parked_child_answers_at_once_and_its_siblings_run():
    log = Log()
    with tree_of(probe("a", log, budget=Budget(intensity=1)), probe("b", log)) as tree:
        crash(tree, "a")
        log.wait_for("started", "a", 2)
        crash(tree, "a")
        assert eventually(lambda: states(tree)["a"], "parked")
        with pytest.raises(Unavailable, match="parked: RuntimeError: boom"):
            tree.ref("a").ask(Note())
        assert tree.ref("b").ask(Note(value=1)) == [1]
        tree.ref().ask(RetryChild(path="root/a"))
        assert tree.ref("a").ask(Note(value=1)) == [1]


def test_s61_a_fenced_incarnation_cannot_answer():
    log = Log()
    busy, release = threading.Event(), threading.Event()
    with tree_of(probe("a", log, shutdown_s=0.05)) as tree:
        replies = []
        tree.ref("a").send(Hold(busy=busy, release=release), replies.append)
        busy.wait(WAIT_S)
        zombie = tree.ref("a").cell.thread_id
        tree.ref().ask(StopChild(id="a"), WAIT_S)
        tree.ref().ask(RestartChild(id="a"), WAIT_S)
        thread = next(t for t in threading.enumerate() if t.ident == zombie)
        release.set()
        thread.join(WAIT_S)
        assert replies == []
        assert tree.ref("a").ask(Note(value="new")) == ["new"]
        # The order to stop was for the one that is gone, not for its successor.
        assert tree.ref("a").cell.incarnation == 2


def test_a_hung_start_is_cut_and_does_not_hold_up_the_supervisor():
    log = Log()
    release = threading.Event()

    class SlowStart(Probe):
        def on_start(self):
            log.write("hangs", self.name, self.place.incarnation)
            release.wait(WAIT_S)

    with tree_of() as tree:
        spec = ChildSpec(id="slow", actor=SlowStart, start_s=0.05)
        with pytest.raises(Unavailable, match="did not start within its time"):
            tree.ref().ask(StartChild(spec=spec), WAIT_S)
        assert states(tree) == {}
        release.set()


def test_the_first_report_of_a_good_tree_is_that_it_started():
    tree = Tree(SupervisorSpec(children=(probe("a", Log()),)))
    assert isinstance(tree.first_report(), ChildStarted)
    tree.stop()
