"""Sessions that a client keeps in its own home: which can be gone on with, and which are old."""

import re
from pathlib import Path
from typing import Final

from loguru import logger

from atlas_actors.clock import DAY_MS
from atlas_actors.messages.handoff import Checkpoint
from atlas_actors.providers.cli import Client, Totals

# What is older is not gone on with any more: handoffs are not kept for longer either.
RETENTION_DAYS: Final = 7
_ID: Final = re.compile(r"[0-9A-Za-z][0-9A-Za-z_-]{7,99}")


def session_of(handoff: Checkpoint | None, provider: str, folder: str) -> str:
    """The id of a session of this provider that began in this folder, or an empty text."""
    for session in reversed(handoff.sessions if handoff else ()):
        if session.provider == provider and session.folder == folder and _ID.fullmatch(session.id):
            return session.id
    return ""


def used_by(home: Path, client: Client, session: str) -> Totals | None:
    """What the session had used, as its client will count on; None where there is no transcript
    with an answer in it. From the file, so that it is known after a restart of the daemon too."""
    for file in home.glob(client.TRANSCRIPTS):
        if file.stem.endswith(session):
            try:
                with file.open("rb") as lines:
                    return client.totals_in(lines)
            except OSError as error:
                logger.warning("client.session_unreadable", error=str(error.strerror))
    return None


def forget_old(home: Path, client: Client, now_ms: int) -> int:
    """Delete the transcripts that nobody has written to for RETENTION_DAYS; how many. Only files
    that the client is known to keep, and none through a symlink that leads elsewhere."""
    inside, forgotten = home.resolve(), 0
    for file in home.glob(client.TRANSCRIPTS):
        try:
            age_ms = now_ms - file.lstat().st_mtime * 1000
            if age_ms > RETENTION_DAYS * DAY_MS and file.parent.resolve().is_relative_to(inside):
                file.unlink()
                forgotten += 1
        except OSError as error:
            logger.warning("client.session_not_forgotten", error=str(error.strerror))
    if forgotten:
        logger.info("client.sessions_forgotten", count=forgotten)
    return forgotten
