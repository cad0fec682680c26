"""Durable work as its users see it: through the command and the socket of a real daemon."""

import io
import json
import threading

import attrs
import pytest

from atlas_actors.cli.main import run
from atlas_actors.errors import Conflict, NotFound
from tests.support.houses import house_on
from tests.support.model_server import hold, model_server, say
from tests.support.trees import WAIT_S

pytestmark = [pytest.mark.end_to_end, pytest.mark.slow]


@attrs.frozen
class Done:
    """What a command has said."""

    returncode: int
    stdout: str
    stderr: str


@pytest.fixture
def server():
    with model_server() as running:
        yield running


@pytest.fixture
def house(server, tmp_path):
    settings = {
        "ATLAS_PROVIDERS_LOCALAI_BASE_URL": server.url,
        "ATLAS_PROVIDERS_LOCALAI_CONTEXT_TOKENS": 100_000,
    }
    with house_on(tmp_path / "home", **settings) as running:
        yield running


@pytest.fixture
def atlas(house, monkeypatch, capsys):
    """Runs the atlas command in this process, on a house's home."""

    def command(*words, input="", of=house):
        monkeypatch.setenv("ATLAS_HOME", str(of.home.root))
        monkeypatch.setattr("sys.stdin", io.StringIO(input))
        capsys.readouterr()
        try:
            code = run(words, serve=lambda *_: 0)
        except SystemExit as error:
            code = int(error.code or 0)
        said = capsys.readouterr()
        return Done(code, said.out, said.err)

    return command


def lines(*tasks):
    return "".join(json.dumps(task) + "\n" for task in tasks)


def test_many_tasks_come_from_json_lines_and_a_faulty_one_costs_no_other(atlas):
    done = atlas(
        "submit", "--many", "-",
        input=lines(
            {"prompt": "Summarise the second", "key": "b", "after": ["a"]},
            {"prompt": "Summarise the first", "key": "a"},
            {"prompt": "", "key": "c"},
            {"prompt": "x", "key": "d", "after": ["e"]},
            {"prompt": "y", "key": "e", "after": ["d"]},
        ),
    )  # fmt: skip
    assert done.returncode == 1
    ids = done.stdout.split()
    assert ids[2:] == ["-"] * 3
    assert "line 3: prompt" in done.stderr
    assert "line 4: tasks would wait for themselves: " in done.stderr
    waited = atlas("tasks", "wait", *ids[:2], "--json")
    second, first = json.loads(waited.stdout)["tasks"]
    assert waited.returncode == 0
    assert first["ended_at_ms"] <= second["attempts"][0]["started_at_ms"]


def test_several_tasks_are_waited_for_as_a_table(atlas):
    ids = [atlas("submit", f"Summarise number {n}").stdout.strip() for n in range(3)]
    done = atlas("tasks", "wait", *ids)
    assert (done.returncode, done.stdout.count("completed")) == (0, 3)
    assert "localai  attempt 1" in done.stderr


def test_a_queue_is_taken_out_and_into_another(atlas, house, tmp_path):
    long = tmp_path / "long.txt"
    long.write_text("word " * 50_000)
    first = atlas("submit", "Summarise", "--file", str(long), "--at", "+2h").stdout.strip()
    done = atlas("submit", "Summarise this", "--wait", "--json").stdout
    exported = atlas("tasks", "export").stdout
    assert [json.loads(line)["id"] for line in exported.splitlines()] == [
        first, json.loads(done)["id"],
    ]  # fmt: skip
    with house_on(tmp_path / "other") as other:
        taken = atlas("tasks", "import", "-", input=exported, of=other)
        assert taken.stdout == "2 tasks taken over, 0 were known\n"
        again = atlas("tasks", "import", "-", input=exported, of=other)
        assert again.stdout.startswith("0 tasks")
        assert atlas("tasks", "export", of=other).stdout == exported
        assert other.call("task.get", id=first)["files"][0]["bytes"] == 250_000
        pruned = atlas("tasks", "prune", "--older-than", "0s", of=other)
        assert pruned.stdout == "1 tasks deleted\n"
    (kept,) = house.home.files.iterdir()
    kept.unlink()
    without = atlas("tasks", "export")
    assert "1 of their files are gone" in without.stderr
    (file,) = json.loads(without.stdout.splitlines()[0])["files"]
    assert (file["sha256"], file["bytes"]) == (kept.name, 250_000)
    with house_on(tmp_path / "third") as third:
        taken = atlas("tasks", "import", "-", input=without.stdout, of=third)
        assert taken.stdout == "2 tasks taken over, 0 were known\n"


def test_what_no_export_has_written_is_refused_with_its_line(atlas):
    assert "line 1 is not JSON" in atlas("tasks", "import", "-", input="{").stderr
    refused = atlas("tasks", "import", "-", input='{"id": "x", "state": "asleep"}\n')
    assert (refused.returncode, "tasks.0: " in refused.stderr) == (2, True), refused.stderr


def test_unique_tasks_and_delays_from_the_command(atlas):
    words = ["submit", "Summarise", "--unique", "report", "--at", "+1h"]
    first, second = atlas(*words), atlas(*words, "--replace")
    assert first.stdout == second.stdout
    assert "it has this request now" in second.stderr
    shown = atlas("tasks", "show", first.stdout.strip()).stdout
    assert "not until" in shown


def test_q19_a_prompt_that_is_too_long_is_refused_by_name(atlas):
    refused = atlas("submit", "-", input="x" * 1_100_000)
    assert (refused.returncode, "longer than 1 MiB" in refused.stderr) == (2, True)


def test_a_missing_file_of_a_task_fails_it_by_name(house, server):
    begun, release = threading.Event(), threading.Event()
    server.scripts.put(hold(begun, release, "first"))
    house.call("task.submit", prompt="Summarise", group="g")
    assert begun.wait(WAIT_S)
    big = {"name": "big.txt", "text": "x" * 50_000}
    id = house.call("task.submit", prompt="Summarise", group="g", files=[big])["id"]
    for file in house.home.files.iterdir():
        file.unlink()
    release.set()
    ended = house.call("task.wait", id=id)
    assert (ended["state"], "big.txt of the task is gone" in ended["error"]) == ("failed", True)


def test_a_clients_handoff_becomes_a_task_once(house, tmp_path):
    left = {"client": "claude-code", "session": "s", "goal": "Summarise", "done": ["Read it"]}
    id = house.call("handoff.save", **left)["id"]
    assert [row["id"] for row in house.call("handoff.list", state="open")["handoffs"]] == [id]
    assert house.call("system.status")["handoffs_open"] == 1
    task_id = house.call("handoff.resume", id=id)["task_id"]
    task = house.call("task.wait", id=task_id)
    assert (task["state"], task["origin"]) == ("completed", "handoff")
    assert "Done so far:\n- Read it" in task["prompt"]
    with pytest.raises(Conflict, match="already"):
        house.call("handoff.resume", id=id)
    with pytest.raises(NotFound):
        house.call("handoff.get", id="nobody")


def test_a_dropped_handoff_is_not_gone_on_with(house):
    id = house.call("handoff.save", client="c", session="s", goal="Summarise")["id"]
    house.call("handoff.drop", id=id)
    with pytest.raises(Conflict, match="dropped"):
        house.call("handoff.resume", id=id)


def test_progress_shows_what_a_running_answer_says(house, server):
    server.scripts.put(say("the answer"))
    id = house.call("task.submit", prompt="Summarise")["id"]
    house.call("task.wait", id=id)
    (row,) = house.call("task.progress", ids=[id])["tasks"]
    assert (row["state"], row["provider"], row["attempt"]) == ("completed", "localai", 1)
    assert row["tokens"] > 0
    assert row["elapsed_ms"] >= 0


def test_work_inside_an_attempt_queues_no_work(atlas, monkeypatch):
    monkeypatch.setenv("ATLAS_EXECUTOR", "1")
    refused = atlas("submit", "more work")
    assert (refused.returncode, "does not queue more work" in refused.stderr) == (2, True)
