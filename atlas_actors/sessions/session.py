"""Pure: what is known of a client's session, and what an event changes of it."""

from typing import Final

import attrs

from atlas_actors.messages.client import ClientEvent
from atlas_actors.sessions.texts import plain, whole

NAME_CHARACTERS: Final = 500
PATH_CHARACTERS: Final = 4_096
# A new process of the client: what the last one was at, it is not at any more.
_ANEW: Final = frozenset({"startup", "resume"})
# A client waits for the hooks of these, so they come in time; others may come after the end.
_ALIVE: Final = frozenset({"session_start", "prompt", "pre_tool", "permission"})


@attrs.frozen(kw_only=True)
class Session:
    """A client's session; its key is (client, session)."""

    client: str
    session: str
    label: str  # as other rooms know it
    project: str | None = None
    cwd: str = ""
    transcript_path: str = ""
    model: str = ""
    began_ms: int
    last_ms: int
    ended_ms: int | None = None
    reason: str = ""
    turn: int = 0
    commands: int = 0
    edited_at: int = -1
    cost_usd: float | None = None
    used_tokens: int | None = None
    window_tokens: int | None = None
    used_percent: float | None = None
    switches: int = 0
    compactions: int = 0

    @property
    def place(self) -> str:
        """What its commands are remembered under: the project, else where it is."""
        return self.project or self.cwd


def begun(event: ClientEvent, at_ms: int, *, shared: bool) -> Session:
    """A session of which nothing is known; `shared`: another client has one of the same name."""
    client, session = names(event.client, event.session)
    return Session(
        client=client,
        session=session,
        label=f"{client}:{session}" if shared else session,
        began_ms=at_ms,
        last_ms=at_ms,
    )


def names(client: str, session: str) -> tuple[str, str]:
    """The key of a session as it is kept."""
    return plain(client, NAME_CHARACTERS), plain(session, NAME_CHARACTERS)


def begins_anew(event: ClientEvent) -> bool:
    """Whether what was under way is not any more; a compaction and a clearing change nothing."""
    return event.kind == "session_start" and event.source in _ANEW


def after(session: Session, event: ClientEvent, project: str | None, at_ms: int) -> Session:
    """The session once this has happened in it."""
    if event.kind == "status":  # it comes again and again, also while nobody works
        return _used(_modelled(session, event), event)
    session = attrs.evolve(
        session,
        project=plain(project, PATH_CHARACTERS) if project else session.project,
        cwd=plain(event.cwd, PATH_CHARACTERS) or session.cwd,
        last_ms=max(at_ms, session.last_ms),
        compactions=session.compactions + (event.kind == "pre_compact"),
    )
    if not event.agent_id:
        path = plain(event.transcript_path, PATH_CHARACTERS)
        session = attrs.evolve(session, transcript_path=path or session.transcript_path)
        session = _modelled(session, event)
    if event.kind in _ALIVE:
        session = attrs.evolve(session, ended_ms=None, reason="")
    if event.kind == "session_end":
        reason = plain(event.reason, NAME_CHARACTERS)
        session = attrs.evolve(session, ended_ms=at_ms, reason=reason)
    return _used(session, event)


def _modelled(session: Session, event: ClientEvent) -> Session:
    """The model that it speaks with, and how often that has changed."""
    model = plain(event.to_model or event.model, NAME_CHARACTERS)
    if not model or model == session.model:
        return session
    return attrs.evolve(session, model=model, switches=session.switches + bool(session.model))


def _used(session: Session, event: ClientEvent) -> Session:
    use = event.use
    if use is None:
        return session
    used_tokens, window_tokens = whole(use.used_tokens), whole(use.window_tokens)
    return attrs.evolve(
        session,
        cost_usd=session.cost_usd if use.cost_usd is None else use.cost_usd,
        used_tokens=session.used_tokens if used_tokens is None else used_tokens,
        window_tokens=session.window_tokens if window_tokens is None else window_tokens,
        used_percent=session.used_percent if use.used_percent is None else use.used_percent,
    )
