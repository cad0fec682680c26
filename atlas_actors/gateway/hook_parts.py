"""Who is asked what at each kind of event, and what their answers come to for the client."""

import os
import stat
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path
from typing import Any, Final

import anyio
import attrs

from atlas_actors.clients.answer import Answer
from atlas_actors.errors import AtlasError
from atlas_actors.gateway import hook_hint, hook_saver, statusline, views
from atlas_actors.gateway.brief import brief_of
from atlas_actors.gateway.door import Door
from atlas_actors.gateway.hook_asked import Asked
from atlas_actors.gateway.hook_places import Where
from atlas_actors.messages import paths
from atlas_actors.messages.client import (
    ClientEvent,
    HookNoted,
    SessionKnown,
    SessionWanted,
    TurnRouted,
)
from atlas_actors.messages.memory import Recall, Recalled, RecalledItem
from atlas_actors.messages.routing import Classified, Classify, Route

BRIEF_TOKENS_MAX: Final = 2_300  # clients cut what is longer than about 2,500
RECALL_ITEMS: Final = 6
AGENT_S: Final = 0.1
_NOT_WAITING: Final = os.O_RDONLY | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC  # for a pipe's end

Parts = dict[str, Callable[[], Awaitable[Any]]]


@attrs.frozen(kw_only=True)
class Routed:
    """A decision, and where the agent that it names was found."""

    route: Route
    agent: str = ""


def parts_of(door: Door, asked: Asked) -> Parts:
    """What is asked beside sessions, by the name that it has when it is late."""
    event = asked.event
    match event.kind:
        case "session_start" if asked.where is not None and not event.agent_id:
            project = asked.where.project
            tokens = min(door.brief_tokens, BRIEF_TOKENS_MAX)
            return {"brief": lambda: door.read(brief_of, project, tokens)}
        case "prompt" if event.prompt.strip() and not event.agent_id:
            found: Parts = {"route": lambda: _route(door, asked)}
            if asked.where is not None and door.hooks.settings.hint_tokens:
                found["memory"] = lambda: _recall(door, asked)
            return found
        case "pre_tool" if door.hooks.context.saver and hook_saver.may_save(asked.raw):
            return {"saver": lambda: hook_saver.outline(door, asked)}
        case "status":
            wanted = SessionWanted(client=event.client, session=event.session)
            return {
                "session": lambda: door.ask(paths.SESSIONS, wanted, door.answer_s),
                "costs": lambda: door.read(views.cost_today_usd),
            }
    return {}


def needs_noted(event: ClientEvent) -> bool:
    """Whether what sessions answers is of any use: that a command failed here before, and which
    turn has touched files."""
    tool = event.tool
    if event.kind == "pre_tool":
        return tool is not None and tool.kind == "shell"
    return event.kind in ("post_tool", "tool_failed") and tool is not None and bool(tool.files)


def answer_of(door: Door, asked: Asked, found: dict[str, Any]) -> Answer:
    """What the client is told, of what has come in time."""
    noted: HookNoted | None = found.get("sessions")
    match asked.event.kind:
        case "session_start":
            return Answer(context=found["brief"]["text"] if "brief" in found else "")
        case "prompt":
            return Answer(context=_hint(door, asked.event.prompt, found))
        case "pre_tool":
            if found.get("saver"):
                return Answer(deny=found["saver"])
            if noted is not None and door.hooks.settings.failures:
                return Answer(context=hook_hint.failed_before(noted.failed_before))
        case "status":
            return Answer(line=statusline.line(_shown(door, asked.event, found)))
    return Answer()


def _hint(door: Door, prompt: str, found: dict[str, Any]) -> str:
    routed: Routed | None = found.get("route")
    route = routed.route if routed is not None else None
    if route is not None and route.intent in hook_hint.QUIET and not route.abstained:
        return ""
    return hook_hint.hint(
        route,
        routed.agent if routed is not None else "",
        found.get("memory", ()),
        door.hooks.settings.hint_tokens,
        hook_hint.says_enough(prompt),
    )


async def _route(door: Door, asked: Asked) -> Routed:
    """What the router thinks; sessions hears of it after the prompt. Nobody is chosen to do it: the
    client does, so that the orchestrator, who knows the providers, need not be asked."""
    event = asked.event
    order = Classify(
        request_id=event.turn_id,
        text=event.prompt,
        cwd=event.cwd if asked.where is not None else None,
        session=event.session or None,
        client=event.client,
    )
    classified: Classified = await door.ask(paths.ROUTER, order, door.answer_s)
    route = classified.route
    asked.later.append(
        TurnRouted(
            client=event.client,
            session=event.session,
            intent=route.intent,
            tier=route.tier,
            route_id=route.id,
        ),
    )
    agent = ""
    if route.agent and hook_hint.speaks(route) and asked.where is not None:
        with anyio.move_on_after(AGENT_S):
            agent = await _agent(door, event.client, asked.where, route.agent)
    return Routed(route=route, agent=agent)


async def _agent(door: Door, client: str, where: Where, name: str) -> str:
    try:
        found: str = await door.on_client_files(lambda: agent_file(client, Path(where.root), name))
    except AtlasError:
        return ""  # a hint without it
    return found


def agent_file(client: str, root: Path, name: str, home: Path | None = None) -> str:
    """Where this client has an agent or skill of that name, as people write it; "" if nowhere."""
    base = home or Path.home()
    for file, said in (
        (root / ".claude/agents" / f"{name}.md", f".claude/agents/{name}.md"),
        (root / ".claude/skills" / name / "SKILL.md", f".claude/skills/{name}/SKILL.md"),
        (base / ".claude/agents" / f"{name}.md", f"~/.claude/agents/{name}.md"),
        (base / ".claude/skills" / name / "SKILL.md", f"~/.claude/skills/{name}/SKILL.md"),
    ):
        try:
            if client == "claude" and file.is_file():
                return said
        except (OSError, ValueError):
            continue
    return _listed(root, name)


def _listed(root: Path, name: str) -> str:
    """AGENTS.md, which every client reads, if it names it."""
    try:
        with os.fdopen(os.open(root / "AGENTS.md", _NOT_WAITING), "rb") as file:
            if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
                return ""
            text = file.read(65_536).decode("utf-8", "replace")
    except (OSError, ValueError):
        return ""
    return "AGENTS.md" if name in text else ""


async def _recall(door: Door, asked: Asked) -> list[RecalledItem]:
    """All questions at once: memory takes them together."""
    assert asked.where is not None
    project, found = asked.where.project, dict[int, Sequence[RecalledItem]]()
    failed: list[AtlasError] = []

    async def ask(number: int, question: str) -> None:
        wanted = Recall(
            query=question,
            k=RECALL_ITEMS,
            project=project,
            budget_tokens=door.hooks.settings.hint_tokens,
            injectable=True,
        )
        try:
            recalled: Recalled = await door.ask(paths.MEMORY, wanted, door.answer_s)
            found[number] = recalled.items
        except AtlasError as error:
            failed.append(error)

    async with anyio.create_task_group() as group:
        for number, question in enumerate(hook_hint.questions(asked.event.prompt)):
            group.start_soon(ask, number, question)
    if failed and not found:
        raise failed[0]
    return hook_hint.merged(found[number] for number in sorted(found))


def _shown(door: Door, event: ClientEvent, found: dict[str, Any]) -> statusline.Shown:
    known: SessionKnown | None = found.get("session")
    use = event.use
    return statusline.Shown(
        tier=known.tier if known is not None else "",
        intent=known.intent if known is not None else "",
        model=event.model,
        used_percent=use.used_percent if use is not None else None,
        window_tokens=use.window_tokens if use is not None else None,
        session_usd=use.cost_usd if use is not None else None,
        today_usd=found.get("costs"),
        budget_usd=door.hooks.budget_usd,
        degraded=tuple(door.hooks.degraded()),
    )
