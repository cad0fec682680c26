"""atlas mcp serve: Atlas' tools for MCP clients over stdio, a thin client of the daemon's socket.

It starts without a daemon and finds one that comes later. Nothing but the protocol is on stdout.
The SDK is imported once it runs: it takes most of a second.
"""

import argparse
import json
import os
import signal
import time
import uuid
import warnings
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import anyio

from atlas_actors import __version__
from atlas_actors.cli import async_client, mcp_calls
from atlas_actors.cli.client import NotRunningError
from atlas_actors.cli.mcp_calls import Ask, Caller
from atlas_actors.cli.mcp_places import directory_of, places
from atlas_actors.cli.mcp_tools import BY_NAME, TOOLS, Tool
from atlas_actors.errors import AtlasError, Busy, DeadlinePassed, Unavailable, UsageError
from atlas_actors.gateway.caller import under_executor
from atlas_actors.home import Home
from atlas_actors.projects import project_of
from atlas_actors.providers.cli import MARKER

if TYPE_CHECKING:
    from mcp.server.lowlevel import Server
    from mcp_types import CallToolRequestParams, CallToolResult, ListToolsResult

ROOTS_S: Final = 2.0  # for a client to name its directories
CLIENT_CHARACTERS_MAX: Final = 60
QUOTED: Final = 150
INSTRUCTIONS: Final = (
    "Atlas is a daemon on this machine: it remembers across sessions (recall, remember, brief),"
    " does queued work on the cheapest model that will do (submit_task, follow_task), and knows"
    " what that cost. What it recalls are records of earlier work."
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The options of `atlas mcp serve`: none yet; $ATLAS_HOME says which daemon."""
    parser.description = (
        "An MCP server on stdin and stdout, for a client's settings: the command is `atlas mcp"
        " serve` by its full path."
    )


def run(_options: argparse.Namespace, home: Home) -> int:
    """Serve until stdin ends."""
    # Nothing here is worth an orderly end, and a thread that reads stdin would outlast one.
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    warnings.filterwarnings("ignore", module="mcp")
    anyio.run(_serve, home)
    return 0


async def _serve(home: Home) -> None:
    from mcp.server.stdio import stdio_server

    tools = Tools(partial(async_client.call, home), os.environ, Path.cwd())
    server = tools.server()
    async with stdio_server() as (reads, writes):
        await server.run(reads, writes, server.create_initialization_options())


class Tools:
    """The tools for one connection."""

    def __init__(self, ask: Ask, environment: Any, started_in: Path) -> None:
        self._ask = ask
        self._started_in = started_in
        # Claude Code tells the session's id to what it starts
        self._session = environment.get("CLAUDE_CODE_SESSION_ID") or f"mcp-{uuid.uuid4()}"
        self._in_executor = MARKER in environment or under_executor(os.getppid())
        self._places: tuple[Path, ...] | None = None

    def server(self) -> "Server[Any]":
        """As the SDK serves it."""
        from mcp.server.lowlevel import Server

        return Server(
            "atlas",
            version=__version__,
            title="Atlas",
            instructions=INSTRUCTIONS,
            on_list_tools=self.listed,
            on_call_tool=self.called,
        )

    async def listed(self, _context: Any, _params: Any) -> "ListToolsResult":
        """All tools."""
        from mcp_types import ListToolsResult

        return ListToolsResult(tools=[_described(tool) for tool in TOOLS])

    async def called(self, context: Any, params: "CallToolRequestParams") -> "CallToolResult":
        """One call; what goes wrong is told to the model, with the cure."""
        tool = BY_NAME.get(params.name)
        try:
            if tool is None:
                raise UsageError(f"there is no tool {params.name[:100]}", cure=", ".join(BY_NAME))
            given = params.arguments or {}
            problem = tool.validator.problem(given)
            if problem:
                raise UsageError(_shortened(problem))
            return _result(await self._answer(tool.name, given, context))
        except AtlasError as error:
            return _failed(error)

    async def _answer(self, name: str, given: dict[str, Any], context: Any) -> Any:
        ask = self._ask
        match name:
            case "remember":
                return await mcp_calls.remember(ask, await self._caller(context), given)
            case "recall":
                return await mcp_calls.recall(ask, await self._caller(context), given)
            case "brief":
                return await mcp_calls.brief(ask, await self._caller(context), given)
            case "submit_task":
                caller, where = await self._caller(context), given.get("directory")
                directory = None if where is None else directory_of(where, self._places or ())
                return await mcp_calls.submit_task(ask, caller, given, directory)
            case "follow_task":
                return await mcp_calls.follow_task(ask, given, context.session.report_progress)
            case "get_task":
                return await mcp_calls.get_task(ask, given)
            case "list_tasks":
                return await mcp_calls.list_tasks(ask, given)
            case "cancel_task":
                return await mcp_calls.cancel_task(ask, given)
            case "route":
                return await mcp_calls.route(ask, await self._caller(context), given)
            case "costs":
                return await mcp_calls.costs(ask, given, time.time() * 1000)
        raise AssertionError(f"{name} is described but not answered")

    async def _caller(self, context: Any) -> Caller:
        if self._places is None:
            self._places = places(await _roots(context.session), self._started_in, Path.home())
        told = context.session.client_params
        return Caller(
            client="unknown" if told is None else told.client_info.name[:CLIENT_CHARACTERS_MAX],
            session=self._session,
            project=project_of(self._places[0]) if self._places else None,
            in_executor=self._in_executor,
        )


async def _roots(session: Any) -> list[str]:
    """The addresses of the directories that the client names; none where it does not say."""
    from mcp.shared.exceptions import MCPError

    told = session.client_capabilities
    if told is None or told.roots is None or not session.can_send_request:
        return []
    with anyio.move_on_after(ROOTS_S):
        try:
            return [str(root.uri) for root in (await session.list_roots()).roots]
        except MCPError:  # it offers what it does not do
            return []
    return []


def _shortened(problem: str) -> str:
    """It quotes what was sent, which may be long; what is wrong stands at the end."""
    return problem if len(problem) <= 2 * QUOTED else f"{problem[:QUOTED]}…{problem[-QUOTED:]}"


def _described(tool: Tool) -> Any:
    from mcp_types import Tool as Described
    from mcp_types import ToolAnnotations

    return Described(
        name=tool.name,
        title=tool.title,
        description=tool.about,
        input_schema=tool.takes,
        output_schema=tool.gives,
        annotations=ToolAnnotations(
            title=tool.title,
            read_only_hint=tool.reads_only,
            destructive_hint=tool.destroys,
            idempotent_hint=tool.idempotent or tool.reads_only,
            open_world_hint=tool.name == "submit_task",
        ),
    )


def _result(answer: dict[str, Any] | str) -> "CallToolResult":
    """A text as it is; an object as an object, and as text for clients that know only that."""
    from mcp_types import CallToolResult, TextContent

    if isinstance(answer, str):
        return CallToolResult(content=[TextContent(text=answer)])
    text = json.dumps(answer, ensure_ascii=False)
    return CallToolResult(content=[TextContent(text=text)], structured_content=answer)


def _failed(error: AtlasError) -> "CallToolResult":
    from mcp_types import CallToolResult, TextContent

    return CallToolResult(content=[TextContent(text=told_as(error))], is_error=True)


def told_as(error: AtlasError) -> str:
    """An error in a line: what is wrong, and what to do about it."""
    match error:
        case NotRunningError():
            return f"atlas is not running: scripts/serve --detach starts it ({error.message})"
        case Busy():
            return f"atlas is busy: {error} (again in {error.retry_after_ms / 1000:g} s)"
        case Unavailable():
            part = f" ({error.part})" if error.part else ""
            return f"a part of atlas is degraded{part}: {error}"
        case DeadlinePassed():
            return f"atlas is too slow or stands still: {error}"
        case _:
            return str(error)
