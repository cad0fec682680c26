"""What only a person may call: Atlas does not take an agent's word for a person's."""

from atlas_actors.errors import Conflict
from atlas_actors.gateway.caller import Caller, origin_of
from atlas_actors.gateway.door import Door


async def only_people(door: Door, caller: Caller, name: str) -> None:
    """Raises Conflict for a call from inside an agent, or from who knows where."""
    inside = await door.on_thread(lambda: caller.inside)
    if origin_of(inside, own_words=True) != "person":
        raise Conflict(
            f"{name} is a person's to call, and this call comes from inside a coding agent or from"
            " where that cannot be seen",
            cure="call it from a terminal of your own",
        )
