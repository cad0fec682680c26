"""What becomes of one item that is to be remembered."""

import json
from collections.abc import Sequence
from typing import Final

import attrs
from loguru import logger

from atlas_actors import failpoints
from atlas_actors.clock import DAY_MS, Ids
from atlas_actors.errors import NotFound, UsageError
from atlas_actors.memory import claims, intake, records, trust
from atlas_actors.memory.levels import Levels
from atlas_actors.messages.memory import (
    KINDS,
    NewEntity,
    NewMemory,
    NewRelation,
    Origin,
    Stored,
)
from atlas_actors.store import Row, Store

# What was said or happened did so before now, give or take a clock; a memory of the future would be
# the newest for ever.
AHEAD_MS: Final = DAY_MS
UNKNOWN_LINEAGE: Final = 0  # of a memory that is gone nobody knows whose words it had


class Storing:
    """Puts items into the tables and into every level, in the transaction in hand."""

    def __init__(self, store: Store, levels: Levels, ids: Ids, per_session_max: int) -> None:
        self._store = store
        self._levels = levels
        self._ids = ids
        self._per_session_max = per_session_max

    def put(
        self,
        item: NewMemory | NewEntity | NewRelation,
        origin: Origin,
        now_ms: int,
        *,
        learned: bool = False,
    ) -> Stored:
        """Keep one item. Raises UsageError, NotFound."""
        if item.at_ms is not None and item.at_ms > now_ms + AHEAD_MS:
            item = attrs.evolve(item, at_ms=now_ms)
        if isinstance(item, NewEntity):
            id = self._levels.graph.put_entity(item, origin, now_ms)
            return Stored(id=id, result="created")
        if isinstance(item, NewRelation):
            id = self._levels.graph.put_relation(item, origin, now_ms)
            return Stored(id=id, result="created")
        if item.kind not in KINDS:
            raise UsageError(f"{item.kind!r} is no kind of memory", cure=", ".join(KINDS))
        cleaned = intake.cleaned(item)
        if cleaned is None:
            return Stored(id="", result="private")
        return self._put_memory(cleaned, origin, now_ms, learned=learned)

    def _put_memory(
        self, cleaned: intake.Cleaned, origin: Origin, now_ms: int, *, learned: bool
    ) -> Stored:
        item = cleaned.item
        at_ms = now_ms if item.at_ms is None else item.at_ms
        known = self._trusts(item)
        lineage = [known.get(id, UNKNOWN_LINEAGE) for id in item.lineage]
        trusted = trust.trust_of(origin, lineage)
        fingerprint = intake.fingerprint(item)
        same = records.same(self._store, fingerprint)
        if same is not None and trusted <= same["trust"]:
            return self._meet_again(same, item, origin, at_ms)
        if same is not None and same["state"] == "rejected" and trusted < trust.PERSON:
            return Stored(id=same["id"], result="known", quarantined=True)
        if same is None and item.at_ms is not None:
            held = records.held_then(self._store, fingerprint, item.at_ms, trusted)
            if held is not None:
                return Stored(id=held, result="known")
        if learned and self._is_full(item):
            return Stored(id="", result="full")
        waits = trust.must_wait(item, origin, trusted, hid=cleaned.hid)
        claim = claims.claim_of(item)
        id = self._ids.new()
        number = records.add(
            self._store,
            id,
            item,
            origin=origin,
            trust=trusted,
            state="quarantined" if waits else "kept",
            at_ms=at_ms,
            now_ms=now_ms,
            fingerprint=fingerprint,
            claim=claim,
        )
        if same is not None:
            self._replace_same(same, id, number, at_ms)
        failpoints.passing("memory.indexing")
        self._levels.search.note(number)
        self._levels.graph.note(number, item, trusted, at_ms, now_ms)
        gone: list[str] = [] if same is None else [same["id"]]
        if not waits:
            row = {"number": number, "id": id, "trust": trusted, "at_ms": at_ms}
            gone += self.take_effect(row, item.supersedes, claim)
        return Stored(id=id, result="created", quarantined=waits, superseded=tuple(gone))

    def _trusts(self, item: NewMemory) -> dict[str, int]:
        """Of what it names. Raises NotFound for something to supersede that is not there."""
        if not (item.lineage or item.supersedes):
            return {}
        known = records.trusts(self._store, (*item.lineage, *item.supersedes))
        for id in item.supersedes:
            if id not in known:
                raise NotFound(f"there is no memory {id} to supersede")
        return known

    def _is_full(self, item: NewMemory) -> bool:
        if item.session is None or item.kind == "episode":
            return False
        learned = records.learned_of(self._store, item.project or "", item.session)
        return learned >= self._per_session_max

    def _meet_again(self, same: Row, item: NewMemory, origin: Origin, at_ms: int) -> Stored:
        """It is kept already, by somebody who is trusted as much: it has this source too."""
        waits = same["state"] in ("quarantined", "rejected")
        if item.kind == "episode" or records.was_met(self._store, same, item, origin):
            return Stored(id=same["id"], result="known", quarantined=waits)
        records.add_source(self._store, same["number"], item, origin, at_ms)
        return Stored(id=same["id"], result="merged", quarantined=waits)

    def _replace_same(self, same: Row, id: str, number: int, at_ms: int) -> None:
        """Somebody who is trusted more says it in his words: these are kept in its place."""
        records.move_sources(self._store, same["number"], number)
        records.replace(self._store, same["number"], id, at_ms)

    def approved(self, row: Row) -> list[str]:
        """What a memory supersedes now that a person has approved it; ids."""
        claim = None if row["subject"] is None else (row["subject"], row["value"])
        return self.take_effect(row, json.loads(row["supersedes"]), claim)

    def take_effect(
        self, row: Row, supersedes: Sequence[str], claim: tuple[bytes, str] | None
    ) -> list[str]:
        """Supersede what a memory that holds from now on names or contradicts; their ids.

        Only what is trusted no more than itself. When something newer contradicts it, it is the
        one that holds no longer.
        """
        known = records.trusts(self._store, supersedes) if supersedes else {}
        gone = [
            id
            for id in supersedes
            if known.get(id, trust.PERSON + 1) <= row["trust"]
            and records.supersede(self._store, id, row["id"], row["at_ms"])
        ]
        if claim is None:
            return gone
        for rival in records.rival_claims(self._store, claim[0], row["number"]):
            if rival["value"] == claim[1]:
                continue
            if rival["at_ms"] > row["at_ms"]:
                if rival["trust"] >= row["trust"]:
                    records.supersede(self._store, row["id"], rival["id"], rival["at_ms"])
                    gone.append(row["id"])
                    break
            elif rival["trust"] <= row["trust"] and records.supersede(
                self._store, rival["id"], row["id"], row["at_ms"]
            ):
                gone.append(rival["id"])
        if gone:
            logger.info("memory.superseded", id=row["id"], superseded=len(gone))
        return gone
