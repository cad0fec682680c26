"""Pure: a challenger beside its parent, two requests at a time, and what the pairs come to."""

from typing import Any, Final

import attrs

from atlas_actors.strategies.evalue import ENOUGH, PAIRS_MAX, e_value

OPEN_MAX: Final = 500  # choices that a pair may stay open; who has not ended then does not count


@attrs.define(kw_only=True)
class Half:
    """One of the two requests of a pair; choice None: still to be asked, x None: not ended."""

    choice: int | None = None
    x: int | None = None


@attrs.define(kw_only=True)
class Pair:
    """One request to each of the two, in the order that a coin decided."""

    band: str
    begun: int  # the number of the choice
    child_first: bool
    child: Half = attrs.field(factory=Half)
    parent: Half = attrs.field(factory=Half)

    @property
    def ended(self) -> bool:
        return self.child.x is not None and self.parent.x is not None


@attrs.define(kw_only=True)
class Duel:
    """A challenger's trial against its parent."""

    parent: str
    pairs: list[Pair] = attrs.field(factory=list)  # that have ended
    open: dict[str, Pair] = attrs.field(factory=dict)  # by band

    def counts(self) -> tuple[int, int, int]:
        """Pairs that only the child passed, only the parent, and both or neither."""
        child_only = sum(pair.child.x == 1 and pair.parent.x == 0 for pair in self.pairs)
        parent_only = sum(pair.child.x == 0 and pair.parent.x == 1 for pair in self.pairs)
        return child_only, parent_only, len(self.pairs) - child_only - parent_only

    def begin(self, band: str, number: int, child_first: bool) -> bool:
        """This choice begins a pair; is it the child's?"""
        pair = self.open[band] = Pair(band=band, begun=number, child_first=child_first)
        (pair.child if child_first else pair.parent).choice = number
        return child_first

    def goes_on(self, band: str, number: int) -> bool | None:
        """Is this choice the second of an open pair, and the child's? None: it is not of one."""
        pair = self.open.get(band)
        if pair is not None and number - pair.begun > OPEN_MAX:
            del self.open[band]
            pair = None
        if pair is None:
            return None
        if pair.child.choice is None:
            pair.child.choice = number
            return True
        if pair.parent.choice is None:
            pair.parent.choice = number
            return False
        return None

    def told(self, choice: int, x: int | None) -> bool:
        """A choice has ended or was amended; does the duel know more or otherwise now?

        A half of which nothing is known takes its pair with it.
        """
        for pair in [*self.open.values(), *self.pairs]:
            for half in (pair.child, pair.parent):
                if half.choice == choice:
                    half.x = x
                    self._sort(pair)
                    return pair.ended or x is None
        return False

    def _sort(self, pair: Pair) -> None:
        waiting = self.open.get(pair.band) is pair
        unknown = any(
            half.choice is not None and half.x is None for half in (pair.child, pair.parent)
        )
        if waiting and pair.ended:
            del self.open[pair.band]
            self.pairs.append(pair)
        elif not waiting and unknown:
            self.pairs.remove(pair)

    def drop(self, choice: int) -> None:
        """Nothing will be known of that choice: its open pair is given up."""
        for band, pair in list(self.open.items()):
            if choice in (pair.child.choice, pair.parent.choice):
                del self.open[band]

    def verdict(self) -> tuple[str, float, float] | None:
        """promoted, culled or undecided, with the evidence for and against; None: it goes on."""
        child_only, parent_only, _ = self.counts()
        better, worse = e_value(child_only, parent_only), e_value(parent_only, child_only)
        if better >= ENOUGH:
            return "promoted", better, worse
        if worse >= ENOUGH:
            return "culled", better, worse
        return ("undecided", better, worse) if len(self.pairs) >= PAIRS_MAX else None

    def to_json(self) -> dict[str, Any]:
        return attrs.asdict(self)

    @classmethod
    def from_json(cls, row: dict[str, Any]) -> "Duel":
        return cls(
            parent=row["parent"],
            pairs=[_pair(pair) for pair in row["pairs"]],
            open={band: _pair(pair) for band, pair in row["open"].items()},
        )


def _pair(row: dict[str, Any]) -> Pair:
    return Pair(**(row | {"child": Half(**row["child"]), "parent": Half(**row["parent"])}))
