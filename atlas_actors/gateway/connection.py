"""One client's connection: lines in, answers out, every limit answered with an error."""

import contextlib
from collections.abc import Awaitable, Callable
from typing import Any, Final

import anyio
from anyio.abc import ByteStream
from loguru import logger

from atlas_actors.errors import AtlasError, Busy
from atlas_actors.gateway.hook_line import FAILED, PREFIX, HookCall, framed, read_hook
from atlas_actors.gateway.rpc import (
    INTERNAL_ERROR,
    INVALID_REQUEST,
    Call,
    RpcError,
    error_line,
    id_of,
    notification_line,
    read_call,
    result_line,
)
from atlas_actors.settings import SocketSettings

RECEIVE_BYTES: Final = 65_536
LINGER_S: Final = 1.0
SEND_S: Final = 30.0  # a client that does not read for so long is let go
HOOK_BYTES_MAX: Final = 8_388_608
HOOK_HERE_BYTES: Final = 16_384  # a longer line is parsed on a thread: JSON of a MB takes 10 ms

Notify = Callable[[str, dict[str, Any]], Awaitable[None]]
Answer = Callable[[Call, Notify], Awaitable[Any]]
OnHook = Callable[[HookCall], Awaitable[bytes]]


class Connection:
    """Reads lines, runs up to `in_flight_max` calls at a time, and writes their answers.

    A hook's line goes to `on_hook`; what that returns is sent, and the connection ends.
    """

    def __init__(
        self,
        stream: ByteStream,
        settings: SocketSettings,
        answer: Answer,
        on_hook: OnHook | None = None,
        hook_bytes_max: int = HOOK_BYTES_MAX,
        parsing: anyio.CapacityLimiter | None = None,
    ) -> None:
        self._stream = stream
        self._settings = settings
        self._answer = answer
        self._on_hook = on_hook
        self._hook_bytes_max = hook_bytes_max
        self._parsing = parsing
        self._sending = anyio.Lock()
        self._in_flight = 0
        self._scope = anyio.CancelScope()

    async def serve(self) -> None:
        """Until the client goes, is silent too long, or breaks a limit."""
        with self._scope:
            async with anyio.create_task_group() as group:
                try:
                    async with contextlib.aclosing(self._lines()) as lines:
                        async for line in lines:
                            if self._is_hook(line):
                                await self._serve_hook(line)
                                if self._in_flight:  # to cancel nobody takes 0.1 ms, too
                                    group.cancel_scope.cancel()
                                return
                            await self._begin(group, line)
                except RpcError as error:
                    await self._send(error_line(None, error))
                    await self._linger()
                    group.cancel_scope.cancel()
                except (anyio.BrokenResourceError, anyio.ClosedResourceError):
                    group.cancel_scope.cancel()

    async def _linger(self) -> None:
        """Read on for a moment: closing over unread bytes would reset what we have just sent."""
        with contextlib.suppress(anyio.EndOfStream, anyio.BrokenResourceError):
            await self._stream.send_eof()
            with anyio.move_on_after(LINGER_S):
                while True:
                    await self._stream.receive(RECEIVE_BYTES)

    def _is_hook(self, line: bytes | bytearray) -> bool:
        return self._on_hook is not None and line.startswith(PREFIX)

    async def _serve_hook(self, line: bytes) -> None:
        """Answer a hook; one that cannot be answered is told so, and does what its rules say."""
        assert self._on_hook is not None
        client, told = "?", False
        try:
            if len(line) > HOOK_HERE_BYTES:
                call = await anyio.to_thread.run_sync(read_hook, line, limiter=self._parsing)
            else:
                call = read_hook(line)
            client, told = call.client, call.told
            answer = framed(await self._on_hook(call))
        except AtlasError as error:
            logger.warning("gateway.hook_refused", client=client, error=error.message)
            answer = FAILED
        except Exception:  # no fault of one hook may cost another its answer
            logger.exception("gateway.hook_failed", client=client)
            answer = FAILED
        if not told:
            await self._send(answer)

    async def _begin(self, group: anyio.abc.TaskGroup, line: bytes) -> None:
        if self._scope.cancel_called or not line.strip():
            return  # to a client that is gone nothing is answered, however much it has sent
        try:
            call = read_call(line)
        except RpcError as error:
            await self._send(error_line(id_of(line), error))
            return
        if self._in_flight >= self._settings.in_flight_max:
            most = self._settings.in_flight_max
            busy = Busy(f"{most} requests of this connection are in flight", retry_after_ms=100)
            await self._send(error_line(call.id, busy))
            return
        self._in_flight += 1
        group.start_soon(self._serve_call, call)

    async def _serve_call(self, call: Call) -> None:
        try:
            line = result_line(call.id, await self._answer(call, self._notify))
        except AtlasError as error:
            line = error_line(call.id, error)
        except Exception as error:  # the listener outlives any fault of one call
            logger.exception("gateway.call_failed", method=call.method)
            failed = RpcError(INTERNAL_ERROR, f"Atlas failed: {type(error).__name__}")
            line = error_line(call.id, failed)
        finally:
            self._in_flight -= 1
        if call.wants_answer:
            await self._send(line)

    async def _notify(self, method: str, params: dict[str, Any]) -> None:
        await self._send(notification_line(method, params))

    async def _send(self, line: bytes) -> None:
        try:
            # Shielded: a line that was begun is sent whole, or the connection ends.
            with anyio.fail_after(SEND_S, shield=True):
                async with self._sending:
                    await self._stream.send(line)
        except (TimeoutError, anyio.BrokenResourceError, anyio.ClosedResourceError):
            self._scope.cancel()

    async def _lines(self) -> Any:
        """Whole lines. Raises RpcError when one is too long or comes too slowly."""
        settings = self._settings
        buffer = bytearray()
        deadline_s: float | None = None
        while True:
            if buffer and deadline_s is None:
                deadline_s = anyio.current_time() + settings.line_s
            wait_s = settings.idle_s
            if deadline_s is not None:
                wait_s = max(0.0, deadline_s - anyio.current_time())
            try:
                with anyio.fail_after(wait_s):
                    data = await self._stream.receive(RECEIVE_BYTES)
            except TimeoutError:
                if self._in_flight and not buffer:
                    continue  # it waits for us
                raise RpcError(
                    INVALID_REQUEST,
                    f"a line was not complete after {settings.line_s:g} s"
                    if buffer
                    else f"nothing was sent for {settings.idle_s:g} s",
                ) from None
            except anyio.EndOfStream:
                return
            *lines, rest = data.split(b"\n")
            for line in lines:
                buffer += line
                self._check_length(buffer)
                yield bytes(buffer)
                buffer.clear()
                deadline_s = None
            buffer += rest
            self._check_length(buffer)

    def _check_length(self, buffer: bytearray) -> None:
        limit = self._hook_bytes_max if self._is_hook(buffer) else self._settings.line_bytes_max
        if len(buffer) > limit:
            if self._is_hook(buffer):
                logger.warning("gateway.hook_refused", error=f"its line is over {limit} bytes")
            raise RpcError(INVALID_REQUEST, f"a line is longer than {limit} bytes, the limit")
