"""What atlas feedback and atlas health say, from what the socket answers."""

import argparse

import pytest

from atlas_actors.cli import feedback
from atlas_actors.home import home_from

FINDING = {
    "what": "weak", "kind": "provider", "name": "haiku", "words": "5 of 25 succeeded (20 %)",
    "numbers": {},
}  # fmt: skip
ADJUSTMENT = {
    "id": 3, "knob": "slots.haiku", "before": 4.0, "after": 3.0, "state": "proposed",
    "why": "20 % of 100 attempts were told to come later", "result": "",
}  # fmt: skip
REPORT = {
    "at_ms": 1_750_000_000_000, "mode": "propose", "window_days": 7, "seq": 100,
    "findings": [FINDING], "more_findings": 0, "proposed": ["Find out why provider haiku fails"],
    "learned": [], "measured": None, "adjustment": ADJUSTMENT, "why": "",
}  # fmt: skip


@pytest.fixture
def socket(monkeypatch):
    answers, called = {}, []

    class FakeClient:
        def __init__(self, home):
            self.home = home

        def __enter__(self):
            return self

        def __exit__(self, *_):
            return None

        def call(self, method, timeout_s=None, **params):
            called.append((method, params))
            return answers[method]

    monkeypatch.setattr(feedback, "Client", FakeClient)
    answers["called"] = called
    return answers


def run(words, tmp_path):
    parser = argparse.ArgumentParser()
    feedback.add_to(parser.add_subparsers())
    options = parser.parse_args(words)
    return options.run(options, home_from({"ATLAS_HOME": str(tmp_path)}))


def test_a_look_says_what_was_found_what_is_proposed_and_how_to_decide(socket, tmp_path, capsys):
    socket["feedback.run"] = {"id": 1, "new": True, "report": REPORT}
    assert run(["feedback"], tmp_path) == 0
    assert capsys.readouterr().out.splitlines() == [
        "weak       provider haiku: 5 of 25 succeeded (20 %)",
        "proposed   Find out why provider haiku fails (atlas proposals)",
        "proposed   slots.haiku 4 → 3: 20 % of 100 attempts were told to come later",
        "           atlas feedback approve 3, or reject 3",
    ]


def test_a_look_at_the_same_says_since_when_nothing_is_new(socket, tmp_path, capsys):
    report = {**REPORT, "since_ms": 1_750_000_000_000}
    socket["feedback.run"] = {"id": 1, "new": False, "report": report}
    assert run(["feedback", "run"], tmp_path) == 0
    first, *rest = capsys.readouterr().out.splitlines()
    assert first.startswith("no new evidence since 2025-")
    assert rest == ["weak       provider haiku: 5 of 25 succeeded (20 %)"]


def test_history_explains_each_adjustment(socket, tmp_path, capsys):
    kept = {
        **ADJUSTMENT, "state": "kept", "result": "not worse (rate 20 % → 1 %)",
        "made_at_ms": 1_750_000_000_000, "applied_at_ms": 1_750_000_000_000,
    }  # fmt: skip
    socket["feedback.history"] = {"adjustments": [kept]}
    assert run(["feedback", "history", "--limit", "5"], tmp_path) == 0
    told = capsys.readouterr().out
    for part in ("slots.haiku 4 → 3", "20 % of 100 attempts", "not worse (rate 20 % → 1 %)"):
        assert part in told
    assert socket["called"] == [("feedback.history", {"limit": 5})]


def test_history_says_how_to_decide_on_what_is_proposed(socket, tmp_path, capsys):
    open_one = {
        **ADJUSTMENT, "id": 7, "state": "proposed", "result": "",
        "made_at_ms": 1_750_000_000_000, "applied_at_ms": None,
    }  # fmt: skip
    socket["feedback.history"] = {"adjustments": [open_one]}
    assert run(["feedback", "history"], tmp_path) == 0
    assert "decide  atlas feedback approve 7, or reject 7" in capsys.readouterr().out


@pytest.mark.parametrize("verb", ["approve", "reject", "undo"])
def test_a_decision_names_its_adjustment(socket, tmp_path, capsys, verb):
    socket[f"feedback.{verb}"] = {**ADJUSTMENT, "state": "applied"}
    assert run(["feedback", verb, "3"], tmp_path) == 0
    assert capsys.readouterr().out == "3 applied: slots.haiku 4 → 3\n"
    assert socket["called"] == [(f"feedback.{verb}", {"id": 3})]


def test_health_says_when_there_is_not_enough_data(socket, tmp_path, capsys):
    part = {
        "kind": "provider", "part": "haiku", "n": 12, "success": 9, "judged": 9, "low": 0.7,
        "high": 1.0, "faults": {"rate": 3}, "p50_ms": 100.0, "p90_ms": 200.0, "p99_ms": None,
        "before_success": 18, "before_judged": 20,
    }  # fmt: skip
    actor = {"name": "work/x", "state": "parked", "reason": "no disk", "restarts": 5, "waiting": 0}
    well = {"name": "work/y", "state": "running", "reason": "", "restarts": 0, "waiting": 0}
    socket["health.list"] = {
        "parts": [part, {**part, "part": "local", "success": 20, "judged": 40}],
        "actors": [actor, well],
    }
    assert run(["health"], tmp_path) == 0
    told = capsys.readouterr().out
    haiku, local = (line for line in told.splitlines() if line.startswith("provider"))
    assert "not enough data" in haiku
    assert "50 %" in local
    assert "3 rate" in haiku
    assert "work/x" in told
    assert "work/y" not in told
