"""Starting, stopping, dying: one daemon a home, and what is left of a dead one."""

import json
import os
import select
import shutil
import signal
import socket
import subprocess
import venv

import pytest

from tests.support.daemons import RUN, Daemon, daemon_on
from tests.support.model_server import model_server
from tests.support.trees import WAIT_S

pytestmark = [pytest.mark.end_to_end, pytest.mark.slow]


def test_f15_a_second_daemon_exits_3_and_names_the_first(tmp_path):
    with daemon_on(tmp_path / "home") as daemon:
        for words in (["serve"], ["serve", "--detach"]):
            second = daemon.run(*words)
            assert second.returncode == 3
            assert f"pid {daemon.process.pid}" in second.stderr
        assert daemon.answers()


def test_f15_a_stale_pid_and_a_stale_socket_do_not_stop_a_start(tmp_path):
    daemon = Daemon(tmp_path / "home", as_typed=True).start()
    daemon.kill()
    assert daemon.home.socket().exists()
    assert daemon.home.lock.read_text() == str(daemon.process.pid)
    daemon.start()
    assert daemon.stop() == 0


def test_detach_returns_once_the_socket_answers_and_stop_ends_it(tmp_path):
    daemon = Daemon(tmp_path / "home")
    started = daemon.run("serve", "--detach")
    assert started.returncode == 0, started.stderr
    assert str(daemon.home.socket()) in started.stdout
    assert "atlas ask" in started.stdout
    assert daemon.answers()
    stopped = daemon.run("stop")
    assert (stopped.returncode, "stopped pid" in stopped.stdout) == (0, True)
    assert daemon.run("stop").returncode == 3


def test_a_wrong_setting_stops_the_start_with_its_file_and_exit_code_2(tmp_path):
    daemon = Daemon(tmp_path / "home")
    (daemon.home.root / "config.toml").write_text("[tasks]\nattempts_max = 0\n")
    for words in (["serve"], ["serve", "--detach"]):
        done = daemon.run(*words)
        assert done.returncode == 2
        assert "config.toml: tasks.attempts_max is 0, but must be" in done.stderr


def test_without_its_dependencies_run_py_says_in_one_line_what_to_do(tmp_path):
    venv.create(tmp_path / "bare", with_pip=False)
    bare = subprocess.run(
        [str(tmp_path / "bare/bin/python"), str(RUN)],
        env={"HOME": str(tmp_path), "PATH": "/usr/bin:/bin"},
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert bare.returncode == 2
    assert bare.stderr.count("\n") == 1
    assert "scripts/serve" in bare.stderr


def test_inspect_shows_a_living_tree_and_a_dead_one_and_says_which(tmp_path):
    with daemon_on(tmp_path / "home") as daemon:
        live = daemon.inspect()
        assert live.stdout.startswith("live from the daemon")
        assert "parked" in live.stdout
        assert "no model file" in live.stdout
        nodes = daemon.tree()
        assert nodes["atlas/work/tasks"]["state"] == "running"
        assert nodes["atlas/work/tasks"]["db_bytes"] > 0
        assert nodes["atlas"]["children"]
        pid = daemon.process.pid
        daemon.kill()
        dead = daemon.inspect()
        assert f"pid {pid} is gone" in dead.stdout
        assert "was running" in dead.stdout
        assert json.loads(daemon.inspect("--json").stdout)["source"] == "file"
        assert "pending" in daemon.inspect("tasks").stdout
        assert daemon.inspect("nobody").returncode == 2


def test_inspect_explains_itself_and_refuses_what_it_does_not_know(tmp_path):
    daemon = Daemon(tmp_path / "home")
    assert "usage: scripts/inspect" in daemon.inspect("--help").stdout
    assert daemon.inspect("--nonsense").returncode == 2


def test_inspect_failures_lists_them_with_their_tracebacks(tmp_path):
    daemon = Daemon(tmp_path / "home")
    assert daemon.inspect("failures").stdout == "no failures\n"
    daemon.home.state.mkdir()
    (daemon.home.state / "router.db").mkdir()  # a router that cannot open its file
    daemon.start()
    try:
        assert daemon.tree()["atlas/work/router"]["state"] == "parked"
        assert "router.db" in daemon.inspect().stdout
        failures = json.loads(daemon.inspect("failures", "--json").stdout)
        assert {"atlas/work/router"} <= {row["path"] for row in failures}
        daemon.kill()
        daemon.start()
        assert "died without stopping" in daemon.inspect("failures").stdout
    finally:
        daemon.stop()


@pytest.mark.parametrize("flags", [[], ["--detach"]])
def test_a_home_that_cannot_be_made_is_said_at_once(tmp_path, flags):
    daemon = Daemon(tmp_path / "home")
    daemon.home.state.write_text("a file where a directory should be")
    done = daemon.run("serve", *flags)
    assert "cannot be made a directory" in done.stderr
    assert "Traceback" not in done.stderr
    assert done.returncode == (1 if flags else 2)


def test_inspect_on_an_empty_home_says_so(tmp_path):
    empty = Daemon(tmp_path / "home").inspect()
    assert (empty.returncode, "no daemon answers" in empty.stderr) == (3, True)


def test_inspect_shows_what_it_reads_without_driving_the_terminal(tmp_path):
    with daemon_on(tmp_path / "home") as daemon:
        daemon.call("task.submit", prompt="\x1b[31mred\x07 and more")
        shown = daemon.inspect("tasks")
        assert "and more" in shown.stdout
        assert "\x1b" not in shown.stdout
        assert "\x07" not in shown.stdout


def test_sigusr1_writes_every_threads_stack_and_nothing_stops(tmp_path):
    with daemon_on(tmp_path / "home") as daemon:
        daemon.process.send_signal(signal.SIGUSR1)
        log = daemon.home.log / "atlas.log"
        while "daemon.stack thread=MainThread" not in log.read_text():
            daemon.call("system.ping")
        assert "Tasks-" in log.read_text()


def test_a_home_whose_path_is_too_long_for_a_socket_works(tmp_path):
    with daemon_on(tmp_path / ("x" * 80) / "home") as daemon:
        assert daemon.home.socket().parent != daemon.home.root
        assert (daemon.home.root / "socket-path").read_text().strip() == str(daemon.home.socket())
        assert daemon.inspect().stdout.startswith("live")
        daemon.stop()
    shutil.rmtree(daemon.home.socket().parent)


def test_no_prompt_and_no_answer_is_ever_logged(tmp_path):
    with model_server() as server:
        url = {"ATLAS_PROVIDERS_LOCALAI_BASE_URL": server.url}
        with daemon_on(tmp_path / "home", ATLAS_DAEMON_LOG_LEVEL="TRACE", **url) as daemon:
            id = daemon.call("task.submit", prompt="the planted secret")["id"]
            assert "planted secret" in daemon.wait(id)["result"]
            daemon.stop()
        for log in daemon.home.log.iterdir():
            assert "planted" not in log.read_text(), log


def test_f15_of_ten_daemons_started_at_once_one_runs_and_nine_name_it(tmp_path):
    daemons = [Daemon(tmp_path / "home") for _ in range(10)]
    for number, daemon in enumerate(daemons):
        daemon.stderr = tmp_path / f"stderr{number}"
        daemon.launch()
    wait_for = {daemon.process: daemon for daemon in daemons}
    while len(wait_for) > 1:
        ready, _, _ = select.select(list(wait_for), [], [], WAIT_S)
        assert ready, "more than one runs"
        for process in ready:
            del wait_for[process]
    (runs,) = wait_for.values()
    try:
        while not runs.answers():
            assert runs.process.poll() is None, runs.stderr.read_text()
        for daemon in daemons:
            if daemon is not runs:
                assert daemon.process.wait(WAIT_S) == 3
                assert f"pid {runs.process.pid}" in daemon.stderr.read_text()
        assert runs.call("system.ping")["pid"] == runs.process.pid
    finally:
        assert runs.stop() == 0


def test_f15_a_pid_file_says_nothing_about_who_runs_and_nobody_else_is_stopped(tmp_path):
    ours = str(os.getpid())  # the pid of a dead daemon that somebody else was given since
    for left in ("", "not a pid", "99999999", ours):
        daemon = Daemon(tmp_path / f"home{left}")
        daemon.home.lock.write_text(left)
        with socket.socket(socket.AF_UNIX) as stale:
            stale.bind(str(daemon.home.socket()))
        if left == ours:
            stopped = daemon.run("stop")
            assert (stopped.returncode, "no Atlas daemon runs" in stopped.stderr) == (3, True)
        daemon.start()
        try:
            assert daemon.home.lock.read_text() == str(daemon.process.pid)
            assert daemon.call("system.ping")["pid"] == daemon.process.pid
        finally:
            assert daemon.stop() == 0
        assert daemon.home.lock.read_text() == ""
