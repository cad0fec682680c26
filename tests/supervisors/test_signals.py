"""Signals are heard though the main thread waits and nothing wakes it."""

import signal
import subprocess
import sys

import pytest

from tests.support.daemons import ROOT
from tests.support.trees import WAIT_S

pytestmark = pytest.mark.slow

# Another thread gets the signals, once the main thread waits (its state in /proc is sleeping).
HEARS = """
import queue, signal, threading
from pathlib import Path
from supervisors import signals

events = queue.SimpleQueue()
signals.hear({signal.SIGTERM: "stop", signal.SIGHUP: "reload"}, events.put)
main = Path(f"/proc/self/task/{threading.get_native_id()}/stat")

def get_them():
    while main.read_text().rpartition(")")[2].split()[0] != "S":
        pass
    signal.pthread_kill(threading.get_ident(), signal.SIGTERM)
    signal.pthread_kill(threading.get_ident(), signal.SIGHUP)

threading.Thread(target=get_them).start()
print(events.get(), events.get())
"""


@pytest.mark.skipif(sys.platform != "linux", reason="who waits is seen in /proc")
def test_a_signal_that_another_thread_gets_is_heard_at_once_and_in_order():
    done = subprocess.run(
        [sys.executable, "-c", HEARS], cwd=ROOT, capture_output=True, text=True, timeout=WAIT_S,
        check=False,
    )  # fmt: skip
    assert (done.returncode, done.stdout) == (0, "stop reload\n"), done.stderr


def test_what_is_not_asked_for_keeps_its_default():
    code = "from supervisors import signals; import os, signal\n"
    code += "signals.hear({signal.SIGHUP: 'reload'}, print)\nos.kill(os.getpid(), signal.SIGTERM)"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, timeout=WAIT_S, check=False)
    assert done.returncode == -signal.SIGTERM
