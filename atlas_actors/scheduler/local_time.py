"""Pure: a local time as an instant, across both changes of the clock, and zones by name."""

import functools
from datetime import UTC, datetime, timedelta
from typing import Final
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from atlas_actors.errors import UsageError

# No zone changes its clock to and fro within this time; Morocco does within about 30 days.
STEP: Final = timedelta(days=7)


@functools.lru_cache(maxsize=64)
def zone_of(name: str) -> ZoneInfo:
    """The zone of an IANA name. Raises UsageError when there is none."""
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError) as error:  # OSError: "Europe", a folder
        raise UsageError(
            f"there is no time zone {name}", cure="an IANA name such as Europe/Berlin, or UTC"
        ) from error


def local_of(moment_ms: int, zone: ZoneInfo) -> datetime:
    """What a clock on the wall shows at an instant, with its zone."""
    seconds, milliseconds = divmod(moment_ms, 1000)
    utc = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(seconds=seconds, milliseconds=milliseconds)
    return utc.astimezone(zone)


def milliseconds_of(moment: datetime) -> int:
    """A moment with a zone as milliseconds UTC; of one that exists twice its `fold` is heeded."""
    return round(moment.timestamp() * 1000)


def instant_ms(local: datetime, zone: ZoneInfo) -> int:
    """When a clock on the wall shows `local` (without a zone, whole seconds).

    A time that exists twice is its first; one that does not exist is the first instant after
    the gap.
    """
    first = local.replace(tzinfo=zone, fold=0).astimezone(UTC)
    if first.astimezone(zone).replace(tzinfo=None) == local:
        return milliseconds_of(first)
    # In a gap (PEP 495) fold=0 counts with the offset before it, which lands after the gap, and
    # fold=1 with the one after it, which lands before.
    before = local.replace(tzinfo=zone, fold=1).astimezone(UTC)
    return milliseconds_of(_change_between(before, first, zone))


def next_change(start: datetime, end: datetime, zone: ZoneInfo) -> datetime | None:
    """The first second in (start, end], both UTC, with another offset than `start` has."""
    start = start.replace(microsecond=0)  # changes are at whole seconds
    offset = start.astimezone(zone).utcoffset()
    while start < end:
        later = min(start + STEP, end)
        if later.astimezone(zone).utcoffset() != offset:
            return _change_between(start, later, zone)
        start = later
    return None


def _change_between(before: datetime, after: datetime, zone: ZoneInfo) -> datetime:
    """The first second with the offset of `after`; both are whole seconds."""
    assert not before.microsecond
    assert not after.microsecond
    offset = after.astimezone(zone).utcoffset()
    while after - before > timedelta(seconds=1):
        middle = before + timedelta(seconds=(after - before) // timedelta(seconds=2))
        if middle.astimezone(zone).utcoffset() == offset:
            after = middle
        else:
            before = middle
    return after
