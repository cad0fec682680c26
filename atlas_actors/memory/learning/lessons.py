"""From a session's turns to lessons: each with its rule, its source turn, and whose word it is."""

import hashlib
from collections.abc import Iterator, Sequence
from typing import Any, Final

import attrs

from atlas_actors.memory.learning.runs import Runs, Shown, last_turn
from atlas_actors.memory.learning.statements import Statement, of_agent, of_person
from atlas_actors.messages.learning import EndedWork, Turn
from atlas_actors.messages.memory import TRUST, NewMemory, Origin

GOAL_CHARACTERS: Final = 120
CHECK_CHARACTERS: Final = 160


@attrs.frozen(kw_only=True)
class Found:
    """A lesson that is not stored yet; `key` is the same however often it is found."""

    item: NewMemory
    origin: Origin
    rule: str
    key: bytes


@attrs.frozen(kw_only=True)
class Session:
    """Whose turns these are; `channel` is what a user's turn counts as at most."""

    client: str
    id: str
    project: str | None
    channel: Origin


def of_turns(
    session: Session, turns: Sequence[Turn], carry: dict[str, Any]
) -> tuple[list[Found], dict[str, Any]]:
    """(what they teach, people's words first; what the next turns go on with)."""
    runs = Runs(carry, session.project)
    said: list[Found] = []
    decided: list[Found] = []
    shown: list[Found] = []
    for turn in turns:
        match turn.who:
            case "user":
                origin = least("person", session.channel)
                said += (_stated(session, turn, one, origin) for one in of_person(turn.said))
            case "assistant":
                origin = least("agent", session.channel)
                decided += (_stated(session, turn, one, origin) for one in of_agent(turn.said))
            case "tool":
                shown += (_shown(session, one) for one in runs.after(turn))
    shown += (_shown(session, one) for one in runs.at_end(last_turn(turns)))
    return [*said, *decided, *shown], runs.carry


def least(origin: Origin, channel: Origin) -> Origin:
    """The less trusted of the two."""
    return channel if TRUST[channel] < TRUST[origin] else origin


def of_work(ended: Sequence[EndedWork]) -> Iterator[Found]:
    """What made the difference between attempts of one task; trouble of a provider is none."""
    for work in ended:
        answered = [attempt for attempt in work.attempts if not attempt.infrastructure]
        rejected = [attempt for attempt in answered if attempt.end == "rejected"]
        if not rejected:
            continue
        first = rejected[0]
        goal = " ".join(work.goal.split())[:GOAL_CHARACTERS]
        # A goal that no person gave may be anybody's words: a comment in a file, an issue.
        about = f"“{goal}”" if work.by_person and goal else f"task {work.task_id}"
        check = " ".join(first.check.split())[:CHECK_CHARACTERS] or "no reason given"
        if work.state == "completed" and answered[-1].end == "answered":
            last = answered[-1]
            how = (
                f"by {_who(last.provider, last.model)}"
                if (last.provider, last.model) != (first.provider, first.model)
                else "on another try"
            )
            text = (
                f"{about}: attempt {first.number} by {_who(first.provider, first.model)} failed its"
                f" check ({check}); attempt {last.number} {how} passed"
            )
        elif work.state == "failed":
            text = f"{about}: none of {len(answered)} attempts passed the check ({check})"
        else:
            continue
        item = NewMemory(
            kind="learning",
            text=text,
            project=work.project,
            session=f"task {work.task_id}",
            speaker="atlas",
            at_ms=work.ended_ms,
            source=f"task {work.task_id}#{first.number}",
            tags=("work",),
        )
        origin: Origin = "tool" if work.by_person else "file"
        yield Found(item=item, origin=origin, rule="work", key=_key("work", work.task_id))


def _who(provider: str, model: str) -> str:
    return f"{provider} ({model})" if model else provider


def _stated(session: Session, turn: Turn, one: Statement, origin: Origin) -> Found:
    item = NewMemory(
        kind=one.kind,
        text=one.text,
        rationale=one.rationale,
        alternatives=one.alternatives,
        speaker="user" if turn.who == "user" else session.client,
        **_where(session, turn),
    )
    return Found(item=item, origin=origin, rule=one.rule, key=_key_of(session, turn, item))


def _shown(session: Session, one: Shown) -> Found:
    item = NewMemory(
        kind=one.kind,
        text=one.text,
        speaker=session.client,
        tags=(one.rule,),
        **_where(session, one.turn),
    )
    # A commit's message is the agent's words, the rest our own tools' facts.
    origin = least("agent" if one.rule == "committed" else "tool", session.channel)
    return Found(item=item, origin=origin, rule=one.rule, key=_key_of(session, one.turn, item))


def _where(session: Session, turn: Turn) -> dict[str, Any]:
    return {
        "project": session.project,
        "session": session.id,
        "at_ms": turn.at_ms,
        "source": f"{session.id}#{turn.number}",
    }


def _key_of(session: Session, turn: Turn, item: NewMemory) -> bytes:
    """By the client's own id of the record, else by its place in the session."""
    where = turn.id or f"{session.client} {session.id} {turn.number}"
    return _key(item.kind, where, item.text)


def key_of_reading(session: Session, text: str) -> bytes:
    """Of what a model has read: a session teaches the same sentence once."""
    return _key("read", session.client, session.id, text)


def _key(*parts: str) -> bytes:
    return hashlib.blake2b("\0".join(parts).encode("utf-8", "replace"), digest_size=16).digest()
