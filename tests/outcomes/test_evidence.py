"""What a later outcome says of earlier ones, and what it does not."""

import attrs
import pytest

from atlas_actors.messages import paths
from atlas_actors.messages.outcome import OutcomesAfter, RecordOutcome
from atlas_actors.outcomes.actor import Outcomes
from atlas_actors.outcomes.evidence import REVERT_MS, WINDOW_MS, Seen, conclude
from atlas_actors.settings import RetentionSettings
from tests.support.stages import stage


def seen(id, at_ms=0, **fields):
    context = fields.pop("context", {})
    plain = {
        "kind": "agent",
        "result": "success",
        "verified_by": None,
        "infrastructure": False,
        **fields,
    }
    return Seen(id=id, at_ms=at_ms, context={"session": "s", **context}, **plain)


def asked(id, turn, request="r", **fields):
    context = {"turn": turn, "request": request, **fields.pop("context", {})}
    return seen(id, turn * 1000, context=context, **fields)


def edit(id, turn, *files, **fields):
    return seen(id, turn * 1000, context={"turn": turn, "files": list(files)}, **fields)


def ran_tests(id, turn, result, **fields):
    fields = {"kind": "hook", "result": result, **fields}
    return seen(id, turn * 1000, context={"turn": turn, "test": True}, **fields)


def concluded(*outcomes):
    """Of the last, as (id, result, verified_by)."""
    *earlier, new = outcomes
    newest_first = earlier[::-1]
    changed = [one for one in newest_first if "files" in one.context]
    found = conclude(new, newest_first, changed)
    return [(one.id, one.result, one.verified_by) for one in found]


REPEATED = [("a", "partial", "repeat")]
RED = [("a", "failure", "test")]


@pytest.mark.parametrize(
    ("earlier", "later", "expected"),
    [
        (asked("a", 1), asked("b", 2), REPEATED),
        (asked("a", 1), asked("b", 4), REPEATED),
        (asked("a", 1, verified_by="text"), asked("b", 2), REPEATED),
        (asked("a", 1), asked("b", 5), []),
        (asked("a", 1), asked("b", 1), []),
        (asked("a", 1), asked("b", 2, request="another"), []),
        (asked("a", 1, request=""), asked("b", 2, request=""), []),
        (asked("a", 1, result="failure"), asked("b", 2), []),
        (asked("a", 1, verified_by="command"), asked("b", 2), []),
        (asked("a", 1, verified_by="schema"), asked("b", 2), []),
        (asked("a", 1, verified_by="match"), asked("b", 2), []),
        (asked("a", 1, verified_by="test"), asked("b", 2), []),
        (asked("a", 1, context={"checked": "own"}), asked("b", 2), []),
        (asked("a", 1), asked("b", 2, infrastructure=True), []),
        (asked("a", 1, infrastructure=True), asked("b", 2), []),
        (
            seen("a", 0, context={"request": "r"}),
            seen("b", WINDOW_MS, context={"request": "r"}),
            REPEATED,
        ),
        (
            seen("a", 0, context={"request": "r"}),
            seen("b", WINDOW_MS + 1, context={"request": "r"}),
            [],
        ),
    ],
)
def test_who_asks_again_soon_had_got_only_a_part(earlier, later, expected):
    assert concluded(earlier, later) == expected


@pytest.mark.parametrize(
    ("change", "revert", "expected"),
    [
        ({}, {}, [("a", "failure", "revert")]),
        ({"verified_by": "command"}, {}, [("a", "failure", "revert")]),
        ({"result": "failure"}, {}, []),
        ({"infrastructure": True}, {}, []),
        ({}, {"infrastructure": True}, []),
        ({}, {"at_ms": REVERT_MS}, [("a", "failure", "revert")]),
        ({}, {"at_ms": REVERT_MS + 1}, []),
        ({}, {"context": {"reverts": ["another.py"]}}, []),
    ],
)
def test_what_is_reverted_within_a_day_was_no_success(change, revert, expected):
    first = seen("a", 0, context={"files": ["x.py", "y.py"]})
    back = seen("b", 1, context={"reverts": ["x.py"]})
    assert concluded(attrs.evolve(first, **change), attrs.evolve(back, **revert)) == expected


def test_of_a_reverted_file_only_the_last_change_is_taken_back():
    back = seen("c", 3000, context={"reverts": ["x.py", "y.py"]})
    found = concluded(edit("z", 0, "x.py"), edit("a", 1, "x.py"), edit("b", 2, "y.py"), back)
    assert found == [("b", "failure", "revert"), ("a", "failure", "revert")]


@pytest.mark.parametrize(
    ("outcomes", "expected"),
    [
        ([edit("a", 1, "x.py"), ran_tests("t", 1, "failure")], RED),
        ([edit("a", 1, "x.py"), ran_tests("t", 4, "failure")], RED),
        ([edit("a", 1, "x.py"), ran_tests("t", 5, "failure")], []),
        ([edit("a", 1, "x.py"), ran_tests("t", 2, "success")], [("a", "success", "test")]),
        ([edit("a", 1, "x.py"), ran_tests("t", 2, "partial")], []),
        ([edit("b", 1, "x.py"), edit("a", 2, "y.py"), ran_tests("t", 2, "failure")], RED),
        (
            [
                edit("a", 1, "x.py"),
                ran_tests("u", 1, "success", infrastructure=True),
                ran_tests("t", 2, "failure"),
            ],
            RED,
        ),
        (
            [
                edit("a", 1, "x.py"),
                ran_tests("u", 1, "success"),
                ran_tests("t", 2, "failure"),
            ],
            [],
        ),
        (
            [
                edit("b", 1, "x.py"),
                edit("a", 1, "x.py", result="failure"),
                ran_tests("u", 1, "failure"),
                ran_tests("t", 2, "failure"),
            ],
            [],
        ),
        ([edit("a", 1, "x.py", verified_by="command"), ran_tests("t", 2, "failure")], []),
        ([edit("a", 1), ran_tests("t", 2, "failure")], []),
        ([edit("a", 1, "x.py"), ran_tests("t", 2, "failure", infrastructure=True)], []),
        ([edit("a", 1, "x.py"), ran_tests("t", 2, "failure", kind="task")], []),
        ([edit("a", 1, "x.py"), edit("t", 2, result="failure")], []),
    ],
)
def test_a_test_speaks_of_the_last_change_that_no_other_test_has_spoken_of(outcomes, expected):
    assert concluded(*outcomes) == expected


def test_odd_contexts_say_nothing():
    odd = {"turn": "two", "request": 7, "files": "x.py", "reverts": {"x.py": 1}, "test": "yes"}
    assert concluded(seen("a", context=odd), seen("b", 1, context=odd)) == []


@pytest.fixture
def room(tmp_path):
    settings = RetentionSettings(retention_days=1)
    database = tmp_path / "outcomes.db"
    with stage(Outcomes, path=paths.OUTCOMES, database=database, settings=settings) as built:
        yield built


def record(room, action, **fields):
    context = fields.pop("context", {})
    room.clock.advance(1)
    plain = {"kind": "agent", "result": "success", **fields}
    room.actor.dispatch(RecordOutcome(action=action, context=context, **plain))


def amended(room):
    feed = room.actor.dispatch(OutcomesAfter(seq=0)).outcomes
    return [(one.action, one.result, one.verified_by) for one in feed if one.before is not None]


def test_what_comes_amends_what_was_there(room):
    here = {"session": "s", "project": "/p"}
    record(room, "edit", context={**here, "files": ["x.py"], "turn": 1, "request": "r"})
    record(room, "pytest", kind="hook", context={**here, "test": True, "turn": 1})
    record(room, "again", context={**here, "turn": 2, "request": "r"})
    record(room, "checkout", kind="hook", context={**here, "reverts": ["x.py"], "turn": 2})
    assert amended(room) == [("edit", "success", "test"), ("edit", "failure", "revert")]


def test_another_session_or_project_says_nothing(room):
    here = {"session": "s", "project": "/p", "files": ["x.py"], "turn": 1, "request": "r"}
    record(room, "edit", context=here)
    record(room, "again", context={**here, "session": "another", "files": [], "turn": 2})
    record(room, "pytest", result="failure", context={"session": "another", "test": True})
    record(room, "checkout", context={"session": "s", "project": "/q", "reverts": ["x.py"]})
    record(room, "checkout", context={"session": "s", "reverts": ["x.py"]})
    assert amended(room) == []


def test_a_session_is_found_by_its_index(room):
    plan = room.actor.store.rows(
        "explain query plan select id from outcomes"
        " where json_valid(context) and json_extract(context, '$.session') = ? and at_ms <= ?"
        " order by at_ms desc, id desc limit 100",
        ("s", 5),
    )
    assert "outcomes_session" in plan[0]["detail"]
