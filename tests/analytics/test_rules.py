"""Which knob the evidence turns, how far, and that it never leaves its bounds."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from atlas_actors.analytics.judge import is_due, judge, may_try_again
from atlas_actors.analytics.parts import Part
from atlas_actors.analytics.rules import scope_of, wishes
from atlas_actors.analytics.tally import Tally, bin_of
from atlas_actors.clock import DAY_MS
from atlas_actors.messages.feedback import Knob

PROVIDER, QUEUE = Part(kind="provider", name="p"), Part(kind="queue", name="p")
RECALL, ATTEMPTS = Part(kind="kind", name="recall"), Part(kind="kind", name="attempt")


def knob(name, value=None, low=0.0, high=None, default=4.0):
    high = default if high is None else high
    return Knob(name=name, value=default if value is None else value, low=low, high=high,
                default=default)  # fmt: skip


SLOTS = knob("slots.p", low=1)
DEADLINE = knob("deadline_s.p", low=60, default=600)
RETRIES = knob("retries.p", high=3, default=1)
RECALLED = knob("recall_tokens", high=1_200, default=600)
CONTEXT = knob("context_tokens", default=16_000)


def tally(good=0, bad=0, ms=None, **faults):
    way = sum(faults.get(name, 0) for name in ("rate", "timed_out", "network", "context"))
    timed = {} if ms is None else {bin_of(ms): good}
    return Tally(n=good + bad + way, success=good, failure=bad, infrastructure=way,
                 latencies=timed, faults=faults)  # fmt: skip


def wished(one, seen):
    return [wish.after for wish in wishes([one], lambda _: lambda part: seen.get(part, Tally()))]


@pytest.mark.parametrize(
    ("one", "seen", "after"),
    [
        (SLOTS, {PROVIDER: tally(80, rate=20)}, [3]),
        (SLOTS, {PROVIDER: tally(92, rate=8)}, []),
        (SLOTS, {PROVIDER: tally(15, rate=4)}, []),  # too few
        (knob("slots.p", 1, low=1), {PROVIDER: tally(80, rate=20)}, []),  # none is no choice
        (knob("slots.p", 2, low=1), {PROVIDER: tally(40, ms=100), QUEUE: tally(40, ms=300)}, [3]),
        (knob("slots.p", 2, low=1), {PROVIDER: tally(40, ms=100), QUEUE: tally(40, ms=150)}, []),
        (SLOTS, {PROVIDER: tally(40, ms=100), QUEUE: tally(40, ms=900)}, []),  # as the settings say
        (
            knob("slots.p", 2, low=1),
            {PROVIDER: tally(40, ms=100, rate=2), QUEUE: tally(40, ms=900)},
            [],
        ),
    ],
)
def test_slots_follow_what_is_told_to_come_later(one, seen, after):
    assert wished(one, seen) == after


@pytest.mark.parametrize(
    ("value", "seen", "after"),
    [
        (200, tally(90, ms=150_000, timed_out=10), [300]),
        (500, tally(90, ms=400_000, timed_out=10), [600]),  # no further than the settings
        (600, tally(90, ms=500_000, timed_out=10), []),
        (200, tally(98, ms=150_000, timed_out=2), []),
        (600, tally(90, ms=30_000, timed_out=10), [pytest.approx(120, rel=0.1)]),
        (600, tally(90, ms=1_000, timed_out=10), [60]),  # no shorter than a tenth
        (600, tally(90, ms=30_000, timed_out=1), []),  # one that hangs is chance
        (60, tally(90, ms=1_000, timed_out=10), []),
        (600, tally(90, ms=100_000, timed_out=3), []),  # neither near nor far
    ],
)
def test_a_deadline_follows_how_long_answers_take(value, seen, after):
    seen.faults["waited_s"] = round(seen.faults.get("timed_out", 0) * value)
    assert wished(knob("deadline_s.p", value, low=60, default=600), {PROVIDER: seen}) == after


@pytest.mark.parametrize("ms", [1_000, 150_000])
def test_what_met_another_limit_than_the_deadline_does_not_move_it(ms):
    seen = tally(90, ms=ms, timed_out=10, waited_s=10 * 120)
    assert wished(knob("deadline_s.p", 200, low=60, default=600), {PROVIDER: seen}) == []


@pytest.mark.parametrize(
    ("value", "faults", "after"),
    [
        (1, {"network": 20, "retried": 18, "retry_helped": 16}, [2]),
        (3, {"network": 20, "retried": 18, "retry_helped": 16}, []),
        (1, {"network": 20, "retried": 18, "retry_helped": 10}, []),
        (1, {"network": 20, "retried": 18}, [0]),
        (1, {"network": 20, "retried": 18, "retry_helped": 1}, []),
        (1, {"network": 9, "retried": 9}, []),
        (0, {"network": 20, "retried": 18}, []),
        (1, {"network": 3, "retried": 18, "retry_helped": 18}, []),  # hiccups are rare
    ],
)
def test_retries_follow_whether_they_help(value, faults, after):
    one = knob("retries.p", value, high=3, default=1)
    assert wished(one, {PROVIDER: tally(80, **faults)}) == after


@pytest.mark.parametrize(
    ("seen", "after"),
    [
        (tally(5, 25), [450]),
        (tally(12, 18), []),  # may be a half
        (tally(28, 2, full=28), [750]),
        (tally(28, 2, full=3), []),  # there is room already
        (tally(0, 15), []),
    ],
)
def test_recall_follows_whether_it_was_of_use(seen, after):
    assert wished(RECALLED, {RECALL: seen}) == after


@pytest.mark.parametrize(
    ("value", "seen", "after"),
    [
        (16_000, tally(90, context=10), [12_000]),
        (16_000, tally(98, context=2), []),
        (8_000, tally(200), [10_001]),
        (15_000, tally(200), [16_000]),
        (8_000, tally(50), []),
        (16_000, tally(200), []),
    ],
)
def test_context_follows_what_was_too_long(value, seen, after):
    assert wished(knob("context_tokens", value, default=16_000), {ATTEMPTS: seen}) == after


def test_what_goes_wrong_comes_before_what_could_be_more():
    knobs = [knob("slots.q", 2, low=1), SLOTS]
    others = Part(kind="provider", name="q"), Part(kind="queue", name="q")
    seen = {
        others[0]: tally(40, ms=100), others[1]: tally(40, ms=900), PROVIDER: tally(80, rate=20)
    }  # fmt: skip
    found = wishes(knobs, lambda _: lambda part: seen.get(part, Tally()))
    assert [wish.knob.name for wish in found] == ["slots.p", "slots.q"]


counts = st.integers(0, 300)


@given(
    st.sampled_from((SLOTS, DEADLINE, RETRIES, RECALLED, CONTEXT)),
    st.floats(0, 1),
    counts,
    counts,
    st.dictionaries(
        st.sampled_from(
            ("rate", "timed_out", "network", "context", "retried", "retry_helped", "full")
        ),
        counts,
    ),
    st.integers(1, 10**8),
)
def test_no_evidence_moves_a_knob_out_of_its_bounds(one, at, good, bad, faults, ms):
    value = one.low + round(at * (one.high - one.low))
    turned = Knob(name=one.name, value=value, low=one.low, high=one.high, default=one.default)
    seen = tally(good, bad, ms=ms, **faults)
    for wish in wishes([turned], lambda _: lambda part: seen):
        assert one.low <= wish.after <= one.high
        assert wish.after != value


@pytest.mark.parametrize(
    ("name", "before", "after", "keep"),
    [
        ("slots.p", tally(80, rate=20), tally(20), True),
        ("slots.p", tally(80, rate=20), tally(16, rate=4), True),  # no different
        ("slots.p", tally(98, rate=2), tally(12, rate=12), False),
        ("slots.p", tally(80, ms=100), tally(20, ms=200), False),  # by half slower
        ("slots.p", tally(80, ms=100), tally(20, ms=130), True),
        ("deadline_s.p", tally(98, ms=9_000, timed_out=2), tally(12, timed_out=12), False),
        ("deadline_s.p", tally(90, ms=100, timed_out=10), tally(22, ms=900), True),
        ("retries.p", tally(80, network=20), tally(8, network=20), False),
        ("recall_tokens", tally(80, 20), tally(8, 12), False),
        ("recall_tokens", tally(80, 20), tally(15, 5), True),
        ("recall_tokens", tally(80, 20), tally(15, 5, rate=40), True),  # not its doing
        ("context_tokens", tally(90, context=10), tally(20, context=20), False),
    ],
)
def test_what_made_it_worse_by_more_than_chance_is_undone(name, before, after, keep):
    found = judge(name, before, after)
    assert found.keep is keep
    assert found.why.startswith("not worse" if keep else "worse: ")


def test_what_was_too_little_to_tell_says_so():
    found = judge("slots.p", tally(80, rate=20), tally(3))
    assert found.keep
    assert found.why.startswith("only 3 outcomes in three days; not worse")


@pytest.mark.parametrize(
    ("n", "days", "due"), [(19, 1, False), (20, 0, True), (0, 2.9, False), (0, 3, True)]
)
def test_it_is_judged_after_twenty_outcomes_or_three_days(n, days, due):
    assert is_due(tally(n), 0, int(days * DAY_MS)) is due


@pytest.mark.parametrize(
    ("days", "new_n", "again"), [(1, 199, False), (1, 200, True), (29.9, 0, False), (30, 0, True)]
)
def test_what_was_undone_is_tried_again_with_twice_the_evidence_or_a_month_later(
    days, new_n, again
):
    assert may_try_again(0, 100, new_n, int(days * DAY_MS)) is again


def test_a_providers_knob_is_measured_by_its_attempts_and_the_others_by_tasks():
    assert scope_of("slots.my.own") == Part(kind="provider", name="my.own")
    assert scope_of("recall_tokens") == Part(kind="kind", name="task")
