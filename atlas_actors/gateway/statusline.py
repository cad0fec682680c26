"""Pure: the one line that a client shows below its prompt."""

import unicodedata
from collections.abc import Sequence
from typing import Final

import attrs

LINE_CHARACTERS: Final = 200
WORD_CHARACTERS: Final = 40
PARTS_MOST: Final = 3


@attrs.frozen(kw_only=True)
class Shown:
    """What there is to show; empty and None are left out."""

    tier: str = ""
    intent: str = ""
    model: str = ""
    used_percent: float | None = None  # of the model's window
    window_tokens: int | None = None
    session_usd: float | None = None  # as the client says
    today_usd: float | None = None  # of Atlas
    budget_usd: float = 0.0  # of Atlas a day; 0: none
    degraded: Sequence[str] = ()  # "memory parked"


def line(shown: Shown) -> str:
    """atlas cheap (docs) · Opus 41 % of 1M · $0.12 here · Atlas $0.30 of $5.00 · memory parked"""
    parts = [_route(shown), _context(shown)]
    if shown.session_usd is not None:
        parts.append(f"${shown.session_usd:.2f} here")
    if shown.today_usd is not None:
        most = f" of ${shown.budget_usd:.2f}" if shown.budget_usd else ""
        parts.append(f"Atlas ${shown.today_usd:.2f}{most}")
    parts += [_word(part) for part in shown.degraded[:PARTS_MOST]]
    if len(shown.degraded) > PARTS_MOST:
        parts.append(f"{len(shown.degraded) - PARTS_MOST} more")
    said = " · ".join(part for part in parts if part)
    return said if len(said) <= LINE_CHARACTERS else f"{said[: LINE_CHARACTERS - 1]}…"


def _route(shown: Shown) -> str:
    words = [_word(shown.tier)]
    if shown.intent:
        words.append(f"({_word(shown.intent)})")
    return " ".join(["atlas", *filter(None, words)])


def _context(shown: Shown) -> str:
    model = _word(shown.model)
    if shown.used_percent is None:
        return model
    of = f" of {_short(shown.window_tokens)}" if shown.window_tokens else ""
    return f"{model} {shown.used_percent:.0f} %{of}".strip()


def _short(tokens: int) -> str:
    """1000000 is 1M, 200000 is 200k."""
    if tokens >= 1_000_000:
        return f"{tokens / 1_000_000:.3g}M"
    return f"{tokens / 1_000:.3g}k" if tokens >= 1_000 else str(tokens)


def _word(text: str) -> str:
    """A text without what would move a terminal's cursor, or hide."""
    plain = "".join(
        " " if character.isspace() else character
        for character in text[: 4 * WORD_CHARACTERS]
        if character.isspace() or not unicodedata.category(character).startswith("C")
    )
    shown = " ".join(plain.split())
    return shown if len(shown) <= WORD_CHARACTERS else f"{shown[: WORD_CHARACTERS - 1]}…"
