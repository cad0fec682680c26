"""One attempt as its strategy wants it: files before the prompt, a plan first, and one end."""

from typing import Final

import anyio
import attrs
from loguru import logger

from atlas_actors.executor.backend import Backend
from atlas_actors.executor.cli import CliBackend
from atlas_actors.executor.context import ProjectFiles
from atlas_actors.executor.genes import Genes, fitting
from atlas_actors.executor.plan import planned_in_run, to_plan, with_plan
from atlas_actors.executor.work import OnText, Work, with_estimate
from atlas_actors.messages.execution import End, Fault, RunAttempt, Usage
from atlas_actors.providers.prices import PriceTable
from atlas_actors.providers.wire import CallEnd
from atlas_actors.settings import ProviderSettings

_COUNTED: Final = tuple(field.name for field in attrs.fields(Usage))


@attrs.define(kw_only=True)
class Calls:
    """The calls of one attempt, and what they have used when it is cut off, too."""

    backend: Backend
    settings: ProviderSettings
    prices: PriceTable
    files: ProjectFiles
    on_text: OnText
    _before: CallEnd | None = None  # how the call for the plan ended
    _asked: int = 0  # characters sent by the call under way
    _shown: int = 0  # and answered

    async def make(self, order: RunAttempt, work: Work) -> CallEnd:
        """All of it within the deadline. The answer is the last one, the tokens are of all."""
        genes = self._fitting(order)
        request, tokens = order.started.request, genes.context_tokens
        try:
            with anyio.fail_after(order.deadline_s):
                prompt = await self.files.before(order.prompt, request, tokens)
                work = attrs.evolve(work, ask=attrs.evolve(work.ask, prompt=prompt))
                last = await self._made(work, plan_first=genes.plan_first)
        except TimeoutError:
            error = f"no whole answer in {order.deadline_s:g} s"
            last = CallEnd(end=End.TIMED_OUT, fault=Fault.NETWORK, error=error)
        last = with_estimate(last, self._asked, self._shown)
        return last if self._before is None else _together(self._before, last)

    def _fitting(self, order: RunAttempt) -> Genes:
        settings = self.settings
        known = self.prices.of(settings, self.backend.model).context
        genes = fitting(
            order,
            takes_tokens=settings.context_tokens or known,
            answer_tokens=settings.answer_tokens_max,
            one_call=not isinstance(self.backend, CliBackend),
        )
        if genes != Genes(context_tokens=order.context_tokens, plan_first=order.plan_first):
            logger.info("attempt.genes_cut", provider=settings.name, **attrs.asdict(genes))
        return genes

    async def _made(self, work: Work, *, plan_first: bool) -> CallEnd:
        if not plan_first:
            return await self._call(work, self.on_text)
        if isinstance(self.backend, CliBackend):
            run = attrs.evolve(work, ask=planned_in_run(work.ask))
            return await self._call(run, self.on_text)
        planned = await self._call(attrs.evolve(work, ask=to_plan(work.ask)), _to_nobody)
        if planned.end is not End.ANSWERED:
            return planned
        if not planned.answer.text.strip():
            logger.info("plan.empty", provider=self.settings.name, finish=planned.answer.finish)
        self._before = planned
        ask = with_plan(work.ask, planned.answer.text)
        return await self._call(attrs.evolve(work, ask=ask), self.on_text)

    async def _call(self, work: Work, on_text: OnText) -> CallEnd:
        self._asked, self._shown = len(work.ask.prompt), 0

        def shown(text: str) -> None:
            self._shown += len(text)
            on_text(text)

        return await self.backend.ask(work, shown)


def _to_nobody(_: str) -> None:
    """A plan is not the answer that somebody follows."""


def _together(before: CallEnd, last: CallEnd) -> CallEnd:
    """The last end, with the tokens of both; the cost is known where both are."""
    first, second = before.answer.usage, last.answer.usage
    usage = Usage(**{name: getattr(first, name) + getattr(second, name) for name in _COUNTED})
    costs = (before.cost_usd, last.cost_usd)
    return attrs.evolve(
        last,
        answer=attrs.evolve(last.answer, usage=usage),
        cost_usd=None if None in costs else sum(cost or 0.0 for cost in costs),
        estimated=before.estimated or last.estimated,
    )
