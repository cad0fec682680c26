"""Keeps what Atlas proposes to do, and has it done once that is approved.

An approval is recorded, then the task is requested under a key that names the proposal, then the
task's id is recorded. Whoever dies in between, the next look requests what has no task yet, and
the key gives the same task.
"""

from pathlib import Path
from typing import Any, ClassVar, Final

from loguru import logger

from atlas_actors.actor import Place
from atlas_actors.clock import DAY_MS, Ids, local_day
from atlas_actors.errors import Conflict, NotFound, UsageError
from atlas_actors.messages import paths
from atlas_actors.messages.proposal import (
    ApproveProposal,
    LookAtProposals,
    ProposalChanged,
    ProposalsLooked,
    Propose,
    Proposed,
    ProposedWorkEnded,
    RejectProposal,
    SubjectForgotten,
    SubjectSettled,
    SubmitDue,
)
from atlas_actors.messages.supervision import RequestFailed
from atlas_actors.messages.task import RetryTask, SubmitTask, TaskAccepted, TaskChanged
from atlas_actors.proposals import records
from atlas_actors.proposals.decide import (
    REASON_CHARACTERS,
    checked,
    decide,
    id_of,
    one_line,
    order_of,
)
from atlas_actors.settings import ProposalSettings
from atlas_actors.store import Row
from atlas_actors.store_actor import StoreActor

Inbox = (
    Propose
    | ApproveProposal
    | RejectProposal
    | SubjectSettled
    | LookAtProposals
    | ProposedWorkEnded
    | TaskAccepted
    | TaskChanged
    | RequestFailed
    | SubmitDue
)
RETRY_S: Final = 30.0
UNANSWERED_S: Final = 120.0  # then it is requested again, which its key makes harmless
SENT_MAX: Final = 100
PRUNE_ROWS: Final = 1_000


class Proposals(StoreActor):
    """Owns proposals.db."""

    inbox = Inbox
    schema = Path(__file__).with_name("schema")
    durable: ClassVar[frozenset[type]] = frozenset({Propose, ApproveProposal, RejectProposal})

    def __init__(self, place: Place, *, database: Path, settings: ProposalSettings) -> None:
        super().__init__(place, database=database, retention_days=settings.retention_days)
        self._settings = settings
        self._ids = Ids(place.clock)
        self._sent_s: dict[str, float] = {}  # requested of tasks and not answered; monotonic
        self._retry_is_set = False

    def on_start(self) -> None:
        """What was approved and is no task yet is requested (again)."""
        self._expire()
        self._submit()

    def on_receive(self, message: Inbox) -> Any:
        """Table of contents."""
        match message:
            case Propose():
                return self._on_propose(message)
            case ApproveProposal():
                return self._on_approve(message.id)
            case RejectProposal():
                return self._on_reject(message)
            case SubjectSettled():
                now_ms = self.place.clock.now_ms()
                return SubjectForgotten(expired=records.settle(self.store, message.subject, now_ms))
            case LookAtProposals():
                return self._on_look()
            case ProposedWorkEnded():
                return self._on_work_ended(message)
            case TaskAccepted():
                return self._submitted(id_of(message.key), message.id)
            case TaskChanged():
                row = records.approved_retry_of(self.store, message.id)
                return self._submitted(None if row is None else row["id"], message.id)
            case RequestFailed():
                return self._on_request_failed(message)
            case SubmitDue():
                self._retry_is_set = False
                return self._submit()

    def on_rollback(self) -> None:
        """The disk refused the batch, and with it went its mail and its timer."""
        self._sent_s.clear()
        self._retry_is_set = False

    def prune(self, before_ms: int) -> bool:
        """Delete those that were over before then."""
        return records.prune(self.store, before_ms, PRUNE_ROWS) >= PRUNE_ROWS

    def _on_propose(self, order: Propose) -> Proposed:
        proposal, now_ms = checked(order), self.place.clock.now_ms()
        day = local_day(now_ms)
        decision = decide(
            proposal,
            same=records.newest_same(self.store, proposal.fingerprint),
            of_subject=records.open_of_subject(self.store, proposal.subject),
            made_today=records.made_on(self.store, day),
            per_day=self._settings.per_day,
        )
        match decision.verdict:
            case "generated" | "limit":
                records.refuse(self.store, proposal, decision.verdict, now_ms)
                logger.info("proposal.refused", kind=proposal.kind, reason=decision.verdict)
                return Proposed(id=None, why=decision.why, full=decision.verdict == "limit")
            case "keep":
                return Proposed(id=None, why=f"{decision.why}: {decision.id}")
            case "replace":
                assert decision.id is not None
                records.replace(self.store, decision.id, proposal, now_ms)
                return Proposed(id=decision.id, why=decision.why, state="proposed")
            case "make":
                return self._make(proposal, day, now_ms)

    def _make(self, proposal: Propose, day: str, now_ms: int) -> Proposed:
        id, approved = self._ids.new(), proposal.kind in self._settings.approve
        records.add(self.store, id, proposal, approved=approved, day=day, now_ms=now_ms)
        logger.info("proposal.made", id=id, kind=proposal.kind, approved=approved)
        if not approved:
            return Proposed(id=id, why="", state="proposed")
        self._submit()
        return Proposed(id=id, why="[proposals] approve has its kind", state="approved")

    def _on_approve(self, id: str) -> ProposalChanged:
        row = self._find(id)
        if not records.approve(self.store, id, self.place.clock.now_ms()):
            raise Conflict(f"proposal {id} is {row['state']} already")
        logger.info("proposal.approved", id=id, kind=row["kind"])
        self._submit()
        return ProposalChanged(id=id, state="approved")

    def _on_reject(self, order: RejectProposal) -> ProposalChanged:
        row = self._find(order.id)
        reason = one_line(order.reason)[:REASON_CHARACTERS]
        if not records.reject(self.store, order.id, reason, self.place.clock.now_ms()):
            raise Conflict(f"proposal {order.id} is {row['state']} already")
        logger.info("proposal.rejected", id=order.id, kind=row["kind"])
        return ProposalChanged(id=order.id, state="rejected")

    def _on_look(self) -> ProposalsLooked:
        expired = self._expire()
        self._submit()
        found = records.counts(self.store)
        return ProposalsLooked(
            proposed=found.get("proposed", 0),
            approved=found.get("approved", 0),
            submitted=found.get("submitted", 0),
            expired=expired,
            awaited=records.awaited(self.store),
        )

    def _on_work_ended(self, fact: ProposedWorkEnded) -> None:
        now_ms = self.place.clock.now_ms()
        for task_id, state in fact.tasks:
            records.work_ended(self.store, task_id, state, now_ms)

    def _expire(self) -> int:
        before_ms = self.aged_now_ms() - int(self._settings.days * DAY_MS)
        return records.expire(self.store, before_ms, self.place.clock.now_ms())

    def _submit(self) -> None:
        """Request every task that is approved and not under way."""
        now_s = self.place.clock.monotonic_s()
        for id, sent_s in list(self._sent_s.items()):
            if now_s - sent_s >= UNANSWERED_S:
                del self._sent_s[id]
        for row in records.approved(self.store, SENT_MAX):
            if row["id"] not in self._sent_s:
                self._sent_s[row["id"]] = now_s
                self.request(paths.TASKS, order_of(row))

    def _submitted(self, id: str | None, task_id: str) -> None:
        if id is None:
            return
        self._sent_s.pop(id, None)
        if records.submitted(self.store, id, task_id, self.place.clock.now_ms()):
            logger.info("proposal.submitted", id=id, task_id=task_id)

    def _on_request_failed(self, fact: RequestFailed) -> None:
        request = fact.request
        if isinstance(request, RetryTask):
            row = records.approved_retry_of(self.store, request.id)
            id = None if row is None else row["id"]
            if fact.code == Conflict.code:  # it goes on already, perhaps because we have asked
                return self._submitted(id, request.id)
        else:
            assert isinstance(request, SubmitTask)
            id = id_of(request.key)
        if id is None:
            return None
        self._sent_s.pop(id, None)
        gone = isinstance(request, RetryTask) and fact.code == NotFound.code
        if gone or fact.code == UsageError.code:
            records.give_up(self.store, id, fact.error, self.place.clock.now_ms())
            logger.warning("proposal.given_up", id=id, error=fact.error)
            return None
        records.refused(self.store, id, fact.error)
        logger.warning("proposal.not_taken", id=id, error=fact.error, retry_s=RETRY_S)
        if not self._retry_is_set:
            self._retry_is_set = True
            self.after(RETRY_S, SubmitDue())
        return None

    def _find(self, id: str) -> Row:
        row = records.find(self.store, id)
        if row is None:
            raise NotFound(f"there is no proposal {id}", cure="atlas proposals list shows them")
        return row
