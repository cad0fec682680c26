"""atlas outcomes: what a person reads, within 80 columns."""

import argparse

import attrs
import pytest

from atlas_actors.cli import outcomes, show
from atlas_actors.errors import UsageError
from atlas_actors.gateway.outcome_rates import Count, Counted, patterns, rates, recommend

ID = "0" * 36


def counted(successes, judged, **context):
    count = Count(n=judged, successes=successes, failures=judged - successes, cost_usd=0.05)
    return Counted(kind="attempt", context=context, count=count)


SOME = [
    counted(5, 40, provider="localai", intent="code_edit"),
    counted(95, 100, provider="claude", intent="code_edit"),
    counted(3, 4, provider="codex", intent="plan"),
]


@pytest.fixture
def said(monkeypatch, capsys):
    """The lines that a command prints when the daemon answers so."""
    monkeypatch.setattr(show, "WIDTH", 80)
    asked = []

    def run(answer, *words):
        class Daemon:
            def __init__(self, _home):
                self.call = lambda method, **params: asked.append((method, params)) or answer

            def __enter__(self):
                return self

            def __exit__(self, *_):
                return None

        monkeypatch.setattr(outcomes, "Client", Daemon)
        parser = argparse.ArgumentParser()
        outcomes.add_to(parser.add_subparsers())
        options = parser.parse_args(["outcomes", *words])
        assert options.run(options, None) == 0
        lines = capsys.readouterr().out.splitlines()
        assert max(map(len, lines)) <= 80, lines
        return lines

    run.asked = asked
    return run


def test_a_strategy_is_named_with_who_is_asked_first(monkeypatch, capsys):
    tasks = [
        attrs.evolve(counted(9, 10, strategy="06fde47023bc"), kind="task"),
        attrs.evolve(counted(1, 2, strategy="gone"), kind="task"),
    ]
    answers = {
        "outcome.stats": {"rates": rates(tasks, ("strategy",))},
        "outcome.recommend": {"recommendations": recommend(tasks)},
        "strategy.list": {"strategies": [{"id": "06fde47023bc", "lead": "haiku"}]},
    }

    class Daemon:
        def __init__(self, _home):
            self.call = lambda method, **_: answers[method]

        def __enter__(self):
            return self

        def __exit__(self, *_):
            return None

    monkeypatch.setattr(outcomes, "Client", Daemon)
    parser = argparse.ArgumentParser()
    outcomes.add_to(parser.add_subparsers())
    for words in (["stats", "--by", "strategy"], ["recommend"]):
        options = parser.parse_args(["outcomes", *words])
        assert options.run(options, None) == 0
        told = capsys.readouterr().out
        assert "06fde47023bc (haiku)" in told
        assert "a task that another provider put right is a success" in told


def test_days_that_are_none_are_refused(monkeypatch):
    monkeypatch.setattr(outcomes, "Client", None)  # the daemon is not asked
    parser = argparse.ArgumentParser()
    outcomes.add_to(parser.add_subparsers())
    options = parser.parse_args(["outcomes", "stats", "--days", "-1"])
    with pytest.raises(UsageError, match="above 0"):
        options.run(options, None)


def outcome(**fields):
    plain = {
        "id": ID,
        "kind": "attempt",
        "result": "failure",
        "provider": "claude",
        "intent": "code_edit",
        "verified_by": "person",
        "action": "t/1",
        "infrastructure": False,
        "at_ms": 1_750_000_000_000,
        "context": {},
        "amendments": [],
    }
    return {**plain, **fields}


def test_a_list_shows_what_amended_an_outcome(said):
    amended = {
        "verified_by": "person", "reason": "no", "before": "success", "stood": True,
    }  # fmt: skip
    lines = said({"outcomes": [outcome(amendments=[amended]), outcome(infrastructure=True)]})
    assert lines[1].startswith(f"{ID}  attempt  failure  claude, ")
    assert "person: no" in lines[2]
    assert "fault" in lines[3]


def test_an_outcome_of_a_hook_says_of_which_client(said):
    one = outcome(
        kind="hook", provider=None, verified_by=None, action="Stop", context={"client": "codex"}
    )  # fmt: skip
    assert said({"outcomes": [one]})[1] == f"{ID}  hook  failure  codex, code_edit, Stop"


@pytest.mark.parametrize("words", [[], ["list"]])
def test_what_is_asked_for_is_passed_on(said, words):
    said({"outcomes": [outcome()]}, *words, "--kind", "task", "--result", "failure")
    assert said.asked == [("outcome.list", {"kind": "task", "result": "failure", "limit": 20})]


def test_rates_come_with_their_intervals_or_say_that_there_is_too_little(said):
    lines = said({"rates": rates(SOME, ("provider",))}, "stats", "--by", "provider")
    assert "95 %     89 % to 98 %" in next(line for line in lines if "claude" in line)
    assert "not enough data" in next(line for line in lines if "codex" in line)


def test_patterns_are_sentences(said):
    lines = said({"patterns": patterns(SOME)}, "patterns")
    assert any("intent code_edit, provider localai do worse" in line for line in lines)
    assert said({"patterns": []}, "patterns") == ["nothing stands out, or there is not enough data"]


def test_a_recommendation_says_why(said):
    lines = said({"recommendations": recommend(SOME)}, "recommend", "--intent", "code_edit")
    assert lines[0] == "provider: claude: surely better than localai"
    assert lines[-1] == "rule: not enough data"


def test_an_amendment_says_what_has_changed(said):
    answer = {"id": ID, "before": "success", "changed": True}
    (line,) = said(answer, "amend", ID, "failure", "it broke")
    assert line == f"{ID} was success, and is failure now"
    (line,) = said({**answer, "changed": False}, "amend", ID, "failure", "it broke")
    assert line.startswith(f"{ID} stays success")
    assert said.asked[0] == (
        "outcome.amend", {"id": ID, "result": "failure", "reason": "it broke"},
    )  # fmt: skip
