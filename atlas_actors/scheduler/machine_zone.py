"""The name of the machine's own time zone."""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from atlas_actors.errors import UsageError
from atlas_actors.scheduler.local_time import zone_of

ZONE_FOLDER: Final = "zoneinfo/"


def machine_zone(environment: Mapping[str, str] = os.environ, etc: Path = Path("/etc")) -> str:
    """$TZ, else what /etc/localtime points at, else what /etc/timezone says, by IANA name.

    A machine without any of them runs on UTC. Raises UsageError when it has a zone without a name
    (a copied /etc/localtime, a rule such as CET-1CEST in $TZ): it could change under a schedule.
    """
    given = environment.get("TZ", "").removeprefix(":")
    if given:
        return _known(given, "$TZ")
    link = etc / "localtime"
    if link.is_symlink():
        _, folder, name = str(link.resolve()).rpartition(ZONE_FOLDER)
        if folder:
            return _known(name, str(link))
    text = etc / "timezone"
    if text.is_file() and (name := text.read_text("utf-8", "replace").strip()):
        return _known(name, str(text))
    if link.exists():
        raise _nameless(f"{link} names none")
    return "UTC"


def _known(name: str, origin: str) -> str:
    # A link may lead through the folders "posix" and "right" to the same names.
    name = name.removeprefix("posix/").rpartition(ZONE_FOLDER)[2]
    try:
        zone_of(name)
    except UsageError as error:
        raise _nameless(f"{origin} says {name}") from error
    return name


def _nameless(why: str) -> UsageError:
    return UsageError(
        f"the time zone of this machine has no name that can be kept: {why}",
        cure="name one: --timezone Europe/Berlin",
    )
