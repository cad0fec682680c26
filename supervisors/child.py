"""Child specs: what a supervisor must know to start, stop and restart a child."""

from collections.abc import Callable, Mapping
from typing import Any, Literal

import attrs

from atlas_actors.actor import Actor
from atlas_actors.errors import SettingsError
from atlas_actors.mailbox import MAILBOX_BOUND

Restart = Literal["permanent", "transient", "temporary"]
Strategy = Literal["one_for_one", "one_for_all", "rest_for_one"]
OnExhausted = Literal["escalate", "park"]
AutoShutdown = Literal["never", "any_significant", "all_significant"]

INFINITE_S = float("inf")


def _positive(_: Any, attribute: "attrs.Attribute[Any]", value: float) -> None:
    if isinstance(value, bool) or not isinstance(value, int | float) or not value > 0:
        raise SettingsError(f"{attribute.name} must be a number above 0, not {value!r}")


def _not_negative(_: Any, attribute: "attrs.Attribute[Any]", value: float) -> None:
    if isinstance(value, bool) or not isinstance(value, int | float) or not value >= 0:
        raise SettingsError(f"{attribute.name} must be a number from 0, not {value!r}")


def _one_of(*choices: str) -> Callable[[Any, "attrs.Attribute[Any]", Any], None]:
    def check(_: Any, attribute: "attrs.Attribute[Any]", value: Any) -> None:
        if value not in choices:
            raise SettingsError(
                f"{attribute.name} must be one of {', '.join(choices)}, not {value!r}"
            )

    return check


@attrs.frozen(kw_only=True)
class Budget:
    """How many failures within how many seconds are borne (OTP's intensity and period)."""

    intensity: int = attrs.field(default=5, validator=_not_negative)
    period_s: float = attrs.field(default=60.0, validator=_positive)

    def __attrs_post_init__(self) -> None:
        if self.intensity == INFINITE_S or self.intensity != int(self.intensity):
            raise SettingsError("intensity must be a whole number")


@attrs.frozen(kw_only=True)
class Backoff:
    """Full jitter: wait a random time up to min(cap, base * 2 ** failures), in seconds."""

    base_s: float = attrs.field(default=0.0, validator=_not_negative)
    cap_s: float = attrs.field(default=30.0, validator=_positive)


@attrs.frozen(kw_only=True)
class ChildSpec:
    """One child. `arguments` are passed to `actor` after its place."""

    id: str = attrs.field()
    actor: type[Actor] = attrs.field()
    arguments: Mapping[str, Any] = attrs.field(factory=dict)
    restart: Restart = attrs.field(
        default="permanent", validator=_one_of("permanent", "transient", "temporary")
    )
    shutdown_s: float | None = attrs.field(default=None)
    start_s: float = attrs.field(default=10.0, validator=_positive)  # of a worker
    on_exhausted: OnExhausted = attrs.field(default="park", validator=_one_of("escalate", "park"))
    # What a CannotStart leads to: parking, or counting like a crash. None: as on_exhausted says.
    when_missing: Literal["park", "count"] | None = None
    budget: Budget | None = None  # None: the supervisor's own
    backoff: Backoff = attrs.field(factory=Backoff)
    retry_s: float | None = 60.0  # a parked child is tried again after this, None: only by order
    mailbox_bound: int = attrs.field(default=MAILBOX_BOUND, validator=_positive)
    # Its end may end its supervisor, see SupervisorSpec.auto_shutdown (OTP's significant).
    significant: bool = attrs.field(default=False)
    # Filled for what is planned and not built: shown as absent, never started.
    absent: str = ""

    @id.validator
    def _check_id(self, _: Any, value: Any) -> None:
        if not isinstance(value, str) or not value or "/" in value:
            raise SettingsError(f"a child's id must be a name without '/', not {value!r}")

    @actor.validator
    def _check_actor(self, _: Any, value: Any) -> None:
        if not (isinstance(value, type) and issubclass(value, Actor)):
            raise SettingsError(f"child {self.id}: actor must be an Actor class, not {value!r}")

    @shutdown_s.validator
    def _check_shutdown(self, attribute: Any, value: Any) -> None:
        if value is not None:
            _not_negative(self, attribute, value)

    @significant.validator
    def _check_significant(self, _: Any, value: bool) -> None:
        if value and self.restart == "permanent":
            raise SettingsError(f"child {self.id}: a permanent child cannot be significant")

    @property
    def shutdown_within_s(self) -> float:
        """5 s for a worker; a supervisor takes as long as its children do."""
        if self.shutdown_s is not None:
            return self.shutdown_s
        return INFINITE_S if self.is_supervisor else 5.0

    @property
    def parks_when_missing(self) -> bool:
        """Whether a CannotStart parks this child at once."""
        return (self.when_missing or self.on_exhausted) == "park"

    @property
    def start_within_s(self) -> float:
        """`start_s` for a worker; a supervisor minds the deadlines of its own children."""
        return INFINITE_S if self.is_supervisor else self.start_s

    @property
    def is_supervisor(self) -> bool:
        """Whether this child has children."""
        return bool(getattr(self.actor, "starts_later", False))


@attrs.frozen(kw_only=True)
class SupervisorSpec:
    """The children of one supervisor, in start order, and how they share their fate."""

    children: tuple[ChildSpec, ...] = attrs.field(default=())
    strategy: Strategy = attrs.field(
        default="one_for_one", validator=_one_of("one_for_one", "one_for_all", "rest_for_one")
    )
    budget: Budget = attrs.field(factory=Budget)
    # never; any_significant: when one such child ends by itself; all_significant: when all have.
    auto_shutdown: AutoShutdown = attrs.field(
        default="never", validator=_one_of("never", "any_significant", "all_significant")
    )
    # A pool: children come and go by StartChild and StopChild only, and stop all at once.
    pool: bool = False
    children_max: float = attrs.field(default=INFINITE_S, validator=_positive)
    enabled: bool = True  # False: it is not wanted, which is no error

    @children.validator
    def _check_children(self, _: Any, value: tuple[ChildSpec, ...]) -> None:
        seen: set[str] = set()
        for child in value:
            if child.id in seen:
                raise SettingsError(f"two children are called {child.id}")
            seen.add(child.id)
