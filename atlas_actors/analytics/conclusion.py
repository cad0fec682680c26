"""One look's end: what is found, proposed, remembered and adjusted, as one report."""

import json
from collections import deque
from collections.abc import Mapping, Sequence
from typing import Any, Final, Protocol

import attrs

from atlas_actors.actor import Place
from atlas_actors.analytics import intake, records, watch
from atlas_actors.analytics.adjustments import Adjustment
from atlas_actors.analytics.controller import Controller
from atlas_actors.analytics.findings import ActorHealth, Finding, Health, analyse
from atlas_actors.analytics.repairs import (
    learning_of,
    lesson_of,
    needs_repair,
    repairs_of,
    subject_of,
)
from atlas_actors.clock import DAY_MS
from atlas_actors.messages import paths
from atlas_actors.messages.feedback import FeedbackEnded, Knob
from atlas_actors.messages.memory import NewMemory, StoreMemories
from atlas_actors.messages.proposal import Propose, SubjectSettled
from atlas_actors.settings import FeedbackSettings
from atlas_actors.store import Store

REPAIR, LEARNING = "repair", "learning"
SHOWN_MAX: Final = 50  # findings in a report


class Desk(Protocol):
    """What of the actor is needed here."""

    store: Store
    place: Place

    def request(self, path: str, message: Any) -> None: ...


class Conclusion:
    """Draws conclusions; nothing is proposed, remembered or adjusted where mode is observe."""

    def __init__(
        self, desk: Desk, settings: FeedbackSettings, controller: Controller, epoch: int
    ) -> None:
        self._desk = desk
        self._settings = settings
        self._controller = controller
        self._epoch = epoch
        self._window_ms = int(settings.window_days * DAY_MS)
        self._storing: deque[tuple[str, ...]] = deque()  # marks of what memory was asked to keep

    def draw(self, knobs: Sequence[Knob], missing: str) -> FeedbackEnded:
        """The end of a look; on evidence that was concluded from before, nothing is done."""
        store, now_ms = self._desk.store, self._desk.place.clock.now_ms()
        watch.look(store, self._desk.place, self._epoch)
        measured = self._controller.judge(store, now_ms)
        parts = records.healths(store, now_ms, self._window_ms)
        self._publish(parts, now_ms)
        actors = records.actor_healths(store)
        evidence = self._evidence(actors, missing)
        last = records.newest_look(store)
        if measured is None and last is not None and last["seen"] == evidence:
            report = {**json.loads(last["report"]), "since_ms": last["at_ms"]}
            return FeedbackEnded(id=last["id"], new=False, report=report)
        findings = analyse(parts, actors)
        report = self._report(findings, measured, now_ms)
        if missing:
            report |= {"adjustment": None, "why": missing, "missing": missing}
        else:
            plan = self._controller.plan(store, knobs, now_ms)
            made = plan.adjustment
            report |= {"adjustment": made and made.shown(), "why": plan.why}
        id = records.add_look(store, now_ms, evidence, report)
        return FeedbackEnded(id=id, new=True, report=report)

    def stored(self) -> None:
        """Memory has kept what it was asked to keep."""
        now_ms = self._desk.place.clock.now_ms()
        for mark in self._storing.popleft() if self._storing else ():
            records.keep_told(self._desk.store, LEARNING, mark, now_ms)

    def not_stored(self) -> None:
        """It has not; the next look with new evidence asks again."""
        if self._storing:
            self._storing.popleft()

    def not_proposed(self, proposal: Propose) -> None:
        """Proposals does not answer; the next look with new evidence asks again."""
        records.forget_told(self._desk.store, REPAIR, proposal.fingerprint)

    def _evidence(self, actors: Sequence[ActorHealth], missing: str) -> str:
        """The same: nothing has come to be known since."""
        store = self._desk.store
        unwell = sorted(actor.name for actor in actors if actor.unwell)
        return " ".join(
            (
                str(intake.seq(store)),
                str(watch.restarts_seen(store)),
                self._settings.mode,
                ",".join(unwell),
                "missing" if missing else "",
            )
        )

    def _report(
        self, findings: Sequence[Finding], measured: Adjustment | None, now_ms: int
    ) -> dict[str, Any]:
        acts = self._settings.mode != "observe"
        repairs = self._propose(findings, now_ms) if acts else []
        learned = self._remember(findings, measured) if acts else []
        return {
            "at_ms": now_ms,
            "mode": self._settings.mode,
            "window_days": self._settings.window_days,
            "seq": intake.seq(self._desk.store),
            "findings": [_shown(finding) for finding in findings[:SHOWN_MAX]],
            "more_findings": max(0, len(findings) - SHOWN_MAX),
            "proposed": [repair.title for repair in repairs],
            "learned": learned,
            "measured": measured and measured.shown(),
        }

    def _propose(self, findings: Sequence[Finding], now_ms: int) -> list[Propose]:
        """What is new; proposals themselves keep the same from being proposed twice. What has
        come right is settled."""
        store = self._desk.store
        told = records.told(store, REPAIR)
        window = now_ms // self._window_ms
        wanted = [finding for finding in findings if subject_of(finding) not in told]
        new = repairs_of(wanted, window)
        for repair in new:
            records.keep_told(store, REPAIR, repair.fingerprint, now_ms)
            self._desk.request(paths.PROPOSALS, repair)
        for gone in told - {subject_of(one) for one in findings if needs_repair(one)}:
            records.forget_told(store, REPAIR, gone)
            self._desk.request(paths.PROPOSALS, SubjectSettled(subject=gone))
        return new

    def _remember(self, findings: Sequence[Finding], measured: Adjustment | None) -> list[str]:
        told = records.told(self._desk.store, LEARNING)
        new: dict[str, NewMemory] = {}
        for finding in findings:
            learning = learning_of(finding)
            if learning is not None:
                new[finding.mark] = learning
        if measured is not None:
            lesson = lesson_of(
                measured.id,
                measured.knob,
                measured.before,
                measured.after,
                measured.state,
                measured.result,
            )
            new[f"adjustment:{measured.id}"] = lesson
        new = {mark: memory for mark, memory in new.items() if mark not in told}
        if new:
            self._storing.append(tuple(new))
            items = tuple(new.values())
            self._desk.request(paths.MEMORY, StoreMemories(items=items, origin="program"))
        return [memory.text for memory in new.values()]

    def _publish(self, parts: Sequence[Health], now_ms: int) -> None:
        for part in parts:
            records.publish(self._desk.store, part, now_ms)
        records.unpublish_older(self._desk.store, now_ms)


def _shown(finding: Finding) -> Mapping[str, Any]:
    return {
        "what": finding.what,
        **attrs.asdict(finding.part),
        "words": finding.words,
        "numbers": finding.numbers,
    }
