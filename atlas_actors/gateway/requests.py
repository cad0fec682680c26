"""The parameters of a call as the message that they mean; schemas were checked before."""

import shlex
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any, Final

from atlas_actors import attachments
from atlas_actors.config import pattern_problem
from atlas_actors.errors import UsageError
from atlas_actors.gateway.method import NAME, PATH, TEXT, TIME
from atlas_actors.json_schema import SchemaValidator, object_schema
from atlas_actors.messages.execution import File, Request, Usage
from atlas_actors.messages.outcome import RecordOutcome
from atlas_actors.messages.routing import ChangePins, ListPins
from atlas_actors.messages.task import STATES, UNFINISHED, SubmitTask, Unique
from atlas_actors.settings import ProviderSettings

SUBMISSION: Final = object_schema(
    {
        "prompt": {"type": "string", "minLength": 1},
        "files": {
            "type": "array",
            "maxItems": 100,
            "items": {
                "anyOf": [
                    object_schema({"name": PATH, "text": TEXT}, "name", "text"),
                    object_schema({"name": PATH, "path": PATH}, "name", "path"),
                ]
            },
        },
        "key": NAME,
        "cwd": PATH,
        "priority": {"enum": ["low", "normal", "high", "urgent"]},
        "schema": {"type": "object"},
        "provider": NAME,
        "at_ms": TIME,
        "max_attempts": {"type": "integer", "minimum": 1, "maximum": 100},
        "check": {
            "anyOf": [
                {"type": "string", "minLength": 1, "maxLength": 10_000},
                {
                    "type": "array",
                    "items": {"type": "string", "maxLength": 10_000},
                    "minItems": 1,
                    "maxItems": 1_000,
                },
            ]
        },
        "match": {"type": "string", "minLength": 1, "maxLength": 1_000},
        "in_place": {"type": "boolean"},
        "budget_usd": {"type": "number", "minimum": 0, "maximum": 100_000},
        "deadline_s": {"type": "number", "exclusiveMinimum": 0, "maximum": 864_000},
        "after": {"type": "array", "items": NAME, "minItems": 1, "maxItems": 1_000},
        "if_dead": {"enum": ["fail", "skip", "run"]},
        "group": NAME,
        "unique": object_schema(
            {
                "key": NAME,
                "states": {
                    "type": "array",
                    "items": {"enum": list(STATES)},
                    "minItems": 1,
                },
                "period_s": {"type": "number", "exclusiveMinimum": 0, "maximum": 10**9},
                "replace": {"type": "boolean"},
            },
            "key",
        ),
    },
    "prompt",
)


def files_of(
    files: Iterable[Mapping[str, str]], folder: Path, redact: Callable[[str], str] = str
) -> tuple[File, ...]:
    """The files of a submission, given as text (redacted before, as all parameters are) or as a
    path (redacted here); long ones are kept in `folder`.

    Raises UsageError.
    """
    found = []
    for file in files:
        if "path" in file:
            if not Path(file["path"]).is_absolute():
                raise UsageError(f"{file['path']} is not an absolute path")
            found.append(attachments.file_at(folder, file["name"], file["path"], redact))
        else:
            data = file["text"].encode("utf-8", "surrogatepass")
            found.append(attachments.file_of(folder, file["name"], data))
    return tuple(found)


def submission_of(
    params: dict[str, Any],
    providers: Mapping[str, ProviderSettings],
    files: tuple[File, ...] = (),
) -> SubmitTask:
    """task.submit with its `files` read. Raises UsageError for an unknown provider or a faulty
    schema."""
    _check(params, providers)
    unique = params.get("unique")
    if unique is not None:
        unique = Unique(**{**unique, "states": tuple(unique.get("states", UNFINISHED))})
    return SubmitTask(
        request=Request(
            prompt=params["prompt"],
            files=files,
            cwd=params.get("cwd"),
            schema=params.get("schema"),
            match=params.get("match"),
            check=_command(params.get("check")),
            provider=params.get("provider"),
            in_place=params.get("in_place", False),
            budget_usd=params.get("budget_usd"),
            deadline_s=params.get("deadline_s"),
        ),
        key=params.get("key"),
        priority=params.get("priority", "normal"),
        at_ms=params.get("at_ms"),
        max_attempts=params.get("max_attempts"),
        unique=unique,
        after=tuple(params.get("after", ())),
        if_dead=params.get("if_dead", "fail"),
        group=params.get("group"),
    )


def _check(params: dict[str, Any], providers: Mapping[str, ProviderSettings]) -> None:
    """What a JSON Schema cannot say. Raises UsageError."""
    provider = params.get("provider")
    if provider is not None and provider not in providers:
        raise UsageError(f"there is no provider {provider}", cure=f"one of {', '.join(providers)}")
    if params.get("schema") is not None:
        SchemaValidator(params["schema"])
    if params.get("match") is not None:
        problem = pattern_problem(params["match"])
        if problem:
            raise UsageError(f"match is no pattern of RE2: {problem}")
    if params.get("in_place") and not params.get("cwd"):
        raise UsageError("in_place needs a cwd to work in")


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
