"""Files are read and parsed in a child process: what one does to it costs no other its look."""

import anyio
import pytest

from atlas_actors.sources import measure
from atlas_actors.sources.measure import look_at, told

pytestmark = pytest.mark.slow
WAIT_S = 60.0


def looks(root, *names, **options):
    asked = {"bytes_max": 1_000_000, "timeout_s": WAIT_S, **options}
    found = anyio.run(lambda: look_at(root, names, **asked))
    return {look.measure.path: look for look in found}


def test_each_file_is_measured_in_full_and_as_an_outline(tmp_path):
    (tmp_path / "a.py").write_text("def f(a):\n" + "    a += 1\n" * 100)
    (tmp_path / "b.txt").write_text("é" * 41)
    found = looks(tmp_path, "a.py", "b.txt", "gone", texts=True)
    a, b = found["a.py"].measure, found["b.txt"].measure
    assert (a.state, a.language, a.tokens_full, a.symbols) == ("text", "python", 278, 1)
    assert found["a.py"].outline == "1 def f(a)\n"
    assert a.tokens_outline == 3
    assert (b.tokens_full, b.tokens_outline, found["b.txt"].outline) == (11, None, None)
    assert (a.size, a.mtime_ns) == (1110, (tmp_path / "a.py").stat().st_mtime_ns)
    assert found["gone"].measure.state == "missing"


def test_hostile_names_and_files_cost_no_other_its_look(tmp_path):
    root = tmp_path / "project"
    root.mkdir()
    (root / "deep.py").write_text("(" * 200_000)
    (root / "deep.json").write_text("[" * 200_000)
    (root / "deep.c").write_text("{" * 200_000)
    (root / "out.py").symlink_to("/etc/passwd")
    (root / "zero.py").write_bytes(b"\0" * 100)
    with (root / "huge.py").open("wb") as file:
        file.truncate(10_000_000)
    (root / "last.py").write_text("x = 1\n")
    names = ["deep.py", "deep.json", "deep.c", "out.py", "zero.py", "huge.py", "../x",
             "/etc/passwd", "a\0b", "\ud800", "last.py"]  # fmt: skip
    found = looks(root, *names)
    assert list(found) == names
    states = {name: look.measure.state for name, look in found.items()}
    assert {states[name] for name in ("out.py", "../x", "/etc/passwd", "a\0b", "\ud800")} == {
        "refused"
    }
    assert (states["zero.py"], states["huge.py"], states["last.py"]) == ("binary", "huge", "text")


def test_a_file_that_ends_its_child_is_named_and_the_next_is_looked_at(tmp_path, monkeypatch):
    child = tmp_path / "child.py"
    child.write_text(
        "import json, os, sys\n"
        "for name in json.load(sys.stdin)['names']:\n"
        "    print(json.dumps({'begins': name}), flush=True)\n"
        "    if name.startswith('crash'):\n"
        "        print('half a', flush=True)\n"
        "        os.abort()\n"
        "    print(json.dumps({'name': name, 'state': 'text', 'more': 1}), flush=True)\n"
    )
    monkeypatch.setattr(measure, "CHILD", child)
    found = looks(tmp_path, "a", "crash", "b", "crash2", "c")
    assert [look.measure.state for look in found.values()] == [
        "text", "failed", "text", "failed", "text",
    ]  # fmt: skip


def test_a_file_that_takes_too_long_ends_its_child_alone(tmp_path, monkeypatch):
    child = tmp_path / "child.py"
    child.write_text(
        "import json, signal, sys\n"
        "for name in (job := json.load(sys.stdin))['names']:\n"
        "    print(json.dumps({'begins': name}), flush=True)\n"
        "    signal.setitimer(signal.ITIMER_REAL, job['file_s'])\n"
        "    while name == 'slow':\n"
        "        pass\n"
        "    signal.setitimer(signal.ITIMER_REAL, 0)\n"
        "    print(json.dumps({'name': name, 'state': 'text'}), flush=True)\n"
    )
    monkeypatch.setattr(measure, "CHILD", child)
    found = looks(tmp_path, "slow", "a", file_s=0.2)
    assert [look.measure.state for look in found.values()] == ["failed", "text"]


def test_what_there_was_no_time_for_is_left_out(tmp_path, monkeypatch):
    child = tmp_path / "child.py"
    child.write_text(
        "import json, sys, threading\n"
        "name = json.load(sys.stdin)['names'][0]\n"
        "print(json.dumps({'begins': name}), flush=True)\n"
        "print(json.dumps({'name': name, 'state': 'text'}), flush=True)\n"
        "threading.Event().wait()\n"
    )
    monkeypatch.setattr(measure, "CHILD", child)
    assert list(looks(tmp_path, "a", "b", timeout_s=1.0)) == ["a"]


def test_what_a_child_says_besides_is_not_believed():
    output = b'noise\n{"begins": "a"}\n{"name": "other", "state": "text"}\n[1]\n{"name": "a"'
    assert told(output) == ([], "a")
