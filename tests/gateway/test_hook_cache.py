"""scripts/hook is kept compiled, where its interpreter looks for it."""

import os
import shutil

import pytest
from loguru import logger

from atlas_actors.gateway.hook_cache import MODULES, SCRIPTS, keep_compiled
from atlas_actors.gateway.hook_line import framed
from tests.support.hooks import FakeDoor, hook, says


@pytest.fixture
def scripts(tmp_path):
    folder = tmp_path / "scripts"
    folder.mkdir()
    for name in ("hook", *(f"{module}.py" for module in MODULES)):
        shutil.copy(SCRIPTS / name, folder)
    return folder


def same_size_and_time(file, text):
    """Replace a source so that only who reads it again could tell."""
    stat = file.stat()
    file.write_text(text.ljust(stat.st_size, "#"))
    os.utime(file, ns=(stat.st_atime_ns, stat.st_mtime_ns))


def test_a_hook_runs_what_was_compiled(scripts, tmp_path):
    keep_compiled(scripts)
    same_size_and_time(scripts / "hook_asking.py", "raise SystemExit")
    with FakeDoor(tmp_path, says(framed(b"answer"))):
        assert hook(tmp_path, "claude", script=scripts / "hook").stdout == b"answer"


def test_what_has_changed_since_is_read_again(scripts, tmp_path):
    keep_compiled(scripts)
    new = "import posix\ndef main(words):\n    posix.write(1, b'new')\n"
    (scripts / "hook_asking.py").write_text(new)
    assert hook(tmp_path, "claude", script=scripts / "hook").stdout == b"new"


@pytest.mark.parametrize("left", [0, 8])
def test_a_damaged_file_is_not_used_and_not_kept(scripts, tmp_path, left):
    keep_compiled(scripts)
    (compiled,) = (scripts / "__pycache__").glob("hook_asking.*")
    whole = compiled.read_bytes()
    compiled.write_bytes(whole[:left])
    with FakeDoor(tmp_path, says(framed(b"answer"))):
        assert hook(tmp_path, "claude", script=scripts / "hook").stdout == b"answer"
    keep_compiled(scripts)
    assert compiled.read_bytes() == whole


def test_where_it_cannot_be_written_the_log_says_so_and_no_more(scripts):
    (scripts / "__pycache__").write_text("in the way")
    logged = []
    sink = logger.add(lambda message: logged.append(message.record["message"]))
    try:
        keep_compiled(scripts)
    finally:
        logger.remove(sink)
    assert logged == ["gateway.hook_not_compiled"] * len(MODULES)
