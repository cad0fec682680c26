"""The router actor, driven by hand: what it keeps, and what it learns."""

import pytest

from atlas_actors.config import load
from atlas_actors.errors import NotFound, SettingsError
from atlas_actors.messages.execution import ProvidersChanged
from atlas_actors.messages.routing import (
    ChangePins,
    Classify,
    CorrectRoute,
    ListPins,
    Pin,
    RouteChosen,
    RouteSpent,
)
from atlas_actors.providers.prices import shipped
from atlas_actors.router.actor import Router, tables_of
from atlas_actors.router.examples import corrections
from atlas_actors.settings import IntentSettings, RoutingSettings, Rule
from atlas_actors.store import Reader
from atlas_actors.store_actor import PruneDue
from tests.support.stages import Stage

SETTINGS = RoutingSettings(
    retention_days=1, tiers=("free", "cheap", "haiku", "quality"), capabilities=""
)
REFACTOR = "refactor the parser into smaller functions"


@pytest.fixture
def stage(tmp_path):
    built = build(tmp_path)
    yield built
    built.stop()


def build(tmp_path, **changes):
    arguments = {
        "database": tmp_path / "router.db",
        "settings": SETTINGS,
        "intent_settings": {},
        "rule_settings": (),
        "providers": load({"ATLAS_HOME": str(tmp_path)}).providers,
        "prices": shipped(),
        **changes,
    }
    built = Stage(Router, **arguments)
    built.start()
    return built


def route(stage, text, **fields):
    return stage.actor.on_receive(Classify(request_id="q", text=text, **fields)).route


def rows(tmp_path, sql):
    return Reader(tmp_path / "router.db").rows(sql)


def test_every_decision_is_kept_without_its_text(stage, tmp_path):
    found = route(stage, "fix the flaky zanzibar test", session="s", client="c")
    stage.give(
        RouteChosen(route_id=found.id, provider="claude", estimated_usd=0.05, task_id="t"),
        RouteSpent(route_id=found.id, cost_usd=0.02, duration_ms=30),
        RouteSpent(route_id=found.id, cost_usd=0.01, duration_ms=20, success=True),
    )
    (row,) = rows(tmp_path, "select * from inspect_decisions")
    assert (row["layer"], row["rule"], row["intent"], row["provider"]) == (
        1, "fix", "bug_fix", "claude",
    )  # fmt: skip
    assert (row["cost_usd"], row["duration_ms"], row["outcome"]) == (0.03, 50, "success")
    assert row["estimated_usd"] == 0.05
    for file in tmp_path.glob("router.db*"):
        assert b"zanzibar" not in file.read_bytes()


def test_a_session_goes_on_with_the_provider_that_it_was_given(stage):
    first = route(stage, "fix the flaky login test", session="s")
    stage.give(RouteChosen(route_id=first.id, provider="claude"))
    on = route(stage, "yes, go ahead", session="s")
    assert (on.intent, on.tier, on.keep) == ("continue", "quality", "claude")
    assert route(stage, "yes, go ahead", session="other").keep is None


def test_corrections_silence_a_rule_and_a_confirmation_does_not(stage):
    confirmed = stage.actor.on_receive(
        CorrectRoute(route_id=route(stage, REFACTOR).id, intent="refactor")
    )
    assert (confirmed.rule, confirmed.answers) == ("clean-up", True)
    bounds = [confirmed.lower_bound]
    for _ in range(12):
        found = route(stage, REFACTOR)
        if found.rule != "clean-up":
            break
        answer = stage.actor.on_receive(CorrectRoute(route_id=found.id, intent="plan"))
        bounds.append(answer.lower_bound)
    assert bounds == sorted(bounds, reverse=True)
    assert not answer.answers
    assert route(stage, REFACTOR).rule != "clean-up"


def test_a_silenced_rule_comes_back_when_people_say_that_it_would_have_been_right(stage):
    while (found := route(stage, REFACTOR)).rule == "clean-up":
        stage.actor.on_receive(CorrectRoute(route_id=found.id, intent="plan"))
    for _ in range(60):
        if found.rule == "clean-up":
            break
        stage.actor.on_receive(CorrectRoute(route_id=found.id, intent="refactor"))
        found = route(stage, REFACTOR)
    assert found.rule == "clean-up"


def test_layer_2_is_a_weak_witness_that_cannot_drown_people(stage):
    for _ in range(300):
        found = route(stage, REFACTOR)
    needed = 0
    while found.rule == "clean-up":
        stage.actor.on_receive(CorrectRoute(route_id=found.id, intent="plan"))
        found, needed = route(stage, REFACTOR), needed + 1
    assert needed < 15


def test_a_users_rule_survives_layer_2_on_an_intent_that_it_never_learned(tmp_path):
    stage = build(
        tmp_path,
        intent_settings={"recipe": IntentSettings(name="recipe", tier="cheap")},
        rule_settings=(Rule(id="cook", intent="recipe", pattern="^cook",
                                    example="cook a soup"),),
    )  # fmt: skip
    for _ in range(30):
        assert route(stage, "cook and fix the login crash, the error is a typeerror").rule == "cook"
    stage.stop()


def test_a_slash_command_has_no_record_to_lose(stage):
    found = route(stage, "/review")
    answer = stage.actor.on_receive(CorrectRoute(route_id=found.id, intent="plan"))
    assert (answer.rule, answer.answers) == (None, True)


def test_what_was_learned_outlives_a_restart(tmp_path):
    stage = build(tmp_path)
    while (found := route(stage, REFACTOR)).rule == "clean-up":
        stage.actor.on_receive(CorrectRoute(route_id=found.id, intent="plan"))
        stage.give()
    stage.stop()
    again = build(tmp_path)
    assert route(again, REFACTOR).rule != "clean-up"
    again.stop()


def test_a_second_word_on_a_decision_replaces_the_first(stage, tmp_path):
    found = route(stage, REFACTOR)
    before = stage.actor._trust.record("clean-up")
    for intent in ("plan", "docs", "refactor"):
        stage.actor.on_receive(CorrectRoute(route_id=found.id, intent=intent))
    after = stage.actor._trust.record("clean-up")
    assert after.right == pytest.approx(before.right + 1)
    assert after.wrong == pytest.approx(before.wrong)
    stage.give()
    assert [row["intent"] for row in rows(tmp_path, "select * from inspect_corrections")] == [
        "refactor"
    ]


def test_corrections_come_back_as_examples_of_known_features_only(stage, tmp_path):
    found = route(stage, "frobnicate the quux")
    stage.actor.on_receive(CorrectRoute(route_id=found.id, intent="data_text"))
    stage.give()
    (example,) = corrections(tmp_path / "router.db", ["the quux", "the cat"])
    assert (example.labels, example.features) == (("data_text",), ("the quux",))


@pytest.mark.parametrize(
    "order", [CorrectRoute(route_id="none", intent="plan"), CorrectRoute(route_id="x", intent="?")]
)
def test_a_correction_of_nothing_is_refused(stage, order):
    with pytest.raises(NotFound):
        stage.actor.on_receive(order)


def test_pins_are_kept_listed_and_taken_away(tmp_path):
    stage = build(tmp_path)
    stage.actor.on_receive(ChangePins(scope="project", name="/src", provider="haiku"))
    assert route(stage, "explain the cache", cwd="/src/a").pin == "haiku"
    assert route(stage, "explain the cache", cwd="/other").pin is None
    with pytest.raises(NotFound):
        stage.actor.on_receive(ChangePins(scope="all", name="", provider="nobody"))
    stage.give()
    stage.stop()
    again = build(tmp_path)
    assert again.actor.on_receive(ListPins()) == (
        Pin(scope="project", name="/src", provider="haiku"),
    )
    assert again.actor.on_receive(ChangePins(scope="project", name="/src", provider=None)) == ()
    again.stop()


def test_a_provider_that_is_gone_is_no_longer_a_directive(stage):
    assert route(stage, "use codex for this: rename the flag").pin == "codex"
    stage.give(ProvidersChanged(providers=({"name": "mine", "transport": "openai-chat",
                                            "tier": "cheap"},)))  # fmt: skip
    assert route(stage, "use codex for this: rename the flag").pin is None
    assert route(stage, "use mine for this: rename the flag").pin == "mine"


def test_old_decisions_go_and_corrections_stay(stage, tmp_path):
    found = route(stage, REFACTOR, session="s")
    stage.actor.on_receive(CorrectRoute(route_id=found.id, intent="plan"))
    stage.give()
    stage.clock.advance(2 * 86_400)
    stage.give(PruneDue())
    assert rows(tmp_path, "select * from inspect_decisions") == []
    assert len(rows(tmp_path, "select * from inspect_corrections")) == 1


def test_the_users_intents_and_rules_are_used(tmp_path):
    stage = build(
        tmp_path,
        intent_settings={"recipe": IntentSettings(name="recipe", tier="cheap"),
                         "docs": IntentSettings(name="docs", tier="free")},
        rule_settings=(Rule(id="cook", intent="recipe", pattern="^cook",
                                    example="cook a soup"),),
    )  # fmt: skip
    found = route(stage, "cook a soup")
    assert (found.rule, found.intent, found.tier) == ("cook", "recipe", "cheap")
    assert route(stage, "update the readme").tier == "free"
    stage.stop()


def test_a_rule_for_an_unknown_intent_is_a_faulty_setting():
    rule = Rule(id="cook", intent="recipe", pattern="^cook", example="cook a soup")
    with pytest.raises(SettingsError, match=r"rules\.cook.*recipe"):
        tables_of(SETTINGS, {}, (rule,))


def test_a_new_intent_needs_a_tier():
    with pytest.raises(SettingsError, match="tier"):
        tables_of(SETTINGS, {"recipe": IntentSettings(name="recipe")}, ())


def test_the_projects_commands_are_known(stage, tmp_path):
    command = tmp_path / "p" / ".claude" / "commands" / "ship.md"
    command.parent.mkdir(parents=True)
    command.write_text("Ship it.")
    command.write_text("---\ndescription: commit, push and deploy\n---\nShip it.")
    found = route(stage, "/ship to staging", cwd=str(tmp_path / "p"))
    assert (found.intent, found.agent) == ("shell_git", "ship")
