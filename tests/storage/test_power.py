"""F3, the short form: the power goes while a room works; `scripts/bench power` is the long."""

import os
import random
from collections import Counter

import pytest

from tests.support.power import cut

pytestmark = pytest.mark.slow
CUTS = 100


@pytest.fixture
def seed():
    number = int(os.environ.get("ATLAS_TEST_SEED", random.randrange(10**6)))
    print(f"ATLAS_TEST_SEED={number}")
    return number


def campaign(mode, seed, cuts=CUTS):
    """What cuts spread over all of the work led to."""
    operations = cut(mode, 10**9, seed).operations
    found = [cut(mode, 1 + number * operations // cuts, seed + number) for number in range(cuts)]
    assert sum(one.was_cut for one in found) > cuts / 2
    assert sum(one.acknowledged for one in found) > cuts
    return found


@pytest.mark.parametrize("mode", ["full", "mixed", "normal"])
def test_f3_no_durable_commit_is_lost_and_what_is_found_is_a_prefix(mode, seed):
    found = campaign(mode, seed)
    assert [one for one in found if one.lost or one.broken] == []


def test_f3_commits_that_are_not_durable_may_be_forgotten(seed):
    """Or the disk of these tests would keep what it should not."""
    assert any(one.forgotten for one in campaign("normal", seed))


def test_f3_without_syncs_the_campaign_finds_what_breaks(seed):
    """The negative control."""
    found = Counter()
    for one in campaign("off", seed, cuts=12):
        found["lost"] += bool(one.lost)
        found["broken"] += bool(one.broken)
    assert found["lost"] + found["broken"] > 2
    assert found["broken"]
