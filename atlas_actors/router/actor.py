"""The router: decides what a request is, keeps each decision, and learns from corrections."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from atlas_actors.actor import Place
from atlas_actors.clock import Ids
from atlas_actors.errors import NotFound, SettingsError
from atlas_actors.messages import paths
from atlas_actors.messages.execution import ProvidersChanged
from atlas_actors.messages.routing import (
    ChangePins,
    Classified,
    Classify,
    Corrected,
    CorrectRoute,
    ListPins,
    Pin,
    Route,
    RouteChosen,
    RouteSpent,
)
from atlas_actors.providers.prices import PriceTable
from atlas_actors.router import classify, intents, outcome, patterns, records
from atlas_actors.router.capabilities import Registry, hint_for
from atlas_actors.router.decide import Decision, Tables, decide, explain
from atlas_actors.router.pins import pinned_by
from atlas_actors.router.sessions import INHERITING, Offer, Session, Settled, settle
from atlas_actors.router.trust import LAYER2_SURE, Lived, Record, Trust
from atlas_actors.settings import IntentSettings, ProviderSettings, RoutingSettings, Rule
from atlas_actors.store_actor import StoreActor

Inbox = (
    Classify | RouteChosen | RouteSpent | CorrectRoute | ChangePins | ListPins | ProvidersChanged
)


class Router(StoreActor):
    """Owns router.db."""

    inbox = Inbox
    schema = Path(__file__).with_name("schema")

    def __init__(
        self,
        place: Place,
        *,
        database: Path,
        settings: RoutingSettings,
        intent_settings: Mapping[str, IntentSettings],
        rule_settings: tuple[Rule, ...],
        providers: Mapping[str, ProviderSettings],
        prices: PriceTable,
    ) -> None:
        super().__init__(place, database=database, retention_days=settings.retention_days)
        self._ids = Ids(place.clock)
        self._tables = tables_of(settings, intent_settings, rule_settings)
        self._trust = self._tables.trust
        self._pins: tuple[Pin, ...] = ()
        self._prices = prices
        self._offers = offers_of(providers, prices)
        home = settings.capabilities
        self._registry = Registry(
            Path(home).expanduser() if home else None, place.clock.monotonic_s
        )

    def on_start(self) -> None:
        """Read what was lived and pinned before; load the tables before anybody asks."""
        self._relearn()
        decide("warm up", tables=self._tables)

    def on_rollback(self) -> None:
        """A batch was refused: what was learned in it is forgotten."""
        self._relearn()

    def on_receive(self, message: Inbox) -> Any:
        """Table of contents."""
        match message:
            case Classify():
                return self._on_classify(message)
            case RouteChosen():
                return records.choose(
                    self.store,
                    message.route_id,
                    message.provider,
                    message.estimated_usd,
                    message.task_id,
                )
            case RouteSpent():
                return self._on_spent(message)
            case CorrectRoute():
                return self._on_correct(message)
            case ChangePins():
                return self._on_change_pins(message)
            case ListPins():
                return self._pins
            case ProvidersChanged():
                new = {table["name"]: ProviderSettings(**table) for table in message.providers}
                self._offers = offers_of(new, self._prices)
                return None

    def _on_classify(self, asked: Classify) -> Classified:
        known = self._registry.of(asked.cwd)
        begun_s = self.place.clock.monotonic_s()
        decision = decide(
            asked.text,
            has_cwd=asked.cwd is not None,
            tables=self._tables,
            trust=self._trust,
            commands={item.name: item.description for item in known if item.kind != "agent"},
        )
        now_ms = self.place.clock.now_ms()
        settled = self._settle(asked, decision, now_ms)
        pin, pin_why = pinned_by(
            decision.ask.text,
            self._offers,
            self._pins,
            session=asked.session,
            cwd=asked.cwd,
            tool_loop=asked.tool_loop,
        )
        hints = self._tables.intents[decision.intent].hints
        took_us = round((self.place.clock.monotonic_s() - begun_s) * 1e6)
        route = Route(
            id=self._ids.new(),
            layer=decision.layer,
            rule=decision.rule,
            intent=decision.intent,
            confidence=decision.confidence,
            abstained=decision.abstained,
            tier=settled.tier,
            agent=hint_for(decision.ask.text, decision.command, decision.intent, hints, known),
            complexity=decision.complexity,
            difficulty=decision.difficulty,
            mode=decision.mode,
            reason=decision.reason,
            needs=() if settled.locked else decision.needs,
            answer_tokens=decision.answer_tokens,
            keep=settled.keep,
            locked=settled.locked,
            pin=pin,
            session_rule=pin_why or settled.why,
            explain=explain(decision) if asked.explain else None,
        )
        records.add(self.store, asked, route, decision, now_ms, took_us)
        self._witness(decision, now_ms)
        return Classified(request_id=asked.request_id, route=route)

    def _settle(self, asked: Classify, decision: Decision, now_ms: int) -> Settled:
        """What the client's session makes of a decision; the turn is noted."""
        if asked.session is None:
            return Settled(tier=decision.tier)
        before = records.session(self.store, asked.session)
        settled = settle(
            decision,
            before,
            now_ms=now_ms,
            tool_loop=asked.tool_loop,
            tiers=self._tables.tiers,
            offers=self._offers,
        )
        goes_on = asked.tool_loop or decision.ask.empty or decision.intent in INHERITING
        after = Session(
            intent=before.intent if before and goes_on else decision.intent,
            tier=settled.tier,
            provider=settled.keep,
            at_ms=now_ms,
            characters=(before.characters if before else 0) + len(asked.text),
        )
        records.keep_session(self.store, asked.session, after)
        return settled

    def _witness(self, decision: Decision, now_ms: int) -> None:
        """A confident Layer 2 is a weak witness for or against the rule that decided; on intents
        that it never learned it knows nothing."""
        rule, guess = decision.rule, decision.guess
        knows = decision.intent in self._tables.classifier.model.classes
        if rule in (None, patterns.SLASH_RULE) or not knows or guess.confidence < LAYER2_SURE:
            return
        lived = self._trust.lived.get(rule, Lived())
        self._note_lived(rule, lived.witness(guess.intent == decision.intent), now_ms)

    def _on_correct(self, order: CorrectRoute) -> Corrected:
        """Keep a correction; the rules that matched hear of it at once, also silenced ones: so a
        rule can come back."""
        if order.intent not in self._tables.intents:
            raise NotFound(
                f"there is no intent {order.intent}",
                cure=f"one of {', '.join(self._tables.intents)}",
            )
        known = records.decided(self.store, order.route_id)
        if known is None:
            raise NotFound(
                f"there is no decision {order.route_id}", cure="atlas routes list shows them"
            )
        now_ms = self.place.clock.now_ms()
        before = records.correction(self.store, order.route_id)
        rule = known["rule"] if known["rule"] != patterns.SLASH_RULE else None
        intent_of = {one.id: one.intent for one in self._tables.book.rules}
        for id in (rule, *json.loads(known["passed_over"] or "[]")):
            if id is None or id not in intent_of:
                continue
            lived = self._trust.lived.get(id, Lived())
            if before is not None:  # a second word on the same decision takes the first back
                said = _verdict(before == intent_of[id])
                lived = lived.hear(Record(right=-said.right, wrong=-said.wrong))
            self._note_lived(id, lived.hear(_verdict(order.intent == intent_of[id])), now_ms)
        records.correct(self.store, known, order.intent, now_ms)
        for told in outcome.of_correction(known, order.intent):
            self.tell(paths.OUTCOMES, told)
        return Corrected(
            id=order.route_id,
            said=known["intent"],
            intent=order.intent,
            rule=rule,
            lower_bound=round(self._trust.record(rule).lower, 4) if rule else None,
            answers=rule not in self._trust.silenced,
        )

    def _on_spent(self, fact: RouteSpent) -> None:
        records.spend(self.store, fact.route_id, fact.cost_usd, fact.duration_ms, fact.success)
        known = None if fact.success is None else records.decided(self.store, fact.route_id)
        if known is not None:
            self.tell(paths.OUTCOMES, outcome.of_work(known, fact))

    def _on_change_pins(self, order: ChangePins) -> tuple[Pin, ...]:
        if order.provider is not None and order.provider not in self._offers:
            raise NotFound(
                f"there is no provider {order.provider}", cure=f"one of {', '.join(self._offers)}"
            )
        now_ms = self.place.clock.now_ms()
        records.pin(self.store, order.scope, order.name, order.provider, now_ms)
        self._pins = records.pins(self.store)
        return self._pins

    def _note_lived(self, rule: str, lived: Lived, now_ms: int) -> None:
        records.keep_rule(self.store, rule, lived, now_ms)
        self._trust = self._trust.with_lived(rule, lived)

    def _relearn(self) -> None:
        trained = self._tables.classifier.rules
        self._trust = Trust(trained, records.rule_records(self.store))
        self._pins = records.pins(self.store)

    def prune(self, before_ms: int) -> bool:
        """Delete what is older than that."""
        records.prune(self.store, before_ms)
        self._pins = records.pins(self.store)
        return False


def tables_of(
    settings: RoutingSettings,
    intent_settings: Mapping[str, IntentSettings],
    rule_settings: tuple[Rule, ...],
) -> Tables:
    """The shipped tables with the user's additions. Raises SettingsError."""
    trained = classify.shipped()
    known = intents.with_overrides(intent_settings)
    for rule in rule_settings:
        if rule.intent not in known:
            raise SettingsError(
                f"rules.{rule.id}: there is no intent {rule.intent}",
                cure=f"one of {', '.join(known)}, or a table [intents.{rule.intent}]",
            )
    return Tables(
        intents=known,
        book=patterns.book_of(patterns.with_overrides(rule_settings)),
        tiers=settings.tiers,
        classifier=trained,
        commands=patterns.slash_commands(),
        trust=Trust(trained.rules),
    )


def offers_of(providers: Mapping[str, ProviderSettings], prices: PriceTable) -> dict[str, Offer]:
    """What each provider costs, by name."""
    return {
        name: Offer(name=name, tier=table.tier, price=prices.of(table).price)
        for name, table in providers.items()
    }


def _verdict(right: bool) -> Record:
    return Record(right=float(right), wrong=float(not right))
