"""Pure: births, promotions, deaths and rests of the strategies of one intent."""

import random
from collections.abc import Sequence
from typing import Any, Final

import attrs

from atlas_actors.messages.strategy import Genome
from atlas_actors.strategies.benching import Standing, may_rest, near_best, should_return
from atlas_actors.strategies.breeding import bred
from atlas_actors.strategies.cells import Cell
from atlas_actors.strategies.choosing import Weights, arms_for, believed
from atlas_actors.strategies.events import Effect, Noted
from atlas_actors.strategies.genome import (
    canonical,
    differences,
    from_json,
    strategy_of,
    to_json,
)
from atlas_actors.strategies.pairs import Duel
from atlas_actors.strategies.pareto import Point, front
from atlas_actors.strategies.rows import pair_row, pareto_row, strategy_row
from atlas_actors.strategies.state import BANDS, Intent, Record, State, Waiting

EVIDENCE_LEAST: Final = 10  # new trials before something is born again
KNOWN_LEAST: Final = 10.0  # trials of a strategy, before its numbers are used
WAITING_MAX: Final = 50


@attrs.frozen
class Population:
    """The strategies of one intent during one event; what happens is added to `effects`."""

    state: State
    intent: Intent
    name: str
    weights: Weights
    at_ms: int
    effects: list[Effect]

    def note(self, what: str, strategy: str | None, why: str, **numbers: Any) -> None:
        """A line of the lineage."""
        self.effects.append(
            Noted(
                intent=self.name, strategy=strategy, what=what, why=why, numbers=numbers,
                at_ms=self.at_ms,
            )
        )  # fmt: skip

    def become(self, record: Record, state: str) -> None:
        """A strategy's state changes."""
        record.state = state
        self.effects.append(strategy_row(self.intent, record))

    # ---- births

    def evolve(self, draw: random.Random, challengers_max: int) -> None:
        """At most one birth, and only of evidence that nothing was born of before."""
        intent = self.intent
        fresh = intent.verified - intent.evolved
        if fresh < EVIDENCE_LEAST:
            since = f"{fresh} new verified trials since the last time, of {EVIDENCE_LEAST} it takes"
            return self.note("nothing", None, since)
        if len(intent.duels) >= challengers_max:
            on_trial = f"{', '.join(intent.duels)} on trial" if intent.duels else "none is allowed"
            return self.note("nothing", None, f"no room for another challenger: {on_trial}")
        if self._try_one():
            return None
        birth = bred(self._parents(), intent.vocabulary, self.state.existed(self.name), draw)
        if birth is None:
            return self.note("nothing", None, "no genome that has not existed was found")
        self.bear(birth.genome, birth.operator, birth.parents, "")
        return None

    def _try_one(self) -> bool:
        """The next of those that wait; who has existed meanwhile is passed over."""
        intent, existed = self.intent, self.state.existed(self.name)
        while intent.waiting:
            waiting = intent.waiting[0]
            parent = self._beside(waiting)
            if parent is None:
                return False
            del intent.waiting[0]
            genome = genome_with(parent.strategy.genome, waiting.genes)
            if canonical(genome) not in existed:
                parents = waiting.parents or (parent.id,)
                ordered = (parent.id, *(one for one in parents if one != parent.id))
                self.bear(genome, waiting.operator, ordered, waiting.why)
                return True
        return False

    def _beside(self, waiting: Waiting) -> Record | None:
        """Whom it is to be compared with: its own parent while that is active, else who leads."""
        for id in waiting.parents:
            record = self.intent.records.get(id)
            if record is not None and record.state == "active":
                return record
        return self.leading()

    def leading(self) -> Record | None:
        """Who leads where most is asked; None while nobody is known to."""
        intent = self.intent
        bands = sorted(intent.leaders, key=lambda band: intent.asked.get(band, 0))
        return intent.records[intent.leaders[bands[-1]]] if bands else None

    def _parents(self) -> list[tuple[Any, float]]:
        """The Pareto front with its success; before there is one, all that are known."""
        points = self.points()
        names = [id for id in self.intent.archive if id in points] or list(points)
        records = [self.intent.records[id] for id in names]
        return [(one.strategy, points[one.id].success) for one in records if one.state == "active"]

    def bear(self, genome: Genome, operator: str, parents: Sequence[str], why: str) -> Record:
        """A new challenger of the first of its parents."""
        intent, parent = self.intent, self.intent.records[parents[0]]
        changed = differences(parent.strategy.genome, genome)
        record = Record(
            strategy=strategy_of(self.name, genome),
            state="challenger",
            operator=operator,
            parents=tuple(parents),
            born_at_ms=self.at_ms,
            why=why or "; ".join(changed),
            numbers={id: self.numbers(id) for id in parents if id in intent.records},
            priors={band: self._mean(parent, band) for band in BANDS},
        )
        self.state.add(record)
        intent.duels[record.id] = Duel(parent=parent.id)
        intent.evolved = intent.verified
        self.effects.append(strategy_row(intent, record))
        said = f"{operator} of {', '.join(parents)}: {'; '.join(changed)}"
        self.note(
            "born", record.id, f"{said}. {why}".strip(), operator=operator, parents=list(parents),
            changed=list(changed), of_parents=record.numbers,
        )  # fmt: skip
        return record

    def _mean(self, record: Record, band: str) -> float:
        if record.lead not in self.intent.prices:
            return self._whole(record).mean
        return believed(self.state, self.intent, record, band).mean

    # ---- duels

    def judge(self, child: str) -> None:
        """A duel knows more: is it over?"""
        intent, duel = self.intent, self.intent.duels[child]
        self.effects.append(pair_row(self.name, child, duel))
        verdict = duel.verdict()
        if verdict is None:
            return
        what, better, worse = verdict
        del intent.duels[child]
        child_only, parent_only, same = duel.counts()
        said = (
            f"passed where {duel.parent} failed {child_only} times, the other way round"
            f" {parent_only} times, of {child_only + parent_only + same} pairs"
        )
        if what == "undecided":
            said += "; no difference was found"
        promoted = what == "promoted"
        self.become(intent.records[child], "active" if promoted else "culled")
        self.note(
            "promoted" if promoted else "culled", child, said, parent=duel.parent,
            child_only=child_only, parent_only=parent_only, same=same, e_value=better,
            e_worse=worse, **self.numbers(child),
        )  # fmt: skip

    # ---- rests and the archive

    def review(self) -> None:
        """Who is clearly not the best rests, who has a chance again returns; the front anew."""
        self._archive()
        bands = {band: self._standings(band) for band in BANDS}
        for record in list(self.intent.records.values()):
            if record.state not in ("active", "benched") or record.id not in bands[BANDS[0]]:
                continue
            chances, evidence = {}, {}
            for band, standings in bands.items():
                others = [
                    one for id, one in standings.items()
                    if id != record.id and self.intent.records[id].state == "active"
                ]  # fmt: skip
                chances[band] = near_best(standings[record.id], others)
                evidence[band] = standings[record.id].n
            known = [chances[band] for band in BANDS if evidence[band] > 0]
            best = max(known, default=1.0)
            if record.state == "benched" and should_return(chances, evidence):
                self.become(record, "active")
                self.note("returned", record.id, f"a chance of {best:.1%} to be near the best",
                          chance=best, **self.numbers(record.id))  # fmt: skip
            elif record.state == "active" and may_rest(chances, evidence) and self._spared(record):
                self.become(record, "benched")
                self.note("benched", record.id, f"a chance of {best:.1%} to be near the best",
                          chance=best, **self.numbers(record.id))  # fmt: skip

    def _spared(self, record: Record) -> bool:
        """Can it be spared? Not from the front, a duel, or as the last of its provider."""
        intent = self.intent
        others = [
            one for one in intent.records.values()
            if one.lead == record.lead and one.state == "active" and one is not record
        ]  # fmt: skip
        fighting = any(duel.parent == record.id for duel in intent.duels.values())
        kept = record.id in intent.archive or record.id == intent.pinned
        return bool(others) and not fighting and not kept

    def _standings(self, band: str) -> dict[str, Standing]:
        intent = self.intent
        known = [
            one for one in intent.records.values()
            if one.state in ("active", "benched")
            and one.lead in intent.prices and one.lead in self.state.providers
        ]  # fmt: skip
        arms = arms_for(self.state, intent, band, known, self.weights)
        return {
            arm.record.id: Standing(
                worth=arm.worth, deviation=arm.belief.deviation, n=self._cell(arm.record, band).n
            )
            for arm in arms
        }

    def _archive(self) -> None:
        """The Pareto front of success and cost; who comes and goes is noted."""
        intent, points = self.intent, self.points()
        now = front(points)
        for id in sorted(now - set(intent.archive)):
            self.note("archived", id, "nobody is better and cheaper", **attrs.asdict(points[id]))
            self.effects.append(pareto_row(self.name, id, points[id]))
        for id in sorted(set(intent.archive) - now):
            self.effects.append(pareto_row(self.name, id, None))
        intent.archive = sorted(now)

    def points(self) -> dict[str, Point]:
        """Success and cost of the strategies that enough is known of."""
        return {
            record.id: Point(
                success=self._whole(record).mean,
                cost_usd=record.spent.usd / record.spent.ended,
                n=self._whole(record).n,
            )
            for record in self.intent.records.values()
            if record.state in ("active", "benched")
            and record.spent.ended and self._whole(record).n >= KNOWN_LEAST
        }  # fmt: skip

    def numbers(self, id: str) -> dict[str, Any]:
        """What a strategy has come to until now."""
        record = self.intent.records[id]
        whole, spent = self._whole(record), record.spent
        return {
            "successes": round(whole.successes, 3),
            "n": round(whole.n, 3),
            "cost_usd": spent.usd / spent.ended if spent.ended else None,
        }

    def _cell(self, record: Record, band: str) -> Cell:
        return self.state.cells.get((record.id, band)) or Cell()

    def _whole(self, record: Record) -> Cell:
        """The record of all bands together."""
        cells = [self._cell(record, band) for band in BANDS]
        return Cell(sum(one.successes for one in cells), sum(one.failures for one in cells))


def genome_with(genome: Genome, genes: dict[str, Any]) -> Genome:
    """The genome with these genes instead of its own."""
    return from_json({**to_json(genome), **genes})
