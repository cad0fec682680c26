"""Who calls: read from /proc as it is written by the kernel, here by the test."""

import os
import subprocess
import sys

import pytest

from atlas_actors.gateway.caller import Caller, origin_of, runs_inside, under_executor

DAEMON = 900


class Processes:
    """A /proc of the test's own."""

    def __init__(self, folder):
        self.folder = folder

    def add(self, pid, parent, name="bash", words=(), environment="HOME=/h", exe=""):
        folder = self.folder / str(pid)
        folder.mkdir()
        (folder / "stat").write_text(f"{pid} ({name}) x) S {parent} 1 1 0")
        (folder / "comm").write_text(f"{name}\n")
        (folder / "cmdline").write_text("\0".join(words or (name,)) + "\0")
        (folder / "environ").write_text(environment.replace(" ", "\0"))
        if exe:
            (folder / "exe").symlink_to(exe)

    def inside(self, pid):
        return runs_inside(pid, DAEMON, self.folder)


@pytest.fixture
def processes(tmp_path):
    found = Processes(tmp_path)
    found.add(1, 0, "init")
    found.add(10, 1)
    return found


def test_a_command_in_a_shell_is_a_persons(processes):
    processes.add(11, 10, "atlas")
    assert processes.inside(11) is False


@pytest.mark.parametrize(
    "marker", ["CLAUDECODE=1", "ATLAS_EXECUTOR=/x", "CODEX_SANDBOX=seatbelt", "GEMINI_CLI=1"]
)
def test_what_an_agent_puts_into_the_environment_gives_it_away(processes, marker):
    processes.add(11, 10, "atlas", environment=f"HOME=/h {marker} PATH=/bin")
    assert processes.inside(11) is True


@pytest.mark.parametrize("name", ["CODEX_HOME=/h/.codex", "CLAUDE_CONFIG_DIR=/h", "X=CLAUDECODE=1"])
def test_what_people_set_themselves_is_no_sign_of_an_agent(processes, name):
    processes.add(11, 10, "atlas", environment=f"HOME=/h {name}")
    assert processes.inside(11) is False


@pytest.mark.parametrize(
    "agent",
    [
        {"name": "claude"},
        {"name": "node", "words": ("node", "/usr/lib/node_modules/.bin/codex")},
        {"name": "node", "words": ("/usr/bin/node", "/opt/codex.js", "exec")},
        {"name": "MainThread", "exe": "/opt/claude-code-linux-x64/claude"},
    ],
)
def test_whoever_an_agent_has_started_is_inside_though_it_cleaned_its_environment(processes, agent):
    processes.add(20, 10, **agent)
    processes.add(21, 20, "bash")
    processes.add(22, 21, "atlas", environment="")
    assert processes.inside(22) is True


@pytest.mark.parametrize("words", [("vim", "claude"), ("less", "/x/codex"), ("cat", "claude.md")])
def test_a_file_that_is_called_like_an_agent_is_none(processes, words):
    processes.add(20, 10, words[0], words=words)
    processes.add(21, 20, "atlas")
    assert processes.inside(21) is False


def test_what_the_daemon_itself_runs_is_inside(processes):
    processes.add(DAEMON, 1, "python")
    processes.add(901, DAEMON, "sh")
    assert processes.inside(901) is True


def test_a_process_that_is_gone_cannot_be_seen(processes):
    assert processes.inside(77) is None


def test_parents_in_a_circle_come_to_an_end(processes):
    processes.add(30, 31)
    processes.add(31, 30)
    assert processes.inside(30) is False


@pytest.mark.parametrize(
    ("inside", "own_words", "origin"),
    [
        (False, True, "person"),
        (False, False, "program"),
        (True, True, "agent"),
        (True, False, "agent"),
        (None, True, "program"),
        (None, False, "program"),
    ],
)
def test_what_cannot_be_seen_is_trusted_less(inside, own_words, origin):
    assert origin_of(inside, own_words=own_words) == origin


def test_without_a_pid_nothing_can_be_seen():
    assert Caller(uid=os.getuid()).inside is None


@pytest.mark.skipif(sys.platform != "linux", reason="reads the real /proc")
def test_a_real_child_with_a_marker_is_inside():
    with subprocess.Popen(
        ["cat"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, env={"CLAUDECODE": "1"}
    ) as child:
        child.stdin.write(b"begun\n")
        child.stdin.flush()
        child.stdout.readline()  # it runs: before, the kernel may not have its environment in place
        assert runs_inside(child.pid, -1) is True
        child.stdin.close()


def test_a_run_of_our_own_is_known_by_the_marker_of_whoever_is_above(processes):
    processes.add(11, 10, "claude", environment="HOME=/h ATLAS_EXECUTOR=1")
    processes.add(12, 11, "codex", environment="HOME=/h")
    assert under_executor(12, processes.folder)
    assert under_executor(11, processes.folder)


def test_what_runs_in_an_agent_of_a_persons_is_no_run_of_our_own(processes):
    processes.add(11, 10, "claude", environment="HOME=/h CLAUDECODE=1 X=ATLAS_EXECUTOR=1")
    assert not under_executor(11, processes.folder)
    assert not under_executor(99, processes.folder)
