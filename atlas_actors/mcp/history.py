"""The database of an actor that is no StoreActor: a refusing disk costs the history, no more."""

from collections.abc import Callable
from pathlib import Path
from typing import Final

from loguru import logger

from atlas_actors.cell import Fence
from atlas_actors.errors import CannotStart, Unavailable
from atlas_actors.mcp import records
from atlas_actors.messages.mcp import ServerHealth
from atlas_actors.store import Store, outside_fault, refused

SCHEMA: Final = Path(__file__).with_name("schema")


class History:
    """Opened, used and closed on the actor's own thread. `trouble`: why nothing is kept now, or
    what became of an earlier file; "" when all is well."""

    def __init__(self, database: Path, fence: Fence, *, thorough: bool) -> None:
        """Raises CannotStart when the disk refuses."""
        try:
            self._store = Store(database, SCHEMA, fence, thorough=thorough)
        except Unavailable as error:
            raise CannotStart(error.message, cure=error.cure) from error
        except Exception as error:
            if not outside_fault(error):
                raise
            why = refused(database, error)
            raise CannotStart(why.message, cure=why.cure) from error
        aside = self._store.set_aside
        self._notice = ""
        if aside is not None:
            self._notice = f"{database.name} was {aside.reason} and is kept as {aside.kept_as}"
            logger.error("store.set_aside", reason=aside.reason, kept_as=aside.kept_as)
        self.trouble = self._notice

    def close(self) -> None:
        """Close the file."""
        self._store.close()

    def keep(self, health: ServerHealth) -> None:
        """Keep what a look came to, unless the disk refuses."""
        self._write(lambda: records.keep(self._store, health))

    def prune(self, before_ms: int) -> None:
        """Forget what is older."""
        self._write(lambda: records.prune(self._store, before_ms))

    def _write(self, work: Callable[[], object]) -> None:
        store = self._store
        try:
            if store.moved():
                store.put_back()
            store.begin(durable=False)
            work()
            store.commit()
        except Exception as error:
            store.rollback()
            declared = isinstance(error, Unavailable)
            if not declared and not outside_fault(error):
                raise
            why = error if declared else refused(store.path, error)
            self.trouble = str(why)
            logger.error("mcp.history_refused", error=self.trouble)
        else:
            self.trouble = self._notice
