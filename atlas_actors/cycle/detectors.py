"""Runs the detectors that are due, each beside the cycle, and proposes what they find."""

import os
from collections.abc import Awaitable, Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Final, Protocol

import anyio
import attrs
from loguru import logger

from atlas_actors.config import Home
from atlas_actors.cycle import checks, stale, todos
from atlas_actors.cycle.files import texts_of
from atlas_actors.cycle.views import joined, task_states
from atlas_actors.errors import AtlasError, UsageError
from atlas_actors.messages import paths
from atlas_actors.messages.handoff import StaleHandoff
from atlas_actors.messages.proposal import Propose, Proposed, SubjectSettled
from atlas_actors.messages.task import SubmitTask
from atlas_actors.process import run_command, without_secrets
from atlas_actors.providers.cli import MARKER
from atlas_actors.redaction import Redactor
from atlas_actors.settings import CheckSettings, DetectorSettings

ASK_S: Final = 30.0
# Of one project; those beyond are found once some of these are gone.
TODOS_MAX: Final = 10_000


class Desk(Protocol):
    """What of the actor is needed here."""

    def spawn(self, work: Callable[..., Any], *arguments: Any) -> None: ...

    async def call(self, path: str, message: Any, timeout_s: float) -> Any: ...


class Detectors:
    """Which detectors are due is kept by one incarnation: all are, when it is new."""

    def __init__(
        self,
        desk: Desk,
        home: Home,
        settings: DetectorSettings,
        commands: Mapping[str, CheckSettings],
        redactor: Redactor,
    ) -> None:
        self._desk = desk
        self._state = home.state
        self._settings = settings
        self.scratch = home.state / "checks"  # where a check without a directory runs
        self._every_s = {f"checks.{name}": check.every_s for name, check in commands.items()}
        self._commands = commands
        self._redactor = redactor
        if settings.todo:
            self._every_s["todo"] = settings.every_s
        if settings.handoffs:
            self._every_s["handoffs"] = settings.every_s
        self._due_s: dict[str, float] = {}
        self._over: dict[str, anyio.Event] = {}  # of those that run

    @property
    def names(self) -> Sequence[str]:
        """Those that are switched on."""
        return tuple(self._every_s)

    def running(self) -> list[str]:
        """Those that run now."""
        return list(self._over)

    def begin(self, now_s: float, stale: Sequence[StaleHandoff] | None) -> dict[str, "Finding"]:
        """Start those that are due; `stale` None: not known now, which one of them needs."""
        begun = {}
        for name, every_s in self._every_s.items():
            waits = name == "handoffs" and stale is None
            if name in self._over or waits or now_s < self._due_s.get(name, now_s):
                continue
            self._due_s[name] = now_s + every_s
            self._over[name] = anyio.Event()
            begun[name] = Finding(over=self._over[name])
            self._desk.spawn(self._run, name, self._work_of(name, stale or ()), begun[name])
        return begun

    def _work_of(self, name: str, handoffs: Sequence[StaleHandoff]) -> Callable[[], Awaitable[str]]:
        if name == "todo":
            return self._find_todos
        if name == "handoffs":
            return lambda: self._find_stale(handoffs)
        return lambda: self._run_check(self._commands[name.removeprefix("checks.")])

    async def _run(self, name: str, work: Callable[[], Awaitable[str]], finding: "Finding") -> None:
        try:
            finding.said = await work()
            logger.info("detector.over", name=name)
        except AtlasError as error:
            finding.said, finding.failed = error.message, True
            logger.warning("detector.failed", name=name, error=error.message)
        except OSError as error:  # a disk or a directory of the person's, no mistake of ours
            finding.said, finding.failed = f"{error.filename}: {error.strerror}", True
            logger.warning("detector.failed", name=name, error=error.strerror)
        finally:
            self._over.pop(name).set()

    async def _find_todos(self) -> str:
        tally, problems = Tally(), ""
        for project in self._settings.projects:
            try:
                found = await anyio.to_thread.run_sync(
                    self._todos_of, Path(project).expanduser(), abandon_on_cancel=True
                )
            except AtlasError as error:  # the other projects are looked at still
                problems = joined(problems, error.message)
                continue
            await self.propose_all(found, tally)
            if tally.full:
                return joined(f"{tally.made} proposed", tally.why, tally.refusals(), problems)
        problems = joined(tally.refusals(), problems)
        if problems:
            raise AtlasError(joined(f"{tally.made} proposed", problems))
        return f"{tally.made} proposed, {tally.known} known already"

    def _todos_of(self, folder: Path) -> list[Propose]:
        found: list[Propose] = []
        for name, text in texts_of(
            folder,
            files_max=self._settings.files_max,
            file_bytes_max=self._settings.file_bytes_max,
        ):
            for todo in todos.find_todos(text):
                found.append(todos.proposal_of(str(folder), name, todo))
                if len(found) >= TODOS_MAX:
                    return found
        return found

    async def _find_stale(self, handoffs: Sequence[StaleHandoff]) -> str:
        ids = [handoff.task_id for handoff in handoffs if handoff.task_id is not None]
        known = await anyio.to_thread.run_sync(
            task_states, self._state, ids, abandon_on_cancel=True
        )
        tally = Tally()
        await self.propose_all(stale.proposals_of(handoffs, known), tally)
        if tally.refused:
            raise AtlasError(joined(f"{tally.made} proposed of {len(handoffs)}", tally.refusals()))
        why = tally.why if not tally.made else ""
        return joined(f"{tally.made} proposed of {len(handoffs)}", why)

    async def _run_check(self, check: CheckSettings) -> str:
        folder = Path(check.cwd).expanduser() if check.cwd else self.scratch
        self.scratch.mkdir(mode=0o700, exist_ok=True)
        ran = await run_command(
            check.command,
            str(folder),
            # A check that submits tasks would have them generate tasks: our commands refuse it.
            environment={**without_secrets(os.environ), MARKER: str(self.scratch)},
            timeout_s=check.timeout_s,
            kept_bytes=checks.OUTPUT_BYTES_MAX,
        )
        if ran.code is None:
            raise AtlasError(ran.why)
        if ran.code == 0:
            subject = checks.subject_of(check.name)
            await self._desk.call(paths.PROPOSALS, SubjectSettled(subject=subject), ASK_S)
            return "passes"
        cwd = str(folder) if check.cwd else None
        output = checks.output_of(ran.output)
        proposed = await self._propose(checks.proposal_of(check, cwd, ran.code, output))
        if proposed.id is None:
            return f"fails (exit {ran.code}), not proposed: {proposed.why}"
        return f"fails (exit {ran.code}), {proposed.state}"

    async def propose_all(self, proposals: Sequence[Propose], tally: "Tally") -> None:
        """One after another until the day is full; one that is refused costs no other."""
        for proposal in proposals:
            try:
                proposed = await self._propose(proposal)
            except UsageError as error:
                tally.refused, tally.refused_why = tally.refused + 1, error.message
                logger.warning("detector.refused", kind=proposal.kind, error=error.message)
                continue
            tally.made += proposed.id is not None
            tally.known += proposed.id is None
            tally.why = proposed.why
            if proposed.full:
                tally.full = True
                return

    def redacted_order(self, order: SubmitTask) -> SubmitTask:
        """A task of the cycle's own without secrets of what was read for it."""
        prompt = self._redactor.text(order.request.prompt)
        return attrs.evolve(order, request=attrs.evolve(order.request, prompt=prompt))

    async def _propose(self, proposal: Propose) -> Proposed:
        """The cycle's door of redaction: what was read in files and output."""
        clean = await anyio.to_thread.run_sync(_redacted, self._redactor, proposal)
        proposed: Proposed = await self._desk.call(paths.PROPOSALS, clean, ASK_S)
        return proposed


def _redacted(redactor: Redactor, proposal: Propose) -> Propose:
    """Without secrets. Raises UsageError for one in the command that proves the work."""
    if proposal.check is not None and redactor.value(proposal.check) != proposal.check:
        raise UsageError(
            f"{proposal.title}: its command holds what looks like a secret",
            cure="put it in an environment variable and refer to it",
        )
    return attrs.evolve(
        proposal,
        title=redactor.text(proposal.title),
        prompt=redactor.text(proposal.prompt),
        evidence=redactor.value(proposal.evidence),
    )


@attrs.define
class Tally:
    """What became of what one run has proposed; `why` is what was said of the last."""

    made: int = 0
    known: int = 0
    refused: int = 0
    refused_why: str = ""
    why: str = ""
    full: bool = False  # no more today

    def refusals(self) -> str:
        """How many were refused, and why the last of them; nothing when none was."""
        return f"{self.refused} refused: {self.refused_why}" if self.refused else ""


class Finding:
    """What came of one run of a detector, once it is over."""

    def __init__(self, over: anyio.Event) -> None:
        self.over = over
        self.said = "still running"
        self.failed = False
