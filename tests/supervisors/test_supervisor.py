"""The supervisor with real threads: rows S1 to S28 and S54 to S61 of the acceptance table."""

import threading

import pytest

from atlas_actors.errors import (
    CannotStart,
    Conflict,
    Ignored,
    NotFound,
    SettingsError,
    Unavailable,
)
from atlas_actors.messages.supervision import ChildEnded, Ending, RetryChild, Stop
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
from tests.support.trees import (
    WAIT_S,
    Hold,
    Leave,
    Log,
    Note,
    Probe,
    Tree,
    probe,
    tree_of,
)


def test_s1_no_children_starts_answers_and_stops_cleanly():
    with tree_of() as tree:
        assert tree.ref().ask(ListChildren()) == []
        assert tree.stop().ending is Ending.SHUTDOWN


def test_s2_rubbish_as_spec_fails_before_anything_runs():
    with pytest.raises(SettingsError):
        SupervisorSpec(children=(), strategy="all_for_none")


def test_s4_a_child_that_ignores_its_start_stays_listed_and_can_be_started_later():
    log = Log()
    with tree_of(probe("a", log, plan={"fail_starts": {1: Ignored()}})) as tree:
        assert states(tree) == {"a": "stopped"}
        assert tree.ref().ask(RestartChild(id="a")) == "root/a"
        assert states(tree) == {"a": "running"}


def test_s5_a_child_that_fails_at_start_child_is_an_error_to_the_caller_and_not_recorded():
    log = Log()
    with tree_of(probe("a", log)) as tree:
        tree.ref("a").ask(Note(value=1))
        with pytest.raises(Unavailable, match="boom"):
            tree.ref().ask(StartChild(spec=probe("b", log, plan={"fail_starts": {"all": BOOM}})))
        assert states(tree) == {"a": "running"}
        assert tree.ref("a").ask(Note(value=2)) == [1, 2]


def test_s6_a_failing_start_stops_the_started_in_reverse_and_names_the_child():
    log = Log()
    tree = Tree(
        SupervisorSpec(
            children=(
                probe("a", log),
                probe("b", log),
                probe("c", log, on_exhausted="escalate", plan={"fail_starts": {"all": BOOM}}),
                probe("d", log),
            )
        )
    )
    ended = tree.first_report()
    assert isinstance(ended, ChildEnded)
    assert "root/c" in ended.error
    assert "boom" in ended.error
    assert log.names("stopped") == ["b", "a"]
    assert "d" not in log.names("starting")


def test_an_optional_child_that_cannot_start_is_parked_with_reason_and_cure_and_the_rest_runs():
    log = Log()
    missing = CannotStart("no model", cure="atlas model pull")
    with tree_of(probe("a", log, plan={"fail_starts": {1: missing}}), probe("b", log)) as tree:
        assert states(tree) == {"a": "parked", "b": "running"}
        with pytest.raises(Unavailable, match="no model") as caught:
            tree.ref("a").ask(Note())
        assert caught.value.cure == "atlas model pull"
        assert caught.value.retry_at_ms is not None
        tree.ref().ask(RetryChild(path="root/a"))
        assert tree.ref("a").ask(Note(value=1)) == [1]


def test_s8_defaults_are_permanent_five_seconds_and_infinite_for_supervisors():
    spec = ChildSpec(id="a", actor=Probe)
    assert (spec.restart, spec.shutdown_within_s) == ("permanent", 5.0)
    assert ChildSpec(id="s", actor=Supervisor).shutdown_within_s == float("inf")


@pytest.mark.parametrize(
    "wrong",
    [
        {"id": ""},
        {"id": "a/b"},
        {"actor": int},
        {"restart": "sometimes"},
        {"shutdown_s": -1},
        {"shutdown_s": "soon"},
        {"start_s": 0},
        {"on_exhausted": "cry"},
    ],
)
def test_s9_a_bad_child_spec_is_refused_by_name(wrong):
    with pytest.raises(SettingsError):
        ChildSpec(**{"id": "a", "actor": Probe, **wrong})


def test_s9_an_unknown_key_of_a_child_spec_is_refused():
    with pytest.raises(TypeError):
        ChildSpec(id="a", actor=Probe, modules=[])


@pytest.mark.parametrize("wrong", [{"intensity": -1}, {"intensity": 1.5}, {"period_s": 0}])
def test_s10_a_bad_budget_is_refused(wrong):
    with pytest.raises(SettingsError):
        Budget(**wrong)


def test_s11_the_same_id_twice_is_refused_and_says_which_case_it_is():
    log = Log()
    with pytest.raises(SettingsError, match="two children are called a"):
        SupervisorSpec(children=(probe("a", log), probe("a", log)))
    with tree_of(probe("a", log)) as tree:
        with pytest.raises(Conflict, match="already running"):
            tree.ref().ask(StartChild(spec=probe("a", log)))
        tree.ref().ask(StopChild(id="a"))
        with pytest.raises(Conflict, match="present but stopped"):
            tree.ref().ask(StartChild(spec=probe("a", log)))


def test_s12_stop_is_idempotent_delete_and_restart_of_a_running_child_are_refused():
    log = Log()
    with tree_of(probe("a", log)) as tree:
        supervisor = tree.ref()
        with pytest.raises(Conflict):
            supervisor.ask(DeleteChild(id="a"))
        with pytest.raises(Conflict):
            supervisor.ask(RestartChild(id="a"))
        supervisor.ask(StopChild(id="a"))
        supervisor.ask(StopChild(id="a"))
        supervisor.ask(DeleteChild(id="a"))
        assert supervisor.ask(ListChildren()) == []
        with pytest.raises(NotFound):
            supervisor.ask(StopChild(id="a"))


def test_s14_mail_to_an_address_that_does_not_exist_fails_at_once():
    with tree_of() as tree, pytest.raises(NotFound):
        tree.ref("nobody")


@pytest.mark.parametrize(
    ("kind", "after"),
    [("permanent", "running"), ("transient", "stopped"), ("temporary", None)],
)
def test_s16_s17_s18_normal_end(kind, after):
    log = Log()
    with tree_of(probe("a", log, restart=kind), probe("b", log)) as tree:
        tree.ref("a").tell(Leave())
        log.wait_for("stopped", "a", 1)
        if after == "running":
            log.wait_for("started", "a", 2)
        tree.ref("b").ask(Note())
        assert eventually(lambda: states(tree).get("a"), after)


@pytest.mark.parametrize(
    ("kind", "after"),
    [("permanent", "running"), ("transient", "stopped"), ("temporary", None)],
)
def test_s19_s20_s21_a_shutdown_that_the_supervisor_did_not_order(kind, after):
    log = Log()
    with tree_of(probe("a", log, restart=kind)) as tree:
        tree.ref("a").cell.mailbox.put_system(Stop())
        log.wait_for("stopped", "a", 1)
        assert eventually(lambda: states(tree).get("a"), after)


@pytest.mark.parametrize(
    ("kind", "after"), [("permanent", 2), ("transient", 2), ("temporary", None)]
)
def test_s22_s23_s24_abnormal_end(kind, after):
    log = Log()
    with tree_of(probe("a", log, restart=kind)) as tree:
        crash(tree, "a")
        if after:
            log.wait_for("started", "a", after)
        expected = "running" if after else None
        assert eventually(lambda: states(tree).get("a"), expected)


def test_s27_one_for_one_leaves_siblings_with_identity_and_state():
    log = Log()
    with tree_of(probe("a", log), probe("b", log), probe("c", log)) as tree:
        tree.ref("a").ask(Note(value="kept"))
        tree.ref("b").ask(Note(value="lost"))
        crash(tree, "b")
        assert tree.ref("b").ask(Note(value=1), WAIT_S) == [1]
        assert tree.ref("a").ask(Note(value=2)) == ["kept", 2]
        assert log.names("stopped") == []


def test_s28_one_failure_more_than_the_budget_ends_the_supervisor_and_its_children():
    log = Log()
    with tree_of(
        probe("a", log, on_exhausted="escalate"),
        probe("b", log),
        budget=Budget(intensity=2, period_s=1000),
    ) as tree:
        for _ in range(3):
            crash(tree, "a")
        ended = tree.first_report()
        assert isinstance(ended, ChildEnded)
        assert "root/a" in ended.error
        assert log.names("stopped") == ["b"]


def test_s30_one_for_all_has_all_old_ones_gone_before_a_new_one_starts():
    log = Log()
    with tree_of(probe("a", log), probe("b", log), probe("c", log), strategy="one_for_all") as tree:
        crash(tree, "b")
        log.wait_for("started", "c", 2)
        assert [entry[:2] for entry in log.all() if entry[0] in ("stopped", "started")][3:] == [
            ("stopped", "c"),
            ("stopped", "a"),
            ("started", "a"),
            ("started", "b"),
            ("started", "c"),
        ]


def test_s32_rest_for_one_leaves_earlier_siblings_alone():
    log = Log()
    with tree_of(
        probe("a", log), probe("b", log), probe("c", log), strategy="rest_for_one"
    ) as tree:
        crash(tree, "b")
        log.wait_for("started", "c", 2)
        assert log.names("stopped") == ["c"]
        assert log.names("started") == ["a", "b", "c", "b", "c"]


def test_s33_a_child_that_will_not_stop_is_cut_after_its_time_and_the_rest_go_in_order():
    log = Log()
    busy, release = threading.Event(), threading.Event()
    with tree_of(probe("a", log), probe("b", log, shutdown_s=0.05), probe("c", log)) as tree:
        tree.ref("b").tell(Hold(busy=busy, release=release))
        busy.wait(WAIT_S)
        assert tree.stop().ending is Ending.SHUTDOWN
        assert log.names("stopped") == ["c", "a"]
        release.set()


def test_s39_counts_hold_while_children_come_and_go():
    log = Log()
    with tree_of(
        probe("a", log), ChildSpec(id="s", actor=Supervisor, arguments={"spec": SupervisorSpec()})
    ) as tree:
        counts = tree.ref().ask(CountChildren())
        assert (counts.specs, counts.active, counts.supervisors, counts.workers) == (2, 2, 1, 1)


def test_s43_a_restart_does_not_change_the_order():
    log = Log()
    with tree_of(probe("a", log), probe("b", log)) as tree:
        crash(tree, "a")
        log.wait_for("started", "a", 2)
        assert list(states(tree)) == ["a", "b"]
