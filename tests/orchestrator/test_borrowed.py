"""What a person's own coding agent meets at its service counts for providers that share it."""

from pathlib import Path

import pytest

from atlas_actors.messages import paths
from atlas_actors.messages.client import ClientMet
from atlas_actors.messages.execution import BreakerChanged, ExecutorReported, Fault
from atlas_actors.messages.task import CloseLane, OpenLane
from atlas_actors.orchestrator.actor import BreakerDue, Orchestrator
from atlas_actors.orchestrator.borrowed import same_service
from atlas_actors.providers.prices import shipped
from atlas_actors.settings import BudgetSettings, ProviderSettings, RoutingSettings
from tests.support.stages import Stage


def provider(transport, **fields):
    return ProviderSettings(name="x", transport=transport, tier="quality", **fields)


MINE = str(Path("~").expanduser())
LIMITS = (Fault.RATE, Fault.QUOTA)


@pytest.mark.parametrize("fault", LIMITS)
@pytest.mark.parametrize(
    ("client", "settings", "shares"),
    [
        ("claude", provider("claude-cli", client_home="~"), True),
        ("claude", provider("claude-cli", client_home=MINE), True),
        ("claude", provider("claude-cli", client_home=""), False),
        ("claude", provider("claude-cli", client_home="~/other"), False),
        ("claude", provider("claude-cli", client_home="~", base_url="http://proxy"), False),
        ("claude", provider("anthropic-messages"), False),
        ("claude", provider("codex-cli", client_home="~"), False),
        ("codex", provider("codex-cli", client_home="~/.codex"), True),
        ("codex", provider("codex-cli", client_home="~"), False),
        ("codex", provider("openai-responses"), False),
        ("gemini", provider("claude-cli", client_home="~"), False),
    ],
)
def test_a_limit_is_that_of_a_login(client, settings, shares, fault):
    assert same_service(settings, client, fault) == shares


@pytest.mark.parametrize(
    ("client", "settings", "shares"),
    [
        ("claude", provider("claude-cli"), True),
        ("claude", provider("anthropic-messages"), True),
        ("claude", provider("anthropic-messages", base_url="http://127.0.0.1:1"), False),
        ("claude", provider("openai-chat"), False),
        ("claude", provider("openai-responses"), False),
        ("codex", provider("openai-responses"), True),
        ("codex", provider("codex-cli"), True),
        ("codex", provider("claude-cli"), False),
    ],
)
def test_an_outage_is_that_of_everybody_at_the_makers_own_address(client, settings, shares):
    assert same_service(settings, client, Fault.SERVER) == shares


@pytest.mark.parametrize("fault", sorted(set(Fault) - {*LIMITS, Fault.SERVER}))
def test_any_other_fault_is_a_clients_own(fault):
    assert not same_service(provider("claude-cli", client_home="~"), "claude", fault)


@pytest.fixture
def stage(tmp_path):
    providers = {
        "mine": ProviderSettings(
            name="mine", transport="claude-cli", tier="quality", client_home="~"
        ),
        "keyed": ProviderSettings(name="keyed", transport="anthropic-messages", tier="haiku"),
        "other": ProviderSettings(name="other", transport="openai-responses", tier="cheap"),
    }
    built = Stage(
        Orchestrator,
        path=paths.ORCHESTRATOR,
        database=tmp_path / "orchestrator.db",
        providers=providers,
        prices=shipped(),
        budget=BudgetSettings(usd_per_day=5.0, usd_per_task=2.0, when_over="cheaper"),
        keep_answers_s={},
        interruptions_max=10,
        files=tmp_path / "files",
        settings=RoutingSettings(
            retention_days=1, tiers=("free", "cheap", "haiku", "quality"), capabilities=""
        ),
        jitter=lambda: 0.0,
    )
    for name in providers:
        built.directory.cell(paths.executor(name))
    built.start()
    for name, settings in providers.items():
        built.give(
            ExecutorReported(
                provider=name, incarnation=1, state="ready", transport=settings.transport,
                model="m", slots=2,
            )
        )  # fmt: skip
    yield built
    built.stop()


def met(fault, **fields):
    return ClientMet(client="claude", fault=fault, reason="claude met it", **fields)


def changes(sent):
    return [(one.provider, one.state) for one in sent if isinstance(one, BreakerChanged)]


def test_a_limit_rests_who_shares_the_login_for_as_long_as_it_says(stage):
    sent = stage.give(met(Fault.RATE, retry_after_ms=7_000))
    assert changes(sent) == [("mine", "open")]
    (closed,) = [one for one in sent if isinstance(one, CloseLane)]
    assert (closed.lane, "claude met it" in closed.reason) == ("mine", True)
    stage.clock.advance(7.1)
    sent = stage.give(BreakerDue(provider="mine"))
    assert changes(sent) == [("mine", "half_open")]
    assert [one.lane for one in sent if isinstance(one, OpenLane)] == ["mine"]


def test_an_outage_rests_all_at_that_address_once_it_has_been_met_often_enough(stage):
    assert changes(stage.give(met(Fault.SERVER), met(Fault.SERVER))) == []
    assert changes(stage.give(met(Fault.SERVER))) == [("mine", "open"), ("keyed", "open")]


def test_what_no_provider_shares_changes_nothing(stage):
    gemini = ClientMet(client="gemini", fault=Fault.QUOTA, reason="x")
    assert stage.give(gemini, met(Fault.KEY)) == []
