"""Codex' app-server is asked within bounds, whatever it does."""

import os
import select

import pytest

from atlas_actors.clients.install import programs
from atlas_actors.clients.install.codex_server import LINE_BYTES_MAX, hooks_seen
from atlas_actors.clients.install.programs import ProgramError
from tests.clients.install.codexes import CODEX, program
from tests.support.trees import WAIT_S

SECRETS = {"OPENAI_API_KEY": "sk-0123456789-not-real", "CODEX_INTERNAL": "x", "AWS_TOKEN": "t"}
ANSWERS = """
for line in sys.stdin:
    asked = json.loads(line)
    if "id" in asked:
        result = {"userAgent": "a/1.2.3 (x)"} if asked["method"] == "initialize" else {DATA}
        print(json.dumps({"id": asked["id"], "result": result}), flush=True)
"""


def ask(folder, body, deadline_s=30.0, **environment):
    file = program(folder, body)
    return hooks_seen(str(file), folder, folder, {"PATH": "/usr/bin", **environment}, deadline_s)


@pytest.mark.slow
def test_it_says_version_hooks_and_problems(tmp_path):
    hook = '{"key": "k", "eventName": "stop", "command": "c", "currentHash": "h",'
    hook += ' "trustStatus": "modified", "sourcePath": "/p", "source": "user"}'
    data = f'{{"data": [{{"hooks": [{hook}, 3], "warnings": ["w  w"], "errors": [7]}}, 5]}}'
    seen = ask(tmp_path, ANSWERS.replace("{DATA}", data))
    (one,) = seen.hooks
    assert (one.key, one.trust, one.enabled) == ("k", "modified", True)
    assert seen.version == "1.2.3"
    assert seen.problems == ("w w", "7")


@pytest.mark.slow
def test_it_gets_nothing_of_the_environment_but_what_a_program_needs(tmp_path):
    body = f'json.dump(dict(os.environ), open("{tmp_path}/seen", "w"))\n' + CODEX
    ask(tmp_path, body, **SECRETS, HOME="/h")
    seen = (tmp_path / "seen").read_text()
    assert '"HOME": "/h"' in seen
    assert str(tmp_path) in seen  # CODEX_HOME
    assert [name for name in SECRETS if name in seen] == []


@pytest.mark.slow
@pytest.mark.parametrize(
    ("body", "problem"),
    [
        ("sys.exit(3)", "ended"),
        ("print('hello')\nsys.stdin.read()", "JSON"),
        ("print('[' * 100_000)\nsys.stdin.read()", "JSON"),
        ("print('{\"id\": 1, \"error\": {\"message\": \"not me\"}}')\nsys.stdin.read()", "not me"),
        ("print(json.dumps({'id': 1, 'result': 5}))\nsys.stdin.read()", "no object"),
        (f"print('x' * {LINE_BYTES_MAX + 2})\nsys.stdin.read()", "more"),
        ("while True: print(json.dumps({'a': 'x' * 65_536}))", "more"),
        (ANSWERS.replace("{DATA}", "None"), "no object"),
    ],
)  # fmt: skip
def test_nonsense_is_an_error_that_says_so(tmp_path, body, problem):
    with pytest.raises(ProgramError, match=problem):
        ask(tmp_path, body)


@pytest.mark.parametrize("result", ["{'data': 5}", "{'data': [{'hooks': 3}]}", "{}"])
@pytest.mark.slow
def test_an_answer_without_hooks_has_none(tmp_path, result):
    assert ask(tmp_path, ANSWERS.replace("{DATA}", result)).hooks == ()


@pytest.mark.slow
def test_one_that_never_answers_is_ended_with_its_children(tmp_path, monkeypatch):
    monkeypatch.setattr(programs, "STOP_S", 0.1)
    os.mkfifo(tmp_path / "alive")
    ends = os.open(tmp_path / "alive", os.O_RDONLY | os.O_NONBLOCK)
    body = f"""
    import signal
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    signal.alarm(60)
    if os.fork() == 0:
        signal.alarm(60)
        os.write(os.open("{tmp_path}/alive", os.O_WRONLY), b"x")
        signal.pause()
    sys.stdin.readline()
    signal.pause()
    """
    with pytest.raises(ProgramError, match="did not answer in 3 s"):
        ask(tmp_path, body, deadline_s=3.0)  # it has begun by then
    said = b""
    while select.select([ends], [], [], WAIT_S)[0] and (data := os.read(ends, 9)):
        said += data
    assert said == b"x"  # and then its end
    assert select.select([ends], [], [], 0)[0]
    os.close(ends)


def test_what_is_no_program_is_an_error(tmp_path):
    with pytest.raises(ProgramError, match="does not start"):
        hooks_seen(str(tmp_path / "none"), tmp_path, tmp_path, {})
