"""The file by which scripts/hook refuses tools while the daemon cannot be asked."""

from collections.abc import Sequence
from pathlib import Path
from typing import Final

from atlas_actors.clients.rules import closed_lines
from atlas_actors.settings import HookRule

FILE: Final = "hooks-closed"


def write_closed(home: Path, rules: Sequence[HookRule]) -> None:
    """Whole or not at all; without such a rule there is no file. Raises OSError."""
    file = home / FILE
    lines = closed_lines(rules)
    if not lines:
        file.unlink(missing_ok=True)
        return
    new = home / f"{FILE}.new"
    new.unlink(missing_ok=True)
    new.touch(mode=0o600)
    new.write_bytes(lines)
    new.replace(file)
