"""Pure: what the end of a choice teaches, of its context and of its provider."""

from typing import Final

import attrs

from atlas_actors.strategies.cells import Cell
from atlas_actors.strategies.choosing import believed
from atlas_actors.strategies.drift import drift_of
from atlas_actors.strategies.falls import WINDOW, Fall, fall_of, seen_of
from atlas_actors.strategies.leading import said_of_drift, said_of_fall
from atlas_actors.strategies.population import Population
from atlas_actors.strategies.rows import cell_row
from atlas_actors.strategies.state import Record, State, Trial

KNOWN_LEAST: Final = 8.0  # trials of a context, before something is expected of it


@attrs.frozen
class Counting:
    """Counts trials of one intent during one event."""

    state: State
    population: Population

    def count(self, record: Record, choice: int, trial: Trial, x: int, weight: float) -> bool:
        """One more trial; whether its cell is no longer what it was."""
        cell = self._cell(trial)
        expected = believed(self.state, self.population.intent, record, trial.band).mean
        known = cell.n >= KNOWN_LEAST
        self._fade_others(record, trial.band)
        before = cell.successes, cell.failures
        cell.count(choice, x, weight)
        trial.x, trial.weight, trial.at = x, weight, cell.seen
        self.population.intent.verified += int(weight >= 1)
        changed = self._drifted(record, trial.band, cell, before)
        if known:
            changed = self._fell(record, choice, trial, expected) or changed
        self._row(record, trial.band, cell)
        return changed

    def recount(
        self, record: Record, choice: int, trial: Trial, x: int | None, weight: float
    ) -> None:
        """The trial came to something else than was counted; None: to nothing."""
        was, now = (trial.x or 0, trial.weight), (x or 0, 0.0 if x is None else weight)
        cell = self._cell(trial)
        before = cell.successes, cell.failures
        cell.recount(choice, trial.at, was, now)
        self._pool(record, cell, before)
        trial.x, trial.weight = x, now[1]
        self.population.intent.verified += int(weight >= 1 > was[1])
        self._row(record, trial.band, cell)

    # ---- what has changed

    def _drifted(self, record: Record, band: str, cell: Cell, before: tuple[float, float]) -> bool:
        """Is this cell something else than it was?"""
        drift = drift_of(cell)
        if drift is not None:
            cell.begin_anew(self.population.at_ms)
            said = said_of_drift(record, f"{record.strategy.intent}/{band}", drift)
            self.population.note("drift", record.id, said, band=band, **attrs.asdict(drift))
            if drift.now < drift.before:
                self._look_again(self.population.name, band, record.lead, alone=True)
        self._pool(record, cell, before)
        return drift is not None

    def _fell(self, record: Record, choice: int, trial: Trial, expected: float) -> bool:
        """Has its provider fallen in several contexts at once?"""
        assert trial.x is not None
        context = f"{self.population.name}/{trial.band}"
        window = self.state.windows.setdefault(record.lead, [])
        window.append(seen_of(choice, expected, trial.x, trial.weight, context))
        del window[:-WINDOW]
        fall = fall_of(window)
        if fall is None:
            return False
        contexts = sorted({row[4] for row in window if row[0] in fall.choices})
        window.clear()
        for name in self.state.intents:
            bands = self._bands(name, record.lead, contexts)
            for band in bands:
                self._begin_anew(name, band, record.lead, fall)
            if bands:
                self._say(name, record.lead, contexts, fall)
        return True

    def _say(self, name: str, lead: str, contexts: list[str], fall: Fall) -> None:
        """In the lineage of each intent that this is of concern to."""
        intent = self.state.intents[name]
        led = [one for one in intent.records.values() if one.lead == lead]
        record = next((one for one in led if one.id in intent.leaders.values()), led[0])
        attrs.evolve(self.population, intent=intent, name=name).note(
            "drift", record.id, said_of_fall(record, contexts, fall), contexts=contexts,
            before=fall.before, now=fall.now, likelihood=fall.likelihood,
        )  # fmt: skip

    def _bands(self, name: str, lead: str, contexts: list[str]) -> list[str]:
        """The contexts of an intent that the fall of a provider is of concern to."""
        intent = self.state.intents[name]
        return [
            band
            for band in intent.asked
            if f"{name}/{band}" in contexts
            or (band in intent.leaders and intent.records[intent.leaders[band]].lead == lead)
        ]

    def _begin_anew(self, name: str, band: str, lead: str, fall: Fall) -> None:
        """In a context: of the fallen one only what came since; of the others nothing."""
        for record in self.state.intents[name].records.values():
            cell = self.state.cells.get((record.id, band))
            if cell is None or record.lead != lead:
                continue
            before = cell.successes, cell.failures
            cell.begin_anew(self.population.at_ms, fall.choices)
            self._pool(record, cell, before)
            self._row(record, band, cell)
        self._look_again(name, band, lead, alone=False)

    def _look_again(self, name: str, band: str, fallen: str, *, alone: bool) -> None:
        """Somebody has fallen, so what is known of the others may be as old: it is forgotten."""
        for record in self.state.intents[name].records.values():
            cell = self.state.cells.get((record.id, band))
            if cell is None or record.lead == fallen or record.state == "challenger":
                continue
            before = cell.successes, cell.failures
            cell.forget(alone=alone)
            self._pool(record, cell, before)
            self._row(record, band, cell)

    # ---- parts

    def _fade_others(self, record: Record, band: str) -> None:
        """Who is not asked may have become better or worse meanwhile."""
        for other in self.population.intent.records.values():
            cell = self.state.cells.get((other.id, band))
            if cell is None or other is record or other.state == "challenger":
                continue
            before = cell.successes, cell.failures
            cell.fade()
            self._pool(other, cell, before)

    def _pool(self, record: Record, cell: Cell, before: tuple[float, float]) -> None:
        """What the provider has come to in all contexts, by what this cell has become."""
        pool = self.state.pools.setdefault(record.lead, [0.0, 0.0])
        pool[0] = max(0.0, pool[0] + cell.successes - before[0])
        pool[1] = max(0.0, pool[1] + cell.failures - before[1])

    def _row(self, record: Record, band: str, cell: Cell) -> None:
        self.population.effects.append(cell_row(record, band, cell))

    def _cell(self, trial: Trial) -> Cell:
        key = trial.strategy, trial.band
        cell = self.state.cells.get(key)
        if cell is None:
            cell = self.state.cells[key] = Cell()
        return cell
