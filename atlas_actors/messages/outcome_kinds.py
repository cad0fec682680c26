"""What outcomes are of, and what they come to; apart from their messages, for the CLI."""

from typing import Final

KINDS: Final = (
    "task", "attempt", "route", "hook", "recall", "schedule", "agent", "skill", "model",
)  # fmt: skip
RESULTS: Final = ("success", "partial", "failure")
