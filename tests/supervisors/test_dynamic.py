"""The rows of the acceptance table from S42 on that are OTP's own, and what builds on them."""

import threading
import time

import pytest

from atlas_actors.errors import (
    ActorCrashed,
    Busy,
    CannotStart,
    DeadlinePassed,
    NotFound,
    SettingsError,
    Unavailable,
)
from supervisors.child import Backoff, Budget, ChildSpec, SupervisorSpec
from supervisors.requests import (
    DeleteChild,
    RetireChild,
    StartChild,
    StopChild,
)
from supervisors.supervisor import Supervisor
from tests.support.supervision import BOOM, crash, eventually, states
from tests.support.trees import WAIT_S, Crash, Hold, Leave, Log, Note, Probe, probe, tree_of


def supervisor(name, *children, **flags):
    options = {key: flags.pop(key) for key in ("on_exhausted", "restart") if key in flags}
    spec = SupervisorSpec(children=children, **flags)
    return ChildSpec(id=name, actor=Supervisor, arguments={"spec": spec}, **options)


@pytest.mark.parametrize("strategy", ["one_for_one", "one_for_all", "rest_for_one"])
def test_s42_a_child_that_hangs_in_its_restart_does_not_block_its_supervisor(strategy):
    log = Log()
    release = threading.Event()

    class HangsAgain(Probe):
        def on_start(self):
            self.log.write("starting", self.name, self.place.incarnation)
            if self.place.incarnation > 1:
                release.wait(WAIT_S)

    hangs = ChildSpec(id="hangs", actor=HangsAgain, arguments={"log": log}, shutdown_s=0.05)
    with tree_of(probe("a", log), hangs, strategy=strategy) as tree:
        crash(tree, "hangs")
        log.wait_for("starting", "hangs", 2)
        assert states(tree)["hangs"] == "starting"
        tree.ref().ask(StopChild(id="hangs"), WAIT_S)
        tree.ref().ask(DeleteChild(id="hangs"))
        assert list(states(tree)) == ["a"]
        release.set()


def test_s46_auto_shutdown_when_any_or_all_significant_children_have_ended():
    log = Log()

    def significant(name):
        return probe(name, log, restart="transient", significant=True)

    group = supervisor("s", significant("a"), significant("b"), auto_shutdown="any_significant",
                       restart="transient")  # fmt: skip
    with tree_of(group) as tree:
        tree.ref("s/a").tell(Leave())
        assert eventually(lambda: states(tree)["s"], "stopped")
        assert "b" in log.names("stopped")
    group = supervisor("s", significant("c"), significant("d"), auto_shutdown="all_significant",
                       restart="transient")  # fmt: skip
    with tree_of(group) as tree:
        tree.ref("s/c").tell(Leave())
        assert eventually(lambda: tree.ref("s/c").cell.state, "stopped")
        assert states(tree)["s"] == "running"
        tree.ref("s/d").tell(Leave())
        assert eventually(lambda: states(tree)["s"], "stopped")


def test_s46_a_permanent_significant_child_is_refused_and_the_default_is_never():
    with pytest.raises(SettingsError, match="cannot be significant"):
        ChildSpec(id="a", actor=Probe, significant=True)
    assert SupervisorSpec().auto_shutdown == "never"


def test_s47_more_children_than_the_limit_are_refused_and_restarting_ones_count():
    log = Log()
    slow = Backoff(base_s=1000, cap_s=1000)
    with tree_of(supervisor("pool", pool=True, children_max=2)) as tree:
        pool = tree.ref("pool")
        pool.ask(StartChild(spec=probe("a", log, backoff=slow)))
        pool.ask(StartChild(spec=probe("b", log)))
        crash(tree, "pool/a")
        with pytest.raises(Busy, match="2 children, its limit"):
            pool.ask(StartChild(spec=probe("c", log)))


def test_s48_a_start_that_says_try_again_is_tried_again_and_counts():
    log = Log()
    again = {n: CannotStart("not yet") for n in range(2, 100)}
    child = probe("a", log, on_exhausted="escalate", plan={"fail_starts": again})
    with tree_of(child, budget=Budget(intensity=4)) as tree:
        crash(tree, "a")
        assert "not yet" in tree.first_report().error
        assert log.names("starting").count("a") == 1 + 4


def test_s48_a_parked_child_is_tried_again_by_itself_and_recovers():
    log = Log()
    missing = {1: CannotStart("not yet"), 2: CannotStart("not yet")}
    with tree_of(probe("a", log, retry_s=0.01, plan={"fail_starts": missing})) as tree:
        log.wait_for("started", "a", 3)
        assert tree.ref("a").ask(Note(value=1), WAIT_S) == [1]


def test_s49_a_child_that_waits_for_its_restart_can_be_stopped_and_no_ghost_appears():
    log = Log()
    wait = Backoff(base_s=0.05, cap_s=0.05)
    children = (probe("a", log, backoff=wait), probe("b", log, backoff=wait))
    with tree_of(*children, jitter=lambda: 1.0) as tree:
        for name in ("a", "b"):
            crash(tree, name)
            log.wait_for("started", name, 2)
            crash(tree, name)
            if name == "a":
                assert eventually(lambda: states(tree)["a"], "backing_off")
                tree.ref().ask(StopChild(id="a"), WAIT_S)
        log.wait_for("started", "b", 3)  # its wait began after that of a
        assert states(tree)["a"] == "stopped"
        assert log.names("starting").count("a") == 2


def test_s50_a_mixed_family_is_stopped_in_order_and_bad_ends_are_told():
    log = Log()
    busy, release = threading.Event(), threading.Event()
    children = (
        probe("timed", log),
        probe("brutal", log, shutdown_s=0),
        probe("hung", log, shutdown_s=0.05),
        probe("crashed", log, restart="transient", plan={"fail_starts": {2: CannotStart("gone")}}),
        probe("bad", log, plan={"stop_error": BOOM}),
    )
    with tree_of(*children) as tree:
        crash(tree, "crashed")
        tree.ref("hung").tell(Hold(busy=busy, release=release))
        busy.wait(WAIT_S)
        tree.stop()
        failures = {cell.path: cell.last_failure for cell in tree.directory if cell.last_failure}
        assert failures["root/bad"] == "RuntimeError: boom"
        assert failures["root/hung"] == "did not stop within its time"
        assert "root/brutal" not in failures
        assert log.names("stopped") == ["bad", "timed"]
        release.set()


def test_s51_an_ask_that_was_given_up_leaves_no_stray_answer():
    log = Log()
    busy, release = threading.Event(), threading.Event()
    with tree_of(probe("a", log)) as tree:
        ref = tree.ref("a")
        ref.tell(Hold(busy=busy, release=release))
        busy.wait(WAIT_S)
        with pytest.raises(DeadlinePassed):
            ref.ask(Note(value="late"), 0.01)
        release.set()
        assert ref.ask(Note(value="next"), WAIT_S) == ["late", "next"]


def test_a_retired_child_finishes_and_gives_its_address_to_its_successor():
    log = Log()
    with tree_of(probe("a", log)) as tree:
        old = tree.ref("a")
        old.ask(Note(value="old"))
        tree.ref().ask(RetireChild(id="a", successor=probe("a", log)))
        assert states(tree) == {"a": "running"}
        old.tell(Leave())
        log.wait_for("started", "a", 2)
        assert old.ask(Note(value="new"), WAIT_S) == ["new"]
        tree.ref().ask(RetireChild(id="a"))
        old.tell(Leave())
        assert eventually(lambda: states(tree), {})


@pytest.mark.slow
def test_s41_s63_starting_and_restarting_do_not_cost_more_beside_many_siblings():
    log = Log()

    def costs(siblings):
        with tree_of(
            *(probe(f"w{n}", log, budget=Budget(intensity=10**6)) for n in range(siblings))
        ) as tree:

            def one(n):
                begun = time.perf_counter()
                tree.ref().ask(
                    StartChild(
                        spec=probe(
                            f"x{n}", log, restart="temporary", budget=Budget(intensity=10**6)
                        )
                    ),
                    WAIT_S,
                )
                started = time.perf_counter()
                with pytest.raises(ActorCrashed):
                    tree.ref("w0").ask(Crash(error=BOOM), WAIT_S)
                tree.ref("w0").ask(Note(), WAIT_S)
                return started - begun, time.perf_counter() - started

            measured = [one(n) for n in range(15)]
            return [sorted(column)[7] for column in zip(*measured, strict=True)]

    few, many = costs(5), costs(300)
    # A rule that looked at every sibling would cost 60 times as much; this leaves room for noise.
    assert all(m < 15 * f + 0.005 for f, m in zip(few, many, strict=True)), (few, many)


def test_s2_a_supervisor_whose_own_setup_fails_is_an_error_to_who_starts_it_and_leaves_nothing():
    log = Log()

    def broken():
        raise RuntimeError("no spec today")

    with tree_of(probe("a", log)) as tree:
        spec = ChildSpec(id="s", actor=Supervisor, arguments={"spec": broken})
        with pytest.raises(Unavailable, match="no spec today"):
            tree.ref().ask(StartChild(spec=spec))
        assert states(tree) == {"a": "running"}
        with pytest.raises(NotFound):
            tree.ref("s")


def test_s44_a_restart_lives_at_the_same_address_with_the_same_mailbox():
    log = Log()
    with tree_of(probe("a", log)) as tree:
        before = tree.ref("a").cell
        crash(tree, "a")
        log.wait_for("started", "a", 2)
        after = tree.ref("a").cell
        assert (after, after.mailbox) == (before, before.mailbox)
        assert [cell.path for cell in tree.directory] == ["root", "root/a"]
