"""What a shell's command does with files, without executing it, as far as that is certain."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from atlas_actors.clients.commands import COMMAND_CHARS_MAX, read_command

PATCH = """*** Begin Patch
*** Update File: a b.py
@@
-don't
+do not
*** Add File: /abs/new.py
+x
*** Move to: moved.py
*** End Patch"""


def files(command, cwd="/p"):
    return [f"{file.kind} {file.path}" for file in read_command(command, cwd).files]


@pytest.mark.parametrize(
    ("command", "found"),
    [
        ("cat a.py", ["read /p/a.py"]),
        ("cat 'a b.py' \"c d.py\" e\\ f", ["read /p/a b.py", "read /p/c d.py", "read /p/e f"]),
        ("cat /x/../y", ["read /y"]),
        ("head -n 5 a; tail -20 b && wc -l c", ["read /p/a", "read /p/b", "read /p/c"]),
        ("cat a | head -3", ["read /p/a"]),
        ("sed -n '1,20p' a.py", ["read /p/a.py"]),
        ("sed -e s/a/b/ a.py", ["read /p/a.py"]),
        ("sed -i.bak 's/a/b/' a.py b.py", ["edit /p/a.py", "edit /p/b.py"]),
        ("sed -Ei 's/a/b/' a.py", ["edit /p/a.py"]),
        ("perl -pi -e 's/a/b/' a.py", ["edit /p/a.py"]),
        ("awk -F: '{print $1}' /etc/passwd", ["read /etc/passwd"]),
        ("grep -rn needle src lib.py", ["search /p/src", "search /p/lib.py"]),
        ("grep -e needle a", ["search /p/a"]),
        ("rg -n -A 3 needle a/b.py", ["search /p/a/b.py"]),
        ("jq .a f.json", ["read /p/f.json"]),
        ("echo x > out.txt 2>&1", ["edit /p/out.txt"]),
        ("echo x >> 'out.txt'", ["edit /p/out.txt"]),
        ("sort < in > out", ["read /p/in", "edit /p/out"]),
        ("ls 2> /dev/null", []),
        ("x | tee -a log", ["edit /p/log"]),
        ("cp a b", ["read /p/a", "edit /p/b"]),
        ("mv a b && rm -rf c", ["edit /p/a", "edit /p/b", "edit /p/c"]),
        ("cat > new.py <<'E'\nrm -rf gone\nE\ncat after", ["edit /p/new.py", "read /p/after"]),
        ("cd sub && cat a; cat ../b", ["read /p/sub/a", "read /p/b"]),
        ("(cd sub; cat a); cat b", ["read /p/sub/a", "read /p/b"]),
        ("cd \"$X\" && cat a && cat /b", ["read /b"]),
        ("echo $(cat .env)", ["read /p/.env"]),
        ("diff <(cat a) b", ["read /p/a", "read /p/b"]),
        ("bash -lc 'cd s && cat a'", ["read /p/s/a"]),
        ("FOO=1 timeout -k 5 60 env -u X A=b cat a", ["read /p/a"]),
        ("git -C sub rm a", ["edit /p/sub/a"]),
        (f"apply_patch <<'EOF'\n{PATCH}\nEOF",
         ["edit /p/a b.py", "edit /abs/new.py", "edit /p/moved.py"]),
        (f"cd d && apply_patch <<EOF && ls\n{PATCH.splitlines()[1]}\nEOF", ["edit /p/d/a b.py"]),
        ("cat <<E | git apply\n--- a/q.py\n+++ b/q.py\nE", ["edit /p/q.py"]),
        ("cat a.py # don't", ["read /p/a.py"]),
        ("git commit -m \"$(cat <<'E'\nIt's (not\nE\n)\" && cat a", ["read /p/a"]),
    ],
)  # fmt: skip
def test_the_files_that_a_command_names_are_known(command, found):
    assert files(command) == found


@pytest.mark.parametrize(
    "command",
    ["cat $F", "cat *.py", "cat {a,b}", "cat `which x`", "xargs cat", "find . -name x",
     "for f in a b; do cat $f; done", "cat 'a", "cat \"a", "cat $(b", "case $x in a) cat b;; esac",
     "cat -", "python script.py", "cat a\0b", "", "  ", "cat ~other/a"],
)  # fmt: skip
def test_what_is_not_certain_is_left_out(command):
    assert files(command) == []


def test_a_relative_path_of_an_unknown_place_is_left_out():
    assert files("cat a /b", cwd="") == ["read /b"]
    assert files("cat a", cwd="relative") == []


def test_the_home_directory_is_known(monkeypatch):
    monkeypatch.setenv("HOME", "/home/me")
    assert files("cat ~/.ssh/id") == ["read /home/me/.ssh/id"]


@pytest.mark.parametrize(
    ("command", "whole"),
    [("cat a", True), ("cat 'a b'", True), ("cat a | head", False), ("cat -n a", False),
     ("cat a b", False), ("cat a > b", False), ("head a", False), ("cd x && cat a", False),
     ("cat $A", False)],
)  # fmt: skip
def test_only_a_plain_cat_of_one_file_reads_all_of_it(command, whole):
    assert read_command(command, "/p").whole is whole


@pytest.mark.parametrize(
    ("command", "paths"),
    [
        ("git checkout -- a.py b.py", ("/p/a.py", "/p/b.py")),
        ("git checkout HEAD a.py", ("/p/a.py",)),
        ("git restore a.py", ("/p/a.py",)),
        ("git restore -s HEAD~1 a.py", ("/p/a.py",)),
        ("git restore --staged --worktree a.py", ("/p/a.py",)),
        ("cd s && git checkout -- .", ("/p/s",)),
        ("git checkout main", ()),
        ("git checkout -b new", ()),
        ("git restore --staged a.py", ()),
        ("git checkout -- $F", ()),
    ],
)
def test_files_that_are_put_back_are_known(command, paths):
    assert read_command(command, "/p").reverts == paths


@pytest.mark.parametrize(
    ("command", "test", "decides"),
    [
        ("pytest", True, True),
        ("cd x && pytest -q tests/test_a.py", True, True),
        ("cd x; pytest", True, True),
        ("pytest && echo done", True, True),
        ("pytest a && pytest b", True, True),
        ("(cd x && pytest)", True, True),
        ("bash -lc 'cd x && pytest'", True, True),
        ("FOO=1 timeout 60 uv run --with x python -m pytest", True, True),
        ("pytest > log 2>&1", True, True),
        ("pytest | tail -5", True, False),
        ("(pytest) | tail", True, False),
        ("(pytest) &", True, False),
        ("pytest; echo done", True, False),
        ("pytest\necho done", True, False),
        ("pytest a; pytest b", True, False),
        ("pytest || true", True, False),
        ("make || pytest", True, False),
        ("pytest &", True, False),
        ("! pytest", True, False),
        ("if pytest; then echo ok; fi", True, False),
        ("bash -c 'pytest; true'", True, False),
        ("echo pytest", False, False),
        ("cat test", False, False),
    ],
)
def test_it_is_known_whose_exit_code_the_command_has(command, test, decides):
    reading = read_command(command, "/p")
    assert (reading.test, reading.decides) == (test, decides)


def test_the_files_of_tests_are_told_as_such():
    command = "pytest -x tests/test_a.py::test_b other"
    assert files(command) == ["test /p/tests/test_a.py"]


@pytest.mark.slow
@settings(max_examples=200, deadline=None)
@given(
    st.lists(
        st.sampled_from(
            ["cat", "a", " ", "\n", ";", "|", "&&", "||", "&", "(", ")", "$(", "`", "'", '"', "<<E",
             "<<-E", "E\n", ">", "<", "2>&1", "\\", "#", "${", "}", "$'", "{a,b}", "sed -i", "git",
             "checkout -- ", "cd ..", "sh -c", "env", "--", "-n", "\ud800", "\0", "\r", "<(", "*"]
        )
    ).map("".join)
    | st.text()
)  # fmt: skip
def test_no_command_makes_it_fail(command):
    for file in read_command(command, "/p").files:
        assert file.path.startswith("/")


@pytest.mark.slow
@pytest.mark.parametrize("piece", ["(", "$(", "`", "a;", "${", "<<E\n", "'\"", "sh -c '", "cat a;"])
def test_a_hostile_command_is_given_up(piece):
    long = piece * (COMMAND_CHARS_MAX // len(piece))
    assert len(read_command(long, "/p").files) <= 1
    assert read_command(long + "x" * 20, "/p").files in ((), read_command("cat a", "/p").files)
