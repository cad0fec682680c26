"""Whatever the order, the repetitions and the crashes: the same stands, and each is read once."""

import random
from contextlib import contextmanager
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from atlas_actors.messages import paths
from atlas_actors.messages.outcome import AmendOutcome, OutcomesAfter, RecordOutcome
from atlas_actors.outcomes.actor import Outcomes
from atlas_actors.settings import RetentionSettings
from tests.support.ledger_room import handle
from tests.support.stages import Stage

KEYS = ("a", "b", "c")
RESULTS = st.sampled_from(["success", "partial", "failure"])


@contextmanager
def room_on(folder):
    settings = RetentionSettings(retention_days=1)
    built = Stage(Outcomes, path=paths.OUTCOMES, database=folder / "outcomes.db", settings=settings)
    built.start()
    try:
        yield built
    finally:
        built.stop()


def record(key: str, result: str, verified_by: str | None, infrastructure: bool) -> RecordOutcome:
    return RecordOutcome(
        action=key,
        kind="hook",
        result=result,
        verified_by=verified_by,
        infrastructure=infrastructure,
        at_ms=1,
        key=key,
    )


def amendment(key: str, result: str, verified_by: str, at_ms: int) -> AmendOutcome:
    return AmendOutcome(
        key=key, result=result, verified_by=verified_by, reason="because", at_ms=at_ms
    )


RECORDS = st.tuples(
    *(
        st.builds(
            record,
            st.just(key),
            RESULTS,
            st.sampled_from([None, "text", "person"]),
            st.sampled_from([False, False, False, True]),
        )
        for key in KEYS
    )
)
AMENDMENTS = st.lists(
    st.builds(
        amendment,
        st.sampled_from(KEYS),
        RESULTS,
        st.sampled_from(["test", "revert", "person"]),
        st.integers(2, 5),
    ),
    max_size=8,
)


def stands(stage: Stage) -> list[dict[str, Any]]:
    return stage.actor.store.rows(
        "select action, result, verified_by, infrastructure from inspect_outcomes order by action"
    )


@pytest.mark.slow
@settings(max_examples=40, deadline=None)
@given(records=RECORDS, amendments=AMENDMENTS, seed=st.integers(0, 2**16))
def test_any_order_and_repetition_leaves_the_same(tmp_path_factory, records, amendments, seed):
    folder = tmp_path_factory.mktemp("order")
    messages = [*records, *amendments]
    mixed = messages * 2
    random.Random(seed).shuffle(mixed)
    left = []
    for name, told in (("plain", messages), ("mixed", mixed)):
        (folder / name).mkdir()
        with room_on(folder / name) as stage:
            handle(stage, told)
            left.append(stands(stage))
    assert left[0] == left[1]


def read_on(stage: Stage, cursor: int, read: list[tuple[Any, ...]], limit: int) -> int:
    """A reader that commits its cursor with what it has read; where it is then."""
    batch = stage.actor.dispatch(OutcomesAfter(seq=cursor, limit=limit))
    read += [(one.seq, one.id, one.before, one.result) for one in batch.outcomes]
    return int(batch.upto)


@pytest.mark.slow
@settings(max_examples=30, deadline=None)
@given(records=RECORDS, amendments=AMENDMENTS, seed=st.integers(0, 2**16))
def test_a_reader_skips_nothing_and_repeats_nothing(tmp_path_factory, records, amendments, seed):
    folder = tmp_path_factory.mktemp("feed")
    dice = random.Random(seed)
    mixed = [*records, *amendments] * 2
    dice.shuffle(mixed)
    cursor, read = 0, []
    while mixed:
        count = dice.randint(1, 4)
        taken, mixed = mixed[:count], mixed[count:]
        with room_on(folder) as stage:  # each batch is in a life of its own
            handle(stage, taken)
            if dice.random() < 0.5:  # of what the reader reads and then dies, nothing is kept
                read_on(stage, cursor, [], limit=2)
            if dice.random() < 0.7:
                cursor = read_on(stage, cursor, read, limit=dice.randint(1, 3))
    with room_on(folder) as stage:
        while (upto := read_on(stage, cursor, read, limit=2)) != cursor:
            cursor = upto
        whole = []
        read_on(stage, 0, whole, limit=1000)
        kept = stands(stage)
        ids = stage.actor.store.rows("select id, action from inspect_outcomes")
    assert read == whole
    assert [entry[0] for entry in read] == list(range(1, len(read) + 1))
    action_of = {row["id"]: row["action"] for row in ids}
    last = {action_of[id]: result for _, id, _, result in read}
    assert last == {row["action"]: row["result"] for row in kept}
    told = {}
    for _, id, before, result in read:
        assert before == told.get(id)  # each change begins where the last one ended
        told[id] = result
