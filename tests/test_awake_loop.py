"""A loop whose clock leaves out the time for which its process was stopped."""

import asyncio
import contextlib
import selectors
import socket

import pytest

from atlas_actors.awake_loop import LATE_S, WAIT_S, AwakeLoop, AwakeSelector


class Looked(AwakeSelector):
    """Each wait takes as long as a test says, whatever was asked for; nothing is waited for."""

    def __init__(self, *takes_s):
        super().__init__()
        self.takes_s = iter(takes_s)
        self.clock_s, self.is_waiting = 0.0, False

    def now_s(self):
        if self.is_waiting:
            self.clock_s += next(self.takes_s)
        self.is_waiting = not self.is_waiting
        return self.clock_s


def paused_s(*looks, busy_s=0.0):
    """What is counted of (how long it was asked to wait, how long that took), one after another
    with callbacks of `busy_s` in between; there is always something to find."""
    selector = Looked(*(took_s for _, took_s in looks))
    ours, theirs = socket.socketpair()
    try:
        theirs.send(b"x")
        selector.register(ours, selectors.EVENT_READ)
        for wanted_s, _ in looks:
            assert selector.select(wanted_s)
            selector.clock_s += busy_s
        return selector.paused_s
    finally:
        selector.close()
        ours.close()
        theirs.close()


def test_f8_what_a_wait_takes_too_long_is_a_pause():
    assert paused_s((WAIT_S, 30.0)) == pytest.approx(30.0 - WAIT_S)
    assert paused_s((0.0, 30.0), (WAIT_S, WAIT_S)) == pytest.approx(30.0)


def test_f8_nobody_waits_for_longer_than_the_most_at_a_time():
    assert paused_s((None, 30.0), (60.0, 30.0)) == pytest.approx(2 * (30.0 - WAIT_S))


def test_waiting_as_asked_and_a_busy_machine_are_no_pause():
    assert paused_s((WAIT_S, WAIT_S), (1.0, 1.0 + LATE_S), (0.0, LATE_S)) == 0.0


def test_slow_callbacks_of_the_loop_are_no_pause():
    assert paused_s((0.0, 0.0), (0.0, 0.0), (1.0, 1.0), busy_s=10 * LATE_S) == 0.0


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
