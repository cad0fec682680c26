"""Where a home's files are; it imports little, since each command of the CLI begins with it."""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Final

import attrs

# A Unix socket's address holds about 108 bytes; some systems have 104.
SOCKET_PATH_BYTES_MAX: Final = 100


@attrs.frozen(kw_only=True)
class Home:
    """The paths below $ATLAS_HOME."""

    root: Path

    @property
    def state(self) -> Path:
        """The databases."""
        return self.root / "state"

    @property
    def models(self) -> Path:
        """The embedded model's file."""
        return self.root / "models"

    @property
    def workspaces(self) -> Path:
        """Where tasks work that may change files."""
        return self.root / "workspaces"

    @property
    def prices(self) -> Path:
        """The user's rows of the table of prices."""
        return self.root / "prices.toml"

    @property
    def log(self) -> Path:
        """The log files."""
        return self.root / "log"

    @property
    def redaction_key(self) -> Path:
        """What the marks of secrets are keyed with."""
        return self.root / "redaction.key"

    @property
    def files(self) -> Path:
        """Long texts of tasks, by the hash of their content."""
        return self.root / "files"

    @property
    def lock(self) -> Path:
        """Held by the one daemon of this home; its text is the pid."""
        return self.root / "atlas.lock"

    def socket(self, name: str = "atlas.sock") -> Path:
        """Where a socket of this home is; a short path elsewhere when ours is too long."""
        path = self.root / name
        if len(os.fsencode(path)) <= SOCKET_PATH_BYTES_MAX:
            return path
        runtime = Path(os.environ.get("XDG_RUNTIME_DIR") or "/tmp")  # noqa: S108 - 0700 below
        key = format(hash_of(os.fsencode(self.root)), "016x")
        return runtime / f"atlas-{os.getuid()}-{key}" / name


def home_from(environment: Mapping[str, str]) -> Home:
    """$ATLAS_HOME, else ~/.atlas; absolute."""
    given = environment.get("ATLAS_HOME")
    root = Path(given) if given else Path.home() / ".atlas"
    return Home(root=Path(os.path.abspath(root.expanduser())))  # noqa: PTH100 - keeps links


def hash_of(data: bytes) -> int:
    """A stable 64-bit hash (FNV-1a), for short names."""
    value = 0xCBF29CE484222325
    for byte in data:
        value = ((value ^ byte) * 0x100000001B3) & 0xFFFFFFFFFFFFFFFF
    return value
