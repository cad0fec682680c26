"""Memory on a stage: what is stored, recalled and kept."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from atlas_actors.config import load
from atlas_actors.memory.actor import Memory
from atlas_actors.messages import paths
from atlas_actors.messages.memory import NewMemory, Recall, Stored, StoreMemories
from atlas_actors.settings import MemorySettings
from supervisors.child import ChildSpec
from tests.support.stages import Stage
from tests.support.trees import WAIT_S, Tree, tree_of


def memory_settings(**changes: Any) -> MemorySettings:
    """As shipped, without anything from outside."""
    import attrs

    return attrs.evolve(load({"ATLAS_HOME": "/nowhere"}).memory, embedder="none", **changes)


class Remembering(Stage):
    """The room on a file, driven by hand."""

    def __init__(self, folder: Path, **changes: Any) -> None:
        super().__init__(
            Memory,
            path=paths.MEMORY,
            database=folder / "memory.db",
            settings=memory_settings(**changes),
        )
        self.start()

    def store(self, *texts: str | NewMemory, origin: str = "person", **fields: Any) -> list[Stored]:
        """Store texts (learnings unless said) or items."""
        learned = fields.pop("learned", False)
        fields.setdefault("kind", "learning")
        items = tuple(NewMemory(text=t, **fields) if isinstance(t, str) else t for t in texts)
        order = StoreMemories(items=items, origin=origin, learned=learned)  # type: ignore[arg-type]
        return list(self.actor.dispatch(order).stored)

    def one(self, text: str, **fields: Any) -> Stored:
        return self.store(text, **fields)[0]

    def recall(self, query: str, **fields: Any) -> Any:
        return self.actor.dispatch(Recall(query=query, **fields))

    def texts(self, query: str, **fields: Any) -> list[str]:
        return [item.text for item in self.recall(query, **fields).items]

    def rows(self, sql: str, *bindings: Any) -> list[dict[str, Any]]:
        return list(self.actor.store.rows(sql, bindings))

    def kept(self) -> list[str]:
        """All texts, in order."""
        return [row["text"] for row in self.rows("select text from memories order by number")]

    def row(self, id: str) -> dict[str, Any]:
        (row,) = self.rows("select * from memories where id = ?", id)
        return row

    def generation(self) -> int:
        return int(self.rows("select n from generation")[0]["n"])


class Running:
    """The room in a tree, with its thread."""

    def __init__(self, tree: Tree) -> None:
        self.tree = tree

    def ask(self, message: Any) -> Any:
        return self.tree.ref("memory").ask(message, timeout_s=WAIT_S)

    def store(self, *texts: str, origin: str = "person", **fields: Any) -> list[Stored]:
        fields.setdefault("kind", "learning")
        items = tuple(NewMemory(text=text, **fields) for text in texts)
        return list(self.ask(StoreMemories(items=items, origin=origin)).stored)  # type: ignore[arg-type]


@contextmanager
def running(folder: Path, logs: Path | None = None, **changes: Any) -> Iterator[Running]:
    """A running room."""
    arguments = {
        "database": folder / "memory.db",
        "settings": memory_settings(**changes),
        "logs": logs,
    }
    with tree_of(ChildSpec(id="memory", actor=Memory, arguments=arguments)) as tree:
        yield Running(tree)
