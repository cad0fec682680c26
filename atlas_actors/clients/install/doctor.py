"""Looks at everything that a hook needs to reach the daemon, and says what to do where it fails."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Final, Protocol

import attrs

from atlas_actors.clients.install.client_facts import ClientFacts, facts_of
from atlas_actors.clients.install.installer import Where
from atlas_actors.errors import AtlasError
from atlas_actors.providers.cli import MARKER

CLIENTS: Final = ("claude", "codex")

# hook.stats of the daemon: {clients: [{client, version, events, last_event, last_at_ms, ...}]}
Stats = dict[str, Any]


class Ask(Protocol):
    """A call of the daemon; raises AtlasError when it does not answer."""

    def __call__(self, method: str) -> Any: ...


@attrs.frozen(kw_only=True)
class Examined:
    """What was found. As JSON:

    {ok, daemon: {answers, pid, problem}, problems, clients: [{client, program, version, measured,
    installed: [{client, scope, installed, file, events, notes, problems}], seen: {client, version,
    events, last_event, last_at_ms, latency_us: {n, p50, p90, max}} | null, notes, problems}]}

    `problems` holds all of them, those of a client behind its name; each says what to do.
    """

    pid: int | None  # of the daemon; None: it does not answer
    daemon_problem: str
    clients: tuple[ClientFacts, ...]
    problems: tuple[str, ...]  # of no client

    @property
    def all_problems(self) -> tuple[str, ...]:
        """Those of the clients too."""
        of_clients = [f"{one.client}: {text}" for one in self.clients for text in one.problems]
        return (*self.problems, *of_clients)

    @property
    def ok(self) -> bool:
        """Whether hooks are installed and nothing keeps them from working."""
        return not self.all_problems

    def as_json(self) -> dict[str, Any]:
        """The shape above."""

        def plain(_: Any, __: Any, value: Any) -> Any:
            return str(value) if isinstance(value, Path) else value

        return {
            "ok": self.ok,
            "daemon": {
                "answers": self.pid is not None,
                "pid": self.pid,
                "problem": self.daemon_problem or None,
            },
            "problems": list(self.all_problems),
            "clients": [attrs.asdict(one, value_serializer=plain) for one in self.clients],
        }


def examined(
    where: Where,
    environment: Mapping[str, str],
    ask: Ask,
    kept: Callable[[], Stats],
    clients: tuple[str, ...] = CLIENTS,
) -> Examined:
    """Look; nothing is changed, and no hook is told anything.

    `kept` gives what hook.stats would, from the files: it is asked when the daemon is silent.
    """
    pid, silence = _pid(ask)
    stats, unknown = _stats(ask, kept, is_there=pid is not None)
    seen = {row["client"]: row for row in stats.get("clients", [])}
    facts = tuple(facts_of(client, where, environment, seen.get(client)) for client in clients)
    problems = [] if unknown is None else [unknown]
    installed = [one for one in facts if one.is_installed]
    if not installed and not any(one.problems for one in facts):  # else: why it is not known
        problems.append("no hooks are installed: atlas hooks install")
    if silence and not any(one.starts_daemon for one in installed):
        problems.append(f"no hook is answered: {silence}")
    if MARKER in environment:
        problems.append(
            f"{MARKER} is set here, as inside of Atlas' own executors: a client that is started"
            f" from here has silent hooks (unset {MARKER})"
        )
    return Examined(pid=pid, daemon_problem=silence, clients=facts, problems=tuple(problems))


def _pid(ask: Ask) -> tuple[int | None, str]:
    try:
        pid = ask("system.ping")["pid"]
    except AtlasError as error:
        return None, str(error)
    return int(pid), ""


def _stats(ask: Ask, kept: Callable[[], Stats], *, is_there: bool) -> tuple[Stats, str | None]:
    """What was heard, of the daemon or else of its files; or why that is not known."""
    try:
        return (ask("hook.stats") if is_there else kept()), None
    except AtlasError as error:
        return {}, f"what clients have told is not known: {error}" if is_there else None
