"""The mcp.* methods: how the MCP servers of the clients are, and which are kept started.

A project's own servers are commands that its repository brings. They are run for a person who
names the project or calls from within it, and for [mcp] projects; never for an agent.
"""

from typing import Any, Final

import attrs

from atlas_actors.gateway import mcp_views
from atlas_actors.gateway.caller import Caller, origin_of
from atlas_actors.gateway.door import Door
from atlas_actors.gateway.method import COUNT, ID, NAME, PATH, method
from atlas_actors.gateway.people import only_people
from atlas_actors.json_schema import object_schema
from atlas_actors.messages import paths
from atlas_actors.messages.mcp import CheckServers, FollowCheck, ServersWanted, WarmServers

CHECK_S: Final = 3_600.0  # mcp itself keeps to its deadlines
WARM_S: Final = 900.0
FOLLOW_S: Final = 120.0
LIST_ROWS: Final = 50
_NAMES: Final = {"type": "array", "maxItems": 100, "items": NAME}

METHODS: Final = (
    method(
        "mcp.check",
        "Start or reach the clients' MCP servers and speak with them → {results, problems, note},"
        " or with follow {id, note}. projects: whose .mcp.json is meant too, named by a person;"
        " cwd: the same, and left out (note) for anyone else.",
        object_schema(
            {
                "names": _NAMES,
                "projects": {"type": "array", "maxItems": 20, "items": PATH},
                "cwd": PATH,
                "timeout_s": {"type": "number", "minimum": 0.1, "maximum": 600},
                "follow": {"type": "boolean"},
            }
        ),
    ),
    method(
        "mcp.follow",
        "What a check has come to, once there are more than seen results or it is over →"
        " {names, results, problems, done}.",
        object_schema({"id": ID, "seen": COUNT}, "id"),
    ),
    method(
        "mcp.warmup",
        "Keep these servers started until the daemon ends, or have those of [mcp] warm up now;"
        " cwd: whose own servers are meant too; a person's to call → {results}.",
        object_schema({"names": _NAMES, "cwd": PATH}),
    ),
    method(
        "mcp.status",
        "Every configured server and how it was when last looked at; cwd: whose own are listed"
        " too → {servers, problems}.",
        object_schema({"cwd": PATH}),
    ),
    method(
        "mcp.history",
        "What looks at servers came to, newest first → {checks}.",
        object_schema({"name": NAME, "limit": {"type": "integer", "minimum": 1, "maximum": 1000}}),
    ),
)


async def answer(door: Door, name: str, params: dict[str, Any], caller: Caller) -> Any:
    """One call to its result. Raises AtlasError."""
    match name:
        case "mcp.check":
            return await _check(door, params, caller)
        case "mcp.follow":
            order = FollowCheck(id=params["id"], seen=params.get("seen", 0))
            return attrs.asdict(await door.ask(paths.MCP, order, FOLLOW_S))
        case "mcp.warmup":
            await only_people(door, caller, name)
            wanted = WarmServers(names=tuple(params.get("names", ())), projects=_around(params))
            checked = await door.ask(paths.MCP, wanted, WARM_S)
            return {"results": attrs.asdict(checked)["results"]}
        case "mcp.status":
            known = attrs.asdict(
                await door.call(paths.MCP, ServersWanted(projects=_around(params)))
            )
            rows = await door.read(mcp_views.servers)
            return {
                "servers": mcp_views.joined(known["servers"], rows),
                "problems": known["problems"],
            }
        case "mcp.history":
            limit = params.get("limit", LIST_ROWS)
            return {"checks": await door.read(mcp_views.history, params.get("name"), limit)}
    raise AssertionError(f"{name} is described but not answered")


def _around(params: dict[str, Any]) -> tuple[str, ...]:
    """The directory that the caller is in, when it was told."""
    return (params["cwd"],) if "cwd" in params else ()


async def _check(door: Door, params: dict[str, Any], caller: Caller) -> dict[str, Any]:
    projects, note = tuple(params.get("projects", ())), ""
    if projects:
        await only_people(door, caller, "checking a project's own MCP servers")
    elif "cwd" in params:
        inside = await door.on_thread(lambda: caller.inside)
        if origin_of(inside, own_words=True) == "person":
            projects = _around(params)
        else:
            note = "the project's own servers are left out: they are run for a person only"
    order = CheckServers(
        names=tuple(params.get("names", ())),
        projects=projects,
        timeout_s=params.get("timeout_s"),
        follow=params.get("follow", False),
    )
    answered = await door.ask(paths.MCP, order, CHECK_S)
    return {**attrs.asdict(answered), "note": note}
