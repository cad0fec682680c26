"""A daemon whose L1 is a real Valkey server, which is killed, filled with garbage and restarted."""

import time

import pytest

from tests.support.daemons import START_S, daemon_on
from tests.support.valkey import valkey

pytestmark = [pytest.mark.end_to_end, pytest.mark.slow]
ASKED = "which port does the test server use?"
TEXT = "the test server uses port 6380"


def recall(daemon):
    found = daemon.call("memory.recall", query=ASKED)
    return found["level"], [item["text"] for item in found["items"]]


def until(daemon, holds, what):
    """Recall until that holds: the answer is always the same."""
    end = time.monotonic() + START_S
    while time.monotonic() < end:
        level, texts = recall(daemon)
        assert texts == [TEXT]
        part = daemon.tree()["atlas/learning/memory"]
        if holds(level, daemon.call("memory.stats")["cache"], part):
            assert part["restarts"] == 0
            return part
    raise AssertionError(f"not {what} within {START_S:g} s: {daemon.call('memory.stats')['cache']}")


def well(level, cache, part):
    return level == "l1" and cache["state"] == "ready" and part["state"] == "running"


def test_recall_goes_on_whatever_becomes_of_the_server_and_status_says_so(tmp_path):
    with valkey(tmp_path) as server:
        settings = {"ATLAS_MEMORY_CACHE_URL": server.url, "ATLAS_MEMORY_CACHE_TIMEOUT_S": 1}
        with daemon_on(tmp_path / "home", **settings) as daemon:
            daemon.call("memory.store", items=[{"kind": "learning", "text": TEXT}])
            until(daemon, well, "answered from the server")

            client = server.client()
            keys = list(client.scan_iter("*"))
            assert keys
            for key in keys:
                client.set(key, b"\xff garbage \x00" * 1_000)
            level, texts = recall(daemon)
            assert (level, texts) == ("l2", [TEXT])
            assert daemon.call("memory.stats")["cache"]["refused"] >= 1
            until(daemon, well, "written anew")

            server.kill()
            said = until(
                daemon,
                lambda _l, cache, part: cache["state"] == "away" and "does not" in part["reason"],
                "away",
            )
            assert str(server.socket) in said["reason"]
            assert "does not answer" in daemon.run("status").stdout

            server.start()
            until(daemon, well, "well again")

            daemon.call("memory.forget", match="6380")
            assert recall(daemon)[1] == []
            assert not [key for key in server.client().scan_iter("*") if key in keys]
