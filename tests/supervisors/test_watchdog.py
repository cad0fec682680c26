"""How long a daemon has been silent, judged by whether the watchdog itself was run."""

import pytest

from supervisors.watchdog import LOOK_S, PAUSE_S, SILENCE_S, silence


@pytest.mark.parametrize(
    ("silent_s", "waited_s", "then_s"),
    [
        (0.0, LOOK_S, LOOK_S),
        (4.0, LOOK_S, 4.0 + LOOK_S),
        (4.0, LOOK_S + PAUSE_S / 2, 4.0 + LOOK_S),  # a busy machine is no pause
        (4.0, LOOK_S + 30.0, 0.0),  # asleep for half a minute
        (SILENCE_S - LOOK_S, LOOK_S + 3600.0, 0.0),
    ],
)
def test_a_silence_counts_only_while_the_watchdog_runs(silent_s, waited_s, then_s):
    assert silence(silent_s, LOOK_S, waited_s) == then_s


def test_a_daemon_that_stays_silent_is_found_after_a_pause_too():
    silent_s, looks = silence(SILENCE_S - LOOK_S, LOOK_S, 3600.0), 0
    while silent_s < SILENCE_S:
        silent_s, looks = silence(silent_s, LOOK_S, LOOK_S), looks + 1
    assert looks == SILENCE_S / LOOK_S
