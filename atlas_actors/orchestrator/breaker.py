"""Pure: one provider's circuit breaker, with cooldowns that honour what the provider says.

closed: takes work. open: takes none until `until_s`. half_open: takes one probe, whose end closes
it or opens it for longer.
"""

from typing import Final, Literal

import attrs

from atlas_actors.messages.execution import Fault

RETRY_AFTER_CAP_S: Final = 3_600.0
OPEN_CAP_S: Final = 600.0
QUOTA_S: Final = 900.0
KEY_S: Final = 600.0
FLOOR_S: Final = 0.1
BELIEVED_S: Final = 1.0

State = Literal["closed", "open", "half_open"]


@attrs.frozen(kw_only=True)
class Breaker:
    """Times are seconds of the monotonic clock."""

    state: State = "closed"
    failures: int = 0  # in a row
    opened: int = 0  # times in a row, for waits that grow
    until_s: float = 0.0
    reason: str = ""
    probing: bool = False  # half open, and its one probe is under way


@attrs.frozen(kw_only=True)
class Policy:
    """After how many failures in a row it opens, and for how long at first."""

    failures: int = 3
    open_s: float = 30.0


def after_answer(breaker: Breaker) -> Breaker:
    """An answer closes it; one that was asked before it opened proves nothing."""
    return breaker if breaker.state == "open" else Breaker()


def after_fault(
    breaker: Breaker,
    fault: Fault | None,
    error: str,
    policy: Policy,
    *,
    retry_after_ms: int | None,
    now_s: float,
    jitter: float,
) -> Breaker:
    """What a failed attempt does to it. `jitter` in [0, 1) spreads the ends of waits."""
    match fault:
        case Fault.RATE | Fault.QUOTA | Fault.KEY:
            base_s = {Fault.QUOTA: QUOTA_S, Fault.KEY: KEY_S}.get(fault, policy.open_s / 10)
            wait_s = _wait_s(base_s, breaker.opened, jitter)
            if retry_after_ms is not None:
                asked_s = min(retry_after_ms / 1000, RETRY_AFTER_CAP_S) * (1 + jitter / 10)
                # "At once" is believed once: who says it again and again would be asked for ever.
                believed = breaker.opened == 0 or asked_s >= BELIEVED_S
                wait_s = asked_s if believed else wait_s
        case Fault.SERVER | Fault.NETWORK:
            failures = breaker.failures + 1
            enough = failures >= policy.failures or breaker.state == "half_open"
            if breaker.state == "open" or not enough:
                return attrs.evolve(breaker, failures=failures)
            wait_s = _wait_s(policy.open_s, breaker.opened, jitter)
        case _:
            return after_answer(breaker)  # it was there, and said no to this request
    until_s = now_s + max(FLOOR_S, wait_s)
    if breaker.state == "open":
        if until_s <= breaker.until_s:
            return breaker
        return attrs.evolve(breaker, until_s=until_s, reason=error)
    return Breaker(
        state="open",
        failures=breaker.failures + 1,
        opened=breaker.opened + 1,
        until_s=until_s,
        reason=error,
    )


def after_start(breaker: Breaker) -> Breaker:
    """The first request to a half-open one is its probe."""
    return attrs.evolve(breaker, probing=True) if breaker.state == "half_open" else breaker


def after_nothing(breaker: Breaker) -> Breaker:
    """A request ended without a word of the provider: another may be the probe."""
    return attrs.evolve(breaker, probing=False)


def at(breaker: Breaker, now_s: float) -> Breaker:
    """Its state now: a wait that is over lets one probe through."""
    if breaker.state == "open" and now_s >= breaker.until_s:
        return attrs.evolve(breaker, state="half_open")
    return breaker


def _wait_s(base_s: float, opened: int, jitter: float) -> float:
    """Exponential, between half of it and all of it."""
    grown = min(base_s * 2.0 ** min(opened, 20), max(OPEN_CAP_S, base_s))
    return float(grown * (0.5 + jitter / 2))
