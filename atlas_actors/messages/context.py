"""Between doors, hooks, the orchestrator and context: which files were touched, and their tiers.

A project is the absolute path of its root; a path is relative to it, with slashes.
"""

from typing import Literal

import attrs

AccessKind = Literal["read", "edit", "search", "test"]
Tier = Literal["HOT", "WARM", "COLD"]
# What a look at a file came to; only "text" is ever given to anybody.
FileState = Literal["text", "binary", "huge", "missing", "refused", "ignored", "failed"]


@attrs.frozen(kw_only=True)
class Access:
    """One file was read, edited, listed by a search, or run as or by a test."""

    path: str
    kind: AccessKind
    at_ms: int | None = None  # None: now


@attrs.frozen(kw_only=True)
class AccessFiles:
    """Order to context: a session has touched these files; the answer is an AccessesKept.

    The first access with another `turn` than the session's last begins a turn of the project.
    """

    project: str
    session: str
    accesses: tuple[Access, ...]
    turn: str = ""


@attrs.frozen(kw_only=True)
class AccessesKept:
    """Answer to AccessFiles: how many were kept, and how many are none of our business."""

    kept: int
    refused: int


@attrs.frozen(kw_only=True)
class TurnEnded:
    """Fact for context: a turn of this session is over."""

    project: str
    session: str


@attrs.frozen(kw_only=True)
class FilesMoved:
    """Fact for context: what became of paths up to the commit `head`."""

    project: str
    head: str
    renamed: tuple[tuple[str, str], ...] = ()  # (old, new), in the order in which it happened
    gone: tuple[str, ...] = ()
    back: tuple[str, ...] = ()


@attrs.frozen(kw_only=True)
class FileMeasure:
    """What a file's text and its outline cost; `tokens_outline` None: there is no outline."""

    path: str
    state: FileState
    size: int = 0
    mtime_ns: int = 0
    language: str = ""
    tokens_full: int = 0
    tokens_outline: int | None = None
    symbols: int = 0


@attrs.frozen(kw_only=True)
class RankFiles:
    """Ask context: the files that the next turn is likely about; the answer is a FilesRanked.

    `seeds` are files at hand; those of the session's newest turn count as such too.
    """

    project: str
    seeds: tuple[str, ...] = ()
    session: str | None = None
    limit: int = 100


@attrs.frozen(kw_only=True)
class RankedFile:
    """One of them, with what is known of its costs."""

    path: str
    score: float
    why: str
    measure: FileMeasure | None = None


@attrs.frozen(kw_only=True)
class FilesRanked:
    """Answer to RankFiles, the likeliest first; `head` is the commit that paths were followed to.

    The rest is how to look at them: up to which size, for how long altogether.
    """

    project: str
    head: str | None
    files: tuple[RankedFile, ...]
    file_bytes_max: int
    look_s: float


@attrs.frozen(kw_only=True)
class PlanTiers:
    """Ask context: RankFiles, and into which tier each file goes; the answer is a TiersPlanned.

    `measures` are kept; `tokens` bounds all tiers together, in the proportions of the settings.
    """

    project: str
    seeds: tuple[str, ...] = ()
    session: str | None = None
    limit: int = 100
    measures: tuple[FileMeasure, ...] = ()
    tokens: int | None = None


@attrs.frozen(kw_only=True)
class TieredFile:
    """One file and its tier; `tokens` is what it costs there."""

    path: str
    tier: Tier
    score: float
    why: str
    tokens: int
    tokens_full: int
    tokens_outline: int | None


@attrs.frozen(kw_only=True)
class TierCosts:
    """What the same files would cost if all of them were in one tier, and what they cost so."""

    hot: int
    warm: int  # those without an outline count in full
    cold: int
    planned: int


@attrs.frozen(kw_only=True)
class TiersPlanned:
    """Answer to PlanTiers, the likeliest first; `left_out`: did not fit, `unmeasured`: no look."""

    project: str
    files: tuple[TieredFile, ...]
    costs: TierCosts
    left_out: int
    unmeasured: int


@attrs.frozen(kw_only=True)
class Delivery:
    """A file was handed to an agent in this tier, by us."""

    path: str
    tier: Tier
    tokens_full: int
    tokens_given: int


@attrs.frozen(kw_only=True)
class FilesDelivered:
    """Fact for context, for the honest saving."""

    project: str
    session: str
    deliveries: tuple[Delivery, ...]
