"""Routing decisions as a whole: what is asked, who decides, and that no text takes long."""

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from atlas_actors.router.decide import decide, explain, shipped_tables
from atlas_actors.router.trust import Lived, Record, Trust

TABLES = shipped_tables()


@pytest.mark.parametrize("intent", TABLES.intents.values(), ids=lambda intent: intent.name)
def test_each_intent_is_decided_for_its_own_example(intent):
    decision = decide(intent.example)
    assert (decision.intent, decision.abstained) == (intent.name, False)
    assert intent.tier in TABLES.tiers


def test_a_text_that_says_nothing_is_an_abstention_with_numbers():
    decision = decide("zebra quartz vexing")
    assert (decision.abstained, decision.layer, decision.rule) == (True, None, None)
    assert f"{decision.guess.threshold:.2f}" in decision.reason


def test_only_what_a_client_put_in_is_nobodys_ask():
    decision = decide("<system-reminder>fix the login bug</system-reminder>")
    assert decision.abstained
    assert "client" in decision.reason


def test_the_ask_behind_a_reminder_decides():
    text = "<system-reminder>fix everything</system-reminder> Could you please explain the cache?"
    assert decide(text).intent == "explain"


def test_in_doubt_the_dearest_of_the_likely_tiers_is_taken():
    decision = decide("hmm the thing with the thing")
    assert decision.abstained
    likely = [name for name, share in decision.alternatives if share >= decision.alternatives[0][1]]
    ranks = [TABLES.tiers.index(TABLES.intents[name].tier) for name in likely]
    assert TABLES.tiers.index(decision.tier) >= max(ranks)


def test_autonomous_words_set_the_mode():
    assert decide("fix the tests and keep going until done").mode == "autonomous"
    assert decide("fix the tests").mode == "normal"


def test_a_directory_makes_editing_work_need_a_workspace():
    assert "workspace" in decide("fix the login bug", has_cwd=True).needs
    assert "workspace" not in decide("fix the login bug").needs


def test_what_the_text_asks_for_is_a_need_too():
    assert "json" in decide("extract the names as json").needs
    assert "long_context" in decide("summarize this text\n" + "word " * 30_000).needs


@pytest.mark.parametrize(
    ("text", "intent"),
    [("/review", "review"), ("/commit now", "shell_git"), ("/run pytest -x", "shell_git")],
)
def test_slash_commands_are_exact(text, intent):
    decision = decide(text)
    assert (decision.rule, decision.intent) == ("slash-command", intent)


@pytest.mark.parametrize("text", ["/usr/bin/env is missing", "/reviewer", "/home/me/notes.md"])
def test_what_only_looks_like_a_slash_command_is_none(text):
    assert decide(text).rule != "slash-command"


def test_a_command_of_the_project_is_what_its_description_says():
    assert decide("/ship-it").rule is None
    decision = decide("/ship-it", commands={"ship-it": "commit everything and push it to main"})
    assert decision.intent == "shell_git"
    assert decide("/review", commands={"review": "commit and push"}).intent == "review"


def test_a_clients_own_form_of_a_slash_command_is_one():
    text = "<command-message>review</command-message><command-name>/review</command-name>"
    decision = decide(f"{text}<command-args>the login page</command-args>")
    assert (decision.rule, decision.intent) == ("slash-command", "review")


def test_going_on_without_a_session_goes_up():
    assert decide("yes, go ahead").tier == "quality"


def test_a_silenced_rule_does_not_decide():
    text = "refactor the parser into smaller functions"
    assert decide(text).rule == "clean-up"
    silenced = Trust(TABLES.trust.trained, {"clean-up": Lived(told=Record(wrong=30.0))})
    decision = decide(text, trust=silenced)
    assert decision.rule != "clean-up"
    assert decision.passed_over == ("clean-up",)


def test_an_explanation_names_the_rules_the_features_and_the_numbers():
    found = explain(decide("why does the cache grow?"))
    assert {"id": "explain", "intent": "explain"} in found["rules"]
    assert found["features"][0]["weight"] >= found["features"][-1]["weight"]
    assert 0 <= found["layer2"]["confidence"] <= 1
    assert found["trained"]["examples"] > 1000


def test_difficulty_grows_with_length_and_never_leaves_its_scale():
    scores = [decide("explain this. " * n).difficulty for n in (1, 4, 16, 64, 256, 70_000)]
    assert scores == sorted(scores)
    assert 0 < scores[0] < scores[-1] <= 1


@given(st.text(max_size=2000))
def test_any_text_is_decided_within_the_scales(text):
    decision = decide(text)
    assert decision.intent in TABLES.intents
    assert 0 <= decision.confidence <= 1
    assert 0 <= decision.difficulty <= 1
    assert 1 <= decision.complexity <= 10
    assert decision.abstained == (decision.layer is None)
    assert decision.reason


def test_the_same_text_is_always_decided_alike():
    assert decide("could you look into the flaky test") == decide(
        "could you look into the flaky test"
    )


@pytest.mark.slow
@pytest.mark.parametrize(
    "unit",
    [
        "a",
        "<system-reminder>",
        "<system-reminder>x</system-reminder>",
        "<x-y ",
        "(a+)+$ ",
        "please ",
        "can you ",
        "use agent to ",
        "fix\n",
        "at x (y\n",
        "error: ",
        "```\n",
        "# AGENTS.md instructions for ",
        "[Image #1 ",
        "1. ",
        "\u00e9\u4e2d ",
        "\u4e2d",
        "don't not work ",
        "'",
        "\n",
    ],
)
def test_a_megabyte_costs_about_what_finding_its_ends_costs(unit):
    def cost(act):
        best = float("inf")
        for _ in range(3):
            start = time.thread_time()
            act()
            best = min(best, time.thread_time() - start)
        return best

    whole = unit * (1_048_576 // len(unit))
    decide("warm up")
    # Forty passes of the interpreter's own linear work on the same text, and a constant.
    passes = cost(lambda: [whole.lower().split() for _ in range(3)])
    part = cost(lambda: decide(whole[:16_000]))
    assert cost(lambda: decide(whole)) < 40 * passes + 20 * part
