"""Servers spoken with through a real host process and the SDK: well ones, and hostile ones.

Starting the SDK takes a second, so servers of all kinds share one look.
"""

import json
import subprocess
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import anyio
import pytest

from atlas_actors.mcp import hosts
from atlas_actors.mcp.health import Looker
from atlas_actors.mcp.looking import look
from atlas_actors.orphans import end_marked
from atlas_actors.providers.cli import MARKER
from atlas_actors.redaction import Redactor
from tests.support.clients import Life
from tests.support.mcp_servers import plain, real, real_over_http, server
from tests.support.trees import WAIT_S

pytestmark = pytest.mark.slow

SECRET = "Quiet-Horse-77-x9"
NEVER = "signal.signal(signal.SIGTERM, signal.SIG_IGN)\nwhile True: signal.pause()\n"
# A child in a session of its own that only its environment tells, and a server that will not end.
LEAVES_ONE = f"""
if os.fork() == 0:
    os.setsid()
    signal.alarm(120)
    while True: signal.pause()
hello(tools={{}})
signal.alarm(120)
{NEVER}
"""


def looked_at(scratch, *servers, timeout_s=8.0):
    """{name: health} of these, and how many processes they left."""
    found = []
    looker = Looker(redactor=Redactor(), why="asked", at_ms=1, timeout_s=timeout_s)

    async def run():
        with anyio.fail_after(60):
            await look(
                servers, looker, found.append, home=str(scratch), scratch=str(scratch),
                parallel=8, program=hosts.PROGRAM,
            )  # fmt: skip

    anyio.run(run)
    assert sorted(one.name for one in found) == sorted(one.name for one in servers)
    left = end_marked(str(scratch))
    return {one.name: one for one in found}, left


MODERN = """
while True:
    asked = json.loads(sys.stdin.readline() or sys.exit(0))
    if asked.get("method") == "server/discover":
        line({"jsonrpc": "2.0", "id": asked["id"], "result": {
            "resultType": "complete", "supportedVersions": ["2026-07-28"], "ttlMs": 0,
            "capabilities": {"tools": {}}, "cacheScope": "public"}})
    elif asked.get("method") == "tools/list":
        line({"jsonrpc": "2.0", "id": asked["id"], "result": {
            "resultType": "complete", "tools": [], "ttlMs": 0, "cacheScope": "public"}})
    elif "id" in asked:
        line({"jsonrpc": "2.0", "id": asked["id"],
              "error": {"code": -32601, "message": "no such method"}})
"""


def test_well_servers_of_every_transport_and_protocol_answer_and_are_described(tmp_path):
    with real_over_http() as base:
        found, left = looked_at(
            tmp_path,
            real(name="stdio"),
            server(name="http", transport="http", url=f"{base}/mcp"),
            server(name="sse", transport="sse", url=f"{base}/sse"),
            plain("hello()\nanswer(result={})\nsys.stdin.read()", name="without tools"),
            plain(MODERN, name="without handshake"),
            timeout_s=WAIT_S,
        )
    for name in ("stdio", "http", "sse"):
        one = found[name]
        assert (one.ok, one.stage, one.error) == (True, "done", ""), one
        assert (one.server_name, one.server_version) == ("real", "1.2")
        assert (one.tools, one.tool_names) == (1, ("add",))
        assert one.protocol_version >= "2025"
        assert min(one.initialize_ms, one.tools_ms, one.ping_ms) > 0
    assert (found["without tools"].ok, found["without tools"].tools) == (True, 0)
    newer = found["without handshake"]
    assert (newer.ok, newer.protocol_version, newer.ping_ms) == (True, "2026-07-28", None), newer
    assert left == 0


HOSTILE = {
    "ends": ("print('bad key', os.environ['TOKEN'], file=sys.stderr)\nsys.exit(3)",
             "initialize", "it ended with 3: bad key [setting]"),
    "garbage": (f"line('hello')\nprint('Listening on port 80', flush=True)\n{NEVER}",
                "initialize", "prints what is no message"),
    "much garbage": ("while True: print('x' * 99, flush=True)", "initialize", "without end"),
    "endless line": ("while True: sys.stdout.write('x' * 65536)", "initialize", "without end"),
    "flood": ("while True: line({'jsonrpc': '2.0', 'method': 'notifications/x'})",
              "initialize", "without end"),
    "silent": (NEVER, "initialize", "it did not answer in"),
    "deep": (f"print('[' * 100000 + ']' * 100000, flush=True)\n{NEVER}",
             "initialize", "no message"),
    "wrong shape": ("answer(result={'protocolVersion': 7})\nsys.stdin.read()",
                    "initialize", "no MCP"),
    "old": ("answer(result={'protocolVersion': '1999-01-01', 'capabilities': {}, 'serverInfo':"
            " {'name': 'a', 'version': '1'}})\nsys.stdin.read()", "initialize", "1999-01-01"),
    "pages": ("hello(tools={})\nwhile True: answer(result={'tools': [], 'nextCursor': 'again'})",
              "tools", "more than 50 pages"),
    "refuses tools": ("hello(tools={})\nanswer(error={'code': 1, 'message': 'not today'})\n"
                      "sys.stdin.read()", "tools", "not today"),
    "ends at ping": ("hello(tools={})\nanswer(result={'tools': []})\nsys.exit(0)",
                     "ping", "it ended with 0"),
    "leaves one": (LEAVES_ONE, "tools", "it did not answer in"),
}  # fmt: skip
NEVER_END = ("garbage", "silent", "deep", "leaves one")


def test_hostile_servers_end_as_errors_in_time_and_leave_no_process(tmp_path):
    servers = [
        plain(body, name=name, env={"TOKEN": SECRET},
              startup_s=None if name in NEVER_END else WAIT_S)
        for name, (body, _, _) in HOSTILE.items()
    ]  # fmt: skip
    more = [
        server(name="no program", command="no-such-program-here"),
        server(name="no folder", command="true", folder=str(tmp_path / "none")),
        server(name="not executable", command=str(tmp_path)),
        server(name="unset", missing=("SOME_TOKEN",)),
    ]
    found, left = looked_at(tmp_path, *servers, *more, timeout_s=3.0)
    for name, (_, stage, error) in HOSTILE.items():
        one = found[name]
        assert (one.ok, one.stage) == (False, stage), one
        assert error in one.error, one
        assert SECRET not in str(one)
    assert found["no program"].error == "its program is not found"
    assert "does not exist" in found["no folder"].error
    assert "may not be executed" in found["not executable"].error
    assert "SOME_TOKEN" in found["unset"].error
    assert left == 0


class Answers(BaseHTTPRequestHandler):
    """A web server that answers as its path says."""

    def do_POST(self):
        self.server.asked.append(self.path)
        what = self.path.strip("/").partition("?")[0]
        self.close_connection = True
        if what.isdigit():
            self.send_response(int(what))
            self.send_header("content-length", "0")
            self.end_headers()
            return
        self.send_response(307 if what == "elsewhere" else 200)
        if what == "elsewhere":
            self.send_header("location", f"http://localhost:{self.server.server_port}/caught")
            self.send_header("content-length", "0")
            self.end_headers()
            return
        self.send_header("content-type", "text/html" if what == "page" else "application/json")
        self.end_headers()
        try:
            while what == "endless":
                self.wfile.write(b"[" * 65_536)
            self.wfile.write(b"<html>")
        except OSError:
            return

    def log_message(self, *_):
        """Say nothing."""


def test_web_servers_fail_by_what_they_answer_and_redirects_lead_nowhere_else(tmp_path):
    web = ThreadingHTTPServer(("127.0.0.1", 0), Answers)
    web.asked = []
    threading.Thread(target=web.serve_forever, daemon=True).start()
    base = f"http://127.0.0.1:{web.server_port}"
    paths = ("401", "404", "500", "page", "json", "endless", "elsewhere")
    servers = [
        server(name=path, transport="http", url=f"{base}/{path}?key={SECRET}") for path in paths
    ]
    free = ThreadingHTTPServer(("127.0.0.1", 0), Answers)
    free.server_close()
    url = f"http://127.0.0.1:{free.server_port}/"
    gone = server(name="gone", transport="http", url=url, headers={"A": "b"})
    found, _ = looked_at(tmp_path, *servers, gone)
    web.shutdown()
    web.server_close()
    assert not any(one.ok for one in found.values())
    for status in ("401", "404", "500"):
        assert found[status].error == f"it answers HTTP {status}"
        assert found[status].cure
    assert "content type" in found["page"].error
    assert "JSON" in found["json"].error
    assert "without end" in found["endless"].error
    assert "redirect" in found["elsewhere"].error.lower()
    assert "/caught" not in web.asked
    assert "cannot be reached" in found["gone"].error
    assert found["gone"].cure == "start the server, or check its URL"
    assert SECRET not in str(found)


# Begun and not ended yet: the server, and a child of it in a session of its own, both deaf.
ALIVE = f"""
signal.signal(signal.SIGTERM, signal.SIG_IGN)
pipe = os.open(os.environ["LIFE"], os.O_WRONLY)
if os.fork() == 0:
    os.setsid()
    os.write(pipe, b"x")
{NEVER}
"""


ANSWERS_TWO_PINGS = """
hello()
answer(result={})
answer(result={})
answer(result={})
signal.pause()
"""


def test_servers_that_stay_are_pinged_until_they_fail_and_end_with_the_daemon(tmp_path):
    """The host hears of the daemon's death by the end of its input, whatever its servers do."""
    life = Life(tmp_path)
    stubborn, silent = plain(ALIVE, env={"LIFE": life.path}), plain(ANSWERS_TWO_PINGS)
    program = [*hosts.PROGRAM, json.dumps({"mark": str(tmp_path), "parallel": 4})]
    host = subprocess.Popen(program, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    try:
        for id, one, timeout_s, every_s in (("a", stubborn, 600, 600), ("b", silent, 4.0, 0.01)):
            job = hosts.job_of(one, str(tmp_path))
            order = {"id": id, "server": job, "timeout_s": timeout_s, "every_s": every_s}
            host.stdin.write(json.dumps({"do": "stay", **order}).encode() + b"\n")
        host.stdin.flush()
        up = json.loads(host.stdout.readline())  # after the SDK's start, which may take long
        life.wait()
        down = json.loads(host.stdout.readline())
        assert (up["id"], up["what"], up["ok"], up["stage"]) == ("b", "up", True, "done")
        assert (down["id"], down["what"], down["ok"], down["stage"]) == ("b", "down", False, "ping")
        assert "it did not answer in 4 s" in down["error"]
        host.stdin.close()  # as the kernel does when the daemon dies
        assert life.is_over()
        assert host.wait(WAIT_S) == 0
    finally:
        host.kill()
        host.wait()
        host.stdout.close()
        end_marked(str(tmp_path))
        life.close()


def test_a_later_daemon_ends_what_an_earlier_one_has_left(tmp_path):
    life = Life(tmp_path)
    one = plain(ALIVE)
    left = subprocess.Popen(
        [one.command, *one.args], env={"LIFE": life.path, MARKER: f"{tmp_path}/host-1/1"},
        stdin=subprocess.DEVNULL, start_new_session=True,
    )  # fmt: skip
    try:
        life.wait()
        assert end_marked(f"{tmp_path}/host-11") == 0
        assert end_marked(str(tmp_path)) == 2
        assert life.is_over()
    finally:
        left.kill()
        left.wait()
        life.close()
