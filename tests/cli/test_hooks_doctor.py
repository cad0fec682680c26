"""atlas hooks doctor as a person and a program read it."""

import json

import pytest

from atlas_actors.cli import hooks_doctor
from atlas_actors.cli.main import run
from atlas_actors.clients.install.client_facts import ClientFacts
from atlas_actors.clients.install.doctor import Examined

SEEN = {
    "last_event": "Stop",
    "last_at_ms": 1_000,
    "latency_us": {"n": 100, "p50": 5_120, "p90": 9_000, "max": 12_000},
}


@pytest.fixture
def doctor(tmp_path, monkeypatch, capsys):
    """Run it on a home where nothing is; (exit code, what it prints)."""
    for name in ("CODEX_HOME", "CLAUDE_CONFIG_DIR", "ATLAS_EXECUTOR"):
        monkeypatch.delenv(name, raising=False)
    for name, value in (("HOME", ""), ("ATLAS_HOME", "atlas"), ("PATH", "bin")):
        monkeypatch.setenv(name, str(tmp_path / value))
    monkeypatch.chdir(tmp_path)

    def ask(*words):
        code = run(["hooks", "doctor", *words], lambda *_: 0)
        return code, capsys.readouterr().out

    return ask


def test_it_ends_with_1_where_something_is_wrong(doctor):
    code, said = doctor()
    assert code == 1
    assert "problem: no hooks are installed: atlas hooks install\n" in said
    assert said.endswith("2 problems\n")


def test_a_program_is_told_the_same(doctor):
    code, said = doctor("--json", "--client", "codex")
    value = json.loads(said)
    assert (code, value["ok"]) == (1, False)
    assert [facts["client"] for facts in value["clients"]] == ["codex"]
    assert len(value["problems"]) == 2


def test_a_directory_that_is_not_there_is_refused(doctor):
    assert doctor("--dir", "none")[0] == 2


def test_a_person_sees_versions_the_last_event_and_latency():
    facts = ClientFacts(
        client="codex", program="/bin/codex", version="0.170.0", measured="0.169.0",
        starts_daemon=False, installed=(), seen=SEEN, notes=("a note",), problems=("a problem",),
    )  # fmt: skip
    found = Examined(pid=12, daemon_problem="", clients=(facts,), problems=())
    lines = list(hooks_doctor._lines(found))
    assert lines[0] == "daemon   answers, pid 12"
    assert lines[1] == "codex    0.170.0 (measured with 0.169.0), /bin/codex"
    assert lines[2].startswith("         last event: Stop, ")
    assert lines[3:] == [
        "         latency of the last 100: p50 5.1 ms, p90 9.0 ms, at most 12.0 ms",
        "         note: a note",
        "         problem: a problem",
        "1 problem",
    ]
