"""Trees of real actors for tests: probes that record, and a parent that listens."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from queue import SimpleQueue
from typing import Any

import attrs

from atlas_actors.actor import Actor, Place
from atlas_actors.cell import Cell, Directory, Fence, Ref
from atlas_actors.clock import SystemClock
from atlas_actors.errors import AtlasError, CannotStart, Ignored
from atlas_actors.messages.supervision import ChildEnded, ChildStarted, Stop
from supervisors.child import ChildSpec, SupervisorSpec
from supervisors.supervisor import Supervisor

WAIT_S = 20.0  # how long a test waits for what must come; never what it measures


@attrs.frozen(kw_only=True)
class Note:
    """Remember this and answer with everything remembered so far."""

    value: Any = None


@attrs.frozen(kw_only=True)
class Crash:
    """Fail with this."""

    error: BaseException


@attrs.frozen(kw_only=True)
class Refuse:
    """Answer with a declared error."""


@attrs.frozen(kw_only=True)
class Leave:
    """End normally."""


@attrs.frozen(kw_only=True)
class Hold:
    """Be busy until `release` is set; sets `busy` first."""

    busy: threading.Event
    release: threading.Event


ProbeInbox = Note | Crash | Refuse | Leave | Hold


class Log:
    """What the probes of one test did, in order."""

    def __init__(self) -> None:
        self._entries: SimpleQueue[tuple[str, str, int]] = SimpleQueue()
        self.entries: list[tuple[str, str, int]] = []

    def write(self, what: str, name: str, incarnation: int) -> None:
        self._entries.put((what, name, incarnation))

    def wait_for(self, what: str, name: str, incarnation: int | None = None) -> None:
        """Until this has been written; earlier entries are kept in `entries`."""
        while True:
            for entry in self.entries:
                if entry[:2] == (what, name) and incarnation in (None, entry[2]):
                    return
            self.entries.append(self._entries.get(timeout=WAIT_S))

    def all(self) -> list[tuple[str, str, int]]:
        """Everything so far."""
        while not self._entries.empty():
            self.entries.append(self._entries.get())
        return self.entries

    def names(self, what: str) -> list[str]:
        """Who did this, in order."""
        return [name for entry, name, _ in self.all() if entry == what]


class Probe(Actor):
    """An actor that does what it is told and writes down its life."""

    inbox = ProbeInbox

    def __init__(self, place: Place, *, log: Log | None = None, plan: dict[str, Any] | None = None):
        super().__init__(place)
        self.log = log or Log()
        self.plan = plan or {}
        self.noted: list[Any] = []

    @property
    def name(self) -> str:
        return self.path.rpartition("/")[2]

    def on_start(self) -> None:
        self.log.write("starting", self.name, self.place.incarnation)
        failures = self.plan.get("fail_starts", {})
        error = failures.get(self.place.incarnation, failures.get("all"))
        if error is not None:
            raise error
        self.log.write("started", self.name, self.place.incarnation)

    def on_receive(self, message: ProbeInbox) -> Any:
        match message:
            case Note():
                self.noted.append(message.value)
                self.log.write(f"noted {message.value}", self.name, self.place.incarnation)
                return list(self.noted)
            case Crash():
                raise message.error
            case Refuse():
                raise AtlasError("refused as declared")
            case Leave():
                self.end()
            case Hold():
                message.busy.set()
                message.release.wait(WAIT_S)
        return None

    def on_stop(self) -> None:
        self.log.write("stopped", self.name, self.place.incarnation)
        if "stop_error" in self.plan:
            raise self.plan["stop_error"]


class Tree:
    """A root supervisor that a test owns."""

    def __init__(self, spec: SupervisorSpec, jitter: Any = lambda: 0.0, root: str = "root") -> None:
        self.directory = Directory()
        self.reports: SimpleQueue[ChildStarted | ChildEnded] = SimpleQueue()
        self.ended: ChildEnded | None = None
        self.cell: Cell = self.directory.cell(root)
        self.cell.set_state("starting")
        self.place = Place(
            cell=self.cell,
            fence=Fence(),
            incarnation=1,
            directory=self.directory,
            clock=SystemClock(),
            report=self.reports.put,
        )
        Supervisor.start(self.place, spec=spec, jitter=jitter)

    def first_report(self) -> ChildStarted | ChildEnded:
        report = self.reports.get(timeout=WAIT_S)
        if isinstance(report, ChildEnded):
            self.ended = report
        return report

    def ref(self, name: str = "") -> Ref:
        return self.directory.ref(f"root/{name}" if name else "root")

    def stop(self) -> ChildEnded:
        """Stop it if it runs; how it ended."""
        if self.ended is None:
            self.cell.mailbox.put_system(Stop())
        while self.ended is None:
            self.first_report()
        return self.ended


@contextmanager
def tree_of(*children: ChildSpec, **flags: Any) -> Iterator[Tree]:
    """A started tree; stopped at the end if the test has not ended it."""
    jitter = flags.pop("jitter", lambda: 0.0)
    tree = Tree(SupervisorSpec(children=children, **flags), jitter=jitter)
    started = tree.first_report()
    assert isinstance(started, ChildStarted), started
    try:
        yield tree
    finally:
        tree.stop()


def probe(name: str, log: Log, **options: Any) -> ChildSpec:
    """A spec of a probe; `plan` goes to the probe, the rest to the spec."""
    plan = options.pop("plan", None)
    options.setdefault("start_s", 10_000.0)  # no other deadline stands in for the one tested
    return ChildSpec(id=name, actor=Probe, arguments={"log": log, "plan": plan}, **options)


__all__ = ["CannotStart", "Ignored"]
