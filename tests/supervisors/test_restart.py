"""The pure rules of restarting, as tables."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from atlas_actors.messages.supervision import Ending
from supervisors.child import Backoff, Budget
from supervisors.restart import RestartWindow, delay_s, restarts, shares_fate


@pytest.mark.parametrize(
    ("kind", "ending", "comes_back"),
    [
        ("permanent", Ending.NORMAL, True),
        ("permanent", Ending.SHUTDOWN, True),
        ("permanent", Ending.CRASHED, True),
        ("permanent", Ending.KILLED, True),
        ("permanent", Ending.IGNORED, False),
        ("transient", Ending.NORMAL, False),
        ("transient", Ending.SHUTDOWN, False),
        ("transient", Ending.CRASHED, True),
        ("transient", Ending.KILLED, True),
        ("transient", Ending.CANNOT_START, True),
        ("temporary", Ending.NORMAL, False),
        ("temporary", Ending.SHUTDOWN, False),
        ("temporary", Ending.CRASHED, False),
    ],
)
def test_who_comes_back_after_which_ending(kind, ending, comes_back):
    assert restarts(kind, ending) is comes_back


@pytest.mark.parametrize(
    ("strategy", "group"),
    [("one_for_one", ["b"]), ("one_for_all", ["a", "b", "c"]), ("rest_for_one", ["b", "c"])],
)
def test_who_shares_the_fate_of_the_failed(strategy, group):
    assert shares_fate(strategy, ["a", "b", "c"], "b") == group


def test_s26_failures_slower_than_the_budget_never_spend_it():
    window = RestartWindow(Budget(intensity=2, period_s=10))
    assert not any(window.failed(now_s=11.0 * n / 2) for n in range(1000))


def test_the_failure_after_the_last_one_borne_spends_the_budget():
    window = RestartWindow(Budget(intensity=2, period_s=10))
    assert [window.failed(s) for s in (0.0, 1.0, 2.0)] == [False, False, True]


@given(st.lists(st.floats(0, 1000), min_size=1).map(sorted), st.integers(0, 5))
def test_the_window_holds_exactly_the_failures_of_the_last_period(times, intensity):
    window = RestartWindow(Budget(intensity=intensity, period_s=60))
    spent = [window.failed(now) for now in times]
    last = times[-1]
    expected = sum(1 for t in times if last - t <= 60)
    assert window.recent(last) == expected
    assert spent[-1] is (expected > intensity)


@given(st.integers(1, 10_000), st.floats(0, 1, exclude_max=True))
def test_backoff_stays_between_zero_and_its_cap(failures, jitter):
    assert 0 <= delay_s(Backoff(base_s=0.1, cap_s=5), failures, jitter) <= 5


def test_a_single_failure_is_restarted_at_once():
    assert delay_s(Backoff(base_s=1), failures=1, jitter=0.99) == 0


def test_backoff_doubles_its_ceiling():
    ceilings = [delay_s(Backoff(base_s=1, cap_s=6), n, 1.0) for n in (2, 3, 4)]
    assert ceilings == [2, 4, 6]
