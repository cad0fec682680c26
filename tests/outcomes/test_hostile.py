"""What anybody may write into a context stops nobody who reads the feed, and moves nobody."""

import json

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from atlas_actors.analytics.actor import Analytics
from atlas_actors.analytics.parts import parts_of
from atlas_actors.analytics.tally import OTHER, fault_of
from atlas_actors.messages import paths
from atlas_actors.messages.outcome import OutcomesAfter, RecordOutcome
from atlas_actors.outcomes.actor import Outcomes
from atlas_actors.settings import FeedbackSettings, RetentionSettings
from tests.support.stages import Stage
from tests.support.strategists import asking, room_on

OURS = (
    "choice", "strategy", "lead", "checked", "task_cost_usd", "work_ms", "origin", "end", "fault",
    "full", "provider", "intent", "model", "rule", "project", "told_by", "seq",
)  # fmt: skip
ODD = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**70), 2**70) | st.floats(allow_nan=False)
    | st.sampled_from(["", "timed_out", "network", "passed", "own", "\x00", "a" * 300]),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.text(), inner, max_size=2),
    max_leaves=4,
)  # fmt: skip
NAMES = ("provider", "intent", "model", "rule", "project", "strategy")  # texts, by the schema
CONTEXTS = st.dictionaries(st.sampled_from(OURS), ODD, max_size=6).map(
    lambda context: {
        name: str(value)[:200] or "x" if name in NAMES else value for name, value in context.items()
    }
)
KINDS = ("task", "attempt", "route", "hook", "recall", "schedule", "agent", "skill", "model")


@pytest.fixture(scope="module")
def rooms(tmp_path_factory):
    """Outcomes and both who read it, with a choice that waits for its end."""
    folder = tmp_path_factory.mktemp("rooms")
    kept = Stage(
        Outcomes,
        path=paths.OUTCOMES,
        database=folder / "outcomes.db",
        settings=RetentionSettings(retention_days=1),
    )
    strategies = room_on(folder, kept.clock)
    analytics = Stage(
        Analytics,
        path=paths.ANALYTICS,
        clock=kept.clock,
        database=folder / "analytics.db",
        settings=FeedbackSettings(
            mode="act", interval_s=60.0, debounce_s=1.0, window_days=1.0, retention_days=1
        ),
    )
    for room in (kept, strategies, analytics):
        room.start()
    strategies.actor.dispatch(asking(1))
    yield kept, strategies, analytics
    for room in (kept, strategies, analytics):
        room.stop()


@pytest.mark.slow
@settings(max_examples=150, deadline=None, suppress_health_check=list(HealthCheck))
@given(context=CONTEXTS, kind=st.sampled_from(KINDS), took=st.none() | st.integers(0, 2**53))
def test_whatever_a_context_says_the_feed_is_read_on(rooms, context, kind, took):
    kept, strategies, analytics = rooms
    kept.clock.advance(1)
    told = RecordOutcome(
        action="t/1", kind=kind, result="failure", context=context, duration_ms=took, cost_usd=1e9
    )
    kept.give(told)
    seq = kept.actor.store.row("select upto from feed")["upto"]
    answer = kept.actor.dispatch(OutcomesAfter(seq=seq - 1))
    assert [outcome.seq for outcome in answer.outcomes] == [seq]
    strategies.give(answer)
    analytics.give(answer)
    assert fault_of(answer.outcomes[0]) in (
        "", OTHER, "timed_out", "network"
    )  # fmt: skip
    engine = strategies.actor._journal.engine.snapshot()
    assert json.loads(json.dumps(engine)) == engine, "no number that JSON does not have"


@pytest.mark.parametrize("kind", ["attempt", "task", "route"])
def test_of_what_we_do_an_agents_word_counts_for_no_part(rooms, kind):
    kept, _, _ = rooms
    context = {"provider": "haiku", "intent": "i", "strategy": "s", "rule": "r"}
    for mark in ({}, {"told_by": "agent"}):
        told = RecordOutcome(action="t/1", kind=kind, result="failure", context=context | mark)
        kept.give(told)
    seq = kept.actor.store.row("select upto from feed")["upto"]
    ours, theirs = kept.actor.dispatch(OutcomesAfter(seq=seq - 2)).outcomes
    assert len(parts_of(ours)) > 1
    assert [part.kind for part in parts_of(theirs)] == ["kind"]
