"""scripts/hook against doors of every kind: it prints an answer whole or nothing, and ends."""

import ast
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
from pathlib import Path

import pytest

from atlas_actors.config import home_from
from atlas_actors.gateway import hook_line
from atlas_actors.gateway.hook_line import framed, read_hook
from tests.support.hooks import HOOK, FakeDoor, command, environment, hook, read_line, says, waits
from tests.support.trees import WAIT_S

SOON = ("--deadline", "0.15")
PAYLOAD = b'{"hook_event_name":"Stop","session_id":"s"}'
ANSWER = b'{"continue":true}'


def assert_silent(done):
    assert (done.returncode, done.stdout, done.stderr) == (0, b"", b"")


def test_the_answers_bytes_are_printed_and_nothing_else(tmp_path):
    with FakeDoor(tmp_path, says(framed(ANSWER))):
        done = hook(tmp_path, "claude", payload=PAYLOAD)
    assert (done.returncode, done.stdout, done.stderr) == (0, ANSWER, b"")


def test_the_line_is_what_the_gateway_reads(tmp_path):
    with FakeDoor(tmp_path, says(framed(b""))) as door:
        hook(
            tmp_path, "codex", "Notify", "--deadline", "0.75",
            payload=b'{"a": "\xc3\xa9",\n "b": [1]}\n', CODEX_HOME="/c", CLAUDE_PROJECT_DIR="/p=1",
        )  # fmt: skip
    call = read_hook(door.lines[0])
    assert (call.client, call.event, call.deadline_ms) == ("codex", "Notify", 750)
    assert call.payload == {"a": "é", "b": [1]}
    assert call.fields == {"CODEX_HOME": "/c", "CLAUDE_PROJECT_DIR": "/p=1"}
    assert call.began_ms


def test_an_empty_answer_prints_nothing(tmp_path):
    with FakeDoor(tmp_path, says(framed(b""))):
        assert_silent(hook(tmp_path, "claude"))


def test_the_answer_may_come_in_pieces_and_the_door_stay_open(tmp_path):
    with FakeDoor(tmp_path, waits(b"1", b"7", b"\n", ANSWER[:3], ANSWER[3:])):
        assert hook(tmp_path, "claude").stdout == ANSWER


@pytest.mark.slow
def test_five_megabytes_of_payload_arrive(tmp_path):
    payload = b'{"a":"' + b"x" * 5_000_000 + b'"}'
    with FakeDoor(tmp_path, says(framed(ANSWER))) as door:
        assert hook(tmp_path, "claude", "--deadline", "20", payload=payload).stdout == ANSWER
    assert door.lines[0].endswith(b"\x1e" + payload)


def test_an_answer_as_long_as_may_be_is_printed_and_a_longer_one_not(tmp_path):
    most = b"x" * hook_line.ANSWER_BYTES_MAX
    with FakeDoor(tmp_path, says(b"%d\n" % len(most) + most)):
        assert hook(tmp_path, "claude").stdout == most
    (tmp_path / "atlas.sock").unlink()
    with FakeDoor(tmp_path, says(b"%d\n" % (len(most) + 1) + most + b"x")):
        assert_silent(hook(tmp_path, "claude"))


@pytest.mark.parametrize(
    "words",
    [
        (b"",),
        (b"\n",),
        (b"garbage\n",),
        (hook_line.FAILED,),
        (b'{"jsonrpc":"2.0"}\n',),
        (b"\x00\xff" * 50_000,),
        (b"-17\n" + ANSWER,),
        (b"+17\n" + ANSWER,),
        (b" 17\n" + ANSWER,),
        (b"1_7\n" + ANSWER,),
        ("١٧\n".encode() + ANSWER,),
        (b"0x11\n" + ANSWER,),
        (b"17\r\n" + ANSWER,),
        (b"17" + ANSWER,),
        (b"99999999999999999999999\n" + ANSWER,),
        (b"0000017\n" + ANSWER,),
        (b"18\n" + ANSWER,),
        (b"16\n" + ANSWER,),
        (b"17\n", ANSWER[:10]),
        (b"17\n" + ANSWER + b"more",),
        (b"1" * 3_000_000,),
    ],
    ids=range(21),
)
def test_what_is_no_whole_answer_prints_nothing(tmp_path, words):
    with FakeDoor(tmp_path, says(*words)):
        assert_silent(hook(tmp_path, "claude"))


def test_without_a_daemon_it_ends_by_itself(tmp_path):
    assert_silent(hook(tmp_path, "claude", "--deadline", "600"))


def test_a_socket_that_nobody_listens_on_ends_it(tmp_path):
    with socket.socket(socket.AF_UNIX) as left:
        left.bind(str(tmp_path / "atlas.sock"))
    assert_silent(hook(tmp_path, "claude", "--deadline", "600"))


@pytest.mark.slow
@pytest.mark.parametrize("pieces", [(), (b"1",), (b"17\n",), (b"17\n", ANSWER[:-1])], ids=range(4))
def test_a_door_that_does_not_go_on_is_left_by_the_deadline(tmp_path, pieces):
    with FakeDoor(tmp_path, waits(*pieces)):
        assert_silent(hook(tmp_path, "claude", *SOON))


@pytest.mark.slow
def test_a_door_that_drips_is_left_by_the_deadline(tmp_path):
    def drip(connection):
        connection.sendall(b"200000\n")
        connection.settimeout(0.005)
        while True:
            connection.sendall(b"x")
            try:
                if not connection.recv(1):
                    return
            except TimeoutError:
                continue

    with FakeDoor(tmp_path, drip):
        assert_silent(hook(tmp_path, "claude", *SOON))


@pytest.mark.slow
def test_a_door_that_nobody_opens_is_left_by_the_deadline(tmp_path):
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(tmp_path / "atlas.sock"))
        listener.listen(0)
        crowd = []
        try:
            while True:  # until its backlog is full
                one = socket.socket(socket.AF_UNIX)
                crowd.append(one)
                one.setblocking(False)
                one.connect(str(tmp_path / "atlas.sock"))
        except BlockingIOError:
            assert_silent(hook(tmp_path, "claude", *SOON))
        finally:
            for one in crowd:
                one.close()


@pytest.mark.slow
def test_a_stopped_daemon_is_left_by_the_deadline_even_with_much_to_send(tmp_path):
    listen = (
        "import os, signal, socket, sys; s = socket.socket(socket.AF_UNIX); s.bind(sys.argv[1]);"
        "s.listen(9); print('up', flush=True); os.kill(os.getpid(), signal.SIGSTOP)"
    )
    server = subprocess.Popen(
        [sys.executable, "-c", listen, str(tmp_path / "atlas.sock")], stdout=subprocess.PIPE
    )
    try:
        assert server.stdout.read(2) == b"up"
        os.waitid(os.P_PID, server.pid, os.WSTOPPED | os.WNOWAIT)
        for payload in (PAYLOAD, b'{"a":"' + b"x" * 5_000_000 + b'"}'):
            assert_silent(hook(tmp_path, "claude", *SOON, payload=payload))
    finally:
        server.kill()
        server.communicate()


@pytest.mark.slow
@pytest.mark.skipif(os.getuid() != 0, reason="only root can be somebody else too")
def test_somebody_elses_door_is_told_nothing():
    hear = (
        "import os, socket, sys; s = socket.socket(socket.AF_UNIX); os.setuid(65534);"
        "s.bind(sys.argv[1]); s.listen(9); print('up', flush=True); c, _ = s.accept();"
        "print(c.recv(9), flush=True)"
    )
    with tempfile.TemporaryDirectory(dir="/tmp") as name:
        home = Path(name)
        home.chmod(0o777)
        listen = [sys.executable, "-c", hear, str(home / "atlas.sock")]
        server = subprocess.Popen(listen, stdout=subprocess.PIPE)
        assert server.stdout.readline() == b"up\n"
        assert_silent(hook(home, "claude", "--deadline", "600"))
        assert server.communicate(timeout=WAIT_S)[0] == b"b''\n"


@pytest.mark.slow
def test_a_stdin_that_is_never_closed_is_left_by_the_deadline(tmp_path):
    with FakeDoor(tmp_path, says(framed(ANSWER))) as door:
        process = subprocess.Popen(
            command("claude", *SOON), env=environment(tmp_path), stdin=subprocess.PIPE,
            stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        )  # fmt: skip
        process.stdin.write(PAYLOAD)
        process.stdin.flush()
        assert process.wait(WAIT_S) == 0
        assert process.stdout.read() + process.stderr.read() == b""
        process.communicate()
    assert door.lines == []


@pytest.mark.slow
def test_the_deadline_is_the_one_that_it_is_given(tmp_path):
    """The one with the short deadline ends while the other still waits, and gets its answer."""
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(tmp_path / "atlas.sock"))
        listener.listen(9)
        patient = subprocess.Popen(
            command("claude", "--deadline", "600"), env=environment(tmp_path),
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
        )  # fmt: skip
        connection, _ = listener.accept()
        assert_silent(hook(tmp_path, "claude", *SOON))
        assert patient.poll() is None
        read_line(connection)
        connection.sendall(framed(ANSWER))
        assert patient.communicate(timeout=WAIT_S)[0] == ANSWER
        connection.close()


@pytest.mark.parametrize("given", ["soon", "-1", "0", "1e9", "nan", "", "1.2.3"])
def test_a_deadline_that_is_none_leaves_the_usual_one(tmp_path, given):
    with FakeDoor(tmp_path, says(framed(b""))) as door:
        assert_silent(hook(tmp_path, "claude", "--deadline", given))
    assert read_hook(door.lines[0]).deadline_ms == 1000


def test_a_door_that_closes_half_way_through_much_to_read_ends_it(tmp_path):
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(tmp_path / "atlas.sock"))
        listener.listen(9)
        process = subprocess.Popen(
            command("claude", "--deadline", "600"), env=environment(tmp_path),
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        )  # fmt: skip
        process.stdin.write(b"x" * 2_000_000)
        process.stdin.close()
        connection, _ = listener.accept()
        connection.recv(1000)
        connection.close()
        assert process.wait(WAIT_S) == 0
        assert process.stdout.read() + process.stderr.read() == b""
        process.stdout.close()
        process.stderr.close()


@pytest.mark.parametrize("payload", [b"", b"\x00\xff\x1e\x1f\n\n" * 100, b"[" * 10_000])
def test_any_payload_is_sent_as_one_line(tmp_path, payload):
    with FakeDoor(tmp_path, says(framed(ANSWER))) as door:
        assert hook(tmp_path, "claude", payload=payload).stdout == ANSWER
    head, _, sent = door.lines[0].partition(b"\x1e")
    assert head.startswith(hook_line.PREFIX)
    assert sent == payload.replace(b"\n", b" ")


def test_inside_an_executor_of_atlas_it_says_nothing_to_anybody(tmp_path):
    (tmp_path / "hooks-closed").write_text("claude\t*\tno\n")
    with FakeDoor(tmp_path, says(framed(ANSWER))) as door:
        assert_silent(hook(tmp_path, "claude", "PreToolUse", ATLAS_EXECUTOR="1"))
    assert door.lines == []


def test_nothing_else_of_the_environment_is_told(tmp_path):
    planted = {
        "ANTHROPIC_API_KEY": "sk-ant-planted",
        "OPENAI_API_KEY": "sk-planted",
        "CLAUDE_CODE_MESSAGING_SOCKET_TOKEN": "planted-token",
        "AWS_SECRET_ACCESS_KEY": "planted-aws",
        "PYTHONPATH": "/planted",
        "CODEX_HOME": "/a\x1fANTHROPIC_API_KEY=planted-by-separator",
        "CLAUDE_PROJECT_DIR": "/a\nplanted-by-line-feed",
        "GEMINI_PROJECT_DIR": "planted" * 1_000,
        "CLAUDE_CODE_SESSION_ID": "told",
    }
    with FakeDoor(tmp_path, says(framed(b""))) as door:
        hook(tmp_path, "claude", **planted)
    assert b"planted" not in door.lines[0]
    assert read_hook(door.lines[0]).fields == {"CLAUDE_CODE_SESSION_ID": "told"}


def test_the_default_home_is_below_the_users(tmp_path):
    (tmp_path / ".atlas").mkdir()
    with FakeDoor(tmp_path / ".atlas", says(framed(ANSWER))):
        done = hook(tmp_path, "claude", ATLAS_HOME="")
    assert done.stdout == ANSWER


def test_a_long_homes_socket_is_where_the_daemon_says(tmp_path):
    home = tmp_path / ("long" * 25)
    home.mkdir()
    where = home_from({"ATLAS_HOME": str(home)}).socket()
    assert where.parent != home
    (home / "socket-path").write_text(f"{tmp_path}/atlas.sock\n")
    with FakeDoor(tmp_path, says(framed(ANSWER))):
        assert hook(home, "claude").stdout == ANSWER
    (home / "socket-path").unlink()
    assert_silent(hook(home, "claude", "--deadline", "600"))


@pytest.mark.slow
def test_a_pipe_in_place_of_a_file_is_not_waited_for(tmp_path):
    os.mkfifo(tmp_path / "hooks-closed")
    assert_silent(hook(tmp_path, "claude", "PreToolUse", *SOON))
    os.mkfifo(tmp_path / "atlas.sock")
    assert_silent(hook(tmp_path, "claude", *SOON))


def test_a_client_that_takes_no_answer_is_not_told_of_an_error(tmp_path):
    (tmp_path / "hooks-closed").write_text("claude\t*\tno\n")  # who was asked has decided
    gone, ours = os.pipe()
    os.close(gone)
    with FakeDoor(tmp_path, says(framed(ANSWER))):
        process = subprocess.Popen(
            command("claude", "PreToolUse"), env=environment(tmp_path), stdin=subprocess.DEVNULL,
            stdout=ours, stderr=subprocess.PIPE,
        )  # fmt: skip
        os.close(ours)
        _, error = process.communicate(timeout=WAIT_S)
    assert (process.returncode, error) == (0, b"")


@pytest.mark.slow
def test_an_interrupt_of_the_client_prints_no_traceback(tmp_path):
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(tmp_path / "atlas.sock"))
        listener.listen(9)
        process = subprocess.Popen(
            command("claude", "--deadline", "600"), env=environment(tmp_path),
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        )  # fmt: skip
        connection, _ = listener.accept()
        process.send_signal(signal.SIGINT)
        out, error = process.communicate(timeout=WAIT_S)
        connection.close()
    assert (process.returncode, out, error) == (0, b"", b"")


def test_a_blocked_alarm_does_not_make_it_wait(tmp_path):
    with FakeDoor(tmp_path, waits()):
        old = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGALRM})
        try:
            done = hook(tmp_path, "claude", *SOON)
        finally:
            signal.pthread_sigmask(signal.SIG_SETMASK, old)
    assert_silent(done)


@pytest.mark.parametrize("words", [(), ("--deadline",), ("x" * 5_000,), ("claude", "\udcff")])
def test_wrong_words_harm_nobody(tmp_path, words):
    assert_silent(hook(tmp_path, *words))


MODULES = ["hook", "hook_asking.py", "hook_unanswered.py"]


@pytest.mark.parametrize("name", MODULES)
def test_it_imports_what_every_interpreter_has_in_c(name):
    found = set()
    for node in ast.walk(ast.parse((HOOK.parent / name).read_text("utf-8"))):
        assert not isinstance(node, ast.ImportFrom)
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
    ours = {Path(module).stem for module in MODULES}
    assert found - ours <= {"_signal", "_socket", "fcntl", "posix", "sys", "time"}


def test_half_an_atlas_is_not_spoken_of(tmp_path):
    shutil.copy(HOOK, tmp_path / "hook")
    assert_silent(hook(tmp_path, "claude", script=tmp_path / "hook"))
    (tmp_path / "hook_asking.py").write_text("nonsense(")
    assert_silent(hook(tmp_path, "claude", script=tmp_path / "hook"))


def test_hook_and_gateway_agree_on_their_limits():
    values = {}
    for node in ast.parse((HOOK.parent / "hook_asking.py").read_text("utf-8")).body:
        if isinstance(node, ast.Assign) and isinstance(node.value, ast.Constant | ast.Tuple):
            values[node.targets[0].id] = ast.literal_eval(node.value)
    assert {name.decode() for name in values["FIELDS"]} == hook_line.FIELDS
    assert values["ANSWER_BYTES_MAX"] == hook_line.ANSWER_BYTES_MAX
    assert values["FIELD_BYTES_MAX"] == hook_line.FIELD_BYTES_MAX
    assert values["DEADLINE_S_MAX"] * 1000 == hook_line.DEADLINE_MS_MAX


def test_nothing_is_written_to_disk(tmp_path):
    scripts, home = tmp_path / "scripts", tmp_path / "home"
    scripts.mkdir()
    home.mkdir()
    for name in MODULES:
        shutil.copy(HOOK.parent / name, scripts)
    (home / "hooks-closed").write_text("claude\t*\tno\n")
    before = sorted(tmp_path.rglob("*"))
    assert hook(home, "claude", "PreToolUse", script=scripts / "hook").returncode == 2
    assert sorted(tmp_path.rglob("*")) == before


def test_what_is_only_told_is_sent_whole_and_waits_for_no_answer(tmp_path):
    gone = threading.Event()

    def answer(connection):  # once the hook has ended, or never
        if gone.wait(WAIT_S):
            connection.sendall(framed(ANSWER))

    payload = b'{"a":"' + b"x" * 1_000_000 + b'"}'
    with FakeDoor(tmp_path, answer) as door:
        done = hook(tmp_path, "claude", "Stop", "--tell", "--deadline", "600", payload=payload)
        gone.set()
    assert_silent(done)
    call = read_hook(door.lines[0])
    assert call.told
    assert (call.event, len(call.payload["a"])) == ("Stop", 1_000_000)


def test_what_is_told_a_stopped_daemon_is_there_when_it_goes_on(tmp_path):
    with socket.socket(socket.AF_UNIX) as door:
        door.bind(str(tmp_path / "atlas.sock"))
        door.listen(9)
        for event in ("PostToolUse", "Stop"):
            assert_silent(hook(tmp_path, "claude", event, "--tell", "--deadline", "600"))
        told = []
        for _ in range(2):
            connection, _ = door.accept()
            with connection:
                told.append(read_hook(read_line(connection)).event)
    assert told == ["PostToolUse", "Stop"]
