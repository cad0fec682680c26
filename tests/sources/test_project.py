"""Nothing outside a project is opened, and nothing in it but regular files."""

import os

import pytest

from atlas_actors.sources.project import (
    NotReadableError,
    name_in,
    read,
    root_of,
    size_and_time,
)


@pytest.fixture
def root(tmp_path):
    top = tmp_path / "project"
    (top / "sub").mkdir(parents=True)
    (top / ".git").mkdir()
    (top / "sub" / "a.py").write_text("a = 1\n")
    (tmp_path / "outside.py").write_text("SECRET = 1\n")
    return top


def why_not(root, name, bytes_max=1_000):
    with pytest.raises(NotReadableError) as caught:
        read(root, name, bytes_max)
    return str(caught.value)


def test_a_project_begins_where_its_git_is_or_where_one_stands(root, tmp_path):
    assert root_of(root / "sub") == root
    assert root_of(tmp_path) == tmp_path.resolve()


def test_a_worktree_whose_git_is_a_file_is_a_project(tmp_path):
    (tmp_path / ".git").write_text("gitdir: elsewhere\n")
    (tmp_path / "a").mkdir()
    assert root_of(tmp_path / "a") == tmp_path


def test_a_file_has_one_name_however_it_is_called(root):
    for path in ("a.py", "./a.py", "../sub/a.py", str(root / "sub" / "a.py")):
        assert name_in(root, path, root / "sub") == "sub/a.py"


def test_a_link_inside_is_the_file_that_it_leads_to(root):
    (root / "link.py").symlink_to("sub/a.py")
    assert name_in(root, "link.py", root) == "sub/a.py"


@pytest.mark.parametrize("path", ["../outside.py", "/etc/passwd", "a\0b", "..", ".", "\udcff"])
def test_paths_outside_have_no_name(root, path):
    assert name_in(root, path, root) is None


def test_links_that_lead_out_have_no_name_and_are_not_read(root, tmp_path):
    (root / "file.py").symlink_to(tmp_path / "outside.py")
    (root / "folder").symlink_to(tmp_path)
    assert name_in(root, "file.py", root) is None
    assert name_in(root, "folder/outside.py", root) is None
    assert why_not(root, "file.py") == "refused"
    assert why_not(root, "folder/outside.py") == "refused"
    assert size_and_time(root, "file.py") is None


@pytest.mark.parametrize("name", ["../outside.py", "/etc/passwd", "a/../../outside.py", "", "."])
def test_a_name_that_would_lead_out_is_refused(root, name):
    assert why_not(root, name) == "refused"


def test_only_regular_text_files_of_a_size_are_read(root):
    (root / "big").write_text("x" * 1_001)
    (root / "zero").write_bytes(b"a\0b")
    os.mkfifo(root / "pipe")
    assert why_not(root, "big") == "huge"
    assert why_not(root, "zero") == "binary"
    assert why_not(root, "pipe") == "refused"
    assert why_not(root, "sub") == "refused"
    assert why_not(root, "gone") == "missing"
    data, about = read(root, "sub/a.py", 1_000)
    assert (data, about.st_size) == (b"a = 1\n", 6)


def test_a_file_of_ten_million_bytes_is_not_read(root):
    with (root / "huge.py").open("wb") as file:
        file.truncate(10_000_000)
    assert why_not(root, "huge.py", 1_000_000) == "huge"
