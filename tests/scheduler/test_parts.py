"""The small pure parts: the machine's zone, what is under way, keys and expressions."""

from datetime import datetime

import pytest
from cronsim import CronSim
from hypothesis import given
from hypothesis import strategies as st

from atlas_actors.errors import UsageError
from atlas_actors.scheduler.cron import refuse_bad
from atlas_actors.scheduler.machine_zone import machine_zone
from atlas_actors.scheduler.sending import (
    IN_FLIGHT_MAX,
    RETRY_BASE_S,
    RETRY_MAX_S,
    UNANSWERED_S,
    Sending,
)
from atlas_actors.scheduler.spec import key_of, tick_of


@pytest.fixture
def etc(tmp_path):
    zones = tmp_path / "usr" / "share" / "zoneinfo" / "Europe"
    zones.mkdir(parents=True)
    (zones / "Berlin").write_bytes(b"TZif2")
    (tmp_path / "etc").mkdir()
    return tmp_path / "etc"


def test_the_zone_of_the_environment_comes_first(etc):
    (etc / "localtime").symlink_to(etc.parent / "usr/share/zoneinfo/Europe/Berlin")
    assert machine_zone({"TZ": "America/New_York"}, etc) == "America/New_York"
    assert machine_zone({"TZ": ":America/New_York"}, etc) == "America/New_York"
    assert machine_zone({"TZ": "/usr/share/zoneinfo/Asia/Tokyo"}, etc) == "Asia/Tokyo"


def test_then_the_link_then_the_text_then_utc(etc):
    assert machine_zone({}, etc) == "UTC"
    (etc / "timezone").write_text("Asia/Tokyo\n")
    assert machine_zone({}, etc) == "Asia/Tokyo"
    (etc / "localtime").symlink_to(etc.parent / "usr/share/zoneinfo/Europe/Berlin")
    assert machine_zone({}, etc) == "Europe/Berlin"


def test_a_zone_without_a_name_is_not_guessed(etc):
    (etc / "localtime").write_bytes(b"TZif2")
    with pytest.raises(UsageError, match="names none"):
        machine_zone({}, etc)
    with pytest.raises(UsageError, match="CET-1CEST"):
        machine_zone({"TZ": "CET-1CEST,M3.5.0,M10.5.0/3"}, etc)


def test_a_bounded_number_is_under_way_and_what_is_not_answered_is_sent_again():
    sending = Sending()
    keys = [str(n) for n in range(IN_FLIGHT_MAX + 1)]
    assert [sending.begin(key, 0.0) for key in keys] == [True] * IN_FLIGHT_MAX + [False]
    assert not sending.begin(keys[0], 0.0)
    assert sending.room(1.0) == 0
    sending.accepted(keys[0])
    assert sending.room(1.0) == 1
    assert sending.room(UNANSWERED_S) == IN_FLIGHT_MAX


def test_refusals_hold_up_all_twice_as_long_each_time():
    sending, now_s, waits = Sending(), 0.0, []
    for _ in range(9):
        assert sending.begin("a", now_s)
        wait_s = sending.failed("a", now_s)
        assert sending.failed("b", now_s) is None  # sent before that, and of the same refusal
        assert (sending.room(now_s), sending.again_s(now_s)) == (0, wait_s)
        waits.append(wait_s)
        now_s += wait_s
    assert waits == [RETRY_BASE_S * 2**n for n in range(6)] + [RETRY_MAX_S] * 3
    assert sending.room(now_s) == IN_FLIGHT_MAX
    sending.begin("a", now_s)
    sending.accepted("a")
    assert sending.failed("a", now_s) == RETRY_BASE_S


@given(st.uuids(), st.integers(0, 2**53))
def test_a_key_names_schedule_and_tick(id, tick_ms):
    assert tick_of(key_of(str(id), tick_ms)) == (str(id), tick_ms)


@given(st.text(alphabet="0123456789*/,-#LWw monfri?²", max_size=40))
def test_any_text_is_a_cron_expression_or_is_refused(text):
    try:
        refuse_bad(text)
    except UsageError as error:
        assert "no cron expression" in error.message
    else:
        assert CronSim(text, datetime(2000, 1, 1))
