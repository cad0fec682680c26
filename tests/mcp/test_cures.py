"""What a person is told to do about a server, by the way it failed."""

import pytest

from atlas_actors.mcp.cures import Failure, cure
from tests.support.mcp_servers import server


def web(**more):
    return server(transport="http", url="https://h/mcp", **more)


@pytest.mark.parametrize(
    ("one", "failure", "said"),
    [
        (server(command="npx"), {"kind": "not_found", "stage": "start"}, "Node.js brings npx"),
        (server(command="/x/uvx"), {"kind": "not_found", "stage": "start"}, "uv brings uvx"),
        (server(command="mine"), {"kind": "not_found", "stage": "start"}, "install mine, or give"),
        (server(command="mine"), {"kind": "denied", "stage": "start"}, "chmod +x"),
        (server(missing=("TOKEN",)), {"stage": "config"}, "set TOKEN where the daemon is started"),
        (web(variables=("T",)), {"stage": "initialize", "status": 401}, "check T:"),
        (web(headers={"X-Key": "v"}), {"stage": "initialize", "status": 403}, "header X-Key"),
        (web(), {"stage": "initialize", "status": 401}, "it wants a sign-in"),
        (web(), {"stage": "initialize", "status": 404}, "check its URL"),
        (web(), {"stage": "initialize", "status": 500}, "a fault of its own"),
        (web(), {"stage": "initialize", "kind": "refused"}, "start the server"),
        (server(command="npx"), {"stage": "initialize", "kind": "late"}, "atlas mcp warmup one"),
        (server(command="mine"), {"stage": "initialize", "kind": "late"}, "[mcp] timeout_s"),
        (server(), {"stage": "initialize", "kind": "garbage"}, "its logs go to stderr"),
        (server(), {"stage": "initialize", "kind": "ended"}, "in a terminal"),
    ],
)
def test_each_failure_has_a_cure_that_names_what_to_touch(one, failure, said):
    assert said in cure(one, Failure(**failure), 10.0)


def test_no_value_of_a_header_is_named():
    told = cure(web(headers={"X-Key": "value"}), Failure(stage="initialize", status=401), 10.0)
    assert "value" not in told
