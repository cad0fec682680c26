"""The MCP servers of a client's configuration, as values: one reader for each format, all pure.

Formats as of Claude Code 2.1.330 (tried with `claude mcp list`: ~/.claude.json, its entries per
project and .mcp.json count, settings.json does not) and Codex 0.169.0 (config.toml).
"""

import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any, Final

import attrs

from atlas_actors.messages.mcp import ConfigProblem, Transport

NAME_CHARACTERS: Final = 100
SERVERS_MAX: Final = 200  # of one file
_VARIABLE: Final = re.compile(r"\$\{([A-Za-z_][A-Za-z0-9_]*)(?::-([^}]*))?\}")
_KINDS: Final[dict[str, Transport]] = {
    "stdio": "stdio", "http": "http", "streamable-http": "http", "streamableHttp": "http",
    "sse": "sse",
}  # fmt: skip


class _BadServerError(Exception):
    """An entry that is no server; str: why."""


@attrs.frozen(kw_only=True)
class Server:
    """How a client would start or reach a server. What may hold secrets is not in its repr."""

    name: str
    sources: tuple[str, ...]
    transport: Transport
    command: str = attrs.field(default="", repr=False)
    args: tuple[str, ...] = attrs.field(default=(), repr=False)
    env: dict[str, str] = attrs.field(factory=dict, repr=False)
    folder: str = ""  # where it is started; "": the person's home
    url: str = attrs.field(default="", repr=False)
    headers: dict[str, str] = attrs.field(factory=dict, repr=False)
    variables: tuple[str, ...] = ()  # the names of those that its settings refer to
    missing: tuple[str, ...] = ()  # of these, which are not set
    enabled: bool = True
    startup_s: float | None = None  # how long its client waits for it

    @property
    def target(self) -> str:
        """Its program or host, all that is ever shown of how it is reached."""
        if self.transport == "stdio":
            return self.command.rstrip("/").rpartition("/")[2][:NAME_CHARACTERS]
        return re.sub(r"^([a-z]+://)?(?:[^/?#]*@)?([^/?#]*).*$", r"\1\2", self.url, flags=re.S)[
            :NAME_CHARACTERS
        ]


@attrs.frozen(kw_only=True)
class Found:
    """What a file configures, and what of it is wrong."""

    servers: tuple[Server, ...] = ()
    problems: tuple[ConfigProblem, ...] = ()


def of_mcp_json(value: Any, source: str, environment: Mapping[str, str], folder: str = "") -> Found:
    """A file like .mcp.json; also the part of ~/.claude.json for the user or for a project."""
    entries = value.get("mcpServers", {}) if isinstance(value, dict) else None
    if not isinstance(entries, dict):
        return _wrong(source, "it holds no table of mcpServers")
    off = _names(value.get("disabledMcpServers"))

    def made(name: str, entry: dict[str, Any]) -> Server:
        server = _claude_server(name, entry, source, environment)
        return attrs.evolve(server, folder=folder, enabled=name not in off)

    return _all(entries, source, made)


def of_claude_json(
    value: Any, source: str, environment: Mapping[str, str], projects: tuple[str, ...]
) -> Found:
    """~/.claude.json: the user's servers, and those that are kept there for these projects."""
    if not isinstance(value, dict):
        return _wrong(source, "it is no JSON object")
    user = {"mcpServers": {}, **value}
    found = [of_mcp_json(user, source, environment)]
    kept = value.get("projects")
    for project in projects:
        entry = kept.get(project) if isinstance(kept, dict) else None
        if isinstance(entry, dict) and entry.get("mcpServers"):
            found.append(of_mcp_json(entry, f"{source} ({project})", environment, project))
    return together(found)


def switched_off(value: Any, project: str) -> frozenset[str]:
    """The names of a project's .mcp.json that its person has turned down in ~/.claude.json."""
    kept = value.get("projects") if isinstance(value, dict) else None
    entry = kept.get(project) if isinstance(kept, dict) else None
    if not isinstance(entry, dict):
        return frozenset()
    return _names(entry.get("disabledMcpjsonServers")) | _names(entry.get("disabledMcpServers"))


def of_codex_toml(
    value: Mapping[str, Any], source: str, environment: Mapping[str, str], folder: str = ""
) -> Found:
    """Codex's config.toml; it expands nothing, and names variables instead."""
    entries = value.get("mcp_servers", {})
    if not isinstance(entries, dict):
        return _wrong(source, "mcp_servers is no table")

    def made(name: str, entry: dict[str, Any]) -> Server:
        server = _codex_server(name, entry, source, environment)
        return server if server.folder else attrs.evolve(server, folder=folder)

    return _all(entries, source, made)


def together(found: list[Found]) -> Found:
    """One server for all that are the same by name and settings; it has all their sources."""
    merged: dict[Any, Server] = {}
    for server in (server for one in found for server in one.servers):
        key = _settings_of(server)
        same = merged.get(key)
        if same is None:
            merged[key] = server
        else:
            merged[key] = attrs.evolve(
                same,
                sources=tuple(dict.fromkeys((*same.sources, *server.sources))),
                enabled=same.enabled or server.enabled,
            )
    problems = tuple(problem for one in found for problem in one.problems)
    return Found(servers=tuple(merged.values()), problems=problems)


def _settings_of(server: Server) -> tuple[object, ...]:
    tables = (tuple(sorted(table.items())) for table in (server.env, server.headers))
    return (server.name, server.transport, server.command, server.args, server.url, *tables)


def _all(
    entries: dict[str, Any], source: str, made: Callable[[str, dict[str, Any]], Server]
) -> Found:
    servers, problems = [], []
    for name, entry in list(entries.items())[:SERVERS_MAX]:
        try:
            if not isinstance(entry, dict):
                raise _BadServerError("it is no table")
            servers.append(made(name, entry))
        except _BadServerError as error:
            said = f"{name[:NAME_CHARACTERS]}: {error}"
            problems.append(ConfigProblem(source=source, error=said))
    if len(entries) > SERVERS_MAX:
        said = f"only the first {SERVERS_MAX} of its {len(entries)} servers are looked at"
        problems.append(ConfigProblem(source=source, error=said))
    return Found(servers=tuple(servers), problems=tuple(problems))


def _claude_server(
    name: str, entry: dict[str, Any], source: str, environment: Mapping[str, str]
) -> Server:
    kind = entry.get("type", "stdio" if "command" in entry or "url" not in entry else "http")
    transport = _KINDS.get(kind) if isinstance(kind, str) else None
    if transport is None:
        raise _BadServerError("its type is none of stdio, http, sse")
    named: list[str] = []
    missing: list[str] = []

    def expanded(text: str) -> str:
        def value_of(found: re.Match[str]) -> str:
            variable, default = found[1], found[2]
            named.append(variable)
            if variable in environment:
                return environment[variable]
            if default is None:
                missing.append(variable)
            return default or ""

        return _VARIABLE.sub(value_of, text)

    local = transport == "stdio"
    server = Server(
        name=name[:NAME_CHARACTERS],
        sources=(source,),
        transport=transport,
        command=expanded(_text(entry, "command")) if local else "",
        args=tuple(map(expanded, _texts(entry, "args"))) if local else (),
        env={key: expanded(text) for key, text in _table(entry, "env").items()},
        url="" if local else expanded(_text(entry, "url")),
        headers={key: expanded(text) for key, text in _table(entry, "headers").items()},
    )
    return attrs.evolve(
        server, variables=tuple(dict.fromkeys(named)), missing=tuple(dict.fromkeys(missing))
    )


def _codex_server(
    name: str, entry: dict[str, Any], source: str, environment: Mapping[str, str]
) -> Server:
    headers = _table(entry, "http_headers")
    env: dict[str, str] = {}
    named: dict[str, tuple[dict[str, str], str, str]] = {}  # variable: where its value goes
    for variable in _variables(entry):
        named[variable] = (env, variable, "")
    for header, variable in _table(entry, "env_http_headers").items():
        named[variable] = (headers, header, "")
    bearer = entry.get("bearer_token_env_var")
    if isinstance(bearer, str):
        named[bearer] = (headers, "Authorization", "Bearer ")
    for variable, (table, key, before) in named.items():
        if variable in environment:
            table[key] = before + environment[variable]
    env |= _table(entry, "env")
    startup = entry.get("startup_timeout_sec")
    is_url = "url" in entry
    return Server(
        name=name[:NAME_CHARACTERS],
        sources=(source,),
        transport="http" if is_url else "stdio",
        command="" if is_url else _text(entry, "command"),
        args=() if is_url else tuple(_texts(entry, "args")),
        env=env,
        folder=entry["cwd"] if isinstance(entry.get("cwd"), str) else "",
        url=_text(entry, "url") if is_url else "",
        headers=headers,
        variables=tuple(named),
        # What is only passed on if it is there is nobody's fault.
        missing=tuple(
            name
            for name, (table, _, _) in named.items()
            if table is headers and name not in environment
        ),
        enabled=entry.get("enabled", True) is not False,
        startup_s=float(startup) if isinstance(startup, int | float) and startup > 0 else None,
    )


def _variables(entry: dict[str, Any]) -> Iterator[str]:
    """env_vars: names, or tables with a name."""
    given = entry.get("env_vars", [])
    for one in given if isinstance(given, list) else []:
        if isinstance(one, str):
            yield one
        elif isinstance(one, dict) and isinstance(one.get("name"), str):
            yield one["name"]


def _text(entry: dict[str, Any], key: str) -> str:
    value = entry.get(key)
    if not isinstance(value, str) or not value or "\0" in value:
        raise _BadServerError(f"it has no {key}")
    return value


def _texts(entry: dict[str, Any], key: str) -> list[str]:
    value = entry.get(key, [])
    if not isinstance(value, list) or not all(isinstance(one, str) for one in value):
        raise _BadServerError(f"its {key} is no list of texts")
    return value


def _table(entry: dict[str, Any], key: str) -> dict[str, str]:
    value = entry.get(key) or {}
    if not isinstance(value, dict) or not all(
        isinstance(one, str | int | float) for one in value.values()
    ):
        raise _BadServerError(f"its {key} is no table of texts")
    return {str(name): str(one) for name, one in value.items()}


def _names(value: Any) -> frozenset[str]:
    return (
        frozenset(one for one in value if isinstance(one, str))
        if isinstance(value, list)
        else frozenset()
    )


def _wrong(source: str, error: str) -> Found:
    return Found(problems=(ConfigProblem(source=source, error=error),))
