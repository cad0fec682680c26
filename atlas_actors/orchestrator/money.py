"""What has been spent today and what is reserved for calls under way, held to the budgets.

A call is reserved at its worst case before it is made, and settled at what it cost afterwards; one
that was lost counts at its worst case, since nobody knows. A day is a local one.
"""

import math
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Final

import attrs

from atlas_actors.clock import local_day
from atlas_actors.messages.execution import AttemptEnded, End, Request, Usage
from atlas_actors.messages.strategy import Genome
from atlas_actors.orchestrator import records
from atlas_actors.orchestrator.genes import PLAIN
from atlas_actors.orchestrator.prompt import size_bytes
from atlas_actors.providers.catalog import TRANSPORTS
from atlas_actors.providers.prices import Model, PriceTable
from atlas_actors.providers.worst_case import worst_case
from atlas_actors.settings import BudgetSettings, ProviderSettings
from atlas_actors.store import Store

# No text has more tokens than half of its bytes, but for the system text and the frame around it.
BYTES_PER_TOKEN: Final = 2
FRAME_TOKENS: Final = 1_000
DAY_S: Final = 86_400.0
RUN_USD_MIN: Final = 0.02  # with less, a run of a program comes to nothing
Attempt = tuple[str, int]


@attrs.frozen(kw_only=True)
class Need:
    """What a call may cost at the most."""

    usd: float
    tokens: int


@attrs.frozen(kw_only=True)
class Reserved:
    """A call under way."""

    provider: str
    need: Need


@attrs.define
class Spent:
    """By one provider on one day."""

    usd: float = 0.0
    tokens: int = 0


class Money:
    """The ledger of orchestrator.db with today's part of it in memory."""

    def __init__(self, settings: BudgetSettings, prices: PriceTable) -> None:
        self.settings = settings
        self.prices = prices
        self._models: dict[str, tuple[ProviderSettings, Model]] = {}
        self._day = ""
        self._day_ends_ms = 0
        self._spent: dict[str, Spent] = {}
        self._reserved: dict[Attempt, Reserved] = {}
        self._refused = False  # somebody was, since money last came back

    def load(self, store: Store, now_ms: int) -> None:
        """Read today's sums and open reservations."""
        self._day = local_day(now_ms)
        self._spent = {
            row["provider"]: Spent(usd=row["usd"], tokens=row["tokens"])
            for row in records.spent_on(store, self._day)
        }
        self._reserved = {
            (row["task_id"], row["attempt"]): Reserved(
                provider=row["provider"], need=Need(usd=row["usd"], tokens=row["tokens"])
            )
            for row in records.reservations(store)
        }

    def need(
        self,
        settings: ProviderSettings,
        prompt_bytes: int,
        left_usd: float = math.inf,
        genome: Genome = PLAIN,
    ) -> Need:
        """The worst case of one attempt, with what its strategy adds to the request. A claude run
        holds itself to what is left of a task."""
        worst = worst_case(
            settings.transport,
            prompt_bytes,
            settings.answer_tokens_max,
            context_tokens=genome.context_tokens,
            plan_first=genome.plan_first,
        )
        tokens = worst.prompt_bytes // BYTES_PER_TOKEN + FRAME_TOKENS
        answer = worst.answer_tokens
        if TRANSPORTS[settings.transport].client is not None:
            most = settings.usd_per_attempt
            if settings.transport == "claude-cli":
                most = min(most, max(left_usd, min(most, RUN_USD_MIN)))
            return Need(usd=most, tokens=tokens + answer)
        price = self._model(settings).price_at(tokens)
        return Need(usd=price.worst_usd(tokens, answer), tokens=tokens + answer)

    def _model(self, settings: ProviderSettings) -> Model:
        """The provider's row of the table, looked up once."""
        known = self._models.get(settings.name)
        if known is None or known[0] is not settings:
            known = self._models[settings.name] = (settings, self.prices.of(settings))
        return known[1]

    def over(
        self,
        providers: Mapping[str, ProviderSettings],
        request: Request,
        now_ms: int,
        spent_usd: float = 0.0,
        genome: Genome = PLAIN,
    ) -> dict[str, str]:
        """Why each provider that would exceed a budget would."""
        self._turn(now_ms)
        size = size_bytes(request)
        found = {}
        left_usd = self._task_usd(request.budget_usd) - spent_usd
        for name, settings in providers.items():
            need = self.need(settings, size, left_usd, genome)
            why = self._why_not(settings, need, request.budget_usd, spent_usd)
            if why:
                found[name] = why
        return found

    def refuse(self) -> None:
        """Somebody waits for money that is not there."""
        self._refused = True

    def came_back(self) -> bool:
        """A call has ended: whether somebody waits for what it may have left. Says so once."""
        refused, self._refused = self._refused, False
        return refused

    def reserve(
        self,
        store: Store,
        attempt: Attempt,
        settings: ProviderSettings,
        request: Request,
        now_ms: int,
        spent_usd: float = 0.0,
        genome: Genome = PLAIN,
    ) -> str:
        """Set the worst case of this call aside; or why there is not enough, and then nothing."""
        self._turn(now_ms)
        left_usd = self._task_usd(request.budget_usd) - spent_usd
        need = self.need(settings, size_bytes(request), left_usd, genome)
        why = self._why_not(settings, need, request.budget_usd, spent_usd)
        if why or (not need.usd and settings.tokens_per_day is None):
            return why
        self._reserved[attempt] = Reserved(provider=settings.name, need=need)
        records.reserve(store, attempt, settings.name, need.usd, need.tokens, now_ms)
        return ""

    def settle(
        self, store: Store, attempt: Attempt, provider: str, usd: float, usage: Usage, now_ms: int
    ) -> None:
        """What the call came to."""
        self._turn(now_ms)
        if self._reserved.pop(attempt, None) is not None:
            records.release(store, attempt)
        tokens = usage.input + usage.cache_read + usage.cache_write + usage.output
        if usd or tokens:
            self._add(store, provider, usd, tokens)

    def count(
        self,
        store: Store,
        attempt: Attempt,
        ended: AttemptEnded,
        cost_usd: float,
        client: bool,
        now_ms: int,
    ) -> float:
        """What counts against the task's budget, in USD; the ledger has it too. Where a run of a
        program (`client`) or a cancelled call does not say, its worst case counts."""
        silent = ended.usage == Usage() or client
        if ended.end is End.CANCELLED or (ended.estimated and silent):
            return max(cost_usd, self.lose(store, attempt, now_ms))
        self.settle(store, attempt, ended.provider, cost_usd, ended.usage, now_ms)
        return cost_usd

    def lose(self, store: Store, attempt: Attempt, now_ms: int) -> float:
        """Nobody will say what the call came to: it counts at its worst case, in USD."""
        self._turn(now_ms)
        reserved = self._reserved.pop(attempt, None)
        if reserved is None:
            return 0.0
        records.release(store, attempt)
        self._add(store, reserved.provider, reserved.need.usd, reserved.need.tokens)
        return reserved.need.usd

    def open_attempts(self) -> tuple[Attempt, ...]:
        """The calls that have a reservation."""
        return tuple(self._reserved)

    def shares(self, now_ms: int) -> tuple[float, float]:
        """(of today's budget that is spent or set aside, of today that has passed), 0 to 1."""
        self._turn(now_ms)
        budget_usd = self.settings.usd_per_day
        spent = min(1.0, self._usd(None) / budget_usd) if budget_usd > 0 else 1.0
        return round(spent, 4), round(1 - min(1.0, seconds_to_midnight(now_ms) / DAY_S), 4)

    def _add(self, store: Store, provider: str, usd: float, tokens: int) -> None:
        spent = self._spent.setdefault(provider, Spent())
        spent.usd += usd
        spent.tokens += tokens
        records.add_spent(store, self._day, provider, usd, tokens)

    def _turn(self, now_ms: int) -> None:
        """A new day begins with nothing spent."""
        if now_ms < self._day_ends_ms:
            return
        day = local_day(now_ms)
        self._day_ends_ms = now_ms + int(1000 * seconds_to_midnight(now_ms))
        if day != self._day:
            self._day, self._spent = day, {}

    def _why_not(
        self, settings: ProviderSettings, need: Need, task_usd: float | None, spent_usd: float
    ) -> str:
        limit = settings.tokens_per_day
        if limit is not None:
            used = self._tokens(settings.name)
            if used + need.tokens > limit:
                return f"its {limit} tokens of today: {used} used, this takes up to {need.tokens}"
        if need.usd <= 0:
            return ""
        bounds = [
            ("the task's budget", self._task_usd(task_usd), spent_usd),
            ("today's budget", self.settings.usd_per_day, self._usd(None)),
        ]
        if settings.usd_per_day is not None:
            bounds.append(("its budget of today", settings.usd_per_day, self._usd(settings.name)))
        for what, budget, usd in bounds:
            if usd + need.usd > budget + 1e-9:
                return (
                    f"over {what} of {_dollars(budget)}: {_dollars(usd)} used or reserved,"
                    f" this may cost up to {_dollars(need.usd)}"
                )
        return ""

    def _task_usd(self, task_usd: float | None) -> float:
        return self.settings.usd_per_task if task_usd is None else task_usd

    def reserved_usd(self, attempt: Attempt) -> float:
        """What was set aside for a call under way."""
        reserved = self._reserved.get(attempt)
        return reserved.need.usd if reserved is not None else 0.0

    def _usd(self, provider: str | None) -> float:
        spent = sum(row.usd for name, row in self._spent.items() if provider in (None, name))
        held = (one for one in self._reserved.values() if provider in (None, one.provider))
        return spent + sum(one.need.usd for one in held)

    def _tokens(self, provider: str) -> int:
        spent = self._spent.get(provider, Spent()).tokens
        held = (one for one in self._reserved.values() if one.provider == provider)
        return spent + sum(one.need.tokens for one in held)


def _dollars(usd: float) -> str:
    return "$" + (f"{usd:.6f}".rstrip("0").rstrip(".") or "0")


def seconds_to_midnight(now_ms: int) -> float:
    """Until the next local day begins."""
    now = datetime.fromtimestamp(now_ms / 1000).astimezone()
    day = now.date() + timedelta(days=1)
    midnight = datetime(day.year, day.month, day.day).astimezone()
    return max(1.0, (midnight - now).total_seconds())
