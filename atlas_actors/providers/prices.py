"""What tokens cost: the dated table of models, and sums over it."""

import re
import tomllib
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any, Final

import attrs

from atlas_actors.errors import SettingsError
from atlas_actors.messages.execution import Usage
from atlas_actors.providers.catalog import TRANSPORTS
from atlas_actors.settings import ProviderSettings

PRICES_FILE: Final = Path(__file__).with_name("prices.toml")
PER: Final = 1e6
# Of a snapshot's name, as in claude-haiku-4-5-20251001 or gpt-5.4-2026-03-01.
_DATE: Final = re.compile(r"-(\d{8}|\d{4}-\d{2}-\d{2}|latest)$")
_KINDS: Final = ("input", "output", "cache_read", "cache_write", "cache_write_1h")


@attrs.frozen(kw_only=True)
class Price:
    """USD per million tokens of each kind; 0 is free, or not known."""

    input: float = 0.0
    output: float = 0.0
    cache_read: float = 0.0
    cache_write: float = 0.0
    cache_write_1h: float = 0.0

    def estimate_usd(self, input_tokens: float, output_tokens: float) -> float:
        """What a request without any cache costs."""
        return (input_tokens * self.input + output_tokens * self.output) / PER

    def worst_usd(self, input_tokens: float, output_tokens: float) -> float:
        """The most that a request can cost: all of it written to the cache at the dearest rate."""
        dearest = max(self.input, self.cache_read, self.cache_write, self.cache_write_1h)
        return (input_tokens * dearest + output_tokens * self.output) / PER

    def cost_usd(self, usage: Usage) -> float:
        """What these tokens cost, to a millionth of a dollar."""
        hour = min(usage.cache_write_1h, usage.cache_write)
        total = (
            usage.input * self.input
            + usage.cache_read * self.cache_read
            + (usage.cache_write - hour) * (self.cache_write or self.input)
            + hour * (self.cache_write_1h or self.cache_write or self.input)
            + usage.output * self.output
        )
        return round(total / PER, 6)


@attrs.frozen(kw_only=True)
class Model:
    """One row of the table; `above` holds (tokens of prompt, price from there on), longest last."""

    name: str
    price: Price
    context: int | None
    above: tuple[tuple[int, Price], ...] = ()

    def price_at(self, prompt_tokens: float) -> Price:
        """The price of a request with so long a prompt."""
        found = self.price
        for tokens, price in self.above:
            if prompt_tokens > tokens:
                found = price
        return found


FREE: Final = Model(name="", price=Price(), context=None)


@attrs.frozen(kw_only=True)
class PriceTable:
    """Models by name and alias; `date` is when the shipped rows were looked up."""

    date: str
    models: Mapping[str, Model]

    def find(self, name: str) -> Model | None:
        """The row of a model's name, also of a dated snapshot of it."""
        return self.models.get(name) or self.models.get(_DATE.sub("", name))

    def costs(self, settings: ProviderSettings) -> bool:
        """Whether a call may cost money; a run of another program may, whatever it calls."""
        row = self.of(settings)
        prices = (row.price, *(price for _, price in row.above))
        return TRANSPORTS[settings.transport].client is not None or any(
            price != Price() for price in prices
        )

    def of(self, settings: ProviderSettings, model: str = "") -> Model:
        """A provider's row: the table's for its model, changed by what its settings say."""
        known = self.find(model) or self.find(settings.model) or FREE
        said = {
            "input": settings.usd_input,
            "output": settings.usd_output,
            "cache_read": settings.usd_cache_read,
            "cache_write": settings.usd_cache_write,
        }
        given = {key: value for key, value in said.items() if value is not None}
        if "cache_write" in given:
            given["cache_write_1h"] = given["cache_write"]
        if not given:
            return known
        return attrs.evolve(known, price=attrs.evolve(known.price, **given), above=())


@cache
def shipped() -> PriceTable:
    """The table that comes with Atlas."""
    return _table(tomllib.loads(PRICES_FILE.read_text("utf-8")), str(PRICES_FILE))


def load_prices(override: Path) -> PriceTable:
    """The shipped table with the rows of a file of the same shape. Raises SettingsError."""
    table = shipped()
    try:
        mine = _table(tomllib.loads(override.read_text("utf-8")), str(override))
    except FileNotFoundError:
        return table
    except (OSError, tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise SettingsError(f"{override}: {error}") from error
    models = {  # a row's other names go with it
        name: mine.models.get(model.name, model) for name, model in table.models.items()
    }
    return attrs.evolve(table, date=mine.date or table.date, models={**models, **mine.models})


def switch_saves_usd(context_tokens: float, answer_tokens: float, old: Price, new: Price) -> float:
    """What the next answer costs less at `new` than at `old`, with the prompt cache in account.

    Staying reads the context from old's cache. Switching pays the context in full at new, and
    writes it anew into old's cache when the session returns.
    """
    stay = context_tokens * old.cache_read + answer_tokens * old.output
    leave = context_tokens * new.input + answer_tokens * new.output
    back = context_tokens * max(0.0, old.cache_write - old.cache_read)
    return (stay - leave - back) / PER


def _table(value: Mapping[str, Any], file: str) -> PriceTable:
    models: dict[str, Model] = {}
    strange = set(value) - {"date", "models"}
    if strange:
        raise SettingsError(f"{file}: there is no {', '.join(sorted(strange))}")
    rows = value.get("models", {})
    if not isinstance(rows, dict):
        raise SettingsError(f"{file}: models are written as [models.NAME] tables")
    for name, row in rows.items():
        where = f"{file}: models.{name}"
        model = _model(name, row, where)
        for known_as in (name, *_aliases(row, where)):
            models[str(known_as)] = model
    return PriceTable(date=str(value.get("date", "")), models=models)


def _model(name: str, row: Any, where: str) -> Model:
    if not isinstance(row, dict):
        raise SettingsError(f"{where} must be a table")
    strange = set(row) - {*_KINDS, "aliases", "context", "above"}
    if strange:
        raise SettingsError(f"{where}: there is no {', '.join(sorted(strange))}")
    context = row.get("context")
    if context is not None and not _is_count(context):
        raise SettingsError(f"{where}.context is {context!r}, but must be a number of tokens")
    return Model(
        name=name,
        price=_price(row, where),
        context=context,
        above=_above(row.get("above", []), f"{where}.above"),
    )


def _aliases(row: Mapping[str, Any], where: str) -> list[str]:
    aliases = row.get("aliases", [])
    if not isinstance(aliases, list) or not all(isinstance(one, str) for one in aliases):
        raise SettingsError(f"{where}.aliases is {aliases!r}, but must be a list of names")
    return aliases


def _above(steps: Any, where: str) -> tuple[tuple[int, Price], ...]:
    found = []
    for step in steps if isinstance(steps, list) else [steps]:
        if not isinstance(step, dict) or not _is_count(step.get("tokens")):
            raise SettingsError(f"{where}: each row must be a table with a number of tokens")
        strange = set(step) - {"tokens", *_KINDS}
        if strange:
            raise SettingsError(f"{where}: there is no {', '.join(sorted(strange))}")
        found.append((int(step["tokens"]), _price(step, where)))
    return tuple(sorted(found, key=lambda row: row[0]))


def _is_count(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value > 0


def _price(row: Mapping[str, Any], where: str) -> Price:
    given = {key: row[key] for key in _KINDS if key in row}
    for key, value in given.items():
        number = isinstance(value, int | float) and not isinstance(value, bool)
        if not number or not 0 <= value <= 100_000:
            raise SettingsError(f"{where}.{key} is {value!r}, but must be USD per million tokens")
    return Price(**{key: float(value) for key, value in given.items()})
