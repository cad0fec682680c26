"""An httpx transport whose cost for a call does not grow with the number of connections.

httpx's own pool looks at all of its connections at every request (encode/httpx#3215): with 500
slow calls it takes some 30 ms of processor a call here, one pool for each connection 1.5 ms
(scripts/bench cascade).
"""

from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Final

import httpx

IDLE_MAX: Final = 20


class Connections(httpx.AsyncBaseTransport):
    """A stack of transports of one connection each; the latest used is taken first."""

    def __init__(self, make: Callable[[], httpx.AsyncBaseTransport]) -> None:
        self._make = make
        self._idle: list[httpx.AsyncBaseTransport] = []
        self._closed = False

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Send on a connection of its own; it is free again once the answer is closed."""
        connection = self._idle.pop() if self._idle else self._make()
        try:
            response = await connection.handle_async_request(request)
        except BaseException:
            await connection.aclose()
            raise
        assert isinstance(response.stream, httpx.AsyncByteStream)
        stream = _Stream(response.stream, connection, self._release)
        return httpx.Response(
            response.status_code,
            headers=response.headers,
            stream=stream,
            extensions=response.extensions,
        )

    async def aclose(self) -> None:
        """Close what is idle; what is in use is closed with its answer."""
        self._closed = True
        while self._idle:
            await self._idle.pop().aclose()

    async def _release(self, connection: httpx.AsyncBaseTransport) -> None:
        if len(self._idle) < IDLE_MAX and not self._closed:
            self._idle.append(connection)
        else:
            await connection.aclose()


class _Stream(httpx.AsyncByteStream):
    """The body of one answer."""

    def __init__(
        self,
        inner: httpx.AsyncByteStream,
        connection: httpx.AsyncBaseTransport,
        release: Callable[[httpx.AsyncBaseTransport], Awaitable[None]],
    ) -> None:
        self._inner = inner
        self._connection = connection
        self._release = release

    async def __aiter__(self) -> AsyncIterator[bytes]:
        async for data in self._inner:
            yield data

    async def aclose(self) -> None:
        await self._inner.aclose()
        await self._release(self._connection)
