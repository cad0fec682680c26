"""What the cache holds: keys that name one question to one state, values without any text."""

import hashlib
import json
import math
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final, get_args

import attrs

from atlas_actors.memory.hits import Hit
from atlas_actors.messages.memory import Level, Recall
from atlas_actors.settings import MemorySettings
from atlas_actors.store import Store

HITS_MAX: Final = 1_000
NAME_CHARACTERS: Final = 60
# Ages count in the ranking; with time in such steps, what is cached is what would be found.
STEP_MS: Final = 600_000
_LEVELS: Final = get_args(Level)
_SPACE: Final = re.compile(r"\s+")
_END: Final = re.compile(r"(?<=\w)[?!.,;:…]+$")
_FORMAT: Final = 1
# What comes back with an answer, and how its reasons are worded: the hits are the same.
_NOT_ASKED: Final = frozenset({"asked_for", "explain"})


def normalised(recall: Recall) -> Recall:
    """The question as every level gets it.

    White space and what closes a sentence are gone before search and graph see the query, so two
    questions with one key are one question, whatever search makes of it. Case stays: names and
    identifiers are told by it.
    """
    query = _SPACE.sub(" ", recall.query).strip()
    return attrs.evolve(recall, query=_END.sub("", query))


def stepped(now_ms: int) -> int:
    """Now, as the ranking is to see it: the same for all questions of one step."""
    return now_ms - now_ms % STEP_MS


def moment(store: Store) -> bytes:
    """Which state of which store this is.

    `stamp` is random and new with every generation: two copies of one memory.db, or one that was
    put back from yesterday, go through the same numbers but never through the same stamps.
    """
    row = store.row("select store, n, stamp from generation")
    assert row is not None
    return b"%b %d %b" % (row["store"], row["n"], row["stamp"])


def key_of(moment: bytes, asked: Recall, step_ms: int, ranking: str) -> bytes:
    """The key of a normalised question.

    `ranking` is what else the order depends on: see ranking_of.
    """
    fields = {name: value for name, value in attrs.asdict(asked).items() if name not in _NOT_ASKED}
    said = json.dumps([_FORMAT, fields, step_ms, ranking])
    return hashlib.sha256(moment + b"\0" + said.encode()).digest()


def ranking_of(settings: MemorySettings) -> str:
    """Of all that ranks: this room's code and weights, the embedder's name, and the settings.

    A daemon of another version does not take the answers that this one has put on a server.
    """
    digest = hashlib.sha256(json.dumps([settings.embedder, settings.half_life_days]).encode())
    folder = Path(__file__).parent
    for file in sorted(folder.rglob("*")):
        if file.suffix in (".py", ".toml", ".sql"):
            digest.update(file.read_bytes())
    return digest.hexdigest()


def packed(hits: Sequence[Hit]) -> bytes:
    """Numbers, scores, levels and reasons."""
    return json.dumps(
        [[hit.number, hit.score, hit.level, hit.signals] for hit in hits], separators=(",", ":")
    ).encode()


def unpacked(value: bytes) -> list[Hit] | None:
    """The hits, or nothing when that is not what `packed` makes."""
    try:
        rows = json.loads(value)
    except (ValueError, RecursionError):
        return None
    if not isinstance(rows, list) or len(rows) > HITS_MAX:
        return None
    hits = [_hit(row) for row in rows]
    found = [hit for hit in hits if hit is not None]
    return found if len(found) == len(hits) else None


def _hit(row: Any) -> Hit | None:
    match row:
        case [int() as number, int() | float() as score, str() as level, list() as signals]:
            plain = tuple(_signal(signal) for signal in signals)
            known = [signal for signal in plain if signal is not None]
            if number <= 0 or not math.isfinite(score) or level not in _LEVELS:
                return None
            if len(known) < len(plain):
                return None
            return Hit(number=number, score=score, level=level, signals=tuple(known))  # type: ignore[arg-type]
    return None


def _signal(signal: Any) -> tuple[str, float] | None:
    match signal:
        case [str() as name, int() | float() as share] if len(
            name
        ) <= NAME_CHARACTERS and math.isfinite(share):
            return name, share
    return None
