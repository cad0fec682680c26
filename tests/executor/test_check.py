"""The command that a person gave as a check: its exit code is the verdict."""

import json
import os
import sys
from functools import partial
from pathlib import Path

import anyio
import pytest

from atlas_actors import process
from atlas_actors.executor.check import OUTPUT_BYTES_MAX, run_check, without_secrets
from tests.support.clients import Life, program
from tests.support.trees import WAIT_S

pytestmark = pytest.mark.slow  # each starts a process


@pytest.fixture
def life(tmp_path):
    made = Life(tmp_path)
    yield made
    made.close()


def checked(tmp_path, body, answer="", *arguments, timeout_s=WAIT_S):
    command = (program(tmp_path, body), *arguments)
    return anyio.run(partial(run_check, command, str(tmp_path), answer, timeout_s))


@pytest.mark.parametrize(
    ("body", "code"),
    [
        ("", 0),
        ("sys.exit(1)", 1),
        ("sys.exit(77)", 77),
        ("os.kill(os.getpid(), signal.SIGKILL)", -9),
    ],
)
def test_the_exit_code_is_the_verdict(tmp_path, body, code):
    assert checked(tmp_path, body).code == code


def test_the_answer_is_its_input_which_then_ends(tmp_path):
    run = checked(tmp_path, "sys.stdout.write(sys.stdin.read()[::-1])", "Grüß Gott")
    assert (run.code, run.output) == (0, "ttoG ßürG")


def test_a_check_need_not_read_its_input(tmp_path):
    assert checked(tmp_path, "os.close(0); sys.exit(3)", "x" * 2_000_000).code == 3


def test_a_check_may_write_while_it_reads(tmp_path):
    body = "for some in iter(lambda: sys.stdin.read(10_000), ''): print(some)\nprint('done')"
    run = checked(tmp_path, body, "x" * 2_000_000)
    assert (run.code, run.output[-5:]) == (0, "done\n")


def test_it_runs_in_the_folder_and_gets_its_arguments_as_they_are(tmp_path):
    run = checked(tmp_path, "print(json.dumps([os.getcwd(), sys.argv[1:]]))", "", "$HOME", "; ls *")
    assert json.loads(run.output) == [str(tmp_path), ["$HOME", "; ls *"]]


def test_both_kinds_of_output_are_kept(tmp_path):
    body = 'line("out"); sys.stderr.write("err\\n"); sys.stderr.flush(); line("out")'
    assert checked(tmp_path, body).output == '"out"\nerr\n"out"\n'


def test_only_the_end_of_its_output_is_kept(tmp_path):
    run = checked(tmp_path, 'sys.stdout.write("x" * 3_000_000 + "the end")')
    assert (run.code, len(run.output)) == (0, OUTPUT_BYTES_MAX)
    assert run.output.endswith("the end")


def test_output_that_is_no_text_is_kept_as_well_as_can_be(tmp_path):
    run = checked(tmp_path, 'sys.stdout.buffer.write(b"caf\\xe9")')
    assert run.output == "caf\N{REPLACEMENT CHARACTER}"


def test_the_environment_is_the_persons_without_its_secrets(tmp_path, monkeypatch):
    for name in ("OPENAI_API_KEY", "github_token", "MY_SECRET", "PGPASSWORD", "AWS_CREDENTIALS"):
        monkeypatch.setenv(name, "a secret")
    monkeypatch.setenv("VIRTUAL_ENV", "/v")
    said = json.loads(checked(tmp_path, "print(json.dumps(dict(os.environ)))").output)
    assert "a secret" not in said.values()
    assert (said["VIRTUAL_ENV"], said["PATH"]) == ("/v", os.environ["PATH"])


@pytest.mark.parametrize(
    "name", ["KEY", "ANTHROPIC_API_KEY", "SSH_KEY_PATH", "Token", "X_TOKENS", "secret", "PASSWORD"]
)
def test_what_looks_like_a_secret_is_left_out(name):
    assert without_secrets({name: "x", "PATH": "/bin", "HOME": "/h"}) == {
        "PATH": "/bin",
        "HOME": "/h",
    }


@pytest.mark.parametrize("name", ["not-installed-anywhere", "/nowhere/at/all", "nul\x00"])
def test_a_command_that_does_not_start_has_no_verdict(tmp_path, name):
    run = anyio.run(run_check, (name,), str(tmp_path), "")
    assert run.code is None
    assert "does not start" in run.output


def test_a_file_that_is_no_program_has_no_verdict(tmp_path):
    (tmp_path / "data").write_text("x")
    run = anyio.run(run_check, (str(tmp_path / "data"),), str(tmp_path), "")
    assert run.code is None
    assert "does not start" in run.output


def test_a_check_that_does_not_end_has_no_verdict(tmp_path, life):
    body = f'line("so far"); alive({life.path!r}); signal.pause()'
    run = checked(tmp_path, body, timeout_s=0.3)
    assert run.code is None
    assert "did not end in 0.3 s" in run.output
    assert life.is_over()


def test_what_a_check_said_before_its_time_was_over_is_kept(tmp_path):
    command = ("/bin/sh", "-c", "echo so far; exec tail -f /dev/null")
    assert "so far" in anyio.run(run_check, command, str(tmp_path), "", 1.0).output


def test_a_check_that_does_not_want_to_end_ends(tmp_path, life, monkeypatch):
    monkeypatch.setattr(process, "STOP_S", 0.2)
    body = f"deaf(); alive({life.path!r})\nwhile True: signal.pause()"
    assert checked(tmp_path, body, timeout_s=0.3).code is None
    assert life.is_over()


def test_a_child_that_it_leaves_behind_is_not_waited_for_and_ended(tmp_path, life, monkeypatch):
    monkeypatch.setattr(process, "GRACE_S", 0.1)
    run = checked(tmp_path, f'child({life.path!r}); line("done"); sys.exit(5)')
    assert (run.code, run.output) == (5, '"done"\n')
    assert life.is_over()


def test_cancelling_it_ends_it_with_its_children(tmp_path, life):
    command = (program(tmp_path, f"child({life.path!r}); signal.pause()"),)

    async def cancel_once_begun():
        async with anyio.create_task_group() as group:
            group.start_soon(run_check, command, str(tmp_path), "x" * 2_000_000)
            with anyio.fail_after(WAIT_S):
                await anyio.wait_readable(life)
            life.began()
            group.cancel_scope.cancel()

    anyio.run(cancel_once_begun)
    assert life.is_over()


def test_it_has_no_terminal_and_a_group_of_its_own(tmp_path):
    run = checked(tmp_path, "print(json.dumps([os.getpid(), os.getpgrp(), os.getsid(0)]))")
    pid, group, session = json.loads(run.output)
    assert (group, session) == (pid, pid)
    assert group != os.getpgrp()


def test_no_shell_reads_the_command(tmp_path):
    run = anyio.run(run_check, (f"{sys.executable} -V; touch x",), str(tmp_path), "")
    assert run.code is None
    assert not Path(tmp_path, "x").exists()


LONG = "sk-0123456789-abcdef"


@pytest.mark.parametrize(
    ("environment", "key", "kept"),
    [
        ({"PATH": "/usr/local/bin"}, "local", {"PATH"}),
        ({"HAIKU": LONG}, LONG, set()),
        ({"HEADER": f"Bearer {LONG}"}, LONG, set()),
        ({"SHORT": "local"}, "local", set()),
        ({"GIT_AUTHOR_NAME": "n", "SSH_AUTH_SOCK": "/s", "MY_AUTH": "x"}, "",
         {"GIT_AUTHOR_NAME", "SSH_AUTH_SOCK"}),
    ],
)  # fmt: skip
def test_what_of_the_environment_a_check_sees(environment, key, kept):
    assert set(without_secrets(environment, key)) == kept


@pytest.mark.slow
@pytest.mark.parametrize("more", range(4_070, 4_100, 10))
def test_no_half_of_a_key_is_left_where_the_output_was_cut(tmp_path, more):
    body = f"import sys; sys.stdout.write({LONG!r} + 'x' * {more})"
    ran = anyio.run(run_check, (sys.executable, "-c", body), str(tmp_path), "", 60.0, LONG)
    assert not [at for at in range(len(LONG) - 5) if LONG[at : at + 5] in ran.output]
