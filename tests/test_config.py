"""Settings: where they come from, and what a wrong one says."""

import typing

import pytest

from atlas_actors.config import load
from atlas_actors.errors import SettingsError
from atlas_actors.home import SOCKET_PATH_BYTES_MAX, Home, home_from
from atlas_actors.providers.catalog import TRANSPORTS
from atlas_actors.settings import TransportName


@pytest.fixture
def home(tmp_path):
    return {"ATLAS_HOME": str(tmp_path)}


def write(home, text):
    from pathlib import Path

    Path(home["ATLAS_HOME"], "config.toml").write_text(text)


def test_the_transports_of_the_settings_are_those_of_the_catalog():
    assert set(typing.get_args(TransportName)) == set(TRANSPORTS)


def test_an_empty_home_has_the_defaults(home):
    config = load(home)
    assert config.tasks.attempts_max == 3
    assert list(config.providers) == ["localai", "codex", "haiku", "claude"]


def test_a_file_overrides_defaults_and_a_variable_overrides_the_file(home):
    write(home, "[tasks]\nattempts_max = 5\npending_max = 7\n")
    config = load({**home, "ATLAS_TASKS_ATTEMPTS_MAX": "9"})
    assert (config.tasks.attempts_max, config.tasks.pending_max) == (9, 7)


def test_intents_rules_and_tiers_are_the_users_to_change(home):
    write(
        home,
        '[routing]\ntiers = ["free", "cheap", "haiku", "quality", "frontier"]\n'
        '[intents.plan]\ntier = "frontier"\nhints = ["architect"]\n'
        '[[rules]]\nid = "x"\nintent = "plan"\npattern = "^sketch"\nexample = "sketch it"\n',
    )
    config = load(home)
    assert config.intents["plan"].tier == "frontier"
    assert config.intents["plan"].hints == ("architect",)
    assert [rule.id for rule in config.rules] == ["x"]


def test_a_provider_is_added_by_a_table_and_set_by_variables(home):
    write(home, '[providers.mine]\ntransport = "openai-chat"\ntier = "cheap"\n')
    config = load({**home, "ATLAS_PROVIDERS_MINE_BASE_URL": "http://127.0.0.1:1"})
    assert config.providers["mine"].base_url == "http://127.0.0.1:1"
    assert config.providers["mine"].slots == 4


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("[tasks]\nattempts_max = 0", ["config.toml", "tasks.attempts_max", "from 1 to 100"]),
        ("[tasks]\nattempts_max = true", ["tasks.attempts_max", "whole number"]),
        ("[tasks]\nattempt_max = 1", ["tasks.attempt_max", "one of", "attempts_max"]),
        ("[task]\nx = 1", ["[task]", "tasks"]),
        ("tasks = 1", ["tasks is a section"]),
        ("[tasks", ["config.toml", "not valid TOML"]),
        ('[providers.x]\ntier = "free"', ["providers.x.transport is missing"]),
        (
            '[providers.x]\ntransport = "openai-chat"\ntier = "best"',
            ["providers.x.tier", "one of free, cheap, haiku, quality"],
        ),
        ('[routing]\ntiers = ["a", "a"]', ["routing.tiers", "once"]),
        ('[intents.docs]\ntier = "best"', ["intents.docs.tier", "one of free"]),
        ('[intents.docs]\nneeds = "workspace"', ["intents.docs.needs", "list of texts"]),
        ('[intents.docs]\ncolour = "red"', ["intents.docs.colour", "one of"]),
        ('[rules]\nid = "x"', ["[[rules]]"]),
        ('[[rules]]\nid = "x"\nintent = "plan"\nexample = "x"', ["rules.x", "pattern or words"]),
        (
            '[[rules]]\nid = "x"\nintent = "plan"\nexample = "x"\npattern = "x"',
            ["rules.x", "begin with ^"],
        ),
        (
            '[[rules]]\nid = "x"\nintent = "plan"\nexample = "x"\npattern = "^(?=x)"',
            ["rules.x", "config.toml"],
        ),
        (
            '[providers.x]\ntransport = "smoke"\ntier = "free"',
            ["providers.x.transport", "one of openai-chat"],
        ),
        ('[daemon]\nlog_level = "LOUD"', ["daemon.log_level", "DEBUG"]),
    ],
)
def test_a_wrong_setting_names_file_key_and_a_valid_value(home, text, words):
    write(home, text)
    with pytest.raises(SettingsError) as caught:
        load(home)
    for word in words:
        assert word in str(caught.value)


def test_a_wrong_variable_is_named(home):
    with pytest.raises(SettingsError, match=r"\$ATLAS_TASKS_PENDING_MAX: tasks.pending_max"):
        load({**home, "ATLAS_TASKS_PENDING_MAX": "many"})


def test_a_socket_path_that_is_too_long_moves_to_a_short_place(tmp_path):
    short, long = Home(root=tmp_path), Home(root=tmp_path / ("x" * 100))
    assert short.socket() == tmp_path / "atlas.sock"
    assert len(str(long.socket())) <= SOCKET_PATH_BYTES_MAX
    assert long.socket() == long.socket("atlas.sock")
    assert long.socket() != Home(root=tmp_path / ("y" * 100)).socket()


def test_a_relative_home_becomes_absolute(monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    assert home_from({"ATLAS_HOME": "here"}).root == tmp_path / "here"


def test_a_check_is_a_command_as_a_line_or_as_words(home):
    write(home, "[checks.a]\ncommand = \"pytest -q 'two words'\"\n[checks.b]\ncommand = ['x y']\n")
    checks = load(home).checks
    assert checks["a"].command == ("pytest", "-q", "two words")
    assert checks["b"].command == ("x y",)


@pytest.mark.parametrize("command", ['""', "[]", '"it\'s"', "3", "[1]", '[""]'])
def test_what_is_no_command_is_refused_by_name(home, command):
    write(home, f"[checks.a]\ncommand = {command}\n")
    with pytest.raises(SettingsError, match=r"checks\.a\.command .* must be a command line"):
        load(home)


def test_nothing_is_looked_for_and_nothing_approved_by_default(home):
    config = load(home)
    assert not config.detectors.todo
    assert not config.detectors.handoffs
    assert (config.checks, config.proposals.approve) == ({}, ())


@pytest.mark.parametrize(
    ("name", "says"),
    [("nobody", "is no provider"), ("haiku", "costs money"), ("codex", "costs money")],
)
def test_who_reads_every_session_must_be_there_and_cost_nothing(home, name, says):
    assert load({**home, "ATLAS_MEMORY_LEARN_WITH": "localai"}).memory.learn_with == "localai"
    with pytest.raises(SettingsError, match=says):
        load({**home, "ATLAS_MEMORY_LEARN_WITH": name})


def test_who_thinks_over_what_failed_must_be_there_and_may_cost(home):
    assert load(home).strategies.reflect_with == ""
    assert load({**home, "ATLAS_STRATEGIES_REFLECT_WITH": "haiku"}).strategies.reflect_with
    with pytest.raises(SettingsError, match=r"strategies.reflect_with .* is no provider"):
        load({**home, "ATLAS_STRATEGIES_REFLECT_WITH": "nobody"})
