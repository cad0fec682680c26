"""What people see of strategies: rates with what they rest on, a family tree, a story."""

import argparse

import pytest

from atlas_actors.cli import lineage, strategies
from atlas_actors.cli.strategies import _replayed, _shown

GENOME = {
    "providers": ["localai", "claude"], "template": "", "recall": 8, "context_tokens": 0,
    "plan_first": False, "attempts": 1, "check": "text", "temperature": None,
}  # fmt: skip


PROMOTED = {"e_value": 21.5, "e_worse": 0.01, "successes": 50, "n": 60, "parent": "aaaa"}


def strategy(id, parents=(), **changes):
    operator = "mutate" if parents else "seed"
    return {
        "id": id, "intent": "bug_fix", "state": "active", "pinned": False, "pareto": False,
        "operator": operator, "parents": list(parents), "why": "", "numbers": {}, "genome": GENOME,
        "born_at_ms": 0, "n": 0, "rate": None, "low": 0.0, "high": 1.0, "enough": False,
        "bands": [], "lifetime": [], "pairs": [], "story": [], **changes,
    }  # fmt: skip


def note(what, strategy=None, why="", numbers=None, at_ms=0):
    return {
        "what": what, "strategy": strategy, "why": why, "numbers": numbers or {}, "at_ms": at_ms,
    }  # fmt: skip


def test_a_rate_under_ten_trials_is_not_told_as_one():
    assert lineage.rate({"n": 9, "enough": False}) == "not enough data (n=9)"
    assert lineage.rate({"n": 1.2, "enough": False}) == "not enough data (n=1.2)"
    known = {"n": 40, "rate": 0.75, "low": 0.598, "high": 0.858, "enough": True}
    assert lineage.rate(known) == "0.75 [0.60-0.86] n=40"


def test_what_was_never_tried_is_told_so():
    assert lineage.rate({"n": 0, "enough": False}) == "not tried yet"


def test_on_a_narrow_terminal_a_line_goes_on_below_within_its_tree():
    member = "│  └─ aaaa active  not tried yet  localai, recall 8, context 2000 tokens, check text"
    first, *rest = lineage.fitted(member, 60)
    assert first.startswith("│  └─ aaaa")
    assert rest
    assert all(len(line) <= 60 and line.startswith("│       ") for line in rest)
    assert lineage.fitted(member, None) == [member]
    words = " ".join(lineage.fitted(member, 60)).replace("│", " ").split()
    assert words == member.replace("│", " ").split()


def test_a_genome_is_told_by_what_makes_it_other_than_plain():
    assert lineage.genes(GENOME) == "localai, recall 8, check text"
    rich = {
        **GENOME, "template": "x" * 30, "context_tokens": 2000, "plan_first": True, "attempts": 2,
        "temperature": 0.2,
    }  # fmt: skip
    assert lineage.genes(rich, with_lead=False) == (
        "template 30 characters, recall 8, context 2000 tokens, plans first, 2 attempts,"
        " check text, temperature 0.2"
    )


def test_a_family_is_a_tree_with_numbers_at_birth_promotion_and_death():
    found = {
        "intent": "bug_fix",
        "strategies": [
            strategy("aaaa"),
            strategy("bbbb", ["aaaa"], numbers={"aaaa": {"successes": 32, "n": 40}}),
            strategy("cccc", ["bbbb", "aaaa"], operator="crossover", state="culled"),
            strategy("dddd", pinned=True),
        ],
        "story": [note("born", "bbbb", "recall 8 -> 0")],
        "fates": [
            note("promoted", "bbbb", "e-value 21", PROMOTED),
            note("culled", "cccc", "worse"),
        ],
    }
    lines = lineage.family(found)
    assert lines[0] == "bug_fix"
    tree = lines[1 : lines.index("")]
    shapes = [line.partition("  ")[0].split(" [")[0] for line in tree]
    assert shapes[0].startswith("├─ aaaa active")
    born = next(line for line in tree if "└─ bbbb" in line)
    assert born.startswith("│  └─ bbbb active")
    assert "mutate of aaaa" in born
    assert born.endswith(", aaaa 0.80 [0.65-0.90] n=40]")
    (promoted,) = [line for line in tree if "promoted" in line]
    assert promoted.endswith(", e-value 21.5, against it 0.01, 0.83 [0.72-0.91] n=60")
    grandchild = next(line for line in tree if "cccc" in line)
    assert grandchild.startswith("│     └─ cccc culled")
    assert "crossover of bbbb and aaaa" in grandchild
    assert tree[-1].startswith("└─ dddd active, pinned")
    assert any(line.endswith("born bbbb: recall 8 -> 0") for line in lines)


def test_a_child_whose_parents_are_gone_stands_by_itself():
    (line,) = lineage._tree([strategy("bbbb", ["gone"])], {})
    assert line.startswith("└─ bbbb")


def test_an_old_family_is_no_trouble():
    strategies = [strategy("0")]
    strategies += [strategy(str(n), [str(n - 1)]) for n in range(1, 3_000)]
    assert len(lineage._tree(strategies, {})) == 3_000


def test_the_story_says_why_work_moved():
    told = lineage.line(
        note("drift", "aaaa", "bug_fix/hard: localai fell from 0.91 (n=430) to 0.35 (last 20)")
    )
    assert told.endswith(
        "drift aaaa: bug_fix/hard: localai fell from 0.91 (n=430) to 0.35 (last 20)"
    )


def test_a_line_of_the_story_is_one_line():
    assert "\n" not in lineage.line(note("born", "aaaa", "template -> {request}\n\nFind"))


def test_what_a_terminal_would_obey_is_not_shown():
    assert "\x1b" not in lineage.line(note("retired", "aaaa", "\x1b[2Jgone"))
    hostile = strategy("aaaa", genome={**GENOME, "template": "{request}\x1b]0;x\x07"})
    assert "\x1b" not in "\n".join(_shown(hostile))


def test_one_strategy_is_shown_with_its_bands_its_lifetime_and_its_pair():
    shown = "\n".join(
        _shown(
            strategy(
                "aaaa",
                bands=[
                    {
                        "band": "hard", "n": 20, "rate": 0.5, "low": 0.3, "high": 0.7,
                        "enough": True, "cost_usd": 0.01, "latency_ms": 1500, "drifts": 1,
                        "drift_at_ms": 0,
                    }
                ],
                lifetime=[
                    {
                        "band": "hard", "choices": 70, "n": 60, "rate": 0.8, "low": 0.68,
                        "high": 0.88, "enough": True, "weak": 8, "unknown": 0,
                    }
                ],
                pairs=[
                    {
                        "child": "bbbb", "parent": "aaaa", "pairs": 12, "child_only": 4,
                        "parent_only": 1, "evalue": 2.345, "against": 0.1,
                    }
                ],
            )
        )
    )  # fmt: skip
    assert "0.50 [0.30-0.70] n=20, $0.01 each, 1.5 s" in shown
    assert "0.80 [0.68-0.88] n=60, 70 choices, 8 only looked at as text" in shown
    assert "bbbb beside aaaa: 12 pairs, 4 only it passed" in shown
    assert "e-value 2.3 of 20" in shown


@pytest.mark.parametrize(("same", "different"), [(3, []), (2, [(2, "a", "b")])])
def test_a_replay_says_how_many_are_the_same_and_which_are_not(same, different):
    rows = [{"choice": choice, "then": then, "now": now} for choice, then, now in different]
    lines = _replayed({"choices": 3, "same": same, "different": rows, "from_choice": 1})
    assert lines[0] == f"{same} of 3 choices the same, from choice 1 on"
    assert len(lines) == 1 + len(different)


class Answers:
    """A client whose daemon says this."""

    def __init__(self, found):
        self.found = found

    def __call__(self, _):
        return self

    def __enter__(self):
        return self

    def __exit__(self, *_):
        pass

    def call(self, *_, **__):
        return self.found


def told(monkeypatch, capsys, words, found):
    monkeypatch.setattr(strategies, "Client", Answers(found))
    parser = argparse.ArgumentParser()
    strategies.add_to(parser.add_subparsers())
    options = parser.parse_args(["strategies", *words])
    assert options.run(options, None) == 0
    return capsys.readouterr().out


BUSY = {**strategy("aaaa"), "n": 3.0, "cost_usd": 0.1, "latency_ms": 5}
UNTRIED = {**strategy("bbbb"), "intent": "docs", "cost_usd": None, "latency_ms": None}


def test_where_nothing_was_tried_yet_a_list_is_one_line(monkeypatch, capsys):
    listed = {"strategies": [BUSY, UNTRIED]}
    out = told(monkeypatch, capsys, ["list"], listed)
    assert "aaaa" in out
    assert "bbbb" not in out
    assert out.splitlines()[-1].startswith("not tried yet: docs (--intent NAME")
    assert "bbbb" in told(monkeypatch, capsys, ["list", "--all"], listed)
    assert "bbbb" in told(monkeypatch, capsys, ["list", "--intent", "docs"], listed)
    assert told(monkeypatch, capsys, [], {"strategies": [UNTRIED]}).startswith(
        "nothing was tried yet\n"
    )


def test_a_lineage_shows_where_something_happened(monkeypatch, capsys):
    def intent(one, story=()):
        return {"intent": one["intent"], "strategies": [one], "fates": [], "story": list(story)}

    found = {"intents": [intent(BUSY), intent(UNTRIED)]}
    out = told(monkeypatch, capsys, ["lineage"], found)
    assert "aaaa" in out
    assert "bbbb" not in out
    assert "bbbb" in told(monkeypatch, capsys, ["lineage", "bbbb"], found)
    happened = {"intents": [intent(UNTRIED, [note("unpinned", "bbbb", "a person leaves it")])]}
    assert "a person leaves it" in told(monkeypatch, capsys, ["lineage"], happened)


def test_intents_that_did_not_evolve_for_one_reason_are_one_line(monkeypatch, capsys):
    def step(intent, what="nothing", why="0 of 10"):
        return {"intent": intent, "what": what, "strategy": None, "why": why}

    steps = [step("a"), step("b"), step("docs", "born", "of aaaa"), step("c", why="no room")]
    lines = told(monkeypatch, capsys, ["evolve"], {"steps": steps}).splitlines()
    assert [line.split()[0] for line in lines] == ["intent", "docs", "c", "2"]
    assert lines[-1] == "2 intents: nothing, 0 of 10"
