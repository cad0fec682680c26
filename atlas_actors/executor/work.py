"""What a backend is given to do."""

from collections.abc import Callable

import attrs

from atlas_actors.messages.execution import End, Usage
from atlas_actors.messages.handoff import Checkpoint
from atlas_actors.providers.wire import CHARACTERS_PER_TOKEN, Ask, CallEnd

OnText = Callable[[str], None]


@attrs.frozen(kw_only=True)
class Work:
    """One attempt as a backend sees it. `folder` is where a client may look, and with `writes`
    change files; None for a question of text alone, which is one call: there is nothing to go on
    with. `handoff` is what an earlier attempt has left, `on_checkpoint` hears of this one."""

    ask: Ask
    folder: str | None = None
    writes: bool = False
    budget_usd: float | None = None
    handoff: Checkpoint | None = None
    on_checkpoint: Callable[[Checkpoint], None] | None = None


def with_estimate(ended: CallEnd, asked: int, shown: int) -> CallEnd:
    """A call that broke off before it said what it used: what was sent and shown, in characters,
    is what will be billed, roughly."""
    begun = shown > 0 or ended.end is End.TIMED_OUT
    if ended.end is End.ANSWERED or ended.answer.usage != Usage() or not begun:
        return ended
    usage = Usage(input=asked // CHARACTERS_PER_TOKEN, output=shown // CHARACTERS_PER_TOKEN)
    answer = attrs.evolve(ended.answer, usage=usage)
    return attrs.evolve(ended, answer=answer, estimated=True)
