"""The files that are read of a project: tracked, inside it, small, text; nothing else is opened."""

import os
import socket
import subprocess

import pytest

from atlas_actors.cycle import files
from atlas_actors.cycle.files import read_text, texts_of
from atlas_actors.errors import UsageError


def texts(project, files_max=100, file_bytes_max=1_000):
    return dict(texts_of(project, files_max=files_max, file_bytes_max=file_bytes_max))


def git(project, *words):
    subprocess.run(
        ["git", "-C", str(project), "-c", "user.name=n", "-c", "user.email=e", *words],
        check=True, capture_output=True,
        env={**os.environ, "GIT_CONFIG_GLOBAL": "/dev/null", "GIT_CONFIG_NOSYSTEM": "1"},
    )  # fmt: skip


@pytest.fixture
def repository(tmp_path):
    project = tmp_path / "project"
    project.mkdir()
    git(project, "init", "-q")
    return project


@pytest.mark.slow
def test_in_a_repository_it_is_what_git_tracks(repository):
    (repository / "sub").mkdir()
    for name in ("a.py", "sub/b.py", "build.log", "strange\nname é.py"):
        (repository / name).write_text(name)
    git(repository, "add", "a.py", "sub", "strange\nname é.py")
    assert set(texts(repository)) == {"a.py", "sub/b.py", "strange\nname é.py"}
    assert set(texts(repository / "sub")) == {"b.py"}


@pytest.mark.slow
def test_what_a_link_leads_to_is_not_of_the_project(repository, tmp_path):
    (tmp_path / "outside").mkdir()
    (tmp_path / "outside" / "secret.py").write_text("secret")
    (repository / "folder").mkdir()
    (repository / "folder" / "secret.py").write_text("mine")
    (repository / "link.py").symlink_to(tmp_path / "outside" / "secret.py")
    (repository / "loop.py").symlink_to("loop.py")
    git(repository, "add", ".")
    assert texts(repository) == {"folder/secret.py": "mine"}
    (repository / "folder" / "secret.py").unlink()
    (repository / "folder").rmdir()
    (repository / "folder").symlink_to(tmp_path / "outside")
    assert texts(repository) == {}


def test_outside_git_it_is_what_is_there_without_hidden_and_made_things(tmp_path, monkeypatch):
    monkeypatch.setattr(files, "find", lambda _: None)
    for name in ("a.py", "sub/b.py", ".hidden/c.py", "node_modules/d.js", ".e.py"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(name)
    (tmp_path / "sub" / "up").symlink_to(tmp_path)
    assert set(texts(tmp_path)) == {"a.py", "sub/b.py"}


def test_no_more_files_are_read_than_the_limit_says(tmp_path, monkeypatch):
    monkeypatch.setattr(files, "find", lambda _: None)
    for n in range(10):
        (tmp_path / f"{n}.py").write_text("x")
    assert len(texts(tmp_path, files_max=4)) == 4


def test_all_files_together_have_a_limit(tmp_path, monkeypatch):
    monkeypatch.setattr(files, "find", lambda _: None)
    monkeypatch.setattr(files, "BYTES_MAX", 25)
    for n in range(5):
        (tmp_path / f"{n}.py").write_text("x" * 10)
    assert set(texts(tmp_path)) == {"0.py", "1.py"}


def test_a_huge_sparse_file_is_not_read(tmp_path):
    with (tmp_path / "big.py").open("wb") as file:
        file.write(b"# TODO\n")
        file.truncate(100_000_000)
    assert read_text(tmp_path / "big.py", 1_000_000) is None


def test_pipes_sockets_devices_and_directories_are_never_opened(tmp_path, monkeypatch):
    os.mkfifo(tmp_path / "pipe.py")
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(tmp_path / "s.py"))
        (tmp_path / "text.py").write_text("x")
        opened = []
        real = os.open
        monkeypatch.setattr(
            os, "open", lambda path, *rest: opened.append(path) or real(path, *rest)
        )
        for strange in (tmp_path / "pipe.py", tmp_path / "s.py", tmp_path, os.devnull):
            assert read_text(type(tmp_path)(strange), 1_000) is None
        assert opened == []
        assert read_text(tmp_path / "text.py", 1_000) == "x"
        assert opened == [tmp_path / "text.py"]


def test_a_pipe_that_takes_the_place_of_a_file_is_not_waited_for(tmp_path, monkeypatch):
    (tmp_path / "text.py").write_text("x")
    os.mkfifo(tmp_path / "pipe.py")
    before = os.lstat(tmp_path / "text.py")
    monkeypatch.setattr(type(tmp_path), "lstat", lambda _: before)
    assert read_text(tmp_path / "pipe.py", 1_000) is None


@pytest.mark.parametrize("data", [b"\0binary", b"x" * 1_001])
def test_what_is_no_text_or_too_long_is_not_read(tmp_path, data):
    (tmp_path / "f").write_bytes(data)
    assert read_text(tmp_path / "f", 1_000) is None


def test_text_of_another_encoding_is_read_as_well_as_can_be(tmp_path):
    (tmp_path / "f").write_bytes(b"caf\xe9")
    assert read_text(tmp_path / "f", 1_000) == "caf\N{REPLACEMENT CHARACTER}"


@pytest.mark.parametrize("name", ["missing", "file", "loop"])
def test_a_project_that_is_no_directory_is_named(tmp_path, name):
    (tmp_path / "file").write_text("x")
    (tmp_path / "loop").symlink_to("loop")
    with pytest.raises(UsageError, match=f"{name} is no directory"):
        texts(tmp_path / name)
