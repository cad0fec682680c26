"""A user's home, a project and an Atlas home, all below one directory."""

import attrs

from atlas_actors.clients.install.installer import HOOK, Where


def place(folder, **changes):
    """Where an installer of this test works; the programs in it are not looked for."""
    home = folder / "home"
    (folder / "project").mkdir(parents=True, exist_ok=True)
    (home / ".atlas").mkdir(parents=True, exist_ok=True)
    where = Where(
        scope="user",
        home=home,
        project=folder / "project",
        atlas_home=home / ".atlas",
        claude_dir=home / ".claude",
        codex_dir=home / ".codex",
        python="/bin/sh",
        hook=HOOK,
        search_path=str(folder / "bin"),
    )
    return attrs.evolve(where, **changes)


def tree(folder):
    """Every file below it with its bytes, and every directory."""
    return {
        str(path.relative_to(folder)): None if path.is_dir() else path.read_bytes()
        for path in folder.rglob("*")
    }
