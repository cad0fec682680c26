"""A queue of one table and nothing else, straight on APSW: what the disk and SQLite allow."""

import statistics
import time
import uuid
from pathlib import Path
from typing import Any, Literal

import apsw

PAYLOAD = "x" * 200
Level = Literal["normal", "full"]


class RawQueue:
    """One file, one connection; every act is a transaction, `level` its durability."""

    def __init__(self, path: Path, level: Level) -> None:
        self.connection = apsw.Connection(str(path))
        for pragma in ("journal_mode=wal", f"synchronous={level}"):
            self.connection.execute(f"pragma {pragma}").fetchall()
        self.connection.execute(
            "create table if not exists tasks (id text primary key, state integer not null,"
            " priority integer not null, due_ms integer not null, attempt integer not null"
            " default 0, payload text not null) strict;"
            "create index if not exists ready on tasks (priority, due_ms, id) where state = 0"
        ).fetchall()

    def add(self, count: int = 1) -> None:
        """Accept `count` tasks in one commit."""
        now_ms = time.time_ns() // 1_000_000
        rows = [(str(uuid.uuid4()), now_ms, PAYLOAD) for _ in range(count)]
        self._execute("begin immediate")
        self.connection.executemany(
            "insert into tasks (id, state, priority, due_ms, payload) values (?, 0, 1, ?, ?)", rows
        ).fetchall()
        self._execute("commit")

    def claim(self) -> str:
        """Start the first in order; its id."""
        self._execute("begin immediate")
        ((id, _),) = self.connection.execute(
            "update tasks set state = 1, attempt = attempt + 1 where id = (select id from tasks"
            " where state = 0 order by priority, due_ms, id limit 1) returning id, payload"
        ).fetchall()
        self._execute("commit")
        return str(id)

    def complete(self, id: str) -> None:
        """End one."""
        self._execute("begin immediate")
        self._execute("update tasks set state = 2 where id = ? and state = 1", (id,))
        self._execute("commit")

    def close(self) -> None:
        """Close the file."""
        self.connection.close()

    def _execute(self, sql: str, bindings: tuple[Any, ...] = ()) -> None:
        self.connection.execute(sql, bindings).fetchall()


def adds_per_s(path: Path, level: Level, seconds: float, *, group: int = 1) -> float:
    """Tasks accepted a second, `group` to a commit."""
    queue = RawQueue(path, level)
    count, begun = 0, time.perf_counter()
    while time.perf_counter() < begun + seconds:
        queue.add(group)
        count += group
    rate = count / (time.perf_counter() - begun)
    queue.close()
    return rate


def rounds_per_s(path: Path, level: Level, seconds: float) -> float:
    """Tasks claimed and completed a second, in two commits each; as many are there as it takes."""
    queue = RawQueue(path, level)
    count, spent_s = 0, 0.0
    while spent_s < seconds:
        queue.add(500)
        begun = time.perf_counter()
        for _ in range(500):
            queue.complete(queue.claim())
            count += 1
            if spent_s + time.perf_counter() - begun > seconds:
                break
        spent_s += time.perf_counter() - begun
    queue.close()
    return count / spent_s


def commit_ms(path: Path, count: int = 200) -> float:
    """Median milliseconds of accepting one task so that it survives a power cut."""
    queue = RawQueue(path, "full")
    taken = []
    for _ in range(count):
        begun = time.perf_counter()
        queue.add()
        taken.append((time.perf_counter() - begun) * 1e3)
    queue.close()
    return statistics.median(taken)


def size_of(path: Path) -> int:
    """Bytes of a database with its WAL."""
    files = (path, path.with_name(f"{path.name}-wal"))
    return sum(file.stat().st_size for file in files if file.exists())
