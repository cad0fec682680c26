"""The saver: the outline of a large file in place of all of it, once, and never of a secret."""

import subprocess

import attrs
import pytest

from atlas_actors.messages.client import ClaimOutline, HookHappened
from atlas_actors.messages.context import (
    FilesDelivered,
    PlanTiers,
    TierCosts,
    TieredFile,
    TiersPlanned,
)
from tests.support.hook_rooms import Rooms, read, shell
from tests.support.trees import WAIT_S

BODY = "".join(
    f"def function_{number}(value):\n" + "    value = value + 1  # and so on\n" * 40 + "\n"
    for number in range(30)
)


@pytest.fixture
def project(tmp_path):
    folder = tmp_path / "p"
    folder.mkdir()
    subprocess.run(["git", "init", "-q", folder], check=True)
    (folder / ".gitignore").write_text("ignored.py\n")
    for name in ("large.py", "ignored.py", "secrets.py"):
        (folder / name).write_text(BODY)
    (folder / "small.py").write_text("x = 1\n")
    return folder


@pytest.fixture
def rooms(tmp_path):
    built = Rooms(tmp_path / "home", saver=True)
    desk = built.door.hooks
    desk.settings = attrs.evolve(desk.settings, answer_s=WAIT_S)  # a child process starts
    built.answers[ClaimOutline] = lambda _: True
    return built


def hot(ask):
    (measure,) = ask.measures
    file = TieredFile(path=measure.path, tier="HOT", score=1.0, why="", tokens=1, tokens_full=1,
                      tokens_outline=1)  # fmt: skip
    costs = TierCosts(hot=0, warm=0, cold=0, planned=0)
    return TiersPlanned(project=ask.project, files=(file,), costs=costs, left_out=0, unmeasured=0)


@pytest.mark.slow
def test_a_large_file_s_outline_is_given_in_its_place(rooms, project):
    said = rooms.says(read(project / "large.py", project))
    assert said["permissionDecision"] == "deny"
    reason = said["permissionDecisionReason"]
    assert "1 def function_0(value)" in reason
    assert "offset and limit" in reason
    assert "reading the file once more gives it whole" in reason
    order = [type(message) for _, message in rooms.asked]
    assert order.index(HookHappened) < order.index(ClaimOutline)  # its turn has begun
    (claim,) = rooms.told(ClaimOutline)
    assert (claim.session, claim.path) == ("s1", str(project / "large.py"))
    ((delivery,),) = [fact.deliveries for fact in rooms.told(FilesDelivered)]
    assert (delivery.path, delivery.tier) == ("large.py", "WARM")
    assert 0 < delivery.tokens_given < delivery.tokens_full


@pytest.mark.slow
def test_a_secret_in_an_outline_is_not_given(rooms, project):
    secret = "ghp_" + "a1B2c3D4e5" * 3 + "f6G7h8"
    text = f"# Deploy with {secret}\n\n" + ("some words of it " * 20 + "\n") * 100
    (project / "large.md").write_text(text)
    reason = rooms.says(read(project / "large.md", project))["permissionDecisionReason"]
    assert "1 Deploy with " in reason
    assert secret not in reason


@pytest.mark.slow
def test_a_shell_that_prints_the_whole_file_gets_it_too_with_its_own_way_to_read_ranges(
    rooms, project
):
    said = rooms.says(shell("cat large.py", project))
    assert "1 def function_0(value)" in said["permissionDecisionReason"]
    assert "sed -n" in said["permissionDecisionReason"]


@pytest.mark.parametrize("command", ["head large.py", "cat large.py | wc -l", "pytest large.py"])
def test_other_commands_run_as_asked(rooms, project, command):
    assert rooms.prints(shell(command, project)) == b""
    assert rooms.told(ClaimOutline) == []


@pytest.mark.slow
def test_a_file_is_read_whole_the_second_time_and_when_it_is_hot(rooms, project):
    rooms.answers[ClaimOutline] = lambda _: False
    assert rooms.prints(read(project / "large.py", project)) == b""
    rooms.answers[ClaimOutline] = lambda _: True
    rooms.answers[PlanTiers] = hot
    assert rooms.prints(read(project / "large.py", project)) == b""
    assert rooms.told(FilesDelivered) == []
    assert len(rooms.told(ClaimOutline)) == 1


@pytest.mark.parametrize("name", ["small.py", "ignored.py", "secrets.py", "none.py", "../p.py"])
def test_other_files_are_read_as_asked(rooms, project, name):
    (project.parent / "p.py").write_text(BODY)
    assert rooms.prints(read(project / name, project)) == b""
    assert rooms.told(ClaimOutline) == []


def test_a_range_of_a_file_is_read_as_asked(rooms, project):
    assert rooms.prints(read(project / "large.py", project, offset=3, limit=4)) == b""
    assert rooms.told(ClaimOutline) == []


def test_without_the_setting_nothing_is_looked_at(tmp_path, project):
    rooms = Rooms(tmp_path / "home")
    rooms.answers[ClaimOutline] = lambda _: True
    assert rooms.prints(read(project / "large.py", project)) == b""
    assert rooms.told(PlanTiers) == []
