"""Asks Codex' app-server what it knows of hooks: JSON-RPC over the pipes of a child process.

Nothing but hooks/list is asked: it reads, and changes no setting of the user's.
"""

import json
import os
import selectors
import subprocess
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final, Literal

import attrs

from atlas_actors.clients.install.programs import ProgramError, needed, running, wait

DEADLINE_S: Final = 20.0  # for all of a visit; on a quiet machine it takes half a second
LINE_BYTES_MAX: Final = 4 * 1_048_576
ANSWER_BYTES_MAX: Final = 16 * 1_048_576  # of a visit
Trust = Literal["trusted", "untrusted", "modified", "managed", "unknown"]
_TRUSTS: Final = ("trusted", "untrusted", "modified", "managed")


@attrs.frozen(kw_only=True)
class HookSeen:
    """One hook as Codex lists it."""

    key: str  # file, event and place in it: what [hooks.state] in config.toml goes by
    event: str  # as Codex' app-server writes it: preToolUse
    command: str
    hash: str  # of what would run; the place plays no part in it
    trust: Trust
    enabled: bool
    source_path: str
    source: str  # user, project, plugin, ...


@attrs.frozen(kw_only=True)
class HooksSeen:
    """What Codex says of the hooks that hold in a directory."""

    version: str  # of Codex, "" when it does not say
    hooks: tuple[HookSeen, ...]
    problems: tuple[str, ...]  # its warnings and errors: files that it does not take


def hooks_seen(
    program: str,
    codex_home: Path | None,
    cwd: Path,
    environment: Mapping[str, str],
    deadline_s: float = DEADLINE_S,
) -> HooksSeen:
    """Start `program app-server`, ask it for the hooks of `cwd`, end it with all it started.

    `codex_home` None: ~/.codex, which Codex makes where there is none; another it refuses.
    Raises ProgramError when it does not start, does not answer in time or answers nonsense.
    """
    passed_on = needed(environment)
    if codex_home is not None:
        passed_on["CODEX_HOME"] = str(codex_home)
    about = {"name": "atlas", "title": "Atlas", "version": "1"}
    with running([program, "app-server"], passed_on, cwd) as process:
        visit = _Visit(process, time.monotonic() + deadline_s)
        try:
            welcome = visit.call("initialize", {"clientInfo": about})
            visit.tell("initialized")
            listed = visit.call("hooks/list", {"cwds": [str(cwd)]})
        except TimeoutError:
            raise ProgramError(f"Codex' app-server did not answer in {deadline_s:g} s") from None
    return HooksSeen(version=_version(welcome), hooks=_hooks(listed), problems=_problems(listed))


class _Visit:
    """One conversation; every step of it ends by `until`, a monotonic time."""

    def __init__(self, process: subprocess.Popen[bytes], until: float) -> None:
        assert process.stdin is not None
        assert process.stdout is not None
        self._to, self._from = process.stdin.fileno(), process.stdout.fileno()
        os.set_blocking(self._to, False)
        os.set_blocking(self._from, False)
        self._until = until
        self._read, self._buffer = 0, bytearray()
        self._number = 0

    def call(self, method: str, params: Mapping[str, Any]) -> dict[str, Any]:
        """Ask, and wait for the answer with its number; notifications are passed over."""
        self._number += 1
        self._send({"id": self._number, "method": method, "params": params})
        while True:
            said = self._line()
            if said.get("id") != self._number or "method" in said:
                continue
            if said.get("error") is not None:
                raise ProgramError(f"Codex refuses {method}: {_short(said['error'])}")
            result = said.get("result")
            if not isinstance(result, dict):
                raise ProgramError(f"Codex answers {method} with no object")
            return result

    def tell(self, method: str) -> None:
        self._send({"method": method})

    def _send(self, message: Mapping[str, Any]) -> None:
        data = json.dumps(message).encode() + b"\n"
        while data:
            wait(self._to, selectors.EVENT_WRITE, self._until)
            try:
                data = data[os.write(self._to, data) :]
            except BlockingIOError:
                continue
            except OSError as error:
                raise ProgramError(f"Codex' app-server has ended: {error}") from error

    def _line(self) -> dict[str, Any]:
        while b"\n" not in self._buffer:
            wait(self._from, selectors.EVENT_READ, self._until)
            try:
                data = os.read(self._from, 65_536)
            except BlockingIOError:
                continue
            if not data:
                raise ProgramError("Codex' app-server ended without an answer")
            self._read += len(data)
            self._buffer += data
            if len(self._buffer) > LINE_BYTES_MAX or self._read > ANSWER_BYTES_MAX:
                raise ProgramError("Codex' app-server says more than anybody reads")
        end = self._buffer.index(b"\n") + 1
        line = bytes(self._buffer[:end])
        del self._buffer[:end]
        try:
            said = json.loads(line)
        except (ValueError, RecursionError) as error:
            raise ProgramError("Codex' app-server does not speak JSON") from error
        return said if isinstance(said, dict) else {}


def _version(welcome: Mapping[str, Any]) -> str:
    """Of `atlas/0.169.0 (Debian ...)`."""
    _, _, rest = str(welcome.get("userAgent", "")).partition("/")
    return rest.split(" ", 1)[0][:40]


def _entries(listed: Mapping[str, Any], name: str) -> Iterator[Any]:
    data = listed.get("data")
    for entry in data if isinstance(data, list) else []:
        values = entry.get(name) if isinstance(entry, dict) else None
        yield from values if isinstance(values, list) else []


def _hooks(listed: Mapping[str, Any]) -> tuple[HookSeen, ...]:
    return tuple(
        HookSeen(
            key=str(hook.get("key", "")),
            event=str(hook.get("eventName", "")),
            command=str(hook.get("command") or ""),
            hash=str(hook.get("currentHash", "")),
            trust=hook["trustStatus"] if hook.get("trustStatus") in _TRUSTS else "unknown",
            enabled=hook.get("enabled") is not False,
            source_path=str(hook.get("sourcePath") or ""),
            source=str(hook.get("source") or ""),
        )
        for hook in _entries(listed, "hooks")
        if isinstance(hook, dict)
    )


def _problems(listed: Mapping[str, Any]) -> tuple[str, ...]:
    said = (*_entries(listed, "warnings"), *_entries(listed, "errors"))
    return tuple(_short(problem) for problem in said)


def _short(value: Any) -> str:
    if isinstance(value, dict) and isinstance(value.get("message"), str):
        value = value["message"]
    text = value if isinstance(value, str) else json.dumps(value)
    return " ".join(text.split())[:500]
