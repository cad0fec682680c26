"""Pure: the evidence that a child beats its parent, which may be looked at after every pair."""

from math import comb
from typing import Final

ENOUGH: Final = 20.0  # at most one false promotion in 20, however often it is looked at
PAIRS_MAX: Final = 400


def e_value(child_only: int, parent_only: int) -> float:
    """The evidence of pairs in which only one of the two succeeded.

    If the child is no better, such a pair is the child's with a chance of at most 1/2; against it
    stands a uniform mixture of the chances above 1/2:
    2 B(D+1, L+1) P(Beta(D+1, L+1) > 1/2) 2^(D+L), here as a quotient of whole numbers. Under the
    null it is a supermartingale that begins at 1, so that Ville's inequality bounds its maximum.
    """
    pairs = child_only + parent_only
    above = sum(comb(pairs + 1, j) for j in range(child_only + 1))
    return above / ((pairs + 1) * comb(pairs, child_only))
