"""The token buckets of lanes and groups: filled in memory, written down with what takes."""

import math
from typing import Protocol

from atlas_actors.actor import Place
from atlas_actors.store import Store
from atlas_actors.tasks import claims
from atlas_actors.tasks.bucket import Bucket


class Desk(Protocol):
    """What of the actor is needed here."""

    store: Store
    place: Place


class Limits:
    """How many may begin now, by name; 0 per minute is any number."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        self._buckets: dict[str, Bucket] = {}

    def forget(self) -> None:
        """A batch was refused: what is written down counts."""
        self._buckets.clear()

    def room(self, name: str, per_minute: int) -> float:
        """How many may begin now."""
        return math.floor(self._bucket(name, per_minute).tokens) if per_minute else math.inf

    def wait_s(self, name: str, per_minute: int) -> float:
        """Until the next may begin."""
        return self._bucket(name, per_minute).wait_s() if per_minute else 0.0

    def take(self, name: str, per_minute: int, count: int) -> None:
        """So many have begun; fewer than none: those have not after all."""
        if not per_minute or not count:
            return
        bucket = self._bucket(name, per_minute).taken(count)
        self._buckets[name] = bucket
        claims.keep_bucket(self._desk.store, name, bucket.tokens, self._desk.place.clock.now_ms())

    def _bucket(self, name: str, per_minute: int) -> Bucket:
        clock = self._desk.place.clock
        now_s = clock.monotonic_s()
        bucket = self._buckets.get(name)
        if bucket is None or bucket.per_minute != per_minute:
            row = claims.bucket(self._desk.store, name)
            bucket = Bucket.full(per_minute, now_s)
            if row is not None:
                age_s = (clock.now_ms() - row["at_ms"]) / 1000
                bucket = Bucket.kept(per_minute, row["tokens"], age_s, now_s)
        bucket = self._buckets[name] = bucket.at(now_s)
        return bucket
