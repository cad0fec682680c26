"""Command-line clients as child processes: fed, bounded, scrubbed, and ended as a whole group."""

import gc
import json
import os
import signal
import socket
import subprocess
import sys
from functools import partial
from pathlib import Path

import anyio
import attrs
import pytest

from atlas_actors import process
from atlas_actors.config import Home
from atlas_actors.errors import Unavailable
from atlas_actors.executor import run
from atlas_actors.executor.cli import CliBackend
from atlas_actors.messages.execution import End, Fault, Usage
from atlas_actors.orphans import end_orphans
from atlas_actors.providers import claude_cli, codex_cli
from tests.support.clients import KEY, Life, backend, open_files, program, settings, work
from tests.support.runs import PRIVATE
from tests.support.trees import WAIT_S

pytestmark = pytest.mark.slow  # each starts a process
CLOSED_S = 2.0  # more than callbacks of one loop ever need


@pytest.fixture
def life(tmp_path):
    made = Life(tmp_path)
    yield made
    made.close()


@pytest.fixture(autouse=True)
def impatient(monkeypatch):
    monkeypatch.setattr(process, "GRACE_S", 0.1)


def asked(client, *args, on_text=lambda _: None, **fields):
    async def ask():
        with anyio.fail_after(WAIT_S):
            return await client.ask(work(*args, **fields), on_text)

    return anyio.run(ask)


async def cancelled_once_begun(client, life, on_text=lambda _: None):
    """Ask, and cancel it when the client's process has told that it runs."""
    async with anyio.create_task_group() as group:
        group.start_soon(client.ask, work(), on_text)
        with anyio.fail_after(WAIT_S):
            await anyio.wait_readable(life)
        life.began()
        group.cancel_scope.cancel()


# What it is given.


def test_an_answer_comes_with_its_text_and_tokens(tmp_path):
    texts = []
    ended = asked(backend(tmp_path, 'claude("four")'), on_text=texts.append)
    assert (ended.end, ended.answer.text, ended.cost_usd) == (End.ANSWERED, "four", 0.007)
    assert ended.answer.usage == Usage(input=7, output=3)
    assert texts == ["four"]


def test_the_other_client_answers_too(tmp_path):
    texts = []
    client = backend(tmp_path, 'codex("four")', transport="codex-cli")
    ended = asked(client, on_text=texts.append)
    assert (ended.end, ended.answer.text, texts) == (End.ANSWERED, "four", ["four"])


def test_the_prompt_comes_by_standard_input_which_is_then_closed(tmp_path):
    client = backend(tmp_path, "claude(sys.stdin.read()[::-1])")
    assert asked(client, "Grüß Gott").answer.text == "ttoG ßürG"


def test_a_client_that_does_not_read_a_long_prompt_answers_all_the_same(tmp_path):
    client = backend(tmp_path, 'os.close(0); claude("four")')
    assert asked(client, "x" * 2_000_000).answer.text == "four"


def test_a_long_prompt_and_a_long_output_do_not_wait_for_each_other(tmp_path):
    body = """
        for _ in range(2_000): line(dict(type="user", text="x" * 1_000))
        claude(str(len(sys.stdin.read())))
    """
    assert asked(backend(tmp_path, body), "x" * 2_000_000).answer.text == "2000000"


def test_the_prompt_and_the_key_are_in_no_process_list(tmp_path):
    said = asked(backend(tmp_path, 'claude(" ".join(sys.argv))'), "nobody's business").answer.text
    assert "nobody's business" not in said
    assert "[key]" not in said


def test_the_environment_is_scrubbed(tmp_path, monkeypatch):
    for name in PRIVATE:
        monkeypatch.setenv(name, "of the caller")
    monkeypatch.setenv("NO_PROXY", "passed on")
    said = json.loads(asked(backend(tmp_path, "claude(json.dumps(dict(os.environ)))")).answer.text)
    assert "of the caller" not in said.values()
    assert (said["ATLAS_EXECUTOR"], said["NO_PROXY"]) == (
        str(tmp_path / "atlas" / "clients" / "x.scratch"), "passed on",
    )  # fmt: skip
    assert said["HOME"] == str(tmp_path / "atlas" / "clients" / "x")


def test_no_file_of_ours_is_open_in_it(tmp_path):
    with socket.socket() as ours, Path(tmp_path, "ours").open("w") as file:
        os.set_inheritable(ours.fileno(), True)
        os.set_inheritable(file.fileno(), True)
        said = asked(backend(tmp_path, 'claude(json.dumps(os.listdir("/proc/self/fd")))'))
    assert len(json.loads(said.answer.text)) <= 4  # three, and the one that lists them


def test_it_has_no_terminal_and_a_group_of_its_own(tmp_path):
    body = "claude(json.dumps([os.getpid(), os.getpgrp(), os.getsid(0)]))"
    pid, group, session = json.loads(asked(backend(tmp_path, body)).answer.text)
    assert (group, session) == (pid, pid)


def test_it_works_where_the_work_is(tmp_path):
    folder = tmp_path / "folder"
    folder.mkdir()
    client = backend(tmp_path, "claude(os.getcwd())")
    assert asked(client, folder=str(folder)).answer.text == str(folder)


def test_a_question_is_answered_in_an_empty_folder_that_is_then_gone(tmp_path):
    client = backend(tmp_path, """
        open("left behind", "w").close()
        claude(json.dumps([os.getcwd(), os.listdir()]))
    """)  # fmt: skip
    where, files = json.loads(asked(client).answer.text)
    assert files == ["left behind"]
    assert not Path(where).exists()


def test_two_runs_have_different_sessions(tmp_path):
    client = backend(tmp_path, 'claude(option("--session-id"))')
    assert asked(client).answer.text != asked(client).answer.text


def test_two_runs_at_once_do_not_meet(tmp_path):
    client = backend(tmp_path, "claude(sys.stdin.read() + os.getcwd())")
    answers = []

    async def one(prompt):
        answers.append((await client.ask(work(prompt), lambda _: None)).answer.text)

    async def both():
        with anyio.fail_after(WAIT_S):
            async with anyio.create_task_group() as group:
                group.start_soon(one, "a")
                group.start_soon(one, "b")

    anyio.run(both)
    (first, where), (second, other) = sorted((text[0], text[1:]) for text in answers)
    assert (first, second) == ("a", "b")
    assert where != other


def test_a_schema_is_a_file_that_is_then_gone(tmp_path):
    body = """
        path = option("--output-schema")
        codex(json.dumps([path, json.load(open(path))]))
    """
    client = backend(tmp_path, body, transport="codex-cli")
    path, schema = json.loads(asked(client, schema={"type": "object"}).answer.text)
    assert schema == {"type": "object"}
    assert not Path(path).exists()
    assert list((tmp_path / "atlas" / "clients" / "x.scratch").iterdir()) == []


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="other systems do not show the variables")
def test_what_outlived_a_killed_daemon_is_ended_when_its_executor_starts_again(tmp_path):
    client = backend(tmp_path, 'claude("four")')
    (client.scratch / "run-old").mkdir()
    orphan, stranger = (
        subprocess.Popen(
            [sys.executable, "-ISc", "import signal; signal.pause()"],
            env={"ATLAS_EXECUTOR": where}, start_new_session=True,
        )
        for where in (str(client.scratch), str(tmp_path / "another"))
    )  # fmt: skip
    try:
        assert end_orphans(client.scratch) == 1
        assert orphan.wait(WAIT_S) == -signal.SIGKILL
        assert stranger.poll() is None
        assert list(client.scratch.iterdir()) == []
    finally:
        for process in (orphan, stranger):
            process.kill()
            process.wait(WAIT_S)


def test_a_refused_key_that_a_command_has_changed_since_is_taken_up(tmp_path):
    keys = tmp_path / "keys"
    keys.write_text("new-key-5678")
    body = """
        if os.environ["ANTHROPIC_API_KEY"] == "new-key-5678":
            claude("four")
        else:
            claude("401", is_error=True, api_error_status=401)
    """
    client = backend(tmp_path, body, key_command=("cat", str(keys)))
    client.key = "old-key-1234"
    assert asked(client).answer.text == "four"
    assert client.key == "new-key-5678"


# What it may do.


def test_an_endless_line_is_bounded(tmp_path, monkeypatch):
    monkeypatch.setattr(run, "LINE_BYTES_MAX", 100_000)
    ended = asked(backend(tmp_path, 'while True: sys.stdout.write("x" * 10_000)'))
    assert (ended.end, ended.fault) == (End.UNREACHABLE, Fault.SERVER)
    assert "line of more than 100000 bytes" in ended.error


def test_endless_lines_are_bounded(tmp_path, monkeypatch):
    monkeypatch.setattr(run, "OUTPUT_BYTES_MAX", 100_000)
    ended = asked(backend(tmp_path, 'while True: line("x" * 1_000)'))
    assert (ended.end, ended.fault) == (End.UNREACHABLE, Fault.SERVER)
    assert "more than 100000 bytes" in ended.error


def test_an_endless_standard_error_is_read_and_its_end_kept(tmp_path):
    ended = asked(backend(tmp_path, """
        for _ in range(200): sys.stderr.write("x" * 10_000)
        sys.stderr.write(" the last words")
        sys.exit(1)
    """))  # fmt: skip
    assert ended.end is End.UNREACHABLE
    assert ended.error.endswith("the last words")


def test_noise_on_standard_output_is_no_answer(tmp_path):
    ended = asked(backend(tmp_path, "sys.stdout.buffer.write(bytes(range(256)) * 50)"))
    assert (ended.end, ended.fault) == (End.UNREACHABLE, Fault.SERVER)


def test_a_last_line_without_its_end_counts(tmp_path):
    body = """
        real, sys.stdout.write = sys.stdout.write, lambda text: real(text[:-1])
        line(dict(type="result", result="four", num_turns=1, terminal_reason="completed"))
    """
    assert asked(backend(tmp_path, body)).answer.text == "four"


@pytest.mark.parametrize("how", ["sys.exit(143)", "os.kill(os.getpid(), signal.SIGKILL)"])
def test_a_client_that_ends_without_a_result_was_cut_off(tmp_path, how):
    ended = asked(backend(tmp_path, how))
    assert (ended.end, ended.fault) == (End.UNREACHABLE, Fault.SERVER)


def test_a_client_that_waits_for_a_network_is_not_waited_for(tmp_path, life):
    body = f"""
        alive({life.path!r})
        line(dict(type="error", message="Reconnecting... waiting for network"))
        signal.pause()
    """
    ended = asked(backend(tmp_path, body, transport="codex-cli"))
    assert (ended.end, ended.fault) == (End.UNREACHABLE, Fault.NETWORK)
    assert life.is_over()


# What is left of it.


def test_a_cancelled_run_ends_with_its_children(tmp_path, life):
    client = backend(tmp_path, f"child({life.path!r}); signal.pause()")
    anyio.run(cancelled_once_begun, client, life)
    assert life.is_over()
    assert list(client.scratch.iterdir()) == []


def test_a_cancelled_run_ends_though_it_does_not_want_to(tmp_path, life, monkeypatch):
    monkeypatch.setattr(process, "STOP_S", 0.2)
    body = f"deaf(); alive({life.path!r})\nwhile True: signal.pause()"
    anyio.run(cancelled_once_begun, backend(tmp_path, body), life)
    assert life.is_over()


def test_a_child_that_does_not_want_to_end_ends_too(tmp_path, life, monkeypatch):
    monkeypatch.setattr(process, "STOP_S", 0.2)
    client = backend(tmp_path, f"child({life.path!r}, deaf); signal.pause()")
    anyio.run(cancelled_once_begun, client, life)
    assert life.is_over()


def test_a_client_may_end_in_order_when_it_is_cancelled(tmp_path, life):
    body = f"""
        def leave(*_):
            open({str(tmp_path / "left")!r}, "w").close()
            sys.exit(143)
        signal.signal(signal.SIGTERM, leave)
        alive({life.path!r})
        signal.pause()
    """
    anyio.run(cancelled_once_begun, backend(tmp_path, body), life)
    assert (tmp_path / "left").exists()


def test_a_child_that_holds_the_output_open_is_not_waited_for(tmp_path, life):
    ended = asked(backend(tmp_path, f'child({life.path!r}); claude("four")'))
    assert (ended.end, ended.answer.text) == (End.ANSWERED, "four")
    assert life.is_over()


def test_a_client_that_fails_leaves_no_children(tmp_path, life):
    ended = asked(backend(tmp_path, f"child({life.path!r}); sys.exit(1)"))
    assert ended.end is End.UNREACHABLE
    assert life.is_over()


def test_a_failing_listener_leaves_nothing_running(tmp_path, life):
    def fail(_):
        raise RuntimeError("ours")

    body = f'alive({life.path!r})\nclaude("four")\nsignal.pause()'
    with pytest.raises((RuntimeError, ExceptionGroup)):
        asked(backend(tmp_path, body), on_text=fail)
    assert life.is_over()


RUNS = 8  # whether much is left to read when one ends is chance
BODIES = {
    "answers": 'claude("four")',
    "prints without end": 'while True: sys.stdout.write("x" * 10_000)',
    "complains without end": 'while True: sys.stderr.write("x" * 10_000)',
    "never reads": "signal.pause()",
}


@pytest.mark.parametrize("body", BODIES.values(), ids=BODIES)
def test_a_run_leaves_no_file_open(tmp_path, monkeypatch, body):
    monkeypatch.setattr(run, "LINE_BYTES_MAX", 100_000)
    client = backend(tmp_path, body)

    async def runs():
        before = open_files()
        for _ in range(RUNS):
            with anyio.move_on_after(WAIT_S if "claude" in body else 0.2):
                await client.ask(work("x" * 500_000), lambda _: None)
        with anyio.move_on_after(CLOSED_S):
            while open_files() > before:
                await anyio.lowlevel.checkpoint()
        return open_files() - before

    gc.disable()  # it would close them, some day
    try:
        assert anyio.run(runs) <= 0
    finally:
        gc.enable()


# What is missing.


def find(tmp_path, command, key=KEY, client=claude_cli, **changes):
    said = settings(command=command, **changes)
    return CliBackend.find("claude-cli", client, said, Home(root=tmp_path / "atlas"), key)


def test_a_program_that_is_missing_is_named_with_a_cure(tmp_path):
    with pytest.raises(Unavailable, match="no program not-installed-anywhere") as caught:
        find(tmp_path, "not-installed-anywhere")
    assert "[providers.x]" in caught.value.cure


def test_a_program_without_key_or_login_is_named_with_a_cure(tmp_path):
    with pytest.raises(Unavailable, match="neither a key nor a login") as caught:
        find(tmp_path, program(tmp_path, ""), key="")
    assert "key_env" in caught.value.cure
    assert "client_home" in caught.value.cure


@pytest.mark.parametrize(
    ("client", "file"), [(claude_cli, ".claude/.credentials.json"), (codex_cli, "auth.json")]
)
def test_a_login_stands_in_for_a_key(tmp_path, client, file):
    login = tmp_path / "person" / file
    login.parent.mkdir(parents=True)
    login.write_text("{}")
    where = str(tmp_path / "person")
    found = find(tmp_path, program(tmp_path, ""), key="", client=client, client_home=where)
    assert found.home == where


def test_its_own_home_is_nobody_elses(tmp_path):
    own = Path(find(tmp_path, program(tmp_path, "")).home)
    assert own.stat().st_mode & 0o777 == 0o700
    assert list(own.iterdir()) == []


def test_a_program_that_vanished_is_a_fault(tmp_path):
    client = backend(tmp_path, "")
    Path(client.program).unlink()
    ended = asked(client)
    assert (ended.end, ended.fault) == (End.UNREACHABLE, Fault.SERVER)
    assert "does not start" in ended.error


def test_a_folder_that_vanished_is_a_fault_and_not_the_programs(tmp_path):
    ended = asked(backend(tmp_path, 'claude("four")'), folder=str(tmp_path / "gone"))
    assert ended.end is not End.ANSWERED
    assert "gone" in ended.error


def test_a_closed_port_is_known_before_the_client_starts(tmp_path):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))  # bound, and not listening
        url = f"http://127.0.0.1:{taken.getsockname()[1]}/v1"
        started = tmp_path / "started"
        client = backend(tmp_path, f"open({str(started)!r}, 'w')", base_url=url)
        ended = asked(client)
    assert (ended.end, ended.fault) == (End.UNREACHABLE, Fault.NETWORK)
    assert url in ended.error
    assert not started.exists()


def test_an_open_port_lets_the_client_start(tmp_path):
    with socket.create_server(("127.0.0.1", 0)) as server:
        url = f"http://127.0.0.1:{server.getsockname()[1]}"
        client = backend(tmp_path, 'claude(os.environ["ANTHROPIC_BASE_URL"])', base_url=url)
        assert asked(client).answer.text == url


# What is secret.

ECHO = 'key = os.environ["ANTHROPIC_API_KEY"]\n'


def test_the_key_is_not_in_the_answer(tmp_path):
    ended = asked(backend(tmp_path, ECHO + 'claude(f"it is {key}, yes, {key}")'))
    assert ended.answer.text == "it is [key], yes, [key]"


def test_the_key_is_not_in_what_is_shown(tmp_path):
    texts = []
    asked(backend(tmp_path, ECHO + 'claude(f"it is {key}")'), on_text=texts.append)
    assert KEY not in "".join(texts)


def test_the_key_is_not_in_what_is_shown_though_it_comes_in_pieces(tmp_path):
    body = (
        ECHO
        + """
for letter in key:
    delta = dict(type="content_block_delta", delta=dict(text=letter))
    line(dict(type="stream_event", event=delta, parent_tool_use_id=None))
claude("four")
"""
    )
    texts = []
    asked(backend(tmp_path, body), on_text=texts.append)
    assert KEY not in "".join(texts)


@pytest.mark.parametrize(
    "tell",
    [
        'claude(f"401 {key}", is_error=True, api_error_status=401)',
        'sys.exit(f"401 {key}")',
        'line(dict(type="system", subtype="api_retry", error_status=401, error=key))',
    ],
)
def test_the_key_is_not_in_an_error(tmp_path, tell):
    ended = asked(backend(tmp_path, ECHO + tell))
    assert "401" in ended.error
    assert KEY not in ended.error + ended.answer.text


@pytest.mark.parametrize("shift", range(5, len(KEY) - 3, 4))
@pytest.mark.parametrize("way", ["message", "stderr"])
def test_half_the_key_is_not_in_an_error_that_was_cut(tmp_path, way, shift):
    """A message ends, or begins, where the limit falls; here it falls within the key."""
    if way == "message":
        tell = f'claude("x" * (300 - 10 - {shift}) + key, is_error=True, api_error_status=401)'
    else:
        tell = f'sys.exit(key + "y" * (300 - {shift}))'
    ended = asked(backend(tmp_path, ECHO + tell))
    assert not [at for at in range(len(KEY) - 5) if KEY[at : at + 5] in ended.error]


def test_the_key_is_not_shown_by_the_backend_itself(tmp_path):
    client = backend(tmp_path, "")
    assert KEY not in repr(client)
    assert KEY not in repr(attrs.evolve(client, note="x"))


def test_it_is_always_alive_and_stops_at_once(tmp_path):
    client = backend(tmp_path, "")
    assert anyio.run(client.alive) == ""
    anyio.run(partial(client.stop))
