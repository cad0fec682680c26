"""Labelled prompts for training: from files, and from what people corrected."""

import json
import struct
import zlib
from collections.abc import Iterable
from pathlib import Path
from typing import Any, Final

import attrs

from atlas_actors.errors import NotFound
from atlas_actors.router import patterns
from atlas_actors.router.classify import NOTHING
from atlas_actors.router.features import core_of, features_of
from atlas_actors.router.normalise import normalise
from atlas_actors.router.patterns import RuleBook
from atlas_actors.settings import Rule
from atlas_actors.store import Reader

FOLDS: Final = 5
REAL_WEIGHT: Final = 2.0  # a real prompt tells more than one that was written for training


@attrs.frozen(kw_only=True)
class Example:
    """One labelled prompt as its features; `labels` has the primary first."""

    features: tuple[str, ...]
    labels: tuple[str, ...]
    author: str
    weight: float = 1.0
    rule: Rule | None = None  # the Layer 1 rule that would decide it
    real: bool = False


def example_of(row: dict[str, Any], author: str, book: RuleBook, *, real: bool) -> Example:
    """One row {text, label, acceptable} as an example."""
    ask = normalise(row["text"])
    low, core = core_of(ask)
    others = [label for label in row.get("acceptable", ()) if label != row["label"]]
    features = tuple(features_of(ask, low, core))
    return Example(
        features=features,
        labels=(row["label"], *others),
        author=str(row.get("author") or author),
        weight=REAL_WEIGHT if real else 1.0,
        rule=book.deciding(low, core, ask.words, features),
        real=real,
    )


def examples_of(file: Path, *, real: bool = False) -> list[Example]:
    """The labelled prompts of a JSON lines file; a file without authors is one author's."""
    book = RuleBook(patterns.shipped())
    lines = file.read_text("utf-8").splitlines()
    rows = [json.loads(line) for line in lines if line.strip()]
    return [
        # Statements that ask for nothing are all in one file: held out whole, nothing would know
        # them, so they count as several authors'.
        example_of(
            row,
            f"{file.stem} {at % FOLDS}" if row["label"] == NOTHING else file.stem,
            book,
            real=real,
        )
        for at, row in enumerate(rows)
    ]


def corrections(database: Path, known: Iterable[str]) -> list[Example]:
    """What people corrected. Decisions keep hashes of features: those of `known` are found again.

    Raises NotFound when there is no such database.
    """
    if not database.exists():
        raise NotFound(f"there is no {database}", cure="--home takes an $ATLAS_HOME")
    name_of = {zlib.crc32(name.encode()): name for name in known}
    rows = Reader(database).rows("select intent, features from inspect_corrections")
    found = []
    for at, row in enumerate(rows):
        hashes = struct.unpack(f"<{len(row['features']) // 4}I", row["features"])
        features = tuple(name_of[one] for one in hashes if one in name_of)
        # Each is an author of its own: people correct what surprised them, not what is alike.
        found.append(
            Example(
                features=features,
                labels=(row["intent"],),
                author=f"correction {at}",
                weight=REAL_WEIGHT,
                real=True,
            )
        )
    return found
