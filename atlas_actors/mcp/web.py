"""An HTTP client for the SDK whose answers are bounded and whose last status is kept.

Loaded in the host process only. Redirects to other hosts are not followed: the SDK sees to that.
"""

from collections.abc import AsyncIterator
from typing import Any, Final

import httpx2

BYTES_MAX: Final = 32 * 1_048_576  # between two resets


class Web:
    """What one server has answered over HTTP; `fault` is what made us give up on it."""

    def __init__(self, headers: dict[str, str]) -> None:
        self._headers = headers
        self._bytes = 0
        self.status: int | None = None
        self.fault: tuple[str, str] | None = None

    def reset(self) -> None:
        """Count what it answers from nothing."""
        self._bytes = 0

    def client(
        self,
        headers: dict[str, str] | None = None,
        timeout: httpx2.Timeout | None = None,
        auth: httpx2.Auth | None = None,
    ) -> httpx2.AsyncClient:
        """A client; the parameters are those that the SDK calls a factory with."""
        return httpx2.AsyncClient(
            # Compressed, a small answer could be a huge one.
            headers={**self._headers, **(headers or {}), "accept-encoding": "identity"},
            timeout=timeout or httpx2.Timeout(30.0, read=300.0),
            auth=auth,
            event_hooks={"response": [self._on_response]},
        )

    async def _on_response(self, response: httpx2.Response) -> None:
        if response.request.method == "POST" or self.status is None:
            self.status = response.status_code
        encoding = response.headers.get("content-encoding", "identity")
        if encoding != "identity":
            self.fault = ("protocol", f"it answers in {encoding[:30]}, which was not asked for")
            raise httpx2.DecodingError("compressed", request=response.request)
        response.stream = _Bounded(response.stream, self)

    def count(self, size: int) -> None:
        """Raises httpx2.ReadError once it is too much."""
        self._bytes += size
        if self._bytes > BYTES_MAX:
            self.fault = ("flood", f"it answers without end: {self._bytes:,} bytes")
            raise httpx2.ReadError("too long")


class _Bounded(httpx2.AsyncByteStream):
    def __init__(self, stream: Any, web: Web) -> None:
        self._stream = stream
        self._web = web

    async def __aiter__(self) -> AsyncIterator[bytes]:
        async for data in self._stream:
            self._web.count(len(data))
            yield data

    async def aclose(self) -> None:
        await self._stream.aclose()
