"""What the orchestrator knows of its providers now: reports, breakers, prices, lanes."""

from collections.abc import Mapping

import attrs

from atlas_actors.messages.client import ClientMet
from atlas_actors.messages.execution import (
    AttemptEnded,
    BreakerChanged,
    End,
    ExecutorReported,
    Fault,
)
from atlas_actors.messages.feedback import Knob
from atlas_actors.messages.task import CloseLane, OpenLane
from atlas_actors.orchestrator import breaker
from atlas_actors.orchestrator.borrowed import same_service
from atlas_actors.orchestrator.breaker import Breaker, Policy
from atlas_actors.orchestrator.chain import Provider, provider_of
from atlas_actors.orchestrator.knobs import KnobBoard
from atlas_actors.providers.catalog import TRANSPORTS
from atlas_actors.providers.prices import PriceTable
from atlas_actors.settings import ProviderSettings

# An executor in one of these states takes attempts.
WORKING_STATES = frozenset({"ready", "loading"})


class Roster:
    """The providers by name; changed by what arrives, asked by the pure files."""

    def __init__(
        self, settings: Mapping[str, ProviderSettings], prices: PriceTable, recall_tokens: int = 0
    ) -> None:
        self.settings = dict(settings)
        self.prices = prices
        self.knobs = KnobBoard(self.settings, recall_tokens)
        self._former: dict[str, ProviderSettings] = {}  # of who is gone and may still finish
        self.providers = {name: provider_of(table, prices) for name, table in settings.items()}
        self._models = {name: prices.of(table) for name, table in settings.items()}

    def report(self, report: ExecutorReported) -> bool:
        """An executor says how it is; False when nobody knows it."""
        known = self.providers.get(report.provider)
        if known is None:
            return False
        usable = report.state in WORKING_STATES
        reason = "" if usable else f"{report.state}: {report.note}"
        self.providers[report.provider] = attrs.evolve(
            known, usable=usable, slots=report.slots, reason=reason
        )
        return True

    def down(self, name: str, reason: str) -> bool:
        """An executor has ended; False when nobody knows it."""
        known = self.providers.get(name)
        if known is None:
            return False
        self.providers[name] = attrs.evolve(
            known, usable=False, reason=reason, breaker=breaker.after_nothing(known.breaker)
        )
        return True

    def started(self, name: str) -> bool:
        """An attempt begins at it; whether that changed its breaker."""
        known = self.providers.get(name)
        return known is not None and self._set(known, breaker.after_start(known.breaker))

    def heard(self, ended: AttemptEnded, now_s: float, jitter: float) -> bool:
        """What the end of an attempt does to the provider's breaker; whether that changed it."""
        known = self.providers.get(ended.provider)
        if known is None:
            return False
        short = ended.end is End.TIMED_OUT and ended.started.request.deadline_s is not None
        if ended.end is End.CANCELLED or ended.fault in (Fault.BUDGET, Fault.TASK) or short:
            new = breaker.after_nothing(known.breaker)
        elif ended.end is End.ANSWERED:
            new = breaker.after_answer(known.breaker)
        else:
            new = breaker.after_fault(
                known.breaker,
                ended.fault,
                ended.error,
                self._policy(ended.provider),
                retry_after_ms=ended.retry_after_ms,
                now_s=now_s,
                jitter=jitter,
            )
        return self._set(known, new)

    def met(self, told: ClientMet, now_s: float, jitter: float) -> list[str]:
        """A client met a fault: the providers that reach the same, and whose breakers changed."""
        changed = []
        for name, settings in self.settings.items():
            if not same_service(settings, told.client, told.fault):
                continue
            known = self.providers[name]
            new = breaker.after_fault(
                known.breaker,
                told.fault,
                told.reason,
                self._policy(name),
                retry_after_ms=told.retry_after_ms,
                now_s=now_s,
                jitter=jitter,
            )
            if self._set(known, new):
                changed.append(name)
        return changed

    def due(self, name: str, now_s: float) -> bool:
        """Time has passed: whether an open breaker lets a probe through now."""
        known = self.providers.get(name)
        return known is not None and self._set(known, breaker.at(known.breaker, now_s))

    def reset(self, name: str) -> bool:
        """A person says that it works again; whether that changed its breaker."""
        known = self.providers.get(name)
        return known is not None and self._set(known, Breaker())

    def lane(self, name: str, *, reroute: bool = True) -> OpenLane | CloseLane:
        """What tasks should know of a provider's lane."""
        provider, per_minute = self.providers[name], self.settings[name].requests_per_minute
        if not provider.usable:
            return CloseLane(lane=name, reason=provider.reason, reroute=reroute)
        match provider.breaker.state:
            case "open":
                reason = f"it rests: {provider.breaker.reason}"
                return CloseLane(lane=name, reason=reason, reroute=reroute)
            case "half_open" if provider.breaker.probing:
                reason = "one request tries whether it works again"
                return CloseLane(lane=name, reason=reason, reroute=reroute)
            case "half_open":
                return OpenLane(lane=name, slots=1, per_minute=per_minute)
        slots = min(provider.slots, self.knobs.slots(name))
        return OpenLane(lane=name, slots=slots, per_minute=per_minute)

    def fact(self, name: str, now_s: float, now_ms: int) -> BreakerChanged:
        """The state of a breaker, for people."""
        state = self.providers[name].breaker
        is_open = state.state == "open"
        return BreakerChanged(
            provider=name,
            state=state.state,
            reason=state.reason,
            until_ms=now_ms + round((state.until_s - now_s) * 1000) if is_open else None,
        )

    def change(self, new: Mapping[str, ProviderSettings]) -> tuple[list[str], list[str]]:
        """Other settings hold now: (who is gone or has changed, who is new)."""
        gone = [name for name, old in self.settings.items() if new.get(name) != old]
        for name in gone:
            self._former[name] = self.settings[name]
            del self.settings[name], self.providers[name], self._models[name]
        come = [name for name in new if name not in self.settings]
        for name in come:
            self.settings[name] = new[name]
            self.providers[name] = provider_of(new[name], self.prices)
            self._models[name] = self.prices.of(new[name])
        self.knobs.reloaded()
        for name in come:
            self._heed_knobs(name)
        return gone, come

    def turn(self, name: str, value: float | None) -> tuple[Knob, str | None]:
        """A knob is turned: as it is then, and the provider that it is of. Raises UsageError."""
        knob = self.knobs.turn(name, value)
        provider = name.partition(".")[2] or None
        if provider is not None:
            self._heed_knobs(provider)
        return knob, provider

    def estimate_usd(self, name: str | None, input_tokens: float, answer_tokens: int) -> float:
        """What a request will likely cost at a provider; 0 where it is free or nobody can do it."""
        model = self._models.get(name or "")
        if model is None:
            return 0.0
        price = model.price_at(input_tokens)
        return round(price.estimate_usd(input_tokens, answer_tokens), 6)

    def cost_usd(self, ended: AttemptEnded) -> float:
        """What an attempt cost: as the provider states it, else by the table."""
        settings = self.settings.get(ended.provider) or self._former.get(ended.provider)
        if ended.cost_usd is not None:
            return round(ended.cost_usd, 6)
        if settings is None or ended.transport.endswith("(embedded)"):
            return 0.0
        usage = ended.usage
        model = self.prices.of(settings, ended.model)
        if self.is_client(ended.provider):
            return model.price.cost_usd(usage)  # a sum of many requests, none of them so long
        prompt = usage.input + usage.cache_read + usage.cache_write
        return model.price_at(prompt).cost_usd(usage)

    def is_client(self, name: str) -> bool:
        """Whether it is a program, whose runs may end without a word on what they used."""
        settings = self.settings.get(name) or self._former.get(name)
        return settings is not None and TRANSPORTS[settings.transport].client is not None

    def _heed_knobs(self, name: str) -> None:
        retries = self.knobs.retries(name)
        self.providers[name] = attrs.evolve(self.providers[name], retries=retries)

    def _policy(self, name: str) -> Policy:
        settings = self.settings[name]
        return Policy(failures=settings.breaker_failures, open_s=settings.breaker_s)

    def _set(self, known: Provider, new: Breaker) -> bool:
        self.providers[known.name] = attrs.evolve(known, breaker=new)
        old = known.breaker
        return (new.state, new.until_s, new.probing) != (old.state, old.until_s, old.probing)
