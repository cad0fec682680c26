"""A disk whose power fails: what was not synced may be there, may be gone, may be torn.

Modelled on SQLite's own crash tests (test6.c): at the cut each unsynced write of each file is kept,
dropped or torn into 512-byte sectors, by a seeded choice; every later call fails. What is not
modelled: names in a directory are durable at once, and what was synced never rots.
"""

import random
import tempfile
from pathlib import Path
from typing import Any, Literal

import apsw
import attrs

from atlas_actors.cell import Fence
from atlas_actors.store import Store
from tests.support.ledger_room import acknowledged, disk, handle, make_schema, room_stage, work

SECTOR = 512
# full: every commit durable; mixed: some; normal: none; off: a fault of ours, planted.
Mode = Literal["full", "mixed", "normal", "off"]


class _Image:
    """One file: what is on the platter and what is only promised."""

    def __init__(self, path: Path) -> None:
        self.platter = bytearray(path.read_bytes()) if path.exists() else bytearray()
        self.promised: list[tuple[int, bytes | None]] = []  # None: cut to that length

    def sync(self) -> None:
        for offset, data in self.promised:
            _apply(self.platter, offset, data)
        self.promised.clear()

    def survives(self, generator: random.Random) -> bytes:
        """What is found after the cut."""
        content = bytearray(self.platter)
        for offset, data in self.promised:
            fate = generator.choice(("kept", "dropped", "torn"))
            if fate == "kept" or (fate == "torn" and data is None):
                _apply(content, offset, data)
            elif fate == "torn" and data is not None:
                for start in range(0, len(data), SECTOR):
                    if generator.random() < 0.5:
                        _apply(content, offset + start, data[start : start + SECTOR])
        return bytes(content)


def _apply(content: bytearray, offset: int, data: bytes | None) -> None:
    if data is None:
        del content[offset:]
        content.extend(bytes(max(0, offset - len(content))))
        return
    content.extend(bytes(max(0, offset - len(content))))
    content[offset : offset + len(data)] = data


class PowerDisk(apsw.VFS):
    """Loses power at operation number `cut_at` (a write, truncation, sync or deletion)."""

    def __init__(self, cut_at: int, generator: random.Random) -> None:
        self.vfs = f"power-{id(self)}"
        self.operations = 0
        self.is_off = False
        self._cut_at = cut_at
        self._generator = generator
        self._images: dict[Path, _Image] = {}
        self._found: dict[Path, bytes] = {}
        super().__init__(self.vfs, "unix")

    def image(self, path: Path) -> _Image:
        return self._images.setdefault(path, _Image(path))

    def count(self) -> None:
        """One more operation; the power may go now, while it is under way."""
        self.refuse_if_off()
        self.operations += 1
        if self.operations == self._cut_at:
            self.is_off = True
            self._found = {
                path: image.survives(self._generator) for path, image in self._images.items()
            }
            self.refuse_if_off()

    def refuse_if_off(self) -> None:
        if self.is_off:
            raise apsw.IOError("there is no power")

    def xOpen(self, name: Any, flags: list[int]) -> "_File":
        self.refuse_if_off()
        return _File(self, name, flags)

    def xDelete(self, name: str, sync: bool) -> None:
        self.count()
        self._images.pop(Path(name), None)
        super().xDelete(name, sync)

    def power_on(self) -> None:
        """Write what is found when the machine starts again."""
        for path, content in self._found.items():
            path.write_bytes(content)
            path.with_name(f"{path.name}-shm").unlink(missing_ok=True)


class _File(apsw.VFSFile):
    def __init__(self, power: PowerDisk, name: Any, flags: list[int]) -> None:
        self._power = power
        path = name.filename() if isinstance(name, apsw.URIFilename) else name
        self._image = power.image(Path(path))
        super().__init__("unix", name, flags)

    def xRead(self, amount: int, offset: int) -> bytes:
        self._power.refuse_if_off()
        return super().xRead(amount, offset)

    def xWrite(self, data: Any, offset: int) -> None:
        self._power.refuse_if_off()
        self._image.promised.append((offset, bytes(data)))
        self._power.count()
        super().xWrite(data, offset)

    def xTruncate(self, newsize: int) -> None:
        self._power.refuse_if_off()
        self._image.promised.append((newsize, None))
        self._power.count()
        super().xTruncate(newsize)

    def xSync(self, flags: int) -> None:
        self._power.count()
        self._image.sync()


@attrs.frozen(kw_only=True)
class Found:
    """What one cut led to."""

    was_cut: bool
    operations: int
    acknowledged: int = 0
    lost: int = 0  # acknowledged as durable and gone
    forgotten: int = 0  # acknowledged as not durable and gone, which is allowed
    broken: str = ""  # corrupt, or not a prefix of what was committed


def cut(mode: Mode, cut_at: int, seed: int, batches: int = 12) -> Found:
    """Work until the power goes at that operation, start again, and compare."""
    generator = random.Random(seed)
    durable = {"full": True, "normal": False, "mixed": None, "off": True}[mode]
    planned = work(generator, batches, durable)
    with tempfile.TemporaryDirectory(dir=in_memory()) as folder:
        path, schema = Path(folder) / "room.db", make_schema(Path(folder))
        power = PowerDisk(cut_at, generator)
        promised, mentioned = _run(path, schema, power, planned, unsynced=mode == "off")
        if not power.is_off:
            return Found(was_cut=False, operations=power.operations)
        power.power_on()
        try:
            found = _read(path, schema)
        except (apsw.Error, AssertionError) as error:
            return Found(
                was_cut=True,
                operations=power.operations,
                acknowledged=len(promised),
                broken=f"{type(error).__name__}: {error}",
            )
    return Found(
        was_cut=True,
        operations=power.operations,
        acknowledged=len(promised) + len(mentioned),
        lost=len(promised - found),
        forgotten=len(mentioned - found),
        broken="" if _is_prefix(found, planned) else f"no prefix: {sorted(found)}",
    )


def in_memory() -> str | None:
    """A folder whose files need no disk, for who makes very many; None where there is none."""
    return "/dev/shm" if Path("/dev/shm").is_dir() else None


def _run(
    path: Path, schema: Path, power: PowerDisk, planned: list[Any], *, unsynced: bool
) -> tuple[set[int], set[int]]:
    """The numbers that were acknowledged as durable, and the others."""
    promised: set[int] = set()
    mentioned: set[int] = set()
    stage = room_stage(path, schema)
    with disk(power.vfs):
        try:
            stage.start()
            for batch in planned:
                if unsynced:
                    stage.actor.store.connection.execute("pragma synchronous=off").fetchall()
                    stage.actor.store._full = True  # it believes that its commits are synced
                durable = any(entry.durable for entry in batch)
                for entry, reply in zip(batch, handle(stage, batch), strict=True):
                    if acknowledged(reply):
                        (promised if durable else mentioned).add(entry.number)
                if durable and not power.is_off:
                    promised |= mentioned  # a synced WAL holds what came before
                    mentioned.clear()
                if power.is_off:
                    break
        except Exception:
            if not power.is_off:
                raise
        stage.actor._tear_down_safely()
    return promised, mentioned


def _read(path: Path, schema: Path) -> set[int]:
    with Store(path, schema, Fence()) as store:
        assert store.set_aside is None, store.set_aside
        assert store.rows("pragma integrity_check") == [{"integrity_check": "ok"}]
        found = {row["number"] for row in store.rows("select number from entries")}
        assert store.row("select entries from counts") == {"entries": len(found)}
    return found


def _is_prefix(found: set[int], planned: list[Any]) -> bool:
    """Whether these are all entries of the first so many batches."""
    so_far: set[int] = set()
    for batch in planned:
        if so_far == found:
            return True
        so_far |= {entry.number for entry in batch}
    return so_far == found
