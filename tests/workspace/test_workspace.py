"""A task works in a directory of its own; only apply touches the person's."""

import hashlib
import os
import shutil
import subprocess
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import attrs
import pytest

from atlas_actors.errors import Conflict, NotFound, Unavailable, UsageError
from atlas_actors.workspace import files, git, workspace
from atlas_actors.workspace.workspace import (
    apply,
    check_own,
    collect,
    diff,
    discard,
    is_left,
    prepare,
    summary,
)

HOSTILE_NAMES = [
    "with space.txt",
    "new\nline.txt",
    "\"quoted\" 'name'.txt",
    "ünïcödé-日本.txt",
    "-leading-dash",
    "--exec=touch",
    "back\\slash",
    "tab\there",
    ":(top)magic",
    os.fsdecode(b"latin-\xe9"),
]


def call(directory, *words, stdin=b""):
    """The person's or the agent's own git."""
    environment = {"PATH": os.environ["PATH"], "HOME": str(directory), "LANG": "C.UTF-8"}
    identity = ["-c", "user.name=P", "-c", "user.email=p@localhost"]
    permitted = ["-c", "protocol.file.allow=always", "-c", "init.defaultBranch=main"]
    done = subprocess.run(
        ["git", *identity, *permitted, *words], cwd=directory, env=environment, input=stdin,
        capture_output=True, check=True, timeout=60,
    )  # fmt: skip
    return done.stdout.decode("utf-8", "surrogateescape").strip()


def start(directory):
    """A repository with one commit."""
    directory.mkdir(parents=True, exist_ok=True)
    call(directory, "init", "-q", "--template=")
    (directory / "a.txt").write_text("one\ntwo\nthree\nfour\nfive\nsix\nseven\neight\n")
    (directory / "sub").mkdir()
    (directory / "sub" / "b.txt").write_text("b\n")
    (directory / ".gitignore").write_text("ignored*\n")
    call(directory, "add", "-A")
    call(directory, "commit", "-qm", "first")
    return directory


@pytest.fixture(scope="session")
def template(tmp_path_factory):
    return start(tmp_path_factory.mktemp("template"))


@pytest.fixture
def repository(tmp_path, template):
    return shutil.copytree(template, tmp_path / "repository")


@pytest.fixture
def plain(tmp_path):
    """A directory outside git."""
    made = tmp_path / "plain"
    (made / "sub").mkdir(parents=True)
    (made / "a.txt").write_text("one\ntwo\nthree\nfour\nfive\nsix\nseven\neight\n")
    (made / "sub" / "b.txt").write_text("b\n")
    return made


@pytest.fixture
def folder(tmp_path):
    return tmp_path / "atlas" / "workspaces"


@pytest.fixture
def work(folder, repository):
    return prepare(folder, "t1", str(repository), in_place=False)


@pytest.fixture(params=["worktree", "copy"])
def either(request, folder):
    """A workspace of both kinds that hold files of their own."""
    source = request.getfixturevalue("repository" if request.param == "worktree" else "plain")
    made = prepare(folder, "t1", str(source), in_place=False)
    assert made.kind == request.param
    return made


def state_of(repository):
    """What must stay: status, HEAD, branch, stash and index of the person's checkout."""
    index = Path(call(repository, "rev-parse", "--absolute-git-dir")) / "index"
    digest = hashlib.sha256(index.read_bytes()).hexdigest() if index.exists() else None
    seen = [
        call(repository, "--no-optional-locks", "status", "--porcelain", "--ignored", "-z"),
        call(repository, "symbolic-ref", "HEAD"),
        call(repository, "stash", "list"),
        call(repository, "for-each-ref", "refs/heads/main"),
    ]
    return digest, seen


def tree(directory):
    """Every file and symlink below, with content and executable bit."""
    found = {}
    for path in sorted(Path(directory).rglob("*")):
        if ".git" in path.relative_to(directory).parts or (path.is_dir() and not path.is_symlink()):
            continue
        link = path.is_symlink()
        content = path.readlink() if link else (path.read_bytes(), path.stat().st_mode & 0o100)
        found[str(path.relative_to(directory))] = content
    return found


def edit(made, name, content):
    path = Path(made.root, name)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return path


# Prepare


def test_a_repository_gives_a_worktree_on_a_branch_of_the_task(work, folder, repository):
    assert (work.kind, work.root, work.branch) == ("worktree", str(folder / "t1"), "atlas/t1")
    assert call(work.root, "branch", "--show-current") == "atlas/t1"
    assert work.base == call(repository, "rev-parse", "HEAD")
    assert tree(work.root) == tree(repository)
    assert folder.stat().st_mode & 0o777 == 0o700


def test_a_subdirectory_is_worked_in_at_the_same_place(folder, repository):
    made = prepare(folder, "t1", str(repository / "sub"), in_place=False)
    assert (made.source, made.cwd) == (str(repository), str(folder / "t1" / "sub"))


def test_work_that_the_person_has_not_committed_is_there_and_not_in_the_diff(folder, repository):
    (repository / "a.txt").write_text("changed\n")
    (repository / "sub" / "b.txt").unlink()
    (repository / "staged").write_text("staged\n")
    call(repository, "add", "staged")
    (repository / "staged").write_text("staged, then changed\n")
    (repository / "untracked").write_bytes(b"\0binary")
    before = state_of(repository)
    made = prepare(folder, "t1", str(repository), in_place=False)
    assert tree(made.root) == tree(repository)
    assert summary(collect(made)) == "nothing changed"
    assert state_of(repository) == before


def test_ignored_files_stay_out_of_a_worktree(folder, repository):
    (repository / "ignored.log").write_text("x")
    made = prepare(folder, "t1", str(repository), in_place=False)
    assert not Path(made.root, "ignored.log").exists()


def test_an_unfinished_merge_of_the_persons_is_no_obstacle(folder, repository):
    call(repository, "switch", "-qc", "other")
    (repository / "a.txt").write_text("theirs\n")
    call(repository, "commit", "-qam", "theirs")
    call(repository, "switch", "-q", "main")
    (repository / "a.txt").write_text("ours\n")
    call(repository, "commit", "-qam", "ours")
    with pytest.raises(subprocess.CalledProcessError):
        call(repository, "merge", "other")
    before = state_of(repository)
    made = prepare(folder, "t1", str(repository), in_place=False)
    assert tree(made.root) == tree(repository)
    assert state_of(repository) == before


@pytest.mark.slow
def test_the_persons_checkout_is_as_it_was_after_all_but_apply(folder, repository):
    (repository / "a.txt").write_text("unsaved\n")
    (repository / "new").write_text("new\n")
    before, content = state_of(repository), tree(repository)
    made = prepare(folder, "t1", str(repository), in_place=False)
    edit(made, "a.txt", "by the task\n")
    done = collect(made)
    assert diff(done)
    discard(done)
    assert (state_of(repository), tree(repository)) == (before, content)
    assert call(repository, "for-each-ref", "--format=%(refname)") == "refs/heads/main"
    assert len(call(repository, "worktree", "list").splitlines()) == 1


@pytest.mark.slow
def test_a_linked_worktree_of_the_persons_can_be_the_source(folder, repository, tmp_path):
    linked = tmp_path / "linked"
    call(repository, "worktree", "add", "-qb", "feature", str(linked))
    (linked / "a.txt").write_text("in the linked one\n")
    made = prepare(folder, "t1", str(linked / "sub"), in_place=False)
    assert (made.source, tree(made.root)) == (str(linked), tree(linked))
    edit(made, "sub/b.txt", "changed\n")
    apply(collect(made))
    assert (linked / "sub" / "b.txt").read_text() == "changed\n"


@pytest.mark.slow
def test_a_checkout_of_a_bare_repository_can_be_the_source(folder, repository, tmp_path):
    call(tmp_path, "clone", "-q", "--bare", str(repository), "bare.git")
    call(tmp_path / "bare.git", "worktree", "add", "-qb", "feature", str(tmp_path / "linked"))
    made = prepare(folder, "t1", str(tmp_path / "linked"), in_place=False)
    edit(made, "a.txt", "changed\n")
    apply(collect(made))
    assert (tmp_path / "linked" / "a.txt").read_text() == "changed\n"


def test_a_bare_repository_is_refused(folder, tmp_path):
    call(tmp_path, "init", "-q", "--bare", "bare.git")
    with pytest.raises(UsageError, match="bare") as caught:
        prepare(folder, "t1", str(tmp_path / "bare.git"), in_place=False)
    assert caught.value.cure


def test_a_repository_without_a_commit_is_copied(folder, tmp_path):
    call(tmp_path, "init", "-q", "unborn")
    (tmp_path / "unborn" / "a.txt").write_text("a\n")
    made = prepare(folder, "t1", str(tmp_path / "unborn"), in_place=False)
    assert made.kind == "copy"
    edit(made, "a.txt", "b\n")
    apply(collect(made))
    assert (tmp_path / "unborn" / "a.txt").read_text() == "b\n"


def test_a_directory_that_the_repository_around_it_ignores_is_copied(folder, repository):
    (repository / "ignored").mkdir()
    (repository / "ignored" / "mine.txt").write_text("mine\n")
    made = prepare(folder, "t1", str(repository / "ignored"), in_place=False)
    assert (made.kind, tree(made.root)) == ("copy", tree(repository / "ignored"))
    edit(made, "mine.txt", "changed\n")
    apply(collect(made))
    assert (repository / "ignored" / "mine.txt").read_text() == "changed\n"


def test_a_folder_of_workspaces_inside_the_source_is_left_out(repository, plain):
    for source in (repository, plain):
        inner = source / "atlas"
        for number, other in enumerate([repository, plain]):
            prepare(inner, f"{source.name}{number}", str(other), in_place=False)
        made = prepare(inner, "t2", str(source), in_place=False)
        assert not Path(made.root, "atlas").exists()


def test_in_place_nothing_is_made(folder, plain):
    made = prepare(folder, "t1", str(plain), in_place=True)
    assert (made.kind, made.root, made.cwd) == ("in_place", str(plain), str(plain))
    assert not folder.exists()
    assert collect(made) == made
    assert diff(made) == ""
    for act in (apply, discard):
        with pytest.raises(Conflict, match="directory itself"):
            act(made)


@pytest.mark.parametrize("in_place", [True, False])
def test_a_directory_that_does_not_exist_is_refused(folder, tmp_path, in_place):
    with pytest.raises(UsageError, match="not a directory"):
        prepare(folder, "t1", str(tmp_path / "nowhere"), in_place=in_place)


@pytest.mark.parametrize("task_id", ["", "..", "a/b", "-x", "a b", ".git", "x.lock", "a\n"])
def test_a_task_whose_id_is_no_name_is_refused(folder, repository, task_id):
    with pytest.raises(UsageError, match="cannot name"):
        prepare(folder, task_id, str(repository), in_place=False)


def test_without_git_the_error_says_so(folder, repository, monkeypatch, tmp_path):
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(Unavailable, match="git is not installed") as caught:
        prepare(folder, "t1", str(repository), in_place=False)
    assert "--in-place" in caught.value.cure


def test_a_copy_has_ignored_files_and_symlinks_but_no_repositories_or_pipes(folder, plain):
    (plain / ".gitignore").write_text("*.log\n")
    (plain / "x.log").write_text("log\n")
    (plain / "link").symlink_to("/etc")
    start(plain / "nested")
    expected = tree(plain)
    os.mkfifo(plain / "pipe")
    made = prepare(folder, "t1", str(plain), in_place=False)
    assert tree(made.root) == expected
    assert not Path(made.root, "nested", ".git").exists()
    edit(made, "x.log", "more\n")
    edit(made, "nested/a.txt", "changed\n")
    assert collect(made).files == 2


@pytest.mark.parametrize("limit", ["FILES_MAX", "BYTES_MAX"])
def test_a_directory_too_large_to_copy_is_refused_with_a_cure(folder, plain, monkeypatch, limit):
    monkeypatch.setattr(files, limit, 2)
    with pytest.raises(UsageError, match="more than") as caught:
        prepare(folder, "t1", str(plain), in_place=False)
    assert "--in-place" in caught.value.cure
    assert not (folder / "t1").exists()


@pytest.mark.parametrize("limit", ["FILES_MAX", "BYTES_MAX"])
def test_too_many_untracked_files_are_refused_with_a_cure(folder, repository, monkeypatch, limit):
    for name in ("x", "y", "z"):
        (repository / name).write_text("x")
    monkeypatch.setattr(files, limit, 2)
    with pytest.raises(UsageError, match="more than") as caught:
        prepare(folder, "t1", str(repository), in_place=False)
    assert ".gitignore" in caught.value.cure


def test_no_hook_or_program_of_the_repository_runs(folder, repository, tmp_path, monkeypatch):
    ran = tmp_path / "ran"
    program = tmp_path / "program"
    program.write_text(f"#!/bin/sh\necho $0 >> {ran}\nexit 1\n")
    program.chmod(0o755)
    hooks = repository / ".git" / "hooks"
    hooks.mkdir()
    (repository / ".git" / "info").mkdir()
    for hook in ("post-checkout", "pre-commit", "post-index-change", "reference-transaction"):
        shutil.copy(program, hooks / hook)
    for key in ("core.fsmonitor", "diff.external", "diff.x.command", "diff.x.textconv"):
        call(repository, "config", key, str(program))
    (repository / ".git" / "info" / "attributes").write_text("* diff=x\n")
    monkeypatch.setenv("GIT_EXTERNAL_DIFF", str(program))
    made = prepare(folder, "t1", str(repository), in_place=False)
    edit(made, "a.txt", "changed\n")
    done = collect(made)
    assert "+changed" in diff(done)
    apply(done)
    assert not ran.exists()


def test_git_variables_of_the_caller_lead_nowhere(folder, repository, tmp_path, monkeypatch):
    other = start(tmp_path / "other")
    before = state_of(other)
    monkeypatch.setenv("GIT_DIR", str(other / ".git"))
    monkeypatch.setenv("GIT_INDEX_FILE", str(other / ".git" / "index"))
    made = prepare(folder, "t1", str(repository), in_place=False)
    collect(made)
    assert made.source == str(repository)
    assert state_of(other) == before


@pytest.mark.slow
def test_eight_tasks_of_one_repository_are_prepared_at_once(folder, repository):
    (repository / "a.txt").write_text("unsaved\n")
    before = state_of(repository)
    ready = threading.Barrier(8)

    def run(number):
        ready.wait(10)
        made = prepare(folder, f"t{number}", str(repository), in_place=False)
        edit(made, f"new-{number}", "x\n")
        done = collect(made)
        if number % 2:
            discard(done)
        return done

    with ThreadPoolExecutor(8) as threads:
        done = list(threads.map(run, range(8)))
    assert [made.files for made in done] == [1] * 8
    assert state_of(repository) == before
    assert len(call(repository, "branch", "--list", "atlas/*").splitlines()) == 4


# Another attempt


def test_another_attempt_finds_the_directory_at_its_base(either):
    before = tree(either.root)
    edit(either, "a.txt", "half done\n")
    edit(either, "left/over.txt", "x")
    edit(either, "ignored.log", "x")
    Path(either.root, "sub", "b.txt").unlink()
    again = prepare(Path(either.root).parent, "t1", either.source, in_place=False)
    assert (again, tree(again.root)) == (either, before)


def test_another_attempt_starts_where_the_first_did_though_the_person_went_on(either):
    before = tree(either.root)
    Path(either.source, "a.txt").write_text("meanwhile\n")
    collect(either)
    again = prepare(Path(either.root).parent, "t1", either.source, in_place=False)
    assert (again, tree(again.root)) == (either, before)


def test_after_a_discard_the_same_task_starts_from_the_present(either):
    discard(either)
    Path(either.source, "a.txt").write_text("meanwhile\n")
    again = prepare(Path(either.root).parent, "t1", either.source, in_place=False)
    assert tree(again.root) == tree(either.source)


def prepared_again(made):
    """As an attempt gets it that goes on with an interrupted one; and whether it was there."""
    folder = Path(made.root).parent
    left = is_left(folder, "t1", made.source)
    return prepare(folder, "t1", made.source, in_place=False, keep=True), left


def test_an_attempt_that_goes_on_finds_the_directory_as_it_was_left(either):
    edit(either, "a.txt", "half done\n")
    edit(either, "left/over.txt", "x")
    edit(either, "ignored.log", "x")
    left = tree(either.root)
    again, was_left = prepared_again(either)
    assert (again, tree(again.root), was_left) == (either, left, True)
    done = collect(again)
    assert done.files >= 2
    assert "half done" in diff(done)


def test_an_attempt_that_goes_on_after_a_result_was_collected_adds_to_it(either):
    edit(either, "a.txt", "first\n")
    collect(either)
    again, _ = prepared_again(either)
    edit(again, "b.txt", "second\n")
    shown = diff(collect(again))
    assert "+first" in shown
    assert "+second" in shown


def test_nothing_is_left_before_the_first_attempt(folder, repository, plain):
    assert not is_left(folder, "t1", str(repository))
    assert not is_left(folder, "t1", str(plain))
    made = prepare(folder, "t1", str(repository), in_place=False, keep=True)
    assert tree(made.root) == tree(repository)


def test_what_was_discarded_is_not_left(either):
    discard(either)
    Path(either.source, "a.txt").write_text("meanwhile\n")
    again, was_left = prepared_again(either)
    assert not was_left
    assert tree(again.root) == tree(either.source)


def test_a_lock_of_a_git_that_was_killed_is_no_obstacle_to_go_on(work, folder):
    private = Path(call(work.root, "rev-parse", "--absolute-git-dir"))
    (private / "index.lock").touch()
    again, was_left = prepared_again(work)
    assert was_left
    edit(again, "a.txt", "x\n")
    call(again.root, "add", "-A")


def test_a_copy_that_was_cut_while_it_was_made_anew_is_not_gone_on_with(folder, plain, monkeypatch):
    made = prepare(folder, "t1", str(plain), in_place=False)
    run = git.Git.run

    def cut(self, *words, stdin=b""):
        if words[0] == "checkout-index":
            raise git.GitFailed(words, "killed")
        return run(self, *words, stdin=stdin)

    with monkeypatch.context() as patched:
        patched.setattr(git.Git, "run", cut)
        with pytest.raises(git.GitFailed):
            prepare(folder, "t1", str(plain), in_place=False)
    again, was_left = prepared_again(made)
    assert not was_left
    assert tree(again.root) == tree(plain)


def test_a_worktree_that_was_cut_while_it_was_made_is_not_gone_on_with(work, folder, repository):
    private = Path(call(work.root, "rev-parse", "--absolute-git-dir"))
    (private / "locked").write_text("initializing\n")
    Path(work.root, "a.txt").unlink()
    again, was_left = prepared_again(work)
    assert not was_left
    assert tree(again.root) == tree(repository)


def leave_only_the_branch(made):
    shutil.rmtree(made.root)


def leave_a_directory_that_is_no_worktree(made):
    shutil.rmtree(made.root)
    edit(made, "stray", "x")


def leave_a_file(made):
    shutil.rmtree(made.root)
    Path(made.root).write_text("x")


def leave_a_symlink(made):
    shutil.rmtree(made.root)
    Path(made.root).symlink_to(made.source)


def leave_nothing_in_the_repository(made):
    call(made.source, "worktree", "remove", "--force", made.root)
    call(made.source, "branch", "-D", made.branch)


def leave_a_lock(made):
    private = Path(call(made.root, "rev-parse", "--absolute-git-dir"))
    (private / "index.lock").touch()
    call(made.source, "worktree", "lock", made.root)
    Path(made.source, ".git", "refs", "heads", "atlas", "t1.lock").touch()


@pytest.mark.parametrize(
    "leave",
    [
        leave_only_the_branch,
        leave_a_directory_that_is_no_worktree,
        leave_a_file,
        leave_a_symlink,
        leave_nothing_in_the_repository,
        leave_a_lock,
    ],
)
def test_what_a_crash_left_of_a_worktree_is_repaired(work, folder, repository, leave):
    leave(work)
    assert prepare(folder, "t1", str(repository), in_place=False) == work
    assert tree(work.root) == tree(repository)
    assert call(work.root, "status", "--porcelain") == ""


@pytest.mark.parametrize(
    "leave",
    [
        leave_only_the_branch,
        leave_a_directory_that_is_no_worktree,
        leave_a_file,
        leave_a_symlink,
        leave_nothing_in_the_repository,
    ],
)
def test_what_is_no_whole_worktree_is_made_anew_also_to_go_on(work, repository, leave):
    leave(work)
    again, was_left = prepared_again(work)
    assert not was_left
    assert tree(again.root) == tree(repository)


@pytest.mark.parametrize("lost", ["t1", "t1.git", "t1.git/refs/atlas-base/t1", "t1.git/index"])
def test_what_a_crash_left_of_a_copy_is_repaired(folder, plain, lost):
    made = prepare(folder, "t1", str(plain), in_place=False)
    files.remove_tree(folder / lost)
    assert attrs.evolve(prepare(folder, "t1", str(plain), in_place=False), base=made.base) == made
    assert tree(made.root) == tree(plain)


def test_a_branch_that_the_person_looks_at_is_not_moved(work, folder, repository, tmp_path):
    call(work.root, "switch", "-q", "--detach")
    call(repository, "switch", "-q", "atlas/t1")
    with pytest.raises(Conflict, match="checked out in") as caught:
        prepare(folder, "t1", str(repository), in_place=False)
    assert "git switch" in caught.value.cure
    discard(work)
    assert call(repository, "rev-parse", "atlas/t1") == work.base


def test_a_branch_named_atlas_is_a_conflict_with_a_cure(folder, repository):
    call(repository, "branch", "atlas")
    with pytest.raises(Conflict, match="no room") as caught:
        prepare(folder, "t1", str(repository), in_place=False)
    assert "git branch -m" in caught.value.cure


# Collect


def test_everything_that_changed_is_collected_on_the_branch(either):
    edit(either, "a.txt", "ONE\ntwo\nthree\nfour\nfive\nsix\nseven\neight\n")
    edit(either, "new.txt", "1\n2\n")
    Path(either.root, "sub", "b.txt").unlink()
    done = collect(either)
    assert (done.files, done.insertions, done.deletions) == (3, 3, 2)
    assert call(either.root, "rev-parse", "atlas/t1") == done.head
    assert call(either.root, "status", "--porcelain") == ""
    assert summary(done) == "3 files changed, 3 insertions, 2 deletions on branch atlas/t1"


def test_collecting_twice_changes_nothing_more(either):
    edit(either, "a.txt", "changed\n")
    done = collect(either)
    assert collect(done) == done


def test_work_that_changed_nothing_has_the_base_as_its_result(either):
    done = collect(either)
    assert (done.head, done.files, summary(done)) == (done.base, 0, "nothing changed")
    assert diff(done) == ""
    with pytest.raises(Conflict, match="changed nothing"):
        apply(done)


def agent_commits(root):
    Path(root, "a.txt").write_text("agent\n")
    call(root, "commit", "-qam", "by the agent")
    Path(root, "later").write_text("uncommitted\n")


def agent_switches_branch(root):
    call(root, "switch", "-qc", "feature")
    agent_commits(root)


def agent_detaches(root):
    call(root, "switch", "-q", "--detach")
    agent_commits(root)


def agent_stages_only(root):
    agent_commits(root)
    call(root, "reset", "-q", "--soft", "HEAD~1")


def agent_loses_its_repository(root):
    agent_commits(root)
    Path(root, ".git").unlink()


def agent_starts_its_own_repository(root):
    Path(root, ".git").unlink()
    call(root, "init", "-q")
    Path(root, "a.txt").write_text("agent\n")
    Path(root, "later").write_text("uncommitted\n")
    call(root, "add", "-A")
    call(root, "commit", "-qm", "another history")


def agent_deletes_the_branch(root):
    agent_detaches(root)
    call(root, "branch", "-qD", "atlas/t1")


@pytest.mark.parametrize(
    "agent",
    [
        agent_commits,
        agent_switches_branch,
        agent_detaches,
        agent_stages_only,
        agent_loses_its_repository,
        agent_starts_its_own_repository,
        agent_deletes_the_branch,
    ],
)
def test_however_the_agent_used_git_the_result_is_what_is_there(either, agent):
    agent(either.root)
    done = collect(either)
    assert done.files == 2
    expected = tree(either.root)
    apply(done)
    assert tree(either.source) == expected


def test_the_agents_own_commits_stay_in_the_history(work):
    agent_commits(work.root)
    done = collect(work)
    log = call(work.source, "log", "--format=%s", f"{work.base}..{done.head}")
    assert log.splitlines() == ["result of the task", "by the agent"]


def test_commits_that_the_agent_only_walked_away_from_are_the_result(work):
    agent_commits(work.root)
    Path(work.root, "later").unlink()
    call(work.root, "checkout", "-q", "HEAD~1")
    done = collect(work)
    assert done.files == 1
    assert "+agent" in diff(done)


def test_commits_that_the_agent_left_for_other_work_are_named(work):
    agent_commits(work.root)
    left = call(work.root, "rev-parse", "HEAD")
    call(work.root, "checkout", "-q", "HEAD~1")
    edit(work, "other", "x\n")
    done = collect(work)
    assert f"not included: commit {left[:12]}" in summary(done)
    assert call(work.source, "merge-base", left, done.head) == left


def test_an_agent_that_deletes_everything_is_shown_to_have_done_so(either):
    for path in Path(either.root).iterdir():
        files.remove_tree(path)
    done = collect(either)
    assert (done.files, done.insertions) == (len(tree(either.source)), 0)
    apply(done)
    assert tree(either.source) == {}


def test_a_directory_that_is_gone_is_not_a_result(either):
    shutil.rmtree(either.root)
    with pytest.raises(NotFound, match="is gone"):
        collect(either)


def test_a_directory_that_became_a_symlink_is_not_followed(either, tmp_path):
    shutil.rmtree(either.root)
    (tmp_path / "secret").mkdir()
    Path(either.root).symlink_to(tmp_path / "secret")
    with pytest.raises(NotFound, match="is gone"):
        collect(either)
    discard(either)
    assert (tmp_path / "secret").is_dir()


def test_a_repository_that_the_agent_made_inside_comes_as_its_files(either):
    start(Path(either.root) / "nested")
    start(Path(either.root) / "nested" / "deeper")
    call(Path(either.root) / "nested", "add", "-f", "deeper")
    done = collect(either)
    apply(done)
    assert Path(either.source, "nested", "a.txt").exists()
    assert Path(either.source, "nested", "deeper", "sub", "b.txt").exists()
    assert not Path(either.source, "nested", ".git").exists()


def test_a_repository_inside_that_the_agent_added_as_a_submodule_comes_as_its_files(work):
    start(Path(work.root) / "nested")
    call(work.root, "add", "nested")
    call(work.root, "commit", "-qm", "a gitlink")
    apply(collect(work))
    assert Path(work.source, "nested", "a.txt").exists()


def test_a_file_that_git_ignores_comes_only_if_the_agent_added_it(work):
    edit(work, "ignored-added", "x\n")
    edit(work, "ignored-not-added", "x\n")
    call(work.root, "add", "-f", "ignored-added")
    assert "ignored-added" in diff(collect(work))
    assert "ignored-not-added" not in diff(collect(work))


@pytest.mark.parametrize("name", [".GIT/config", "git~1/hooks/x", "deep/.Git/x"])
def test_a_name_that_git_cannot_store_is_named_and_the_rest_is_kept(either, name):
    edit(either, name, "x\n")
    edit(either, "new.txt", "x\n")
    done = collect(either)
    assert done.files == 1
    assert f"not included: {name}" in summary(done)


def test_replaced_objects_do_not_deceive_the_diff(work):
    edit(work, "a.txt", "evil\n")
    done = collect(work)
    call(work.source, "replace", done.head, done.base)
    assert "+evil" in diff(done)


def test_more_new_files_than_the_limit_are_refused(work, monkeypatch):
    for name in ("x", "y", "z"):
        edit(work, name, "x")
    monkeypatch.setattr(files, "FILES_MAX", 2)
    with pytest.raises(UsageError, match="more than") as caught:
        collect(work)
    assert "discard" in caught.value.cure


@pytest.fixture
def with_submodule(tmp_path, repository):
    inner = start(tmp_path / "inner")
    call(repository, "submodule", "--quiet", "add", str(inner), "module")
    call(repository, "commit", "-qm", "a submodule")
    (repository / "module" / "a.txt").write_text("unsaved in the submodule\n")
    return repository


def test_a_submodule_stays_as_it_is(folder, with_submodule):
    before = state_of(with_submodule)
    made = prepare(folder, "t1", str(with_submodule), in_place=False)
    edit(made, "a.txt", "changed\n")
    Path(made.root, "module").rmdir()
    done = collect(made)
    assert (done.files, summary(done).partition(";")[2]) == (1, "")
    discard(done)
    assert state_of(with_submodule) == before


def test_work_inside_a_submodule_is_said_to_be_left_out(folder, with_submodule):
    made = prepare(folder, "t1", str(with_submodule), in_place=False)
    edit(made, "module/new.txt", "x\n")
    done = collect(made)
    assert summary(done) == "nothing changed; not included: module (work inside a submodule)"


def test_a_submodule_can_be_the_source(folder, with_submodule):
    made = prepare(folder, "t1", str(with_submodule / "module"), in_place=False)
    assert tree(made.root) == tree(with_submodule / "module")
    edit(made, "sub/b.txt", "changed\n")
    apply(collect(made))
    assert (with_submodule / "module" / "sub" / "b.txt").read_text() == "changed\n"


# Diff


def test_a_diff_has_no_result_to_show_before_one_is_collected(work):
    with pytest.raises(Conflict, match="no result yet"):
        diff(work)
    assert summary(work) == "no result yet"


def test_a_diff_over_the_limit_names_the_branch_to_look_at(either, monkeypatch):
    edit(either, "new.txt", "x\n" * 100)
    done = collect(either)
    monkeypatch.setattr(workspace, "DIFF_BYTES_MAX", 100)
    with pytest.raises(UsageError, match="over") as caught:
        diff(done)
    assert "atlas/t1" in caught.value.cure
    command = caught.value.cure.split()
    assert call("/", *command[1:])


def test_a_diff_replaces_bytes_that_are_no_text(work):
    edit(work, "latin.txt", b"caf\xe9\n")
    assert "+caf\ufffd" in diff(collect(work))


def test_settings_of_the_person_do_not_change_the_form_of_a_diff(work, repository):
    for key, value in {
        "diff.noprefix": "true",
        "diff.mnemonicPrefix": "true",
        "color.ui": "always",
        "diff.renames": "copies",
        "diff.context": "0",
    }.items():
        call(repository, "config", key, value)
    edit(work, "a.txt", "ONE\ntwo\nthree\nfour\nfive\nsix\nseven\neight\n")
    done = collect(work)
    assert "\n--- a/a.txt\n+++ b/a.txt\n@@ -1,4 +1,4 @@\n-one\n+ONE\n two" in diff(done)
    apply(done)


# Apply


def change_names(root):
    for name in HOSTILE_NAMES:
        Path(root, name).write_text("x\n")


def change_kinds(root):
    Path(root, "binary").write_bytes(bytes(range(256)) * 10)
    Path(root, "empty").touch()
    Path(root, "crlf.txt").write_bytes(b"one\r\ntwo\r\n")
    Path(root, "no-newline").write_bytes(b"no newline")
    Path(root, "link").symlink_to("/etc/passwd")
    Path(root, "a.txt").chmod(0o755)


def change_places(root):
    Path(root, "a.txt").rename(Path(root, "moved.txt"))
    Path(root, "sub", "b.txt").unlink()
    Path(root, "sub").rmdir()
    Path(root, "sub").write_text("a directory became a file\n")
    Path(root, "a.txt").mkdir()
    Path(root, "a.txt", "inner").write_text("a file became a directory\n")


def change_to_a_symlink(root):
    files.remove_tree(Path(root, "sub"))
    Path(root, "sub").symlink_to("real")
    Path(root, "real").mkdir()
    Path(root, "real", "b.txt").write_text("would be found through the symlink\n")


@pytest.mark.parametrize("act", [change_names, change_kinds, change_places, change_to_a_symlink])
def test_apply_brings_every_kind_of_change_and_removes_the_workspace(either, act):
    act(either.root)
    expected = tree(either.root)
    done = apply(collect(either))
    assert done.state == "applied"
    assert tree(either.source) == expected
    assert list(Path(either.root).parent.iterdir()) == []


@pytest.mark.parametrize("act", [change_names, change_kinds])
def test_all_that_the_person_has_comes_to_the_task_and_back(folder, repository, act):
    act(repository)
    before = state_of(repository)
    made = prepare(folder, "t1", str(repository), in_place=False)
    assert tree(made.root) == tree(repository)
    for name in tree(made.root):
        Path(made.root, name).unlink()
    apply(collect(made))
    assert tree(repository) == {}
    assert state_of(repository)[0] == before[0]


def test_apply_leaves_index_head_and_branches_alone(work, repository):
    edit(work, "a.txt", "changed\n")
    before = state_of(repository)
    done = apply(collect(work))
    after = state_of(repository)
    assert (after[0], after[1][1:]) == (before[0], before[1][1:])
    assert call(repository, "status", "--porcelain") == "M a.txt"
    assert call(repository, "for-each-ref", "--format=%(refname)") == "refs/heads/main"
    assert summary(done) == "1 file changed, 1 insertion, 8 deletions, applied"


def test_changes_to_other_lines_meanwhile_are_kept(either):
    edit(either, "a.txt", "ONE\ntwo\nthree\nfour\nfive\nsix\nseven\neight\n")
    mine = Path(either.source, "a.txt")
    mine.write_text("one\ntwo\nthree\nfour\nfive\nsix\nseven\nEIGHT\n")
    apply(collect(either))
    assert mine.read_text() == "ONE\ntwo\nthree\nfour\nfive\nsix\nseven\nEIGHT\n"


def test_changes_to_the_same_lines_meanwhile_are_a_conflict_and_nothing_is_touched(either):
    edit(either, "a.txt", "ONE\ntwo\nthree\nfour\nfive\nsix\nseven\neight\n")
    edit(either, "sub/b.txt", "would apply\n")
    Path(either.source, "a.txt").write_text("uno\ntwo\nthree\nfour\nfive\nsix\nseven\neight\n")
    before = tree(either.source)
    done = collect(either)
    with pytest.raises(Conflict, match=r"a\.txt") as caught:
        apply(done)
    cure = "discard" if either.kind == "copy" else "git merge atlas/t1"
    assert cure in caught.value.cure
    assert tree(either.source) == before
    assert diff(done)


def test_a_new_file_that_the_person_made_meanwhile_is_not_overwritten(either):
    edit(either, "new.txt", "the task's\n")
    Path(either.source, "new.txt").write_text("mine\n")
    with pytest.raises(Conflict, match=r"new\.txt"):
        apply(collect(either))
    assert Path(either.source, "new.txt").read_text() == "mine\n"


def test_a_result_that_is_there_already_counts_as_applied(either):
    edit(either, "a.txt", "changed\n")
    done = collect(either)
    Path(either.source, "a.txt").write_text("changed\n")
    assert apply(done).state == "applied"


def test_an_apply_that_breaks_halfway_is_undone(either, tmp_path, monkeypatch):
    edit(either, "a.txt", "changed\n")
    edit(either, "new.txt", "x\n")
    Path(either.root, "sub", "b.txt").unlink()
    done = collect(either)
    before = tree(either.source)
    breaking = tmp_path / "bin" / "git"
    breaking.parent.mkdir()
    breaking.write_text(
        f'#!/bin/sh\n{shutil.which("git")} "$@" || exit 1\n'
        'case "$*" in *" apply --check"*) ;; *" apply "*) echo "error: disk full" >&2; exit 1;;'
        " esac\n"
    )
    breaking.chmod(0o755)
    monkeypatch.setenv("PATH", f"{breaking.parent}:{os.environ['PATH']}")
    with pytest.raises(Conflict, match="disk full"):
        apply(done)
    assert tree(either.source) == before


def test_nothing_is_written_through_a_symlink_of_the_persons(either, tmp_path):
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "b.txt").write_text("b\n")
    edit(either, "sub/b.txt", "evil\n")
    edit(either, "sub/new.txt", "evil\n")
    done = collect(either)
    shutil.rmtree(Path(either.source, "sub"))
    Path(either.source, "sub").symlink_to(outside)
    with pytest.raises(Conflict, match="symbolic link"):
        apply(done)
    assert tree(outside) == {"b.txt": (b"b\n", 0)}


@pytest.mark.parametrize("name", ["..", ".git"])
def test_a_forged_result_cannot_leave_the_directory(work, repository, name):
    evil = call(repository, "hash-object", "-w", "--stdin", stdin=b"evil\n")
    inner = call(repository, "mktree", stdin=f"100644 blob {evil}\tevil\n".encode())
    raw = b"40000 " + name.encode() + b"\0" + bytes.fromhex(inner)
    words = ("hash-object", "-w", "-t", "tree", "--literally", "--stdin")
    forged = call(repository, *words, stdin=raw)
    head = call(repository, "commit-tree", forged, "-p", work.base, "-m", "x")
    with pytest.raises(Conflict, match="invalid path"):
        apply(attrs.evolve(work, head=head, files=1))
    assert not (repository / name / "evil").exists()


@pytest.mark.parametrize("setting", ["true", "input", "false"])
def test_line_ends_survive_whatever_git_does_with_them(folder, repository, setting):
    call(repository, "config", "core.autocrlf", setting)
    call(repository, "config", "core.safecrlf", "true")
    mine = repository / "crlf.txt"
    mine.write_bytes(b"one\r\ntwo\r\n")
    made = prepare(folder, "t1", str(repository), in_place=False)
    ends = b"\n" if setting == "input" else b"\r\n"
    assert Path(made.root, "crlf.txt").read_bytes() == b"one%btwo%b" % (ends, ends)
    edit(made, "crlf.txt", b"one%bTWO%b" % (ends, ends))
    apply(collect(made))
    assert mine.read_bytes() == b"one%bTWO%b" % (ends, ends)


def test_a_copy_keeps_line_ends_whatever_its_attributes_say(folder, plain):
    (plain / ".gitattributes").write_text("* text=auto eol=lf filter=x\n")
    (plain / "a.txt").write_bytes(b"one\r\ntwo\r\n")
    made = prepare(folder, "t1", str(plain), in_place=False)
    edit(made, "a.txt", b"one\r\nTWO\n")
    apply(collect(made))
    assert (plain / "a.txt").read_bytes() == b"one\r\nTWO\n"


@pytest.mark.parametrize("end", [apply, discard])
def test_what_was_decided_is_not_applied_again(either, end):
    edit(either, "a.txt", "changed\n")
    decided = end(collect(either))
    for act in (apply, collect):
        with pytest.raises(Conflict, match="already"):
            act(decided)


# Discard


def test_discard_leaves_nothing_and_may_be_repeated(either):
    edit(either, "a.txt", "changed\n")
    before = tree(either.source)
    done = discard(collect(either))
    assert done.state == "discarded"
    assert list(Path(either.root).parent.iterdir()) == []
    assert tree(either.source) == before
    assert discard(done) == discard(attrs.evolve(done, state="open")) == done


def test_discard_works_when_the_persons_directory_is_gone(either):
    shutil.rmtree(either.source)
    assert discard(either).state == "discarded"
    assert not Path(either.root).exists()


def test_what_was_applied_cannot_be_discarded(either):
    edit(either, "a.txt", "changed\n")
    with pytest.raises(Conflict, match="applied already"):
        discard(apply(collect(either)))


def test_a_directory_that_is_no_tasks_is_never_removed(either):
    inside = str(Path(either.root, "sub"))
    for wrong in ({"root": either.source}, {"root": inside}, {"source": inside}):
        with pytest.raises(UsageError, match="not the directory of a task"):
            discard(attrs.evolve(either, **wrong))
    assert Path(either.source).exists()
    assert Path(inside).exists()


def test_a_result_cannot_be_applied_to_a_directory_that_is_gone(folder, plain):
    made = prepare(folder, "t1", str(plain), in_place=False)
    edit(made, "a.txt", "changed\n")
    done = collect(made)
    shutil.rmtree(plain)
    with pytest.raises(NotFound, match="is gone"):
        apply(done)
    assert "+changed" in diff(done)


@pytest.mark.skipif(os.geteuid() == 0, reason="nothing is closed to root")
def test_directories_that_a_task_closed_are_removed(either):
    closed = Path(either.root, "cache", "deep")
    closed.mkdir(parents=True)
    (closed / "file").touch()
    for path in (closed, closed.parent):
        path.chmod(0o500)
    discard(either)
    assert not Path(either.root).exists()


def test_an_error_of_git_is_shortened(repository):
    with pytest.raises(git.GitFailed, match="git rev-parse failed") as caught:
        git.Git(at=repository).run("rev-parse", "--verify", "x" * 5000)
    assert len(caught.value.message) < 1000


def test_what_is_not_the_tasks_own_directory_is_refused(folder, either, tmp_path):
    check_own(either, folder, "t1")
    elsewhere = tmp_path / "t1"
    for claimed, id in (
        (attrs.evolve(either, root=str(elsewhere)), "t1"),
        (attrs.evolve(either, root=f"{folder}/../t1"), "t1"),
        (either, "t2"),
        (attrs.evolve(either, root=str(folder)), "."),
    ):
        with pytest.raises(UsageError, match="the directory of task"):
            check_own(claimed, folder, id)
