"""The embedded model's process: started on need, watched, never left behind."""

import hashlib
import json
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from atlas_actors.executor import embedded
from tests.support.houses import house_on
from tests.support.trees import WAIT_S

pytestmark = pytest.mark.slow
FAKE = Path(__file__).parents[1] / "support" / "fake_embedded_server.py"


@pytest.fixture(autouse=True)
def quick(monkeypatch):
    monkeypatch.setattr(embedded, "SERVER", FAKE)
    monkeypatch.setattr(embedded, "BACKOFF_S", 0.01)


def model_in(home, content=b"GGUF whole"):
    models = home / "models"
    models.mkdir(parents=True)
    path = models / "mine.gguf"
    path.write_bytes(content)
    sha256 = hashlib.sha256(content).hexdigest()
    choice = {"name": "mine", "path": str(path), "sha256": sha256}
    (models / "selected.json").write_text(json.dumps(choice))
    return path


def submit(house, prompt, **fields):
    return house.call("task.submit", prompt=prompt, **fields)["id"]


def done(house, prompt, **fields):
    return house.call("task.wait", id=submit(house, prompt, **fields), timeout_ms=WAIT_S * 1000)


def starts(house):
    """What the starts of the model came to, and whether that was a fault of the way."""
    told = house.call("outcome.list", kind="model")["outcomes"]
    return [(one["result"], one["infrastructure"]) for one in told]


def children():
    """Pids of the model's processes of this test process."""
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                command = (entry / "cmdline").read_bytes().split(b"\0")
                status = (entry / "status").read_text()
            except OSError:
                continue
            if str(FAKE).encode() in command and f"\nPPid:\t{os.getpid()}\n" in status:
                found.append(int(entry.name))
    return found


def provider(house):
    return house.call("system.status")["providers"][0]


def test_nothing_runs_until_it_is_needed_and_then_one_process_serves_all(tmp_path):
    model_in(tmp_path)
    with house_on(tmp_path) as house:
        assert children() == []
        house.until(lambda: provider(house)["state"] == "ready")
        first = done(house, "Summarise this")
        assert first["result"] == "embedded: Summarise this"
        assert first["attempts"][0]["transport"] == "openai-chat (embedded)"
        assert first["attempts"][0]["model"] == "mine"
        (pid,) = children()
        done(house, "Summarise that")
        assert children() == [pid]
        house.until(lambda: starts(house) == [("success", False)])
    assert children() == []


def test_a_process_that_dies_is_started_again_and_the_daemon_is_unhurt(tmp_path):
    model_in(tmp_path)
    with house_on(tmp_path) as house:
        done(house, "Summarise this")
        (pid,) = children()
        os.kill(pid, 9)
        again = done(house, "Summarise that")
        assert again["state"] == "completed"
        assert children() != [pid]
        assert house.cell("executors/executor.localai").restarts == 0


def test_a_prompt_that_kills_it_fails_its_task_only(tmp_path):
    model_in(tmp_path)
    settings = {"ATLAS_TASKS_INTERRUPTIONS_MAX": 1, "ATLAS_PROVIDERS_LOCALAI_BREAKER_S": 0.1}
    with house_on(tmp_path, **settings) as house:
        deadly = submit(house, "Summarise: die now")
        assert done(house, "Summarise that")["state"] == "completed"
        task = house.call("task.wait", id=deadly, timeout_ms=WAIT_S * 1000)
        assert (task["state"], task["attempts"][-1]["end"]) == ("failed", "unreachable")


def test_a_damaged_model_parks_the_executor_and_a_task_waits(tmp_path):
    path = model_in(tmp_path)
    path.write_bytes(b"GGUF halfway")
    with house_on(tmp_path) as house:
        id = submit(house, "Summarise this")
        house.until(lambda: provider(house)["state"] == "parked")
        house.until(lambda: "damaged" in house.call("task.get", id=id)["waits_for"])
        assert house.call("task.get", id=id)["state"] == "pending"
        path.write_bytes(b"GGUF whole")
        house.call("system.retry", part="executor.localai")
        assert house.call("task.wait", id=id)["state"] == "completed"


@pytest.mark.parametrize("spoil", ["damage", "remove"])
def test_a_model_that_is_spoiled_while_the_daemon_runs_is_not_loaded(tmp_path, spoil):
    path = model_in(tmp_path)
    with house_on(tmp_path) as house:
        house.until(lambda: provider(house)["state"] == "ready")
        path.write_bytes(b"GGUF spoiled") if spoil == "damage" else path.unlink()
        id = submit(house, "Summarise this")
        house.until(lambda: provider(house)["state"] == "parked")
        assert children() == []
        path.write_bytes(b"GGUF whole")
        house.call("system.retry", part="executor.localai")
        assert house.call("task.wait", id=id)["state"] == "completed"


def test_an_answer_of_a_model_whose_file_changed_meanwhile_does_not_count(tmp_path):
    path = model_in(tmp_path)
    with house_on(tmp_path) as house:
        assert done(house, "Summarise this")["state"] == "completed"
        path.write_bytes(b"GGUF spoiled")  # it is loaded, and still answers
        id = submit(house, "Summarise that")
        house.until(lambda: provider(house)["state"] == "parked")
        house.until(lambda: house.call("task.get", id=id)["state"] == "pending")
        task = house.call("task.get", id=id)
        assert "changed while it was in use" in task["attempts"][0]["error"]
        path.write_bytes(b"GGUF whole")
        house.call("system.retry", part="localai")
        assert house.call("task.wait", id=id)["state"] == "completed"


def test_a_process_that_never_starts_parks_the_executor_with_where_to_look(tmp_path):
    model_in(tmp_path, b"GGUFbroken")
    with house_on(tmp_path, ATLAS_PROVIDERS_LOCALAI_BREAKER_S=0.1) as house:
        id = submit(house, "Summarise this")
        house.until(lambda: provider(house)["state"] == "parked")
        degraded = house.call("system.status")["degraded"]
        # Its breaker may rest as well, which is told apart.
        parts = {part["part"]: part for part in degraded if part["state"] == "parked"}
        assert "does not start" in parts["executor.localai"]["reason"]
        assert "embedded.log" in parts["executor.localai"]["cure"]
        house.until(lambda: len(starts(house)) >= embedded.FAILED_STARTS_MAX)
        assert set(starts(house)) == {("failure", True)}
        assert "the model is broken" in (tmp_path / "log" / "embedded.log").read_text()
        house.until(lambda: house.call("task.get", id=id)["state"] == "pending")


def test_stopping_the_tree_ends_the_process(tmp_path):
    model_in(tmp_path)
    with house_on(tmp_path) as house:
        done(house, "Summarise this")
        assert len(children()) == 1
    assert children() == []


GUARDED = """
import signal, sys, threading
sys.path.insert(0, sys.argv[1])
import embedded_server
if sys.argv[2] == "parent":
    embedded_server._die_with_parent(int(sys.argv[3]))
else:
    threading.Thread(target=embedded_server._die_with_stdin).start()
print("guarded", flush=True)
signal.pause()
"""
MIDDLE = """
import os, subprocess, sys
words = [sys.executable, "-c", sys.argv[1], sys.argv[2], sys.argv[3], str(os.getpid())]
child = subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
child.stdout.readline()
print(child.pid, flush=True)
sys.stdin.read()
"""


@pytest.mark.parametrize("guard", ["parent", "stdin"])
def test_each_guard_alone_ends_the_process_when_the_daemon_is_killed(guard):
    folder = str(Path(embedded.__file__).parent)
    middle = subprocess.Popen(
        [sys.executable, "-c", MIDDLE, GUARDED, folder, guard],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    pid = int(middle.stdout.readline())
    assert alive(pid)
    middle.kill()
    middle.communicate()
    deadline = time.monotonic() + WAIT_S
    while alive(pid):
        assert time.monotonic() < deadline, "it outlived its parent"


def alive(pid):
    try:
        status = Path(f"/proc/{pid}/status").read_text()
    except FileNotFoundError:
        return False
    return "\nState:\tZ" not in status
