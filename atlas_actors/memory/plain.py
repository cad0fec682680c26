"""Search by the share of a query's words that a text has, over the newest rows; no index."""

import re
from collections.abc import Sequence
from typing import Final

from atlas_actors.memory.hits import Hit, Related
from atlas_actors.messages.memory import Recall
from atlas_actors.store import Row, Store

ROWS_MAX: Final = 5_000
_WORDS: Final = re.compile(r"\w+")


class PlainSearch:
    """What stands in where there is no index."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def note(self, number: int) -> None:
        """There is no index."""

    def forget(self, numbers: Sequence[int]) -> None:
        """There is no index."""

    def backfill(self, most: int) -> int:
        """There are no vectors."""
        return 0

    def progress(self) -> dict[str, object]:
        """That there is no embedder."""
        return {"name": "none"}

    def find(self, wanted: Recall, now_ms: int, related: Sequence[Related] = ()) -> list[Hit]:
        """Best first, newest first among equals."""
        words = set(_WORDS.findall(wanted.query.casefold()))
        scored = ((_share(words, row["text"]), row["number"]) for row in self._rows(wanted))
        best = sorted((pair for pair in scored if pair[0] > 0), reverse=True)
        return [
            Hit(number=number, score=score, level="l2", signals=(("words", score),))
            for score, number in best[: wanted.k * (3 if wanted.budget_tokens else 1)]
        ]

    def _rows(self, wanted: Recall) -> list[Row]:
        return [
            row
            for row in self._store.rows(
                "select number, text, kind from memories where state <> 'rejected'"
                " and (? is null or project in (?, '')) and (? is null or session = ?)"
                " and at_ms <= coalesce(?, at_ms)"
                " and (? = 0 or (state = 'kept' and trust > 0)) order by number desc limit ?",
                (
                    wanted.project,
                    wanted.project,
                    wanted.session,
                    wanted.session,
                    wanted.at_ms,
                    int(wanted.injectable),
                    ROWS_MAX,
                ),
            )
            if not wanted.kinds or row["kind"] in wanted.kinds
        ]


def _share(words: set[str], text: str) -> float:
    found = words & set(_WORDS.findall(text.casefold()))
    return len(found) / max(1, len(words))
