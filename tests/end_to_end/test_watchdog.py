"""The parent that starts the daemon again, and the reload of settings, on real processes."""

import os
import signal
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from supervisors import watchdog
from tests.support.daemons import ROOT, Daemon, daemon_on
from tests.support.model_server import hold, model_server
from tests.support.trees import WAIT_S

pytestmark = [pytest.mark.end_to_end, pytest.mark.slow]


def until(holds, what):
    deadline = time.monotonic() + 3 * WAIT_S
    while not holds():
        assert time.monotonic() < deadline, what


def alive(pid):
    try:
        status = Path(f"/proc/{pid}/status").read_text()
    except FileNotFoundError:
        return False
    return "\nState:\tZ" not in status


def pid_of(daemon):
    try:
        return daemon.call("system.ping")["pid"]
    except Exception:
        return None


@pytest.fixture
def watched(tmp_path):
    daemon = Daemon(tmp_path / "home", watchdog=True).start()
    yield daemon
    if daemon.process.poll() is None:
        daemon.stop()


def test_a_daemon_that_is_killed_comes_back_and_loses_nothing(watched):
    id = watched.call("task.submit", prompt="Summarise this")["id"]
    first = pid_of(watched)
    assert first != watched.process.pid
    os.kill(first, signal.SIGKILL)
    until(lambda: pid_of(watched) not in (None, first), "it did not come back")
    assert watched.call("task.get", id=id)["state"] == "pending"
    assert "starting it again" in (watched.home.root / "stderr").read_text()


def test_sigterm_goes_through_and_the_exit_code_comes_back(watched):
    pid = pid_of(watched)
    assert watched.stop() == 0
    assert not alive(pid)


def test_atlas_stop_ends_both(watched):
    assert watched.run("stop").returncode == 0
    assert watched.process.wait(WAIT_S) == 0


def test_a_killed_watchdog_leaves_no_orphan_and_the_next_start_works(watched):
    pid = pid_of(watched)
    watched.kill()
    watched.start()
    assert not alive(pid)
    assert pid_of(watched) not in (None, pid)


def test_another_instance_is_not_tried_again(watched):
    second = watched.run("serve")
    assert (second.returncode, "runs already" in second.stderr) == (3, True)
    assert "starting it again" not in second.stderr


HUNG = """
import ctypes, faulthandler, os, signal, sys
from pathlib import Path
fd = int(sys.argv[sys.argv.index("--beat-fd") + 1])
lives = Path(sys.argv[1])
faulthandler.register(signal.SIGUSR2, file=open(sys.argv[2], "a"), all_threads=True)
lives.write_text(lives.read_text() + "x")
os.write(fd, b".")
if len(lives.read_text()) > int(sys.argv[3]):
    sys.exit(0)
libc = ctypes.PyDLL(None)  # unlike CDLL it keeps the interpreter's lock
libc.sleep(1000)
"""


def run_watchdog(tmp_path, hung_lives):
    lives, stacks = tmp_path / "lives", tmp_path / "stacks"
    lives.write_text("")
    program = (
        "import sys; sys.path.insert(0, sys.argv[1]); from supervisors import watchdog;"
        "watchdog.BACKOFF_S = 0.01;"
        "sys.exit(watchdog.run(sys.argv[2:], silence_s=0.3))"
    )
    command = [sys.executable, "-c", HUNG, str(lives), str(stacks), str(hung_lives)]
    done = subprocess.run(
        [sys.executable, "-c", program, str(ROOT), *command], capture_output=True, text=True,
        check=False, timeout=120,
    )  # fmt: skip
    return done, len(lives.read_text()), stacks.read_text()


def test_s62_a_call_that_holds_the_interpreter_is_found_from_outside_with_its_stack(tmp_path):
    done, lives, stacks = run_watchdog(tmp_path, hung_lives=1)
    assert (done.returncode, lives) == (0, 2)
    assert "no beat from pid" in done.stderr
    assert "most recent call first" in stacks


def test_the_watchdog_gives_up_after_its_budget_and_says_so(tmp_path):
    done, lives, _ = run_watchdog(tmp_path, hung_lives=1000)
    assert (done.returncode, lives) == (1, 1 + watchdog.RESTARTS_MAX)
    assert "gave up" in done.stderr


def test_a_daemon_that_never_ran_is_not_started_again(tmp_path):
    program = (
        "import sys; sys.path.insert(0, sys.argv[1]); from supervisors import watchdog;"
        "sys.exit(watchdog.run([sys.executable, '-c', 'import sys; sys.exit(9)']))"
    )
    done = subprocess.run(
        [sys.executable, "-c", program, str(ROOT)], capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stderr.count("\n")) == (9, 1)


def test_the_watchdog_imports_nothing_of_atlas():
    program = (
        "import sys; sys.path.insert(0, sys.argv[1]); from supervisors import watchdog;"
        "print([name for name in sys.modules if name.startswith(('atlas', 'pykka', 'apsw'))])"
    )
    shown = subprocess.run(
        [sys.executable, "-c", program, str(ROOT)], capture_output=True, text=True, check=True
    )
    assert shown.stdout.strip() == "[]"


def test_systemd_hears_ready_beats_and_stopping(tmp_path):
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as notify:
        notify.settimeout(3 * WAIT_S)
        notify.bind(str(tmp_path / "notify"))
        daemon = Daemon(tmp_path / "home", watchdog=True, NOTIFY_SOCKET=tmp_path / "notify")
        daemon.start()
        try:
            assert pid_of(daemon) == daemon.process.pid
            heard = set()
            while not {b"READY=1", b"WATCHDOG=1"} <= heard:
                heard.add(notify.recv(100))
        finally:
            assert daemon.stop() == 0
        while b"STOPPING=1" not in heard:
            heard.add(notify.recv(100))


def settings(*tables):
    return "".join(
        f'[providers.{name}]\ntransport = "openai-chat"\ntier = "free"\nbase_url = "{url}"\n'
        for name, url in tables
    )


def names(daemon):
    return [row["name"] for row in daemon.call("system.status")["providers"]]


def test_sighup_adds_changes_and_removes_executors_and_running_work_is_unharmed(tmp_path):
    begun, release = threading.Event(), threading.Event()
    with model_server() as one, model_server() as two, daemon_on(tmp_path / "home") as daemon:
        file = daemon.home.root / "config.toml"

        def reload(*tables):
            file.write_text(settings(*tables))
            daemon.process.send_signal(signal.SIGHUP)

        reload(("added", one.url))
        until(lambda: "added" in names(daemon), "it was not added")
        one.scripts.put(hold(begun, release, "unharmed"))
        running = daemon.call("task.submit", prompt="Summarise", provider="added")["id"]
        assert begun.wait(WAIT_S)

        reload(("added", two.url))  # the same name, another server: the old one finishes first
        log = daemon.home.log / "atlas.log"
        until(lambda: log.read_text().count("settings.reloaded") == 2, "it was not reloaded")
        waiting = daemon.call("task.submit", prompt="Translate", provider="added")["id"]
        release.set()
        task = daemon.wait(running)
        assert (task["state"], task["result"]) == ("completed", "begun unharmed")
        assert len(task["attempts"]) == 1
        assert daemon.wait(waiting)["state"] == "completed"
        assert len(two.requests) == 1

        reload()
        until(lambda: "added" not in names(daemon), "it was not removed")
        until(lambda: "atlas/executors/executor.added" not in daemon.tree(), "its actor stayed")
        assert daemon.tree()["atlas/work/tasks"]["restarts"] == 0


def test_faulty_settings_at_sighup_change_nothing(tmp_path):
    with daemon_on(tmp_path / "home") as daemon:
        (daemon.home.root / "config.toml").write_text("[providers.x]\n")
        daemon.process.send_signal(signal.SIGHUP)
        until(lambda: "atlas" in reasons(daemon), "status does not say that they were refused")
        assert "settings were not reloaded" in reasons(daemon)["atlas"]
        assert "providers.x" in reasons(daemon)["atlas"]
        assert "settings.refused" in (daemon.home.log / "atlas.log").read_text()
        assert names(daemon) == ["localai", "codex", "haiku", "claude"]


def reasons(daemon):
    """What status says of each degraded part."""
    return {part["part"]: part["reason"] for part in daemon.call("system.status")["degraded"]}
