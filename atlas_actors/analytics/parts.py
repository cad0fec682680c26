"""Pure: which parts an outcome counts for."""

from typing import Final, Literal

import attrs

from atlas_actors.messages.outcome import TOLD_BY, KeptOutcome

# queue: the whole time of a provider's tasks, their waits included.
PartKind = Literal["provider", "queue", "intent", "hook", "rule", "strategy", "kind", "actor"]
PLURALS: Final[dict[PartKind, str]] = {"strategy": "strategies"}
NAME_CHARACTERS: Final = 200


@attrs.frozen(kw_only=True)
class Part:
    """Something whose health is watched."""

    kind: PartKind
    name: str

    @property
    def peers(self) -> str:
        """Those of its kind, for people."""
        return PLURALS.get(self.kind, f"{self.kind}s")

    def __str__(self) -> str:
        return f"{self.kind} {self.name}"


def parts_of(outcome: KeptOutcome) -> list[Part]:
    """What is said of an outcome's parts: its kind, and as far as it names them its provider,
    intent, strategy, hook and rule. Of what we do ourselves an agent's word counts for none."""
    found = [_part("kind", outcome.kind)]
    context = outcome.context
    match outcome.kind:
        case "attempt" | "task" | "route" if TOLD_BY in context:
            return [part for part in found if part is not None]
        case "attempt":
            found.append(_part("provider", context.get("provider")))
        case "task":
            found.append(_part("queue", context.get("provider")))
            found.append(_part("intent", context.get("intent")))
            found.append(_part("strategy", context.get("strategy")))
        case "hook":
            found.append(_part("hook", outcome.action))
        case "route":
            found.append(_part("rule", context.get("rule")))
    return [part for part in found if part is not None]


def timed_for(part: Part, outcome: KeptOutcome) -> KeptOutcome:
    """An outcome with the time that says something of the part: an intent and a strategy cannot
    help how long their tasks have waited."""
    worked: object = outcome.context.get("work_ms")
    if part.kind not in ("intent", "strategy") or not isinstance(worked, int):
        return outcome
    return attrs.evolve(outcome, duration_ms=max(0, worked))


def _part(kind: PartKind, name: object) -> Part | None:
    if not isinstance(name, str) or not name:
        return None
    return Part(kind=kind, name=name[:NAME_CHARACTERS])
