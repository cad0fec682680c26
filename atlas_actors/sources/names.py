"""Names of files as a project keeps them: relative, normal, and none that hides something."""

import posixpath
from typing import Final

PATH_BYTES_MAX: Final = 1_024


def kept_name(path: str) -> str | None:
    """The path as it is kept, relative with slashes; None for one that cannot be in a project."""
    if not path or "\0" in path or path.startswith(("/", "~")):
        return None
    name = posixpath.normpath(path)
    if name in (".", "..") or name.startswith("../"):
        return None
    try:
        long = len(name.encode()) > PATH_BYTES_MAX
    except UnicodeEncodeError:  # bytes that are no UTF-8: SQLite holds no such text
        return None
    return None if long else name
