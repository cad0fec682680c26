"""Between whoever looks at the knowledge graph and memory, which keeps it."""

import attrs


@attrs.frozen(kw_only=True)
class ShowGraph:
    """Ask memory what it knows of an entity; the answer is a GraphShown. Raises NotFound."""

    name: str
    project: str | None = None  # with what is of every project; None: all projects
    hops: int = 1  # at most 3
    at_ms: int | None = None  # as of then; None: with what has ended


@attrs.frozen(kw_only=True)
class EntityShown:
    """One entity; only those that were asked for have observations and memories."""

    id: int
    name: str
    kind: str
    project: str | None
    aliases: tuple[str, ...] = ()
    observations: tuple["ObservationShown", ...] = ()
    memories: tuple[str, ...] = ()  # ids of the newest that name it
    mentions: int = 0  # how many name it; counted up to a bound


@attrs.frozen(kw_only=True)
class ObservationShown:
    """What was observed of an entity, and since when."""

    text: str
    from_ms: int
    until_ms: int | None
    trust: int


@attrs.frozen(kw_only=True)
class FactShown:
    """subject -relation-> object, by the ids of entities, with the time that it holds."""

    subject: int
    relation: str
    object: int
    from_ms: int
    until_ms: int | None  # None: it still holds
    trust: int
    memory: str | None  # the id of the memory that says so
    hop: int
    near: int  # the end from which it was reached


@attrs.frozen(kw_only=True)
class GraphShown:
    """Answer to ShowGraph: what has that name, and what is around it, nearest first."""

    named: tuple[EntityShown, ...]
    others: tuple[EntityShown, ...]
    facts: tuple[FactShown, ...]
