"""Budgets: nothing is called that could cost more than is left, and every cent is counted."""

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st

from atlas_actors.cell import Fence
from atlas_actors.messages.execution import Request, Usage
from atlas_actors.messages.strategy import Genome
from atlas_actors.orchestrator import actor as orchestrator
from atlas_actors.orchestrator.money import Money, seconds_to_midnight
from atlas_actors.providers.prices import shipped
from atlas_actors.settings import BudgetSettings, ProviderSettings
from atlas_actors.store import Store

NOW_MS = 1_795_000_000_000
DAY_MS = 86_400_000
PAID = ProviderSettings(
    name="paid", transport="anthropic-messages", tier="haiku", model="claude-haiku-4-5",
    answer_tokens_max=1_000,
)  # fmt: skip
FREE = ProviderSettings(name="free", transport="openai-chat", tier="free")
PROGRAM = ProviderSettings(
    name="program", transport="claude-cli", tier="quality", usd_per_attempt=0.5
)
TABLES = {"paid": PAID, "free": FREE, "program": PROGRAM}


@pytest.fixture
def store(tmp_path):
    opened = Store(tmp_path / "orchestrator.db", orchestrator.Orchestrator.schema, Fence())
    opened.begin(durable=False)
    yield opened
    opened.rollback()
    opened.close()


def money(store, **limits):
    fields = {"usd_per_day": 1.0, "usd_per_task": 1.0, "when_over": "cheaper", **limits}
    made = Money(BudgetSettings(**fields), shipped())
    made.load(store, NOW_MS)
    return made


def reserve(money, store, settings=PROGRAM, attempt=("t", 1), now_ms=NOW_MS, task_usd=None, **more):
    request = Request(prompt="p", budget_usd=task_usd)
    return money.reserve(store, attempt, settings, request, now_ms, **more)


def test_a_call_that_could_exceed_the_day_is_not_made(store):
    held = money(store)
    assert reserve(held, store, attempt=("t", 1)) == ""
    assert reserve(held, store, attempt=("t", 2)) == ""
    assert "over today's budget of $1:" in reserve(held, store, attempt=("t", 3))


def test_what_a_call_really_cost_makes_room_again(store):
    held = money(store)
    for attempt in range(1, 11):
        assert reserve(held, store, attempt=("t", attempt)) == ""
        held.settle(store, ("t", attempt), "program", 0.05, Usage(), NOW_MS)
    assert reserve(held, store, attempt=("t", 11)) == ""
    assert "$1 used or reserved" in reserve(held, store, attempt=("t", 12))


def test_a_task_has_a_budget_of_its_own(store):
    held = money(store)
    codex = attrs.evolve(PROGRAM, transport="codex-cli")
    assert "the task's budget of $0.4:" in reserve(held, store, codex, task_usd=0.4)
    assert "the task's budget of $1:" in reserve(held, store, codex, spent_usd=0.6)


def test_a_run_of_claude_gets_what_is_left_of_the_task_and_holds_itself_to_it(store):
    held = money(store)
    assert reserve(held, store, spent_usd=0.7) == ""
    assert held.reserved_usd(("t", 1)) == pytest.approx(0.3)
    assert "the task's budget" in reserve(held, store, attempt=("t", 2), spent_usd=0.99)


def test_a_provider_has_limits_of_its_own_in_dollars_and_tokens(store):
    held = money(store)
    dear = ProviderSettings(
        name="dear", transport="claude-cli", tier="quality", usd_per_attempt=0.5, usd_per_day=0.4
    )
    assert "its budget of today" in reserve(held, store, dear)
    long = ProviderSettings(name="long", transport="openai-chat", tier="free", tokens_per_day=100)
    assert "100 tokens of today" in reserve(held, store, long)


def test_what_is_free_is_never_over_a_budget(store):
    held = money(store, usd_per_day=0.0)
    assert reserve(held, store, FREE) == ""
    assert set(held.over(TABLES, Request(prompt="why"), NOW_MS)) == {"paid", "program"}


def test_reservations_and_sums_survive_a_restart(store):
    held = money(store)
    reserve(held, store, attempt=("t", 1))
    reserve(held, store, attempt=("t", 2))
    held.settle(store, ("t", 2), "program", 0.3, Usage(input=7), NOW_MS)
    again = money(store)
    assert again.open_attempts() == (("t", 1),)
    assert "$0.8 used or reserved" in reserve(again, store, attempt=("t", 3))


def test_a_lost_call_counts_at_its_worst_case(store):
    held = money(store)
    reserve(held, store)
    held.lose(store, ("t", 1), NOW_MS)
    assert held.open_attempts() == ()
    assert reserve(held, store, attempt=("t", 2)) == ""
    assert "over today's" in reserve(held, store, attempt=("t", 3))


def test_a_new_day_begins_with_nothing_spent(store):
    held = money(store)
    held.settle(store, ("t", 1), "program", 1.0, Usage(), NOW_MS)
    assert "over today's" in reserve(held, store, attempt=("t", 2))
    assert reserve(held, store, attempt=("t", 2), now_ms=NOW_MS + 2 * DAY_MS) == ""


def test_a_budget_is_held_before_a_provider_is_chosen(store):
    held = money(store, usd_per_day=0.001)
    over = held.over(TABLES, Request(prompt="x" * 4_000), NOW_MS)
    assert set(over) == {"paid", "program"}


@given(
    prompt=st.text(min_size=0, max_size=2_000),
    share=st.floats(0, 1),
    hour=st.floats(0, 1),
    answer=st.integers(0, 1_000),
)
def test_no_answer_within_its_bounds_costs_more_than_its_reservation(prompt, share, hour, answer):
    held = Money(BudgetSettings(usd_per_day=1, usd_per_task=1, when_over="cheaper"), shipped())
    need = held.need(PAID, len(prompt.encode("utf-8", "replace")))
    prompt_tokens = need.tokens - PAID.answer_tokens_max
    written = int(prompt_tokens * share)
    usage = Usage(
        input=prompt_tokens - written,
        cache_write=written,
        cache_write_1h=int(written * hour),
        output=answer,
    )
    assert shipped().of(PAID).price.cost_usd(usage) <= need.usd + 1e-6


@given(st.integers(0, 4_000_000_000_000))
def test_midnight_is_never_more_than_a_long_day_away(now_ms):
    assert 1.0 <= seconds_to_midnight(now_ms) <= 25 * 3_600


def test_how_much_of_the_days_budget_is_gone_counts_what_is_set_aside(store):
    held = money(store)
    assert held.shares(NOW_MS)[0] == 0.0
    reserve(held, store)
    assert held.shares(NOW_MS)[0] == 0.5
    reserve(held, store, attempt=("t", 2))
    assert held.shares(NOW_MS)[0] == 1.0


def test_how_much_of_the_day_has_passed_goes_with_the_clock(store):
    held = money(store)
    begin_ms = NOW_MS + int(1000 * seconds_to_midnight(NOW_MS))
    passed = [held.shares(begin_ms + hours * 3_600_000)[1] for hours in (0, 6, 12, 18)]
    assert passed == pytest.approx([0.0, 0.25, 0.5, 0.75], abs=0.05)  # a day may have 23 hours


def test_without_a_budget_all_of_it_is_gone(store):
    assert money(store, usd_per_day=0.0).shares(NOW_MS)[0] == 1.0


@pytest.mark.parametrize(
    ("genes", "more"),
    [({"plan_first": True}, 1.9), ({"context_tokens": 4_000}, 1.5), ({"template": "x" * 99}, 1.0)],
)
def test_the_worst_case_of_an_attempt_has_what_its_strategy_adds(store, genes, more):
    held = money(store)
    plain = held.need(PAID, 8_000)
    need = held.need(PAID, 8_000, genome=Genome(providers=(), **genes))
    assert need.usd >= more * plain.usd
    assert need.tokens >= more * plain.tokens
