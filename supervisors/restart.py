"""Pure rules of restarting: who, when, and is the budget spent."""

from collections import deque
from collections.abc import Sequence

from atlas_actors.messages.supervision import Ending
from supervisors.child import AutoShutdown, Backoff, Budget, Restart, Strategy

ABNORMAL = frozenset({Ending.CRASHED, Ending.KILLED, Ending.CANNOT_START})


def restarts(restart: Restart, ending: Ending) -> bool:
    """Whether a child of this kind comes back after this ending (OTP's table).

    permanent: always; transient: after an abnormal ending; temporary: never. An ignored start is
    not an ending of work: the child stays listed and is not started again by itself.
    """
    if ending is Ending.IGNORED:
        return False
    match restart:
        case "permanent":
            return True
        case "transient":
            return ending in ABNORMAL
        case "temporary":
            return False


def shares_fate(strategy: Strategy, order: Sequence[str], failed: str) -> list[str]:
    """The ids, in start order, that are stopped and started with `failed`."""
    match strategy:
        case "one_for_one":
            return [failed]
        case "one_for_all":
            return list(order)
        case "rest_for_one":
            return list(order[order.index(failed) :])


def shuts_down(rule: AutoShutdown, others_done: Sequence[bool]) -> bool:
    """Whether the end of a significant child ends its supervisor (EEP 56).

    `others_done` says of each significant child that is listed whether it has ended for good.
    """
    match rule:
        case "never":
            return False
        case "any_significant":
            return True
        case "all_significant":
            return all(others_done)


def delay_s(backoff: Backoff, failures: int, jitter: float) -> float:
    """Seconds to wait before the restart after `failures` failures in a row (from 1).

    Full jitter; `jitter` is random in [0, 1). The first restart is immediate: a single crash
    should cost nobody anything.
    """
    if failures <= 1 or backoff.base_s == 0:
        return 0.0
    ceiling = min(backoff.cap_s, backoff.base_s * 2.0 ** min(failures - 1, 60))
    return ceiling * jitter


class RestartWindow:
    """Failures within the last period; times in monotonic seconds."""

    def __init__(self, budget: Budget) -> None:
        self._budget = budget
        self._failures: deque[float] = deque()

    def failed(self, now_s: float) -> bool:
        """Record a failure. True when there are now more than the budget bears."""
        self._failures.append(now_s)
        self._forget(now_s)
        return len(self._failures) > self._budget.intensity

    def recent(self, now_s: float) -> int:
        """How many failures the window holds now."""
        self._forget(now_s)
        return len(self._failures)

    def clear(self) -> None:
        """Start counting anew."""
        self._failures.clear()

    def _forget(self, now_s: float) -> None:
        while self._failures and now_s - self._failures[0] > self._budget.period_s:
            self._failures.popleft()
