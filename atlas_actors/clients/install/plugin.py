"""Our hooks as a plugin of Claude Code, in a directory that is a marketplace of this one plugin."""

import json
from pathlib import Path
from typing import Any, Final

from atlas_actors import __version__
from atlas_actors.clients.install.claude import PLUGIN
from atlas_actors.clients.install.claude_settings import wanted_hooks
from atlas_actors.clients.install.installer import Where
from atlas_actors.clients.install.originals import read, replace
from atlas_actors.errors import UsageError

MANIFEST: Final = ".claude-plugin/plugin.json"
ABOUT: Final = "Tells the Atlas daemon of this machine what happens, and shows what it answers."
README: Final = """# Atlas for Claude Code

{about}

This directory was written by `atlas hooks plugin` and holds paths of this machine: each hook starts
`{hook}`. When Atlas moves, write it again.

    claude plugin marketplace add {folder}
    claude plugin install {name}@{name}

For one session only: `claude --plugin-dir {folder}`. Not together with `atlas hooks install`: the
hooks would run twice. A plugin cannot bring a status line; `atlas hooks install` does.
"""


def write_plugin(where: Where, folder: Path) -> tuple[Path, ...]:
    """Write the plugin and return the files that changed; UsageError where other things are."""
    files = plugin_files(where, folder)
    _check(folder, set(files))
    changed = []
    for name, wanted in files.items():
        now = read(folder / name)
        if now != wanted:
            replace(folder / name, now, wanted)
            changed.append(folder / name)
    return tuple(changed)


def plugin_files(where: Where, folder: Path) -> dict[str, bytes]:
    """Every file of the plugin, by its place in it."""
    hooks: dict[str, list[Any]] = {}
    for one in wanted_hooks(where):
        hooks.setdefault(one.event, []).append(one.group)
    manifest = {
        "name": PLUGIN,
        "version": __version__,
        "description": ABOUT,
        "author": {"name": "Atlas"},
        "license": "Apache-2.0",
        "keywords": ["routing", "memory", "hooks"],
    }
    market = {
        "name": PLUGIN,
        "owner": {"name": "Atlas"},
        "metadata": {"description": ABOUT, "version": __version__},
        "plugins": [{"name": PLUGIN, "source": "./", "description": ABOUT}],
    }
    readme = README.format(about=ABOUT, hook=where.hook, folder=folder, name=PLUGIN)
    return {
        MANIFEST: _text(manifest),
        ".claude-plugin/marketplace.json": _text(market),
        "hooks/hooks.json": _text({"description": ABOUT, "hooks": hooks}),
        "README.md": readme.encode(),
        "LICENSE": (where.hook.parents[1] / "LICENSE").read_bytes(),
    }


def _check(folder: Path, names: set[str]) -> None:
    """Only an empty directory, or one that holds an older plugin of ours and nothing else."""
    if not folder.exists():
        return
    if not folder.is_dir():
        raise UsageError(f"{folder} is no directory", cure="name one that is new or empty")
    held = {str(file.relative_to(folder)) for file in folder.rglob("*") if not file.is_dir()}
    if others := sorted(held - names):
        raise UsageError(
            f"{folder} holds other things: {', '.join(others[:3])}",
            cure="name a directory that is new or empty",
        )
    if held and _name(folder) != PLUGIN:
        raise UsageError(
            f"{folder} holds something that is not Atlas' plugin",
            cure="name a directory that is new or empty",
        )


def _name(folder: Path) -> str:
    try:
        return str(json.loads(read(folder / MANIFEST) or b"{}")["name"])
    except (ValueError, KeyError, TypeError):
        return ""


def _text(value: dict[str, Any]) -> bytes:
    return json.dumps(value, indent=2, ensure_ascii=False).encode() + b"\n"
