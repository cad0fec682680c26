"""Turns knobs, one at a time: plans, measures, keeps or undoes; all of it is in the records."""

from collections.abc import Callable, Sequence
from typing import Final

import attrs
from loguru import logger

from atlas_actors.analytics import adjustments, records
from atlas_actors.analytics.adjustments import Adjustment
from atlas_actors.analytics.judge import is_due, judge, may_try_again
from atlas_actors.analytics.rules import Evidence, Wish, wishes
from atlas_actors.clock import DAY_MS
from atlas_actors.errors import Conflict, NotFound
from atlas_actors.messages.feedback import AdjustKnob, Knob
from atlas_actors.settings import FeedbackMode
from atlas_actors.store import Store

STALE_MS: Final = 14 * DAY_MS  # a proposal that nobody has decided on


@attrs.frozen(kw_only=True)
class Plan:
    """What becomes of the knobs in one look; `why` says why nothing does."""

    adjustment: Adjustment | None = None
    why: str = ""


class Controller:
    """`adjust` has the orchestrator turn a knob."""

    def __init__(
        self, mode: FeedbackMode, window_ms: int, adjust: Callable[[AdjustKnob], None]
    ) -> None:
        self._mode = mode
        self._window_ms = window_ms
        self._adjust = adjust

    def hold(self, store: Store, knobs: Sequence[Knob], now_ms: int) -> list[Knob]:
        """Tell what holds to an orchestrator that does not know it (any more); the knobs as they
        are then. Where the settings have changed since, they hold."""
        held, found = adjustments.holding(store), []
        for name in held.keys() - {knob.name for knob in knobs}:
            why = "it is not in the settings any more"
            adjustments.drop(store, name, why, now_ms)
        for knob in knobs:
            one = held.get(knob.name)
            if one is not None and one.setting != knob.default:
                why = f"the settings were changed: they say {knob.default:g}"
                adjustments.drop(store, knob.name, why, now_ms)
                one = None
            value = knob.default if one is None else one.after
            if knob.value != value:
                self._adjust(AdjustKnob(name=knob.name, value=None if one is None else value))
            found.append(attrs.evolve(knob, value=value))
        return found

    def judge(self, store: Store, now_ms: int) -> Adjustment | None:
        """Keep or undo what is being measured, once enough is known; None: there is nothing."""
        applied = adjustments.in_state(store, "applied")
        if applied is None or applied.applied_ms is None:
            return None
        if not is_due(applied.tally_after, applied.applied_ms, now_ms):
            return None
        found = judge(applied.knob, applied.tally_before, applied.tally_after)
        state: adjustments.State = "kept" if found.keep else "undone"
        adjustments.end(store, applied.id, state, "measured", found.why, now_ms, found.numbers)
        if not found.keep:
            self._turn_back(applied)
        logger.info("feedback.measured", id=applied.id, knob=applied.knob, state=state)
        return adjustments.one(store, applied.id)

    def plan(self, store: Store, knobs: Sequence[Knob], now_ms: int) -> Plan:
        """At most one knob is turned, or proposed to be; none while one is being measured."""
        self._expire(store, {knob.name: knob for knob in knobs}, now_ms)
        applied = adjustments.in_state(store, "applied")
        if applied is not None:
            seen = f"{applied.tally_after.n} outcomes so far"
            return Plan(why=f"{applied.knob} is being measured (adjustment {applied.id}, {seen})")
        proposed = adjustments.in_state(store, "proposed")
        if proposed is not None:
            return Plan(why=f"adjustment {proposed.id} waits for your decision")
        wish, why = self._first(store, knobs, now_ms)
        if wish is None:
            return Plan(why=why)
        change = f"{wish.knob.name} {wish.knob.value:g} → {wish.after:g}"
        if self._mode == "observe":
            return Plan(why=f"mode is observe; it would be {change}: {wish.why}")
        seen_so_far = self.evidence(store, wish.knob.name, now_ms)(wish.scope)
        state: adjustments.State = "applied" if self._mode == "act" else "proposed"
        made = adjustments.add(store, wish, state, seen_so_far, now_ms)
        if state == "applied":
            self._adjust(AdjustKnob(name=made.knob, value=made.after))
        logger.info("feedback.planned", id=made.id, knob=made.knob, state=state, after=made.after)
        return Plan(adjustment=made)

    def evidence(self, store: Store, knob: str, now_ms: int) -> Evidence:
        """What was seen of a part within the window, since that knob was last turned."""
        from_ms = max(now_ms - self._window_ms, adjustments.changed_ms(store, knob))
        return lambda part: records.seen(store, part, from_ms)

    def approve(self, store: Store, id: int, now_ms: int) -> Adjustment:
        """A person has it applied. Raises Conflict, NotFound."""
        wanted = _in_state(store, id, ("proposed",), "approved")
        applied = adjustments.in_state(store, "applied")
        if applied is not None:
            raise Conflict(
                f"adjustment {applied.id} ({applied.knob}) is being measured: one at a time",
                cure=f"atlas feedback undo {applied.id}, or wait for its result",
            )
        seen = self.evidence(store, wanted.knob, now_ms)(wanted.scope)
        adjustments.apply(store, id, seen, now_ms)
        self._adjust(AdjustKnob(name=wanted.knob, value=wanted.after))
        return _known(store, id)

    def reject(self, store: Store, id: int, now_ms: int) -> Adjustment:
        """A person does not want it. Raises Conflict, NotFound."""
        _in_state(store, id, ("proposed",), "rejected")
        adjustments.end(store, id, "rejected", "person", "a person rejected it", now_ms)
        return _known(store, id)

    def undo(self, store: Store, id: int, now_ms: int) -> Adjustment:
        """A person takes it back, measured or not. Raises Conflict, NotFound."""
        wanted = _in_state(store, id, adjustments.HOLDING, "undone")
        newest = adjustments.holding(store)[wanted.knob]
        if newest.id != id:
            raise Conflict(
                f"adjustment {newest.id} has turned {wanted.knob} since",
                cure=f"atlas feedback undo {newest.id} first",
            )
        adjustments.end(store, id, "undone", "person", "a person undid it", now_ms)
        self._turn_back(wanted)
        return _known(store, id)

    def refused(self, store: Store, order: AdjustKnob, error: str, now_ms: int) -> None:
        """The orchestrator cannot turn that knob so: what was to hold does not."""
        newest = adjustments.holding(store).get(order.name)
        if newest is not None and order.value == newest.after:
            adjustments.end(store, newest.id, "undone", "settings", f"refused: {error}", now_ms)

    def _turn_back(self, undone: Adjustment) -> None:
        value = None if undone.before == undone.setting else undone.before
        self._adjust(AdjustKnob(name=undone.knob, value=value))

    def _first(self, store: Store, knobs: Sequence[Knob], now_ms: int) -> tuple[Wish | None, str]:
        why = "nothing calls for a change"
        for wish in wishes(knobs, lambda knob: self.evidence(store, knob.name, now_ms)):
            given_up = adjustments.last_given_up(store, wish.knob.name, up=wish.up)
            if given_up is None or given_up.ended_ms is None:
                return wish, ""
            new = records.seen(store, wish.scope, given_up.ended_ms)
            if may_try_again(given_up.ended_ms, given_up.evidence_n, new.n, now_ms):
                return wish, ""
            why = (
                f"{wish.knob.name} {wish.knob.value:g} → {wish.after:g} is not tried again yet:"
                f" adjustment {given_up.id} was {given_up.state} ({given_up.result})"
            )
        return None, why

    def _expire(self, store: Store, knobs: dict[str, Knob], now_ms: int) -> None:
        proposed = adjustments.in_state(store, "proposed")
        if proposed is None:
            return
        knob = knobs.get(proposed.knob)
        why = ""
        if now_ms - proposed.made_ms >= STALE_MS:
            why = "nobody decided on it in 14 days"
        elif knob is None or knob.value != proposed.before:
            why = "the knob has been turned otherwise"
        elif self._mode != "propose":
            why = f"the mode is {self._mode} now"
        if why:
            adjustments.end(store, proposed.id, "expired", "settings", why, now_ms)


def _known(store: Store, id: int) -> Adjustment:
    found = adjustments.one(store, id)
    if found is None:
        raise NotFound(f"there is no adjustment {id}", cure="atlas feedback history shows them")
    return found


def _in_state(store: Store, id: int, states: Sequence[str], done: str) -> Adjustment:
    found = _known(store, id)
    if found.state not in states:
        cure = (
            f"atlas feedback undo {id} takes it back" if found.state in adjustments.HOLDING else ""
        )
        raise Conflict(f"adjustment {id} is {found.state} and cannot be {done}", cure=cure)
    return found
