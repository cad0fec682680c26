"""What is weak, slow, restarting, degraded or improving; and what too little is known of."""

import pytest

from atlas_actors.analytics.findings import ActorHealth, Health, analyse, difference
from atlas_actors.analytics.parts import Part
from atlas_actors.analytics.repairs import learning_of, needs_repair, repairs_of
from atlas_actors.analytics.tally import Tally, bin_of


def tally(good=0, bad=0, ms=None, **faults):
    timed = {} if ms is None else {bin_of(ms): good + bad}
    return Tally(
        n=good + bad, success=good, failure=bad, latencies=timed, faults=faults
    )  # fmt: skip


def health(name, now, before=None, kind="provider"):
    return Health(part=Part(kind=kind, name=name), now=now, before=before or Tally())


def said(*parts, actors=()):
    return [(found.what, found.part.name) for found in analyse(parts, actors)]


@pytest.mark.parametrize(
    ("good", "bad", "others", "weak"),
    [
        (5, 20, (90, 10), True),  # far below
        (960, 40, (999, 1), False),  # below for certain, and by nothing that matters
        (20, 0, (20, 0), False),
        (17, 3, (90, 10), False),  # as good as can be told
        (1, 8, (90, 10), False),  # nine are too few
        (5, 20, (4, 1), True),  # nobody to compare with, and under a half
        (14, 11, (4, 1), False),
        (0, 0, (90, 10), False),
    ],
)
def test_weak_is_whose_interval_lies_under_the_others_or_under_a_half(good, bad, others, weak):
    found = said(health("a", tally(good, bad)), health("b", tally(*others)))
    assert (("weak", "a") in found) is weak


def test_a_part_is_not_held_against_itself():
    assert said(health("a", tally(5, 5))) == []


def test_kinds_do_different_things_and_are_not_held_against_each_other():
    parts = (health("task", tally(60, 40), kind="kind"), health("hook", tally(500), kind="kind"))
    assert said(*parts) == []


@pytest.mark.parametrize(
    ("now_ms", "before_ms", "others_ms", "found"),
    [
        (900, 300, 900, [("slow", "a")]),  # than itself
        (900, 800, 300, [("slow", "a")]),  # than its peers
        (900, 800, 800, []),
        (300, 900, 300, [("improving", "a")]),
    ],
)
def test_slow_is_over_twice_its_own_before_or_its_peers(now_ms, before_ms, others_ms, found):
    parts = (
        health("a", tally(20, ms=now_ms), tally(20, ms=before_ms)),
        health("b", tally(20, ms=others_ms), tally(20, ms=others_ms)),
    )
    assert [one for one in said(*parts) if one[1] == "a"] == found


def test_improving_is_better_by_more_than_chance():
    assert said(health("a", tally(90, 10), tally(50, 50))) == [("improving", "a")]
    assert said(health("a", tally(9, 3), tally(8, 4))) == []


@pytest.mark.parametrize(("now", "before", "found"), [(3, 0, True), (2, 0, False), (3, 3, False)])
def test_restarting_is_three_times_and_more_than_before(now, before, found):
    one = health("work/x", tally(restarts=now), tally(restarts=before), kind="actor")
    assert (said(one) == [("restarting", "work/x")]) is found


@pytest.mark.parametrize(
    ("state", "reason", "unwell"),
    [("running", "", False), ("running", "no disk", True), ("parked", "", True),
     ("absent", "not built", False), ("stopping", "", False)],
)  # fmt: skip
def test_degraded_is_what_does_not_do_all_that_it_should(state, reason, unwell):
    found = said(actors=[ActorHealth(name="x", state=state, reason=reason)])
    assert (found == [("degraded", "x")]) is unwell


def test_what_needs_a_repair_is_named_first_with_words_and_numbers():
    parts = (
        health("b", tally(90, 10), tally(40, 60)),
        health("a", tally(5, 20)),
    )
    weak, *_ = findings = analyse(parts, ())
    assert [found.what for found in findings] == ["weak", "improving"]
    assert weak.words == (
        "5 of 25 succeeded (20 %, 95 % interval 9 % to 39 %); the other providers 90 %"
    )
    assert (weak.numbers["n"], weak.numbers["success"], weak.numbers["others"]) == (25, 5, 0.9)


def test_a_repair_has_its_evidence_and_the_same_name_for_the_same_fault():
    (first,) = repairs_of(analyse((health("a", tally(5, 20)),), ()), window=7)
    (later,) = repairs_of(analyse((health("a", tally(6, 30)),), ()), window=7)
    assert first.kind == "repair"
    assert "5 of 25 succeeded" in first.prompt
    assert first.evidence["n"] == 25
    assert (first.fingerprint, first.evidence_key) == (later.fingerprint, later.evidence_key)
    (another,) = repairs_of(analyse((health("a", tally(6, 30)),), ()), window=8)
    assert another.evidence_key != later.evidence_key


def test_slower_than_its_peers_is_a_nature_and_no_fault():
    peers = (health("a", tally(20, ms=900)), health("b", tally(20, ms=300)))
    before = (health("a", tally(20, ms=900), tally(20, ms=300)),)
    assert [needs_repair(found) for found in analyse(peers, ())] == [False]
    assert [needs_repair(found) for found in analyse(before, ())] == [True]


def test_one_look_proposes_three_repairs_at_most():
    weak = [health(f"p{n}", tally(2, 20), kind="intent") for n in range(9)]
    assert len(repairs_of(analyse(weak, ()), window=1)) == 3


def test_what_is_learned_is_who_cannot_do_what():
    provider, hook = (
        learning_of(analyse((health("a", tally(5, 20), kind=kind),), ())[0])
        for kind in ("provider", "hook")
    )
    assert provider.text.startswith("provider a succeeds too rarely: 5 of 25 succeeded")
    assert hook is None


def test_the_interval_of_a_difference_is_newcombes():
    """His example: 56 of 70 against 48 of 80 (Statistics in Medicine 17, 1998, table II)."""
    low, high = difference((56, 70), (48, 80))
    assert (round(low, 4), round(high, 4)) == (0.0524, 0.3339)
