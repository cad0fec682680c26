"""Pure: what the attempts of a task say about the strategy by which it was gone about."""

from collections.abc import Mapping, Sequence
from typing import Any, Final, Literal

from atlas_actors.messages.execution import End

Lead = Literal["passed", "failed", "unknown"]
_ANSWERED: Final = str(End.ANSWERED)
# Not by a call of its own: a kept answer, and that of an identical request.
_GIVEN: Final = ("cache", "shared with ")


def lead_of(
    genome: Mapping[str, Any], choice: int | None, attempts: Sequence[Mapping[str, Any]]
) -> Lead:
    """How the strategy's first provider has done with the answers that its genome gives it.

    | its attempts, in their order | lead |
    |---|---|
    | an answer passed, within the genome's attempts | passed |
    | all of these failed, or the task has ended before | failed |
    | somebody else was the first to answer | unknown |
    | it gave fewer: somebody else went on, or a fault of the way was the end | unknown |
    | it was given without a call | unknown |
    """
    mine = [row for row in attempts if row["choice"] == choice]
    answers = [row for row in mine if _is_answer(row)]
    if not answers or not genome["providers"] or any(_given(row) for row in answers):
        return "unknown"
    lead, most = genome["providers"][0], genome.get("attempts", 1)
    if answers[0]["provider"] != lead:
        return "unknown"
    own = [row for row in answers if row["provider"] == lead][:most]
    if any(row["end"] == _ANSWERED for row in own):
        return "passed"
    went_on = any(row["provider"] != lead for row in answers)
    cut_short = len(own) < most and (went_on or not _is_answer(mine[-1]))
    return "unknown" if cut_short else "failed"


def _is_answer(row: Mapping[str, Any]) -> bool:
    """Not one that was lost (nobody has said how it went), nor one that a fault has ended."""
    return not row["infrastructure"] and row["transport"] is not None


def _given(row: Mapping[str, Any]) -> bool:
    return (row["transport"] or "").startswith(_GIVEN)
