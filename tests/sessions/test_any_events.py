"""Whatever clients tell, in whatever order: the room stands, and its turns add up."""

from typing import get_args

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from atlas_actors.messages.client import (
    ClientEvent,
    EventKind,
    FileTouch,
    HookHappened,
    ToolKind,
    ToolUse,
)
from atlas_actors.sessions.actor import IdleDue
from tests.sessions.test_owed import THERE
from tests.sessions.test_sessions import room_on

pytestmark = pytest.mark.slow
NAMES = st.sampled_from(["", "a", "b", "é\ud800"])
TEXTS = st.one_of(NAMES, st.text(max_size=20))
FLAGS = st.sampled_from([None, True, False])
TOOLS = st.builds(
    ToolUse,
    name=TEXTS,
    kind=st.sampled_from(get_args(ToolKind)),
    id=NAMES,
    command=st.sampled_from(["", "make", "make -j1", "pytest", "'", "a | b && c"]),
    files=st.lists(
        st.builds(
            FileTouch, path=st.sampled_from(["/p/a", "/p/b", "/x", ""]),
            kind=st.sampled_from(["read", "edit"]),
        ),
        max_size=3,
    ).map(tuple),
    test=st.booleans(),
    reverts=st.lists(st.sampled_from(["/p/a", "/p/b"]), max_size=2).map(tuple),
    failed=FLAGS,
    exit_code=st.sampled_from([None, 0, 1, 127, 2**70]),
    output=TEXTS,
    interrupted=st.booleans(),
)  # fmt: skip
EVENTS = st.builds(
    ClientEvent,
    client=st.sampled_from(["claude", "codex"]),
    event=TEXTS,
    kind=st.sampled_from(get_args(EventKind)),
    session=st.sampled_from(["", "s", "t"]),
    turn_id=NAMES,
    cwd=st.sampled_from(["", "/p"]),
    transcript_path=st.sampled_from(["", "/t"]),
    agent_id=st.sampled_from(["", "", "", "x"]),
    agent_type=NAMES,
    model=NAMES,
    source=st.sampled_from(["", "startup", "compact"]),
    prompt=TEXTS,
    tool=st.one_of(st.none(), TOOLS),
    message=TEXTS,
    error=st.sampled_from(["", "rate_limit", "new"]),
    unknown=st.dictionaries(TEXTS, st.one_of(TEXTS, st.none(), st.integers()), max_size=3),
)
STEPS = st.lists(
    st.one_of(
        st.builds(
            HookHappened, event=EVENTS, project=st.sampled_from([None, "/p"]), request=NAMES
        ),
        st.just(IdleDue()),
        st.sampled_from(THERE),
    ),
    max_size=25,
)  # fmt: skip


@settings(max_examples=30)
@given(steps=STEPS)
def test_any_events_leave_turns_that_add_up(steps, tmp_path_factory):
    stage = room_on(tmp_path_factory.mktemp("room"))
    stage.start()
    try:
        for step in steps:
            stage.clock.advance(1)
            stage.give(step)
        _add_up(stage.actor.store)
    finally:
        stage.stop()


def _add_up(store):
    for session in store.rows("select * from sessions"):
        key = (session["client"], session["session"])
        turns = store.rows(
            "select * from turns where client = ? and session = ? order by number", key
        )
        numbers = [turn["number"] for turn in turns]
        assert numbers == list(range(numbers[0], len(numbers) + numbers[0])) if numbers else True
        assert session["turn"] == (numbers[-1] if numbers else 0)
        for turn in turns:
            assert (turn["ended_ms"] is None) == (turn["result"] == "")
            assert turn["failed"] <= turn["commands"]
        assert all(turn["ended_ms"] is not None for turn in turns[:-1])
        assert all(turn["goal"] == "" for turn in turns[:-1])
    told = store.rows("select key from owed")
    assert len({row["key"] for row in told}) == len(told)
