"""Pure: what people, and whoever thought over failures, want of the strategies of an intent."""

from atlas_actors.strategies.events import Born, Pinned, Retired
from atlas_actors.strategies.genome import strategy_of, to_json
from atlas_actors.strategies.population import WAITING_MAX, Population
from atlas_actors.strategies.rows import strategy_row
from atlas_actors.strategies.state import GONE, Waiting


def born(population: Population, event: Born, challengers_max: int) -> None:
    """A reflection's genome: a challenger now or, when there is no room, the next one."""
    intent = population.intent
    strategy = strategy_of(event.intent, event.genome)
    parent = next((one for one in event.parents if one in intent.records), None)
    if strategy.id in intent.records or parent is None:
        why = "its parents are not known" if parent is None else "it exists already"
        population.note("nothing", strategy.id, why)
        return
    if len(intent.duels) < challengers_max and intent.records[parent].state == "active":
        others = [one for one in event.parents if one != parent]
        population.bear(event.genome, event.operator, (parent, *others), event.why)
        return
    # What it does otherwise only: beside another parent it is led by that one's provider.
    before, genes = to_json(intent.records[parent].strategy.genome), to_json(event.genome)
    changed = {gene: value for gene, value in genes.items() if value != before[gene]}
    waiting = Waiting(genes=changed, operator=event.operator, why=event.why, parents=event.parents)
    intent.waiting = [waiting, *intent.waiting][:WAITING_MAX]
    population.note("nothing", strategy.id, "it waits until a challenger has room")


def pinned(population: Population, event: Pinned) -> None:
    """From now on always this one, where its lead is offered."""
    intent = population.intent
    record = intent.records[event.strategy]
    if record.state in GONE or intent.pinned == record.id:
        return
    before, intent.pinned = intent.pinned, record.id
    for id in (before, record.id):
        if id is not None:
            population.effects.append(strategy_row(intent, intent.records[id]))
    numbers = population.numbers(record.id)
    population.note("pinned", record.id, "a person wants it", **numbers)


def unpinned(population: Population) -> None:
    """The choice is Atlas' again."""
    intent = population.intent
    if intent.pinned is None:
        return
    id, intent.pinned = intent.pinned, None
    population.effects.append(strategy_row(intent, intent.records[id]))
    population.note("unpinned", id, "a person leaves the choice to Atlas again")


def retired(population: Population, event: Retired) -> None:
    """Never again; who was on trial against it has nobody to be compared with."""
    intent = population.intent
    record = intent.records[event.strategy]
    if record.state in GONE:
        return
    if intent.pinned == record.id:
        unpinned(population)
    intent.duels.pop(record.id, None)
    population.become(record, "retired")
    why = event.reason or "a person wants it no more"
    population.note("retired", record.id, why, **population.numbers(record.id))
    for child in [id for id, duel in intent.duels.items() if duel.parent == record.id]:
        del intent.duels[child]
        population.become(intent.records[child], "culled")
        population.note("culled", child, f"its parent {record.id} was retired")
    population.review()
