"""ATLAS_FAIL: what it may say, and when it kills."""

import subprocess
import sys

import pytest

from atlas_actors import failpoints
from atlas_actors.errors import SettingsError


@pytest.fixture(autouse=True)
def _disarmed():
    yield
    failpoints.arm({})


@pytest.mark.parametrize(
    "value",
    ["nowhere:1", "tasks.committed", "tasks.committed:0", "tasks.committed:x", ":1"],
)
def test_a_strange_value_is_refused_with_the_points_that_there_are(value):
    with pytest.raises(SettingsError, match="ATLAS_FAIL") as refused:
        failpoints.arm({"ATLAS_FAIL": value})
    assert "store.migrating" in refused.value.cure


def test_each_point_counts_by_itself_and_kills_once():
    failpoints.arm({"ATLAS_FAIL": "tasks.committed:2,tasks.claimed:1"})
    assert [failpoints.last("tasks.committed") for _ in range(4)] == [False, True, False, False]
    assert [failpoints.last("tasks.claimed") for _ in range(2)] == [True, False]
    assert not failpoints.last("executor.answered")


@pytest.mark.slow
def test_the_process_dies_at_the_passing_that_was_named():
    code = (
        "from atlas_actors import failpoints\n"
        "failpoints.arm({'ATLAS_FAIL': 'tasks.committed:3'})\n"
        "for number in range(5):\n"
        "    print(number, flush=True); failpoints.passing('tasks.committed')\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=False, timeout=60
    )
    assert (done.returncode, done.stdout) == (-9, "0\n1\n2\n")
