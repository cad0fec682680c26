"""The learn.* methods: what sessions teach, each turn once, by rules and by a model if wanted."""

from typing import Any, Final

import attrs

from atlas_actors.errors import UsageError
from atlas_actors.gateway import session_reading
from atlas_actors.gateway.caller import Caller, origin_of
from atlas_actors.gateway.door import Door
from atlas_actors.gateway.method import COUNT, NAME, PATH, TIME, method
from atlas_actors.gateway.session_reading import SessionReader
from atlas_actors.gateway.transcript_files import channel_of, piece_at
from atlas_actors.json_schema import object_schema
from atlas_actors.messages import paths
from atlas_actors.messages.learning import Learned, LearnFromTranscript, LearnFromTurns, Turn
from atlas_actors.messages.memory import Origin

PIECES_MAX: Final = 16  # of one call; whoever has more calls again
_LONG: Final = {"type": "string", "maxLength": 20_000}
_TURN: Final = object_schema(
    {
        "number": COUNT,
        "who": {"enum": ["user", "assistant", "tool"]},
        "id": {"type": "string", "maxLength": 200},
        "at_ms": TIME,
        "said": _LONG,
        "tool": {"type": "string", "maxLength": 200},
        "command": {"type": "string", "maxLength": 500},
        "path": {"type": "string", "maxLength": 4_096},
        "output": _LONG,
        "failed": {"type": "boolean"},
    },
    "number",
    "who",
)

METHODS: Final = (
    method(
        "learn.turns",
        "Learn from what is new of a session → {lessons, turns, more, task_id}: of its transcript"
        " (more: call again), or of turns that are sent. Each turn counts once. `task_id` is of the"
        " task by which a model reads it too; the cycle takes over what that says.",
        object_schema(
            {
                "client": NAME,
                "session": NAME,
                "project": {"type": "string", "maxLength": 4_096},
                "transcript_path": PATH,
                "turns": {"type": "array", "items": _TURN, "maxItems": 500},
                "event": NAME,
                # Have this provider read it too, whatever [memory] learn_with says.
                "with": NAME,
                "budget_usd": {"type": "number", "minimum": 0, "maximum": 1_000},
                # A person says that this transcript, wherever it lies, is their own session's.
                "mine": {"type": "boolean"},
                "dry_run": {"type": "boolean"},
                "begin": COUNT,  # of a dry run
                "carry": {"type": "string", "maxLength": 1_000_000},
            },
            "client",
            "session",
        ),
    ),
)


async def answer(door: Door, name: str, params: dict[str, Any], caller: Caller) -> Any:
    """One call to its result. Raises AtlasError."""
    if name != "learn.turns":
        raise AssertionError(f"{name} is described but not answered")
    if ("transcript_path" in params) == ("turns" in params):
        raise UsageError("learn.turns takes a transcript_path or turns, one of the two")
    reader = session_reading.reader_of(door, params)
    if "turns" in params:
        learned, channel, more = await _from_turns(door, params, caller, reader)
    else:
        learned, channel, more = await _from_transcript(door, params, caller, reader)
    id = None
    if reader is not None:
        id = await session_reading.submit(door, params, reader, learned, channel)
    answer = attrs.asdict(attrs.evolve(learned, spoken=""))
    del answer["spoken"]
    return {**answer, "more": more, "task_id": id}


async def _from_turns(
    door: Door, params: dict[str, Any], caller: Caller, reader: SessionReader | None
) -> tuple[Learned, Origin, bool]:
    """Whoever sends turns may say anything of who said them: they count as the sender's."""
    order = LearnFromTurns(
        client=params["client"],
        session=params["session"],
        project=params.get("project") or None,
        turns=tuple(Turn(**turn) for turn in params["turns"]),
        channel=origin_of(await door.on_thread(lambda: caller.inside), own_words=False),
        dry_run=params.get("dry_run", False),
        spoken_max=0 if reader is None else reader.spoken_max,
    )
    return await door.call(paths.MEMORY, order), order.channel, False


async def _from_transcript(
    door: Door, params: dict[str, Any], caller: Caller, reader: SessionReader | None
) -> tuple[Learned, Origin, bool]:
    path = params["transcript_path"]
    channel = await _channel(door, params, caller)
    dry_run = params.get("dry_run", False)
    at, carry = params.get("begin", 0) if dry_run else 0, params.get("carry", "")
    most = 0 if reader is None else reader.spoken_max
    lessons: list[Any] = []
    turns, spoken = 0, ""
    for _ in range(PIECES_MAX):
        begin = at
        piece = await door.on_client_files(
            lambda begin=begin: piece_at(path, begin, door.redactor)  # type: ignore[misc]
        )
        learned: Learned = await door.call(
            paths.MEMORY,
            LearnFromTranscript(
                client=params["client"],
                session=params["session"],
                project=params.get("project") or None,
                path=path,
                head=piece.head,
                begin=piece.begin,
                end=piece.end,
                lines=piece.lines,
                channel=channel,
                dry_run=dry_run,
                carry=carry,
                spoken_max=most,
            ),
        )
        lessons += learned.lessons
        turns += learned.turns
        spoken = "\n".join(filter(None, (spoken, learned.spoken)))[-most:] if most else ""
        at, carry = learned.read_to, learned.carry
        more = not (piece.is_last and at == piece.end)
        if not more:
            break
    whole = attrs.evolve(learned, lessons=tuple(lessons), turns=turns, spoken=spoken)
    return whole, channel, more


async def _channel(door: Door, params: dict[str, Any], caller: Caller) -> Origin:
    """What a user's turn in this file counts as."""
    if params.get("mine") and await door.on_thread(lambda: caller.inside) is False:
        return "person"
    channel: Origin = await door.on_client_files(lambda: channel_of(params["transcript_path"]))
    return channel
