"""Which project a directory belongs to."""

import subprocess

from atlas_actors.projects import project_of


def git(folder, *words):
    identity = ("-c", "user.name=a", "-c", "user.email=a@b")
    subprocess.run(["git", *identity, *words], cwd=folder, check=True, capture_output=True)


def test_a_directory_of_a_repository_is_of_its_top(tmp_path):
    (tmp_path / "top" / ".git").mkdir(parents=True)
    (tmp_path / "top" / "a" / "b").mkdir(parents=True)
    assert project_of(tmp_path / "top" / "a" / "b") == str(tmp_path / "top")


def test_outside_of_git_a_directory_is_its_own_project(tmp_path):
    assert project_of(tmp_path) == str(tmp_path)


def test_a_link_to_a_project_is_that_project(tmp_path):
    (tmp_path / "top" / ".git").mkdir(parents=True)
    (tmp_path / "link").symlink_to(tmp_path / "top")
    assert project_of(tmp_path / "link") == str(tmp_path / "top")


def test_a_worktree_is_of_the_project_of_its_repository(tmp_path):
    main, tree = tmp_path / "main", tmp_path / "tree"
    main.mkdir()
    git(main, "init", "-q")
    git(main, "commit", "-q", "--allow-empty", "-m", "x")
    git(main, "worktree", "add", "-q", str(tree), "-b", "other")
    (tree / "deep").mkdir()
    assert project_of(tree / "deep") == str(main)


def test_a_submodule_is_a_project_of_its_own(tmp_path):
    inner = tmp_path / "top" / "inner"
    inner.mkdir(parents=True)
    (inner / ".git").write_text("gitdir: ../.git/modules/inner\n")
    assert project_of(inner) == str(inner)


def test_a_directory_that_is_not_there_is_of_the_project_around_it(tmp_path):
    (tmp_path / ".git").mkdir()
    assert project_of(tmp_path / "gone" / "deep") == str(tmp_path)
