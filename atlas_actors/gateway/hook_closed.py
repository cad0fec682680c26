"""The file by which scripts/hook refuses tools while the daemon cannot be asked."""

from collections.abc import Sequence
from pathlib import Path
from typing import Final

from loguru import logger

from atlas_actors.clients.rules import closed_lines
from atlas_actors.settings import HookRule

FILE: Final = "hooks-closed"


def write_closed(home: Path, rules: Sequence[HookRule]) -> None:
    """Whole or not at all; without such a rule there is no file. A disk that takes no file is no
    reason to keep the door closed: the old one stays, and the log says so."""
    lines = closed_lines(rules)
    try:
        _write(home / FILE, lines)
    except OSError as error:
        logger.error("hook.rules_not_written", file=str(home / FILE), error=error.strerror)


def _write(file: Path, lines: bytes) -> None:
    if not lines:
        file.unlink(missing_ok=True)
        return
    new = file.with_name(f"{FILE}.new")
    new.unlink(missing_ok=True)
    new.touch(mode=0o600)
    new.write_bytes(lines)
    new.replace(file)
