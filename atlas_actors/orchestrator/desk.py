"""What the parts of the orchestrator need of its actor."""

from typing import Any, Protocol

from atlas_actors.actor import Place
from atlas_actors.store import Store


class Desk(Protocol):
    """What of the actor is needed here."""

    store: Store
    place: Place

    def tell(self, path: str, message: Any) -> None: ...

    def entrust(self, path: str, message: Any) -> None: ...

    def request(self, path: str, message: Any) -> None: ...

    def after(self, delay_s: float, message: Any) -> None: ...
