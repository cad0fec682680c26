"""Payloads as clients' hooks send them, rooms that answer hooks as a test says, and their doors."""

import itertools
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import anyio
import attrs

from atlas_actors.errors import Unavailable
from atlas_actors.gateway import hook
from atlas_actors.gateway.door import Door
from atlas_actors.gateway.hook_desk import HookDesk
from atlas_actors.gateway.hook_line import HookCall
from atlas_actors.messages.client import HookHappened, HookNoted, SessionKnown, SessionWanted
from atlas_actors.messages.context import PlanTiers, TierCosts, TiersPlanned
from atlas_actors.messages.memory import Recall, Recalled, RecalledItem
from atlas_actors.messages.routing import Classified, Classify, Route
from atlas_actors.settings import HookRule
from tests.support.doors import door_on
from tests.support.trees import WAIT_S

AT_MS = 1_750_000_000_000
_USES = itertools.count(1)  # told twice, a use counts once


def route(**changes: Any) -> Route:
    """A decision."""
    plain: dict[str, Any] = {
        "id": "r1", "layer": 1, "rule": "x", "intent": "bug_fix", "confidence": 0.9,
        "abstained": False, "tier": "quality", "agent": None, "complexity": 4, "difficulty": 0.3,
        "mode": "normal", "reason": "because",
    }  # fmt: skip
    return Route(**{**plain, **changes})


def classified(**changes: Any) -> Classified:
    """The router's answer."""
    return Classified(request_id="", route=route(**changes))


def remembered(text: str = "the parser needs LANG=C", score: float = 0.03, **changes: Any) -> Any:
    """A memory that was recalled."""
    plain: dict[str, Any] = {
        "id": "0000000011112222", "kind": "learning", "text": text, "score": score, "at_ms": AT_MS,
        "project": None, "session": None, "speaker": None, "source": None, "tags": (),
        "origin": "person", "trust": 3, "level": "l2", "why": "",
    }  # fmt: skip
    return RecalledItem(**{**plain, **changes})


def payload(event: str, cwd: Path | str = "/nowhere", **fields: Any) -> dict[str, Any]:
    """What Claude Code says at this event."""
    return {
        "session_id": "s1",
        "transcript_path": "/nowhere/s1.jsonl",
        "cwd": str(cwd),
        "hook_event_name": event,
        "prompt_id": "p1",
        **fields,
    }


def shell(command: str, cwd: Path | str = "/nowhere", event: str = "PreToolUse") -> dict[str, Any]:
    """A command of a shell."""
    given = {"command": command}
    return payload(event, cwd, tool_name="Bash", tool_input=given, tool_use_id=f"t{next(_USES)}")


def read(path: Path, cwd: Path | str, event: str = "PreToolUse", **given: Any) -> dict[str, Any]:
    """A read of a file."""
    whole = {"file_path": str(path), **given}
    return payload(event, cwd, tool_name="Read", tool_input=whole, tool_use_id=f"t{next(_USES)}")


class Rooms:
    """Every actor that hooks ask, on one door; what each answers may be changed."""

    def __init__(self, home: Path, **context: Any) -> None:
        self.asked: list[tuple[str, Any]] = []
        self.answers: dict[type, Callable[[Any], Any]] = {
            HookHappened: lambda _: HookNoted(turn=1),
            Classify: lambda _: classified(),
            Recall: lambda _: Recalled(items=(), level="l2", generation=1),
            SessionWanted: lambda _: SessionKnown(turn=1, project=None, tier="cheap"),
            PlanTiers: lambda ask: TiersPlanned(
                project=ask.project,
                files=(),
                costs=TierCosts(hot=0, warm=0, cold=0, planned=0),
                left_out=0,
                unmeasured=0,
            ),
        }
        self.silent: set[type] = set()  # messages that are never answered
        self.parked: set[str] = set()  # actors that are not there
        self.door: Door = door_on(home, self.asked, self._answer)
        self._ask = self.door.ask
        self.door.ask = self._asked
        desk = self.door.hooks
        self.door.hooks = HookDesk(  # on a busy machine too, all that answers is waited for
            settings=attrs.evolve(desk.settings, answer_s=WAIT_S),
            context=attrs.evolve(desk.context, **context),
        )

    def with_rules(self, *rules: HookRule, **changes: Any) -> "Rooms":
        desk = self.door.hooks
        settings = attrs.evolve(desk.settings, rules=rules, **changes)
        self.door.hooks = HookDesk(settings=settings, context=desk.context)
        return self

    async def _asked(self, path: str, message: Any, timeout_s: float) -> Any:
        if path in self.parked:
            raise Unavailable(f"{path} is parked", part=path)
        if type(message) in self.silent:
            self.asked.append((path, message))
            await anyio.sleep_forever()
        return await self._ask(path, message, timeout_s)

    def _answer(self, message: Any) -> Any:
        return self.answers.get(type(message), lambda _: None)(message)

    def told(self, kind: type) -> list[Any]:
        """The messages of a kind that were sent."""
        return [message for _, message in self.asked if isinstance(message, kind)]

    def prints(self, said: Any, client: str = "claude", event: str = "", **fields: str) -> bytes:
        """What the hook prints for a payload."""
        call = HookCall(
            client=client, event=event, payload=said, deadline_ms=20_000, began_ms=None,
            fields=fields,
        )  # fmt: skip
        return anyio.run(hook.answer_line, self.door, call)

    def says(self, said: Any, client: str = "claude", event: str = "") -> dict[str, Any]:
        """The same as JSON's hookSpecificOutput; {} for nothing."""
        printed = self.prints(said, client, event)
        return json.loads(printed)["hookSpecificOutput"] if printed else {}
