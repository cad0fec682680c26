"""Takes in one event: its turn, its session, its command, and what others are owed of it."""

import hashlib
from typing import Final

import attrs

from atlas_actors.messages.client import (
    ClientEvent,
    ClientMet,
    FailedCommand,
    HookHappened,
    HookNoted,
    LearningDue,
    ToolUse,
)
from atlas_actors.sessions import commands, failures, owed, records, session, told, turns
from atlas_actors.sessions.commands import Failure
from atlas_actors.sessions.left import checkpoint_of, step_after
from atlas_actors.sessions.session import Session
from atlas_actors.sessions.texts import plain, whole
from atlas_actors.sessions.turns import Turn
from atlas_actors.settings import HookSettings
from atlas_actors.store import Store

# What comes with more of a transcript than was read.
_LEARNED_FROM: Final = frozenset({"stop", "pre_compact", "session_end"})
# A tool's use has an id and ends once; hooks that are installed twice tell of it twice.
_ONCE: Final = frozenset({"post_tool", "tool_failed"})


@attrs.frozen(kw_only=True)
class Heard:
    """What follows of an event at once; what others are owed is kept."""

    noted: HookNoted
    met: ClientMet | None = None


def hear(store: Store, happened: HookHappened, settings: HookSettings, now_ms: int) -> Heard:
    """Keep an event, and what it changes."""
    event, key = happened.event, _key_of(happened.event)
    again = records.turn_of_key(store, key)
    if again is not None:
        return Heard(noted=HookNoted(turn=again))
    records.meet(store, event, now_ms)
    if not event.session:
        records.add_event(store, event, 0, key, now_ms, settings.events_max)
        return Heard(noted=HookNoted(turn=0))
    return _Hearing(store, happened, settings, now_ms).take(key)


class _Hearing:
    """One event of a session."""

    def __init__(
        self, store: Store, happened: HookHappened, settings: HookSettings, now_ms: int
    ) -> None:
        self._store = store
        self._event = happened.event
        self._request = plain(happened.request, session.NAME_CHARACTERS)
        self._settings = settings
        self._now_ms = now_ms
        known = self._known()
        self._was_ended = known.ended_ms is not None
        self._session = session.after(known, happened.event, happened.project, now_ms)

    def take(self, key: str) -> Heard:
        """All that it changes, in the order in which one needs the other."""
        store, event = self._store, self._event
        if event.kind == "status" and not event.unknown:  # it comes every few seconds
            records.put_session(store, self._session)
            return Heard(noted=HookNoted(turn=self._session.turn))
        if session.begins_anew(event):
            self._interrupt()
        before, turn = self._turn()
        number = turn.number if turn is not None else self._session.turn
        seq = records.add_event(store, event, number, key, self._now_ms, self._settings.events_max)
        failed_before = self._command(number) if event.tool is not None else ()
        happened = told.Happened(
            event=event,
            session=self._session,
            was_ended=self._was_ended,
            before=before,
            turn=turn,
            seq=seq,
            at_ms=self._now_ms,
        )
        for outcome in told.outcomes_of(happened):
            owed.add_outcome(store, outcome)
        self._leave(before, turn)
        self._learn(seq)
        records.put_session(store, self._session)
        noted = HookNoted(turn=number, failed_before=failed_before)
        return Heard(noted=noted, met=told.met(event))

    def _known(self) -> Session:
        key = session.names(self._event.client, self._event.session)
        known = records.session_of(self._store, *key)
        if known is not None:
            return known
        shared = records.is_shared(self._store, *key)
        new = session.begun(self._event, self._now_ms, shared=shared)
        records.put_session(self._store, new)  # its turns need it
        return new

    def _turn(self) -> tuple[Turn | None, Turn | None]:
        """(the event's turn before it, and after it)."""
        store, event = self._store, self._event
        newest = records.turn(store, self._session, self._session.turn)
        turn_id = self._turn_id()
        if newest is not None and newest.turn_id == turn_id:
            named: Turn | None = newest
        else:
            named = records.turn_named(store, self._session, turn_id)
        event = attrs.evolve(event, turn_id=turn_id)
        found, begins = turns.turn_of(event, self._session.turn, newest, named, self._now_ms)
        if found is None:
            return None, None
        if begins:
            if newest is not None:
                records.put_turn(store, self._session, turns.superseded(newest, self._now_ms))
            self._session = attrs.evolve(self._session, turn=found.number)
        turn = turns.after(
            found,
            event,
            is_newest=found.number == self._session.turn,
            root=self._session.project,
            at_ms=self._now_ms,
        )
        if turns.is_prompt(event) and not turn.request:
            turn = attrs.evolve(turn, request=self._request)
        if self._is_over(turn):
            turn = turns.silent(turn)
        if begins or turn != found:
            records.put_turn(store, self._session, turn)
        if turns.changed(event, self._session.project):
            self._session = attrs.evolve(self._session, edited_at=self._session.commands)
        return found, turn

    def _is_over(self, turn: Turn) -> bool:
        """Whether nobody will go on with it; late hooks tell of such turns too."""
        if turn.number != self._session.turn:
            return True
        has_ended = self._session.ended_ms is not None
        return has_ended and not turn.is_open and turn.result != "interrupted"

    def _turn_id(self) -> str:
        return plain(self._event.turn_id, session.NAME_CHARACTERS)

    def _interrupt(self) -> None:
        """What the client was at when it ended without a word."""
        open_turn = records.turn(self._store, self._session, self._session.turn)
        if open_turn is not None and open_turn.is_open:
            interrupt(self._store, self._session, open_turn, self._now_ms)

    def _command(self, number: int) -> tuple[FailedCommand, ...]:
        """What is known of a command that is about to run; what one that has run tells."""
        event, tool = self._event, self._event.tool
        if tool is None or tool.kind != "shell" or not tool.command or not self._session.place:
            return ()
        command = commands.normal(tool.command)
        if event.kind == "pre_tool" and self._settings.failures:
            failed = failures.find(self._store, self._session, command)
            if failed is None:
                return ()
            new = records.say(self._store, self._session, number, f"failed: {command}")
            return (failed,) if new else ()
        if event.kind in ("post_tool", "tool_failed"):
            self._ran(tool, command)
        return ()

    def _ran(self, tool: ToolUse, command: str) -> None:
        store, failed = self._store, turns.has_failed(self._event, tool)
        if failed is None:
            return
        position = self._session.commands + 1
        self._session = attrs.evolve(self._session, commands=position)
        if failed:
            if commands.says_nothing(command, tool.exit_code, tool.output):
                return
            failure = Failure(
                command=command,
                exit_code=whole(tool.exit_code),
                error=plain(tool.output, None)[-commands.ERROR_CHARACTERS :].strip(),
                tests=tool.test,
                position=position,
                edited=False,
            )
            failures.add(store, self._session, failure, self._now_ms)
            return
        failures.worked(store, self._session, command)
        cured = commands.cured(failures.lately(store, self._session), command, position)
        if cured is not None:
            failures.cure(store, self._session, cured, command)

    def _leave(self, before: Turn | None, turn: Turn | None) -> None:
        """What handoffs is to have of this session from now on."""
        if turn is not None and turn.number != self._session.turn:
            return  # it is over since long
        match step_after(self._event, before):
            case "save" if turn is not None and (checkpoint := checkpoint_of(turn)) is not None:
                owed.save(self._store, self._session, checkpoint)
            case "drop":
                owed.drop(self._store, self._session)

    def _learn(self, seq: int) -> None:
        """Its transcript holds more than memory has read."""
        event, known = self._event, self._session
        if event.kind not in _LEARNED_FROM or event.agent_id or not known.transcript_path:
            return
        due = LearningDue(
            client=known.client,
            session=known.session,
            project=known.project,
            transcript_path=known.transcript_path,
            event=event.kind,
            seq=seq,
        )
        records.learn(self._store, due)


def interrupt(store: Store, known: Session, open_turn: Turn, now_ms: int) -> None:
    """A turn ends without a word of its client: somebody may go on with it."""
    records.put_turn(store, known, turns.ended(open_turn, "interrupted", now_ms))
    checkpoint = checkpoint_of(open_turn)
    if checkpoint is not None:
        owed.save(store, known, checkpoint)


def _key_of(event: ClientEvent) -> str:
    """What an event that is told twice has twice; "": nothing."""
    tool = event.tool
    said: tuple[object, ...] = ()
    if event.kind in _ONCE and tool is not None and tool.id:
        said = (tool.id, tool.name, tool.command, tool.files, tool.failed, tool.exit_code)
    elif event.kind == "subagent_stop" and event.agent_id:
        said = (event.agent_id,)
    if not said:
        return ""
    text = repr((event.client, event.session, event.turn_id, event.kind, *said))
    return hashlib.sha256(text.encode("utf-8", "replace")).hexdigest()
