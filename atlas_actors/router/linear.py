"""A linear model over named features in plain Python: no numpy, about 0.1 µs a feature.

The weights of one feature for all classes are the lanes of one big integer, so that adding up
features is adding integers. A lane is 32 bits; weights are int8 with an offset of 128, so 2**24
features fit before a lane could overflow.
"""

import base64
import math
import struct
from collections.abc import Mapping, Sequence
from typing import Any, Final

import attrs

_OFFSET: Final = 128
_LANE_BYTES: Final = 4
_IDF_STEP: Final = 16.0  # the squares of IDF are kept in sixteenths


@attrs.frozen(kw_only=True)
class Linear:
    """Scores are (sum of a class's weights) × scale / length + bias; length is the TF-IDF norm."""

    classes: tuple[str, ...]
    bias: tuple[float, ...]
    scale: float
    table: Mapping[str, int] = attrs.field(repr=False)

    def weigh(self, features: Sequence[str]) -> tuple[list[float], int]:
        """(a probability for each class, how many of the features training had seen)."""
        total = sum(filter(None, map(self.table.get, features)))
        width = len(self.classes)
        *sums, squares, count = self._lanes(total, width)
        factor = self.scale / math.sqrt(max(squares, 1) / _IDF_STEP)
        offset = count * _OFFSET
        scores = [
            (value - offset) * factor + bias for value, bias in zip(sums, self.bias, strict=True)
        ]
        top = max(scores)
        raised = [math.exp(score - top) for score in scores]
        whole = sum(raised)
        return [value / whole for value in raised], count

    def evidence(self, features: Sequence[str], name: str) -> list[tuple[str, float]]:
        """What each of these features adds to a class, strongest first."""
        shift = self.classes.index(name) * _LANE_BYTES * 8
        get = self.table.get
        found = [
            ((((row >> shift) & 0xFF) - _OFFSET) * self.scale, feature)
            for feature in features
            if (row := get(feature))
        ]
        found.sort(reverse=True)
        return [(feature, weight) for weight, feature in found]

    @staticmethod
    def _lanes(total: int, width: int) -> tuple[int, ...]:
        lanes = width + 2
        return struct.unpack(f"<{lanes}I", total.to_bytes(lanes * _LANE_BYTES, "little"))


def load(document: Mapping[str, Any]) -> Linear:
    """The model in a document that `dump` made."""
    names: list[str] = document["features"]
    classes = tuple(document["classes"])
    weights = base64.b64decode(document["weights"])
    idfs = base64.b64decode(document["idf"])
    width = len(classes)
    row = bytearray((width + 2) * _LANE_BYTES)
    last = width * _LANE_BYTES
    table = {}
    for at, name in enumerate(names):
        row[0:last:_LANE_BYTES] = weights[at * width : (at + 1) * width]
        squares = round((idfs[at] / _IDF_STEP) ** 2 * _IDF_STEP)
        row[last:] = struct.pack("<II", squares, 1)
        table[name] = int.from_bytes(row, "little")
    return Linear(
        classes=classes, bias=tuple(document["bias"]), scale=document["scale"], table=table
    )


def dump(
    *,
    classes: Sequence[str],
    bias: Sequence[float],
    features: Sequence[str],
    idf: Sequence[float],
    weights: Sequence[Sequence[float]],
) -> dict[str, Any]:
    """A document for `load`; weights are (features, classes) with the IDF factor folded in."""
    largest = max((abs(value) for row in weights for value in row), default=1.0) or 1.0
    scale = largest / (_OFFSET - 1)
    quantised = bytes(
        _OFFSET + max(1 - _OFFSET, min(_OFFSET - 1, round(value / scale)))
        for row in weights
        for value in row
    )
    idfs = bytes(max(1, min(255, round(value * _IDF_STEP))) for value in idf)
    return {
        "classes": list(classes),
        "bias": [round(float(value), 5) for value in bias],
        "scale": scale,
        "features": list(features),
        "idf": base64.b64encode(idfs).decode(),
        "weights": base64.b64encode(quantised).decode(),
    }
