"""Pure: what follows an attempt."""

from collections.abc import Mapping, Sequence
from typing import Final

import attrs

from atlas_actors.messages.execution import AttemptEnded, End, Fault, Progress
from atlas_actors.messages.routing import Link
from atlas_actors.messages.task import AttemptOver, TaskState
from atlas_actors.orchestrator.chain import IN, Provider, lane_of
from atlas_actors.orchestrator.check import Verdict
from atlas_actors.providers.catalog import TIERS

RETRY_FLOOR_MS: Final = 20
RETRY_BASE_MS: Final = 250
ROUND_BASE_MS: Final = 1_000
DELAY_CAP_MS: Final = 60_000
# These say nothing about the answer that the provider would have given.
_NOT_ITS_ANSWER: Final = frozenset(
    {
        Fault.RATE,
        Fault.QUOTA,
        Fault.KEY,
        Fault.SERVER,
        Fault.NETWORK,
        Fault.CONTEXT,
        Fault.BUDGET,
        Fault.TASK,
    }
)


@attrs.frozen(kw_only=True)
class Next:
    """What becomes of the task: its state, and for a pending one its lane and delay."""

    state: TaskState
    end: End
    lane: str | None
    delay_ms: int = 0
    error: str = ""
    progress: Progress = attrs.field(factory=Progress)
    counts: bool = True  # as one of the answers that may be asked for
    interrupted: bool = False


def next_step(
    ended: AttemptEnded,
    verdict: Verdict | None,
    chain: Sequence[Link],
    providers: Mapping[str, Provider],
    *,
    interruptions_max: int,
    jitter: float,
    tiers: Sequence[str] = TIERS,
) -> Next:
    """What follows an attempt; `verdict` is there when it was answered. `jitter` in [0, 1).

    | the attempt | what follows |
    |---|---|
    | passed its check | completed |
    | failed its check | a higher tier, told what was wrong; else its own tier; else the same |
    | the same, by a strategy | as many answers as it gives one; then the next in its order |
    | rate, quota, key | elsewhere at once; else wait for the provider's cooldown |
    | server, network | the same again a moment later, unless another of its tier can; elsewhere |
    | timed out | elsewhere, else the same again |
    | too long for it | only to who takes more |
    | refused | elsewhere |
    | over budget | elsewhere, else wait |
    | the task's own fault | failed |
    """
    started = ended.started
    if verdict is not None and verdict.passed:
        return Next(state=TaskState.COMPLETED, end=End.ANSWERED, lane=ended.provider)
    usable = [link.provider for link in chain if link.verdict == IN]
    tried = (*started.progress.tried, ended.provider)
    fresh = [name for name in usable if name not in tried]
    elsewhere = attrs.evolve(started.progress, tried=tried, retried=0, answers=0)
    if verdict is not None:
        return _rejected(ended, verdict.detail, chain, elsewhere, providers, tiers)
    error = f"{ended.end}: {ended.error}"
    pending = Next(
        state=TaskState.PENDING,
        end=ended.end,
        lane=fresh[0] if fresh else None,
        error=error,
        progress=elsewhere,
        counts=False,
    )
    match ended.fault:
        case Fault.TASK:
            return _failed(ended.end, error)
        case Fault.CONTEXT:
            return _to_longer(ended, pending, chain, providers)
        case Fault.RATE | Fault.QUOTA | Fault.KEY:
            return pending if fresh else _wait(ended, pending, chain)
        case Fault.BUDGET:
            return pending
        case Fault.SERVER | Fault.NETWORK if ended.end is not End.TIMED_OUT:
            if _retry_here(ended, fresh, usable, providers, tiers):
                retried = started.progress.retried + 1
                return attrs.evolve(
                    pending,
                    lane=ended.provider,
                    delay_ms=_delay_ms(RETRY_BASE_MS, retried - 1, jitter),
                    progress=attrs.evolve(started.progress, retried=retried),
                )
            if fresh:
                return pending
            return _next_round(ended, pending, usable, interruptions_max, jitter)
        case _ if ended.end is End.TIMED_OUT:
            lane = fresh[0] if fresh else ended.provider
            return _again(ended, ended.end, error, lane, elsewhere)
        case _ if ended.end is End.CANCELLED:
            if started.interruptions >= interruptions_max:
                return _failed(ended.end, error)
            return attrs.evolve(pending, lane=ended.provider, interrupted=True)
        case _:
            return _again(ended, ended.end, error, fresh[0] if fresh else None, elsewhere)


def over_of(
    ended: AttemptEnded,
    verdict: Verdict | None,
    step: Next,
    cost_usd: float,
    counted_usd: float = 0.0,
) -> AttemptOver:
    """What tasks is told of an attempt and of what follows it."""
    started = ended.started
    passed = verdict is not None and verdict.passed
    return AttemptOver(
        task_id=started.task_id,
        attempt=started.attempt,
        epoch=started.epoch,
        end=step.end,
        fault=ended.fault,
        next_state=step.state,
        error=step.error,
        check=f"{verdict.how}: {verdict.detail}" if verdict else "",
        answer=verdict.answer if verdict else None,
        verified_by=verdict.how if verdict and passed else None,
        provider=ended.provider,
        model=ended.model,
        transport=ended.transport,
        usage=ended.usage,
        estimated=ended.estimated,
        cost_usd=cost_usd,
        counted_usd=max(cost_usd, counted_usd),
        duration_ms=ended.duration_ms,
        lane=step.lane,
        delay_ms=step.delay_ms,
        progress=step.progress,
        workspace=ended.workspace,
        counts=step.counts,
        interrupted=step.interrupted,
        infrastructure=infrastructure(ended),
        maybe_ran=ended.estimated and ended.end is not End.ANSWERED,
    )


def attempt_deadline_s(limit_s: float, remaining_s: float | None, more: int) -> float:
    """An attempt's share of the time that is left: others, `more` of them, may have to follow."""
    if remaining_s is None:
        return limit_s
    return max(0.1, min(limit_s, remaining_s / (1 + max(0, more))))


def infrastructure(ended: AttemptEnded) -> bool:
    """Whether the end says nothing about the quality of the provider's answers."""
    return ended.fault in _NOT_ITS_ANSWER or ended.end is End.CANCELLED


def _rejected(
    ended: AttemptEnded,
    detail: str,
    chain: Sequence[Link],
    elsewhere: Progress,
    providers: Mapping[str, Provider],
    tiers: Sequence[str],
) -> Next:
    """The answer failed its check: the same again while its strategy gives it more answers, then
    the strategy's next, without one somebody better; nobody left: the same once more."""
    started, error = ended.started, f"rejected: {detail}"
    usable = [link.provider for link in chain if link.verdict == IN]
    fresh = [name for name in usable if name not in elsewhere.tried]
    strategy = started.route.strategy
    if strategy is None:
        lane = _better(ended.provider, fresh, providers, tiers)
    else:
        given = started.progress.answers + 1  # by this one
        if given < strategy.genome.attempts and ended.provider in usable:
            mine = attrs.evolve(started.progress, answers=given)
            return _again(ended, End.REJECTED, error, ended.provider, mine)
        lane = fresh[0] if fresh else None
    resting = [link.provider for link in chain if link.verdict == "open"]
    lane = lane or _better(ended.provider, resting, providers, tiers, same=False)
    if lane is None:
        return _again(ended, End.REJECTED, error, ended.provider, started.progress)
    return _again(ended, End.REJECTED, error, lane, elsewhere)


def _again(ended: AttemptEnded, end: End, error: str, lane: str | None, progress: Progress) -> Next:
    started = ended.started
    if lane is None or started.answers_asked >= started.attempts_max:
        return _failed(end, error)
    progress = attrs.evolve(progress, retried=0)
    return Next(state=TaskState.PENDING, end=end, lane=lane, error=error, progress=progress)


def _failed(end: End, error: str) -> Next:
    return Next(state=TaskState.FAILED, end=end, lane=None, error=error)


def _better(
    name: str,
    fresh: Sequence[str],
    providers: Mapping[str, Provider],
    tiers: Sequence[str],
    *,
    same: bool = True,
) -> str | None:
    """The first of a higher tier, else (with `same`) another of its own; never a lesser one."""
    rank = {tier: n for n, tier in enumerate(tiers)}
    mine = rank.get(providers[name].tier, -1) if name in providers else -1
    ranks = {one: rank.get(providers[one].tier, -1) for one in fresh}
    higher = (one for one in fresh if ranks[one] > mine)
    equal = (one for one in fresh if same and ranks[one] == mine)
    return next(higher, None) or next(equal, None)


def _retry_here(
    ended: AttemptEnded,
    fresh: Sequence[str],
    usable: Sequence[str],
    providers: Mapping[str, Provider],
    tiers: Sequence[str],
) -> bool:
    """A hiccup is tried once more where it happened, before somebody dearer or lesser is asked."""
    provider = providers.get(ended.provider)
    if provider is None or ended.provider not in usable:
        return False
    if ended.started.progress.retried >= provider.retries:
        return False
    return not fresh or providers[fresh[0]].tier != provider.tier


def _to_longer(
    ended: AttemptEnded, pending: Next, chain: Sequence[Link], providers: Mapping[str, Provider]
) -> Next:
    """The first that takes more and can do it now, else the first that may be waited for."""
    known = providers.get(ended.provider)
    takes = known.context_tokens if known else 0
    more = [
        link
        for link in chain
        if link.verdict in (IN, "waiting", "open")
        and link.provider not in pending.progress.tried
        and providers[link.provider].context_tokens > takes
    ]
    longer = [link.provider for link in sorted(more, key=lambda link: link.verdict != IN)]
    if not longer:
        return _failed(ended.end, f"{pending.error}; no provider at hand takes more")
    return attrs.evolve(pending, lane=longer[0])


def _wait(ended: AttemptEnded, pending: Next, chain: Sequence[Link]) -> Next:
    """Nobody else: until the first cooldown is over."""
    lane, _ = lane_of(chain)
    if lane is None and any(link.provider == ended.provider for link in chain):
        lane = ended.provider
    return attrs.evolve(
        pending, lane=lane, progress=Progress(rounds=ended.started.progress.rounds + 1)
    )


def _next_round(
    ended: AttemptEnded,
    pending: Next,
    usable: Sequence[str],
    interruptions_max: int,
    jitter: float,
) -> Next:
    """All have failed: from the beginning, later."""
    rounds = ended.started.progress.rounds + 1
    if ended.started.interruptions >= interruptions_max:
        return _failed(ended.end, pending.error)
    return attrs.evolve(
        pending,
        lane=usable[0] if usable else ended.provider,
        delay_ms=_delay_ms(ROUND_BASE_MS, rounds - 1, jitter),
        progress=Progress(rounds=rounds),
        interrupted=ended.provider in usable,  # one that rests is only tried now and then
    )


def _delay_ms(base_ms: int, grown: int, jitter: float) -> int:
    """Exponential with full jitter."""
    return max(RETRY_FLOOR_MS, int(min(DELAY_CAP_MS, base_ms * 2 ** min(grown, 20)) * jitter))
