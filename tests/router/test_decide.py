"""Routing decisions: the tables hold what they claim, and no text takes long or crashes."""

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from atlas_actors.providers.catalog import TIERS
from atlas_actors.router.decide import decide, the_ask
from atlas_actors.router.rules import intents, rules


@pytest.mark.parametrize("rule", rules(), ids=lambda rule: rule.id)
def test_each_rule_decides_its_example_and_not_its_counter_example(rule):
    assert decide(rule.example).rule == rule.id
    assert decide(rule.counter).rule != rule.id


def test_rules_have_unique_ids_and_known_intents():
    assert len({rule.id for rule in rules()}) == len(rules())
    assert {rule.intent for rule in rules()} <= set(intents())


@pytest.mark.parametrize("intent", intents().values(), ids=lambda intent: intent.name)
def test_each_intent_is_decided_for_its_own_example(intent):
    decision = decide(intent.example)
    assert (decision.intent, decision.abstained) == (intent.name, False)
    assert intent.tier in TIERS


def test_a_text_without_any_telling_word_is_an_abstention_with_a_reason():
    decision = decide("zebra quartz vexing")
    assert (decision.abstained, decision.layer) == (True, None)
    assert "no word" in decision.reason


def test_politeness_and_harness_blocks_do_not_hide_the_ask():
    text = "<system-reminder>fix everything</system-reminder> Could you please explain the cache?"
    assert the_ask(text) == "explain the cache?"
    assert decide(text).rule == "explain"


def test_autonomous_words_set_the_mode():
    assert decide("fix the tests and keep going until done").mode == "autonomous"
    assert decide("fix the tests").mode == "normal"


def test_a_directory_makes_editing_work_need_a_workspace():
    assert decide("fix the login bug", has_cwd=True).needs == ("workspace",)
    assert decide("fix the login bug").needs == ()


@given(st.text(max_size=2000))
def test_any_text_is_decided_within_the_scales(text):
    decision = decide(text)
    assert decision.intent in intents()
    assert 0 <= decision.confidence <= 1
    assert 0 <= decision.difficulty <= 1
    assert 1 <= decision.complexity <= 10
    assert decision.abstained == (decision.layer is None)


@pytest.mark.slow
@pytest.mark.parametrize(
    "unit", ["a", "<system-reminder>", "(a+)+$ ", "please ", "can you ", "fix\n", "\u00e9\u4e2d "]
)
def test_a_megabyte_costs_about_what_its_first_part_costs(unit):
    def cost(text):
        start = time.thread_time()
        decide(text)
        return time.thread_time() - start

    decide("warm up")
    part = min(cost(unit * (20_000 // len(unit))) for _ in range(5))
    whole = min(cost(unit * (1_048_576 // len(unit))) for _ in range(5))
    assert whole < 10 * part + 0.01
