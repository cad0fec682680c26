"""What a supervisor can be asked or told about its children."""

import attrs

from supervisors.child import ChildSpec


@attrs.frozen(kw_only=True)
class StartChild:
    """Ask: add this child after the others and start it; the answer is its path."""

    spec: ChildSpec


@attrs.frozen(kw_only=True)
class StopChild:
    """Ask: stop this child and keep it listed; stopping a stopped one is fine."""

    id: str


@attrs.frozen(kw_only=True)
class RestartChild:
    """Ask: start this stopped or parked child now; the answer is its path."""

    id: str


@attrs.frozen(kw_only=True)
class DeleteChild:
    """Ask: forget this stopped child."""

    id: str


@attrs.frozen(kw_only=True)
class RetireChild:
    """Ask: do not restart this child when it ends; then forget it, or start its successor.

    It is not told to stop: whoever retires it lets it finish its work.
    """

    id: str
    successor: ChildSpec | None = None


@attrs.frozen(kw_only=True)
class ListChildren:
    """Ask: the children as (id, state, incarnation), in start order."""


@attrs.frozen(kw_only=True)
class CountChildren:
    """Ask: how many children there are; the answer is a ChildCounts."""


@attrs.frozen(kw_only=True)
class ChildCounts:
    """Answer to CountChildren, with OTP's four numbers."""

    specs: int
    active: int
    supervisors: int
    workers: int


# What a supervisor tells itself through its timers.


@attrs.frozen(kw_only=True)
class StartDeadline:
    """This incarnation should be ready by now."""

    id: str
    incarnation: int


@attrs.frozen(kw_only=True)
class StopDeadline:
    """This incarnation should have ended by now."""

    id: str
    incarnation: int


@attrs.frozen(kw_only=True)
class BackoffOver:
    """The plan with this number may start its children."""

    plan: int


@attrs.frozen(kw_only=True)
class TryParked:
    """A parked child may be tried again, unless something else happened since."""

    id: str
    incarnation: int
