"""Who may do a request, and what follows an attempt: the tables of the cascade."""

import attrs
import pytest

from atlas_actors.messages.execution import AttemptEnded, AttemptStarted, End, Request
from atlas_actors.messages.routing import Link, Route
from atlas_actors.messages.task import TaskState
from atlas_actors.orchestrator.check import Verdict
from atlas_actors.orchestrator.steps import Provider, chain_of, lane_of, next_step

ROUTE = Route(
    id="r", layer=1, rule="x", intent="explain", confidence=0.9, abstained=False, tier="cheap",
    agent=None, complexity=3, difficulty=0.2, mode="normal", reason="",
)  # fmt: skip


def provider(name, tier, **changes):
    fields = {"built": True, "workspace": False, "context_tokens": 4096, "usable": True}
    return Provider(name=name, tier=tier, **{**fields, **changes})


def providers(*listed):
    return {one.name: one for one in listed}


ALL = providers(
    provider("localai", "free"),
    provider("codex", "cheap", workspace=True),
    provider("haiku", "haiku"),
    provider("claude", "quality", workspace=True),
)


def order(chain):
    return [link.provider for link in chain]


def test_the_cheapest_that_will_do_comes_first_and_lower_tiers_come_last():
    assert order(chain_of(ROUTE, None, 100, ALL)) == ["codex", "haiku", "claude", "localai"]


@pytest.mark.parametrize(
    ("tier", "first"),
    [("free", "localai"), ("cheap", "codex"), ("haiku", "haiku"), ("quality", "claude")],
)
def test_each_tier_begins_with_its_own_provider(tier, first):
    assert order(chain_of(attrs.evolve(ROUTE, tier=tier), None, 100, ALL))[0] == first


def test_a_pin_excludes_everyone_else():
    chain = chain_of(ROUTE, "haiku", 100, ALL)
    assert [link.provider for link in chain if link.verdict == "in"] == ["haiku"]


def test_a_pin_of_the_route_counts_unless_the_request_has_its_own():
    pinned = attrs.evolve(ROUTE, pin="claude")
    inside = [link.provider for link in chain_of(pinned, None, 100, ALL) if link.verdict == "in"]
    assert inside == ["claude"]
    inside = [link.provider for link in chain_of(pinned, "haiku", 100, ALL) if link.verdict == "in"]
    assert inside == ["haiku"]


def test_the_sessions_provider_comes_first():
    chain = chain_of(attrs.evolve(ROUTE, keep="claude"), None, 100, ALL)
    assert order(chain) == ["claude", "codex", "haiku", "localai"]
    assert "session" in chain[0].why


def test_a_tool_loop_waits_for_its_provider_rather_than_switch():
    away = {**ALL, "claude": attrs.evolve(ALL["claude"], usable=False, reason="restarting")}
    locked = attrs.evolve(ROUTE, keep="claude", locked=True)
    assert lane_of(chain_of(locked, None, 100, away))[0] == "claude"
    assert lane_of(chain_of(attrs.evolve(locked, locked=False), None, 100, away))[0] == "codex"
    assert lane_of(chain_of(locked, "haiku", 100, away))[0] == "haiku"  # a person's word wins


def test_a_provider_of_a_tier_that_nobody_ranked_comes_last():
    odd = providers(provider("a", "odd"), provider("b", "cheap"))
    assert order(chain_of(ROUTE, None, 100, odd)) == ["b", "a"]


def test_the_users_own_tiers_are_ranked_and_an_unknown_one_goes_up():
    tiers = ("free", "cheap", "frontier")
    mine = providers(provider("a", "cheap"), provider("b", "frontier"), provider("c", "free"))
    unknown = attrs.evolve(ROUTE, tier="gone")
    assert order(chain_of(ROUTE, None, 100, mine, tiers)) == ["a", "b", "c"]
    assert order(chain_of(unknown, None, 100, mine, tiers))[0] == "b"


def test_work_in_a_directory_goes_only_to_who_can_work_there():
    chain = chain_of(attrs.evolve(ROUTE, needs=("workspace",)), None, 100, ALL)
    assert {link.provider for link in chain if link.verdict == "in"} == {"codex", "claude"}


def test_a_request_that_is_surely_too_long_is_not_sent():
    only = providers(provider("localai", "free", context_tokens=1000))
    link = chain_of(ROUTE, None, 8_000, only)[0]
    assert (link.verdict, link.why) == ("out", "about 2000 tokens, it takes 1000")


def test_below_the_tier_a_provider_is_used_and_labelled():
    link = chain_of(ROUTE, None, 100, providers(provider("localai", "free")))[0]
    assert link.verdict == "in"
    assert "below the cheap" in link.why


@pytest.mark.parametrize(
    ("verdicts", "lane", "says"),
    [
        (["in", "in"], "a", ""),
        (["out", "in"], "b", ""),
        (["waiting", "in"], "b", ""),
        (["out", "waiting"], "b", "waits for b"),
        (["out", "out"], None, "no provider can do this: a: because; b: because"),
    ],
)
def test_a_task_waits_for_the_first_usable_else_the_first_that_may_become_so(verdicts, lane, says):
    chain = [
        Link(provider=p, verdict=v, why="because") for p, v in zip("ab", verdicts, strict=True)
    ]
    assert lane_of(chain)[0] == lane
    assert says in lane_of(chain)[1]


def ended(end, *, asked=1, most=3, interruptions=0, retry_after_ms=None, attempt=1):
    started = AttemptStarted(
        task_id="t", attempt=attempt, epoch=1, lane="a", request=Request(prompt="p"), route=ROUTE,
        answers_asked=asked, attempts_max=most, interruptions=interruptions,
    )  # fmt: skip
    return AttemptEnded(
        started=started, provider="a", end=end, error="why", retry_after_ms=retry_after_ms
    )


def links(**verdicts):
    return [Link(provider=name, verdict=verdict, why="") for name, verdict in verdicts.items()]


PASSED = Verdict(passed=True, how="text", detail="", answer="yes")
FAILED = Verdict(passed=False, how="schema", detail="not JSON", answer="no")
DONE, AGAIN, OVER = TaskState.COMPLETED, TaskState.PENDING, TaskState.FAILED


@pytest.mark.parametrize(
    ("event", "verdict", "chain", "state", "end", "lane"),
    [
        # answered and checked
        (ended(End.ANSWERED), PASSED, links(a="in"), DONE, End.ANSWERED, "a"),
        # a failed check escalates, else the same provider is asked again, else it is over
        (ended(End.ANSWERED), FAILED, links(a="in", b="in"), AGAIN, End.REJECTED, "b"),
        (ended(End.ANSWERED), FAILED, links(a="in", b="out"), AGAIN, End.REJECTED, "a"),
        (ended(End.ANSWERED, asked=3), FAILED, links(a="in", b="in"), OVER, End.REJECTED, None),
        # a refusal is not cured by asking again
        (ended(End.REFUSED), None, links(a="in", b="in"), AGAIN, End.REFUSED, "b"),
        (ended(End.REFUSED), None, links(a="in"), OVER, End.REFUSED, None),
        # time
        (ended(End.TIMED_OUT), None, links(a="in"), AGAIN, End.TIMED_OUT, "a"),
        (ended(End.TIMED_OUT, asked=3), None, links(a="in"), OVER, End.TIMED_OUT, None),
        # faults of the way do not use up answers, and are bounded too
        (ended(End.UNREACHABLE, asked=3), None, links(a="in"), AGAIN, End.UNREACHABLE, "a"),
        (ended(End.UNREACHABLE), None, links(a="in", b="in"), AGAIN, End.UNREACHABLE, "b"),
        (
            ended(End.UNREACHABLE, interruptions=10),
            None, links(a="in"), OVER, End.UNREACHABLE, None,
        ),
        (ended(End.BUSY), None, links(a="in", b="in"), AGAIN, End.BUSY, "b"),
    ],
)  # fmt: skip
def test_what_follows_an_attempt(event, verdict, chain, state, end, lane):
    step = next_step(event, verdict, chain, interruptions_max=10, jitter=0.5)
    assert (step.state, step.end, step.lane) == (state, end, lane)


def test_busy_waits_as_long_as_it_was_told_and_no_longer_than_an_hour():
    def delay(told_ms):
        busy = ended(End.BUSY, retry_after_ms=told_ms)
        return next_step(busy, None, links(a="in"), interruptions_max=10, jitter=0.5).delay_ms

    assert delay(7_000) == 7_000
    assert delay(10**12) == 3_600_000


def test_without_a_word_the_wait_grows_and_is_capped():
    def delay(attempt):
        lost = ended(End.UNREACHABLE, attempt=attempt)
        return next_step(lost, None, links(a="in"), interruptions_max=99, jitter=1.0).delay_ms

    assert [delay(n) for n in (1, 2, 3, 50)] == [500, 1000, 2000, 60_000]
