"""Where a model may send work to: where its client works, and nowhere else."""

import pytest

from atlas_actors.cli.mcp_places import directory_of, places
from atlas_actors.errors import UsageError


@pytest.fixture
def project(tmp_path):
    (tmp_path / "project" / "src").mkdir(parents=True)
    (tmp_path / "other").mkdir()
    return tmp_path / "project"


def test_the_roots_that_a_client_names_are_its_places(project, tmp_path):
    roots = [f"file://{project}", f"file://localhost{project}/src", "https://x/y", "file://host/x"]
    assert places(roots, tmp_path / "other", tmp_path) == (project, project / "src")


def test_without_roots_it_is_where_the_server_was_started(project, tmp_path):
    assert places([], project, tmp_path) == (project,)
    assert places(["file:relative", "file://%00"], project, tmp_path) == (project,)


def test_a_root_is_read_as_an_address(project, tmp_path):
    (tmp_path / "a b").mkdir()
    assert places([f"file://{tmp_path}/a%20b"], project, tmp_path) == (tmp_path / "a b",)


def test_a_home_directory_and_the_whole_disk_are_no_places(project, tmp_path):
    assert places([], tmp_path, tmp_path) == ()
    assert places(["file:///", f"file://{tmp_path}/project/.."], project, tmp_path) == ()


@pytest.mark.parametrize("given", [".", "src", "src/../src", "./src/"])
def test_work_may_be_sent_to_a_place_and_below(project, given):
    assert directory_of(given, (project,)).startswith(str(project))


@pytest.mark.parametrize(
    "given", ["/etc", "..", "../other", "src/../../other", "/", "link", "~", "nowhere", "a\0b"]
)
def test_work_may_not_be_sent_anywhere_else(project, tmp_path, given):
    (project / "link").symlink_to(tmp_path / "other")
    with pytest.raises(UsageError):
        directory_of(given, (project,))


def test_a_client_without_places_can_send_work_nowhere(project):
    with pytest.raises(UsageError, match="leave `directory` out"):
        directory_of(str(project), ())
