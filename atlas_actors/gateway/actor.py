"""The door: listens on the Unix socket and turns calls into messages and views into answers."""

import contextlib
import os
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any, Final

import anyio
import attrs
from anyio.abc import SocketAttribute, SocketStream
from loguru import logger

from atlas_actors.actor import Place
from atlas_actors.async_actor import AsyncActor
from atlas_actors.config import Home
from atlas_actors.errors import Busy, Conflict, NotFound, Unavailable
from atlas_actors.gateway import (
    hook,
    hook_after,
    hook_learning,
    memories,
    proposals,
    views,
    workspaces,
)
from atlas_actors.gateway.caller import Caller
from atlas_actors.gateway.connection import Connection, Notify
from atlas_actors.gateway.door import Door
from atlas_actors.gateway.follow import Follower, Followers
from atlas_actors.gateway.hook_cache import keep_compiled
from atlas_actors.gateway.hook_closed import write_closed
from atlas_actors.gateway.hook_desk import HookDesk
from atlas_actors.gateway.listener import listen
from atlas_actors.gateway.methods import answer_of_group, describe, method_for
from atlas_actors.gateway.peer import pid_of, uid_of
from atlas_actors.gateway.privacy import redacted
from atlas_actors.gateway.rpc import INVALID_REQUEST, Call, RpcError, error_line
from atlas_actors.messages import paths
from atlas_actors.messages.cycle import CycleEnded
from atlas_actors.messages.execution import (
    AnswerGrew,
    BreakerChanged,
    ExecutorReported,
    ProvidersChanged,
    ReportExecutor,
    ResetBreaker,
)
from atlas_actors.messages.supervision import RetryChild
from atlas_actors.messages.task import ENDED, SettleWorkspace, TaskChanged
from atlas_actors.messages.workspace import Workspace
from atlas_actors.providers.prices import PriceTable
from atlas_actors.providers.wire import CHARACTERS_PER_TOKEN
from atlas_actors.redaction import Redactor
from atlas_actors.settings import (
    BudgetSettings,
    ContextSettings,
    HookSettings,
    ProviderSettings,
    SocketSettings,
)

Inbox = TaskChanged | AnswerGrew | ExecutorReported | ProvidersChanged | BreakerChanged | CycleEnded
WAIT_MS: Final = 60_000


@attrs.frozen(kw_only=True)
class About:
    """What the daemon says of itself."""

    version: str
    pid: int
    epoch: int
    home: Home


class Gateway(AsyncActor):
    """Owns the socket; every client of Atlas, its own command included, comes through here."""

    inbox = Inbox

    def __init__(
        self,
        place: Place,
        *,
        about: About,
        settings: SocketSettings,
        providers: Mapping[str, ProviderSettings],
        prices: PriceTable,
        budget: BudgetSettings,
        tiers: Sequence[str],
        brief_tokens: int,
        hooks: HookSettings,
        context: ContextSettings,
        learn_with: str = "",
        redactor: Redactor | None = None,
    ) -> None:
        super().__init__(place)
        self._brief_tokens = brief_tokens
        self._learn_with = learn_with
        self._hooks = hooks
        self._context = context
        self._prices = prices
        self._budget = budget
        self._tiers = tiers
        self._redactor = redactor or Redactor()
        self._breakers: dict[str, BreakerChanged] = {}
        self._settling: set[str] = set()  # tasks whose changes are being applied or discarded
        self._about = about
        self._settings = settings
        self._providers = dict(providers)
        self._born_s = place.clock.monotonic_s()
        self._reports: dict[str, ExecutorReported] = {}
        self._followers = Followers()
        self._last_cycle: CycleEnded | None = None
        self._connections = 0
        self._door: Door

    async def on_start_async(self) -> None:
        """Open the socket, readable and writable by its owner only."""
        self._door = Door(
            home=self._about.home,
            providers=self._providers,
            tiers=self._tiers,
            prices=self._prices,
            answer_s=self._settings.answer_s,
            brief_tokens=self._brief_tokens,
            learn_with=self._learn_with,
            redactor=self._redactor,
            ask=self.call,
            tell=self._tell_or_drop,
            clock=self.place.clock,
            hooks=HookDesk(
                settings=self._hooks,
                context=self._context,
                budget_usd=self._budget.usd_per_day,
                degraded=lambda: views.troubles(self.place.directory),
            ),
        )
        write_closed(self._about.home.root, self._hooks.rules)
        await anyio.to_thread.run_sync(keep_compiled)
        socket = self._about.home.socket()
        socket.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        listener = await anyio.create_unix_listener(socket, mode=0o600, backlog=512)
        if socket.parent != self._about.home.root:
            (self._about.home.root / "socket-path").write_text(f"{socket}\n", "utf-8")
        self.spawn(listen, listener, self._serve)
        self.spawn(hook_after.follow, self._door)
        self.spawn(hook_learning.follow, self._door)
        for name in self._providers:
            self.tell(paths.executor(name), ReportExecutor())

    async def on_stop_async(self) -> None:
        """Close the socket; whoever waits sees the connection end."""
        self._about.home.socket().unlink(missing_ok=True)

    def on_receive(self, message: Inbox) -> Any:
        """Table of contents."""
        match message:
            case TaskChanged():
                return self._followers.changed(message)
            case AnswerGrew():
                return self._followers.grew(message)
            case ExecutorReported():
                self._reports[message.provider] = message
                return None
            case CycleEnded():
                self._last_cycle = message
                return None
            case BreakerChanged():
                self._breakers[message.provider] = message
                return None
            case ProvidersChanged():
                old = self._providers
                self._providers = {
                    table["name"]: ProviderSettings(**table) for table in message.providers
                }
                self._breakers = {  # who has changed begins anew
                    name: breaker
                    for name, breaker in self._breakers.items()
                    if name in self._providers and old.get(name) == self._providers[name]
                }
                self._door.providers = self._providers
                return None

    async def _serve(self, stream: SocketStream) -> None:
        async with stream:
            try:
                raw = stream.extra(SocketAttribute.raw_socket)  # noqa: S610 - not Django
                caller = Caller(uid=uid_of(raw), pid=pid_of(raw))
            except OSError:
                return  # it has gone already
            refusal: RpcError | Busy | None = None
            if caller.uid != os.getuid():
                logger.warning("gateway.stranger_refused", uid=caller.uid)
                refusal = RpcError(INVALID_REQUEST, "this daemon serves another user")
            elif self._connections >= self._settings.connections_max:
                refusal = Busy(
                    f"{self._connections} connections are open, the limit",
                    cure="close some, or raise [socket] connections_max",
                )
            if refusal is not None:
                with anyio.move_on_after(1), contextlib.suppress(anyio.BrokenResourceError):
                    await stream.send(error_line(None, refusal))
                return
            self._connections += 1
            try:
                await Connection(
                    stream,
                    self._settings,
                    partial(self._answer, caller),
                    partial(hook.answer_line, self._door),
                    self._hooks.line_bytes_max,
                    self._door.hooks.long,
                ).serve()
            except Exception:  # one client never costs another its connection
                logger.exception("gateway.connection_failed")
            finally:
                self._connections -= 1

    async def _answer(self, caller: Caller, call: Call, notify: Notify) -> Any:
        """One call to its result. Raises AtlasError."""
        method_for(call.method, call.params)
        params = await redacted(self._redactor, call)
        match call.method:
            case "system.ping":
                about = self._about
                return {"pid": about.pid, "version": about.version, "epoch": about.epoch}
            case "system.status":
                return await self._status()
            case "system.tree":
                return views.tree(self.place.directory, self.place.clock)
            case "system.describe":
                return describe()
            case "system.retry":
                return await self._retry_part(params["part"])
            case "task.wait":
                return await self._follow(params, None)
            case "task.follow":
                return await self._follow(params, notify)
            case "task.progress":
                return {"tasks": await self._progress(params["ids"])}
            case "task.apply":
                return await self._settle(params["id"], workspaces.apply)
            case "task.discard":
                return await self._settle(params["id"], workspaces.discard)
            case _:
                return await answer_of_group(self._door, attrs.evolve(call, params=params), caller)

    async def _follow(self, params: dict[str, Any], notify: Notify | None) -> Any:
        """Wait until a task has ended or the time is over, passing on what happens."""
        id = params["id"]
        with self._followers.follow(id) as follower:
            state = await self._door.read(views.state_of, id)
            with anyio.move_on_after(params.get("timeout_ms", WAIT_MS) / 1000):
                while state not in ENDED:
                    state = await _pass_on(follower, notify, state)
                if notify is not None:
                    await _pass_on_rest(follower, notify)
        return await self._door.read(views.task, id)

    async def _progress(self, ids: list[str]) -> list[dict[str, Any]]:
        """Where tasks stand, with what is known of answers that are being written."""
        now_ms = self.place.clock.now_ms()
        found = []
        for row in await self._door.read(views.progress, ids):
            characters, last_line = self._followers.so_far(row["id"])
            began_ms, ended_ms = row.pop("started_at_ms"), row.pop("ended_at_ms")
            running = row["state"] == "in_progress"
            found.append(
                {
                    **row,
                    "elapsed_ms": None if began_ms is None else (ended_ms or now_ms) - began_ms,
                    "tokens": row["tokens"]
                    + (characters // CHARACTERS_PER_TOKEN if running else 0),
                    "last_line": last_line,
                }
            )
        return found

    async def _settle(self, id: str, act: Callable[[Home, str], Workspace]) -> dict[str, Any]:
        """Act on a task's changes, then have it recorded; one at a time for each task."""
        if id in self._settling:
            raise Conflict(f"the changes of task {id} are being settled already")
        self._settling.add(id)
        try:
            workspace = await anyio.to_thread.run_sync(act, self._about.home, id)
            await self._door.call(paths.TASKS, SettleWorkspace(id=id, workspace=workspace))
        finally:
            self._settling.discard(id)
        return workspaces.settled(id, workspace)

    def _tell_or_drop(self, path: str, message: Any) -> None:
        """From outside a handler; who is parked or has too much to do misses it."""
        try:
            self.place.directory.ref(path).tell(message, drop=True)
        except (Unavailable, NotFound) as error:
            logger.debug("gateway.not_told", path=path, error=error.message)

    async def _retry_part(self, part: str) -> dict[str, str]:
        cell = next(
            (
                cell
                for cell in self.place.directory
                if cell.path in (part, paths.executor(part)) or _name(cell.path) == part
            ),
            None,
        )
        if cell is None:
            raise NotFound(f"there is no part {part}", cure="scripts/inspect shows them")
        executor = cell.path.startswith(paths.executor(""))
        if executor:
            name = cell.path.removeprefix(paths.executor(""))
            self.tell(paths.ORCHESTRATOR, ResetBreaker(provider=name))
            self._flush()
        if not executor or cell.state != "running":
            try:
                await self._door.call(cell.path.rpartition("/")[0], RetryChild(path=cell.path))
            except Conflict:
                if cell.state not in ("starting", "running"):  # it has come back by itself
                    raise
        return {"part": cell.path, "state": cell.state}

    async def _status(self) -> dict[str, Any]:
        about = self._about
        return {
            "version": about.version,
            "pid": about.pid,
            "epoch": about.epoch,
            "uptime_ms": round((self.place.clock.monotonic_s() - self._born_s) * 1000),
            "home": str(about.home.root),
            "degraded": views.with_resting(
                views.degraded(self.place.directory), self._breakers.values()
            ),
            "providers": [
                views.provider(
                    name,
                    settings.transport,
                    self.place.directory.find(paths.executor(name)),
                    self._reports.get(name),
                    self._breakers.get(name),
                )
                for name, settings in self._providers.items()
            ],
            "tasks": await self._read_or_none(views.counts),
            "handoffs_open": await self._read_or_none(views.handoffs_open),
            "proposals_open": await self._read_or_none(proposals.open_count),
            "memories": await self._read_or_none(memories.numbers),
            "last_cycle": None if self._last_cycle is None else attrs.asdict(self._last_cycle),
            "cost_today_usd": await self._read_or_none(views.cost_today_usd),
            "counted_today_usd": await self._read_or_none(views.counted_today_usd),
            "budget_today_usd": self._budget.usd_per_day,
        }

    async def _read_or_none(self, view: Any) -> Any:
        """Status answers with what it has; the part that is missing is in `degraded`."""
        try:
            return await self._door.read(view)
        except Unavailable as error:
            logger.warning("gateway.view_missing", error=error.message)
            return None


async def _pass_on(follower: Follower, notify: Notify | None, state: str) -> str:
    """Wait for one event; tell the client; the state after it."""
    event = await follower.next()
    if isinstance(event, TaskChanged):
        state = str(event.state)
    if notify is not None:
        await notify(*_notification(event))
    return state


async def _pass_on_rest(follower: Follower, notify: Notify) -> None:
    for event in follower.rest():
        await notify(*_notification(event))


def _notification(event: TaskChanged | AnswerGrew) -> tuple[str, dict[str, Any]]:
    if isinstance(event, TaskChanged):
        return "task.state", {
            "id": event.id,
            "state": str(event.state),
            "waits_for": event.waits_for,
        }
    return "task.text", {"id": event.task_id, "attempt": event.attempt, "text": event.text}


def _name(path: str) -> str:
    return path.rpartition("/")[2]
