"""Pure: which parts are weak, slow, improving, restarting or degraded, and by what evidence."""

import math
from collections.abc import Mapping, Sequence
from typing import Any, Final, Literal

import attrs

from atlas_actors.analytics.parts import Part
from atlas_actors.analytics.tally import Tally, total
from atlas_actors.analytics.words import percent, time
from atlas_actors.intervals import ENOUGH, wilson

What = Literal["weak", "slow", "restarting", "degraded", "improving"]
WHATS: Final[tuple[What, ...]] = ("weak", "slow", "restarting", "degraded", "improving")
HALF: Final = 0.5
MARGIN: Final = 0.05  # of success; a smaller gap is nobody's concern
SLOWER: Final = 2.0
RESTARTS: Final = "restarts"
RESTARTS_LEAST: Final = 3
# Parts of one kind that do the same sort of thing, so that one can be held against the others.
_HAVE_PEERS: Final = frozenset({"provider", "intent", "hook", "rule", "strategy"})


@attrs.frozen(kw_only=True)
class Health:
    """A part in the window that counts as now, and in the one before."""

    part: Part
    now: Tally
    before: Tally


@attrs.frozen(kw_only=True)
class ActorHealth:
    """What is seen of an actor; `reason` says why it does not work as it should."""

    name: str
    state: str
    reason: str = ""
    cure: str = ""

    @property
    def unwell(self) -> bool:
        """Whether it needs somebody."""
        return self.state in ("parked", "backing_off") or (
            self.state == "running" and bool(self.reason)
        )


@attrs.frozen(kw_only=True)
class Finding:
    """Something worth saying of a part."""

    what: What
    part: Part
    words: str
    numbers: dict[str, Any] = attrs.field(factory=dict)

    @property
    def mark(self) -> str:
        """The same for the same thing, whatever its numbers are."""
        return f"{self.what}:{self.part.kind}:{self.part.name}"


def analyse(parts: Sequence[Health], actors: Sequence[ActorHealth]) -> list[Finding]:
    """All that is to be said, the most pressing first."""
    whole = {kind: total(one.now for one in parts if one.part.kind == kind) for kind in _HAVE_PEERS}
    found: list[Finding | None] = []
    for one in parts:
        if one.part.kind == "actor":
            found.append(_restarting(one))
            continue
        if one.part.kind == "queue":
            continue
        others = Tally()
        if one.part.kind in whole:
            others = whole[one.part.kind].without(one.now)
        found += [_weak(one, others), _slow(one, others), _improving(one)]
    found += [_degraded(actor) for actor in actors]
    real = [finding for finding in found if finding is not None]
    return sorted(real, key=lambda finding: (WHATS.index(finding.what), str(finding.part)))


def difference(after: tuple[float, float], before: tuple[float, float]) -> tuple[float, float]:
    """95 % interval of share(after) - share(before), each as (of it, of how many): Newcombe's
    method 10 (Statistics in Medicine 17, 1998)."""
    share, was = (right / n if n > 0 else 0.0 for right, n in (after, before))
    (low, high), (low_was, high_was) = wilson(*after), wilson(*before)
    gap = share - was
    return (
        gap - math.hypot(share - low, high_was - was),
        gap + math.hypot(high - share, was - low_was),
    )


def _weak(one: Health, others: Tally) -> Finding | None:
    now = one.now
    if now.judged < ENOUGH or now.rate is None:
        return None
    low, high = now.interval
    against = others.rate if others.judged >= ENOUGH else None
    numbers: dict[str, Any] = {"n": now.judged, "success": now.good, "low": low, "high": high}
    if against is not None and high < against and now.rate < against - MARGIN:
        numbers["others"] = against
        words = f"{_rate_words(now)}; the other {one.part.peers} {percent(against)}"
        return Finding(what="weak", part=one.part, words=words, numbers=_rounded(numbers))
    if high < HALF:
        return Finding(
            what="weak", part=one.part, words=_rate_words(now), numbers=_rounded(numbers)
        )
    return None


def _slow(one: Health, others: Tally) -> Finding | None:
    p90 = _p90(one.now)
    if p90 is None:
        return None
    for than, other in (("before", _p90(one.before)), ("others", _p90(others))):
        if other is not None and p90 > SLOWER * other:
            whom = "before" if than == "before" else f"the other {one.part.peers}"
            numbers = {"n": one.now.timed, "p90_ms": round(p90), "other_ms": round(other)}
            return Finding(
                what="slow",
                part=one.part,
                words=f"one in ten took over {time(p90)}; {whom}: {time(other)}"
                f" (n = {one.now.timed})",
                numbers={**numbers, "than": than},
            )
    return None


def _improving(one: Health) -> Finding | None:
    now, before = one.now, one.before
    if now.judged >= ENOUGH and before.judged >= ENOUGH:
        low, _ = difference((now.good, now.judged), (before.good, before.judged))
        if low > 0:
            words = f"{_rate_words(now)}; before {_rate_words(before)}"
            numbers = {"n": now.judged, "rate": now.rate, "before": before.rate}
            return Finding(what="improving", part=one.part, words=words, numbers=_rounded(numbers))
    p90, was = _p90(now), _p90(before)
    if p90 is not None and was is not None and p90 * SLOWER < was:
        return Finding(
            what="improving",
            part=one.part,
            words=f"one in ten took over {time(p90)}; before {time(was)} (n = {now.timed})",
            numbers={"n": now.timed, "p90_ms": round(p90), "before_ms": round(was)},
        )
    return None


def _restarting(one: Health) -> Finding | None:
    times, before = one.now.faults.get(RESTARTS, 0), one.before.faults.get(RESTARTS, 0)
    if times < RESTARTS_LEAST or times <= before:
        return None
    return Finding(
        what="restarting",
        part=one.part,
        words=f"it failed and was restarted {times} times; before {before}",
        numbers={"restarts": times, "before": before},
    )


def _degraded(actor: ActorHealth) -> Finding | None:
    if not actor.unwell:
        return None
    cure = f" ({actor.cure})" if actor.cure else ""
    return Finding(
        what="degraded",
        part=Part(kind="actor", name=actor.name),
        words=f"{actor.state}: {actor.reason}{cure}",
        numbers={"state": actor.state},
    )


def _p90(tally: Tally) -> float | None:
    return tally.percentile_ms(0.9) if tally.timed >= ENOUGH else None


def _rate_words(tally: Tally) -> str:
    low, high = tally.interval
    return (
        f"{tally.good} of {tally.judged} succeeded ({percent(tally.rate or 0.0)}, 95 % interval"
        f" {percent(low)} to {percent(high)})"
    )


def _rounded(numbers: Mapping[str, Any]) -> dict[str, Any]:
    return {
        name: round(value, 4) if isinstance(value, float) else value
        for name, value in numbers.items()
    }
