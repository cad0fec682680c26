"""Sessions and pins: who goes on with the work, and when a switch is worth what it costs."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from atlas_actors.messages.routing import Pin
from atlas_actors.providers.prices import Price, switch_saves_usd
from atlas_actors.router.decide import decide
from atlas_actors.router.pins import pinned_by
from atlas_actors.router.sessions import CACHE_MS, Offer, Session, directive_of, settle

TIERS = ("free", "cheap", "haiku", "quality")
QUALITY = Price(input=4.0, output=20.0, cache_read=0.2, cache_write=5.0)
OFFERS = {
    "local": Offer(name="local", tier="free", price=Price()),
    "codex": Offer(name="codex", tier="cheap", price=Price(input=1.0, output=5.0)),
    "claude": Offer(name="claude", tier="quality", price=QUALITY),
}


def session(tier="quality", provider="claude", at_ms=0, characters=200_000, intent="bug_fix"):
    return Session(intent=intent, tier=tier, provider=provider, at_ms=at_ms, characters=characters)


def settled(text, before, *, now_ms=1000, tool_loop=False):
    return settle(
        decide(text), before, now_ms=now_ms, tool_loop=tool_loop, tiers=TIERS, offers=OFFERS
    )


def test_without_a_session_the_decision_stands():
    assert settled("explain what this regex does", None).tier == "cheap"


@pytest.mark.parametrize("text", ["continue", "yes, go ahead", "thanks!", "option b", "sim"])
def test_going_on_and_chat_inherit_the_sessions_route(text):
    after = settled(text, session())
    assert (after.tier, after.keep) == ("quality", "claude")


@pytest.mark.parametrize("text", ["explain the regex", "fix the crash", "zebra quartz", ""])
def test_nothing_switches_inside_a_tool_loop(text):
    for before in (session(), session("cheap", "codex")):
        after = settled(text, before, tool_loop=True)
        assert (after.tier, after.keep, after.locked) == (before.tier, before.provider, True)


def test_a_turn_of_tool_results_only_is_a_tool_loop():
    after = settled("<tool_result>42 rows</tool_result>", session("cheap", "codex"))
    assert (after.tier, after.keep) == ("cheap", "codex")


def test_work_that_asks_for_more_goes_up():
    after = settled("fix the flaky login test", session("cheap", "codex"))
    assert (after.tier, after.keep) == ("quality", None)


def test_the_same_tier_stays_with_the_provider():
    after = settled("refactor the parser into smaller functions", session())
    assert after.keep == "claude"


def test_who_did_one_turn_below_the_sessions_tier_does_not_keep_it():
    before = session("quality", "local")  # named in the prompt, or the last resort
    after = settled("refactor the parser into smaller functions", before)
    assert (after.tier, after.keep) == ("quality", None)
    assert settled("yes, go ahead", before).keep == "local"


def test_in_doubt_the_session_stays_up():
    assert settled("zebra quartz vexing", session()).keep == "claude"


def test_a_switch_down_that_loses_a_large_cache_does_not_pay():
    after = settled("explain what this regex does", session(characters=2_000_000))
    assert (after.tier, after.keep) == ("quality", "claude")
    assert "would cost" in after.why


def test_a_switch_down_with_little_to_lose_pays():
    after = settled("explain what this regex does", session(characters=400))
    assert (after.tier, after.keep) == ("cheap", None)
    assert "saves" in after.why


def test_after_a_pause_the_cache_is_gone_and_the_route_is_open():
    after = settled(
        "explain what this regex does", session(characters=2_000_000), now_ms=CACHE_MS + 1
    )
    assert (after.tier, after.keep) == ("cheap", None)


def test_the_price_of_a_switch_is_the_context_twice_against_the_cheaper_answer():
    new = Price(input=1.0, output=5.0)
    saved = switch_saves_usd(1_000, 10_000, QUALITY, new)
    assert saved == pytest.approx((10_000 * 15 + 1_000 * 0.2 - 1_000 * 1 - 1_000 * 4.8) / 1e6)


TURNS = st.lists(
    st.tuples(
        st.sampled_from(
            ["continue", "yes", "fix the login crash", "explain the cache", "commit this and push",
             "thanks", "write unit tests for it", "hmm", "<tool_result>ok</tool_result>"]
        ),
        st.booleans(),
        st.integers(0, 2 * CACHE_MS),
    ),
    max_size=12,
)  # fmt: skip


@given(TURNS)
def test_replayed_sessions_have_no_unsafe_switch(turns):
    """Unsafe: another provider inside a tool loop, on a confirmation, or on chat."""
    by_tier = {"free": "local", "cheap": "codex", "haiku": "claude", "quality": "claude"}
    now_ms, before = 0, None
    for text, tool_loop, pause_ms in turns:
        now_ms += pause_ms
        decision = decide(text)
        after = settle(
            decision, before, now_ms=now_ms, tool_loop=tool_loop, tiers=TIERS, offers=OFFERS
        )
        provider = after.keep or by_tier[after.tier]
        if before is not None:
            if tool_loop or decision.ask.empty or decision.intent in ("continue", "chat"):
                assert provider == before.provider
            if decision.abstained:
                assert TIERS.index(after.tier) >= min(
                    TIERS.index(before.tier), TIERS.index(decision.tier)
                )
        before = Session(
            intent=decision.intent,
            tier=after.tier,
            provider=provider,
            at_ms=now_ms,
            characters=5_000,
        )


@pytest.mark.parametrize(
    ("text", "provider"),
    [
        ("use codex for this: rename the flag", "codex"),
        ("ask claude to review it", "claude"),
        ("@codex rename the flag", "codex"),
        ("please use local", "local"),
        ("fix the login\nuse Claude", "claude"),
        ("mention @claude in the description", None),
        ("use claude to power the support chat", None),
        ("use claude.md for reference", None),
        ("use claude code hooks in the readme", None),
        ("we use codex and claude in this project", None),
        ("write to me@codex.example", None),
        ("use gpt for this", None),
    ],
)
def test_a_directive_names_a_provider_that_exists(text, provider):
    assert directive_of(text, OFFERS) == provider


PINS = (
    Pin(scope="all", name="", provider="local"),
    Pin(scope="project", name="/src/shop", provider="codex"),
    Pin(scope="project", name="/src", provider="claude"),
    Pin(scope="session", name="s1", provider="claude"),
)


@pytest.mark.parametrize(
    ("ask", "session_id", "cwd", "provider"),
    [
        ("use codex for this", "s1", "/src/shop", "codex"),
        ("go on", "s1", "/src/shop", "claude"),
        ("go on", "s2", "/src/shop/api", "codex"),
        ("go on", None, "/src/bank", "claude"),
        ("go on", None, "/src-old", "local"),
        ("go on", None, None, "local"),
    ],
)
def test_the_nearest_pin_wins(ask, session_id, cwd, provider):
    found, why = pinned_by(ask, OFFERS, PINS, session=session_id, cwd=cwd)
    assert found == provider
    assert provider in why


def test_what_a_tool_says_names_nobody_but_standing_pins_hold():
    found, _ = pinned_by("use codex", OFFERS, PINS, session=None, cwd=None, tool_loop=True)
    assert found == "local"


def test_dots_do_not_lead_into_a_pinned_project():
    assert pinned_by("go", OFFERS, PINS, session=None, cwd="/src/shop/../../etc")[0] == "local"


def test_without_pins_nobody_is_pinned():
    assert pinned_by("go on", OFFERS, (), session="s", cwd="/x") == (None, "")
