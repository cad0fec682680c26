"""What stands before a command is not the command."""

import pytest

from atlas_actors.clients.prefixes import bare
from atlas_actors.clients.shell import stages_of


def of(command):
    (stage,) = stages_of(command)
    return [word.text for word in bare(stage.words)]


@pytest.mark.parametrize(
    "before",
    [
        "DEBUG=1",
        "env -u HOME A=b",
        "timeout -k 5 60s",
        "nice -n 5",
        "time -p",
        "sudo -u ann",
        "uv run --with attrs",
        "poetry run",
        "pipx run",
        "npx -p vitest",
        "npm exec --",
        "A=1 sudo nohup timeout 9 uv run",
    ],
)
def test_what_only_runs_another_program_is_left_out(before):
    assert of(f"{before} pytest -q a.py") == ["pytest", "-q", "a.py"]


@pytest.mark.parametrize("command", ["npm test", "uv pip install x", "pnpm test", "$RUN pytest"])
def test_a_program_that_does_something_itself_stays(command):
    assert of(command) == command.split()


@pytest.mark.parametrize("command", ["sudo", "A=1", "timeout 5"])
def test_of_nothing_but_prefixes_nothing_is_left(command):
    assert of(command) == []
