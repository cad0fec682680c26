"""The whole tree of the daemon inside the test's process, so that its actors can be hurt."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from atlas_actors.analytics.actor import Analytics
from atlas_actors.cli.client import Client
from atlas_actors.clock import SystemClock
from atlas_actors.config import Home, load
from atlas_actors.context.actor import Context
from atlas_actors.cycle.actor import Cycle
from atlas_actors.executor.actor import Executor
from atlas_actors.gateway.actor import About, Gateway
from atlas_actors.handoffs.actor import Handoffs
from atlas_actors.memory.actor import Memory
from atlas_actors.messages.supervision import FailNow
from atlas_actors.orchestrator.actor import Orchestrator
from atlas_actors.outcomes.actor import Outcomes
from atlas_actors.proposals.actor import Proposals
from atlas_actors.router.actor import Router
from atlas_actors.scheduler.actor import Scheduler
from atlas_actors.sessions.actor import Sessions
from atlas_actors.strategies.actor import Strategies
from atlas_actors.tasks.actor import Tasks
from supervisors.daemon import make_home
from supervisors.reload import reload
from supervisors.tree import Daemon, root
from tests.support.trees import WAIT_S, Tree


class House:
    """A running tree on a home."""

    def __init__(self, home: Path, **settings: Any) -> None:
        environment = {"ATLAS_HOME": str(home), **{k: str(v) for k, v in settings.items()}}
        config = load(environment)
        make_home(config.home)
        self.config = config
        about = About(version="test", pid=0, epoch=SystemClock().now_ms(), home=config.home)
        self.home: Home = config.home
        self.daemon = Daemon(config=config, about=about)
        self.tree = Tree(root(self.daemon), root="atlas")
        report = self.tree.first_report()
        assert self.tree.ended is None, report

    def call(self, method: str, **params: Any) -> Any:
        with Client(self.home, timeout_s=60) as client:
            return client.call(method, **params)

    def cell(self, path: str) -> Any:
        return self.tree.directory.ref(f"atlas/{path}").cell

    def actor_types(self) -> list[type[Any]]:
        """The classes of the rooms."""
        return [
            Analytics,
            Context,
            Cycle,
            Executor,
            Gateway,
            Handoffs,
            Memory,
            Orchestrator,
            Outcomes,
            Proposals,
            Router,
            Scheduler,
            Sessions,
            Strategies,
            Tasks,
        ]

    def reload(self) -> None:
        """What SIGHUP does; reads the variables of this process."""
        reload(self.config, self.daemon, self.tree.directory)

    def crash(self, path: str) -> None:
        """Let an actor fail; returns when its next incarnation runs or it is parked."""
        cell = self.cell(path)
        before = cell.incarnation
        cell.mailbox.put_system(FailNow())
        self.until(lambda: cell.incarnation > before and cell.state in ("running", "parked"))

    def crash_until_parked(self, path: str) -> None:
        """Let an actor fail until its budget is spent."""
        cell = self.cell(path)
        while cell.state != "parked":
            before = cell.incarnation
            cell.mailbox.put_system(FailNow())
            self.until(lambda n=before: cell.state == "parked" or cell.incarnation > n)
            self.until(lambda: cell.state in ("parked", "running"))

    def crash_until_the_end(self, path: str) -> None:
        """Let an actor fail until the whole tree has ended."""
        cell = self.cell(path)
        while not self.tree.reports.qsize():
            before = cell.incarnation
            cell.mailbox.put_system(FailNow())
            self.until(lambda n=before: cell.incarnation > n or self.tree.reports.qsize())

    def until(self, holds: Any) -> None:
        """Wait for a change of the tree that makes it so."""
        given_up = threading.Event()
        timer = threading.Timer(WAIT_S, given_up.set)
        timer.start()
        while not holds():
            assert not given_up.wait(0.005), "it did not come to pass"
        timer.cancel()


@contextmanager
def house_on(home: Path, **settings: Any) -> Iterator[House]:
    """A running tree, stopped at the end."""
    house = House(home, **settings)
    try:
        yield house
    finally:
        house.tree.stop()
