"""What the engine remembers, all of it as JSON too."""

from operator import attrgetter
from typing import Any, Final

import attrs

from atlas_actors.messages.strategy import Strategy
from atlas_actors.strategies import genome as genomes
from atlas_actors.strategies.cells import Cell
from atlas_actors.strategies.pairs import Duel

TRIALS_MAX: Final = 5_000  # an end that comes after so many choices is not counted
BANDS: Final = ("easy", "hard")
GONE: Final = ("retired", "culled")  # states that nobody comes back from


def band_of(difficulty: float) -> str:
    """The band of a request: half of the scale each."""
    return BANDS[1] if difficulty >= 0.5 else BANDS[0]


@attrs.define(kw_only=True)
class Spent:
    """What ended choices took."""

    usd: float = 0.0
    expected_usd: float = 0.0  # by their offers
    ended: int = 0
    waited_ms: float = 0.0
    timed: int = 0  # of the ended ones those whose time is known

    def add(self, usd: float, expected_usd: float, waited_ms: int | None) -> None:
        """One more has ended."""
        self.usd += usd
        self.expected_usd += expected_usd
        self.ended += 1
        if waited_ms is not None:
            self.waited_ms += waited_ms
            self.timed += 1


@attrs.define(kw_only=True)
class Record:
    """The life of a strategy. state: active, challenger, benched, culled, retired."""

    strategy: Strategy
    state: str = "active"
    operator: str = "seed"
    parents: tuple[str, ...] = ()
    born_at_ms: int = 0
    why: str = ""
    numbers: dict[str, Any] = attrs.field(factory=dict)  # of the parents, at its birth
    priors: dict[str, float] = attrs.field(factory=dict)  # of a child, by band: its parent's mean
    spent: Spent = attrs.field(factory=Spent)

    @property
    def id(self) -> str:
        return self.strategy.id

    @property
    def lead(self) -> str:
        return self.strategy.genome.providers[0]

    def to_json(self) -> dict[str, Any]:
        return attrs.asdict(self) | {
            "strategy": [self.strategy.intent, genomes.to_json(self.strategy.genome)]
        }

    @classmethod
    def from_json(cls, row: dict[str, Any]) -> "Record":
        intent, genes = row["strategy"]
        strategy = genomes.strategy_of(intent, genomes.from_json(genes))
        spent, parents = Spent(**row["spent"]), tuple(row["parents"])
        return cls(**(row | {"strategy": strategy, "parents": parents, "spent": spent}))


@attrs.define(kw_only=True)
class Trial:
    """A choice that was made, and what of its end was counted."""

    band: str
    strategy: str
    role: str
    expected_usd: float
    ended: bool = False
    x: int | None = None
    weight: float = 0.0
    at: int = 0  # its number in its cell
    known: int = 0  # how many choices of its intent had ended by then


@attrs.define(kw_only=True)
class Waiting:
    """Somebody to be tried when there is room: genes on top of whoever leads, or a whole genome."""

    genes: dict[str, Any]
    operator: str
    why: str
    parents: tuple[str, ...] = ()


@attrs.define(kw_only=True)
class Intent:
    """What is remembered of an intent besides its strategies."""

    records: dict[str, Record] = attrs.field(factory=dict)
    asked: dict[str, int] = attrs.field(factory=dict)  # choices by band
    children: dict[str, int] = attrs.field(factory=dict)  # of these by challengers
    verified: int = 0  # trials of full weight
    evolved: int = 0  # `verified` when something was last born
    rounds: int = 0  # of evolution
    duels: dict[str, Duel] = attrs.field(factory=dict)  # by child
    waiting: list[Waiting] = attrs.field(factory=list)
    tried: list[Waiting] = attrs.field(factory=list)  # of the starting set, waiting or not
    vocabulary: dict[str, list[Any]] = attrs.field(factory=dict)
    pinned: str | None = None
    leaders: dict[str, str] = attrs.field(factory=dict)  # by band
    archive: list[str] = attrs.field(factory=list)  # the Pareto front
    prices: dict[str, list[float]] = attrs.field(factory=dict)  # by provider: cost now, prior
    spent: Spent = attrs.field(factory=Spent)  # of all its strategies

    def to_json(self) -> dict[str, Any]:
        return {
            **{name: getattr(self, name) for name in _PLAIN},
            "records": [record.to_json() for record in self.records.values()],
            "duels": {child: duel.to_json() for child, duel in self.duels.items()},
            "waiting": [attrs.asdict(waiting) for waiting in self.waiting],
            "tried": [attrs.asdict(waiting) for waiting in self.tried],
            "spent": attrs.asdict(self.spent),
        }

    @classmethod
    def from_json(cls, row: dict[str, Any]) -> "Intent":
        records = [Record.from_json(record) for record in row["records"]]
        return cls(
            **{name: row[name] for name in _PLAIN},
            records={record.id: record for record in records},
            duels={child: Duel.from_json(duel) for child, duel in row["duels"].items()},
            waiting=[_waiting(waiting) for waiting in row["waiting"]],
            tried=[_waiting(waiting) for waiting in row["tried"]],
            spent=Spent(**row["spent"]),
        )


def _waiting(row: dict[str, Any]) -> Waiting:
    return Waiting(**(row | {"parents": tuple(row["parents"])}))


_PLAIN: Final = [
    field.name
    for field in attrs.fields(Intent)
    if field.name not in ("records", "duels", "waiting", "tried", "spent")
]
_TRIAL: Final = [field.name for field in attrs.fields(Trial)]
_values_of: Final = attrgetter(*_TRIAL)  # attrs.astuple takes ten times as long


@attrs.define(kw_only=True)
class State:
    """Everything that decisions depend on besides the settings."""

    asked: int = 0
    providers: tuple[str, ...] = ()  # that there are
    intents: dict[str, Intent] = attrs.field(factory=dict)
    intent_of: dict[str, str] = attrs.field(factory=dict)  # by strategy
    cells: dict[tuple[str, str], Cell] = attrs.field(factory=dict)  # by strategy and band
    pools: dict[str, list[float]] = attrs.field(factory=dict)  # successes, failures by lead
    windows: dict[str, list[list[Any]]] = attrs.field(factory=dict)  # newest trials by lead
    trials: dict[int, Trial] = attrs.field(factory=dict)

    def intent(self, name: str) -> Intent:
        """The intent, made when it is not there yet."""
        found = self.intents.get(name)
        if found is None:
            found = self.intents[name] = Intent()
        return found

    def record(self, id: str) -> Record:
        """The strategy with this id; KeyError when there is none."""
        return self.intents[self.intent_of[id]].records[id]

    def add(self, record: Record) -> None:
        """A strategy that did not exist."""
        self.intent(record.strategy.intent).records[record.id] = record
        self.intent_of[record.id] = record.strategy.intent

    def leaders(self, intent: str) -> frozenset[str]:
        """Who leads in the contexts of an intent, as far as that is known."""
        known = self.intents.get(intent)
        return frozenset() if known is None else frozenset(known.leaders.values())

    def existed(self, intent: str) -> frozenset[str]:
        """The canonical genomes that exist or have existed in an intent."""
        records = self.intent(intent).records.values()
        return frozenset(genomes.canonical(record.strategy.genome) for record in records)

    def to_json(self) -> dict[str, Any]:
        return {
            "asked": self.asked,
            "providers": list(self.providers),
            "intents": {name: intent.to_json() for name, intent in self.intents.items()},
            "cells": [[*key, cell.to_json()] for key, cell in self.cells.items()],
            "pools": self.pools,
            "windows": self.windows,
            "trials": [[number, *_values_of(trial)] for number, trial in self.trials.items()],
        }

    @classmethod
    def from_json(cls, row: dict[str, Any]) -> "State":
        intents = {name: Intent.from_json(intent) for name, intent in row["intents"].items()}
        return cls(
            asked=row["asked"],
            providers=tuple(row["providers"]),
            intents=intents,
            intent_of={id: name for name, intent in intents.items() for id in intent.records},
            cells={(id, band): Cell(*cell) for id, band, cell in row["cells"]},
            pools=row["pools"],
            windows=row.get("windows", {}),  # older snapshots have none
            trials={
                number: Trial(**dict(zip(_TRIAL, trial, strict=True)))
                for number, *trial in row["trials"]
            },
        )
