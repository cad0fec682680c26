"""What atlas tasks wait says of a task."""

import time

import pytest

from atlas_actors.cli.task_text import _who
from atlas_actors.cli.wait import _left, said_of, wait_for

HOUR_MS = 3_600_000


def row(**changes):
    return {"last_line": "", "state": "pending", "due_at_ms": 0, "waits_for": "", **changes}


def test_a_delayed_task_says_its_time_and_another_day_by_its_date():
    now_ms = round(time.mktime((2026, 11, 22, 12, 0, 0, 0, 0, -1)) * 1000)
    delayed = row(due_at_ms=now_ms + HOUR_MS, waits_for="x")
    assert said_of(delayed, now_ms) == "not until 13:00"
    delayed = row(due_at_ms=now_ms + 24 * HOUR_MS)
    assert said_of(delayed, now_ms) == "not until 2026-11-23 12:00"


def test_one_that_is_due_says_whom_it_waits_for_and_a_running_one_its_last_words():
    assert said_of(row(waits_for="its group"), 1) == "its group"
    assert said_of(row(state="in_progress", last_line="so far"), 1) == "so far"


@pytest.mark.parametrize(
    ("left", "total", "says"),
    [
        (1, 1, "the task has not ended"),
        (1, 2, "1 of 2 tasks has not ended"),
        (2, 2, "2 of 2 tasks have not ended"),
    ],
)
def test_tasks_that_have_not_ended_are_counted(left, total, says):
    assert _left(left, total) == says


def test_an_interrupted_attempt_is_named_by_what_is_known():
    assert _who({"provider": "codex", "model": None, "transport": None}) == "codex"
    attempt = {"provider": "codex", "model": "m", "transport": "cli"}
    assert _who(attempt) == "codex, m over cli"


class Interrupted:
    """A client whose person presses Ctrl-C."""

    def call(self, method, **_):
        raise KeyboardInterrupt


@pytest.mark.parametrize(
    ("ids", "says"), [(["a"], "the task goes on"), (["a", "b"], "the tasks go on")]
)
def test_who_stops_waiting_hears_that_the_work_goes_on(capsys, ids, says):
    with pytest.raises(KeyboardInterrupt):
        wait_for(Interrupted(), ids, None)
    assert says in capsys.readouterr().err
