"""Pure: our hooks among those of others, in the shape that Claude Code and Codex share.

{"hooks": {EVENT: [{"matcher": ..., "hooks": [{"type": "command", ...}]}]}}
"""

import shlex
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any

import attrs

from atlas_actors.clients.install import json_edit
from atlas_actors.clients.install.json_text import Child, Node
from atlas_actors.errors import UsageError

IsOurs = Callable[[dict[str, Any]], bool]  # whether a handler is one of ours


@attrs.frozen(kw_only=True)
class Wanted:
    """What is to stand under one event."""

    event: str
    handler: dict[str, Any]
    matcher: str | None = None

    @property
    def group(self) -> dict[str, Any]:
        """As it is written; an absent matcher means all."""
        matcher = {} if self.matcher is None else {"matcher": self.matcher}
        return {**matcher, "hooks": [self.handler]}


@attrs.frozen(kw_only=True)
class Found:
    """One handler of ours in a file."""

    event: str
    groups: Node  # the event's array
    group: Child
    group_index: int
    handlers: Node
    handler: Child
    handler_index: int
    is_read: bool  # no later member of the same name hides it from the client

    @property
    def is_alone(self) -> bool:
        """Whether its group holds nothing else."""
        return len(self.handlers.children) == 1


def words_of(handler: Any) -> list[str]:
    """What a handler starts; shell form is taken apart as a shell would."""
    if not isinstance(handler, dict) or not isinstance(handler.get("command"), str):
        return []
    args = handler.get("args")
    if isinstance(args, list):
        return [handler["command"], *map(str, args)]
    try:
        return shlex.split(handler["command"])
    except ValueError:  # an open quote: not written by us
        return []


def merged(
    data: bytes | None, name: str, wanted: Sequence[Wanted], is_ours: IsOurs
) -> bytes | None:
    """The file with exactly these hooks of ours; `name` is for errors.

    What is there and right stays as it is; an older one of ours is replaced where it stands;
    new ones come behind those of others.
    """
    text, _ = json_edit.read_object(data, name)
    changed = text
    by_event = {one.event: one for one in wanted}
    while (step := _next_step(changed, name, by_event, is_ours)) is not None:
        changed = step
    present = {found.event for found in ours(changed, name, is_ours)}
    changed = _appended(changed, name, [one for one in wanted if one.event not in present])
    return data if changed == text else changed


def removed(data: bytes | None, name: str, is_ours: IsOurs) -> bytes | None:
    """The file without any hook of ours, nor the lists and objects that this has emptied."""
    while data is not None and (found := next(ours(data, name, is_ours), None)) is not None:
        data = _without(data, name, found)
    return data


def ours(data: bytes | None, name: str, is_ours: IsOurs) -> Iterator[Found]:
    """Each handler of ours, in order; also under a name that stands twice."""
    _, root = json_edit.read_object(data, name)
    for hooks in _members(root, "hooks"):
        for event in hooks.node.children:
            is_last = hooks is root.member("hooks") and event is hooks.node.member(event.key or "")
            for index, group in enumerate(event.node.children):
                for found in _of_group(event, index, group, is_ours):
                    yield found if is_last else attrs.evolve(found, is_read=False)


def _of_group(event: Child, index: int, group: Child, is_ours: IsOurs) -> Iterator[Found]:
    for handlers in _members(group.node, "hooks"):
        for number, handler in enumerate(handlers.node.children):
            if isinstance(handler.node.value, dict) and is_ours(handler.node.value):
                yield Found(
                    event=event.key or "",
                    groups=event.node,
                    group=group,
                    group_index=index,
                    handlers=handlers.node,
                    handler=handler,
                    handler_index=number,
                    is_read=handlers is group.node.member("hooks"),
                )


def _next_step(data: bytes, name: str, wanted: dict[str, Wanted], is_ours: IsOurs) -> bytes | None:
    """The text with the first wrong one of ours put right or taken out; None: all are right."""
    seen: set[str] = set()
    for found in ours(data, name, is_ours):
        one = wanted.get(found.event)
        if one is None or found.event in seen or not found.is_read:
            return _without(data, name, found)
        seen.add(found.event)
        if found.is_alone and found.group.node.value != one.group:
            return json_edit.replace(data, found.group, one.group)
        if found.handler.node.value != one.handler:
            return json_edit.replace(data, found.handler, one.handler)
    return None


def _appended(data: bytes, name: str, missing: Sequence[Wanted]) -> bytes:
    """Behind the groups of each event; lists and the object of hooks are made if need be."""
    if not missing:
        return data
    _, root = json_edit.read_object(data, name)
    hooks = root.member("hooks")
    if hooks is None:
        return json_edit.append(data, root, ("hooks", {one.event: [one.group] for one in missing}))
    if hooks.node.kind != "object":
        raise _misshapen(name, "hooks", "an object")
    named = [one for one in missing if hooks.node.member(one.event) is not None]
    new = [one for one in missing if one not in named]
    if new:
        data = json_edit.append(data, hooks.node, *((one.event, [one.group]) for one in new))
    for one in named:
        data = _beside(data, name, one)
    return data


def _beside(data: bytes, name: str, one: Wanted) -> bytes:
    """Behind the groups that the event has."""
    hooks = json_edit.read_object(data, name)[1].member("hooks")
    event = hooks and hooks.node.member(one.event)
    if event is None or event.node.kind != "array":
        raise _misshapen(name, f"hooks.{one.event}", "a list")
    return json_edit.append(data, event.node, (None, one.group))


def _without(data: bytes, name: str, found: Found) -> bytes:
    """Take one out; then, from the inside to the outside, what has become empty."""
    if not found.is_alone:
        return json_edit.remove(data, found.handlers, found.handler_index)
    if len(found.groups.children) > 1:
        return json_edit.remove(data, found.groups, found.group_index)
    _, root = json_edit.read_object(data, name)
    for index, hooks in enumerate(root.children):
        for number, event in enumerate(hooks.node.children):
            if event.node.start == found.groups.start:
                if len(hooks.node.children) > 1:
                    return json_edit.remove(data, hooks.node, number)
                return json_edit.remove(data, root, index)
    raise AssertionError("what was found is not in the text")


def _members(node: Node, key: str) -> Iterable[Child]:
    return (child for child in node.children if child.key == key)


def _misshapen(name: str, what: str, shape: str) -> UsageError:
    return UsageError(
        f"{name}: {what} is not {shape}", cure="nothing was changed; correct the file"
    )
