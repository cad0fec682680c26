"""The gateway's door of redaction: every call's parameters, before anything else sees them."""

from collections.abc import Iterator, Mapping
from typing import Any, Final

import anyio

from atlas_actors.errors import UsageError
from atlas_actors.gateway.methods import method_for
from atlas_actors.gateway.rpc import Call
from atlas_actors.redaction import Redactor

# What is executed, opened, matched or looked up: with a mark in it, it would mean something else.
EXACT: Final = frozenset({"check", "command", "cwd", "env", "match", "path", "provider", "schema"})
# Memory is searched for the mark that stands in it where the secret was.
_SEARCHES: Final = frozenset({"memory.forget", "memory.list"})
# Where such parameters may stand; elsewhere, as in an outcome's context, they are only noted.
_NESTED: Final = frozenset({"task", "tasks", "files", "workspace"})
# What must say something still once what is private is gone.
_NEEDED: Final = frozenset({"prompt", "text", "goal", "title", "name"})
# A payload is full of commands and paths, and is redacted by its own door: gateway/hook_privacy.py.
_OWN_DOOR: Final = frozenset({"hook.event"})
# Longer ones are redacted on a thread, so that nobody else waits.
_SHORT_CHARACTERS: Final = 20_000


async def redacted(redactor: Redactor, call: Call) -> dict[str, Any]:
    """The parameters without secrets. Raises UsageError where one stands in what must not be
    changed, and where nothing is left; RpcError when they are too long with their marks."""
    if call.method in _OWN_DOOR:
        return call.params
    if sum(map(len, _texts(call.params))) <= _SHORT_CHARACTERS:
        params = _redacted_call(redactor, call)
    else:
        params = await anyio.to_thread.run_sync(_redacted_call, redactor, call)
    if params != call.params:
        method_for(call.method, params)
    return params


def _redacted_call(redactor: Redactor, call: Call) -> dict[str, Any]:
    if call.method in _SEARCHES:
        return {key: redactor.value(value) for key, value in call.params.items()}
    return _redacted(redactor, call.params, "")


def _redacted(redactor: Redactor, params: Mapping[str, Any], where: str) -> dict[str, Any]:
    clean = {}
    for key, value in params.items():
        field = f"{where}{key}"
        if key in _NESTED and isinstance(value, dict | list):
            rows = value if isinstance(value, list) else [value]
            done = [
                _redacted(redactor, row, f"{field}.")
                if isinstance(row, dict)
                else redactor.value(row)
                for row in rows
            ]
            clean[key] = done if isinstance(value, list) else done[0]
            continue
        after = redactor.field(key, value)
        if after != value:
            if key in EXACT:
                raise _refusal(redactor, field, value)
            if key in _NEEDED and after == "":
                raise UsageError(f"{field} is private as a whole: nothing of it can be kept")
        clean[redactor.text(key)] = after
    return clean


def _refusal(redactor: Redactor, field: str, value: Any) -> UsageError:
    kinds = dict.fromkeys(kind for text in _texts(value) for kind in redactor.found(text))
    return UsageError(
        f"{field} holds what looks like a secret ({', '.join(kinds) or 'by its name'}), and it"
        " cannot be kept as it is",
        cure="put it in an environment variable and refer to it",
    )


def _texts(value: Any) -> Iterator[str]:
    """All texts in a value, without recursion: it may be nested as deep as JSON is."""
    ahead = [value]
    while ahead:
        one = ahead.pop()
        if isinstance(one, str):
            yield one
        elif isinstance(one, dict):
            ahead += [*one, *one.values()]
        elif isinstance(one, list):
            ahead += one
