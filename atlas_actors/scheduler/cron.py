"""Pure: the ticks of a cron expression, read by CronSim, across both changes of the clock.

The rules are CronSim's, which follows Debian's cron. CronSim gets times without a zone and the
changes are ours, since it steps by hours and loses its place where a clock changes by half of one.
"""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Final
from zoneinfo import ZoneInfo

from cronsim import CronSim, CronSimError

from atlas_actors.errors import UsageError
from atlas_actors.scheduler.local_time import instant_ms, local_of, milliseconds_of, next_change

YEAR_MAX: Final = 9_998
_FIELDS: Final = 5  # with a sixth, which older versions took, the seconds come first


def refuse_bad(expression: str) -> None:
    """Raises UsageError for what is no cron expression."""
    try:
        CronSim(expression, datetime(2000, 1, 1))
    except CronSimError as error:
        raise UsageError(
            f"{expression[:100]} is no cron expression: {error}",
            cure="minute hour day-of-month month weekday, such as */5 * * * *",
        ) from error


def refuse_seconds(expression: str) -> None:
    """Raises UsageError for a sixth field: a schedule that is new has minutes at the finest."""
    if len(expression.split()) != _FIELDS:
        raise UsageError(
            f"{expression[:100]} is no cron expression: it has {len(expression.split())} fields",
            cure="minute hour day-of-month month weekday; seconds: --every 30s",
        )


def cron_ticks(expression: str, zone: ZoneInfo, after_ms: int) -> Iterator[int]:
    """Its ticks from `after_ms` on, in order; the first may be earlier, and one come twice.

    One with a fixed minute and hour runs when the wall first shows its time, or has jumped over
    it; one with a star there, or with seconds, whenever the wall shows its time.
    """
    fields = expression.split()
    fixed = len(fields) == _FIELDS and not any(field.startswith("*") for field in fields[:2])
    ticks = _by_wall if fixed else _by_elapsed_time
    try:
        yield from ticks(expression, zone, local_of(after_ms, zone))
    except OverflowError:  # it looks 50 years ahead, which may be past the last year there is
        return


def _by_wall(expression: str, zone: ZoneInfo, after: datetime) -> Iterator[int]:
    for shown in CronSim(expression, after.replace(tzinfo=None)):
        if shown.year > YEAR_MAX:
            return
        yield instant_ms(shown, zone)


def _by_elapsed_time(expression: str, zone: ZoneInfo, after: datetime) -> Iterator[int]:
    """From one change of the clock to the next; in between the wall goes like UTC."""
    start: datetime | None = after.astimezone(UTC)
    wall = after.replace(tzinfo=None)
    while start is not None:
        offset = start.astimezone(zone).utcoffset()
        assert offset is not None
        change: datetime | None = None
        for shown in CronSim(expression, wall):
            if shown.year > YEAR_MAX:
                return
            moment = (shown - offset).replace(tzinfo=UTC)
            change = next_change(start, moment, zone)
            if change is not None:
                wall = change.astimezone(zone).replace(tzinfo=None) - timedelta(seconds=1)
                break
            yield milliseconds_of(moment)
            start = moment
        start = change
