"""The context.* methods: which files sessions touch, and how much of each is worth its tokens."""

from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any, Final

import attrs

from atlas_actors.errors import Conflict, DeadlinePassed, NotFound, UsageError
from atlas_actors.gateway import context_stats
from atlas_actors.gateway.door import Door
from atlas_actors.gateway.method import NAME, PATH, TIME, method
from atlas_actors.json_schema import object_schema
from atlas_actors.messages import paths
from atlas_actors.messages.context import (
    Access,
    AccessFiles,
    Delivery,
    FileMeasure,
    FilesDelivered,
    FilesRanked,
    RankFiles,
    TurnEnded,
)
from atlas_actors.sources import git_says
from atlas_actors.sources.ignore import is_secret
from atlas_actors.sources.measure import look_at
from atlas_actors.sources.outline import HOW_TO_READ
from atlas_actors.sources.planning import FILES, Wanted, plan_tiers
from atlas_actors.sources.project import name_in, root_of

_WHERE: Final = {"project": PATH, "cwd": PATH}

METHODS: Final = (
    method(
        "context.access",
        "Files that a session has touched, paths absolute or relative to cwd → {project, kept,"
        " refused}; outside the project, ignored or secret by name: refused.",
        object_schema(
            {
                **_WHERE,
                "session": NAME,
                "turn": {"type": "string", "maxLength": 200},
                "accesses": {
                    "type": "array",
                    "minItems": 1,
                    "maxItems": 1000,
                    "items": object_schema(
                        {
                            "path": PATH,
                            "kind": {"enum": ["read", "edit", "search", "test"]},
                            "at_ms": TIME,
                        },
                        "path",
                        "kind",
                    ),
                },
            },
            "session",
            "accesses",
        ),
    ),
    method(
        "context.turn",
        "A turn of this session is over → {project}; the next access begins another.",
        object_schema({**_WHERE, "session": NAME}, "session"),
    ),
    method(
        "context.tiers",
        "The files that the next turn is likely about, in tiers → {project, files: [{path, tier,"
        " score, why, tokens, tokens_full, tokens_outline}], costs: {hot, warm, cold, planned},"
        " left_out, unmeasured}; costs: if all were in that tier, and as planned.",
        object_schema(
            {
                **_WHERE,
                "session": NAME,
                "files": {"type": "array", "maxItems": 50, "items": PATH},
                "tokens": {"type": "integer", "minimum": 0, "maximum": 10_000_000},
                "limit": {"type": "integer", "minimum": 1, "maximum": 500},
            }
        ),
    ),
    method(
        "context.outline",
        "The outline of a file → {project, path, language, outline, symbols, tokens, tokens_full,"
        " how_to_read}; outline null: there is none of its language. With deliver it is kept that"
        " an agent was given it.",
        object_schema(
            {"path": PATH, **_WHERE, "session": NAME, "deliver": {"type": "boolean"}}, "path"
        ),
    ),
    method(
        "context.stats",
        "Accesses, files, pairs, what tiers would cost and what was saved, of a project or of all.",
        object_schema(dict(_WHERE)),
    ),
)


@attrs.frozen(kw_only=True)
class _Place:
    """A project on disk, and the names in it that a call is about, in its order; None: outside."""

    root: Path
    names: tuple[str | None, ...] = ()

    @property
    def project(self) -> str:
        """As messages say it."""
        return str(self.root)


async def answer(door: Door, name: str, params: dict[str, Any]) -> Any:
    """One call to its result. Raises AtlasError."""
    match name:
        case "context.access":
            return await _access(door, params)
        case "context.turn":
            place = await _placed(door, params, ())
            fact = TurnEnded(project=place.project, session=params["session"])
            await door.call(paths.CONTEXT, fact)
            return {"project": place.project}
        case "context.tiers":
            return await _tiers(door, params)
        case "context.outline":
            return await _outline(door, params)
        case "context.stats":
            if not {"project", "cwd"} & params.keys():
                return await door.read(context_stats.stats, None)
            place = await _placed(door, params, ())
            return await door.read(context_stats.stats, place.project)
    raise AssertionError(f"{name} is described but not answered")


async def _placed(door: Door, params: dict[str, Any], files: Sequence[str]) -> _Place:
    """The project of a call. Raises UsageError, DeadlinePassed."""
    given = params.get("project") or params.get("cwd")
    if given is None:
        raise UsageError("name the project, or a cwd in it")
    if not given.startswith("/") or "\0" in given:
        raise UsageError(f"{given[:200]!r} is no absolute path")
    base = Path(params.get("cwd") or given)
    return await door.on_client_files(lambda: _place(Path(given), base, files))  # type: ignore[no-any-return]


def _place(given: Path, base: Path, files: Sequence[str]) -> _Place:
    try:
        given.as_posix().encode()
        found = given.is_dir()
    except (OSError, ValueError):
        found = False
    if not found:
        raise UsageError(f"{str(given)[:200]!r} is no directory")
    root = root_of(given)
    return _Place(root=root, names=tuple(name_in(root, file, base) for file in files))


async def _access(door: Door, params: dict[str, Any]) -> dict[str, Any]:
    wanted = params["accesses"]
    place = await _placed(door, params, [access["path"] for access in wanted])
    names = list({name for name in place.names if name is not None and not is_secret(name)})
    ignored = await door.on_client_files(lambda: git_says.ignored(place.root, names))
    accesses = tuple(
        Access(path=name, kind=access["kind"], at_ms=access.get("at_ms"))
        for name, access in zip(place.names, wanted, strict=True)
        if name is not None and name not in ignored
    )
    order = AccessFiles(
        project=place.project,
        session=params["session"],
        turn=params.get("turn", ""),
        accesses=accesses,
    )
    kept = await door.call(paths.CONTEXT, order)
    return {"project": place.project, "kept": kept.kept, "refused": len(wanted) - kept.kept}


async def _tiers(door: Door, params: dict[str, Any]) -> dict[str, Any]:
    place = await _placed(door, params, params.get("files", ()))
    seeds = tuple(name for name in place.names if name is not None)
    wanted = Wanted(
        root=place.root,
        seeds=seeds,
        session=params.get("session"),
        limit=params.get("limit", FILES),
        tokens=params.get("tokens"),
    )
    planned = await plan_tiers(wanted, partial(door.call, paths.CONTEXT), door.on_client_files)
    return attrs.asdict(planned.tiers)


async def _outline(door: Door, params: dict[str, Any]) -> dict[str, Any]:
    path = params["path"]
    if not {"project", "cwd"} & params.keys():
        if not path.startswith("/"):
            raise UsageError("a relative path needs a cwd")
        params = {**params, "cwd": str(Path(path).parent)}
    place = await _placed(door, params, [path])
    name = place.names[0]
    if name is None:
        raise UsageError(f"{path[:200]!r} is not in the project {place.project}")
    if is_secret(name) or await door.on_client_files(lambda: git_says.ignored(place.root, [name])):
        raise Conflict(f"{name} is not read: it is ignored, or may hold keys")
    asked = RankFiles(project=place.project, limit=0)  # for the limits alone
    limits = await door.call(paths.CONTEXT, asked)
    looks = await look_at(
        place.root,
        [name],
        bytes_max=limits.file_bytes_max,
        timeout_s=limits.look_s,
        texts=True,
    )
    if not looks:
        raise DeadlinePassed(f"looking at {name} took longer than {limits.look_s:g} s")
    look = looks[0]
    _check_state(name, look.measure, limits)
    if params.get("deliver") and look.outline is not None:
        await _deliver(door, place, params.get("session", ""), look.measure)
    return {
        "project": place.project,
        "path": name,
        "language": look.measure.language or None,
        "outline": look.outline,
        "symbols": look.measure.symbols,
        "tokens": look.measure.tokens_outline,
        "tokens_full": look.measure.tokens_full,
        "how_to_read": HOW_TO_READ,
    }


def _check_state(name: str, measure: FileMeasure, limits: FilesRanked) -> None:
    match measure.state:
        case "missing":
            raise NotFound(f"there is no file {name}")
        case "huge":
            raise Conflict(
                f"{name} is longer than {limits.file_bytes_max} bytes",
                cure="[context] file_bytes_max",
            )
        case "binary" | "refused":
            raise Conflict(f"{name} is no text file, or not ours to read")
        case "failed":
            raise Conflict(f"{name} cannot be parsed: it ended the parser, or took too long")


async def _deliver(door: Door, place: _Place, session: str, measure: FileMeasure) -> None:
    delivery = Delivery(
        path=measure.path,
        tier="WARM",
        tokens_full=measure.tokens_full,
        tokens_given=measure.tokens_outline or 0,
    )
    fact = FilesDelivered(project=place.project, session=session, deliveries=(delivery,))
    await door.call(paths.CONTEXT, fact)
