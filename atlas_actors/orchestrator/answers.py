"""Answers that serve more than one request: of identical ones in flight, and kept ones."""

import hashlib
import json
from collections.abc import Mapping
from typing import Final

import attrs

from atlas_actors.messages.execution import AttemptEnded, AttemptStarted, End, Fault, Request
from atlas_actors.messages.routing import Route
from atlas_actors.orchestrator import records
from atlas_actors.orchestrator.check import Verdict
from atlas_actors.store import Store

# The lane of tasks whose answer is kept already.
CACHE_LANE: Final = "answer cache"
CACHE_SLOTS: Final = 64
RECENT_MAX: Final = 64
# Work that reads or changes something outside the request is never answered from memory.
_OUTSIDE: Final = frozenset({"workspace", "tools"})


@attrs.frozen(kw_only=True)
class Given:
    """An answer that passed its check, and from where it came."""

    answer: str
    verified_by: str
    at_ms: int
    provider: str = ""
    model: str = ""
    task_id: str = ""


class Answers:
    """Which attempt answers a request, and what has just been answered."""

    def __init__(self, keep_s: Mapping[str, float]) -> None:
        self.keep_s = {intent: seconds for intent, seconds in keep_s.items() if seconds > 0}
        self.leaders: dict[str, tuple[str, int]] = {}
        self._recent: dict[str, Given] = {}

    def given(self, key: str, asked_ms: int) -> Given | None:
        """An answer to the same request that came after this one was asked."""
        found = self._recent.get(key)
        return found if found is not None and found.at_ms >= asked_ms else None

    def give(self, key: str, given: Given) -> None:
        """Remember it for those that wait with the same request."""
        self._recent.pop(key, None)
        self._recent[key] = given
        if len(self._recent) > RECENT_MAX:
            del self._recent[next(iter(self._recent))]

    def keep(
        self, store: Store, same: str, ended: AttemptEnded, verdict: Verdict, now_ms: int
    ) -> Given:
        """A verified answer, for those who wait for it and, where its intent allows, for later."""
        given = Given(
            answer=verdict.answer,
            verified_by=verdict.how,
            provider=ended.provider,
            model=ended.model,
            task_id=ended.started.task_id,
            at_ms=now_ms,
        )
        self.give(same, given)
        self.leaders.pop(same, None)
        keep_s = self.kept_for_s(ended.started.request, ended.started.route)
        if keep_s:
            until_ms = now_ms + int(keep_s * 1000)
            records.keep_answer(store, same, verdict.answer, verdict.how, until_ms)
        return given

    def kept_for_s(self, request: Request, route: Route) -> float:
        """How long an answer of this kind may be given again; 0 for never."""
        seconds = self.keep_s.get(route.intent, 0.0)
        if not seconds or _OUTSIDE & set(route.needs) or key_of(request) is None:
            return 0.0
        return seconds


def ended_by(given: Given, started: AttemptStarted, provider: str, transport: str) -> AttemptEnded:
    """The end of an attempt that needed no call of its own."""
    return AttemptEnded(
        started=started,
        provider=provider,
        end=End.ANSWERED,
        answer=given.answer,
        model=given.model,
        transport=transport,
        cost_usd=0.0,
    )


def kept(store: Store, started: AttemptStarted, now_ms: int) -> Given | None:
    """The answer that was kept for the same request, if it may still be given."""
    same = key_of(started.request)
    row = records.kept_answer(store, same, now_ms) if same else None
    if row is None:
        return None
    return Given(answer=row["answer"], verified_by=row["verified_by"], at_ms=now_ms)


def not_kept(started: AttemptStarted, provider: str) -> AttemptEnded:
    """The end of an attempt that came for an answer which has expired on the way."""
    error = "the kept answer has expired"
    return AttemptEnded(
        started=started, provider=provider, end=End.BUSY, fault=Fault.RATE, error=error
    )


def key_of(request: Request) -> str | None:
    """The same for exactly the same request; None for work with effects beyond its answer."""
    if request.cwd is not None or request.check is not None:
        return None
    value = [
        request.prompt,
        [[file.name, file.text, file.sha256] for file in request.files],
        request.schema,
        request.match,
        request.provider,
    ]
    text = json.dumps(value, sort_keys=True, ensure_ascii=True)
    return hashlib.sha256(text.encode("ascii")).hexdigest()
