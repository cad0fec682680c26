"""Cells, beliefs and drift."""

import pytest

from atlas_actors.strategies.cells import WINDOW, Cell, belief, belief_of_child
from atlas_actors.strategies.drift import drift_of


def cell_of(results, weight=1.0):
    cell = Cell()
    for choice, x in enumerate(results):
        cell.count(choice, x, weight)
    return cell


def test_taking_a_trial_back_leaves_what_would_be_known_without_it():
    cell, other = cell_of([1, 0, 1, 1]), cell_of([1, 1, 1, 1])
    cell.recount(1, 2, (0, 1.0), (1, 1.0))
    assert cell.successes == pytest.approx(other.successes)
    assert cell.failures == pytest.approx(other.failures, abs=1e-12)
    assert cell.recent == other.recent


def test_a_trial_from_before_the_cell_began_anew_is_no_longer_taken_back():
    cell = cell_of([1] * 50)
    cell.begin_anew(7)
    before = cell.successes, cell.failures
    cell.recount(0, 1, (1, 1.0), (0, 1.0))
    assert (cell.successes, cell.failures) == before
    assert cell.n == WINDOW
    assert cell.drift_at_ms == 7


def test_a_weak_success_counts_little():
    assert cell_of([1], weight=0.2).n == pytest.approx(0.2)


@pytest.mark.parametrize(
    ("results", "way"),
    [
        ([1] * 60 + [0] * 12, "down"),
        ([0, 0, 1] * 20 + [1] * 20, "up"),
        ([1, 1, 0] * 30, None),
        ([1] * 15 + [0] * 12, None),  # too little is known to speak of change
    ],
)
def test_a_change_is_found_where_there_is_one(results, way):
    found = drift_of(cell_of(results))
    assert (None if found is None else "up" if found.now > found.before else "down") == way


def test_nothing_known_leaves_the_prior():
    assert belief(None, (0, 0), 0.85).mean == pytest.approx(0.85)


def test_the_record_in_other_contexts_counts_until_there_is_one_here():
    elsewhere = belief(None, (10, 90), 0.85).mean
    assert 0.1 < elsewhere < 0.2
    assert belief(cell_of([1] * 100), (10, 90), 0.85).mean > 0.9


def test_a_child_begins_with_what_its_parent_came_to():
    assert belief_of_child(None, 0.6).mean == pytest.approx(0.6)
    assert belief_of_child(cell_of([1] * 4), 0.6).mean > 0.75
