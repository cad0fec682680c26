"""Interrupted work as proposed work: whose it was, and what is not proposed."""

import pytest

from atlas_actors.cycle.stale import proposals_of
from atlas_actors.messages.handoff import StaleHandoff


def stale(task_id=None, **fields):
    return StaleHandoff(
        **{"id": "h1", "goal": "mend\nit", "cwd": "/p", "updated_ms": 5, "task_id": task_id,
           **fields}
    )  # fmt: skip


def test_a_clients_handoff_is_gone_on_with_by_a_task_of_its_own():
    (asked,) = proposals_of([stale()], {})
    assert (asked.handoff_id, asked.retry_task, asked.cwd) == ("h1", None, "/p")
    assert "mend\nit" in asked.prompt
    assert asked.evidence["handoff_id"] == "h1"


def test_a_failed_tasks_handoff_is_gone_on_with_by_that_task():
    (asked,) = proposals_of([stale("t1")], {"t1": {"state": "failed", "origin": "generated"}})
    assert (asked.retry_task, asked.from_task, asked.from_origin) == ("t1", "t1", "generated")


@pytest.mark.parametrize("state", ["pending", "in_progress", "completed", "cancelled"])
def test_a_task_that_goes_on_or_was_cancelled_is_not_proposed(state):
    assert proposals_of([stale("t1")], {"t1": {"state": state, "origin": "person"}}) == []


def test_a_task_that_is_gone_is_not_proposed():
    assert proposals_of([stale("t1")], {}) == []


def test_it_is_the_same_until_it_has_come_further():
    (first,) = proposals_of([stale()], {})
    (same,) = proposals_of([stale(goal="other words")], {})
    (later,) = proposals_of([stale(updated_ms=6)], {})
    assert first.fingerprint == same.fingerprint == later.fingerprint
    assert first.evidence_key == same.evidence_key != later.evidence_key
