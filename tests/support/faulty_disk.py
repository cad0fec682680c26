"""A disk whose n-th call fails, once or from then on: I/O error, no space left, half done."""

import random
import shutil
from collections import Counter
from pathlib import Path
from typing import Any, Literal

import apsw
import attrs

from atlas_actors.cell import Fence
from atlas_actors.errors import CannotStart
from atlas_actors.store import Store, damaged, suspect
from atlas_actors.store_actor import TELL_AGAIN_S
from tests.support.ledger_room import acknowledged, disk, handle, room_stage, work

# io: the call fails; full: a write finds no space; short: a write finds space for half of it.
Fault = Literal["io", "full", "short"]
STARTS_MAX = 20


class FaultyDisk(apsw.VFS):
    """Fails call number `fails_at`, and with `lasts` all from then on, until `heal`."""

    def __init__(self, fault: Fault, fails_at: int, *, lasts: bool) -> None:
        self.vfs = f"faulty-{id(self)}"
        self.calls = 0
        self.fault = fault
        self.failures = 0
        self._is_well = False
        self._fails_at = fails_at
        self._lasts = lasts
        super().__init__(self.vfs, "unix")

    def heal(self) -> None:
        """From now on all is well."""
        self._is_well = True

    def fails(self, fault: Fault) -> bool:
        """Count a call that this kind of fault can hit; whether it fails."""
        if fault != self.fault:
            return False
        self.calls += 1
        due = self.calls >= self._fails_at if self._lasts else self.calls == self._fails_at
        fails = due and not self._is_well
        self.failures += fails
        return fails

    def check(self) -> None:
        if self.fails("io"):
            raise apsw.IOError("as the test wants it")

    def xOpen(self, name: Any, flags: list[int]) -> "_File":
        if self.fails("io"):
            raise apsw.CantOpenError("as the test wants it")
        return _File(self, name, flags)

    def xDelete(self, name: str, sync: bool) -> None:
        self.check()
        super().xDelete(name, sync)


class _File(apsw.VFSFile):
    def __init__(self, faulty: FaultyDisk, name: Any, flags: list[int]) -> None:
        self._faulty = faulty
        super().__init__("unix", name, flags)

    def xRead(self, amount: int, offset: int) -> bytes:
        self._faulty.check()
        return super().xRead(amount, offset)

    def xWrite(self, data: Any, offset: int) -> None:
        self._faulty.check()
        if self._faulty.fails("full"):
            raise apsw.FullError("as the test wants it")
        if self._faulty.fails("short"):
            super().xWrite(bytes(data)[: len(data) // 2], offset)
            raise apsw.FullError("as the test wants it")
        super().xWrite(data, offset)

    def xTruncate(self, newsize: int) -> None:
        self._faulty.check()
        super().xTruncate(newsize)

    def xSync(self, flags: int) -> None:
        self._faulty.check()

    def xFileSize(self) -> int:
        self._faulty.check()
        return super().xFileSize()


@attrs.define(kw_only=True)
class Suffered:
    """What one fault led to."""

    failures: int = 0
    calls: int = 0
    acknowledged: set[int] = attrs.field(factory=set)
    errors: Counter[str] = attrs.field(factory=Counter)  # what callers were told
    crashes: list[str] = attrs.field(factory=list)
    parked: int = 0
    found: set[int] = attrs.field(factory=set)
    problems: list[str] = attrs.field(factory=list)

    @property
    def lost(self) -> set[int]:
        return self.acknowledged - self.found


class _Life:
    """A room that is started again whenever it has ended, as its supervisor would."""

    def __init__(self, path: Path, schema: Path, suffered: Suffered) -> None:
        self._path, self._schema, self._suffered = path, schema, suffered
        self.stage: Any = None

    def start(self) -> bool:
        """Whether it runs; a room that cannot start is parked."""
        for _ in range(STARTS_MAX):
            if self.stage is not None:
                return True
            stage = room_stage(self._path, self._schema)
            try:
                stage.start()
                self.stage = stage
            except CannotStart:
                self._suffered.parked += 1
                stage.actor._tear_down_safely()
                return False
            except Exception as error:
                self._ended(stage, error)
        raise AssertionError(f"a crash loop: {self._suffered.crashes}")

    def give(self, batch: list[Any]) -> None:
        """One batch; a crash ends this incarnation."""
        if not self.start():
            return
        try:
            replies = handle(self.stage, batch)
        except Exception as error:
            stage, self.stage = self.stage, None
            self._ended(stage, error)
            return
        for entry, reply in zip(batch, replies, strict=True):
            if acknowledged(reply):
                self._suffered.acknowledged.add(entry.number)
            else:
                self._suffered.errors[type(reply.error).__name__] += 1

    def let_time_pass(self) -> None:
        """What the room tells itself is due."""
        self.stage.clock.advance(TELL_AGAIN_S)
        self.stage.actor._handle_due()

    def _ended(self, stage: Any, error: Exception) -> None:
        self._suffered.crashes.append(f"{type(error).__name__}: {error}")
        if damaged(error):  # as StoreActor._life does
            suspect(self._path)
        stage.actor._tear_down_safely()


def suffer(
    home: Path, whole: Path, schema: Path, fault: Fault, fails_at: int, *, lasts: bool
) -> Suffered:
    """Work on a copy of the file `whole` while the disk fails, then after it has healed."""
    path = home / "room.db"
    for part in ("", "-wal"):
        if whole.with_name(whole.name + part).exists():
            shutil.copyfile(whole.with_name(whole.name + part), home / f"room.db{part}")
    home.joinpath(".room.db.known").touch()
    suffered = Suffered()
    faulty = FaultyDisk(fault, fails_at, lasts=lasts)
    batches = [
        [attrs.evolve(entry, number=entry.number + 100) for entry in batch]
        for batch in work(random.Random(1), 5)
    ]
    with disk(faulty.vfs):
        life = _Life(path, schema, suffered)
        for batch in batches[:3]:
            life.give(batch)
        faulty.heal()
        suffered.failures, suffered.calls = faulty.failures, faulty.calls
        if not life.start():
            suffered.problems.append("it cannot start on a disk that has healed")
            return suffered
        before = len(suffered.acknowledged)
        life.let_time_pass()
        if life.stage.cell.reason:
            suffered.problems.append(f"not recovered: {life.stage.cell.reason}")
        for batch in batches[3:]:
            life.give(batch)
        if len(suffered.acknowledged) - before != sum(map(len, batches[3:])):
            suffered.problems.append(f"work after the fault was refused: {suffered.errors}")
        life.stage.stop()
    aside = [file.name for file in home.iterdir() if file.name.startswith("room.db.")]
    suffered.problems += [f"{name} is left" for name in aside]
    _compare(path, schema, suffered)
    return suffered


def _compare(path: Path, schema: Path, suffered: Suffered) -> None:
    with Store(path, schema, Fence()) as store:
        if store.set_aside is not None:
            suffered.problems.append(f"set aside: {store.set_aside}")
        if store.rows("pragma integrity_check") != [{"integrity_check": "ok"}]:
            suffered.problems.append("not whole")
        suffered.found = {row["number"] for row in store.rows("select number from entries")}
        if store.row("select entries from counts") != {"entries": len(suffered.found)}:
            suffered.problems.append("the trigger's count is wrong")
