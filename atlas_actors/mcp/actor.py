"""Looks at the MCP servers that clients are configured with, and keeps started what is wanted.

Server programs run below a host process of their own (host.py); this actor decides what is looked
at, keeps what came of it, and tells who waits.
"""

import itertools
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final
from uuid import uuid4

import anyio
from loguru import logger

from atlas_actors.actor import LATER, Place
from atlas_actors.async_actor import AsyncActor
from atlas_actors.clock import DAY_MS
from atlas_actors.errors import AtlasError, Busy, DeadlinePassed, NotFound, Unavailable, UsageError
from atlas_actors.home import Home
from atlas_actors.mailbox import Reply
from atlas_actors.mcp import hosts, places
from atlas_actors.mcp.checks import KEPT_MAX, Check
from atlas_actors.mcp.choose import chosen
from atlas_actors.mcp.health import Looker
from atlas_actors.mcp.history import History
from atlas_actors.mcp.keeping import Keeper
from atlas_actors.mcp.looking import look
from atlas_actors.mcp.servers import Found, Server
from atlas_actors.mcp.warmth import Warmth, trouble
from atlas_actors.messages.mcp import (
    CheckBegun,
    CheckDue,
    CheckServers,
    FollowCheck,
    KnownServer,
    RowsDue,
    ServerHealth,
    ServersKnown,
    ServersWanted,
    WarmDue,
    WarmServers,
    Why,
)
from atlas_actors.orphans import end_marked
from atlas_actors.redaction import Redactor
from atlas_actors.settings import McpSettings

Inbox = CheckServers | FollowCheck | WarmServers | ServersWanted | CheckDue | WarmDue | RowsDue
CHECKS_MAX: Final = 4  # at a time
FIND_S: Final = 10.0  # a home on a slow disk
CHECK_EVERY_MIN_S: Final = 60.0
FIRST_CHECK_S: Final = 30.0  # the parts have much to do when the daemon has just begun
PRUNE_EVERY_S: Final = 3_600.0


class Mcp(AsyncActor):
    """Owns mcp_health.db. `environment`: where the settings of clients are looked for, and what
    their variables mean; the daemon's own."""

    inbox = Inbox

    def __init__(
        self,
        place: Place,
        *,
        database: Path,
        home: Home,
        settings: McpSettings,
        redactor: Redactor | None = None,
        environment: Mapping[str, str] | None = None,
        program: Sequence[str] = hosts.PROGRAM,
    ) -> None:
        super().__init__(place)
        self._database = database
        self._settings = settings
        self._redactor = redactor or Redactor()
        self._environment = os.environ if environment is None else environment
        self._scratch = str(home.root / "mcp")  # no folder: the mark of what we start
        self._program = program
        self._person_home = self._environment.get("HOME") or str(Path.home())
        self._checks: dict[str, Check] = {}
        self._warming: list[tuple[Check, set[str]]] = []
        self._warm_of: dict[str, tuple[str, ...]] = {}  # whose servers a person has kept, by name
        self._keeper = Keeper(
            self,
            looker=lambda timeout_s: self._looker("warm", timeout_s),
            spec_of=self._spec_of,
            told=self._on_warmth,
            home=self._person_home,
            scratch=self._scratch,
            program=program,
        )
        self._history: History

    def set_up(self) -> None:
        """Open the database, on the actor's own thread."""
        self.place.cell.database = str(self._database)
        self._history = History(
            self._database, self.place.fence, thorough=self.place.incarnation == 1
        )

    def tear_down(self) -> None:
        """Close it."""
        if hasattr(self, "_history"):
            self._history.close()

    async def on_start_async(self) -> None:
        """End what an older life has left running; warm what is to be warm."""
        ended = await anyio.to_thread.run_sync(end_marked, self._scratch)
        if ended:
            logger.warning("mcp.orphans_ended", count=ended)
        self._show()
        self.after(0.0, RowsDue())
        if self._settings.check_every_s:
            self.after(min(FIRST_CHECK_S, self._every_s), CheckDue())
        for name in self._settings.warm:
            self._keeper.want(name, stays=True)

    def on_receive(self, message: Inbox) -> Any:
        """Table of contents."""
        match message:
            case CheckServers():
                return self._on_check(message)
            case FollowCheck():
                return self._on_follow(message)
            case WarmServers():
                return self._on_warm(message)
            case ServersWanted():
                assert self.reply_to is not None
                self.spawn(self._answer_known, message.projects, self.reply_to)
                return LATER
            case CheckDue():
                self._on_check_due()
            case WarmDue():
                self._keeper.try_again(message.name)
            case RowsDue():
                before_ms = self.place.clock.now_ms() - self._settings.retention_days * DAY_MS
                self._history.prune(int(before_ms))
                self.after(PRUNE_EVERY_S, RowsDue())
        return None

    @property
    def _every_s(self) -> float:
        return max(CHECK_EVERY_MIN_S, self._settings.check_every_s)

    def _on_check(self, order: CheckServers) -> Any:
        check = self._begin(order, "asked")
        if order.follow:
            return CheckBegun(id=check.id)
        if self.reply_to is not None:
            check.wait_for_end(self.reply_to)
        return LATER

    def _on_follow(self, order: FollowCheck) -> Any:
        check = self._checks.get(order.id)
        if check is None:
            raise NotFound(f"there is no check {order.id[:50]!r} any more")
        if self.reply_to is not None:
            check.follow(order.seen, self.reply_to)
        return LATER

    def _on_check_due(self) -> None:
        self.after(self._every_s, CheckDue())
        try:
            self._begin(CheckServers(), "scheduled")
        except Busy:
            logger.info("mcp.check_skipped")  # others are under way

    def _begin(self, order: CheckServers, why: Why) -> Check:
        """Raises Busy."""
        if sum(not check.done for check in self._checks.values()) >= CHECKS_MAX:
            raise Busy(f"{CHECKS_MAX} checks are under way already", retry_after_ms=5_000)
        over = [id for id, check in self._checks.items() if check.done]
        for id in over[: max(0, len(over) - KEPT_MAX + 1)]:
            del self._checks[id]
        check = Check(id=str(uuid4()))
        self._checks[check.id] = check
        self.spawn(self._run_check, check, order, why)
        return check

    async def _run_check(self, check: Check, order: CheckServers, why: Why) -> None:
        timeout_s = order.timeout_s or self._settings.timeout_s
        began_s = self.place.clock.monotonic_s()
        try:
            found = await self._find(order.projects)
            servers = chosen(found.servers, order.names)
            check.names = tuple(self._redactor.text(server.name) for server in servers)
            check.problems = found.problems

            def told(health: ServerHealth) -> None:
                self._keep(health)
                check.add(health)
                if len(check.results) == len(servers):
                    check.end()

            await look(
                servers,
                self._looker(why, timeout_s),
                told,
                home=self._person_home,
                scratch=self._scratch,
                parallel=self._settings.parallel,
                program=self._program,
            )
            check.end()
        except AtlasError as error:
            check.end(error)
        finally:
            if not check.done and not self.place.fence.down:
                check.end(Unavailable("the check was ended before it was over", part=self.path))
        logger.info(
            "mcp.checked",
            why=why,
            servers=len(check.results),
            failed=sum(not health.ok for health in check.results),
            took_ms=round((self.place.clock.monotonic_s() - began_s) * 1000),
        )

    async def _find(self, projects: tuple[str, ...] = ()) -> Found:
        """What is configured now. Raises DeadlinePassed."""
        wanted = (*self._settings.projects, *projects)
        try:
            with anyio.fail_after(FIND_S):
                return await anyio.to_thread.run_sync(
                    places.find, dict(self._environment), wanted, abandon_on_cancel=True
                )
        except TimeoutError:
            raise DeadlinePassed(
                f"the clients' settings could not be read in {FIND_S:g} s"
            ) from None

    async def _spec_of(self, name: str) -> Server:
        """How a server that is kept warm is configured now. Raises AtlasError."""
        found = await self._find(self._warm_of.get(name, ()))
        return chosen(found.servers, (name,))[0]

    @property
    def _warm_projects(self) -> tuple[str, ...]:
        """Of what is kept started now."""
        kept = [self._warm_of.get(name, ()) for name in self._keeper.warm]
        return tuple(dict.fromkeys(itertools.chain.from_iterable(kept)))

    def _looker(self, why: Why, timeout_s: float) -> Looker:
        now_ms = self.place.clock.now_ms()
        return Looker(redactor=self._redactor, why=why, at_ms=now_ms, timeout_s=timeout_s)

    def _keep(self, health: ServerHealth) -> None:
        if not self.place.fence.down:
            self._history.keep(health)
            self._show()

    def _show(self) -> None:
        """What of us does not work, where status shows it."""
        reason, cure = trouble(list(self._keeper.warm.values()))
        told = "; ".join(one for one in (reason, self._history.trouble) if one)
        cell = self.place.cell
        if (told, cure) != (cell.reason, cell.cure):
            cell.degrade(told, cure)

    def _on_warm(self, order: WarmServers) -> Any:
        names = tuple(dict.fromkeys(order.names)) or self._settings.warm
        if not names:
            raise UsageError(
                "no server is marked to be kept warm",
                cure='name some, or set [mcp] warm = ["NAME"]',
            )
        check = Check(id="", names=names)
        if self.reply_to is not None:
            check.wait_for_end(self.reply_to)
        self.spawn(self._warm, check, order.projects if order.names else ())
        return LATER

    async def _warm(self, check: Check, projects: tuple[str, ...]) -> None:
        """Have them started, once it is known that there are such servers."""
        try:
            chosen((await self._find(projects)).servers, check.names)
        except AtlasError as error:
            check.end(error)
            return
        ahead = set()
        for name in check.names:
            one = self._keeper.warm.get(name)
            if one is not None and one.state == "up" and one.last is not None:
                check.add(one.last)
            else:
                ahead.add(name)
        if not ahead:
            check.end()
            return
        self._warming.append((check, ahead))
        for name in ahead:
            self._warm_of[name] = projects
            self._keeper.want(name, stays=False)

    def _on_warmth(self, one: Warmth, health: ServerHealth) -> None:
        """A server that is kept warm came up or went down."""
        logger.info("mcp.warm", server=health.name, state=one.state, failures=one.failures)
        self._keep(health)
        for check, ahead in list(self._warming):
            if one.name in ahead:
                ahead.discard(one.name)
                check.add(health)
            if not ahead:
                self._warming.remove((check, ahead))
                check.end()

    async def _answer_known(self, projects: tuple[str, ...], reply: Reply) -> None:
        try:
            found = await self._find((*projects, *self._warm_projects))
        except AtlasError as error:
            reply.set_exception(error)
            return
        servers = tuple(self._known(server) for server in found.servers)
        reply.set(ServersKnown(servers=servers, problems=found.problems))

    def _known(self, server: Server) -> KnownServer:
        one = self._keeper.warm.get(server.name)
        return KnownServer(
            name=self._redactor.text(server.name),
            sources=server.sources,
            transport=server.transport,
            target=self._redactor.text(server.target),
            enabled=server.enabled,
            warm=None if one is None else one.state,
            since_ms=None if one is None else one.since_ms,
            error="" if one is None else one.error,
        )
