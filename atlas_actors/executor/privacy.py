"""The executor's door of redaction: what came of an attempt, before it becomes a message."""

import attrs

from atlas_actors.messages.execution import CheckRun
from atlas_actors.messages.handoff import Checkpoint
from atlas_actors.providers.wire import CallEnd
from atlas_actors.redaction import Redactor


def redacted_end(redactor: Redactor, ended: CallEnd) -> CallEnd:
    """The answer and the error; what was used stays as it is."""
    answer = attrs.evolve(
        ended.answer,
        text=redactor.text(ended.answer.text),
        finish=redactor.text(ended.answer.finish),
        model=redactor.text(ended.answer.model),
    )
    return attrs.evolve(ended, answer=answer, error=redactor.text(ended.error))


def redacted_check(redactor: Redactor, check: CheckRun | None) -> CheckRun | None:
    """What a check's command has printed."""
    return check and attrs.evolve(check, output=redactor.text(check.output))


def redacted_checkpoint(redactor: Redactor, checkpoint: Checkpoint) -> Checkpoint:
    """Its texts; the sessions' ids and folders are looked up, and stay."""
    return attrs.evolve(
        checkpoint,
        goal=redactor.text(checkpoint.goal),
        done=tuple(map(redactor.text, checkpoint.done)),
        next_steps=tuple(map(redactor.text, checkpoint.next_steps)),
        files=tuple(map(redactor.text, checkpoint.files)),
        last_output=redactor.text(checkpoint.last_output),
    )
