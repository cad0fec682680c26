"""What was answered as stored outlives kill -9, restarts and damage to the file."""

import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from atlas_actors.messages.memory import ForgetMemories, MemoryStatsWanted, Recall
from atlas_actors.store import Reader
from tests.support.memories import Remembering, running
from tests.support.trees import WAIT_S

ROOT = Path(__file__).parents[2]
CHILD = """
import os, sys
from pathlib import Path
from atlas_actors import failpoints
from atlas_actors.messages.memory import ForgetMemories
from tests.support.memories import running
failpoints.arm(os.environ)
with running(Path(sys.argv[1])) as memory:
    for number in range(40):
        (stored,) = memory.store(f"fact {number} is about zanzibar{number}")
        print(stored.id, flush=True)
    if len(sys.argv) > 2:
        memory.ask(ForgetMemories(match=sys.argv[2]))
"""


def child(folder, *words, **environment):
    return subprocess.run(
        [sys.executable, "-c", CHILD, str(folder), *words],
        cwd=ROOT, env={"PYTHONPATH": str(ROOT), **environment}, capture_output=True, text=True,
        timeout=60, check=False,
    )  # fmt: skip


@pytest.mark.slow
@pytest.mark.parametrize("point", ["memory.committed:7", "memory.indexing:7", "memory.indexing:1"])
def test_kill_between_row_index_commit_and_answer_loses_nothing_and_halves_nothing(tmp_path, point):
    done = child(tmp_path, ATLAS_FAIL=point)
    assert done.returncode == -signal.SIGKILL, done.stderr
    answered = done.stdout.split()
    committed = len(answered) + point.startswith("memory.committed")
    with running(tmp_path) as memory:
        again = memory.store(*(f"fact {n} is about zanzibar{n}" for n in range(40)))
        assert [one.id for one in again][: len(answered)] == answered
        assert [one.result for one in again].count("known") == committed
        for number in range(40):
            (found,) = memory.ask(Recall(query=f"zanzibar{number}", k=1)).items
            assert found.id == again[number].id


@pytest.mark.slow
def test_kill_between_a_deletion_and_its_proof_leaves_no_bytes_after_the_next_start(tmp_path):
    done = child(tmp_path, "zanzibar7", ATLAS_FAIL="memory.committed:41")
    assert done.returncode == -signal.SIGKILL, done.stderr
    assert len(done.stdout.split()) == 40
    with running(tmp_path) as memory:
        # Answered after the files were cleaned for what was under way.
        gone = memory.ask(ForgetMemories(match="nothing like it"))
        assert gone.found_again == 0
        assert memory.ask(Recall(query="zanzibar7", k=1)).items == ()
        assert len(memory.ask(Recall(query="zanzibar8", k=1)).items) == 1
    assert all(b"zanzibar7" not in file.read_bytes() for file in tmp_path.glob("*memory.db*"))


@pytest.mark.slow
def test_a_hundred_restarts_lose_nothing(tmp_path):
    ids, generations = [], []
    for number in range(100):
        memory = Remembering(tmp_path)
        ids.append(memory.one(f"fact {number} is here", source=str(number)).id)
        generations.append(memory.generation())
        (found,) = memory.recall(f"fact {number // 2}", k=1).items
        assert found.id in ids
        memory.stop()
    memory = Remembering(tmp_path)
    assert [row["id"] for row in memory.rows("select id from memories order by number")] == ids
    assert generations == sorted(set(generations))
    memory.stop()


@pytest.mark.slow
def test_a_damaged_file_is_rescued_and_indexed_anew(tmp_path):
    memory = Remembering(tmp_path)
    memory.store(*(f"fact {n} is about zanzibar{n} " + "x" * 300 for n in range(200)))
    before = memory.generation()
    memory.stop()
    file = tmp_path / "memory.db"
    whole = bytearray(file.read_bytes())
    middle = len(whole) // 2 // 4096 * 4096
    whole[middle : middle + 8192] = b"\xa5" * 8192
    file.write_bytes(whole)
    with running(tmp_path) as room:
        assert "memory.db" in room.tree.ref("memory").cell.reason
        _wait_until_indexed(room)
        found = [n for n in range(200) if room.ask(Recall(query=f"zanzibar{n} fact", k=1)).items]
        right = [
            n for n in found
            if f"zanzibar{n} " in room.ask(Recall(query=f"zanzibar{n} fact", k=1)).items[0].text
        ]  # fmt: skip
        assert len(right) > 150
        assert room.ask(MemoryStatsWanted()).generation != before
        (stored,) = room.store("a new one about ophelia")
        assert room.ask(Recall(query="ophelia")).items[0].id == stored.id


def _wait_until_indexed(room):
    """The room indexes in steps of its own, between answers."""
    database = room.tree.ref("memory").cell.database
    until_s = time.monotonic() + WAIT_S
    while time.monotonic() < until_s:
        room.ask(MemoryStatsWanted())
        (state,) = Reader(Path(database)).rows("select indexed from inspect_memory_generation")
        if state["indexed"]:
            return
    raise AssertionError("it was not indexed")
