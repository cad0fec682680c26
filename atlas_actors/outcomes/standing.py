"""Pure: which of all that is known of an outcome stands, whatever the order it came in."""

from collections.abc import Iterable
from typing import Final

import attrs

PERSON: Final = "person"
_BADNESS: Final = {"success": 0, "partial": 1, "failure": 2}


@attrs.frozen(kw_only=True)
class Finding:
    """What somebody found an action to have come to."""

    result: str
    verified_by: str | None
    reason: str
    at_ms: int
    number: int | None = None  # of the amendment; None: the outcome as it was recorded


def strongest(findings: Iterable[Finding]) -> Finding:
    """A person's word, then later evidence, then what was recorded; of equals the latest, and of
    those that came at once the worse."""
    return max(findings, key=_strength)


def _strength(finding: Finding) -> tuple[int, int, int, str, str]:
    by_person = finding.verified_by == PERSON
    return (
        2 if by_person else 0 if finding.number is None else 1,
        finding.at_ms,
        _BADNESS[finding.result],
        finding.verified_by or "",
        finding.reason,
    )
