"""The clients' tables, and what is said of a wrong one."""

import json
from pathlib import Path

import pytest

from atlas_actors.clients.adapter import CLIENTS, registered
from atlas_actors.clients.table import FOLDER, parsed, table_of
from atlas_actors.errors import SettingsError, UsageError

SHARED = Path(__file__).parents[3] / "shared/tools/realclients/contract.json"
CLAUDE = (FOLDER / "claude.toml").read_text("utf-8")


def test_an_unknown_client_is_the_callers_fault():
    with pytest.raises(UsageError, match="cursor"):
        table_of("cursor")


@pytest.mark.parametrize(
    ("was", "is_now", "said"),
    [
        ('kind = "prompt"', 'kind = "promt"', "UserPromptSubmit: kind"),
        ('prompt = "prompt"', 'promt = "prompt"', "no promt"),
        ('prompt = "prompt"', 'prompt = "text"', "not one of its fields"),
        ('"reason", "hookSpecificOutput",\n]', '"reason",\n]', "SessionStart: an answer by"),
        ('deny = "behavior"', 'deny = "permission"', "PermissionRequest: an answer by permission"),
        ('deny = "behavior"', 'denny = "behavior"', "denny"),
        ('basis = "measured"', 'basis = "guessed"', "basis"),
        ('Task = { kind = "agent" }', 'Task = { kind = "agnet" }', "Task: kind"),
        ('name = "Claude Code"', 'title = "Claude Code"', "name"),
    ],
)
def test_a_wrong_table_is_refused_with_the_place(was, is_now, said):
    assert was in CLAUDE
    with pytest.raises(SettingsError, match=said):
        parsed("claude", CLAUDE.replace(was, is_now))


@pytest.mark.parametrize("client", CLIENTS)
def test_the_installer_is_told_of_the_events_that_matter(client):
    kinds = {table_of(client).events[row.event].kind for row in registered(client)}
    assert {"session_start", "prompt", "pre_tool", "post_tool", "stop", "session_end"} <= kinds
    assert "other" not in kinds
    assert "status" not in kinds
    assert all(0 < row.timeout_s <= 10 for row in registered(client))


@pytest.mark.parametrize("client", CLIENTS)
def test_nothing_is_registered_that_changes_what_the_client_does(client):
    never = {"WorktreeCreate", "MessageDisplay", "Elicitation", "PreModelSwitch", "BeforeModel",
             "AfterModel", "BeforeToolSelection", "Setup", "PermissionRequest"}  # fmt: skip
    assert never.isdisjoint(row.event for row in registered(client))


def test_codex_is_not_asked_for_more_time_than_it_grants():
    granted = {row.event: row.timeout_s for row in registered("codex")}
    assert granted["SessionEnd"] <= 3
    assert granted["Interrupt"] <= 3


@pytest.mark.skipif(not SHARED.is_file(), reason="the measured contract is not here")
@pytest.mark.parametrize(
    ("client", "measured"), [("claude", "claude-code 2.1.330"), ("codex", "codex-cli 0.169.0")]
)
def test_the_tables_are_what_was_measured(client, measured):
    contract = json.loads(SHARED.read_text("utf-8"))[measured]
    events = table_of(client).events
    assert set(contract) <= set(events)
    for name, row in contract.items():
        assert set(row["input_required"]) | set(row["input_optional"]) <= events[name].fields, name
        assert events[name].answer_top <= set(row["output_top"]), name
        assert events[name].answer <= set(row["output_specific"]), name


@pytest.mark.parametrize("client", ["claude", "codex"])
def test_what_is_never_answered_is_only_told(client):
    waited = {row.event for row in registered(client) if not row.told}
    assert waited == {"SessionStart", "UserPromptSubmit", "PreToolUse"}


def test_without_ids_of_turns_every_event_is_waited_for_to_keep_their_order():
    assert not any(row.told for row in registered("gemini"))
