"""Holds the embedded model's server: started on first need, watched, never left behind."""

import json
import os
import secrets
import subprocess
import sys
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any, Final

import anyio
import httpx
from anyio.abc import Process
from loguru import logger

from atlas_actors.config import Home
from atlas_actors.errors import CannotStart, Unavailable
from atlas_actors.model.file import Model, verify
from atlas_actors.settings import ProviderSettings

SERVER: Final = Path(__file__).with_name("embedded_server.py")
START_S: Final = 180.0  # a cold disk and a busy machine
STOP_S: Final = 3.0
FAILED_STARTS_MAX: Final = 4
BACKOFF_S: Final = 1.0


class EmbeddedServer:
    """One child process at most; all methods run on the executor's loop."""

    def __init__(
        self,
        home: Home,
        model: Model,
        settings: ProviderSettings,
        *,
        spawn: Callable[[Callable[[], Coroutine[Any, Any, None]]], None],
        on_change: Callable[[str], None],
    ) -> None:
        self.model = model
        self.state = "ready"  # loading while a child starts
        self._home = home
        self._settings = settings
        self._spawn_task = spawn
        self._on_change = on_change
        self._process: Process | None = None
        self._client: httpx.AsyncClient | None = None
        self._starting = anyio.Lock()
        self._failed_starts = 0
        # Called with the seconds that a start took, and "" or why it failed.
        self.on_start: Callable[[float, str], None] = lambda _took_s, _error: None

    async def client(self) -> httpx.AsyncClient:
        """A client of the running server, started if need be. Raises CannotStart, OSError."""
        async with self._starting:
            if self._process is not None and self._process.returncode is not None:
                await self._forget()
            if self._process is None:
                await self._start()
            assert self._client is not None
            return self._client

    async def stop(self) -> None:
        """End the child: SIGTERM, then SIGKILL."""
        process, self._process = self._process, None
        client, self._client = self._client, None
        if client is not None:
            await client.aclose()
        if process is None or process.returncode is not None:
            return
        process.terminate()
        with anyio.move_on_after(STOP_S):
            await process.wait()
        if process.returncode is None:
            process.kill()
            await process.wait()

    async def _watch(self) -> None:
        """Until the child ends; then it is forgotten, and the next need starts a new one.

        When the executor ends, however that is, this is cancelled and the child ends with it.
        """
        process = self._process
        if process is None:
            return
        try:
            code = await process.wait()
        except anyio.get_cancelled_exc_class():
            if process.returncode is None:
                process.kill()
            raise
        if self._process is process:
            logger.warning("embedded.ended", code=code)
            await self._forget()
            self._change("ready", f"the model's process ended with {code}; it starts again on need")

    async def _forget(self) -> None:
        """The child is gone: close what led to it."""
        self._process = None
        client, self._client = self._client, None
        if client is not None:
            await client.aclose()

    async def _start(self) -> None:
        if self._failed_starts:
            await anyio.sleep(min(30.0, BACKOFF_S * 2 ** (self._failed_starts - 1)))
        await self._check_model()
        self._change("loading", "the model is loading")
        socket = self._home.socket("llm.sock")
        socket.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        socket.unlink(missing_ok=True)
        key = secrets.token_hex(16)
        begun_s = anyio.current_time()
        try:
            self._process = await self._spawn(socket, key)
            with anyio.fail_after(START_S):
                await _wait_for_listen(self._process)
        except (OSError, TimeoutError, EOFError) as error:
            await self._start_failed(error, anyio.current_time() - begun_s)
        except anyio.get_cancelled_exc_class():
            with anyio.CancelScope(shield=True):
                await self.stop()
            raise
        self._failed_starts = 0
        self.on_start(anyio.current_time() - begun_s, "")
        self._client = httpx.AsyncClient(
            transport=httpx.AsyncHTTPTransport(uds=str(socket)),
            base_url="http://localhost",
            headers={"authorization": f"Bearer {key}"},
            timeout=None,  # noqa: S113 - each attempt has its own deadline
        )
        self._spawn_task(self._watch)
        self._change("ready", "")

    async def _check_model(self) -> None:
        """A file that has changed since it was checked is read again before it is loaded."""
        try:
            await anyio.to_thread.run_sync(verify, self._home, self.model, abandon_on_cancel=True)
        except Unavailable as error:
            raise CannotStart(error.message, cure=error.cure) from error

    async def _start_failed(self, error: BaseException, took_s: float) -> None:
        await self.stop()
        self._failed_starts += 1
        reason = str(error) or f"it did not answer in {START_S:g} s"
        logger.error("embedded.start_failed", error=reason, times=self._failed_starts)
        self.on_start(took_s, reason)
        self._change("ready", "")
        if self._failed_starts >= FAILED_STARTS_MAX:
            raise CannotStart(
                f"the embedded model's process does not start: {reason}",
                cure=f"see {self._home.log / 'embedded.log'}",
            )
        raise OSError(f"the embedded model's process did not start: {reason}")

    async def _spawn(self, socket: Path, key: str) -> Process:
        settings = {
            "socket": str(socket),
            "model": str(self.model.path),
            "name": self.model.name,
            "context_tokens": self._settings.context_tokens,
            "idle_unload_s": int(self._settings.idle_unload_s),
            "parent": os.getpid(),
        }
        with (self._home.log / "embedded.log").open("wb") as log:
            process = await anyio.open_process(
                [sys.executable, "-I", str(SERVER), json.dumps(settings)],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=log,
                env={"PATH": os.environ.get("PATH", ""), "LANG": "C.UTF-8"},
                start_new_session=True,
            )
        assert process.stdin is not None
        await process.stdin.send(f"{key}\n".encode())  # stays open: its end is the child's
        return process

    def _change(self, state: str, note: str) -> None:
        self.state = state
        self._on_change(note)


async def _wait_for_listen(process: Process) -> None:
    assert process.stdout is not None
    seen = b""
    while b"LISTEN" not in seen:
        try:
            seen += await process.stdout.receive(4096)
        except anyio.EndOfStream:
            code = await process.wait()
            raise EOFError(f"its process ended with {code} while it started") from None
