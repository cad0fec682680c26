"""The mcp.* methods: whose projects are looked at, who may warm, and what is read."""

import anyio
import pytest

from atlas_actors.cell import Fence
from atlas_actors.errors import Conflict
from atlas_actors.gateway import mcp, mcp_views
from atlas_actors.gateway.caller import Caller
from atlas_actors.gateway.methods import method_for
from atlas_actors.mcp.health import Looker
from atlas_actors.mcp.history import History
from atlas_actors.messages import paths
from atlas_actors.messages.mcp import (
    CheckBegun,
    CheckServers,
    KnownServer,
    ServersChecked,
    ServersKnown,
    WarmServers,
)
from atlas_actors.redaction import Redactor
from tests.support.doors import door_on
from tests.support.mcp_servers import server

NOTHING = ServersChecked(results=())


class From(Caller):
    """A caller whose place is known."""

    def __init__(self, inside):
        super().__init__(uid=0, pid=None)
        self._inside, self._looked = inside, True


def call(tmp_path, method, /, inside=False, answer=NOTHING, **params):
    method_for(method, params)
    asked = []
    door = door_on(tmp_path, asked, lambda _: answer)
    (tmp_path / "state").mkdir(exist_ok=True)
    return anyio.run(mcp.answer, door, method, params, From(inside)), asked


def test_a_person_has_the_servers_of_the_project_around_them_looked_at(tmp_path):
    answer, asked = call(tmp_path, "mcp.check", cwd="/p", names=["a"], timeout_s=3)
    assert asked == [(paths.MCP, CheckServers(names=("a",), projects=("/p",), timeout_s=3))]
    assert answer == {"results": (), "problems": (), "note": ""}


@pytest.mark.parametrize("inside", [True, None])
def test_an_agent_has_no_projects_commands_run_by_where_it_is(tmp_path, inside):
    answer, asked = call(tmp_path, "mcp.check", inside=inside, cwd="/p")
    assert asked == [(paths.MCP, CheckServers())]
    assert "for a person only" in answer["note"]


@pytest.mark.parametrize("inside", [True, None])
def test_an_agent_that_names_a_project_is_refused(tmp_path, inside):
    with pytest.raises(Conflict, match="is a person's to call"):
        call(tmp_path, "mcp.check", inside=inside, projects=["/p"])


@pytest.mark.parametrize("inside", [True, None])
def test_an_agent_keeps_no_server_started(tmp_path, inside):
    with pytest.raises(Conflict, match="is a person's to call"):
        call(tmp_path, "mcp.warmup", inside=inside, names=["a"])


def test_a_person_keeps_servers_started(tmp_path):
    answer, asked = call(tmp_path, "mcp.warmup", names=["a"], cwd="/p")
    assert asked == [(paths.MCP, WarmServers(names=("a",), projects=("/p",)))]
    assert answer == {"results": ()}


def test_a_check_that_is_followed_has_an_id(tmp_path):
    answer, _ = call(tmp_path, "mcp.check", answer=CheckBegun(id="c"), follow=True)
    assert answer == {"id": "c", "note": ""}


@pytest.fixture
def kept(tmp_path):
    """Three looks: a server that is configured still, and one that is not."""
    (tmp_path / "state").mkdir()
    history = History(tmp_path / "state" / mcp_views.FILE, Fence(), thorough=False)
    for at_ms, name, ok in ((1, "a", True), (2, "a", False), (3, "gone", True)):
        looker = Looker(redactor=Redactor(), why="asked", at_ms=at_ms, timeout_s=5.0)
        said = {"ok": ok, "stage": "done", "initialize_ms": 5.0, "tool_names": ["t"]}
        history.keep(looker.said(server(name=name), said))
    history.close()


def test_status_joins_what_is_configured_with_what_is_known(tmp_path, kept):
    def known(name):
        return KnownServer(
            name=name, sources=("a file",), transport="stdio", target="x", enabled=True
        )

    answer, _ = call(
        tmp_path, "mcp.status",
        answer=ServersKnown(servers=(known("a"), known("new")), problems=()),
    )  # fmt: skip
    a, new, gone = answer["servers"]
    assert (a["configured"], a["uptime"], a["consecutive_failures"]) == (True, 0.5, 1)
    assert (a["last"]["ok"], a["last"]["tool_names"], a["last_ok_ms"]) == (False, ["t"], 1)
    assert (new["name"], new["last"], new["uptime"]) == ("new", None, None)
    assert (gone["name"], gone["configured"], gone["warm"]) == ("gone", False, None)


def test_history_is_newest_first_and_of_one_server_if_asked(tmp_path, kept):
    answer, _ = call(tmp_path, "mcp.history")
    assert [row["at_ms"] for row in answer["checks"]] == [3, 2, 1]
    answer, _ = call(tmp_path, "mcp.history", name="a", limit=1)
    assert [(row["at_ms"], row["ok"]) for row in answer["checks"]] == [(2, False)]
