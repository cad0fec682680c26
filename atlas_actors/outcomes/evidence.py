"""Pure: what an outcome says of earlier ones: repeated requests, reverted files, tests gone red."""

from collections.abc import Sequence
from typing import Any, Final

import attrs

from atlas_actors.clock import DAY_MS

TURNS: Final = 3
# Where a client does not count turns.
WINDOW_MS: Final = 10 * 60_000
REVERT_MS: Final = DAY_MS
# Of these a client's later behaviour says nothing: something else than the answer's look was tried.
PROVEN_BY: Final = frozenset({"command", "schema", "match", "test"})
_TESTING_KINDS: Final = frozenset({"hook", "agent"})


@attrs.frozen(kw_only=True)
class Seen:
    """An outcome as it stands."""

    id: str
    at_ms: int
    kind: str
    result: str
    verified_by: str | None
    infrastructure: bool
    context: dict[str, Any]


@attrs.frozen(kw_only=True)
class Conclusion:
    """What an earlier outcome came to in the light of a later one."""

    id: str
    result: str
    verified_by: str
    reason: str


def conclude(new: Seen, session: Sequence[Seen], project: Sequence[Seen]) -> list[Conclusion]:
    """What `new` says of earlier outcomes of its session and of its project, both newest first."""
    if new.infrastructure:
        return []
    earlier = [one for one in session if one.at_ms <= new.at_ms and one.id != new.id]
    changed = [one for one in project if one.at_ms <= new.at_ms and one.id != new.id]
    return [*_repeated(new, earlier), *_reverted(new, changed), *_tested(new, earlier)]


def asks_for_session(context: dict[str, Any]) -> bool:
    """Whether an outcome with this context can say anything of its session."""
    return isinstance(context.get("session"), str)


def asks_for_project(context: dict[str, Any]) -> bool:
    """Whether an outcome with this context can say anything of its project."""
    return bool(_names(context, "reverts")) and isinstance(context.get("project"), str)


def _repeated(new: Seen, earlier: Sequence[Seen]) -> list[Conclusion]:
    """Somebody who asks for the same again has not got what they wanted."""
    request = new.context.get("request")
    if not isinstance(request, str) or not request:
        return []
    return [
        Conclusion(
            id=one.id, result="partial", verified_by="repeat", reason="repeated: asked again"
        )
        for one in earlier
        if _good(one)
        and one.context.get("request") == request
        and one.verified_by not in PROVEN_BY
        and one.context.get("checked") != "own"
        and _within_turns(one, new, least=1)
    ]


def _reverted(new: Seen, changed: Sequence[Seen]) -> list[Conclusion]:
    """Of each reverted file, the last success that had changed it was none."""
    left = _names(new.context, "reverts")
    found = []
    for one in changed:
        touched = left & _names(one.context, "files")
        if not touched or not _good(one) or new.at_ms - one.at_ms > REVERT_MS:
            continue
        left -= touched
        names = ", ".join(sorted(touched)[:3])
        found.append(
            Conclusion(
                id=one.id, result="failure", verified_by="revert", reason=f"reverted: {names}"
            )
        )
    return found


def _tested(new: Seen, earlier: Sequence[Seen]) -> list[Conclusion]:
    """A test speaks of the last change before it, if no other test has spoken since."""
    if not _is_test(new):
        return []
    for one in earlier:
        if one.infrastructure:
            continue
        if _is_test(one) or not _within_turns(one, new, least=0):
            return []
        if not _names(one.context, "files") or not _good(one):
            continue
        if one.verified_by in PROVEN_BY:
            return []
        red = new.result == "failure"
        return [
            Conclusion(
                id=one.id,
                result="failure" if red else "success",
                verified_by="test",
                reason="a test went red" if red else "the tests passed after it",
            )
        ]
    return []


def _is_test(one: Seen) -> bool:
    if one.kind not in _TESTING_KINDS or one.result == "partial":
        return False
    return one.context.get("test") is True or (
        one.verified_by == "test" and not _names(one.context, "files")
    )


def _good(one: Seen) -> bool:
    return one.result == "success" and not one.infrastructure


def _within_turns(one: Seen, new: Seen, *, least: int) -> bool:
    """Whether `one` is at most TURNS turns before `new`, and at least so many."""
    then, now = one.context.get("turn"), new.context.get("turn")
    if isinstance(then, int) and isinstance(now, int):
        return least <= now - then <= TURNS
    return new.at_ms - one.at_ms <= WINDOW_MS


def _names(context: dict[str, Any], key: str) -> set[str]:
    names = context.get(key)
    if not isinstance(names, list | tuple):
        return set()
    return {name for name in names if isinstance(name, str)}
