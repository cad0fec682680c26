"""outcome.* on the socket: what is held to, and what counts say."""

import anyio
import attrs
import pytest

from atlas_actors.errors import Conflict, UsageError
from atlas_actors.gateway import outcome_reading, outcomes
from atlas_actors.gateway.caller import Caller
from atlas_actors.gateway.outcome_rates import (
    ENOUGH,
    NOT_ENOUGH,
    OTHERS,
    Count,
    Counted,
    patterns,
    rates,
    recommend,
)
from atlas_actors.messages import paths
from atlas_actors.messages.outcome import (
    AmendOutcome,
    OutcomeAmended,
    OutcomeRecorded,
    RecordOutcome,
)
from atlas_actors.outcomes.actor import Outcomes
from atlas_actors.settings import RetentionSettings
from tests.support.doors import door_on
from tests.support.stages import stage

METHODS = {method.name: method for method in outcomes.METHODS}


def counted(successes, judged, *, infrastructure=0, kind="attempt", cost_usd=0.0, **context):
    count = Count(
        n=judged + infrastructure,
        successes=successes,
        failures=judged - successes,
        infrastructure=infrastructure,
        cost_usd=cost_usd,
    )
    return Counted(kind=kind, context=context, count=count)


def test_a_rate_is_of_what_was_judged():
    (row,) = rates([counted(15, 20, infrastructure=80, provider="a")], ("provider",))
    assert (row["n"], row["judged"], row["rate"], row["enough"]) == (100, 20, 0.75, True)
    assert row["low"] == pytest.approx(0.531, abs=0.001)
    assert row["high"] == pytest.approx(0.888, abs=0.001)


@pytest.mark.parametrize(("judged", "note"), [(9, NOT_ENOUGH), (10, "")])
def test_under_ten_there_is_not_enough_data(judged, note):
    (row,) = rates([counted(judged, judged, infrastructure=50)], ())
    assert (row["note"], row["enough"]) == (note, not note)


def test_without_anything_judged_there_is_no_rate():
    (row,) = rates([counted(0, 0, infrastructure=3)], ())
    assert (row["rate"], row["low"], row["high"]) == (None, 0, 1)


def test_kinds_are_not_mixed():
    both = [
        counted(1, 2, provider="a", intent="i"),
        counted(2, 2, provider="a", intent="j"),
        counted(1, 1, kind="task", provider="a"),
    ]
    found = [(row["kind"], row["provider"], row["judged"]) for row in rates(both, ("provider",))]
    assert found == [("attempt", "a", 4), ("task", "a", 1)]


def odd(successes, judged):
    """One pair of provider and intent beside others that do well."""
    return [
        counted(successes, judged, provider="a", intent="debug"),
        counted(45, 50, provider="a", intent="plan"),
        counted(45, 50, provider="b", intent="debug"),
    ]


def test_a_pair_that_does_worse_than_the_others_stands_out():
    (first,) = patterns(odd(5, 40))
    assert first["where"] == {"intent": "debug", "provider": "a"}
    assert (first["better"], first["n"], first["rate"]) == (False, 40, 0.125)
    assert (first["rest_n"], first["rest"]) == (100, 0.9)


@pytest.mark.parametrize(("successes", "judged"), [(0, 9), (36, 40), (34, 40)])
def test_too_few_or_too_close_is_no_pattern(successes, judged):
    assert patterns(odd(successes, judged)) == []


def test_the_same_outcomes_under_other_names_are_one_pattern():
    twice = [attrs.evolve(one, context={**one.context, "strategy": "s"}) for one in odd(5, 40)]
    assert len(patterns(twice)) == 1


def test_what_is_preferred_has_the_highest_lower_end():
    few = counted(10, 10, provider="few")
    many = counted(190, 200, provider="many")
    low = counted(20, 40, provider="low")
    (provider, strategy, rule) = recommend([few, many, low])
    assert (provider["prefer"], provider["surely"]) == ("many", False)
    assert [one["value"] for one in provider["evidence"]] == ["many", "few", "low"]
    assert (strategy["prefer"], strategy["why"]) == (None, NOT_ENOUGH)
    assert (rule["prefer"], rule["why"]) == (None, NOT_ENOUGH)


def test_of_equals_the_cheaper_is_preferred():
    dear, cheap = (
        counted(20, 20, provider=name, cost_usd=usd) for name, usd in (("a", 2), ("b", 1))
    )
    (provider,) = recommend([dear, cheap], "attempt")
    assert (provider["prefer"], provider["surely"]) == ("b", False)


def test_a_preference_is_sure_when_the_intervals_are_apart():
    good, bad = counted(95, 100, provider="a"), counted(20, 100, provider="b")
    (provider,) = recommend([good, bad], "attempt")
    assert (provider["surely"], provider["why"]) == (True, "surely better than b")


@pytest.mark.parametrize(
    ("context", "fits"),
    [
        ({"session": "s", "turn": 3, "request": "f00", "files": ["x.py"], "test": True}, True),
        ({"reverts": ["x.py"], "project": "/p", "rule": "fix", "strategy": "s", "own": 1}, True),
        ({"turn": "3"}, False),
        ({"turn": -1}, False),
        ({"files": "x.py"}, False),
        ({"reverts": [1]}, False),
        ({"test": "yes"}, False),
        ({"session": ""}, False),
    ],
)
def test_what_is_known_by_name_of_a_context_has_a_type(context, fits):
    params = {"action": "a", "kind": "hook", "result": "success", "context": context}
    assert (METHODS["outcome.record"].validator.problem(params) == "") is fits


def call(door, name, params, inside=False):
    caller = Caller(uid=0)
    caller._inside, caller._looked = inside, True

    async def answered():
        return await outcomes.answer(door, name, params, caller)

    return anyio.run(answered)


@pytest.mark.parametrize(
    ("inside", "word"), [(False, "person"), (True, "agent"), (None, "program")]
)
def test_an_amendment_is_the_word_of_who_calls(tmp_path, inside, word):
    asked = []
    door = door_on(
        tmp_path, asked, lambda _: OutcomeAmended(id="i", before="success", changed=True)
    )
    params = {"id": "i", "result": "failure", "reason": "it did not work"}
    assert call(door, "outcome.amend", params, inside) == {
        "id": "i", "before": "success", "changed": True,
    }  # fmt: skip
    assert asked == [(paths.OUTCOMES, AmendOutcome(**params, verified_by=word))]


@pytest.mark.parametrize(("inside", "word"), [(True, "agent"), (None, "program")])
def test_a_proof_that_an_agent_names_is_its_word_all_the_same(tmp_path, inside, word):
    asked = []
    door = door_on(
        tmp_path, asked, lambda _: OutcomeAmended(id="i", before="success", changed=True)
    )
    params = {"id": "i", "result": "failure", "reason": "red", "verified_by": "command"}
    call(door, "outcome.amend", params, inside)
    ((_, order),) = asked
    assert (order.verified_by, order.reason) == (word, "red (it names as proof: command)")
    call(door, "outcome.amend", params, inside=False)
    assert (asked[1][1].verified_by, asked[1][1].reason) == ("command", "red")


@pytest.mark.parametrize(
    ("inside", "kept"), [(True, {"told_by": "agent"}), (None, {"told_by": "program"}), (False, {})]
)
def test_what_was_not_told_by_a_person_says_so(tmp_path, inside, kept):
    asked = []
    door = door_on(tmp_path, asked, lambda _: OutcomeRecorded(id="o"))
    context = {"provider": "haiku", "told_by": "person"}
    params = {"action": "t/1", "kind": "attempt", "result": "failure", "context": context}
    call(door, "outcome.record", params, inside)
    ((_, order),) = asked
    assert order.context == {"provider": "haiku", **kept}


def test_a_context_is_bounded(tmp_path):
    params = {"action": "t", "kind": "hook", "result": "success", "context": {"x": "y" * 200_000}}
    with pytest.raises(UsageError, match="characters at the most"):
        call(door_on(tmp_path, []), "outcome.record", params)


def test_an_agent_does_not_speak_for_a_person(tmp_path):
    asked = []
    params = {"id": "i", "result": "failure", "reason": "no", "verified_by": "person"}
    with pytest.raises(Conflict, match="a person's to give"):
        call(door_on(tmp_path, asked), "outcome.amend", params, inside=True)
    assert asked == []


@pytest.fixture
def door(tmp_path):
    """With some outcomes in its home."""
    found = door_on(tmp_path, [])
    found.home.state.mkdir(parents=True)
    settings = RetentionSettings(retention_days=1)
    database = found.home.state / "outcomes.db"
    with stage(Outcomes, path=paths.OUTCOMES, database=database, settings=settings) as room:
        plain = {"kind": "attempt", "context": {"provider": "a", "intent": "debug", "turn": 1}}
        told = [
            RecordOutcome(action="t/1", result="success", key="1", **plain),
            RecordOutcome(action="t/2", result="failure", infrastructure=True, **plain),
            RecordOutcome(action="t/3", result="success", kind="task"),
            AmendOutcome(key="1", result="failure", verified_by="person", reason="no"),
            AmendOutcome(key="1", result="success", verified_by="test", reason="green"),
        ]
        for message in told:
            room.clock.advance(1)
            room.actor.dispatch(message)
        yield found


def test_nobody_at_the_door_ends_a_choice_of_strategies(tmp_path):
    door = door_on(tmp_path, [], lambda _: OutcomeRecorded(id="o"))
    params = {"action": "t", "kind": "task", "result": "success", "context": {"choice": 1}}
    with pytest.raises(Conflict, match="Atlas' own"):
        call(door, "outcome.record", params)
    assert call(door, "outcome.record", {**params, "kind": "agent"}) == {"id": "o"}


@pytest.fixture
def crowd(door):
    """Many intents that each came up once, beside one that is known."""
    settings = RetentionSettings(retention_days=1)
    database = door.home.state / "outcomes.db"
    plain = {"action": "t", "kind": "agent", "result": "success"}
    with stage(Outcomes, path=paths.OUTCOMES, database=database, settings=settings) as room:
        for number in range(outcome_reading.ROWS_MAX + 10):
            context = {"intent": f"i{number}", "provider": "b", "strategy": f"s{number}"}
            room.actor.dispatch(RecordOutcome(**plain, context=context))
        for _ in range(ENOUGH):
            room.actor.dispatch(
                RecordOutcome(**plain, context={"intent": "plan", "provider": "a", "rule": "r"})
            )
        yield door


@pytest.mark.slow
def test_a_crowd_of_names_is_counted_by_the_most_frequent(crowd):
    found = call(crowd, "outcome.stats", {"by": "intent", "kind": "agent"})["rates"]
    assert len(found) == outcome_reading.ROWS_MAX
    assert (found[0]["intent"], found[0]["n"]) == ("plan", ENOUGH)
    counts = outcome_reading.counted(crowd.home.state, {"kind": "agent"})
    assert {one.context["intent"] for one in counts} == {"plan", OTHERS}
    assert sum(one.count.n for one in counts) == outcome_reading.ROWS_MAX + 10 + ENOUGH


@pytest.mark.slow
def test_what_is_too_rare_to_be_named_is_neither_a_pattern_nor_preferred(crowd):
    told = call(crowd, "outcome.recommend", {})["recommendations"]
    assert [one["prefer"] for one in told] == [None] * 3
    bad = [counted(0, 50, intent=OTHERS, provider="a"), counted(50, 50, intent="i", provider="b")]
    assert [one["where"] for one in patterns(bad)] == [{"intent": "i", "provider": "b"}]


def test_a_list_shows_what_stands_what_was_recorded_and_why(door):
    listed = call(door, "outcome.list", {})["outcomes"]
    assert [one["action"] for one in listed] == ["t/3", "t/2", "t/1"]
    last = listed[-1]
    assert (last["result"], last["first_result"], last["verified_by"]) == (
        "failure", "success", "person",
    )  # fmt: skip
    assert last["context"] == {"turn": 1}
    told = [(one["reason"], one["before"], one["stood"]) for one in last["amendments"]]
    assert told == [("no", "success", True), ("green", None, False)]


@pytest.mark.parametrize(
    ("params", "actions"),
    [
        ({"kind": "task"}, ["t/3"]),
        ({"result": "success"}, ["t/3"]),
        ({"provider": "a", "limit": 1}, ["t/2"]),
        ({"intent": "plan"}, []),
    ],
)
def test_a_list_has_what_was_asked_for(door, params, actions):
    assert METHODS["outcome.list"].validator.problem(params) == ""
    assert [one["action"] for one in call(door, "outcome.list", params)["outcomes"]] == actions


def test_counts_are_of_what_stands(door):
    (row,) = call(door, "outcome.stats", {"by": "provider", "kind": "attempt"})["rates"]
    assert (row["n"], row["successes"], row["failures"], row["infrastructure"]) == (2, 0, 1, 1)
    plain = call(door, "outcome.stats", {})["rates"]
    assert {(row["kind"], row["intent"], row["provider"]) for row in plain} == {
        ("attempt", "debug", "a"),
        ("task", None, None),
    }


def test_where_there_is_little_nothing_is_said(door):
    assert call(door, "outcome.patterns", {}) == {"patterns": []}
    found = call(door, "outcome.recommend", {"intent": "debug"})["recommendations"]
    assert [one["why"] for one in found] == [NOT_ENOUGH] * 3
