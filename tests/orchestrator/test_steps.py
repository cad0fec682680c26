"""What follows an attempt: the table of the cascade."""

import attrs
import pytest

from atlas_actors.messages.execution import (
    AttemptEnded,
    AttemptStarted,
    End,
    Fault,
    Progress,
    Request,
)
from atlas_actors.messages.routing import Link, Route
from atlas_actors.messages.strategy import Genome, Strategy
from atlas_actors.messages.task import TaskState
from atlas_actors.orchestrator.chain import Provider
from atlas_actors.orchestrator.check import Verdict
from atlas_actors.orchestrator.steps import next_step, over_of
from atlas_actors.providers.wire import END_OF

ROUTE = Route(
    id="r", layer=1, rule="x", intent="explain", confidence=0.9, abstained=False, tier="cheap",
    agent=None, complexity=3, difficulty=0.2, mode="normal", reason="",
)  # fmt: skip


def provider(name, tier, **fields):
    fields = {"context_tokens": 4096, "capabilities": frozenset({"text"}), **fields}
    return Provider(name=name, tier=tier, **fields)


# a and its twin, one of a higher tier, one of a lower that takes more
ALL = {
    one.name: one
    for one in (
        provider("a", "cheap"),
        provider("twin", "cheap"),
        provider("high", "quality"),
        provider("low", "free", context_tokens=8192),
    )
}


def ended(
    end, fault=None, *, asked=1, most=3, interruptions=0, provider="a", tried=(), rounds=0,
    retried=0,
):  # fmt: skip
    started = AttemptStarted(
        task_id="t", attempt=1, epoch=1, lane=provider, request=Request(prompt="p"), route=ROUTE,
        answers_asked=asked, attempts_max=most, interruptions=interruptions,
        progress=Progress(tried=tried, rounds=rounds, retried=retried),
    )  # fmt: skip
    return AttemptEnded(started=started, provider=provider, end=end, fault=fault, error="why")


def failed(fault, **fields):
    """An attempt that this fault ended, as every transport ends it."""
    return ended(END_OF[fault], fault, **fields)


def links(**verdicts):
    return [Link(provider=name, verdict=verdict, why="") for name, verdict in verdicts.items()]


def step_of(event, verdict, chain, *, providers=ALL, interruptions_max=10, jitter=0.5):
    return next_step(
        event, verdict, chain, providers, interruptions_max=interruptions_max, jitter=jitter
    )


PASSED = Verdict(passed=True, how="text", detail="", answer="yes")
FAILED = Verdict(passed=False, how="schema", detail="not JSON", answer="no")
DONE, AGAIN, OVER = TaskState.COMPLETED, TaskState.PENDING, TaskState.FAILED
ALONE = links(a="in")
ANSWERED = ended(End.ANSWERED)
LATE = ended(End.TIMED_OUT, Fault.NETWORK)


@pytest.mark.parametrize(
    ("event", "verdict", "chain", "state", "end", "lane"),
    [
        # answered and checked
        (ANSWERED, PASSED, ALONE, DONE, End.ANSWERED, "a"),
        # a failed check escalates, else the same provider is asked again, else it is over
        (ANSWERED, FAILED, links(a="in", high="in"), AGAIN, End.REJECTED, "high"),
        (ANSWERED, FAILED, links(a="in", twin="in", high="in"), AGAIN, End.REJECTED, "high"),
        (ANSWERED, FAILED, links(a="in", twin="in"), AGAIN, End.REJECTED, "twin"),
        (ANSWERED, FAILED, links(a="in", high="out"), AGAIN, End.REJECTED, "a"),
        (ANSWERED, FAILED, links(a="in", low="in"), AGAIN, End.REJECTED, "a"),
        (
            ended(End.ANSWERED, asked=3),
            FAILED, links(a="in", high="in"), OVER, End.REJECTED, None,
        ),
        # a refusal is not cured by asking again
        (failed(Fault.REQUEST), None, links(a="in", twin="in"), AGAIN, End.REFUSED, "twin"),
        (failed(Fault.REQUEST), None, ALONE, OVER, End.REFUSED, None),
        (
            failed(Fault.REQUEST, asked=3),
            None, links(a="in", twin="in"), OVER, End.REFUSED, None,
        ),
        # time
        (LATE, None, links(a="in", twin="in"), AGAIN, End.TIMED_OUT, "twin"),
        (LATE, None, ALONE, AGAIN, End.TIMED_OUT, "a"),
        (
            ended(End.TIMED_OUT, Fault.NETWORK, asked=3),
            None, ALONE, OVER, End.TIMED_OUT, None,
        ),
        # a hiccup is tried where it was, unless another of its tier can do it, or it was before
        (failed(Fault.NETWORK), None, ALONE, AGAIN, End.UNREACHABLE, "a"),
        (failed(Fault.NETWORK), None, links(a="in", high="in"), AGAIN, End.UNREACHABLE, "a"),
        (
            failed(Fault.NETWORK),
            None, links(a="in", twin="in", high="in"), AGAIN, End.UNREACHABLE, "twin",
        ),
        (
            failed(Fault.SERVER, retried=1),
            None, links(a="in", high="in"), AGAIN, End.UNREACHABLE, "high",
        ),
        (failed(Fault.SERVER), None, links(a="open", high="in"), AGAIN, End.UNREACHABLE, "high"),
        # all have failed: from the beginning
        (
            failed(Fault.SERVER, provider="high", tried=("a",), retried=1),
            None, links(a="in", high="in"), AGAIN, End.UNREACHABLE, "a",
        ),
        # faults of the way do not use up answers, and are bounded too
        (failed(Fault.NETWORK, asked=3), None, ALONE, AGAIN, End.UNREACHABLE, "a"),
        (
            failed(Fault.NETWORK, asked=3, retried=1),
            None, ALONE, AGAIN, End.UNREACHABLE, "a",
        ),
        (
            failed(Fault.NETWORK, interruptions=10, retried=1),
            None, ALONE, OVER, End.UNREACHABLE, None,
        ),
        # not now: elsewhere at once, else when it may be asked again
        (failed(Fault.RATE), None, links(a="open", high="in"), AGAIN, End.BUSY, "high"),
        (failed(Fault.RATE, asked=3), None, links(a="open"), AGAIN, End.BUSY, "a"),
        (failed(Fault.RATE, interruptions=10), None, links(a="open"), AGAIN, End.BUSY, "a"),
        (failed(Fault.QUOTA), None, links(a="open", high="in"), AGAIN, End.BUSY, "high"),
        (failed(Fault.QUOTA), None, links(a="open"), AGAIN, End.BUSY, "a"),
        (failed(Fault.KEY), None, links(a="open", high="in"), AGAIN, End.REFUSED, "high"),
        (failed(Fault.KEY), None, links(a="open"), AGAIN, End.REFUSED, "a"),
        (failed(Fault.KEY, interruptions=10), None, links(a="open"), AGAIN, End.REFUSED, "a"),
        # too long for it: only to who takes more
        (
            failed(Fault.CONTEXT),
            None, links(a="in", high="in", low="in"), AGAIN, End.REFUSED, "low",
        ),
        (failed(Fault.CONTEXT), None, links(a="in", high="in"), OVER, End.REFUSED, None),
        # over budget: who is not, else the orchestrator says for what it waits
        (
            failed(Fault.BUDGET),
            None, links(a="over budget", low="in"), AGAIN, End.OVER_BUDGET, "low",
        ),
        (failed(Fault.BUDGET), None, links(a="over budget"), AGAIN, End.OVER_BUDGET, None),
        # the work cannot be begun, whoever does it
        (failed(Fault.TASK), None, links(a="in", twin="in"), OVER, End.REFUSED, None),
        (
            ended(End.TIMED_OUT, Fault.TASK),
            None, links(a="in", twin="in"), OVER, End.TIMED_OUT, None,
        ),
        # cut off by us
        (ended(End.CANCELLED), None, links(a="in", twin="in"), AGAIN, End.CANCELLED, "a"),
    ],
)  # fmt: skip
def test_what_follows_an_attempt(event, verdict, chain, state, end, lane):
    step = step_of(event, verdict, chain)
    assert (step.state, step.end, step.lane) == (state, end, lane)


@pytest.mark.parametrize(
    ("event", "verdict", "counts", "interrupted", "infrastructure"),
    [
        (ANSWERED, FAILED, True, False, False),
        (failed(Fault.REQUEST), None, True, False, False),
        (LATE, None, True, False, True),
        (failed(Fault.RATE), None, False, False, True),
        (failed(Fault.QUOTA), None, False, False, True),
        (failed(Fault.BUDGET), None, False, False, True),
        (failed(Fault.CONTEXT), None, False, False, True),
        (failed(Fault.SERVER), None, False, False, True),
        (failed(Fault.KEY), None, False, False, True),
        (ended(End.CANCELLED), None, False, True, True),
    ],
)
def test_what_uses_up_answers_and_interruptions_and_what_says_nothing_of_quality(
    event, verdict, counts, interrupted, infrastructure
):
    step = step_of(event, verdict, links(a="in", twin="in", low="in"))
    over = over_of(event, verdict, step, 0.0)
    assert (over.counts, over.interrupted, over.infrastructure) == (
        counts, interrupted, infrastructure,
    )  # fmt: skip


@pytest.mark.parametrize("fault", [Fault.SERVER, Fault.NETWORK])
def test_a_round_in_which_all_failed_uses_up_an_interruption(fault):
    step = step_of(failed(fault, retried=1), None, ALONE)
    assert (step.counts, step.interrupted, step.progress) == (False, True, Progress(rounds=1))


@pytest.mark.parametrize("fault", [Fault.SERVER, Fault.NETWORK, Fault.KEY, Fault.RATE])
def test_waiting_for_a_provider_that_rests_uses_up_nothing(fault):
    step = step_of(failed(fault, retried=1), None, links(a="open"))
    assert (step.state, step.counts, step.interrupted) == (TaskState.PENDING, False, False)


def test_a_better_provider_that_rests_is_waited_for_rather_than_ask_the_same_again():
    rejected = step_of(ANSWERED, FAILED, links(a="in", high="open"))
    assert (rejected.state, rejected.lane) == (TaskState.PENDING, "high")


def test_who_has_failed_in_this_round_is_not_asked_again_in_it():
    first = step_of(failed(Fault.RATE), None, links(a="in", twin="in", high="in"))
    assert (first.lane, first.progress.tried) == ("twin", ("a",))
    second = failed(Fault.RATE, provider="twin", tried=first.progress.tried)
    step = step_of(second, None, links(a="in", twin="in", high="in"))
    assert (step.lane, step.progress.tried) == ("high", ("a", "twin"))


@pytest.mark.parametrize("fault", [Fault.RATE, Fault.QUOTA, Fault.KEY, Fault.NETWORK])
def test_nobody_waits_before_another_is_asked(fault):
    assert step_of(failed(fault), None, links(a="open", high="in"), jitter=1.0).delay_ms == 0


def test_without_a_word_the_wait_grows_and_is_capped():
    patient = {"a": attrs.evolve(ALL["a"], retries=100)}

    def here(retried):
        lost = failed(Fault.NETWORK, retried=retried)
        return step_of(lost, None, ALONE, providers=patient, jitter=1.0).delay_ms

    def round(rounds):
        lost = failed(Fault.NETWORK, rounds=rounds, retried=1)
        return step_of(lost, None, ALONE, jitter=1.0).delay_ms

    assert [here(n) for n in (0, 1, 2, 50)] == [250, 500, 1000, 60_000]
    assert [round(n) for n in (0, 1, 2, 50)] == [1000, 2000, 4000, 60_000]


# By a strategy: its order, and as many answers of one provider as its genome says.


def by(event, attempts=1, answers=0):
    """The event of an attempt that was gone about by a strategy."""
    genome = Genome(providers=("a", "low", "high"), attempts=attempts)
    route = attrs.evolve(ROUTE, strategy=Strategy(id="s", intent="explain", genome=genome))
    progress = attrs.evolve(event.started.progress, answers=answers)
    return attrs.evolve(event, started=attrs.evolve(event.started, route=route, progress=progress))


@pytest.mark.parametrize(
    ("event", "chain", "lane", "progress"),
    [
        # the next of the chain, whatever its tier
        (by(ANSWERED), links(a="in", low="in", high="in"), "low", Progress(tried=("a",))),
        (by(ANSWERED), links(a="in", low="open", high="in"), "high", Progress(tried=("a",))),
        (
            by(ended(End.ANSWERED, provider="low", tried=("a",))),
            links(a="in", low="in", high="in"), "high", Progress(tried=("a", "low")),
        ),
        # as many answers as it gives one
        (by(ANSWERED, 2), links(a="in", low="in"), "a", Progress(answers=1)),
        (by(ANSWERED, 2, 1), links(a="in", low="in"), "low", Progress(tried=("a",))),
        (by(ANSWERED, 3, 1), links(a="in", low="in"), "a", Progress(answers=2)),
        (by(ANSWERED, 2), links(a="open", low="in"), "low", Progress(tried=("a",))),
        # nobody left: as without one
        (by(ANSWERED), links(a="in"), "a", Progress()),
        (by(ANSWERED), links(a="in", high="open"), "high", Progress(tried=("a",))),
        (by(ANSWERED), links(a="in", low="open"), "a", Progress()),
    ],
)  # fmt: skip
def test_by_a_strategy_its_order_says_who_is_asked_next(event, chain, lane, progress):
    step = step_of(event, FAILED, chain)
    assert (step.state, step.end, step.lane) == (AGAIN, End.REJECTED, lane)
    assert step.progress == progress


def test_a_strategy_asks_for_no_more_answers_than_the_task_may():
    step = step_of(by(ended(End.ANSWERED, asked=3), 5), FAILED, links(a="in", low="in"))
    assert (step.state, step.lane) == (OVER, None)


def test_another_provider_is_asked_for_all_its_answers():
    step = step_of(by(failed(Fault.RATE), 3, 2), None, links(a="in", low="in"))
    assert (step.lane, step.progress) == ("low", Progress(tried=("a",)))
