"""atlas schedules: what its words mean."""

import argparse

import pytest

from atlas_actors.cli import schedules
from atlas_actors.errors import UsageError


def parsed(*arguments):
    parser = argparse.ArgumentParser()
    schedules.add_to(parser.add_subparsers())
    return parser.parse_args(["schedules", "add", "nightly", *arguments, "tidy up"])


@pytest.mark.parametrize(
    ("arguments", "params"),
    [
        (["--every", "1h30m"], {"every_s": 5_400}),
        (["--every", "30m", "--start", "2026-12-01T09:00+00:00"],
         {"every_s": 1_800, "start_ms": 1_796_115_600_000}),
        (["--at", "2026-12-01T09:00+00:00"], {"once_ms": 1_796_115_600_000}),
        (["--daily", "9:00"], {"daily": "09:00"}),
        (["--weekly", "Mon,thursday@18:30"],
         {"weekly": {"days": ["mon", "thu"], "time": "18:30"}}),
        (["--cron", "*/5 * * * *"], {"cron": "*/5 * * * *"}),
    ],
)  # fmt: skip
def test_each_kind_has_its_words(arguments, params):
    assert schedules._when(parsed(*arguments)) == params


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["--every", "0.5s"], "whole seconds"),
        (["--weekly", "mon"], "no days and time"),
        (["--weekly", "@09:00"], "no weekdays"),
        (["--weekly", "mon@"], "no time"),
        (["--daily", "9"], "no time of day"),
        (["--at", "+5000d"], "more than 10 years"),
        (["--weekly", "mon,month@09:00"], "month is no weekday"),
        (["--daily", "09:00", "--start", "+1h"], "--start goes with --every"),
    ],
)
def test_what_makes_no_sense_is_said(arguments, says):
    with pytest.raises(UsageError, match=says):
        schedules._when(parsed(*arguments))


def test_a_schedule_in_words():
    row = {"jitter_s": 0, "kind": "every", "spec": {"every_s": 5_430}}
    assert schedules.in_words(row) == "every 1 h 30 min 30 s"
    weekly = {"weekly": {"days": ["thu", "mon"], "time": "09:00"}}
    row = {"jitter_s": 60, "kind": "weekly", "spec": weekly}
    assert schedules.in_words(row) == "mon, thu at 09:00 + up to 1 min"


def test_the_task_has_what_submit_would_send(tmp_path):
    file = tmp_path / "notes"
    file.write_text("text")
    options = parsed("--every", "1h", "--file", str(file), "--priority", "low", "--unique", "k")
    assert schedules._task(options) == {
        "prompt": "tidy up",
        "files": [{"name": str(file), "text": "text"}],
        "priority": "low",
        "unique": {"key": "k"},
    }
    file.write_text("x" * 200_000)
    with pytest.raises(UsageError, match="too long to be kept with a schedule"):
        schedules._task(options)
