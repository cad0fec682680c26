"""What can be adjusted while the daemon runs: an overlay over the settings, within bounds."""

from collections.abc import Mapping
from typing import Final

import attrs

from atlas_actors.errors import UsageError
from atlas_actors.messages.feedback import Knob
from atlas_actors.settings import ProviderSettings

RETRIES_MAX: Final = 3
CONTEXT_TOKENS_MAX: Final = 16_000  # a cap on what a strategy's genome asks for
SHORTEST: Final = 10  # a deadline is not shorter than the settings' by more than this factor
RECALL_TOKENS, CONTEXT_TOKENS = "recall_tokens", "context_tokens"
# These are counts: half a slot is no slot.
_WHOLE: Final = frozenset({"slots", "retries", RECALL_TOKENS, CONTEXT_TOKENS})


@attrs.frozen(kw_only=True)
class Turned:
    """A value that holds as long as the settings say what they said then."""

    value: float
    default: float


class KnobBoard:
    """Every knob by name. `settings` is looked at each time: it changes when settings are reloaded.

    slots.NAME, deadline_s.NAME and retries.NAME of each provider; recall_tokens; context_tokens.
    """

    def __init__(self, settings: Mapping[str, ProviderSettings], recall_tokens: int) -> None:
        self._settings = settings
        self._recall_tokens = recall_tokens
        self._turned: dict[str, Turned] = {}

    def all(self) -> tuple[Knob, ...]:
        """As they stand."""
        found = [knob for name in self._settings for knob in self._of_provider(name)]
        return (*found, *self._of_all())

    def get(self, name: str) -> Knob:
        """One of them. Raises UsageError."""
        provider = name.partition(".")[2]
        known = self._of_provider(provider) if provider in self._settings else self._of_all()
        for knob in known:
            if knob.name == name:
                return knob
        raise UsageError(f"there is no knob {name[:100]!r}", cure="atlas feedback knobs lists them")

    def turn(self, name: str, value: float | None) -> Knob:
        """This value holds from now on, None: the settings' own. The knob as it is then. Raises
        UsageError for what is unknown or out of bounds."""
        knob = self.get(name)
        if value is None or value == knob.default:
            self._turned.pop(name, None)
        else:
            self._check(knob, value)
            self._turned[name] = Turned(value=value, default=knob.default)
        return self.get(name)

    def reloaded(self) -> None:
        """The settings have changed: where they say something else now, they hold."""
        defaults = {knob.name: knob.default for knob in self.all()}
        self._turned = {
            name: turned
            for name, turned in self._turned.items()
            if defaults.get(name) == turned.default
        }

    def slots(self, provider: str) -> int:
        """Attempts at a time, at most."""
        return int(self.get(f"slots.{provider}").value)

    def deadline_s(self, provider: str) -> float:
        """Of one attempt."""
        return self.get(f"deadline_s.{provider}").value

    def retries(self, provider: str) -> int:
        """Times that a hiccup is tried again at the same place."""
        return int(self.get(f"retries.{provider}").value)

    @property
    def recall_tokens(self) -> int:
        """Of memories before a prompt, at most."""
        return int(self.get(RECALL_TOKENS).value)

    @property
    def context_tokens(self) -> int:
        """Of the project's files before a prompt, at most."""
        return int(self.get(CONTEXT_TOKENS).value)

    def _of_all(self) -> tuple[Knob, ...]:
        recall = self._recall_tokens
        return (
            self._knob(RECALL_TOKENS, 0, 2 * recall, recall),
            self._knob(CONTEXT_TOKENS, 0, CONTEXT_TOKENS_MAX, CONTEXT_TOKENS_MAX),
        )

    def _of_provider(self, name: str) -> tuple[Knob, ...]:
        settings = self._settings[name]
        deadline_s, retries = settings.deadline_s, settings.retries
        return (
            self._knob(f"slots.{name}", 1, settings.slots, settings.slots),
            self._knob(f"deadline_s.{name}", deadline_s / SHORTEST, deadline_s, deadline_s),
            self._knob(f"retries.{name}", 0, max(RETRIES_MAX, retries), retries),
        )

    def _knob(self, name: str, low: float, high: float, default: float) -> Knob:
        turned = self._turned.get(name)
        return Knob(
            name=name,
            value=float(default if turned is None else turned.value),
            low=float(low),
            high=float(high),
            default=float(default),
        )

    def _check(self, knob: Knob, value: float) -> None:
        if not knob.low <= value <= knob.high:
            raise UsageError(f"{knob.name} can be {knob.low:g} to {knob.high:g}, not {value:g}")
        if knob.name.partition(".")[0] in _WHOLE and not value.is_integer():
            raise UsageError(f"{knob.name} is a whole number, not {value:g}")
