"""Accepts connections for as long as there are descriptors, and waits when there are none."""

import errno
from collections.abc import Callable, Coroutine
from typing import Any, Final

import anyio
from anyio.abc import SocketListener, SocketStream
from loguru import logger

PAUSE_S: Final = 0.1  # connections that end meanwhile give their descriptors back
SHORTAGES: Final = (errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM)


async def listen(
    listener: SocketListener, serve: Callable[[SocketStream], Coroutine[Any, Any, None]]
) -> None:
    """Serve each client until cancelled; who cannot be accepted yet waits in the backlog.

    The listener is closed with us, or who waits in its backlog would hang.
    """
    async with listener, anyio.create_task_group() as group:
        short = False
        while True:
            try:
                stream = await listener.accept()
            except anyio.BrokenResourceError as error:
                cause = error.__cause__
                if not isinstance(cause, OSError) or cause.errno not in SHORTAGES:
                    raise
                if not short:
                    logger.warning("gateway.cannot_accept", error=cause.strerror)
                short = True
                await anyio.sleep(PAUSE_S)
            else:
                short = False
                group.start_soon(serve, stream)
