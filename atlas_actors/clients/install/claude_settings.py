"""Pure: our hooks and status line in the bytes of a settings.json of Claude Code."""

import shlex
from typing import Any, Final

from atlas_actors.clients.adapter import registered
from atlas_actors.clients.install import hook_groups, json_edit
from atlas_actors.clients.install.hook_groups import Wanted, words_of
from atlas_actors.clients.install.installer import Where, hook_command
from atlas_actors.clients.install.installer import is_ours as starts_ours

CLIENT: Final = "claude"
STATUS_LINE: Final = "StatusLine"


def wanted_hooks(where: Where) -> tuple[Wanted, ...]:
    """Everything that is registered, as Claude Code has it: a program and its arguments."""
    return tuple(
        Wanted(
            event=one.event,
            matcher=one.matcher or None,
            handler=_handler(hook_command(where, CLIENT, one.event), one.timeout_s),
        )
        for one in registered(CLIENT)
    )


def edited(data: bytes | None, name: str, where: Where, *, status_line: bool) -> bytes | None:
    """Pure: a settings file with our hooks, and with our status line where there is none."""
    data = hook_groups.merged(data, name, wanted_hooks(where), is_ours)
    line = {
        "type": "command",
        "command": shlex.join(hook_command(where, CLIENT, STATUS_LINE)),
    }
    text, root = json_edit.read_object(data, name)
    member = root.member("statusLine")
    if member is None:
        return json_edit.append(text, root, ("statusLine", line)) if status_line else data
    if not is_ours(member.node.value):
        return data
    if not status_line:
        return _without_line(data, name)
    return data if member.node.value == line else json_edit.replace(text, member, line)


def cleaned(data: bytes | None, name: str) -> bytes | None:
    """Pure: a settings file without anything of ours."""
    return _without_line(hook_groups.removed(data, name, is_ours), name)


def is_ours(handler: Any) -> bool:
    """Whether a handler, or a status line, starts Atlas."""
    return starts_ours(words_of(handler), CLIENT)


def _without_line(data: bytes | None, name: str) -> bytes | None:
    if data is None:
        return None
    _, root = json_edit.read_object(data, name)
    for index, member in enumerate(root.children):
        if member.key == "statusLine" and is_ours(member.node.value):
            return json_edit.remove(data, root, index)
    return data


def _handler(words: list[str], timeout_s: float) -> dict[str, Any]:
    timeout: float = int(timeout_s) if timeout_s == int(timeout_s) else timeout_s
    return {"type": "command", "command": words[0], "args": words[1:], "timeout": timeout}
