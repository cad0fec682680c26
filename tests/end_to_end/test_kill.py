"""F1 and F2: kill -9 under load, at random times and at named points; the ledgers decide."""

import pytest

from atlas_actors.store import Reader
from tests.support.campaign import campaign_on

pytestmark = [pytest.mark.end_to_end, pytest.mark.slow]

KILLS = 30
PLANNED_KILLS = 8
FAULTS = {
    "ack_before_commit": "lost",
    "forget_at_claim": "lost",
    "forget_at_plan": "lost",
    "run_where_it_was": "unflagged rerun",
    "no_rescue": "not completed",
    "no_flag": "unflagged rerun",
    "no_record": "unflagged rerun",
}
PLANNED = ("forget_at_plan", "run_where_it_was")
POINTS = (
    ("tasks.committed", (1, 7)),
    ("tasks.claimed", (1, 7)),
    ("tasks.planned", (1, 7)),
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


def test_kills_while_strategies_choose_lose_nothing_and_repeat_nothing_without_a_flag(tmp_path):
    with campaign_on(tmp_path, seed=2, planning=True) as campaign:
        with campaign.load():
            for _ in range(PLANNED_KILLS):
                campaign.kill(low_s=0.2, high_s=0.8)
        campaign.drain()
        verdict = campaign.verdict()
        moved = moves_of(campaign.daemon.home.state)
    assert verdict.broken == ()
    assert verdict.accepted > PLANNED_KILLS
    assert moved > 0, "no attempt was planned for another provider"
    assert twice_ended(campaign.daemon.home.state) == []


def moves_of(state):
    """How often an attempt went back to wait for another provider, at the least: of an attempt
    that was interrupted or has ended otherwise the way to pending is counted too."""
    rows = Reader(state / "tasks.db").rows
    (back,) = rows(
        "select coalesce(sum(tasks), 0) as n from inspect_transitions"
        " where before = 'in_progress' and after = 'pending'"
    )
    (known,) = rows(
        "select count(*) as n from inspect_attempts join inspect_tasks on id = task_id"
        " where number < attempts"
    )
    return back["n"] - known["n"]


def twice_ended(state):
    """The choices that were counted more than once."""
    return Reader(state / "strategies.db").rows(
        "select event ->> '$.choice' as choice from log where kind = 'ended' group by 1"
        " having count(*) > 1"
    )


@pytest.mark.parametrize("fault", FAULTS)
def test_a_planted_fault_is_found_within_a_few_kills(tmp_path, fault):
    found = set()
    planning = fault in PLANNED
    with campaign_on(tmp_path, seed=1, fault=fault, planning=planning) as campaign:
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
    with campaign_on(tmp_path, seed=1, planning=True) as campaign:
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
