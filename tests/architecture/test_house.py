"""The house rules that a look at the tree can show."""

import configparser
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PYTHON = [*ROOT.glob("atlas_actors/**/*.py"), *ROOT.glob("supervisors/**/*.py"), ROOT / "run.py"]
SCRIPTS = ["hook", "inspect", "serve", "test", "check", "bench", "train-router"]


def lint_imports(folder):
    program = "from importlinter.cli import lint_imports_command; lint_imports_command()"
    return subprocess.run(
        [sys.executable, "-c", program, "--no-cache"], cwd=folder, capture_output=True, text=True,
        check=False, timeout=120,
    )  # fmt: skip


@pytest.mark.slow
def test_the_import_ladder_holds():
    done = lint_imports(ROOT)
    assert done.returncode == 0, done.stdout


@pytest.mark.slow
@pytest.mark.parametrize(
    ("file", "line"),
    [
        ("atlas_actors/tasks/records.py", "import atlas_actors.router.decide"),
        ("atlas_actors/cell.py", "import atlas_actors.actor"),
        ("atlas_actors/router/actor.py", "import supervisors.tree"),
        ("atlas_actors/messages/task.py", "import atlas_actors.errors"),
        ("atlas_actors/tasks/actor.py", "import apsw"),
        ("atlas_actors/gateway/actor.py", "import httpx"),
        ("atlas_actors/orchestrator/actor.py", "import pykka"),
    ],
)
def test_a_planted_breach_of_the_ladder_is_found(tmp_path, file, line):
    for name in ("atlas_actors", "supervisors"):
        shutil.copytree(ROOT / name, tmp_path / name)
    shutil.copy(ROOT / "setup.cfg", tmp_path)
    with (tmp_path / file).open("a") as module:
        module.write(f"\n{line}\n")
    done = lint_imports(tmp_path)
    assert done.returncode == 1, done.stdout
    assert "BROKEN" in done.stdout


@pytest.mark.parametrize("file", PYTHON, ids=lambda file: str(file.relative_to(ROOT)))
def test_a_module_says_what_it_is_for_and_is_not_too_long(file):
    text = file.read_text("utf-8")
    assert text.startswith('"""')
    assert text.count("\n") <= 400


def test_every_message_is_a_frozen_keyword_only_attrs_class():
    for file in ROOT.glob("atlas_actors/messages/*.py"):
        text = file.read_text("utf-8")
        classes = re.findall(r"^class (\w+)(\(StrEnum\))?:", text, re.MULTILINE)
        plain = [name for name, enum in classes if not enum]
        assert text.count("@attrs.frozen(kw_only=True)\nclass ") == len(plain), file


def test_dependencies_are_pinned_exactly():
    setup = configparser.ConfigParser()
    setup.read(ROOT / "setup.cfg")
    pins = setup["options"]["install_requires"] + "".join(setup["options.extras_require"].values())
    wanted = [line for line in pins.splitlines() if line.strip()]
    assert wanted
    assert all(re.match(r"^[\w-]+==[\w.]+( *;.*)?$", line.strip()) for line in wanted)


@pytest.mark.parametrize("name", SCRIPTS)
def test_scripts_are_executable_and_say_what_they_are_for(name):
    script = ROOT / "scripts" / name
    assert script.stat().st_mode & 0o111
    assert "usage" in script.read_text("utf-8") or name in ("test", "check")


def test_no_test_sleeps():
    sleeping = [
        file
        for file in ROOT.glob("tests/**/*.py")
        if file != Path(__file__)
        and re.search(r"\b(time|anyio|asyncio)\.sleep\(", file.read_text("utf-8"))
    ]
    assert sleeping == []


def test_nothing_names_a_shell():
    for file in PYTHON:
        assert "shell=True" not in file.read_text("utf-8")
        assert "os.system(" not in file.read_text("utf-8")


@pytest.mark.parametrize("name", SCRIPTS)
def test_a_script_that_sources_a_bash_file_is_run_by_bash(name):
    text = (ROOT / "scripts" / name).read_text("utf-8")
    assert "/environment" not in text or text.startswith("#!/usr/bin/env bash\n")
