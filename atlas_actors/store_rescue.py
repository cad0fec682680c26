"""Copies what can still be read of a damaged database into a new one."""

import time
from collections import Counter
from collections.abc import Callable, Generator, Iterator
from typing import Any, Final

import apsw
import attrs

# An actor has 10 s to start (ChildSpec.start_s); what is not copied by then stays in the file
# that is set aside.
RESCUE_S: Final = 6.0
PROBES_MAX: Final = 5_000  # about 10 µs each
CHECK_EVERY_ROWS: Final = 500
_ROWID_MIN: Final = -(2**63)
_ROWID_MAX: Final = 2**63 - 1
# Reading a damaged file fails in many ways; a text of noise is not UTF-8.
_UNREADABLE: Final = (apsw.Error, UnicodeDecodeError)


@attrs.frozen(kw_only=True)
class Rescued:
    """What was copied, and what is known to be missing."""

    rows: dict[str, int] = attrs.field(factory=dict)  # by table
    lost: tuple[str, ...] = ()  # "table id" of rows that an index still lists
    refused: int = 0  # rows that were read and break a constraint: noise, or parts of lost rows
    in_time: bool = True

    @property
    def total(self) -> int:
        """All rows that were copied."""
        return sum(self.rows.values())


@attrs.frozen(kw_only=True)
class _Table:
    name: str
    columns: tuple[str, ...]  # that both files have
    key: tuple[str, ...]
    has_rowid: bool
    rowid_is_column: bool


class _TimeIsUpError(Exception):
    """The rest is left where it is."""


def rescue(source: apsw.Connection, target: apsw.Connection, check: Callable[[], None]) -> Rescued:
    """Copy all rows that can be read and that the target's constraints take, in one transaction.

    Rows that a migration or a trigger of the target has made stay as they are. `check` is called
    now and then and may raise to end it.
    """
    until_s = time.monotonic() + RESCUE_S
    rows: Counter[str] = Counter()
    lost: list[str] = []
    refused, in_time = 0, True
    with target:
        try:
            for table in _tables(source, target):
                for number, copied in enumerate(_copy(source, target, table)):
                    rows[table.name] += copied or 0
                    refused += copied is None
                    if number % CHECK_EVERY_ROWS == 0:
                        _check_time(until_s, check)
                lost += _lost(source, target, table)
        except _TimeIsUpError:
            in_time = False
    return Rescued(rows=dict(rows), lost=tuple(lost), refused=refused, in_time=in_time)


def _check_time(until_s: float, check: Callable[[], None]) -> None:
    check()
    if time.monotonic() > until_s:
        raise _TimeIsUpError


def _tables(source: apsw.Connection, target: apsw.Connection) -> list[_Table]:
    """What both files have: parents before children, tables with triggers before those that
    their triggers fill."""
    try:
        there = _kinds(source)
    except _UNREADABLE:
        return []
    triggers = {
        name
        for (name,) in target.execute("select tbl_name from sqlite_schema where type='trigger'")
    }
    parents = {
        name: {row[2] for row in target.execute(f'pragma foreign_key_list("{name}")')} - {name}
        for name in _kinds(target)
    }

    def depth(name: str) -> int:
        return 1 + max((depth(parent) for parent in parents.get(name, ())), default=0)

    names = sorted(_kinds(target), key=lambda name: (depth(name), name not in triggers, name))
    both = [name for name in names if name in there]
    return [_table(source, target, name, _kinds(target)[name] and there[name]) for name in both]


def _kinds(connection: apsw.Connection) -> dict[str, bool]:
    """Plain tables by name: whether they have a rowid."""
    return {
        name: not without_rowid
        for _, name, kind, _, without_rowid, _ in connection.execute(
            "select * from pragma_table_list where schema = 'main' and type = 'table'"
        )
        if not name.startswith("sqlite_")
    }


def _table(source: apsw.Connection, target: apsw.Connection, name: str, has_rowid: bool) -> _Table:
    there = {row[1] for row in source.execute(f'pragma table_info("{name}")')}
    here = list(target.execute(f'pragma table_info("{name}")'))
    keys = sorted((row[5], row[1], row[2]) for row in here if row[5])
    return _Table(
        name=name,
        columns=tuple(row[1] for row in here if row[1] in there),
        key=tuple(column for _, column, _ in keys),
        has_rowid=has_rowid,
        rowid_is_column=len(keys) == 1 and keys[0][2].upper() == "INTEGER",
    )


def _copy(source: apsw.Connection, target: apsw.Connection, table: _Table) -> Iterator[int | None]:
    """For each row: 1 when it was copied, 0 when it was there already, None when refused."""
    keeps_rowid = table.has_rowid and not table.rowid_is_column
    columns = (["rowid"] if keeps_rowid else []) + [f'"{column}"' for column in table.columns]
    marks = ", ".join("?" * len(columns))
    sql = f'insert or ignore into "{table.name}" ({", ".join(columns)}) values ({marks})'  # noqa: S608
    read = _by_rowid if table.has_rowid else _by_key
    cursor = target.cursor()
    for row in read(source, table):
        values = row if keeps_rowid or not table.has_rowid else row[1:]
        try:
            cursor.execute(sql, values)
        except apsw.ConstraintError:
            yield None
        else:
            yield target.changes()


def _by_rowid(source: apsw.Connection, table: _Table) -> Iterator[tuple[Any, ...]]:
    """Each readable row behind its rowid: the newest first until a page fails, then the oldest
    first, then the gap between is halved until nothing of it can be read."""
    columns = ", ".join(["rowid", *(f'"{column}"' for column in table.columns)])
    sql = f'select {columns} from "{table.name}" not indexed where rowid > ? and rowid < ?'  # noqa: S608
    gaps = [(_ROWID_MIN, _ROWID_MAX)]  # both ends are out
    probes = 0
    while gaps and probes < PROBES_MAX:
        probes += 1
        low, high = gaps.pop()
        high, whole = yield from _scan(source, f"{sql} order by rowid desc", low, high, high)
        if not whole:
            low, whole = yield from _scan(source, f"{sql} order by rowid", low, high, low)
        if not whole and high - low > 2:  # more than one row is missing
            middle = (low + high) // 2
            gaps += [(middle, high), (low, middle + 1)]  # the lower one is next: ids are small


def _scan(
    source: apsw.Connection, sql: str, low: int, high: int, last: int
) -> Generator[tuple[Any, ...], None, tuple[int, bool]]:
    """Rows until one cannot be read; the last one's rowid, and whether that was the end."""
    try:
        for row in source.execute(sql, (low, high)):
            yield row
            last = row[0]
    except _UNREADABLE:
        return last, False
    return last, True


def _by_key(source: apsw.Connection, table: _Table) -> Iterator[tuple[Any, ...]]:
    """Each readable row of a table without rowids; some of them twice."""
    columns = ", ".join(f'"{column}"' for column in table.columns)
    yield from _both_ways(source, f'select {columns} from "{table.name}"', table.key)  # noqa: S608


def _both_ways(
    source: apsw.Connection, sql: str, key: tuple[str, ...]
) -> Iterator[tuple[Any, ...]]:
    """Rows in falling order of `key` until one cannot be read, then rising from the start."""
    for direction in ("desc", "asc"):
        order = ", ".join(f'"{column}" {direction}' for column in key)
        try:
            yield from source.execute(f"{sql} order by {order}")
        except _UNREADABLE:
            continue
        return


def _lost(source: apsw.Connection, target: apsw.Connection, table: _Table) -> list[str]:
    """The ids that the primary key's index still lists and that were not copied."""
    if not table.has_rowid or not table.key or table.rowid_is_column:
        return []
    key = ", ".join(f'"{column}"' for column in table.key)
    # The index has the same name in both files: SQLite counts them by table.
    indexes = target.execute(f'pragma index_list("{table.name}")').fetchall()
    index = next(row[1] for row in indexes if row[3] == "pk")
    sql = f'select {key} from "{table.name}" indexed by "{index}"'  # noqa: S608
    listed = set(_both_ways(source, sql, table.key))
    same = " and ".join(f'"{column}" = ?' for column in table.key)
    exists = f'select 1 from "{table.name}" where {same}'  # noqa: S608
    missing = [row for row in listed if not target.execute(exists, row).fetchall()]
    return sorted(f"{table.name} {'/'.join(map(str, row))}" for row in missing)
