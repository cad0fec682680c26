"""A door of the gateway whose actors are a function of the test's."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

from atlas_actors.clock import SystemClock
from atlas_actors.config import load
from atlas_actors.gateway.door import Door
from atlas_actors.gateway.hook_desk import HookDesk


def door_on(
    home: Path, asked: list[tuple[str, Any]], answer: Callable[[Any], Any] = lambda _: None
) -> Door:
    """Notes in `asked` who is asked what, and answers with `answer` of the message."""
    config = load({"ATLAS_HOME": str(home)})

    async def ask(path: str, message: Any, _timeout_s: float) -> Any:
        asked.append((path, message))
        return answer(message)

    return Door(
        home=config.home,
        providers=dict(config.providers),
        tiers=config.routing.tiers,
        prices=config.prices,
        answer_s=5.0,
        brief_tokens=config.memory.brief_tokens,
        learn_with=config.memory.learn_with,
        ask=ask,
        tell=lambda path, message: asked.append((path, message)),
        clock=SystemClock(),
        hooks=HookDesk(settings=config.hooks, context=config.context),
    )
