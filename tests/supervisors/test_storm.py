"""F10, F11, F13 in their short form; `scripts/bench storm` runs the long one."""

import json
import os
import random
import subprocess
import sys

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from atlas_actors.errors import UsageError
from atlas_actors.messages.supervision import Ping
from supervisors.daemon import keep_arenas_few
from supervisors.supervisor import Supervisor
from tests.support.daemons import ROOT
from tests.support.houses import house_on
from tests.support.model_server import model_server
from tests.support.storms import MESSAGES, Ledger, Storm

pytestmark = pytest.mark.slow


@pytest.fixture
def seed():
    number = int(os.environ.get("ATLAS_TEST_SEED", random.randrange(10**6)))
    print(f"ATLAS_TEST_SEED={number}")
    return number


def inspect_tree(house):
    """What scripts/inspect shows now: every field of every node."""
    done = subprocess.run(
        [str(ROOT / "scripts" / "inspect"), "--json"],
        env={
            **os.environ,
            "ATLAS_HOME": str(house.home.root),
            "ATLAS_PYTHON": sys.executable,
        },
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    nodes = {}

    def walk(node):
        nodes[node["path"]] = node
        for child in node["children"]:
            walk(child)

    walk(json.loads(done.stdout)["tree"])
    fields = {"state", "incarnation", "restarts", "last_failure", "mailbox", "mailbox_bound"}
    fields |= {"message_age_ms", "db_bytes", "uptime_ms", "reason", "cure", "retry_at_ms"}
    assert all(fields <= node.keys() for node in nodes.values())
    assert nodes["atlas/work/tasks"]["restarts"] >= 3
    assert "ordered to fail" in nodes["atlas/work/tasks"]["last_failure"]
    return nodes


@pytest.fixture
def house(tmp_path):
    with (
        model_server() as server,
        house_on(
            tmp_path,
            ATLAS_PROVIDERS_LOCALAI_BASE_URL=server.url,
            ATLAS_TASKS_INTERRUPTIONS_MAX=10_000,
        ) as built,
    ):
        yield built


def test_s64_f10_a_storm_of_crashes_loses_no_task_and_leaves_nothing_behind(house, seed):
    keep_arenas_few()
    storm, ledger = Storm(house, random.Random(seed)), Ledger(house)
    with ledger.submitting():
        storm.in_turn(3)
        shown = inspect_tree(house)  # S64: also in the middle of it
        assert "atlas/work/tasks" in shown
        storm.pairs(1.5, 20)
        storm.at_rate(1.5, 50)
    storm.calm()
    assert ledger.accepted
    assert ledger.lost() == []
    assert storm.not_flat() == []


def test_f11_an_actor_that_hangs_in_any_way_is_replaced(house, seed):
    Storm(house, random.Random(seed)).hangs()
    id = house.call("task.submit", prompt="Summarise this")["id"]
    assert house.call("task.wait", id=id)["state"] == "completed"


def test_the_storm_can_see_a_lost_task(house, seed):
    """The negative control: a queue that forgets is found by the ledger."""
    ledger = Ledger(house)
    ledger.accepted.append(house.call("task.submit", prompt="x", at_ms=2**50)["id"])
    house.call("task.cancel", id=ledger.accepted[0])
    assert "is cancelled" in ledger.lost()[0]


VALUES = st.none() | st.booleans() | st.integers() | st.text(max_size=20) | st.binary(max_size=5)


def build(kind, value):
    """A message of this type with one value in every field, whatever the field wants."""
    fields = {field.name: value for field in kind.__attrs_attrs__ if field.init}
    return kind(**fields)


@settings(max_examples=150)
@given(value=VALUES, kind=st.sampled_from(MESSAGES), plain=st.booleans())
def test_f13_a_message_that_is_not_for_an_actor_is_refused_and_hurts_nobody(
    house, value, kind, plain
):
    message = value if plain else build(kind, value)
    for cell in list(house.tree.directory):
        if cell.state != "running":
            continue
        kinds = {actor.__name__.lower(): actor for actor in house.actor_types()}
        name = cell.path.rpartition("/")[2].partition(".")[0]
        actor_type = kinds.get(name, Supervisor)
        if isinstance(message, (Ping, *actor_type._accepted)):
            continue
        before = cell.incarnation
        with pytest.raises(UsageError):
            house.tree.directory.ref(cell.path).ask(message, 30)
        assert cell.incarnation == before
