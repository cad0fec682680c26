"""F8 and F9: sleep, and orders to end, while work is under way."""

import os
import select
import signal
import sys

import pytest

from tests.support.campaign import STUCK_S, campaign_on
from tests.support.daemons import ROOT
from tests.support.ledger import running

pytestmark = [pytest.mark.end_to_end, pytest.mark.slow]

SILENCE_S = 1.5
SLEEP_S = 2.5
# The watchdog and the daemon as they are, with a beat and a patience of a tenth.
WATCHED = f"""
import sys
sys.path.insert(0, sys.argv[1])
from supervisors import watchdog
program = "import sys; sys.path.insert(0, sys.argv[1]); sys.argv[:] = sys.argv[1:];"
program += "from supervisors import beat; beat.BEAT_S = 0.2; import run; sys.exit(run.main())"
sys.exit(watchdog.run([sys.executable, "-c", program, *sys.argv[1:]], silence_s={SILENCE_S}))
"""


@pytest.mark.parametrize("watched", [True, False])
def test_f8_a_sleep_kills_nobody_and_repeats_nothing(tmp_path, watched):
    with campaign_on(tmp_path, seed=1, forked=not watched) as campaign:
        daemon = campaign.daemon
        if watched:
            daemon.command = [sys.executable, "-c", WATCHED, str(ROOT), "serve"]
        daemon.start()
        pid = daemon.call("system.ping")["pid"]
        assert (pid != daemon.process.pid) is watched
        with campaign.load():
            campaign.served()
            campaign.sleep(SLEEP_S)
            campaign.pause(SILENCE_S / 2)  # for who would judge by the clock
        assert daemon.call("system.ping")["pid"] == pid
        campaign.settle()
        assert daemon.stop() == 0
        verdict = campaign.verdict()
    assert (verdict.broken, verdict.reruns) == ((), ())
    assert verdict.accepted > 0


def test_f8_a_daemon_that_hangs_alone_is_still_killed_and_loses_nothing(tmp_path):
    """The watchdog runs, the daemon does not: that is no sleep."""
    with campaign_on(tmp_path, seed=1, forked=False) as campaign:
        daemon = campaign.daemon
        daemon.command = [sys.executable, "-c", WATCHED, str(ROOT), "serve"]
        daemon.start()
        pid = daemon.call("system.ping")["pid"]
        ended = os.pidfd_open(pid)
        with campaign.load():
            os.kill(pid, signal.SIGSTOP)
            assert select.select([ended], [], [], STUCK_S)[0], "it was not killed"
            os.close(ended)
            campaign.served()
        campaign.settle()
        assert daemon.call("system.ping")["pid"] != pid
        assert daemon.stop() == 0
        verdict = campaign.verdict()
    assert verdict.broken == ()


def test_f9_sigterm_under_load_ends_in_order_and_loses_nothing(tmp_path):
    with campaign_on(tmp_path, seed=1) as campaign:
        with campaign.load():
            for _ in range(4):
                assert campaign.end(low_s=0.1, high_s=0.5) == 0
                assert running(campaign.daemon.home.state) == 0
        campaign.drain()
        verdict = campaign.verdict()
    assert verdict.broken == ()
    assert verdict.flagged > 0, "nothing was under way when it was stopped"


def test_f9_a_second_sigterm_ends_it_at_once_and_loses_nothing(tmp_path):
    with campaign_on(tmp_path, seed=1) as campaign:
        with campaign.load():
            codes = {campaign.end(low_s=0.1, high_s=0.5, signals=2) for _ in range(4)}
        campaign.drain()
        verdict = campaign.verdict()
    assert codes <= {0, 1}  # 0: it had ended in order before it heard the second
    assert verdict.broken == ()


@pytest.mark.parametrize("signals", [1, 2])
def test_f9_sigterm_while_an_actor_hangs_ends_in_time_and_loses_nothing(tmp_path, signals):
    with campaign_on(tmp_path, seed=1, fault="hang_in_router") as campaign:
        with campaign.load():
            code = campaign.end(low_s=0.3, high_s=0.5, signals=signals)
        log = (campaign.daemon.home.log / "atlas.log").read_text()
        # Its time is given to who hangs; a second order ends that too, and the exit code says so.
        waited = "atlas/work/router incarnation=1 ending=killed" in log
        assert (code, waited) == ((0, True) if signals == 1 else (1, False)), log[-2000:]
        campaign.daemon.fault = ""  # the next has no fault
        campaign.drain()
        verdict = campaign.verdict()
    assert verdict.broken == ()
    assert verdict.accepted > 0
