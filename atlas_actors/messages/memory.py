"""Between whoever learns or wants to know something, and memory."""

from typing import Final, Literal

import attrs

from atlas_actors.messages import kinds

ItemKind = Literal["learning", "decision", "rule", "preference", "episode"]
KINDS: Final = kinds.KINDS
PINNED_KINDS: Final = kinds.PINNED_KINDS
Origin = kinds.Origin
TRUST: Final = kinds.TRUST
Level = Literal["l1", "l2", "l3"]


@attrs.frozen(kw_only=True)
class NewMemory:
    """One thing to remember."""

    kind: ItemKind
    text: str
    project: str | None = None  # its root directory or any name; None: of every project
    session: str | None = None
    speaker: str | None = None
    at_ms: int | None = None  # when it was said or happened; None: now
    tags: tuple[str, ...] = ()
    source: str | None = None  # where it can be looked up: a file, a url, a turn
    rationale: str | None = None  # of a decision
    alternatives: tuple[str, ...] = ()
    supersedes: tuple[str, ...] = ()  # ids
    lineage: tuple[str, ...] = ()  # ids that it was made from: trust is the least of all


@attrs.frozen(kw_only=True)
class NewEntity:
    """An entity of the knowledge graph with what was observed of it."""

    name: str
    kind: str
    project: str | None = None
    observations: tuple[str, ...] = ()
    aliases: tuple[str, ...] = ()
    at_ms: int | None = None


@attrs.frozen(kw_only=True)
class NewRelation:
    """subject -relation-> object, between entities that are made when missing."""

    subject: str
    relation: str
    object: str
    project: str | None = None
    at_ms: int | None = None


@attrs.frozen(kw_only=True)
class StoreMemories:
    """Ask memory: keep these, all or none; the answer, MemoriesStored, comes after the commit."""

    items: tuple[NewMemory | NewEntity | NewRelation, ...]
    origin: Origin
    learned: bool = False  # by Atlas itself: the limit of a session holds


@attrs.frozen(kw_only=True)
class Stored:
    """What became of one item."""

    id: str
    # merged: a near-duplicate of it is kept and has this source too; known: the very same was
    # stored before; private: nothing was left of it; full: its session has reached its limit.
    result: Literal["created", "merged", "known", "private", "full"]
    quarantined: bool = False  # reads like an order of somebody whose orders we do not take
    superseded: tuple[str, ...] = ()  # ids that hold no longer


@attrs.frozen(kw_only=True)
class MemoriesStored:
    """Answer to StoreMemories, in its order."""

    stored: tuple[Stored, ...]


@attrs.frozen(kw_only=True)
class Recall:
    """Ask memory for what it knows of this; the answer is a Recalled. The query is data."""

    query: str
    k: int = 10
    project: str | None = None  # with what is of every project; None: all projects
    kinds: tuple[str, ...] = ()  # none: all
    session: str | None = None
    budget_tokens: int | None = None
    at_ms: int | None = None  # as of then; None: now
    # For a prompt: without what is quarantined, superseded or untrusted.
    injectable: bool = False
    explain: bool = False  # each signal's share of the score in `why`
    asked_for: str = ""  # comes back in the answer, for who asks for many


@attrs.frozen(kw_only=True)
class RecalledItem:
    """One answer, with the level that had it and why it is here."""

    id: str
    kind: str
    text: str
    score: float
    at_ms: int
    project: str | None
    session: str | None
    speaker: str | None
    source: str | None
    tags: tuple[str, ...]
    origin: Origin
    trust: int
    level: Level
    why: str
    quarantined: bool = False
    superseded_by: str | None = None


@attrs.frozen(kw_only=True)
class Recalled:
    """Answer to Recall, best first. `level` is l1 when all of it came from the cache."""

    items: tuple[RecalledItem, ...]
    level: Level
    generation: int
    asked_for: str = ""  # of the Recall


@attrs.frozen(kw_only=True)
class ForgetMemories:
    """Ask memory: delete all that fits every given filter, from every level and from the files.

    The answer, a MemoriesForgotten, comes when the files have been searched. Raises UsageError
    without a filter.
    """

    ids: tuple[str, ...] = ()
    match: str | None = None  # a text that they contain, in any case
    project: str | None = None
    session: str | None = None
    entity: str | None = None
    dry_run: bool = False


@attrs.frozen(kw_only=True)
class MemoriesForgotten:
    """What was deleted, and the proof."""

    ids: tuple[str, ...]
    entities: int
    files_searched: tuple[str, ...]
    found_again: int  # occurrences of the deleted texts in those files; not 0: it failed
    cache_cleared: bool
    found_in: tuple[str, ...] = ()  # of those files; a copy that was set aside is not touched


@attrs.frozen(kw_only=True)
class RateMemories:
    """Tell memory: these were of use in what they were recalled for, or were not."""

    ids: tuple[str, ...]
    useful: bool
    rated_by: str | None = None  # None: who rates tells outcomes by itself


@attrs.frozen(kw_only=True)
class DecideMemory:
    """Ask memory: a person approves this (it may be pinned and injected) or rejects it.

    The answer is the Stored. Raises NotFound.
    """

    id: str
    approve: bool


@attrs.frozen(kw_only=True)
class MemoryStatsWanted:
    """Ask memory what it holds and how it does; the answer is a MemoryStats."""


@attrs.frozen(kw_only=True)
class MemoryStats:
    """What views cannot know: the living parts. The cache's and the embedder's are tables."""

    generation: int
    cache: dict[str, object]
    embedder: dict[str, object]
