"""An actor whose own thread runs one anyio loop: for what waits on sockets and processes."""

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any

import anyio
from anyio.abc import TaskGroup
from loguru import logger

from atlas_actors.actor import Actor, OrderedFailureError, Place
from atlas_actors.awake_loop import AwakeLoop
from atlas_actors.errors import AtlasError, DeadlinePassed
from atlas_actors.mailbox import Envelope, Reply
from atlas_actors.messages.supervision import Ending, FailNow, Stop


class AsyncActor(Actor):
    """Handlers stay synchronous; what waits runs in `spawn`ed tasks of one task group.

    When a task fails, the group is cancelled and this incarnation ends: all its calls end with
    it. Everything runs on the actor's one thread.
    """

    def __init__(self, place: Place) -> None:
        super().__init__(place)
        self._loop: asyncio.AbstractEventLoop
        self._group: TaskGroup
        self._woken = False
        self._over: asyncio.Event
        self._ending = Ending.NORMAL
        self._crash: BaseException | None = None

    async def on_start_async(self) -> None:
        """Prepare; the parent waits for this to return."""

    async def on_stop_async(self) -> None:
        """Tidy up while tasks still run; they are cancelled after it."""

    def spawn(self, work: Callable[..., Coroutine[Any, Any, None]], *arguments: Any) -> None:
        """Run a coroutine function beside the mailbox."""
        self._group.start_soon(work, *arguments)

    async def call(self, path: str, message: Any, timeout_s: float) -> Any:
        """Ask another actor without blocking the loop. Raises its error, or DeadlinePassed."""
        future: asyncio.Future[Reply] = self._loop.create_future()

        def finish(reply: Reply) -> None:
            if not future.done():
                future.set_result(reply)

        def hand_over(reply: Reply) -> None:
            try:
                self._loop.call_soon_threadsafe(finish, reply)
            except RuntimeError:
                return  # our loop is closed: nobody waits for this answer any more

        self.place.directory.ref(path).send(message, hand_over)
        try:
            reply = await asyncio.wait_for(future, timeout_s)
        except TimeoutError:
            raise DeadlinePassed(
                f"{path} did not answer {type(message).__name__} in {timeout_s:g} s"
            ) from None
        if reply.error is not None:
            raise reply.error
        return reply.value

    def end(self) -> None:
        """End normally, also from inside a task."""
        super().end()
        self._over.set()

    def after(self, delay_s: float, message: Any) -> None:
        """Handle `message` in `delay_s` seconds; dies with us."""
        self._loop.call_later(delay_s, self._handle_in_loop, Envelope(message, None))

    def _life(self) -> Ending:
        self.set_up()
        try:
            anyio.run(self._run, backend_options={"loop_factory": AwakeLoop})
        except BaseExceptionGroup as group:
            raise _first(group) from group
        return self._ending

    async def _run(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._loop.set_exception_handler(self._on_loop_error)
        self._over = asyncio.Event()
        unregister = self.place.fence.on_drop(self._cancel_from_outside)
        try:
            async with anyio.create_task_group() as self._group:
                try:
                    await self._run_until_over()
                finally:  # no mail is taken once the group is ending
                    self._mailbox.on_put = None
                    self._over.set()
                self._group.cancel_scope.cancel()
        finally:
            unregister()
        self.place.fence.check()

    async def _run_until_over(self) -> None:
        await self.on_start_async()
        self._flush()
        self._mailbox.on_put = self._wake
        self.started()
        self._wake()
        await self._over.wait()
        if self._crash is not None:
            raise self._crash
        self.place.fence.check()
        await self.on_stop_async()
        self._flush()

    def _wake(self) -> None:
        """From any thread: let the loop look into the mailbox, once for many puts."""
        if not self._woken:
            self._woken = True
            try:
                self._loop.call_soon_threadsafe(self._drain)
            except RuntimeError:
                return  # the loop is closed: the next incarnation drains

    def _drain(self) -> None:
        self._woken = False
        for _ in range(256):
            if self._over.is_set() or self.place.fence.down:
                return
            item = self._mailbox.get(timeout_s=0)
            if self.place.fence.is_down():
                self._mailbox.give_back(item)
                return
            if item is None:
                return
            if isinstance(item, Envelope):
                self._handle_in_loop(item)
            elif isinstance(item, Stop):
                self._ending = Ending.SHUTDOWN
                self._over.set()
            elif isinstance(item, FailNow):
                self._crash = OrderedFailureError(item.error)
                self._over.set()
            if self._ends:
                self._over.set()
        self._wake()

    def _handle_in_loop(self, envelope: Envelope[Any]) -> None:
        """Handle one envelope; a crash ends the whole group."""
        try:
            self._handle(envelope)
        except BaseException as error:  # raised again in _run, which ends the group
            self._crash = error
            self._over.set()

    def _on_loop_error(self, _: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
        """What failed in a callback of the loop itself, where nobody waits for it."""
        error = context.get("exception")
        if isinstance(error, asyncio.InvalidStateError):
            return  # anyio: a socket became readable in the moment its reader was cancelled
        logger.error("loop.failed", path=self.path, error=str(error or context.get("message")))

    def _cancel_from_outside(self) -> None:
        try:
            self._loop.call_soon_threadsafe(self._group.cancel_scope.cancel)
        except (RuntimeError, AttributeError):
            return  # it is over already, or had not begun


def _first(group: BaseExceptionGroup[BaseException]) -> BaseException:
    """The failure that ended the group, preferring ours to cancellations."""
    errors: list[BaseException] = []
    for error in group.exceptions:
        errors.append(_first(error) if isinstance(error, BaseExceptionGroup) else error)
    declared = [error for error in errors if isinstance(error, AtlasError)]
    return (declared or errors)[0]
