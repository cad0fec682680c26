"""What the engine remembers, all of it as JSON too."""

from typing import Any, Final

import attrs

from atlas_actors.messages.strategy import Strategy
from atlas_actors.strategies import genome as genomes
from atlas_actors.strategies.cells import Cell

TRIALS_MAX: Final = 5_000  # an end that comes after so many choices is not counted
BANDS: Final = ("easy", "hard")


def band_of(difficulty: float) -> str:
    """The band of a request: half of the scale each."""
    return BANDS[1] if difficulty >= 0.5 else BANDS[0]


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
    spent_usd: float = 0.0  # of ended choices
    expected_usd: float = 0.0  # of the same ones, by their offers
    waited_ms: float = 0.0
    ended: float = 0.0

    @property
    def lead(self) -> str:
        return genomes.lead_of(self.strategy.genome)

    def to_json(self) -> dict[str, Any]:
        return attrs.asdict(self) | {
            "strategy": {
                "id": self.strategy.id,
                "intent": self.strategy.intent,
                "genome": genomes.to_json(self.strategy.genome),
            }
        }

    @classmethod
    def from_json(cls, row: dict[str, Any]) -> "Record":
        said = row["strategy"]
        strategy = Strategy(
            id=said["id"], intent=said["intent"], genome=genomes.from_json(said["genome"])
        )
        return cls(**(row | {"strategy": strategy, "parents": tuple(row["parents"])}))


@attrs.define(kw_only=True)
class Trial:
    """A choice that was made, and what of its end was counted."""

    intent: str
    band: str
    strategy: str
    role: str
    expected_usd: float
    verifies: bool
    ended: bool = False
    x: int | None = None
    weight: float = 0.0
    epoch: int = 0  # of its cell when it was counted


@attrs.define(kw_only=True)
class State:
    """Everything that decisions depend on besides the settings."""

    asked: int = 0
    records: dict[str, Record] = attrs.field(factory=dict)
    cells: dict[str, Cell] = attrs.field(factory=dict)  # by "intent/band/strategy"
    trials: dict[int, Trial] = attrs.field(factory=dict)
    pins: dict[str, str] = attrs.field(factory=dict)

    def cell(self, intent: str, band: str, strategy: str) -> Cell:
        """The cell, made when it is not there yet."""
        return self.cells.setdefault(f"{intent}/{band}/{strategy}", Cell())

    def to_json(self) -> dict[str, Any]:
        return {
            "asked": self.asked,
            "records": [record.to_json() for record in self.records.values()],
            "cells": {key: cell.to_json() for key, cell in self.cells.items()},
            "trials": [[number, attrs.astuple(trial)] for number, trial in self.trials.items()],
            "pins": self.pins,
        }

    @classmethod
    def from_json(cls, row: dict[str, Any]) -> "State":
        records = [Record.from_json(record) for record in row["records"]]
        names = [field.name for field in attrs.fields(Trial)]
        return cls(
            asked=row["asked"],
            records={record.strategy.id: record for record in records},
            cells={key: Cell(*cell) for key, cell in row["cells"].items()},
            trials={
                number: Trial(**dict(zip(names, trial, strict=True)))
                for number, trial in row["trials"]
            },
            pins=dict(row["pins"]),
        )
