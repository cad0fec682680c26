"""The rows of the acceptance table that are OTP's own, beside those in test_supervisor.py."""

import gc
import threading
import time

import pytest

from atlas_actors.errors import (
    ActorCrashed,
    Busy,
    CannotStart,
    Conflict,
    DeadlinePassed,
    NotFound,
    SettingsError,
    Unavailable,
)
from atlas_actors.messages.supervision import Ending
from supervisors.child import Backoff, Budget, ChildSpec, SupervisorSpec
from supervisors.requests import (
    CountChildren,
    DeleteChild,
    ListChildren,
    RestartChild,
    RetireChild,
    StartChild,
    StopChild,
)
from supervisors.supervisor import Supervisor
from tests.supervisors.test_supervisor import BOOM, crash, eventually, states
from tests.support.trees import WAIT_S, Crash, Hold, Leave, Log, Note, Probe, probe, tree_of


def supervisor(name, *children, **flags):
    options = {key: flags.pop(key) for key in ("on_exhausted", "restart") if key in flags}
    spec = SupervisorSpec(children=children, **flags)
    return ChildSpec(id=name, actor=Supervisor, arguments={"spec": spec}, **options)


def test_s3_a_supervisor_that_is_disabled_is_not_there_and_that_is_no_error():
    log = Log()
    with tree_of(supervisor("s", probe("a", log), enabled=False), probe("b", log)) as tree:
        assert states(tree) == {"s": "stopped", "b": "running"}
        assert log.names("starting") == ["b"]
        assert tree.ref("s").cell.last_failure == ""


def test_s7_a_manual_restart_that_fails_leaves_the_child_listed_as_stopped():
    log = Log()
    with tree_of(probe("a", log, plan={"fail_starts": {2: BOOM}})) as tree:
        tree.ref().ask(StopChild(id="a"))
        with pytest.raises(Unavailable, match="boom"):
            tree.ref().ask(RestartChild(id="a"))
        assert states(tree) == {"a": "stopped"}
        tree.ref().ask(RestartChild(id="a"))
        assert states(tree) == {"a": "running"}


def test_s13_a_pool_takes_children_by_start_and_stop_only():
    log = Log()
    with tree_of(supervisor("pool", pool=True), probe("stranger", log)) as tree:
        pool = tree.ref("pool")
        assert pool.ask(StartChild(spec=probe("w1", log, restart="temporary"))) == "root/pool/w1"
        pool.ask(StartChild(spec=probe("w2", log, restart="transient")))
        for refused in (DeleteChild(id="w1"), RestartChild(id="w1")):
            with pytest.raises(Conflict, match="is a pool"):
                pool.ask(refused)
        with pytest.raises(NotFound):
            pool.ask(StopChild(id="stranger"))
        assert tree.ref("stranger").ask(Note(value=1)) == [1]
        pool.ask(StopChild(id="w1"))
        assert [id for id, _, _ in pool.ask(ListChildren())] == ["w2"]


def test_s25_a_temporary_bystander_is_stopped_with_the_group_and_not_restarted():
    log = Log()
    children = (probe("a", log), probe("t", log, restart="temporary"), probe("c", log))
    with tree_of(*children, strategy="one_for_all") as tree:
        crash(tree, "a")
        log.wait_for("started", "c", 2)
        assert list(states(tree)) == ["a", "c"]
        assert log.names("started").count("t") == 1


@pytest.mark.parametrize("strategy", ["one_for_one", "one_for_all", "rest_for_one"])
def test_s29_a_child_that_cannot_come_back_escalates_and_its_siblings_stop(strategy):
    log = Log()
    later = dict.fromkeys(range(2, 50), BOOM)
    inner = (
        probe("x", log),
        probe("a", log, on_exhausted="escalate", plan={"fail_starts": later}),
        probe("z", log),
    )
    with tree_of(*inner, strategy=strategy, budget=Budget(intensity=3)) as tree:
        crash(tree, "a")
        ended = tree.first_report()
        assert ended.ending is Ending.CRASHED
        assert "root/a" in ended.error
        assert "x" in log.names("stopped")
        assert log.names("starting").count("a") == 1 + 3


@pytest.mark.parametrize("strategy", ["one_for_all", "rest_for_one"])
def test_s31_a_second_failure_during_a_group_restart_begins_the_group_anew(strategy):
    log = Log()
    children = (
        probe("a", log),
        probe("b", log, plan={"fail_starts": {2: BOOM}}),
        probe("c", log),
    )
    with tree_of(*children, strategy=strategy, budget=Budget(intensity=5)) as tree:
        crash(tree, "a")
        log.wait_for("started", "c")
        assert eventually(
            lambda: set(states(tree).values()) == {"running"} and bool(log.all()), True
        )
        log.wait_for("started", "b", 3)
        assert eventually(lambda: states(tree)["c"], "running")
        started = [(name, n) for what, name, n in log.all() if what == "started"]
        if strategy == "one_for_all":  # a was up again and is taken down with b
            assert ("a", 2) in started
            assert ("a", 3) in started
        assert ("c", 2) in started


def test_s34_brutal_shutdown_asks_nobody():
    log = Log()
    with tree_of(probe("a", log, shutdown_s=0), probe("b", log)) as tree:
        assert tree.stop().ending is Ending.SHUTDOWN
        assert log.names("stopped") == ["b"]


def test_s35_a_worker_may_ask_for_as_long_as_it_takes():
    log = Log()
    busy, release = threading.Event(), threading.Event()
    with tree_of(probe("a", log, shutdown_s=float("inf"))) as tree:
        tree.ref("a").tell(Hold(busy=busy, release=release))
        busy.wait(WAIT_S)
        stopping = threading.Thread(target=tree.stop)
        stopping.start()
        assert eventually(lambda: tree.ref("a").cell.state, "stopping")
        assert tree.ended is None
        release.set()
        stopping.join(WAIT_S)
        assert log.names("stopped") == ["a"]


def test_s36_the_children_of_a_pool_stop_beside_each_other():
    log = Log()
    barrier = threading.Barrier(3)

    class Together(Probe):
        def on_stop(self):
            barrier.wait(WAIT_S)  # passes only when all three stop at the same time
            super().on_stop()

    children = tuple(ChildSpec(id=n, actor=Together, arguments={"log": log}) for n in "abc")
    with tree_of(supervisor("pool", *children, pool=True)) as tree:
        assert tree.stop().ending is Ending.SHUTDOWN
        assert sorted(log.names("stopped")) == ["a", "b", "c"]


def test_s37_a_child_that_swallows_its_stop_cannot_hang_the_supervisor():
    log = Log()

    class Deaf(Probe):
        def _receive(self):
            while True:
                self.place.fence.check()
                self._mailbox.get(timeout_s=0.01)

    deaf = ChildSpec(id="deaf", actor=Deaf, arguments={"log": log}, shutdown_s=0.05)
    with tree_of(probe("a", log), deaf) as tree:
        assert tree.stop().ending is Ending.SHUTDOWN
        assert log.names("stopped") == ["a"]


def test_s38_a_crash_below_restarts_only_below():
    log = Log()
    with tree_of(probe("a", log), supervisor("s", probe("x", log), probe("y", log))) as tree:
        crash(tree, "s/x")
        log.wait_for("started", "x", 2)
        incarnations = {cell.path: cell.incarnation for cell in tree.directory}
        assert incarnations == {"root": 0, "root/a": 1, "root/s": 1, "root/s/x": 2, "root/s/y": 1}


def test_s38_an_escalation_brings_static_children_back_and_dynamic_ones_not():
    log = Log()
    static = probe("static", log, on_exhausted="escalate")
    with tree_of(supervisor("s", static, budget=Budget(intensity=0))) as tree:
        tree.ref("s").ask(StartChild(spec=probe("dynamic", log)))
        crash(tree, "s/static")
        log.wait_for("started", "static", 2)
        assert eventually(lambda: [c[0] for c in tree.ref("s").ask(ListChildren())], ["static"])
        with pytest.raises(Unavailable):
            tree.ref("s/dynamic").ask(Note())


@pytest.mark.slow
def test_s39_counts_are_right_with_many_children_and_while_some_restart():
    log = Log()
    release = threading.Event()

    class SlowAgain(Probe):
        def on_start(self):
            if self.place.incarnation > 1:
                release.wait(WAIT_S)

    many = [probe(f"w{n}", log) for n in range(300)]
    slow = ChildSpec(id="slow", actor=SlowAgain)
    with tree_of(*many, slow, supervisor("s")) as tree:
        crash(tree, "slow")
        assert eventually(lambda: states(tree)["slow"], "starting")
        counts = tree.ref().ask(CountChildren())
        assert (counts.specs, counts.active) == (302, 302)
        assert (counts.supervisors, counts.workers) == (1, 301)
        release.set()


@pytest.mark.slow
def test_s40_nothing_is_kept_of_temporary_children_that_have_ended():
    log = Log()
    with tree_of(supervisor("pool", pool=True)) as tree:
        pool = tree.ref("pool")

        def run(count):
            for n in range(count):
                path = pool.ask(StartChild(spec=probe(f"w{n}", log, restart="temporary")), WAIT_S)
                tree.directory.ref(path).tell(Leave())
            assert eventually(lambda: pool.ask(ListChildren()), [])
            gc.collect()
            return sum(isinstance(thing, Probe) for thing in gc.get_objects())

        run(20)
        assert run(200) <= run(20) + 20
        assert [cell.path for cell in tree.directory] == ["root", "root/pool"]


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
