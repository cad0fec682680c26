"""Pure: whether what was adjusted is kept, by what came before and after it."""

from typing import Any, Final

import attrs

from atlas_actors.analytics.findings import difference
from atlas_actors.analytics.tally import Tally
from atlas_actors.analytics.words import percent
from atlas_actors.clock import DAY_MS

ENOUGH: Final = 20  # outcomes of its scope
PATIENCE_MS: Final = 3 * DAY_MS
TIMED_LEAST: Final = 10
SLOWER: Final = 1.5
AGAIN_MS: Final = 30 * DAY_MS
TWICE: Final = 2
# The fault that a knob is to make rarer, and whether answers may become slower by it.
_AIMS: Final[dict[str, tuple[str, bool]]] = {
    "slots": ("rate", True),
    "deadline_s": ("timed_out", False),
    "retries": ("", False),
    "recall_tokens": ("", True),
    "context_tokens": ("context", True),
}
# These change what is asked, so faults of the way do not count; the others change the way.
_OF_ANSWERS: Final = frozenset({"recall_tokens", "context_tokens"})


@attrs.frozen(kw_only=True)
class Judgement:
    """What an adjustment came to."""

    keep: bool
    why: str
    numbers: dict[str, Any]


def is_due(after: Tally, applied_ms: int, now_ms: int) -> bool:
    """Whether enough has been seen, or enough time has passed."""
    return after.n >= ENOUGH or now_ms - applied_ms >= PATIENCE_MS


def judge(knob: str, before: Tally, after: Tally) -> Judgement:
    """Worse is undone: success less or the fault more by the 95 % interval of the difference, or
    answers by half slower. Better or no different is kept."""
    name = knob.partition(".")[0]
    fault, heeds_time = _AIMS[name]
    numbers: dict[str, Any] = {"n_before": before.n, "n_after": after.n}
    worse, said = [], []
    was, now = (_success(name, tally) for tally in (before, after))
    if was[1] and now[1]:
        numbers |= {"success_before": _share(was), "success_after": _share(now)}
        said.append(f"success {percent(_share(was))} → {percent(_share(now))}")
        if difference(now, was)[1] < 0:
            worse.append("fewer succeed")
    if fault:
        had, has = (_faults(fault, tally) for tally in (before, after))
        numbers |= {f"{fault}_before": _share(had), f"{fault}_after": _share(has)}
        said.append(f"{fault.replace('_', ' ')} {percent(_share(had))} → {percent(_share(has))}")
        if after.n and difference(has, had)[0] > 0:
            worse.append(f"more {fault.replace('_', ' ')}")
    p90_was, p90 = before.percentile_ms(0.9), after.percentile_ms(0.9)
    if p90_was and p90 and min(before.timed, after.timed) >= TIMED_LEAST:
        numbers |= {"p90_ms_before": round(p90_was), "p90_ms_after": round(p90)}
        said.append(f"nine in ten within {p90_was:.0f} → {p90:.0f} ms")
        if heeds_time and p90 > SLOWER * p90_was:
            worse.append("answers take longer")
    few = "" if after.n >= ENOUGH else f"only {after.n} outcomes in three days; "
    verdict = f"worse: {', '.join(worse)}" if worse else "not worse"
    why = f"{few}{verdict} ({'; '.join(said) or 'nothing to compare'}; n = {before.n}, {after.n})"
    return Judgement(keep=not worse, why=why, numbers=numbers)


def may_try_again(undone_ms: int, evidence_n: int, new_n: int, now_ms: int) -> bool:
    """Whether what was undone or rejected may be thought of again: after 30 days, or with twice
    the evidence that it was then."""
    return now_ms - undone_ms >= AGAIN_MS or new_n >= TWICE * max(1, evidence_n)


def _success(name: str, tally: Tally) -> tuple[int, int]:
    return tally.good, tally.judged if name in _OF_ANSWERS else tally.n


def _faults(fault: str, tally: Tally) -> tuple[int, int]:
    return tally.faults.get(fault, 0), tally.n


def _share(of: tuple[int, int]) -> float:
    return round(of[0] / of[1], 4) if of[1] else 0.0
