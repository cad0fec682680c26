"""THE map: which actors run, under whom, in which order, and what happens when they fail.

Read this first. Children start top to bottom and stop bottom to top: doors open last and close
first. `park` children may fail for good without taking anyone along; `escalate` children are what
the daemon cannot do without.
"""

from collections.abc import Callable

import attrs

from atlas_actors.actor import Actor
from atlas_actors.analytics.actor import Analytics
from atlas_actors.config import Config
from atlas_actors.context.actor import Context
from atlas_actors.cycle.actor import Cycle
from atlas_actors.executor.actor import Executor
from atlas_actors.gateway.actor import About, Gateway
from atlas_actors.handoffs.actor import Handoffs
from atlas_actors.memory.actor import Memory
from atlas_actors.orchestrator.actor import Orchestrator
from atlas_actors.outcomes.actor import Outcomes
from atlas_actors.proposals.actor import Proposals
from atlas_actors.redaction import Redactor, load_key
from atlas_actors.router.actor import Router
from atlas_actors.router.intents import with_overrides
from atlas_actors.scheduler.actor import Scheduler
from atlas_actors.sessions.actor import Sessions
from atlas_actors.settings import ProviderSettings
from atlas_actors.strategies.actor import Strategies
from atlas_actors.tasks.actor import Tasks
from supervisors.child import Backoff, Budget, ChildSpec, OnExhausted, SupervisorSpec
from supervisors.supervisor import Supervisor

BACKOFF = Backoff(base_s=0.1, cap_s=30.0)
# A crash that comes back within minutes is not cured by restarting for ever.
BUDGET = Budget(intensity=5, period_s=60.0)


@attrs.frozen(kw_only=True)
class Daemon:
    """What the tree is built from."""

    config: Config
    about: About
    redactor: Redactor = attrs.field(
        default=attrs.Factory(lambda self: redactor_of(self.config), takes_self=True)
    )


def redactor_of(config: Config) -> Redactor:
    """What takes secrets out of texts in this home; its key is made when there is none."""
    return Redactor(load_key(config.home.redaction_key), enabled=config.privacy.redact)


def root(daemon: Daemon) -> SupervisorSpec:
    """atlas"""
    return SupervisorSpec(
        children=(
            _supervisor("learning", lambda: learning(daemon), "park"),
            _supervisor("executors", lambda: executors(daemon), "park"),
            _supervisor("work", lambda: work(daemon), "escalate"),
            _supervisor("door", lambda: door(daemon), "escalate"),
        ),
        budget=BUDGET,
    )


def learning(daemon: Daemon) -> SupervisorSpec:
    """atlas/learning"""
    config = daemon.config
    return SupervisorSpec(
        children=(
            _room(config, "memory", Memory, "park", settings=config.memory, logs=config.home.log),
            _worker(
                "context",
                Context,
                "park",
                database=config.home.state / "context_router.db",
                settings=config.context,
            ),
            _room(config, "outcomes", Outcomes, "park", settings=config.outcomes),
            _room(
                config,
                "strategies",
                Strategies,
                "park",
                settings=config.strategies,
                intents=tuple(with_overrides(config.intents)),
                providers=config.providers,
                tiers=config.routing.tiers,
                prices=config.prices,
            ),
            _room(
                config,
                "analytics",
                Analytics,
                "park",
                settings=config.feedback,
                epoch=daemon.about.epoch,
            ),
        ),
        budget=BUDGET,
    )


def executors(daemon: Daemon) -> SupervisorSpec:
    """atlas/executors: one for each [providers.NAME]"""
    return SupervisorSpec(
        children=tuple(executor(daemon, settings) for settings in daemon.config.providers.values()),
        budget=BUDGET,
    )


def work(daemon: Daemon) -> SupervisorSpec:
    """atlas/work"""
    config = daemon.config
    return SupervisorSpec(
        children=(
            _room(
                config,
                "router",
                Router,
                "park",
                settings=config.routing,
                intent_settings=config.intents,
                rule_settings=config.rules,
                providers=config.providers,
                prices=config.prices,
            ),
            _room(
                config,
                "orchestrator",
                Orchestrator,
                "park",
                providers=config.providers,
                prices=config.prices,
                budget=config.budget,
                keep_answers_s={
                    name: intent.cache_s or 0.0 for name, intent in config.intents.items()
                },
                interruptions_max=config.tasks.interruptions_max,
                settings=config.routing,
                files=config.home.files,
                recall_tokens=config.memory.recall_tokens,
            ),
            _room(config, "handoffs", Handoffs, "park", settings=config.handoffs),
            _room(
                config,
                "tasks",
                Tasks,
                "escalate",
                settings=config.tasks,
                groups=config.groups,
                files=config.home.files,
                epoch=daemon.about.epoch,
            ),
            _room(config, "scheduler", Scheduler, "park", settings=config.scheduler),
            _room(config, "proposals", Proposals, "park", settings=config.proposals),
            _worker(
                "cycle",
                Cycle,
                "park",
                home=config.home,
                settings=config.cycle,
                detectors=config.detectors,
                checks=config.checks,
                redactor=daemon.redactor,
            ),
        ),
        budget=BUDGET,
    )


def door(daemon: Daemon) -> SupervisorSpec:
    """atlas/door"""
    config = daemon.config
    return SupervisorSpec(
        children=(
            _room(config, "sessions", Sessions, "park", settings=config.hooks),
            _worker(
                "gateway",
                Gateway,
                "escalate",
                about=daemon.about,
                settings=config.socket,
                providers=config.providers,
                prices=config.prices,
                budget=config.budget,
                tiers=config.routing.tiers,
                brief_tokens=config.memory.brief_tokens,
                hooks=config.hooks,
                context=config.context,
                learn_with=config.memory.learn_with,
                redactor=daemon.redactor,
            ),
            _absent("mcp", "checks and warms MCP servers"),
        ),
        budget=BUDGET,
    )


def executor(daemon: Daemon, settings: ProviderSettings) -> ChildSpec:
    """One provider's executor; a retired one ends normally and does not come back."""
    return _worker(
        f"executor.{settings.name}",
        Executor,
        "park",
        home=daemon.config.home,
        settings=settings,
        prices=daemon.config.prices,
        redactor=daemon.redactor,
    )


def _supervisor(
    id: str, spec: Callable[[], SupervisorSpec], on_exhausted: OnExhausted
) -> ChildSpec:
    """`spec` is called at each start: the providers may have changed since the last."""
    return ChildSpec(
        id=id,
        actor=Supervisor,
        arguments={"spec": spec},
        on_exhausted=on_exhausted,
        backoff=BACKOFF,
        budget=BUDGET,
    )


def _worker(
    id: str, actor: type[Actor], on_exhausted: OnExhausted, **arguments: object
) -> ChildSpec:
    return ChildSpec(
        id=id,
        actor=actor,
        arguments=arguments,
        on_exhausted=on_exhausted,
        # A full or locked disk is no reason to end the daemon: it is tried again soon.
        when_missing="park",
        retry_s=60.0 if on_exhausted == "park" else 5.0,
        backoff=BACKOFF,
        budget=BUDGET,
    )


def _room(
    config: Config, id: str, actor: type[Actor], on_exhausted: OnExhausted, **arguments: object
) -> ChildSpec:
    """A worker with a database of its own."""
    database = config.home.state / f"{id}.db"
    return _worker(id, actor, on_exhausted, database=database, **arguments)


def _absent(id: str, purpose: str) -> ChildSpec:
    return ChildSpec(id=id, actor=Actor, absent=f"not built yet in this version: {purpose}")
