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
        data = input.encode() if isinstance(input, str) else input
        monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(data), encoding="utf-8"))
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


def test_every_kind_of_faulty_line_costs_no_other(atlas):
    good = [lines({"prompt": f"Summarise {n}", "at_ms": 2**52}).encode() for n in range(2)]
    faulty = [
        b"{\n", b"[1]\n", b'{"key": "k"}\n', b"\xff\xfe\n", b'{"prompt": NaN}\n',
        b'{"prompt": "x", "budget_usd": 1e999}\n', b'{"prompt": "half \\ud800"}\n',
        lines({"prompt": "x" * 1_100_000}).encode(),
        lines({"prompt": "x", "key": "k" * 5_000}).encode(),
        b"[" * 100_000 + b"\n",
    ]  # fmt: skip
    done = atlas("submit", "--many", "-", input=good[0] + b"".join(faulty) + good[1])
    ids = done.stdout.split()
    assert done.returncode == 1
    assert ids[1:-1] == ["-"] * len(faulty)
    assert "-" not in (ids[0], ids[-1])
    for number in range(2, 2 + len(faulty)):
        assert f"atlas: line {number}: " in done.stderr
    assert "key is longer than 200 characters\n" in done.stderr
    assert done.stderr.endswith("atlas: 2 queued, 10 refused\n")


def test_a_line_may_come_after_one_that_is_parts_away(atlas):
    first = {"prompt": "Summarise", "key": "first", "after": ["last"], "at_ms": 2**52}
    between = [{"prompt": f"Summarise {n}", "at_ms": 2**52} for n in range(600)]
    last = {"prompt": "Summarise", "key": "last", "at_ms": 2**52}
    done = atlas("submit", "--many", "-", input=lines(first, *between, last))
    assert (done.returncode, done.stderr.endswith("atlas: 602 queued\n")) == (0, True)
    ids = done.stdout.split()
    shown = json.loads(atlas("tasks", "show", "first", "--json").stdout)
    assert (shown["id"], shown["after"]) == (ids[0], [ids[-1]])


def test_an_empty_file_of_tasks_says_so(atlas):
    done = atlas("submit", "--many", "-", input="\n")
    assert (done.returncode, "atlas: stdin holds no tasks\n" in done.stderr) == (0, True)


def test_tasks_are_shown_waited_for_cancelled_and_tried_again_by_their_keys(atlas):
    for n in range(2):
        atlas("submit", f"Summarise {n}", "--key", f"k{n}", "--at", "+1h")
    atlas("submit", "Summarise all", "--key", "all", "--after", "k0", "--if-dead", "run")
    shown = atlas("tasks", "show", "all").stdout
    id = atlas("tasks", "show", "k0").stdout.split()[1]
    assert f"key       all\nafter     {id}, pending\nif dead   run\n" in shown
    waited = atlas("tasks", "wait", "k0", "k1", "--timeout", "0")
    assert (waited.returncode, waited.stderr.count("not until ")) == (4, 2)
    assert "2 of 2 tasks have not ended" in waited.stderr
    done = atlas("tasks", "cancel", "k0", "nobody", "k1")
    assert (done.returncode, done.stdout.count(" cancelled\n")) == (1, 2)
    assert "atlas: nobody: there is no task nobody" in done.stderr
    again = atlas("tasks", "retry", "k0", "k1", "--json")
    states = [task["state"] for task in json.loads(again.stdout)["tasks"]]
    assert (again.returncode, states) == (0, ["pending", "pending"])


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["--at", ""], "is no time"),
        (["--at", "+5000d"], "--at +5000d is more than 10 years"),
        (["--unique-for", "1d"], "--unique-for goes with --unique"),
        (["--replace"], "--replace goes with --unique"),
        (["--if-dead", "run"], "--if-dead goes with --after"),
        (["--timeout", "3"], "--timeout goes with --wait"),
        (["--wait", "--timeout", "-1"], "--timeout takes seconds from 0 on"),
        (["--wait", "--timeout", "nan"], "--timeout takes seconds from 0 on"),
        (["--budget", "nan"], "--budget takes USD"),
        (["--budget", "inf"], "--budget takes USD"),
        (["--deadline", "1e400"], "--deadline takes seconds"),
        (["--key", "k" * 5_000], "--key is longer than 200 characters (it has 5,000)\n"),
        (["--many", "-"], "without a prompt"),
    ],
)
def test_what_options_cannot_mean_is_refused_before_anything_is_sent(
    tmp_path, monkeypatch, capsys, words, says
):
    monkeypatch.setenv("ATLAS_HOME", str(tmp_path))  # without a daemon: asking it would be exit 3
    code = run(["submit", "Summarise", *words], serve=lambda *_: 0)
    assert (code, says in capsys.readouterr().err) == (2, True)


def test_a_request_from_stdin_is_utf_8(atlas):
    refused = atlas("submit", "-", input=b"\xff\xfe")
    assert (refused.returncode, "stdin is not UTF-8 text" in refused.stderr) == (2, True)


def test_a_kind_of_proposals_that_there_is_not_is_refused_with_those_that_there_are(atlas):
    refused = atlas("proposals", "approve", "--kind", "bogus")
    assert (
        refused.returncode,
        "one of check, handoff, repair, retry, todo, untested" in refused.stderr,
    ) == (
        2,
        True,
    )
    assert atlas("proposals", "approve", "--kind", "todo").stdout == "nothing is proposed\n"
    assert atlas("proposals", "--state", "all").stdout == "nothing is proposed\n"


def test_a_list_of_handoffs_has_a_line_for_each(atlas, house):
    for n in range(3):
        house.call(
            "handoff.save", client="client" * 20, session=f"s{n}", goal="a goal of many words " * 20
        )
    assert len(atlas("handoffs", "list", "--state", "all").stdout.splitlines()) == 4
    assert "3 handoffs, 0 proposals" in atlas("status").stdout


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["--cron", "* * * * * *"], "it has 6 fields"),
        (["--cron", "@daily"], "@daily is no cron expression"),
        (["--daily", "9"], "'9' is no time of day (09:00)"),
        (["--daily", "25:00"], "25:00 is no time of day"),
    ],
)
def test_times_of_schedules_that_are_none_are_named(atlas, words, says):
    refused = atlas("schedules", "add", "nightly", *words, "Summarise")
    assert (refused.returncode, says in refused.stderr) == (2, True), refused.stderr


def test_several_tasks_are_waited_for_as_a_table(atlas):
    ids = [atlas("submit", f"Summarise number {n}").stdout.strip() for n in range(3)]
    done = atlas("tasks", "wait", *ids)
    assert (done.returncode, done.stdout.count("completed")) == (0, 3)
    assert "completed" not in done.stderr  # the table on stdout says it, once


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
        assert pruned.stdout == "1 task deleted\n"
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
    garbage = atlas("tasks", "import", "-", input=b"\x00\xff\n")
    assert (garbage.returncode, "atlas: line 1 is not UTF-8 text\n" in garbage.stderr) == (2, True)
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
