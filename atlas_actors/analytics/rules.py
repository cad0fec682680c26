"""Pure: what the evidence says of each knob: which should be turned, how far, and why.

Each rule holds to its knob's bounds, and takes one step. What it may look at is younger than the
last change of that knob.

| knob | evidence | step |
|---|---|---|
| slots.P | over 10 % of attempts were told "too many requests" | 1 less |
| slots.P | under 2 %, and tasks wait longer than they are worked on | 1 more |
| deadline_s.P | over 5 % timed out, and what answers comes near the deadline | x 1.5 |
| deadline_s.P | some hang, and what answers does so in less than an eighth of it | 4 x p99 |
| retries.P | hiccups, and trying again mostly helps | 1 more |
| retries.P | trying again has never helped | 1 less |
| recall_tokens | what is recalled is mostly of no use | x 0.75 |
| recall_tokens | it is mostly of use, and mostly fills its budget | x 1.25 |
| context_tokens | over 5 % of attempts were too long for their provider | x 0.75 |
| context_tokens | under 1 % are any more | x 1.25 |
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

import attrs

from atlas_actors.analytics.parts import Part
from atlas_actors.analytics.tally import FULL, RETRIED, RETRY_HELPED, TIMED_OUT, WAITED_S, Tally
from atlas_actors.analytics.words import percent, time
from atlas_actors.intervals import wilson
from atlas_actors.messages.feedback import Knob

LEAST: Final = 20  # outcomes; under that nothing is turned
RATE_HIGH, RATE_LOW = 0.10, 0.02
TIMEOUTS_HIGH: Final = 0.05
HICCUPS_HIGH: Final = 0.05
CONTEXT_HIGH, CONTEXT_LOW = 0.05, 0.01
HANGING_LEAST: Final = 2
RETRIES_LEAST: Final = 10
NEAR, FAR = 0.5, 0.125  # of the deadline
MET: Final = 0.9  # of it, on average

# What of a part has been seen since a knob was last changed.
Evidence = Callable[[Part], Tally]


@attrs.frozen(kw_only=True)
class Wish:
    """One step of one knob; `scope` is whose outcomes will tell whether it was right."""

    knob: Knob
    after: float
    scope: Part
    why: str
    numbers: dict[str, Any]

    @property
    def up(self) -> bool:
        """Whether it goes up."""
        return self.after > self.knob.value


Rule = Callable[[Knob, Evidence], Wish | None]


def scope_of(name: str) -> Part:
    """Whose outcomes tell what a knob does."""
    _, _, provider = name.partition(".")
    if provider:
        return Part(kind="provider", name=provider)
    return Part(kind="kind", name="task")


def wishes(knobs: Sequence[Knob], evidence_of: Callable[[Knob], Evidence]) -> list[Wish]:
    """What should be turned, the most pressing first: what goes wrong before what could be more."""
    found = []
    for rule, prefix in RULES:
        for knob in knobs:
            if knob.name.partition(".")[0] == prefix:
                wish = rule(knob, evidence_of(knob))
                if wish is not None and knob.low <= wish.after <= knob.high:
                    found.append(wish)
    return found


def fewer_slots(knob: Knob, evidence: Evidence) -> Wish | None:
    """Too many requests at a time."""
    seen = evidence(scope_of(knob.name))
    share = seen.fault_share("rate")
    if seen.n < LEAST or share <= RATE_HIGH or knob.value <= knob.low:
        return None
    why = f"{percent(share)} of {seen.n} attempts were told to come later; at most 10 % should be"
    return _wish(knob, knob.value - 1, why, n=seen.n, rate_share=share)


def more_slots(knob: Knob, evidence: Evidence) -> Wish | None:
    """Fewer than the settings allow, though it is well and tasks wait."""
    seen = evidence(scope_of(knob.name))
    queue = evidence(Part(kind="queue", name=knob.name.partition(".")[2]))
    share = seen.fault_share("rate")
    works_ms, takes_ms = seen.percentile_ms(0.5), queue.percentile_ms(0.5)
    if seen.n < LEAST or share >= RATE_LOW or knob.value >= knob.default:
        return None
    if works_ms is None or takes_ms is None or takes_ms < 2 * works_ms:
        return None
    why = (
        f"half of its tasks took over {time(takes_ms)}, though half of its answers took less than"
        f" {time(works_ms)}: they wait, and only {percent(share)} were told to come later"
    )
    return _wish(knob, knob.value + 1, why, n=seen.n, rate_share=share)


def longer_deadline(knob: Knob, evidence: Evidence) -> Wish | None:
    """Answers are cut off that would have come."""
    seen = evidence(scope_of(knob.name))
    share, p99_ms = seen.fault_share(TIMED_OUT), seen.percentile_ms(0.99)
    if seen.n < LEAST or share <= TIMEOUTS_HIGH or knob.value >= knob.high:
        return None
    if not _met_deadline(seen, knob):
        return None
    if p99_ms is None or p99_ms < NEAR * knob.value * 1000:
        return None
    why = (
        f"{percent(share)} of {seen.n} attempts were out of time, and answers take up to"
        f" {time(p99_ms)} of {knob.value:g} s"
    )
    after = min(knob.high, round(knob.value * 1.5, 1))
    return _wish(knob, after, why, n=seen.n, timeout_share=share, p99_ms=p99_ms)


def shorter_deadline(knob: Knob, evidence: Evidence) -> Wish | None:
    """What hangs is waited for much longer than any answer takes."""
    seen = evidence(scope_of(knob.name))
    hanging, p99_ms = seen.faults.get(TIMED_OUT, 0), seen.percentile_ms(0.99)
    if seen.timed < LEAST or hanging < HANGING_LEAST or p99_ms is None:
        return None
    if not _met_deadline(seen, knob):
        return None
    if p99_ms >= FAR * knob.value * 1000:
        return None
    after = max(knob.low, round(4 * p99_ms / 1000, 1))
    if after >= knob.value:
        return None
    why = (
        f"{hanging} of {seen.n} attempts hung until the deadline of {knob.value:g} s, and 99 in 100"
        f" answers take less than {time(p99_ms)}"
    )
    return _wish(knob, after, why, n=seen.n, hanging=hanging, p99_ms=p99_ms)


def more_retries(knob: Knob, evidence: Evidence) -> Wish | None:
    """Hiccups that pass."""
    seen = evidence(scope_of(knob.name))
    hiccups = seen.fault_share("network", "server")
    retried, helped = seen.faults.get(RETRIED, 0), seen.faults.get(RETRY_HELPED, 0)
    if seen.n < LEAST or hiccups <= HICCUPS_HIGH or retried < RETRIES_LEAST:
        return None
    if wilson(helped, retried)[0] <= 0.5 or knob.value >= knob.high:
        return None
    why = f"{percent(hiccups)} of {seen.n} attempts had a hiccup, and {_helped(helped, retried)}"
    return _wish(knob, knob.value + 1, why, n=seen.n, retried=retried, helped=helped)


def fewer_retries(knob: Knob, evidence: Evidence) -> Wish | None:
    """Trying again is a waste."""
    seen = evidence(scope_of(knob.name))
    retried, helped = seen.faults.get(RETRIED, 0), seen.faults.get(RETRY_HELPED, 0)
    if seen.n < LEAST or retried < RETRIES_LEAST or helped or knob.value <= knob.low:
        return None
    why = _helped(helped, retried)
    return _wish(knob, knob.value - 1, why, n=seen.n, retried=retried, helped=helped)


def smaller_recall(knob: Knob, evidence: Evidence) -> Wish | None:
    """What is recalled does not help."""
    seen = evidence(Part(kind="kind", name="recall"))
    if seen.judged < LEAST or seen.interval[1] >= 0.5 or knob.value <= knob.low:
        return None
    why = f"what memory gave was of use in {seen.good} of {seen.judged} answers that were checked"
    return _wish(knob, float(int(knob.value * 0.75)), why, n=seen.judged, useful=seen.good)


def larger_recall(knob: Knob, evidence: Evidence) -> Wish | None:
    """What is recalled helps, and there is more of it."""
    seen = evidence(Part(kind="kind", name="recall"))
    full = seen.fault_share(FULL)
    if seen.judged < LEAST or seen.interval[0] <= 0.5 or full <= 0.5 or knob.value >= knob.high:
        return None
    why = (
        f"what memory gave was of use in {seen.good} of {seen.judged} answers that were checked,"
        f" and filled its budget in {percent(full)}"
    )
    after = min(knob.high, float(int(knob.value * 1.25)))
    return _wish(knob, after, why, n=seen.judged, useful=seen.good, full_share=full)


def smaller_context(knob: Knob, evidence: Evidence) -> Wish | None:
    """Prompts are too long for who is asked."""
    seen = evidence(Part(kind="kind", name="attempt"))
    share = seen.fault_share("context")
    if seen.n < LEAST or share <= CONTEXT_HIGH or knob.value <= knob.low:
        return None
    why = f"{percent(share)} of {seen.n} attempts were too long for their provider"
    return _wish(knob, float(int(knob.value * 0.75)), why, n=seen.n, too_long_share=share)


def larger_context(knob: Knob, evidence: Evidence) -> Wish | None:
    """There is room for more again."""
    seen = evidence(Part(kind="kind", name="attempt"))
    share = seen.fault_share("context")
    if seen.n < 5 * LEAST or share >= CONTEXT_LOW or knob.value >= knob.default:
        return None
    why = f"only {percent(share)} of {seen.n} attempts were too long for their provider"
    after = min(knob.default, float(int(knob.value * 1.25) + 1))
    return _wish(knob, after, why, n=seen.n, too_long_share=share)


# (the rule, the knobs that it is about), in the order in which they are heard.
RULES: Final[tuple[tuple[Rule, str], ...]] = (
    (fewer_slots, "slots"),
    (longer_deadline, "deadline_s"),
    (smaller_context, "context_tokens"),
    (shorter_deadline, "deadline_s"),
    (fewer_retries, "retries"),
    (more_retries, "retries"),
    (smaller_recall, "recall_tokens"),
    (larger_recall, "recall_tokens"),
    (more_slots, "slots"),
    (larger_context, "context_tokens"),
)


def _met_deadline(seen: Tally, knob: Knob) -> bool:
    """Whether what was out of time met this deadline, and not a task's own or the limit of
    silence, which are shorter."""
    out = seen.faults.get(TIMED_OUT, 0)
    return seen.faults.get(WAITED_S, 0) >= MET * knob.value * out


def _wish(knob: Knob, after: float, why: str, **numbers: float) -> Wish:
    rounded: Mapping[str, Any] = {name: round(value, 4) for name, value in numbers.items()}
    return Wish(knob=knob, after=after, scope=scope_of(knob.name), why=why, numbers=dict(rounded))


def _helped(helped: int, retried: int) -> str:
    return f"trying again helped in {helped} of {retried} cases"
