"""Programs of others are run within bounds."""

import pytest

from atlas_actors.clients.install import programs
from atlas_actors.clients.install.programs import (
    WORD_BYTES_MAX,
    ProgramError,
    output_of,
    version_of,
)
from tests.clients.install.codexes import program


@pytest.mark.slow
@pytest.mark.parametrize(
    ("said", "version"),
    [("2.1.330 (Claude Code)", "2.1.330"), ("codex-cli 0.169.0-beta.2", "0.169.0-beta.2")],
)
def test_a_version_is_found_in_what_is_said(tmp_path, said, version):
    assert version_of(str(program(tmp_path, f"print({said!r})")), {}) == version


@pytest.mark.slow
@pytest.mark.parametrize(
    ("body", "problem"),
    [
        ("print('no idea')", "names no version"),
        ("sys.exit(7)", "exit code 7"),
        (f"print('1.2 ' * {WORD_BYTES_MAX})", "more than anybody"),
        ("import signal; signal.alarm(60); signal.pause()", "does not end in 1 s"),
        ("import signal; signal.alarm(60); os.close(1); signal.pause()", "does not end in 1 s"),
    ],
)
def test_one_that_does_not_say_it_is_an_error(tmp_path, monkeypatch, body, problem):
    monkeypatch.setattr(programs, "STOP_S", 0.1)
    with pytest.raises(ProgramError, match=problem):
        version_of(str(program(tmp_path, body)), {}, deadline_s=1.0 if "1 s" in problem else 30.0)


@pytest.mark.slow
def test_a_version_is_asked_for_without_the_users_keys(tmp_path):
    file = program(tmp_path, "print('1.0', sorted(os.environ), '2.0' * ('K' in os.environ))")
    environment = {"PATH": "/usr/bin", "K": "secret"}
    assert version_of(str(file), environment) == "1.0"
    assert "'K'" not in output_of([str(file)], {"PATH": "/usr/bin"})


def test_what_is_not_there_does_not_start(tmp_path):
    with pytest.raises(ProgramError, match="does not start"):
        version_of(str(tmp_path / "none"), {})
