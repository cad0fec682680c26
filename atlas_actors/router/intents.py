"""The table of intents: what each means for routing, with the user's overrides."""

import tomllib
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any, Final

import attrs

from atlas_actors.errors import SettingsError
from atlas_actors.settings import IntentSettings

INTENTS_FILE: Final = Path(__file__).with_name("intents.toml")


@attrs.frozen(kw_only=True)
class Intent:
    """What an intent means for routing; the fields are described in intents.toml."""

    name: str
    tier: str
    needs: tuple[str, ...] = ()
    check: str = "text"
    answer_tokens: int = 500
    budget_usd: float = 0.5
    hints: tuple[str, ...] = ()
    example: str = ""


@cache
def shipped() -> Mapping[str, Intent]:
    """The intents that come with Atlas, by name."""
    table = tomllib.loads(INTENTS_FILE.read_text("utf-8"))
    return {name: _intent(name, row) for name, row in table.items()}


def _intent(name: str, row: Mapping[str, Any]) -> Intent:
    plain: dict[str, Any] = {
        key: tuple(value) if isinstance(value, list) else value for key, value in row.items()
    }
    return Intent(name=name, **plain)


def with_overrides(overrides: Mapping[str, IntentSettings]) -> Mapping[str, Intent]:
    """The shipped table, changed and extended by [intents.NAME]."""
    table = dict(shipped())
    known_here = {field.name for field in attrs.fields(Intent)} - {"name"}
    for name, settings in overrides.items():
        given = {
            field.name: getattr(settings, field.name)
            for field in attrs.fields(IntentSettings)
            if field.name in known_here and getattr(settings, field.name) is not None
        }
        known = table.get(name)
        if known is None and "tier" not in given:
            raise SettingsError(f"intents.{name} is a new intent and needs a tier")
        table[name] = attrs.evolve(known, **given) if known else Intent(name=name, **given)
    return table
