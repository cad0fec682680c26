"""Layer 1: each rule decides what it says, the user's rules come first, lint finds bad ones."""

import pytest

from atlas_actors.router import intents, patterns
from atlas_actors.router.decide import decide
from atlas_actors.router.lint import findings
from atlas_actors.router.patterns import RuleBook, shipped, with_overrides
from atlas_actors.router.trust import Lived, Record, Trust
from atlas_actors.settings import Rule


def book_decides(rules, text):
    found = RuleBook(rules).deciding(text, text, len(text.split()), text.split())
    return found.id if found else None


def rule(id, pattern, **fields):
    return Rule(id=id, intent="explain", pattern=pattern, example="", **fields)


@pytest.mark.parametrize("one", shipped(), ids=lambda one: one.id)
def test_each_rule_decides_its_example_and_not_its_counter_example(one):
    assert decide(one.example).rule == one.id
    assert decide(one.counter).rule != one.id


def test_the_shipped_table_has_nothing_to_lint():
    assert list(findings(shipped(), intents.shipped())) == []


def test_rules_have_unique_ids_and_are_anchored():
    assert len({one.id for one in shipped()}) == len(shipped())
    assert all(one.pattern.startswith("^") for one in shipped() if one.pattern)


def test_the_slash_commands_mean_known_intents():
    assert set(patterns.slash_commands().values()) <= set(intents.shipped())


def test_the_first_rule_that_matches_decides():
    rules = [rule("first", "^a"), rule("second", "^ab")]
    assert book_decides(rules, "abc") == "first"


def test_unless_takes_a_match_back_and_the_next_rule_decides():
    rules = [rule("first", "^a", unless="c$"), rule("second", "^ab")]
    assert book_decides(rules, "abc") == "second"
    assert book_decides(rules, "abd") == "first"


def test_words_decide_anywhere_in_the_ask():
    rules = [Rule(id="w", intent="explain", example="", words=("kaput", "no signal"))]
    assert book_decides(rules, "it is kaput now") == "w"
    found = RuleBook(rules).deciding("", "", 2, ["no", "signal", "no signal"])
    assert found is rules[0]


def test_two_rules_may_share_a_word():
    rules = [
        Rule(id="short", intent="plan", example="", words=("kaput",), words_max=2),
        Rule(id="any", intent="explain", example="", words=("kaput",)),
    ]
    assert book_decides(rules, "kaput now") == "short"
    assert book_decides(rules, "it is kaput now") == "any"


def test_every_branch_of_a_pattern_is_anchored():
    assert book_decides([rule("first", "^foo|bar")], "the bar") is None
    assert book_decides([rule("first", "^foo|bar")], "bar") == "first"


def test_a_rule_for_short_asks_leaves_long_ones_alone():
    rules = [rule("short", "^a", words_max=3)]
    assert book_decides(rules, "a b c") == "short"
    assert book_decides(rules, "a b c d") is None


def test_the_users_rules_come_first_and_replace_by_id():
    own = [
        Rule(id="mine", intent="plan", pattern="^sketch", example="sketch the flow"),
        Rule(id="fix", intent="plan", pattern="^fix", example="fix it"),
    ]
    rules = with_overrides(own)
    assert rules[0].id == "mine"
    assert [one.intent for one in rules if one.id == "fix"] == ["plan"]
    assert len(rules) == len(shipped()) + 1


@pytest.mark.parametrize(
    ("bad", "kind"),
    [
        (Rule(id="x", intent="nowhere", pattern="^a", example="a"), "dead"),
        (Rule(id="x", intent="plan", pattern="^zzz", example="a"), "dead"),
        (Rule(id="x", intent="plan", pattern="^fix", example="fix the login test"), "shadowed"),
        (Rule(id="x", intent="plan", pattern="^qu", example="quux", counter="queue"), "loose"),
        (Rule(id="x", intent="plan", pattern="^q(.{1,99}x){8}", example="q"), "slow"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_lint_finds_what_is_wrong_with_a_rule(bad, kind):
    found = [one for one in findings((*shipped(), bad), intents.shipped()) if one.rule == "x"]
    assert kind in {one.kind for one in found}


def test_lint_says_which_rules_have_lost_their_say():
    trust = Trust({}, {"fix": Lived(told=Record(wrong=50.0))})
    assert {(one.rule, one.kind) for one in findings(shipped(), intents.shipped(), trust)} == {
        ("fix", "silenced")
    }
