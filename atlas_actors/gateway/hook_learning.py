"""Memory reads the transcripts of sessions that hooks have told of, one after the other."""

import os
from typing import Final

from loguru import logger

from atlas_actors.errors import AtlasError
from atlas_actors.gateway import learn
from atlas_actors.gateway.caller import Caller
from atlas_actors.gateway.door import Door
from atlas_actors.messages import paths
from atlas_actors.messages.client import LearningDone, LearningDue, LearningWanted

CALLS_MAX: Final = 1_000  # of one transcript, each of some megabytes
TRIES_MAX: Final = 3  # of one piece of a session, in one life of the daemon

Tries = dict[tuple[str, str, int], int]


async def follow(door: Door) -> None:
    """For as long as the gateway lives; begins with what was due before."""
    tries: Tries = {}
    while True:
        try:
            await work_off(door, tries)
        except Exception:  # one transcript that we cannot read does not close the door
            logger.exception("hook.learning_failed")
        await door.hooks.learning.wished()


async def work_off(door: Door, tries: Tries) -> None:
    """All that is due, each session once; what fails stays due."""
    try:
        due: tuple[LearningDue, ...] = await door.call(paths.SESSIONS, LearningWanted())
    except AtlasError as error:
        logger.debug("hook.learning_unknown", error=error.message)
        return
    for one in due:
        key = (one.client, one.session, one.seq)
        if tries.get(key, 0) < TRIES_MAX:
            tries[key] = tries.get(key, 0) + 1
            await _learn(door, one)
    kept = {(one.client, one.session, one.seq) for one in due}
    for key in tries.keys() - kept:
        del tries[key]


async def _learn(door: Door, due: LearningDue) -> None:
    """One transcript to its end."""
    params = {
        "client": due.client,
        "session": due.session,
        "transcript_path": due.transcript_path,
        "event": due.event,
    }
    if due.project:
        params["project"] = due.project
    lessons = 0
    try:
        for _ in range(CALLS_MAX):
            answer = await learn.answer(door, "learn.turns", params, Caller(uid=os.getuid()))
            lessons += len(answer["lessons"])
            if not answer["more"]:
                break
        done = LearningDone(client=due.client, session=due.session, seq=due.seq)
        await door.call(paths.SESSIONS, done)
    except AtlasError as error:
        logger.warning("hook.learning_failed", client=due.client, error=error.message)
        return
    logger.info("hook.learned", client=due.client, lessons=lessons)
