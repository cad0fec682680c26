"""atlas mcp: the MCP servers of your clients looked at and kept warm; and Atlas as one of them."""

import argparse
import sys
from pathlib import Path
from typing import Any, Final

from atlas_actors.cli import mcp_serve, show
from atlas_actors.cli.client import Client
from atlas_actors.home import Home

WAIT_S: Final = 1_200.0
FOLLOW_S: Final = 180.0


def add_to(groups: Any) -> None:
    """Add the commands of this group."""
    parser = groups.add_parser("mcp", help="the MCP servers of your clients: are they well?")
    verbs = parser.add_subparsers(dest="verb", metavar="VERB", required=True)
    check = verbs.add_parser("check", help="start or reach them, and speak with them")
    check.add_argument("names", metavar="NAME", nargs="*", help="else all that are switched on")
    check.add_argument(
        "--project",
        metavar="DIR",
        action="append",
        help="also run the servers that this project's files bring; else those of the directory"
        " that you are in",
    )
    check.add_argument("--timeout", metavar="SECONDS", type=float, help="of one server")
    check.add_argument("--json", action="store_true")
    check.set_defaults(run=run_check)
    warmup = verbs.add_parser("warmup", help="have them started, and kept so")
    warmup.add_argument("names", metavar="NAME", nargs="*", help="else those of [mcp] warm")
    warmup.add_argument("--json", action="store_true")
    warmup.set_defaults(run=run_warmup)
    status = verbs.add_parser("status", help="each server: its last look, uptime, what to do")
    status.add_argument("--json", action="store_true")
    status.set_defaults(run=run_status)
    history = verbs.add_parser("history", help="what looks came to, newest first")
    history.add_argument("name", metavar="NAME", nargs="?")
    history.add_argument("--limit", type=int, default=20)
    history.add_argument("--json", action="store_true")
    history.set_defaults(run=run_history)
    serve = verbs.add_parser("serve", help="Atlas as an MCP server, for a client's settings")
    mcp_serve.add_arguments(serve)
    serve.set_defaults(run=mcp_serve.run)


def run_check(options: argparse.Namespace, home: Home) -> int:
    """Each server as soon as it is known; 1 when one fails, or a file cannot be read."""
    params: dict[str, Any] = {"names": options.names, "follow": True}
    if options.project:
        params["projects"] = [str(Path(folder).absolute()) for folder in options.project]
    else:
        params["cwd"] = str(Path.cwd())
    if options.timeout is not None:
        params["timeout_s"] = options.timeout
    with Client(home) as client:
        begun = client.call("mcp.check", **params)
        if begun["note"]:
            show.note(begun["note"])
        results, problems = _follow(client, begun["id"], quiet=options.json)
    if options.json:
        show.print_json({"results": results, "problems": problems, "note": begun["note"]})
    else:
        if not results:
            sys.stdout.write("no MCP server is configured\n")
        _print_problems(problems)
    return 1 if problems or not all(one["ok"] for one in results) else 0


def run_warmup(options: argparse.Namespace, home: Home) -> int:
    """They are started at once; 1 when one does not come up."""
    with Client(home) as client:
        params = {"names": options.names, "cwd": str(Path.cwd())}
        results = client.call("mcp.warmup", WAIT_S, **params)["results"]
    if options.json:
        show.print_json({"results": results})
    else:
        for one in results:
            _print_result(one)
    return 0 if all(one["ok"] for one in results) else 1


def run_status(options: argparse.Namespace, home: Home) -> int:
    """A table, then what each that fails says, and what to do about it."""
    with Client(home) as client:
        found = client.call("mcp.status", cwd=str(Path.cwd()))
    if options.json:
        show.print_json(found)
        return 0
    show.table(
        ("server", "state", "warm", "checked", "failures", "uptime", "initialize", "configured in"),
        (_row(server) for server in found["servers"]),
        "no MCP server is configured",
        cut=True,
        drop=("initialize", "uptime", "checked"),
    )
    for server in found["servers"]:
        last = server["last"]
        if server["configured"] and last is not None and not last["ok"]:
            _print_error(server["name"], last["error"], last["cure"])
    _print_problems(found["problems"])
    return 0


def run_history(options: argparse.Namespace, home: Home) -> int:
    """A table, newest first."""
    params = {"limit": options.limit, **({"name": options.name} if options.name else {})}
    with Client(home) as client:
        found = client.call("mcp.history", **params)
    if options.json:
        show.print_json(found)
        return 0
    show.table(
        ("at", "server", "why", "result", "initialize", "ping", "tools", "error"),
        (
            (
                show.when(one["at_ms"]),
                show.plain(one["server"]),
                one["why"],
                "ok" if one["ok"] else f"failed at {one['stage']}",
                show.duration(one["initialize_ms"]),
                show.duration(one["ping_ms"]),
                _count(one["tools"]),
                show.plain(one["error"]),
            )
            for one in found["checks"]
        ),
        "no server was looked at yet",
        cut=True,
        drop=("ping", "why"),
    )
    return 0


def _follow(
    client: Client, id: str, *, quiet: bool
) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """(results, problems) of a check, printed as they come unless `quiet`."""
    results: list[dict[str, Any]] = []
    while True:
        seen = client.call("mcp.follow", FOLLOW_S, id=id, seen=len(results))
        for one in seen["results"]:
            results.append(one)
            if not quiet:
                _print_result(one)
        if seen["done"]:
            return results, seen["problems"]
        if not quiet and sys.stderr.isatty():
            show.note(f"{len(results)} of {len(seen['names'])}")


def _print_result(one: dict[str, Any]) -> None:
    if not one["ok"]:
        _print_error(one["name"], one["error"], one["cure"])
        return
    about = " ".join(filter(None, (one["server_name"], one["server_version"])))
    facts = (
        show.count(one["tools"] or 0, "tool"),
        f"initialize {show.duration(one['initialize_ms'])}",
        f"ping {show.duration(one['ping_ms'])}" if one["ping_ms"] is not None else "",
        show.one_line(about),
        ", ".join(one["sources"]),
    )
    told = ", ".join(filter(None, facts))
    sys.stdout.write(f"ok      {show.plain(one['name'])}: {show.plain(told)}\n")
    sys.stdout.flush()


def _print_error(name: str, error: str, cure: str) -> None:
    sys.stdout.write(f"failed  {show.plain(name)}: {show.plain(error)}\n")
    if cure:
        sys.stdout.write(f"        → {show.plain(cure)}\n")
    sys.stdout.flush()


def _print_problems(problems: list[dict[str, Any]]) -> None:
    for one in problems:
        show.note(f"{show.plain(one['source'])}: {show.plain(one['error'])}")


def _row(server: dict[str, Any]) -> tuple[str, ...]:
    last, uptime = server["last"], server["uptime"]
    return (
        show.plain(server["name"]),
        _state(server),
        server["warm"] or "-",
        "-" if last is None else show.when(last["at_ms"]),
        str(server["consecutive_failures"]),
        "-" if uptime is None else show.percent(uptime),
        show.duration(server["p50_initialize_ms"]),
        show.plain(", ".join(server["sources"])),
    )


def _state(server: dict[str, Any]) -> str:
    if not server["configured"]:
        return "not here"
    if not server["enabled"]:
        return "off"
    if server["last"] is None:
        return "not checked"
    return "ok" if server["last"]["ok"] else "failing"


def _count(number: int | None) -> str:
    return "-" if number is None else str(number)
