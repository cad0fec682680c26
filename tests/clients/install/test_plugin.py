"""The plugin of Claude Code: written whole, again when it is ours, never over other things."""

import json

import attrs
import pytest

from atlas_actors import __version__
from atlas_actors.clients.adapter import registered
from atlas_actors.clients.install.plugin import write_plugin
from atlas_actors.errors import UsageError
from tests.clients.install.places import place, tree


@pytest.fixture
def where(tmp_path):
    return place(tmp_path)


def test_it_has_every_hook_a_manifest_and_a_marketplace_of_itself(where, tmp_path):
    folder = tmp_path / "plugin"
    write_plugin(where, folder)
    hooks = json.loads((folder / "hooks" / "hooks.json").read_text())["hooks"]
    assert list(hooks) == [one.event for one in registered("claude")]
    manifest = json.loads((folder / ".claude-plugin" / "plugin.json").read_text())
    assert (manifest["name"], manifest["version"]) == ("atlas", __version__)
    market = json.loads((folder / ".claude-plugin" / "marketplace.json").read_text())
    assert [(one["name"], one["source"]) for one in market["plugins"]] == [("atlas", "./")]
    assert "Apache License" in (folder / "LICENSE").read_text()
    assert f"claude plugin marketplace add {folder}" in (folder / "README.md").read_text()


def test_a_second_time_only_what_is_different_is_written(where, tmp_path):
    folder = tmp_path / "plugin"
    assert len(write_plugin(where, folder)) == 5
    assert write_plugin(where, folder) == ()
    other = attrs.evolve(where, python="/other/python")
    assert write_plugin(other, folder) == (folder / "hooks" / "hooks.json",)


def test_an_empty_directory_is_taken(where, tmp_path):
    (tmp_path / "plugin").mkdir()
    assert len(write_plugin(where, tmp_path / "plugin")) == 5


@pytest.mark.parametrize("name", ["notes.txt", ".git/HEAD", "README.md", "hooks/hooks.json"])
def test_a_directory_with_other_things_is_refused_and_left_alone(where, tmp_path, name):
    file = tmp_path / "plugin" / name
    file.parent.mkdir(parents=True)
    file.write_text("mine")
    before = tree(tmp_path / "plugin")
    with pytest.raises(UsageError, match="new or empty"):
        write_plugin(where, tmp_path / "plugin")
    assert tree(tmp_path / "plugin") == before


def test_the_plugin_of_somebody_else_is_refused(where, tmp_path):
    file = tmp_path / "plugin" / ".claude-plugin" / "plugin.json"
    file.parent.mkdir(parents=True)
    for text in ('{"name": "other"}', "[]", "{", '{"name": "atlas"'):
        file.write_text(text)
        with pytest.raises(UsageError, match="not Atlas' plugin"):
            write_plugin(where, tmp_path / "plugin")


def test_a_file_in_the_place_of_the_directory_is_refused(where, tmp_path):
    (tmp_path / "plugin").write_text("x")
    with pytest.raises(UsageError, match="no directory"):
        write_plugin(where, tmp_path / "plugin")
