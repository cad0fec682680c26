"""Pure: between rows of tasks.db and the values of messages."""

import json
from collections.abc import Mapping
from typing import Any, Final

import attrs

from atlas_actors.messages.execution import File, Progress, Request
from atlas_actors.messages.routing import Link, Route
from atlas_actors.messages.strategy import Genome, Strategy
from atlas_actors.messages.workspace import Workspace
from atlas_actors.store import Row

_NONE: Final = Progress()
_ROUTE: Final = tuple(field.name for field in attrs.fields(Route))
_LINK: Final = tuple(field.name for field in attrs.fields(Link))


def columns_of(request: Request) -> dict[str, Any]:
    """What the columns of a request hold."""
    return {
        "prompt": request.prompt,
        "files": json.dumps([attrs.asdict(file) for file in request.files])
        if request.files
        else "[]",
        "cwd": request.cwd,
        "schema": None if request.schema is None else json.dumps(request.schema),
        "provider": request.provider,
        "budget_usd": request.budget_usd,
        "match": request.match,
        "command": None if request.check is None else json.dumps(request.check),
        "in_place": int(request.in_place),
        "deadline_s": request.deadline_s,
    }


def request_of(row: Row) -> Request:
    """The request that a row holds."""
    return Request(
        prompt=row["prompt"],
        files=() if row["files"] == "[]" else _files(row["files"]),
        cwd=row["cwd"],
        schema=None if row["schema"] is None else json.loads(row["schema"]),
        match=row["match"],
        check=None if row["command"] is None else tuple(json.loads(row["command"])),
        provider=row["provider"],
        in_place=bool(row["in_place"]),
        budget_usd=row["budget_usd"],
        deadline_s=row["deadline_s"],
    )


def progress_of(row: Row) -> Progress:
    """How far the cascade of a row has come."""
    if row["progress"] == "{}":
        return _NONE
    fields = json.loads(row["progress"])
    fields["tried"] = tuple(fields.get("tried", ()))
    return Progress(**fields)


def progress_text(progress: Progress) -> str:
    """As a column holds it."""
    return "{}" if progress == _NONE else json.dumps(attrs.asdict(progress, recurse=False))


def workspace_of(row: Row) -> Workspace | None:
    """The directory that a row's task worked in."""
    return None if row["workspace"] is None else Workspace(**json.loads(row["workspace"]))


def workspace_text(workspace: Workspace | None) -> str | None:
    """As a column holds it."""
    return None if workspace is None else json.dumps(attrs.asdict(workspace))


def route_text(route: Route) -> str:
    """As a column holds it."""
    fields = {name: getattr(route, name) for name in _ROUTE}
    fields["chain"] = [{name: getattr(link, name) for name in _LINK} for link in route.chain]
    fields["strategy"] = None if route.strategy is None else attrs.asdict(route.strategy)
    return json.dumps(fields)


def route_of(row: Row) -> Route:
    """The route that a row holds."""
    fields: dict[str, Any] = json.loads(row["route"])
    fields["chain"] = tuple(Link(**link) for link in fields["chain"])
    fields["needs"] = tuple(fields["needs"])
    fields["strategy"] = strategy_of(fields.get("strategy"))
    return Route(**fields)


def strategy_of(fields: Mapping[str, Any] | None) -> Strategy | None:
    """The strategy that a route's row holds; those of older rows have none."""
    if fields is None:
        return None
    genome = dict(fields["genome"])
    genome["providers"] = tuple(genome["providers"])
    return Strategy(id=fields["id"], intent=fields["intent"], genome=Genome(**genome))


def _files(text: str) -> tuple[File, ...]:
    return tuple(File(**file) for file in json.loads(text))
