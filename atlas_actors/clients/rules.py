"""What no agent may do, by the user's rules; looks at files' real places, else it is pure."""

import fnmatch
import json
import os.path
import re
from collections.abc import Sequence
from typing import Any, Final

import re2

from atlas_actors.clients.answer import printable
from atlas_actors.clients.bounds import bounded, text
from atlas_actors.clients.commands import PATH_CHARS_MAX, absolute
from atlas_actors.clients.globs import Globs
from atlas_actors.clients.table import CLIENTS, TOOL_KINDS, ClientTable, table_of
from atlas_actors.clients.tools import command_in, tool_table, tool_use
from atlas_actors.messages.client import ClientEvent, FileTouch, ToolUse
from atlas_actors.settings import HookRule

FILES_MAX: Final = 2_000
REASON_CHARS_MAX: Final = 1_000

# The kinds that tools are of whatever they are called; "mcp__*" means those of MCP servers.
_ANY_NAME: Final = {"mcp": "mcp__*", "other": "*"}
_OF_FILES: Final = ("read", "edit", "search", "shell", "mcp")
_NO_STAR: Final = re.compile(r"\[!?\]?[^\]]*\]|[?\[,\s]")
# What of a file's fates a rule for such tools is about, when a shell's command does it.
_FATES: Final = {
    "read": frozenset({"read", "search", "test"}),
    "edit": frozenset({"edit"}),
    "search": frozenset({"search"}),
}
# Where the tools of MCP servers have paths, as far as there is a custom.
_PATH_KEYS: Final = ("path", "paths", "file_path", "filePath", "file", "source", "destination")


class RuleBook:
    """The rules of [[hooks.rules]], ready to be asked. They must have been checked as settings."""

    def __init__(self, rules: Sequence[HookRule]) -> None:
        self._rules = [_Ready(rule) for rule in rules]

    def denies(self, event: ClientEvent, payload: Any, project: str | None) -> HookRule | None:
        """The first rule that denies this use of a tool, None: none does.

        The raw payload is looked at, since the event may have been redacted. `project` is the
        root that relative globs are of, else the event's directory is.
        """
        if event.kind not in ("pre_tool", "permission") or not isinstance(payload, dict):
            return None
        ready = [rule for rule in self._rules if rule.is_for(event.client)]
        if not ready:
            return None
        table = table_of(event.client)
        use = tool_use(table, "pre_tool", payload, _cwd_of(table, payload), FILES_MAX)
        if use is None:
            return None
        asked = _Asked(table, use, payload, project)
        return next((rule.rule for rule in ready if rule.denies(asked)), None)


def closed_lines(rules: Sequence[HookRule]) -> bytes:
    """What scripts/hook needs to know to deny while the daemon cannot be asked: for each rule that
    wants that, and each client, `client TAB Tool,Tool TAB reason`; `*` in a name is any letters."""
    lines: list[str] = []
    for rule in rules:
        if rule.when_unreachable != "deny":
            continue
        reason = " ".join(printable(rule.reason).split())[:REASON_CHARS_MAX]
        for client in CLIENTS:
            names = _names(rule, table_of(client))
            if names and reason and (not rule.clients or client in rule.clients):
                lines.append(f"{client}\t{','.join(names)}\t{reason}\n")
    return "".join(lines).encode()


def _names(rule: HookRule, table: ClientTable) -> list[str]:
    """The names of a rule's tools at one client; a rule for all tools has "*", one for files alone
    the tools that have to do with files."""
    if not rule.tools and not rule.paths:
        return ["*"]
    found: dict[str, None] = {}
    for name in rule.tools or _OF_FILES:
        if name not in TOOL_KINDS:
            found[_widened(name)] = None
        elif name in _ANY_NAME:
            found[_ANY_NAME[name]] = None
        else:
            found.update((tool, None) for tool, row in table.tools.items() if row.kind == name)
    return list(found)


def _widened(glob: str) -> str:
    """With `*` as its only wildcard; what else there is in it is any letters."""
    return _NO_STAR.sub("*", glob)


class _Asked:
    """One use of a tool, as the rules look at it."""

    def __init__(
        self, table: ClientTable, use: ToolUse, payload: dict[str, Any], project: str | None
    ) -> None:
        self.table = table
        self.use = use
        cwd = _cwd_of(table, payload)
        base = project or cwd
        self.bases = tuple(dict.fromkeys((base, os.path.realpath(base)))) if base else ()
        self.files = (*use.files, *_paths_of(use, payload, cwd))
        self._payload = payload
        self._subject: str | None = None

    @property
    def subject(self) -> str:
        """What `match` is looked for in: the command, else the tool's input as compact JSON."""
        if self._subject is None:
            given = self._payload.get("tool_input")
            command = ""
            if self.use.kind == "shell" and isinstance(given, dict):
                row = tool_table(self.table, self.use.name, self._payload)
                command = command_in(row, given)
            whole = command or _json(given)
            self._subject = text(whole, len(whole))
        return self._subject


class _Ready:
    """One rule with its patterns compiled."""

    def __init__(self, rule: HookRule) -> None:
        self.rule = rule
        options = re2.Options()
        options.log_errors = False
        self._match = re2.compile(rule.match, options) if rule.match else None
        self._globs = Globs(rule.paths)

    def is_for(self, client: str) -> bool:
        return not self.rule.clients or client in self.rule.clients

    def denies(self, asked: _Asked) -> bool:
        files = self._files(asked)
        if files is None:
            return False
        if self._match is not None and not self._match.search(asked.subject):
            return False
        if not self.rule.paths:
            return True
        return any(self._globs.match(file.path, asked.bases) for file in files)

    def _files(self, asked: _Asked) -> list[FileTouch] | None:
        """The files that the rule looks at; None: it is not about such a use."""
        use, names = asked.use, self.rule.tools
        direct = (name == use.kind or fnmatch.fnmatchcase(use.name, name) for name in names)
        if not names or any(direct):
            return list(asked.files)
        if use.kind != "shell" or not self.rule.paths:
            return None
        kinds = {asked.table.tools[name].kind if name in asked.table.tools else name
                 for name in names}  # fmt: skip
        fates = frozenset().union(*(_FATES.get(kind, frozenset()) for kind in kinds))
        return [file for file in asked.files if file.kind in fates]


def _cwd_of(table: ClientTable, payload: dict[str, Any]) -> str:
    return text(payload.get(table.take["cwd"][0]), PATH_CHARS_MAX)


def _paths_of(use: ToolUse, payload: dict[str, Any], cwd: str) -> list[FileTouch]:
    """The files of a tool that Atlas does not know, by what such fields are usually called."""
    given = payload.get("tool_input")
    if use.kind not in ("mcp", "other") or not isinstance(given, dict):
        return []
    values: list[Any] = []
    for key in _PATH_KEYS:
        value = given.get(key)
        values.extend(value[:FILES_MAX] if isinstance(value, list) else [value])
    texts = (value for value in values if isinstance(value, str) and value and "\0" not in value)
    paths = filter(None, (absolute(value, cwd) for value in texts))
    return [FileTouch(path=path, kind="edit") for path in paths]


def _json(value: Any) -> str:
    try:
        return json.dumps(value, ensure_ascii=False, separators=(",", ":"))
    except RecursionError:  # nested beyond what anybody means: the outer part of it
        return json.dumps(bounded({"": value}), ensure_ascii=False, separators=(",", ":"))
