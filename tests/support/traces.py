"""Git histories as traces of what is touched together: one commit is one turn."""

import math
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Final, Protocol

import attrs

WARM_UP: Final = 10  # turns that are learned from before the first is judged
FILES_MAX: Final = 30  # of a commit; more is a sweep
TOPS: Final = (5, 10, 20, 50)


@attrs.frozen(kw_only=True)
class Turn:
    """What one commit did, in the order of git."""

    touched: tuple[str, ...]
    renamed: tuple[tuple[str, str], ...] = ()
    gone: tuple[str, ...] = ()


class Policy(Protocol):
    """Predicts what is touched next."""

    name: str

    def top(self, seeds: tuple[str, ...], count: int) -> list[str]: ...

    def learn(self, number: int, turn: Turn) -> None: ...


def turns_of(repository: Path) -> list[Turn]:
    """The commits of a history, oldest first, without merges and sweeps."""
    said = subprocess.run(
        ["git", "-C", str(repository), "log", "--reverse", "--no-merges", "--name-status", "-M",
         "-z", "--format=%x01"],
        capture_output=True, check=True, timeout=120,
    ).stdout.decode("utf-8", "replace")  # fmt: skip
    turns = [_turn([field for field in text.split("\0") if field.strip()])
             for text in said.split("\x01")]  # fmt: skip
    return [turn for turn in turns if 0 < len(turn.touched) <= FILES_MAX]


def _turn(fields: list[str]) -> Turn:
    touched, renamed, gone = [], [], []
    rest: Iterator[str] = iter(fields)
    for field in rest:
        kind = field.strip()[0]
        name = next(rest)
        if kind in "RC":
            new = next(rest)
            if kind == "R":
                renamed.append((name, new))
            touched.append(new)
        elif kind == "D":
            gone.append(name)
        else:
            touched.append(name)
    return Turn(touched=tuple(touched), renamed=tuple(renamed), gone=tuple(gone))


@attrs.define
class Hits:
    """Shares of a turn's known files among the predicted, averaged over turns, in percent."""

    turns: int = 0
    seeded_turns: int = 0
    sums: dict[str, float] = attrs.field(factory=dict)

    def add(self, key: str, wanted: list[str], found: list[str]) -> None:
        share = len(set(wanted) & set(found)) / len(wanted)
        self.sums[key] = self.sums.get(key, 0.0) + share

    def percent(self, key: str) -> float:
        turns = self.seeded_turns if key.startswith("seeded") else self.turns
        return 100 * self.sums.get(key, 0.0) / turns if turns else math.nan


def replay(turns: list[Turn], policy: Policy, hits: Hits) -> None:
    """Predict each turn before it is learned; only files that were known before it count."""
    known: set[str] = set()
    for number, turn in enumerate(turns):
        renamed = {new: old for old, new in turn.renamed}
        wanted = list(dict.fromkeys(
            renamed.get(name, name) for name in turn.touched if renamed.get(name, name) in known
        ))  # fmt: skip
        if wanted and number >= WARM_UP:
            hits.turns += 1
            top = policy.top((), max(TOPS))
            for count in TOPS:
                hits.add(f"hit@{count}", wanted, top[:count])
            if len(wanted) > 1:
                hits.seeded_turns += 1
                top = [name for name in policy.top((wanted[0],), 11) if name != wanted[0]]
                for count in (5, 10):
                    hits.add(f"seeded@{count}", wanted[1:], top[:count])
        policy.learn(number, turn)
        known -= {old for old, _ in turn.renamed} | set(turn.gone)
        known |= set(turn.touched)
