"""Pure: the parameters of a call as the message that they mean; schemas were checked before."""

import shlex
from collections.abc import Mapping
from typing import Any

from atlas_actors.config import pattern_problem
from atlas_actors.errors import UsageError
from atlas_actors.json_schema import SchemaValidator
from atlas_actors.messages.execution import File, Request, Usage
from atlas_actors.messages.outcome import RecordOutcome
from atlas_actors.messages.routing import ChangePins, ListPins
from atlas_actors.messages.task import SubmitTask
from atlas_actors.settings import ProviderSettings


def submission_of(params: dict[str, Any], providers: Mapping[str, ProviderSettings]) -> SubmitTask:
    """task.submit. Raises UsageError for an unknown provider or a faulty schema."""
    provider = params.get("provider")
    if provider is not None and provider not in providers:
        raise UsageError(f"there is no provider {provider}", cure=f"one of {', '.join(providers)}")
    schema = params.get("schema")
    if schema is not None:
        SchemaValidator(schema)
    match = params.get("match")
    if match is not None:
        problem = pattern_problem(match)
        if problem:
            raise UsageError(f"match is no pattern of RE2: {problem}")
    if params.get("in_place") and not params.get("cwd"):
        raise UsageError("in_place needs a cwd to work in")
    files = tuple(File(**file) for file in params.get("files", ()))
    return SubmitTask(
        request=Request(
            prompt=params["prompt"],
            files=files,
            cwd=params.get("cwd"),
            schema=schema,
            match=match,
            check=_command(params.get("check")),
            provider=provider,
            in_place=params.get("in_place", False),
            budget_usd=params.get("budget_usd"),
            deadline_s=params.get("deadline_s"),
        ),
        key=params.get("key"),
        priority=params.get("priority", "normal"),
        at_ms=params.get("at_ms"),
        max_attempts=params.get("max_attempts"),
    )


def _command(check: Any) -> tuple[str, ...] | None:
    """A check's command as arguments: a list, or a line split as a shell would, without one."""
    if check is None:
        return None
    try:
        words = shlex.split(check) if isinstance(check, str) else list(check)
    except ValueError as error:
        raise UsageError(f"check cannot be split into words: {error}") from error
    if not words:
        raise UsageError("check is an empty command")
    return tuple(words)


def outcome_of(params: dict[str, Any]) -> RecordOutcome:
    """outcome.record."""
    plain = {key: value for key, value in params.items() if key != "tokens"}
    return RecordOutcome(**plain, usage=Usage(**params.get("tokens", {})))


def change_of_pins(params: dict[str, Any]) -> ChangePins | ListPins:
    """route.pin. Raises UsageError when both a session and a directory are named."""
    if "provider" not in params:
        return ListPins()
    session, cwd = params.get("session"), params.get("cwd")
    if session and cwd:
        raise UsageError("a pin is for a session or for a directory, not for both")
    scope = "session" if session else "project" if cwd else "all"
    return ChangePins(scope=scope, name=session or cwd or "", provider=params["provider"])
