"""One call of the daemon's socket from an event loop: a connection each, so that a daemon that was
away is found again, and a call that is cancelled is hung up at once."""

import json
import os
from contextlib import suppress
from typing import Any, Final

import anyio
from anyio.streams.buffered import BufferedByteReceiveStream

from atlas_actors.cli.client import ANSWER_BYTES_MAX, NotRunningError, error_of, not_running
from atlas_actors.errors import AtlasError, DeadlinePassed
from atlas_actors.home import Home

CALL_S: Final = 20.0


async def call(home: Home, method: str, *, timeout_s: float = CALL_S, **params: Any) -> Any:
    """Ask and wait. Raises the daemon's error as the AtlasError that it is, NotRunningError where
    there is no daemon, DeadlinePassed when it is silent."""
    try:
        with anyio.fail_after(timeout_s):
            return await _called(home, method, params)
    except TimeoutError as error:
        raise DeadlinePassed("the daemon did not answer in time", cure="atlas status") from error


async def _called(home: Home, method: str, params: dict[str, Any]) -> Any:
    request = {"jsonrpc": "2.0", "id": 1, "method": method, "params": params}
    line = json.dumps(request, ensure_ascii=False).encode("utf-8", "replace") + b"\n"
    try:
        stream = await anyio.connect_unix(os.fsdecode(home.socket()))
    except OSError as error:
        raise not_running(home, error) from error
    async with stream:
        with suppress(anyio.BrokenResourceError):  # it hung up, and may have said why before
            await stream.send(line)
        try:
            return await _answer(BufferedByteReceiveStream(stream))
        except (anyio.EndOfStream, anyio.IncompleteRead, anyio.BrokenResourceError) as error:
            raise NotRunningError("the daemon hung up", cure="atlas status") from error


async def _answer(answers: BufferedByteReceiveStream) -> Any:
    """The result; notifications before it are passed over."""
    while True:
        try:
            line = await answers.receive_until(b"\n", ANSWER_BYTES_MAX)
        except anyio.DelimiterNotFound as error:
            raise AtlasError("the daemon's answer is too long") from error
        answer = json.loads(line)
        if not isinstance(answer, dict):
            raise AtlasError("the daemon did not answer in JSON-RPC")
        if "method" in answer:
            continue
        if answer.get("error"):
            raise error_of(answer["error"])
        return answer.get("result")
