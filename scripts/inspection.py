"""The actor tree and what the rooms hold: live through the socket, else from the files.

usage: scripts/inspect [ROOM | failures] [--json] [--tree-only] [--watch [SECONDS]]

  (nothing)   the tree: path, state, incarnation, restarts, mail, age of the message in hand,
              database, uptime, and for what does not run the reason, the cure and the next try
  ROOM        the published views of a room: tasks, outcomes, strategies, analytics, router, …
  failures    the last failures with their tracebacks

It needs no Atlas package and reads databases read-only, so it works on a busy or dead daemon.
What takes long to import is imported late, and this is a module so that its bytecode is kept.
Exit codes: 0 done, 2 wrong usage, 3 nothing to read.
"""

import os
import sys
import time

ROWS = 20
WIDTH = 48
SOCKET_S = 3.0
EPOCH_MS_LEAST = 10**12  # 2001; a span of so many milliseconds would be of thirty years
CONTROL = dict.fromkeys((*range(32), 127), "·")  # nothing from a database drives a terminal


def main(arguments):
    """Run; the exit code."""
    words = [word for word in arguments if not word.startswith("-")]
    flags = {word for word in arguments if word.startswith("-")}
    if flags & {"-h", "--help"}:
        print(__doc__.strip())
        return 0
    every_s = None
    if "--watch" in flags:
        every_s = 2.0
        if words and words[-1].replace(".", "", 1).isdigit():
            every_s = max(0.2, float(words.pop()))
    if flags - {"--json", "--tree-only", "--watch"} or len(words) > 1:
        return fail(2, "usage: scripts/inspect [ROOM | failures] [--json] [--tree-only] [--watch]")
    home = os.path.abspath(os.path.expanduser(os.environ.get("ATLAS_HOME") or "~/.atlas"))
    while True:
        code, text = look(home, words[0] if words else "", flags)
        if every_s is None:
            return show(code, text)
        show(code, "\033[H\033[2J" + text)
        try:
            time.sleep(every_s)
        except KeyboardInterrupt:
            return 0


def look(home, what, flags):
    """(exit code, text) of one look."""
    if what == "failures":
        return failures(home, "--json" in flags)
    if what:
        return room(home, what, "--json" in flags)
    return tree(home, flags)


def tree(home, flags):
    """The whole tree."""
    source, at_ms, root = live_tree(home)
    pid = None
    if root is None:
        try:
            with open(os.path.join(home, "state", "tree.json"), encoding="utf-8") as file:
                saved = parse(file.read())
        except (OSError, ValueError):
            return 3, f"inspect: no daemon answers on {home}, and it has left no tree\n"
        source, at_ms, root, pid = "file", saved["at_ms"], saved["tree"], saved["pid"]
    if "--json" in flags:
        found = {"source": source, "at_ms": at_ms, "tree": root}
        return 0, dump(found) + "\n"
    lines = []
    if "--tree-only" not in flags:
        lines.append(headline(home, source, at_ms, pid))
    rows = [("PATH", "STATE", "INC", "RESTARTS", "MAIL", "IN HAND", "DATABASE", "UP", "NOTE")]
    rows += walk(root, "", "", source == "file")
    lines += columns(rows)
    return 0, "\n".join(lines) + "\n"


def headline(home, source, at_ms, pid):
    """Where the tree comes from."""
    if source == "live":
        return f"live from the daemon on {home}"
    try:
        os.kill(pid, 0)
        state = f"pid {pid} exists but does not answer"
    except (OSError, TypeError):
        state = f"pid {pid} is gone"
    return f"from the files of {home}, last written {clock(at_ms)}: {state}"


def walk(node, lead, below, past):
    """A row for the node and each one under it."""
    name = node["path"].rpartition("/")[2]
    state = node["state"].replace("_", " ")
    if past and node["state"] == "running":
        state = "was running"
    note = node["reason"] or ""
    if node["cure"]:
        note += f" → {node['cure']}"
    if node["retry_at_ms"]:
        note += f" (next try {clock(node['retry_at_ms'])})"
    if node["last_failure"]:
        note += f"{'; ' if note else ''}last failure: {node['last_failure']}"
    starts = node["incarnation"]
    absent = node["state"] == "absent"
    yield (
        lead + name,
        state,
        "-" if absent else str(starts),
        "-" if absent else str(node["restarts"]),
        "-" if absent else f"{node['mailbox']}/{node['mailbox_bound']}",
        span(node["message_age_ms"]),
        size(node["db_bytes"]),
        span(node["uptime_ms"]),
        note,
    )
    children = node["children"]
    for child in children:
        last = child is children[-1]
        yield from walk(
            child, below + ("└─ " if last else "├─ "), below + ("   " if last else "│  "), past
        )


def live_tree(home):
    """("live", now, tree) from the daemon, or (None, None, None)."""
    try:
        import _socket as socket  # the wrapper around it takes longer to load than our work
    except ImportError:
        import socket

    path = os.path.join(home, "atlas.sock")
    try:
        with open(os.path.join(home, "socket-path"), encoding="utf-8") as file:
            path = file.read().strip() or path
    except OSError:
        pass
    line = b""
    try:
        connection = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        connection.settimeout(SOCKET_S)
        connection.connect(path)
        connection.sendall(b'{"jsonrpc":"2.0","id":1,"method":"system.tree"}\n')
        while not line.endswith(b"\n"):
            data = connection.recv(65536)
            if not data:
                return None, None, None
            line += data
        connection.close()
        return "live", int(time.time() * 1000), parse(line.decode())["result"]
    except (OSError, ValueError, KeyError):
        return None, None, None


def room(home, name, as_json):
    """Every view that a room publishes."""
    file = {"context": "context_router", "mcp": "mcp_health"}.get(name, name)
    path = os.path.join(home, "state", f"{file}.db")
    rooms = os.path.join(home, "state")
    if not os.path.exists(path):
        known = (
            sorted(n[:-3] for n in os.listdir(rooms) if n.endswith(".db"))
            if os.path.isdir(rooms)
            else []
        )
        return 2 if known else 3, (
            f"inspect: {path} does not exist; rooms with a database: {', '.join(known)}\n"
        )
    try:
        apsw = load_apsw()
    except ImportError:
        return 3, "inspect: apsw is not installed: run scripts/serve\n"
    try:
        connection = apsw.Connection(path, flags=apsw.SQLITE_OPEN_READONLY)
        connection.set_busy_timeout(2000)
        names = [
            row[0]
            for row in connection.execute(
                "select name from sqlite_schema where type = 'view' and name like 'inspect%'"
                " order by rowid"
            )
        ]
        views = {view: rows_of(connection, view) for view in names}
        connection.close()
    except apsw.Error as error:
        return 3, f"inspect: {path} cannot be read: {error}\n"
    if as_json:
        return 0, dump(views) + "\n"
    lines = [f"from {path}"]
    for view, rows in views.items():
        lines += ["", view.removeprefix("inspect_").replace("_", " ")]
        if not rows:
            lines.append("  (empty)")
            continue
        table = [tuple(rows[0])] + [tuple(cell(row[key], key) for key in row) for row in rows]
        lines += ["  " + line for line in columns(table)]
    return 0, "\n".join(lines) + "\n"


def load_apsw():
    """APSW from the interpreter's own site-packages: we run without `site`, which starts sooner."""
    version = f"python{sys.version_info[0]}.{sys.version_info[1]}"
    for prefix in (os.path.dirname(os.path.dirname(sys.executable)), sys.prefix):
        sys.path.append(os.path.join(prefix, "lib", version, "site-packages"))
    import apsw

    return apsw


def parse(text):
    """JSON to values. The C scanner under `json` does it; `json` itself loads `re` first."""
    try:
        from _json import make_scanner
    except ImportError:
        import json

        return json.loads(text)
    try:
        return make_scanner(ScannerOptions)(text.strip(), 0)[0]
    except StopIteration:
        raise ValueError("not JSON") from None


class ScannerOptions:
    """What json.JSONDecoder would pass."""

    strict = True
    object_hook = object_pairs_hook = None
    parse_float = float
    parse_int = int
    parse_constant = float
    memo = None


def dump(value):
    """Values to JSON."""
    import json

    return json.dumps(value, ensure_ascii=False, indent=2)


def rows_of(connection, view):
    """The first rows of a view as dictionaries."""
    names = [row[1] for row in connection.execute(f"select * from pragma_table_info('{view}')")]
    found = connection.execute(f'select * from "{view}" limit {ROWS}')
    return [dict(zip(names, row)) for row in found]


def failures(home, as_json):
    """The last failures, oldest first."""
    path = os.path.join(home, "log", "failures.jsonl")
    try:
        with open(path, encoding="utf-8") as file:
            rows = [parse(line) for line in file.readlines()[-ROWS:]]
    except FileNotFoundError:
        return 0, "[]\n" if as_json else "no failures\n"
    except (OSError, ValueError) as error:
        return 3, f"inspect: {path} cannot be read: {error}\n"
    if as_json:
        return 0, dump(rows) + "\n"
    lines = []
    for row in rows:
        lines.append(
            f"{clock(row['at_ms'])} {row['path']} incarnation {row['incarnation']}"
            f" {row['ending']}: {row['error']}"
        )
        lines += ["    " + line for line in row["traceback"].rstrip().splitlines()]
    return 0, "\n".join(lines) + "\n"


def columns(rows):
    """Rows as lines with aligned columns; the last column is free."""
    widths = [max(len(row[at]) for row in rows) for at in range(len(rows[0]) - 1)]
    return [
        "  ".join([*(text.ljust(width) for text, width in zip(row, widths)), row[-1]]).rstrip()
        for row in rows
    ]


def cell(value, name):
    """A value of a view for people."""
    if value is None:
        return "-"
    if name.endswith(("_ms", "_at")) and isinstance(value, int) and value > EPOCH_MS_LEAST:
        return clock(value)
    text = " ".join(str(value).split())
    return text if len(text) <= WIDTH else text[: WIDTH - 1] + "…"


def clock(ms):
    """A time, local."""
    return "-" if ms is None else time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(ms / 1000))


def span(ms):
    """A duration in the unit that fits."""
    if ms is None:
        return "-"
    for limit, unit, factor in ((1000, "ms", 1), (60_000, "s", 1000), (3_600_000, "min", 60_000)):
        if ms < limit:
            return f"{ms // factor} {unit}"
    return f"{ms // 3_600_000} h"


def size(count):
    """Bytes in the unit that fits."""
    if count is None:
        return "-"
    for unit in ("B", "kB", "MB"):
        if count < 1000:
            return f"{count:.0f} {unit}"
        count /= 1000
    return f"{count:.1f} GB"


def show(code, text):
    """Print to where it belongs, without control characters of others."""
    clean = "\n".join(line.translate(CONTROL) for line in text.split("\n"))
    if text.startswith("\033[H\033[2J"):
        clean = "\033[H\033[2J" + clean[7:]
    try:
        (sys.stderr if code else sys.stdout).write(clean)
        sys.stdout.flush()
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
    return code


def fail(code, text):
    """Say what is wrong."""
    sys.stderr.write(f"{text}\n")
    return code
