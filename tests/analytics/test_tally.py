"""Outcomes are counted so that hours add up, and percentiles are as near as is said."""

import random

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st

from atlas_actors.analytics.parts import Part, parts_of, timed_for
from atlas_actors.analytics.tally import Tally, total
from tests.support.clocks import FakeClock
from tests.support.kept import Feed


@pytest.fixture
def feed():
    return Feed(FakeClock())


def tally_of(*outcomes):
    tally = Tally()
    for outcome in outcomes:
        tally.count(outcome)
    return tally


def test_a_fault_of_the_way_says_nothing_about_quality(feed):
    tally = tally_of(
        feed.add(end="answered"),
        feed.add(result="failure", end="rejected"),
        feed.add(result="failure", infrastructure=True, end="busy", fault="rate"),
    )
    assert (tally.n, tally.judged, tally.rate, tally.infrastructure) == (3, 2, 0.5, 1)
    assert tally.fault_share("rate") == pytest.approx(1 / 3)


def test_what_timed_out_is_counted_as_that_and_its_wait_is_no_latency(feed):
    out = feed.add(
        result="failure", infrastructure=True, end="timed_out", fault="network", duration_ms=600_000
    )
    tally = tally_of(feed.add(end="answered", duration_ms=100), out)
    assert tally.faults == {"timed_out": 1, "waited_s": 600}
    assert tally.timed == 1


def test_an_amendment_moves_an_outcome_and_counts_no_other(feed):
    first = feed.add()
    amended = attrs.evolve(first, seq=2, before="success", result="failure")
    tally = tally_of(first, amended)
    assert (tally.n, tally.success, tally.failure, tally.rate) == (1, 0, 1, 0.0)


def test_an_amendment_in_another_hour_than_its_outcome_makes_nothing_negative(feed):
    amended = attrs.evolve(feed.add(), before="success", result="failure")
    tally = tally_of(amended)
    assert (tally.good, tally.judged) == (0, 1)


@given(st.lists(st.integers(1, 10_000_000), min_size=1, max_size=200), st.sampled_from((0.5, 0.9)))
def test_a_percentile_is_at_most_9_percent_off(durations, share):
    feed = Feed(FakeClock())
    found = tally_of(*(feed.add(duration_ms=ms) for ms in durations)).percentile_ms(share)
    ordered = sorted(durations)
    exact = next(ms for n, ms in enumerate(ordered, 1) if n >= share * len(ordered))
    assert found == pytest.approx(exact, rel=2**0.125 - 1 + 1e-9)


def test_hours_add_up_whatever_their_order_and_through_json():
    generator, feed = random.Random(1), Feed(FakeClock())
    hours = []
    for _ in range(5):
        seq = feed.newest
        for _ in range(20):
            ms = generator.randint(1, 9_999)
            feed.add(duration_ms=ms, result=generator.choice(("success", "partial", "failure")))
        hours.append(tally_of(*feed.after(seq).outcomes))
    back = [Tally.from_json(hour.to_json()) for hour in reversed(hours)]
    assert total(back) == total(hours)
    assert total(hours).without(total(hours[1:])).percentile_ms(0.9) == hours[0].percentile_ms(0.9)


@pytest.mark.parametrize(
    ("fields", "counted"),
    [
        ({"kind": "attempt", "provider": "a"}, ["kind attempt", "provider a"]),
        (
            {"kind": "task", "provider": "a", "intent": "i", "strategy": "s"},
            ["kind task", "queue a", "intent i", "strategy s"],
        ),
        ({"kind": "hook", "action": "Stop"}, ["kind hook", "hook Stop"]),
        ({"kind": "route", "rule": "r"}, ["kind route", "rule r"]),
        ({"kind": "task", "provider": None}, ["kind task"]),
    ],
)
def test_an_outcome_counts_for_the_parts_that_it_names(feed, fields, counted):
    assert [str(part) for part in parts_of(feed.add(**fields))] == counted


def test_a_name_as_long_as_a_prompt_is_cut(feed):
    (_, hook) = parts_of(feed.add(kind="hook", action="x" * 5_000))
    assert hook == Part(kind="hook", name="x" * 200)


def test_how_long_a_task_has_waited_is_not_its_strategys_fault(feed):
    task = feed.add(kind="task", duration_ms=120_000, strategy="s", work_ms=40)
    timed = {kind: timed_for(Part(kind=kind, name="s"), task).duration_ms for kind in (
        "strategy", "intent", "queue", "kind"
    )}  # fmt: skip
    assert timed == {"strategy": 40, "intent": 40, "queue": 120_000, "kind": 120_000}
    untold = feed.add(kind="task", duration_ms=120_000, strategy="s")
    assert timed_for(Part(kind="strategy", name="s"), untold).duration_ms == 120_000
