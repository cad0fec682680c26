"""`atlas mcp serve` as clients meet it: the real command, a real daemon, the SDK's own client."""

import json
import os
import subprocess
import sys
import threading
from contextlib import asynccontextmanager

import anyio
import pytest
from mcp.client.client import Client
from mcp.client.stdio import StdioServerParameters, stdio_client

from tests.support.daemons import RUN, daemon_on
from tests.support.model_server import hold, model_server
from tests.support.trees import WAIT_S

pytestmark = [pytest.mark.end_to_end, pytest.mark.slow]


@pytest.fixture
def project(tmp_path):
    folder = tmp_path / "project"
    (folder / ".git").mkdir(parents=True)
    return folder


@asynccontextmanager
async def client_of(daemon, project, mode="auto"):
    parameters = StdioServerParameters(
        command=sys.executable,
        args=[str(RUN), "mcp", "serve"],
        env=daemon.environment,
        cwd=str(project),
    )
    async with Client(stdio_client(parameters), mode=mode) as client:
        yield client


async def told(client, name, **given):
    result = await client.call_tool(name, given)
    return result.is_error, result.content[0].text


async def asked(client, name, **given):
    """A call that succeeds; the SDK's client holds the answer to the tool's schema."""
    result = await client.call_tool(name, given)
    assert not result.is_error, result.content[0].text
    assert json.loads(result.content[0].text) == result.structured_content
    return result.structured_content


def test_every_tool_does_its_work(tmp_path, project):
    async def scenario(daemon, begun, release):
        async with client_of(daemon, project) as client:
            tools = {tool.name: tool for tool in (await client.list_tools()).tools}
            assert tools["recall"].annotations.read_only_hint
            assert tools["cancel_task"].annotations.destructive_hint
            await memories(client, daemon)
            await work(client, begun, release)
            assert (await asked(client, "route", text="fix the login"))["tier"]
            assert (await asked(client, "costs"))["rows"][0]["attempts"] >= 1
            await refusals(client)

    async def memories(client, daemon):
        kept = await asked(client, "remember", text="Tests need Redis", tags=["tests"])
        assert (kept["result"], kept["project"]) == ("created", str(project))
        order = await asked(client, "remember", text="Always push to main", kind="rule")
        assert order["waits_for_approval"]
        found = (await asked(client, "recall", query="what do the tests need"))["items"]
        assert [item["text"] for item in found] == ["Tests need Redis"]
        is_error, brief = await told(client, "brief")
        assert not is_error
        assert "Tests need Redis" in brief
        assert "push to main" not in brief
        stored = daemon.call("memory.list")["items"]
        assert {item["origin"] for item in stored} & {"person"} == set()

    async def work(client, begun, release):
        made = await asked(client, "submit_task", prompt="say hello", key="k")
        again = await asked(client, "submit_task", prompt="say hello", key="k")
        assert again == {"id": made["id"], "created": False}
        progress = []

        async def on_progress(past, total, message):
            progress.append((past, total, message))
            if begun.is_set():
                release.set()

        given = {"id": made["id"], "wait_s": WAIT_S}
        done = await client.call_tool("follow_task", given, progress_callback=on_progress)
        assert done.structured_content["state"] == "completed"
        assert done.structured_content["result"] == "begun held"
        assert progress == sorted(progress)
        assert (await asked(client, "get_task", id="k"))["id"] == made["id"]
        listed = await asked(client, "list_tasks", state="completed")
        assert [task["id"] for task in listed["tasks"]] == [made["id"]]
        is_error, why = await told(client, "cancel_task", id=made["id"])
        assert is_error
        assert "completed" in why

    async def refusals(client):
        for name, given, why in (
            ("submit_task", {"prompt": "x", "directory": "/etc"}, "not below where"),
            ("submit_task", {"prompt": "x", "check": "true"}, "check"),
            ("submit_task", {"prompt": "x", "in_place": True}, "in_place"),
            ("submit_task", {"prompt": "x" * 50_001}, "longer"),
            ("remember", {"text": 5}, "string"),
            ("recall", {}, "query"),
            ("get_task", {"id": "no-such"}, "no task no-such"),
            ("no_such_tool", {}, "there is no tool"),
        ):
            is_error, text = await told(client, name, **given)
            assert is_error, (name, given)
            assert why in text

    begun, release = threading.Event(), threading.Event()
    with model_server() as models:
        models.scripts.put(hold(begun, release))
        settings = {"ATLAS_PROVIDERS_LOCALAI_BASE_URL": models.url}
        with daemon_on(tmp_path / "home", **settings) as daemon:
            anyio.run(scenario, daemon, begun, release)


def test_it_finds_the_daemon_again_and_a_cancelled_wait_leaves_the_task_alone(tmp_path, project):
    async def scenario(daemon):
        async with client_of(daemon, project, mode="legacy") as client:
            id = (await asked(client, "submit_task", prompt="waits for a model"))["id"]
            with anyio.CancelScope() as scope:

                async def on_progress(*_):
                    scope.cancel()

                await client.call_tool(
                    "follow_task", {"id": id, "wait_s": WAIT_S}, progress_callback=on_progress
                )
            assert scope.cancelled_caught
            assert (await asked(client, "get_task", id=id))["state"] == "pending"
            daemon.kill()
            is_error, text = await told(client, "recall", query="x")
            assert is_error
            assert "scripts/serve --detach" in text
            daemon.start()
            assert (await asked(client, "cancel_task", id=id))["state"] == "cancelled"

    with daemon_on(tmp_path / "home") as daemon:
        anyio.run(scenario, daemon)


def test_stdout_holds_the_protocol_alone_and_the_end_of_stdin_ends_it_in_a_task_too(
    tmp_path, project
):
    def request(id, method, **params):
        return json.dumps({"jsonrpc": "2.0", "id": id, "method": method, "params": params})

    info = {"name": "x", "version": "1"}
    begin = {"protocolVersion": "2025-06-18", "capabilities": {}, "clientInfo": info}
    notice = {"jsonrpc": "2.0", "method": "notifications/initialized"}
    sent = [
        (request(1, "initialize", **begin), 1),
        (json.dumps(notice), 0),
        ("this is no JSON", 0),
        (request(2, "tools/call", name="recall", arguments={"query": "x"}), 1),
        (request(3, "tools/call", name="recall", arguments=["a", "list"]), 1),
        (request(4, "no/such/method"), 1),
        (request(5, "tools/call", name="recall", arguments={"query": "\x00" * 500}), 1),
        (request(6, "tools/call", name="submit_task", arguments={"prompt": "x"}), 1),
    ]
    with subprocess.Popen(
        [sys.executable, str(RUN), "mcp", "serve"],
        env={
            **os.environ,
            "ATLAS_HOME": str(tmp_path / "none"),
            "HOME": str(tmp_path),
            "ATLAS_EXECUTOR": "",
        },
        cwd=project,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    ) as process:
        answers = {}
        for line, awaited in sent:
            process.stdin.write(line.encode() + b"\n")
            process.stdin.flush()
            if awaited:
                answer = json.loads(process.stdout.readline())
                answers[answer.get("id")] = answer
        rest, _ = process.communicate(timeout=WAIT_S)
    assert (process.returncode, rest) == (0, b"")
    assert answers[1]["result"]["serverInfo"]["name"] == "atlas"
    assert "atlas is not running" in answers[2]["result"]["content"][0]["text"]
    assert answers[4]["error"]["code"] == -32601
    assert all(answer["jsonrpc"] == "2.0" for answer in answers.values())
    assert answers[5]["result"]["isError"]
    assert "tasks do not make tasks" in answers[6]["result"]["content"][0]["text"]
