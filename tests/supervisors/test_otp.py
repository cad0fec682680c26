"""The rows of the acceptance table that are OTP's own, beside those in test_supervisor.py."""

import gc
import threading

import pytest

from atlas_actors.errors import (
    Conflict,
    NotFound,
    Unavailable,
)
from atlas_actors.messages.supervision import Ending
from supervisors.child import Budget, ChildSpec, SupervisorSpec
from supervisors.requests import (
    CountChildren,
    DeleteChild,
    ListChildren,
    RestartChild,
    StartChild,
    StopChild,
)
from supervisors.supervisor import Supervisor
from tests.support.supervision import BOOM, crash, eventually, states
from tests.support.trees import WAIT_S, Hold, Leave, Log, Note, Probe, probe, tree_of


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
