"""SIGHUP: reads the settings again and adds, removes or replaces executors; work goes on.

Only providers change at run time. Other changed settings are named in the log and wait for the
next start.
"""

import os

import attrs
from loguru import logger

from atlas_actors.cell import Directory
from atlas_actors.config import Config, load
from atlas_actors.errors import AtlasError, SettingsError
from atlas_actors.messages import paths
from atlas_actors.messages.execution import ProvidersChanged
from supervisors.requests import RetireChild, StartChild
from supervisors.tree import Daemon, executor

ASK_S = 15.0


def reload(old: Config, daemon: Daemon, directory: Directory) -> None:
    """Make the providers of `old` what the settings say now; faulty settings change nothing."""
    atlas = directory.ref(paths.ROOT).cell
    try:
        new = load(os.environ)
    except SettingsError as error:
        logger.error("settings.refused", error=str(error))
        atlas.degrade(f"settings were not reloaded: {error}", "correct them, then SIGHUP again")
        return
    strange = {table.tier for table in new.providers.values()} - set(old.routing.tiers)
    if strange:
        atlas.degrade(
            f"settings were not reloaded: new tiers ({', '.join(sorted(strange))}) need a restart",
            "restart the daemon",
        )
        return
    atlas.degrade("", "")
    for field in attrs.fields(Config):
        if field.name != "providers" and getattr(new, field.name) != getattr(old, field.name):
            logger.warning("settings.need_restart", section=field.name)
    executors = directory.ref(paths.EXECUTORS)
    before = dict(old.providers)
    # In place: the specs hold this very mapping, so whoever restarts later gets what holds now.
    old.providers.clear()
    old.providers.update(new.providers)
    for name in before.keys() | new.providers.keys():
        was, will_be = before.get(name), new.providers.get(name)
        if was == will_be:
            continue
        spec = None if will_be is None else executor(daemon, will_be)
        try:
            if was is None and spec is not None:
                executors.ask(StartChild(spec=spec), ASK_S)
            else:
                executors.ask(RetireChild(id=f"executor.{name}", successor=spec), ASK_S)
        except AtlasError as error:  # it could not start: parked or refused, the rest goes on
            logger.error("settings.executor_failed", provider=name, error=str(error))
    changed = ProvidersChanged(
        providers=tuple(attrs.asdict(provider) for provider in new.providers.values())
    )
    for path in (paths.ORCHESTRATOR, paths.ROUTER, paths.STRATEGIES, paths.GATEWAY):
        try:
            directory.ref(path).tell(changed)
        except AtlasError as error:
            logger.error("settings.not_told", path=path, error=str(error))
    logger.info("settings.reloaded", providers=list(new.providers))
