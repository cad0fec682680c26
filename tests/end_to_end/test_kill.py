"""F1 and F2: kill -9 under load, at random times and at named points; the ledgers decide."""

import pytest

from tests.support.campaign import campaign_on

pytestmark = [pytest.mark.end_to_end, pytest.mark.slow]

KILLS = 30
FAULTS = {
    "ack_before_commit": "lost",
    "forget_at_claim": "lost",
    "no_rescue": "not completed",
    "no_flag": "unflagged rerun",
    "no_record": "unflagged rerun",
}
POINTS = (
    ("tasks.committed", (1, 7)),
    ("tasks.claimed", (1, 7)),
    ("executor.answered", (1, 7)),
    ("store.checkpoint", (1,)),
)


def test_f1_30_kills_under_load_lose_nothing_and_repeat_nothing_without_a_flag(tmp_path):
    with campaign_on(tmp_path, seed=1) as campaign:
        with campaign.load():
            for _ in range(KILLS):
                campaign.kill(low_s=0.1, high_s=0.6)
        campaign.drain()
        verdict = campaign.verdict()
    assert verdict.broken == ()
    assert verdict.accepted > KILLS
    assert verdict.flagged > 0, "no kill found an attempt under way"
    assert campaign.unanswered > 0, "no kill found a client that waited"


@pytest.mark.parametrize("fault", FAULTS)
def test_a_planted_fault_is_found_within_a_few_kills(tmp_path, fault):
    found = set()
    with campaign_on(tmp_path, seed=1, fault=fault) as campaign:
        for _ in range(5):
            with campaign.load():
                for _ in range(4):
                    campaign.kill(low_s=0.05, high_s=0.3)
            campaign.drain(stuck_s=1.0)
            found = set(campaign.verdict().kinds)
            if FAULTS[fault] in found:
                return
    pytest.fail(f"{fault} went unnoticed, but {found}")


def test_f2_a_kill_at_each_named_point_loses_nothing(tmp_path):
    with campaign_on(tmp_path, seed=1) as campaign:
        with campaign.load():
            for point, passings in POINTS:
                for passing in passings:
                    campaign.fail_at(point, passing)
        campaign.drain()
        verdict = campaign.verdict()
    assert verdict.broken == ()
    assert verdict.accepted > 0


def test_f2_a_kill_in_the_middle_of_a_migration_is_made_good_by_the_next_start(tmp_path):
    with campaign_on(tmp_path, seed=1) as campaign:
        for passing in (1, 3):
            campaign.fail_at("store.migrating", passing)
        with campaign.load():
            campaign.kill(low_s=0.1, high_s=0.3)
        campaign.drain()
        verdict = campaign.verdict()
    assert verdict.broken == ()
