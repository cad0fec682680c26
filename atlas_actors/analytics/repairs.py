"""Pure: what is proposed and remembered because of what was found."""

from collections.abc import Iterable
from typing import Final

from atlas_actors.analytics.findings import Finding
from atlas_actors.messages.memory import NewMemory
from atlas_actors.messages.proposal import Propose

KIND: Final = "repair"
PROPOSED_MAX: Final = 3  # of one look
# Where operators look; not put before prompts of other projects.
PROJECT: Final = "atlas"
# A kind is the sum of others; strategies live and die by themselves.
_NOT_REPAIRED: Final = frozenset({"kind", "strategy"})
_REPAIRED: Final = frozenset({"weak", "restarting", "slow"})
_WORDS: Final = {
    "weak": "succeeds too rarely",
    "slow": "has become slow",
    "restarting": "keeps failing and being restarted",
}


def needs_repair(finding: Finding) -> bool:
    """Slower than others is a nature, slower than before is a fault; what is degraded says its
    cure itself."""
    if finding.part.kind in _NOT_REPAIRED or finding.numbers.get("than") == "others":
        return False
    return finding.what in _REPAIRED


def repairs_of(findings: Iterable[Finding], window: int) -> list[Propose]:
    """What to propose, the most pressing first. `window` numbers the time that is looked at: what
    was done is proposed again only when a later one shows the same."""
    wanted = [finding for finding in findings if needs_repair(finding)]
    return [_repair(finding, window) for finding in wanted[:PROPOSED_MAX]]


def learning_of(finding: Finding) -> NewMemory | None:
    """What is worth remembering of a finding: who cannot do what."""
    if finding.what != "weak" or finding.part.kind not in ("provider", "intent"):
        return None
    return NewMemory(
        kind="learning",
        text=f"{finding.part} {_WORDS['weak']}: {finding.words}.",
        project=PROJECT,
        tags=("feedback",),
        source=f"atlas feedback, {finding.mark}",
    )


def lesson_of(id: int, knob: str, before: float, after: float, state: str, why: str) -> NewMemory:
    """What an adjustment has taught."""
    done = "was kept" if state == "kept" else "was undone"
    return NewMemory(
        kind="learning",
        text=f"Turning {knob} from {before:g} to {after:g} {done}: {why}.",
        project=PROJECT,
        tags=("feedback",),
        source=f"atlas feedback, adjustment {id}",
    )


def subject_of(finding: Finding) -> str:
    """One proposal at a time for one part and what is wrong with it."""
    return f"feedback:{finding.mark}"[:200]


def _repair(finding: Finding, window: int) -> Propose:
    title = f"Find out why {finding.part} {_WORDS[finding.what]}"
    return Propose(
        kind=KIND,
        title=title,
        prompt=(
            f"{title}.\n\nWhat Atlas has seen: {finding.words}.\n\nLook at the part's settings, its"
            " log and its last failures (atlas health, atlas outcomes, scripts/inspect failures)."
            " Say what the cause most likely is, by what evidence, and which change would show"
            " that it is. Change nothing."
        ),
        fingerprint=subject_of(finding),
        subject=subject_of(finding),
        evidence={
            "what": finding.what,
            "part": str(finding.part),
            "words": finding.words,
            **finding.numbers,
        },
        evidence_key=f"window {window}",
    )
