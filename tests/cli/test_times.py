"""Times and spans as people write them."""

from datetime import datetime

import pytest

from atlas_actors.cli.times import moment_ms, span_s
from atlas_actors.errors import UsageError

NOON = datetime(2026, 11, 22, 12, 0)
NOW_MS = round(NOON.timestamp() * 1000)


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("90", 90), ("90s", 90), ("30m", 1800), ("1h30m", 5400), ("2d", 172_800), ("1.5 h", 5400)],
)
def test_spans(text, seconds):
    assert span_s(text) == seconds


@pytest.mark.parametrize("text", ["", "soon", "1x", "h", "-5m", "5m!"])
def test_what_is_no_span_is_refused(text):
    with pytest.raises(UsageError, match="no span"):
        span_s(text)


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("+2h", NOON.replace(hour=14)),
        ("18:30", NOON.replace(hour=18, minute=30)),
        ("09:00", NOON.replace(day=23, hour=9)),
        ("today 09:00", NOON.replace(hour=9)),
        ("tomorrow 9:05", NOON.replace(day=23, hour=9, minute=5)),
        ("2026-12-01 09:00", NOON.replace(month=12, day=1, hour=9)),
    ],
)
def test_moments_are_local(text, moment):
    assert moment_ms(text, NOW_MS) == round(moment.timestamp() * 1000)


def test_a_moment_may_name_its_zone():
    assert moment_ms("2026-12-01T09:00:00+00:00", NOW_MS) == 1_796_115_600_000


@pytest.mark.parametrize("text", ["yesterday", "25:00", "2026-13-01", "+soon", ""])
def test_what_is_no_moment_is_refused(text):
    with pytest.raises(UsageError):
        moment_ms(text, NOW_MS)
