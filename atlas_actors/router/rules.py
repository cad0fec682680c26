"""Reads the tables of intents and rules; both are data."""

import tomllib
from functools import cache
from pathlib import Path
from typing import Any, Final

import attrs
import re2

HERE: Final = Path(__file__).parent


@attrs.frozen(kw_only=True)
class Intent:
    """What an intent means for routing."""

    name: str
    tier: str
    workspace: bool
    example: str
    words: dict[str, float]


@attrs.frozen(kw_only=True)
class Rule:
    """One Layer 1 rule; `matcher` is linear in the text's length."""

    id: str
    intent: str
    pattern: str
    confidence: float
    example: str
    counter: str
    matcher: Any = attrs.field(eq=False, repr=False)


@cache
def intents() -> dict[str, Intent]:
    """All intents by name."""
    table = tomllib.loads((HERE / "intents.toml").read_text("utf-8"))
    return {name: Intent(name=name, **fields) for name, fields in table.items()}


@cache
def rules() -> tuple[Rule, ...]:
    """The Layer 1 rules in order."""
    table = tomllib.loads((HERE / "rules.toml").read_text("utf-8"))
    return tuple(Rule(**row, matcher=re2.compile(row["pattern"])) for row in table["rule"])
