"""Which value a memory claims for what can have only one, so that a newer one supersedes it."""

from atlas_actors.messages.memory import NewMemory


def claim_of(item: NewMemory) -> tuple[bytes, str] | None:
    """(what it is about, the value), or None."""
    return None
