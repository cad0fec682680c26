"""Between an actor and whoever looks after it."""

from enum import StrEnum

import attrs


class Ending(StrEnum):
    """How an incarnation ended; nothing else is possible."""

    NORMAL = "normal"  # it ended by itself, its work is done
    SHUTDOWN = "shutdown"  # it was told to stop
    IGNORED = "ignored"  # on_start said: not wanted now
    CANNOT_START = "cannot_start"  # on_start said: something outside is missing
    CRASHED = "crashed"  # an exception that nobody declared
    KILLED = "killed"  # it outlived its deadline and was fenced


@attrs.frozen(kw_only=True)
class Stop:
    """Order: end after the message in hand; ahead of all user mail."""


@attrs.frozen(kw_only=True)
class FailNow:
    """Order: fail as if a handler had; for storms, which no release of ours should fear."""

    error: str = "ordered to fail"


@attrs.frozen(kw_only=True)
class ChildStarted:
    """Fact: on_start returned; sent once per incarnation to the parent."""

    path: str
    incarnation: int


@attrs.frozen(kw_only=True)
class ChildEnded:
    """Fact: an incarnation is over; sent once to the parent."""

    path: str
    incarnation: int
    ending: Ending
    error: str = ""  # one line
    # (file, line, function) of each call, outermost first; those of a cause come before a row
    # ("", 0, what it caused). Turned into text by who shows it: that costs more than a restart.
    frames: tuple[tuple[str, int, str], ...] = ()
    cure: str = ""


@attrs.frozen(kw_only=True)
class ActorStarted:
    """Fact for monitors: the actor at `path` is there (again)."""

    path: str
    incarnation: int


@attrs.frozen(kw_only=True)
class ActorDown:
    """Fact for monitors: this incarnation of `path` will do nothing more."""

    path: str
    incarnation: int
    ending: Ending
    error: str
    cure: str = ""


@attrs.frozen(kw_only=True)
class RequestFailed:
    """Fact: what was asked with `request()` had an error for an answer."""

    path: str
    request: object
    error: str
    code: int = 0  # of the error as errors.py has them; 0: of none that was declared


@attrs.frozen(kw_only=True)
class RetryChild:
    """Order to a supervisor: start this parked or stopped child now."""

    path: str


@attrs.frozen(kw_only=True)
class Ping:
    """Ask any actor whether it handles mail; the answer is a Pong."""


@attrs.frozen(kw_only=True)
class Pong:
    """Answer to Ping."""

    path: str
    incarnation: int
