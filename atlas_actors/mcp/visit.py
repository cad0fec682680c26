"""One server spoken to with the official SDK: initialize, tools/list, ping; in the host process."""

import errno
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any, Final

import anyio
import httpx2
from mcp import Client, MCPError
from mcp.client.sse import sse_client
from mcp.client.streamable_http import streamable_http_client
from mcp_types import METHOD_NOT_FOUND, UNSUPPORTED_PROTOCOL_VERSION, Implementation

from atlas_actors import __version__
from atlas_actors.mcp.pipe import Pipe
from atlas_actors.mcp.web import Web

PAGES_MAX: Final = 50
TOOLS_NAMED: Final = 200
NAME_CHARACTERS: Final = 200
ERROR_CHARACTERS: Final = 2_000
_GIVEN_UP: Final = "it did not answer in {:g} s"
_NO_SUCH_PROGRAM: Final = (errno.ENOENT, errno.ENOTDIR)


class Visit:
    """One try at one server: `look` once, or `stay` with it. Never raises what the server did."""

    def __init__(self, server: dict[str, Any], mark: str, timeout_s: float) -> None:
        self._server = server
        self._mark = mark
        self._timeout_s = timeout_s
        self._pipe: Pipe | None = None
        self._web: Web | None = None
        self._stage = "start"
        self.facts: dict[str, Any] = {}

    async def look(self) -> dict[str, Any]:
        """Connect, ask, leave; what it came to."""
        return await self._within(self._timeout_s, self._look)

    async def stay(
        self, every_s: float, told: Callable[[dict[str, Any]], Awaitable[None]]
    ) -> dict[str, Any]:
        """Connect, tell what that came to, and ping for as long as it answers; how it ended."""

        async def staying(limit: anyio.CancelScope) -> None:
            async with self._client() as client:
                await self._ask(client)
                limit.deadline = float("inf")
                await told(self._result("", ""))
                while await self._is_there_for(every_s):
                    self._reset()
                    self._stage = "ping"
                    with anyio.fail_after(self._timeout_s):
                        await _ping(client)

        return await self._within(self._timeout_s, staying)

    async def _within(
        self, seconds: float, work: Callable[[anyio.CancelScope], Awaitable[None]]
    ) -> dict[str, Any]:
        began_s = time.monotonic()
        kind = error = ""
        with anyio.move_on_after(seconds) as limit:
            try:
                await work(limit)
            except BaseExceptionGroup as group:
                _, others = group.split(anyio.get_cancelled_exc_class())
                if others is None:
                    raise
                kind, error = self._reason(_first(others))
            except Exception as one:
                kind, error = self._reason(one)
        if limit.cancelled_caught and not error:
            kind, error = self._late(_GIVEN_UP.format(seconds))
        return self._result(kind, error, took_s=time.monotonic() - began_s)

    async def _look(self, _: anyio.CancelScope) -> None:
        async with self._client() as client:
            await self._ask(client)

    @asynccontextmanager
    async def _client(self) -> AsyncIterator[Client]:
        """Connected by the handshake; a server that has none is of 2026-07-28 or later."""
        async with AsyncExitStack() as stack:
            try:
                client = await stack.enter_async_context(self._connected("legacy"))
            except (MCPError, BaseExceptionGroup) as error:
                if self._stage != "initialize" or not _is_modern(_first(error)):
                    raise
                self._stage = "start"
                client = await stack.enter_async_context(self._connected("auto"))
            yield client

    @asynccontextmanager
    async def _connected(self, mode: str) -> AsyncIterator[Client]:
        client = Client(
            self._transport(),
            mode=mode,
            cache=None,
            client_info=Implementation(name="atlas", version=__version__),
        )
        began_s = time.monotonic()
        async with client:
            self.facts["initialize_ms"] = _ms(began_s)
            yield client

    @asynccontextmanager
    async def _transport(self) -> AsyncIterator[Any]:
        """Connected; whatever goes wrong from here on, the server was there."""
        async with self._streams() as streams:
            self._stage = "initialize"
            yield streams

    def _streams(self) -> AbstractAsyncContextManager[Any]:
        server = self._server
        if server["transport"] == "stdio":
            self._pipe = Pipe(server, self._mark)
            return self._pipe.streams()
        self._web = Web(server["headers"])
        if server["transport"] == "sse":
            return sse_client(
                server["url"], timeout=self._timeout_s, httpx_client_factory=self._web.client
            )
        return self._over_http(server["url"], self._web)

    @asynccontextmanager
    async def _over_http(self, url: str, web: Web) -> AsyncIterator[Any]:
        async with (
            web.client(timeout=httpx2.Timeout(self._timeout_s, read=300.0)) as http,
            streamable_http_client(url, http_client=http) as streams,
        ):
            yield streams

    async def _ask(self, client: Client) -> None:
        about = client.server_info
        self.facts |= {
            "protocol_version": str(client.protocol_version)[:NAME_CHARACTERS],
            "server_name": (about.name if about else "")[:NAME_CHARACTERS],
            "server_version": (about.version if about else "")[:NAME_CHARACTERS],
        }
        self._stage = "tools"
        began_s = time.monotonic()
        names = await _tools(client)
        self.facts |= {
            "tools": len(names),
            "tool_names": [name[:NAME_CHARACTERS] for name in names[:TOOLS_NAMED]],
            "tools_ms": _ms(began_s),
        }
        self._stage = "ping"
        if client.session.initialize_result is not None:
            began_s = time.monotonic()
            await _ping(client)
            self.facts["ping_ms"] = _ms(began_s)
        self._stage = "done"

    async def _is_there_for(self, seconds: float) -> bool:
        """Whether nothing has ended it meanwhile. Raises EOFError."""
        with anyio.move_on_after(seconds):
            if self._pipe is None:
                await anyio.sleep_forever()
            else:
                await self._pipe.gone.wait()
                raise EOFError("it ended")
        return True

    def _reset(self) -> None:
        for one in (self._pipe, self._web):
            if one is not None:
                one.reset()

    def _reason(self, error: BaseException) -> tuple[str, str]:
        """(kind, text) of what went wrong: what the server did before how the SDK puts it."""
        for source in (self._pipe, self._web):
            if source is not None and source.fault is not None:
                return source.fault
        if self._pipe is not None:
            return self._reason_of_pipe(self._pipe, error)
        if isinstance(error, TimeoutError | httpx2.TimeoutException):
            return "late", _GIVEN_UP.format(self._timeout_s)
        if isinstance(error, httpx2.ConnectError):
            return "refused", f"it cannot be reached: {error}"
        status = self._web.status if self._web else None
        if status is not None and status >= 400:
            return "status", f"it answers HTTP {status}"
        return "protocol", _words(error)

    def _reason_of_pipe(self, pipe: Pipe, error: BaseException) -> tuple[str, str]:
        if isinstance(error, OSError) and not pipe.started:
            return _reason_of_start(error, self._server["folder"])
        if isinstance(error, ValueError) and not pipe.started:
            return "protocol", f"it cannot be started: {error}"
        if isinstance(error, TimeoutError):
            return self._late(_GIVEN_UP.format(self._timeout_s))
        if pipe.ended:
            said = f": {pipe.complaint}" if pipe.complaint else ""
            code = "" if pipe.exit_code is None else f" with {pipe.exit_code}"
            return "ended", f"it ended{code}{said}"
        return "protocol", _words(error)

    def _late(self, text: str) -> tuple[str, str]:
        pipe = self._pipe
        if pipe is None:
            return "late", text
        if pipe.fault is not None:
            return pipe.fault
        if pipe.garbage:
            return "garbage", f"{text}, and prints what is no message: {pipe.first_garbage}"
        said = f"; it says: {pipe.complaint}" if pipe.complaint else ""
        return "late", f"{text}{said}"

    def _result(self, kind: str, error: str, took_s: float | None = None) -> dict[str, Any]:
        failed = bool(kind or error)
        return {
            **self.facts,
            "ok": not failed,
            "stage": self._stage,
            "kind": kind,
            "error": error[:ERROR_CHARACTERS],
            "status": self._web.status if self._web is not None and failed else None,
            "took_ms": None if took_s is None else round(took_s * 1000, 1),
        }


async def _tools(client: Client) -> list[str]:
    """The names of all its tools. Raises MCPError, ValueError for a list without end."""
    if client.server_capabilities.tools is None:
        return []
    names: list[str] = []
    cursor: str | None = None
    for _ in range(PAGES_MAX):
        page = await client.list_tools(cursor=cursor)
        names += [tool.name for tool in page.tools]
        cursor = page.next_cursor
        if cursor is None:
            return names
    raise ValueError(f"its list of tools has more than {PAGES_MAX} pages")


async def _ping(client: Client) -> None:
    """Any answer will do, also that it knows no ping; newer protocols have none."""
    if client.session.initialize_result is None:
        await client.list_tools()
        return
    try:
        await client.session.send_ping()
    except MCPError as error:
        if error.code != METHOD_NOT_FOUND:
            raise


def _is_modern(error: BaseException) -> bool:
    return isinstance(error, MCPError) and error.code in (
        METHOD_NOT_FOUND,
        UNSUPPORTED_PROTOCOL_VERSION,
    )


def _reason_of_start(error: OSError, folder: str) -> tuple[str, str]:
    if error.errno in _NO_SUCH_PROGRAM:
        if not Path(folder).is_dir():
            return "no_folder", f"its directory does not exist: {folder}"
        return "not_found", "its program is not found"
    if isinstance(error, PermissionError):
        return "denied", "its program may not be executed"
    return "protocol", f"it cannot be started: {error.strerror}"


def _first(error: BaseException) -> BaseException:
    """What went wrong, out of the groups that tasks put it into."""
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    return error


def _words(error: BaseException) -> str:
    text = str(error) or type(error).__name__
    if isinstance(error, MCPError):
        return f"it answers with an error: {text}"
    return f"its answers are no MCP: {text}" if isinstance(error, ValueError) else text


def _ms(began_s: float) -> float:
    return round((time.monotonic() - began_s) * 1000, 1)
