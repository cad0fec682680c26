"""A loop whose clock leaves out the time for which its process was stopped."""

import asyncio
import contextlib

import pytest

from atlas_actors.awake_loop import LATE_S, WAIT_S, AwakeLoop, AwakeSelector


@pytest.fixture
def selector():
    made = AwakeSelector()
    yield made
    made.close()


def looks(selector, *steps):
    """(how long it was asked to wait, how long that took) one after the other."""
    now_s = selector._looked_s
    for wanted_s, took_s in steps:
        now_s += took_s
        selector.count(now_s, wanted_s)
    return selector.paused_s


def test_f8_what_a_look_takes_too_long_is_a_pause(selector):
    assert looks(selector, (WAIT_S, 30.0)) == pytest.approx(30.0 - WAIT_S)


def test_f8_a_pause_between_two_looks_counts_as_well(selector):
    assert looks(selector, (0.0, 30.0), (WAIT_S, WAIT_S)) == pytest.approx(30.0)


def test_waiting_as_asked_and_a_busy_machine_are_no_pause(selector):
    assert looks(selector, (WAIT_S, WAIT_S), (1.0, 1.0 + LATE_S), (0.0, LATE_S)) == 0.0


def test_f8_a_deadline_of_the_loop_moves_by_the_pause():
    loop = AwakeLoop()
    try:
        before_s = loop.time()
        loop._awake.paused_s += 1_000.0
        assert loop.time() < before_s - 900.0
    finally:
        loop.close()


def test_nobody_waits_for_longer_than_asked():
    async def wait():
        loop = asyncio.get_running_loop()
        began_s = loop.time()
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(asyncio.Event().wait(), 0.01)
        return loop.time() - began_s

    with asyncio.Runner(loop_factory=AwakeLoop) as runner:
        assert runner.run(wait()) >= 0.01
