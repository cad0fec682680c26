"""The router: decides what a request is, and records each decision."""

from pathlib import Path
from typing import Any

import attrs

from atlas_actors.actor import Place
from atlas_actors.clock import Ids
from atlas_actors.config import RetentionSettings
from atlas_actors.messages.routing import Classified, Classify, Route, RouteChosen
from atlas_actors.router import records
from atlas_actors.router.decide import decide
from atlas_actors.store_actor import StoreActor

Inbox = Classify | RouteChosen


class Router(StoreActor):
    """Owns router.db."""

    inbox = Inbox
    schema = Path(__file__).with_name("schema")

    def __init__(self, place: Place, *, database: Path, settings: RetentionSettings) -> None:
        super().__init__(place, database=database, retention_days=settings.retention_days)
        self._ids = Ids(place.clock)

    def on_receive(self, message: Inbox) -> Any:
        """Table of contents."""
        match message:
            case Classify():
                return self._on_classify(message)
            case RouteChosen():
                return records.choose(
                    self.store, message.route_id, message.provider, message.task_id
                )

    def _on_classify(self, asked: Classify) -> Classified:
        begun_s = self.place.clock.monotonic_s()
        decision = decide(asked.text, has_files=asked.has_files, has_cwd=asked.cwd is not None)
        took_us = round((self.place.clock.monotonic_s() - begun_s) * 1e6)
        route = Route(
            id=self._ids.new(),
            agent=None,
            **{field.name: getattr(decision, field.name) for field in attrs.fields(type(decision))},
        )
        records.add(self.store, asked, route, self.place.clock.now_ms(), took_us)
        return Classified(request_id=asked.request_id, route=route)

    def prune(self, before_ms: int) -> bool:
        """Delete what is older than that."""
        records.prune(self.store, before_ms)
        return False
