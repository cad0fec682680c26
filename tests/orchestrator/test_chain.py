"""Who may do a request, in which order."""

import attrs
import pytest

from atlas_actors.messages.routing import Link, Route
from atlas_actors.messages.strategy import Genome, Strategy
from atlas_actors.orchestrator.chain import Provider, Wanted, chain_of, lane_of

ROUTE = Route(
    id="r", layer=1, rule="x", intent="explain", confidence=0.9, abstained=False, tier="cheap",
    agent=None, complexity=3, difficulty=0.2, mode="normal", reason="",
)  # fmt: skip


def provider(name, tier, **changes):
    can = frozenset({"text", "json-schema"})
    fields = {"capabilities": can, "context_tokens": 4096, "usable": True}
    return Provider(name=name, tier=tier, **{**fields, **changes})


def providers(*listed):
    return {one.name: one for one in listed}


WORKS = frozenset({"text", "json-schema", "tools", "workspace"})
ALL = providers(
    provider("localai", "free"),
    provider("codex", "cheap", capabilities=WORKS),
    provider("haiku", "haiku"),
    provider("claude", "quality", capabilities=WORKS),
)


def wanted(route=ROUTE, pinned=None, length=100, **fields):
    return Wanted(route=route, pinned=pinned, length=length, **fields)


def order(chain):
    return [link.provider for link in chain]


def inside(chain):
    return [link.provider for link in chain if link.verdict == "in"]


def test_the_cheapest_that_will_do_comes_first_and_lower_tiers_come_last():
    assert order(chain_of(wanted(), ALL)) == ["codex", "haiku", "claude", "localai"]


@pytest.mark.parametrize(
    ("tier", "first"),
    [("free", "localai"), ("cheap", "codex"), ("haiku", "haiku"), ("quality", "claude")],
)
def test_each_tier_begins_with_its_own_provider(tier, first):
    assert order(chain_of(wanted(attrs.evolve(ROUTE, tier=tier)), ALL))[0] == first


def test_a_pin_excludes_everyone_else():
    chain = chain_of(wanted(pinned="haiku"), ALL)
    assert inside(chain) == ["haiku"]


def test_a_pin_of_the_route_counts_unless_the_request_has_its_own():
    pinned = attrs.evolve(ROUTE, pin="claude")
    assert inside(chain_of(wanted(pinned), ALL)) == ["claude"]
    assert inside(chain_of(wanted(pinned, "haiku"), ALL)) == ["haiku"]


def test_the_sessions_provider_comes_first():
    chain = chain_of(wanted(attrs.evolve(ROUTE, keep="claude")), ALL)
    assert order(chain) == ["claude", "codex", "haiku", "localai"]
    assert "session" in chain[0].why


def test_a_tool_loop_waits_for_its_provider_rather_than_switch():
    away = {**ALL, "claude": attrs.evolve(ALL["claude"], usable=False, reason="restarting")}
    locked = attrs.evolve(ROUTE, keep="claude", locked=True)
    assert lane_of(chain_of(wanted(locked), away))[0] == "claude"
    assert lane_of(chain_of(wanted(attrs.evolve(locked, locked=False)), away))[0] == "codex"
    assert lane_of(chain_of(wanted(locked, "haiku"), away))[0] == "haiku"  # a person's word wins


def test_a_provider_of_a_tier_that_nobody_ranked_comes_last():
    odd = providers(provider("a", "odd"), provider("b", "cheap"))
    assert order(chain_of(wanted(), odd)) == ["b", "a"]


def test_the_users_own_tiers_are_ranked_and_an_unknown_one_goes_up():
    tiers = ("free", "cheap", "frontier")
    mine = providers(provider("a", "cheap"), provider("b", "frontier"), provider("c", "free"))
    unknown = attrs.evolve(ROUTE, tier="gone")
    assert order(chain_of(wanted(), mine, tiers)) == ["a", "b", "c"]
    assert order(chain_of(wanted(unknown), mine, tiers))[0] == "b"


@pytest.mark.parametrize("directory", [True, False])
def test_work_in_a_directory_goes_only_to_who_can_work_there(directory):
    chain = chain_of(wanted(attrs.evolve(ROUTE, needs=("workspace",)), directory=directory), ALL)
    assert inside(chain) == ["codex", "claude"]


def test_a_request_that_is_surely_too_long_is_not_sent():
    only = providers(provider("localai", "free", context_tokens=1000))
    link = chain_of(wanted(length=8_000), only)[0]
    assert (link.verdict, link.why) == ("out", "about 2000 tokens, it takes 1000")


def test_below_the_tier_a_provider_is_used_and_labelled():
    link = chain_of(wanted(), providers(provider("localai", "free")))[0]
    assert link.verdict == "in"
    assert "below the cheap" in link.why


@pytest.mark.parametrize(
    ("verdicts", "lane", "says"),
    [
        (["in", "in"], "a", ""),
        (["out", "in"], "b", ""),
        (["waiting", "in"], "b", ""),
        (["out", "waiting"], "b", "waits for b"),
        (["out", "open"], "b", "waits for b"),
        (["over budget", "open"], "b", "waits for b"),
        (["over budget", "out"], None, "waits for a: because"),
        (["out", "out"], None, "no provider can do this: a: because; b: because"),
    ],
)
def test_a_task_waits_for_the_first_usable_else_the_first_that_may_become_so(verdicts, lane, says):
    chain = [
        Link(provider=p, verdict=v, why="because") for p, v in zip("ab", verdicts, strict=True)
    ]
    assert lane_of(chain)[0] == lane
    assert says in lane_of(chain)[1]


# By a strategy.


def by(*names, **changes):
    """A route by a strategy that names these."""
    genome = Genome(providers=names)
    strategy = Strategy(id="s", intent="explain", genome=genome)
    return attrs.evolve(ROUTE, strategy=strategy, **changes)


def test_whom_the_strategy_names_comes_first_and_the_others_after_them_by_tier():
    assert order(chain_of(wanted(by("claude", "localai")), ALL)) == [
        "claude", "localai", "codex", "haiku",
    ]  # fmt: skip


def test_of_the_strategys_first_it_is_said_that_it_is_that():
    first, second, *_ = chain_of(wanted(by("localai", "claude")), {
        name: attrs.evolve(one, usable=True) for name, one in ALL.items()
    })  # fmt: skip
    assert (first.why, second.why) == ("free tier, the strategy's first", "quality tier")


def test_a_strategy_lets_nobody_in_that_cannot_do_it():
    route = by("haiku", "codex", needs=("workspace",))
    assert inside(chain_of(wanted(route, directory=True), ALL)) == ["codex", "claude"]


def test_a_name_that_no_provider_has_any_more_is_passed_over():
    assert order(chain_of(wanted(by("gone", "haiku")), ALL))[0] == "haiku"


@pytest.mark.parametrize("keep", ["codex", "localai"])
def test_the_sessions_provider_comes_before_whom_the_strategy_names(keep):
    assert order(chain_of(wanted(by("claude", "haiku", keep=keep)), ALL))[:3] == [
        keep, "claude", "haiku",
    ]  # fmt: skip


def test_a_pin_leaves_the_strategys_first_out():
    assert inside(chain_of(wanted(by("claude"), pinned="haiku"), ALL)) == ["haiku"]


def test_who_waits_for_a_budget_may_have_the_lesser_provider_that_the_strategy_names_first():
    over = {"claude": "dear"}
    named = wanted(by("localai", tier="quality"), over=over)
    others = wanted(by("claude", "localai", tier="quality"), over=over)
    assert inside(chain_of(named, ALL, wait_for_budget=True)) == ["localai"]
    assert inside(chain_of(others, ALL, wait_for_budget=True)) == []
