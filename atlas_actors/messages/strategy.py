"""Between the orchestrator, people and strategies: how a request is to be gone about."""

from typing import Any, Literal

import attrs

from atlas_actors.messages.proposal import Propose

Check = Literal["text", "complete", "code"]
# champion: in the ordinary choice; challenger: on trial beside its parent; probe: a rare look at
# one that is benched; pinned: a person's choice.
Role = Literal["champion", "challenger", "probe", "pinned"]


@attrs.frozen(kw_only=True)
class Genome:
    """What a strategy does; each gene changes what is executed.

    A template holds `{request}` once; "" asks with the request alone.
    """

    providers: tuple[str, ...]  # asked in this order; who is not named comes after them, by tier
    template: str = ""
    recall: int = 8  # memories before the prompt at most; 0: memory is not asked
    context_tokens: int = 0  # of the project's likely files before the prompt; 0: none
    plan_first: bool = False  # a plan is asked for first, and is then part of the prompt
    attempts: int = 1  # answers asked of one provider before the next one is
    check: Check = "text"  # what an answer must pass where the request brings no check
    temperature: float | None = None  # None: what the provider does by itself


@attrs.frozen(kw_only=True)
class Strategy:
    """A genome of an intent; `id` is a hash of both, so what has an id never changes."""

    id: str
    intent: str
    genome: Genome


@attrs.frozen(kw_only=True)
class Offer:
    """A provider that could do the request now; `prior` is how likely its answer is right before
    anything is known of it, 0 to 1."""

    provider: str
    cost_usd: float
    prior: float


@attrs.frozen(kw_only=True)
class ChooseStrategy:
    """Ask strategies: how is this to be gone about? The answer is a StrategyChosen.

    With `trial` the choice is kept, and its end will come as an outcome; without, nothing is. What
    does not verify itself teaches little: then the best known is taken, and nothing is tried out.
    """

    request_id: str  # given back
    intent: str
    difficulty: float  # 0 to 1
    offers: tuple[Offer, ...]
    verifies: bool  # the request brings a check of its own
    spent_share: float = 0.0  # of today's budget
    day_share: float = 1.0  # of today that has passed
    task_id: str | None = None
    trial: bool = True
    again: int | None = None  # the choice made for it before: it stands unless it is outdated


@attrs.frozen(kw_only=True)
class StrategyChosen:
    """Answer to ChooseStrategy; None: no strategy of this intent can lead now, and `why`."""

    request_id: str
    strategy: Strategy | None
    choice: int | None = None  # its number in the log, when it was kept
    why: str = ""


@attrs.frozen(kw_only=True)
class EvolveStrategies:
    """Ask strategies: let evolve what there is new evidence for (of this intent, else of all).

    The answer is a StrategiesEvolved.
    """

    intent: str | None = None


@attrs.frozen(kw_only=True)
class Step:
    """One thing that natural selection did, or did not, and why."""

    intent: str
    what: str  # as the lineage has it: born, promoted, culled, benched, ..., or nothing
    strategy: str | None
    why: str


@attrs.frozen(kw_only=True)
class StrategiesEvolved:
    """Answer to EvolveStrategies."""

    steps: tuple[Step, ...]


@attrs.frozen(kw_only=True)
class PinStrategy:
    """Ask strategies: in its intent always this one, or (None) no longer; answered by a Step."""

    strategy: str | None
    intent: str | None = None  # needed to unpin


@attrs.frozen(kw_only=True)
class RetireStrategy:
    """Ask strategies: never choose it again; the answer is a Step."""

    strategy: str
    reason: str = ""


@attrs.frozen(kw_only=True)
class ReplayStrategies:
    """Ask strategies: make every choice of the log again; the answer is a StrategiesReplayed."""

    limit: int | None = None  # of the newest choices; None: all that are kept


@attrs.frozen(kw_only=True)
class StrategiesReplayed:
    """Answer to ReplayStrategies; `different` is (choice, then, now) of what was not the same."""

    choices: int
    same: int
    different: tuple[tuple[int, str | None, str | None], ...]
    from_choice: int


@attrs.frozen(kw_only=True)
class ReflectionWanted:
    """A template that is to be thought over by one task with this key, on this provider.

    Who submits it adds what the failed tasks' checks said.
    """

    key: str
    intent: str
    parent: str  # the strategy whose template it is
    template: str  # "": the request alone
    tasks: tuple[str, ...]  # those that failed with it
    provider: str
    budget_usd: float
    schema: dict[str, Any]  # of the answer


@attrs.frozen(kw_only=True)
class LookForWork:
    """Ask strategies: what does what has failed call for? The answer is a WorkFound."""


@attrs.frozen(kw_only=True)
class WorkFound:
    """Answer to LookForWork, for who proposes it: the same again until it is said to be done.

    Evidence of a task's attempts is not here; whoever proposes it adds what the task says.
    """

    proposals: tuple[Propose, ...] = ()
    settled: tuple[str, ...] = ()  # subjects of which nothing is left to do
    reflections: tuple[ReflectionWanted, ...] = ()


@attrs.frozen(kw_only=True)
class WorkProposed:
    """Ask strategies: these were proposed, or never will be; these are settled. Answered by None,
    after the commit."""

    fingerprints: tuple[str, ...] = ()
    settled: tuple[str, ...] = ()


@attrs.frozen(kw_only=True)
class TakeReflection:
    """Ask strategies: take over what that task says, once; the answer is a Step."""

    key: str
    answer: str | None  # None: there is none and will be none
