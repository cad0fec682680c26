"""Between whoever finds work worth doing, people who decide on it, and proposals."""

from typing import Any, Literal

import attrs

ProposalState = Literal["proposed", "approved", "submitted", "rejected", "expired", "done"]


@attrs.frozen(kw_only=True)
class Propose:
    """Ask proposals: this could be done; the answer, a Proposed, comes after the commit.

    What was proposed under the same fingerprint and is open, approved or rejected is not proposed
    again; what was done is, once its evidence is new. Of one subject there is one at a time: an
    open one takes over what is proposed later.
    """

    kind: str  # check, todo, handoff, or any other name
    title: str
    prompt: str
    fingerprint: str
    cwd: str | None = None
    evidence: dict[str, Any] = attrs.field(factory=dict)
    evidence_key: str | None = None  # the same: nothing new was seen; None: by the evidence itself
    subject: str | None = None
    check: tuple[str, ...] | None = None  # proves the work: this command must exit 0
    handoff_id: str | None = None  # that the work goes on with
    retry_task: str | None = None  # the work is to try this task anew
    from_task: str | None = None  # that the evidence comes from
    from_origin: str | None = None  # of that task: what is generated never generates


@attrs.frozen(kw_only=True)
class Proposed:
    """Answer to Propose. Without an id nothing was made, and `why`."""

    id: str | None
    why: str
    state: ProposalState | None = None
    full: bool = False  # today's limit is reached: no other would be made either


@attrs.frozen(kw_only=True)
class ApproveProposal:
    """Ask proposals: have it done; the answer is a ProposalChanged."""

    id: str


@attrs.frozen(kw_only=True)
class RejectProposal:
    """Ask proposals: never propose this again; the answer is a ProposalChanged."""

    id: str
    reason: str = ""


@attrs.frozen(kw_only=True)
class ProposalChanged:
    """Answer to ApproveProposal and RejectProposal: committed."""

    id: str
    state: ProposalState


@attrs.frozen(kw_only=True)
class SubjectSettled:
    """Ask proposals: nothing is to be done about it any more; open proposals of it expire, and
    what was done counts as new when it comes back. The answer is a SubjectForgotten."""

    subject: str


@attrs.frozen(kw_only=True)
class SubjectForgotten:
    """Answer to SubjectSettled: how many open ones have expired."""

    expired: int


@attrs.frozen(kw_only=True)
class LookAtProposals:
    """Ask proposals: look for what an event has missed; the answer is a ProposalsLooked."""


@attrs.frozen(kw_only=True)
class ProposalsLooked:
    """Answer to LookAtProposals: how many are in each state, and how many have just expired."""

    proposed: int
    approved: int
    submitted: int
    expired: int
    awaited: tuple[str, ...] = ()  # tasks whose end is not known here


@attrs.frozen(kw_only=True)
class ProposedWorkEnded:
    """Ask proposals: these tasks of theirs are completed, failed, cancelled or gone; the answer
    is None, after the commit."""

    tasks: tuple[tuple[str, str], ...]  # (task's id, its state)


@attrs.frozen(kw_only=True)
class SubmitDue:
    """What proposals tell themselves when a refused submission is to be tried again."""
