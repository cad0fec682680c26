"""The circuit breaker: when it opens, for how long, and how it closes."""

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st

from atlas_actors.messages.execution import Fault
from atlas_actors.orchestrator.breaker import (
    OPEN_CAP_S,
    RETRY_AFTER_CAP_S,
    Breaker,
    Policy,
    after_answer,
    after_fault,
    at,
)

POLICY = Policy(failures=3, open_s=30.0)


def fault(breaker, kind, *, retry_after_ms=None, now_s=100.0, jitter=0.0):
    return after_fault(
        breaker, kind, "why", POLICY, retry_after_ms=retry_after_ms, now_s=now_s, jitter=jitter
    )


def opened(times=1, kind=Fault.SERVER):
    """A breaker that has been opened that often, by probes that failed."""
    breaker = Breaker()
    for _ in range(POLICY.failures):
        breaker = fault(breaker, kind)
    for _ in range(times - 1):
        breaker = fault(at(breaker, breaker.until_s), kind, now_s=breaker.until_s)
    return breaker


@pytest.mark.parametrize("kind", [Fault.SERVER, Fault.NETWORK])
def test_it_opens_after_so_many_failures_in_a_row(kind):
    once = fault(Breaker(), kind)
    twice = fault(once, kind)
    assert (once.state, twice.state, fault(twice, kind).state) == ("closed", "closed", "open")


def test_an_answer_in_between_begins_the_count_anew():
    breaker = after_answer(fault(fault(Breaker(), Fault.SERVER), Fault.SERVER))
    assert fault(breaker, Fault.SERVER).state == "closed"


@pytest.mark.parametrize("kind", [Fault.RATE, Fault.QUOTA, Fault.KEY])
def test_it_opens_at_once_where_the_provider_says_no_to_everybody(kind):
    assert fault(Breaker(), kind).state == "open"


@pytest.mark.parametrize("kind", [Fault.REQUEST, Fault.CONTEXT, Fault.TASK, Fault.BUDGET, None])
def test_a_no_to_one_request_is_no_failure_of_the_provider(kind):
    assert fault(Breaker(failures=2), kind) == Breaker()


def test_it_lets_one_probe_through_when_its_wait_is_over():
    breaker = opened()
    assert at(breaker, breaker.until_s - 0.01).state == "open"
    assert at(breaker, breaker.until_s).state == "half_open"


def test_a_probe_that_is_answered_closes_it_and_one_that_fails_opens_it_for_longer():
    first = opened()
    probe = at(first, first.until_s)
    assert after_answer(probe) == Breaker()
    second = fault(probe, Fault.SERVER, now_s=first.until_s)
    assert second.state == "open"
    assert second.until_s - first.until_s == 2 * (first.until_s - 100.0)


def test_an_answer_that_was_asked_for_before_it_opened_proves_nothing():
    assert after_answer(opened()).state == "open"


@pytest.mark.parametrize(
    ("header_ms", "waits_s"), [(7_000, 7.0), (0, 0.1), (10**9, RETRY_AFTER_CAP_S)]
)
def test_what_the_provider_asks_for_is_the_wait_within_bounds(header_ms, waits_s):
    breaker = fault(Breaker(), Fault.RATE, retry_after_ms=header_ms)
    assert breaker.until_s - 100.0 == pytest.approx(waits_s)


def test_at_once_is_believed_once():
    breaker, waits = Breaker(), []
    for _ in range(4):
        now_s = breaker.until_s
        breaker = fault(at(breaker, now_s), Fault.RATE, retry_after_ms=0, now_s=now_s)
        waits.append(breaker.until_s - now_s)
    assert waits == pytest.approx([0.1, 3.0, 6.0, 12.0])


def test_a_second_429_while_it_is_open_can_only_lengthen_the_wait():
    breaker = fault(Breaker(), Fault.RATE, retry_after_ms=60_000)
    assert fault(breaker, Fault.RATE, retry_after_ms=1_000) == breaker
    assert fault(breaker, Fault.RATE, retry_after_ms=90_000).until_s > breaker.until_s


@given(
    times=st.integers(1, 60),
    jitter=st.floats(0, 1, exclude_max=True),
    kind=st.sampled_from([Fault.SERVER, Fault.NETWORK, Fault.RATE]),
)
def test_however_often_it_opens_the_wait_stays_within_its_bounds(times, jitter, kind):
    breaker = Breaker()
    for _ in range(times):
        now_s = breaker.until_s
        breaker = at(breaker, now_s)
        breaker = after_fault(
            breaker, kind, "why", attrs.evolve(POLICY, failures=1),
            retry_after_ms=None, now_s=now_s, jitter=jitter,
        )  # fmt: skip
        assert breaker.state == "open"
        assert 0 < breaker.until_s - now_s <= OPEN_CAP_S
