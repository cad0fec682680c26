"""Answers for the rooms that an orchestrator on a stage asks before it gives a task its lane."""

from atlas_actors.messages.routing import Classified
from atlas_actors.messages.strategy import ChooseStrategy, StrategyChosen


def planned(stage, request_id, route, **chosen):
    """What is told once the router has said `route`, and strategies (when asked) nothing, or what
    `chosen` says."""
    return with_strategy(
        stage, stage.give(Classified(request_id=request_id, route=route)), **chosen
    )


def with_strategy(stage, sent, **chosen):
    """What is told once strategies have answered what they are asked in `sent`."""
    for asked in [message for message in sent if isinstance(message, ChooseStrategy)]:
        answer = {"strategy": None, "why": "none can lead", **chosen}
        sent += stage.give(StrategyChosen(request_id=asked.request_id, **answer))
    return sent
