"""Planted secrets are in no byte of any file of a home; where redaction is off, they are found."""

import random
import re
import subprocess
import sys
import uuid

import pytest

from atlas_actors.errors import AtlasError
from atlas_actors.gateway.privacy import EXACT
from tests.support.daemons import daemon_on
from tests.support.fake_secrets import TOKENS, password
from tests.support.model_server import model_server, say

pytestmark = [pytest.mark.end_to_end, pytest.mark.slow]

KINDS = ("anthropic", "github-classic", "gitlab", "google", "jwt", "aws-id", "stripe-live", "npm")


class Planted:
    """Secrets by the place that they are planted in; another each time."""

    def __init__(self):
        self._random = random.Random(7)
        self.at = {}

    def token(self, place):
        make = TOKENS[KINDS[len(self.at) % len(KINDS)]]
        return self.at.setdefault(place, make(self._random))

    def password(self, place):
        return self.at.setdefault(place, f"{password(self._random)}Zq{len(self.at)}")

    def found_in(self, home):
        """The places whose secret is in a file: its name, its bytes, or its bytes as JSON."""
        held = b"\0".join(
            str(path.relative_to(home)).encode() + b"\0" + path.read_bytes()
            for path in home.rglob("*")
            if path.is_file() and not path.is_symlink()
        )
        return {place for place, secret in self.at.items() if secret[-16:].encode() in held}


def filled(schema, plant, *, name=""):
    """A value of a schema with a secret wherever a text may stand."""
    if "enum" in schema:
        return schema["enum"][0]
    if "anyOf" in schema:
        return filled(schema["anyOf"][0], plant, name=name)
    kind = schema.get("type")
    kind = kind[0] if isinstance(kind, list) else kind
    if kind == "string":
        text = "/tmp" if name in EXACT else plant(name)
        return text if re.search(schema.get("pattern", ""), text) else "09:00"
    if kind == "array":
        return [filled(schema["items"], plant, name=name)]
    if kind == "object" and "properties" in schema:
        return {
            key: filled(value, plant, name=key)
            for key, value in schema["properties"].items()
            if key not in EXACT
        }
    if kind == "object":
        return {"note": plant(f"{name} note"), "deep": [{plant(f"{name} key"): 1}]}
    if kind == "boolean":
        return False
    return max(1, schema.get("minimum", 1))


def call(daemon, method, **params):
    """Whether it is answered or refused is another matter."""
    try:
        return daemon.call(method, **params)
    except AtlasError:
        return None


def walk(daemon, planted):
    """Every method with a secret in every text; the number of methods."""
    methods = daemon.call("system.describe")["methods"]
    for method in methods:
        name, schema = method["name"], method["params"]
        if name in ("task.wait", "task.follow"):
            continue  # of an id alone; they would wait
        whole = filled(schema, lambda field, name=name: planted.token(f"{name} {field}"))
        call(daemon, name, **whole)
        for key in schema["properties"]:
            needed = {one: whole[one] for one in schema.get("required", ()) if one in whole}
            if key in whole:
                call(daemon, name, **{**needed, key: whole[key]})
    return len(methods)


def plant_everywhere(daemon, server, tmp_path, planted):
    """Through everything that is stored."""
    file = tmp_path / "given.env"
    file.write_text(f"API_TOKEN={planted.token('file by path')}\n")
    printed = tmp_path / "printed"
    printed.write_text(f"SECRET_KEY={planted.token('output of a check')}\n")
    daemon.call("system.ping")
    for method in (f"no.{planted.token('name of a method')}", "memory.add"):
        call(daemon, method, text=planted.token(f"absent {method[:3]}"))
    server.scripts.put(say(f"it is {planted.token('answer')}, as you said"))
    done = daemon.call(
        "task.submit",
        prompt=f"use {planted.token('prompt')} and password={planted.password('prompt password')}"
        f" <private>{planted.token('private')}</private>",
        files=[
            {
                "name": f"{planted.token('name of a file')}.env",
                "text": planted.token("file by text"),
            },
            {"name": "given.env", "path": str(file)},
        ],
        key=f"k-{planted.token('key')}",
        group=f"g-{planted.token('group')}",
        check=[sys.executable, "-c", f"print(open({str(printed)!r}).read()); raise SystemExit(1)"],
        max_attempts=1,
        provider="localai",
    )
    ended = daemon.wait(done["id"])
    long = (
        f"{planted.token('long file')}{' filler' * 2_500}"  # kept in files/; too long to be asked
    )
    daemon.call("task.submit", prompt="read", files=[{"name": "long", "text": long}])
    server.scripts.put(
        lambda handler, _: handler.reply(
            400, f'{{"error": {{"message": "no: {planted.token("error of a server")}"}}}}'.encode()
        )
    )
    refused = daemon.call("task.submit", prompt="once more", max_attempts=1, provider="localai")
    assert daemon.wait(refused["id"])["state"] == "failed"
    daemon.call(
        "outcome.record",
        action=f"ran {planted.token('action')}",
        kind="hook",
        result="success",
        context={"env": {"DB_PASSWORD": planted.password("context by name")}, "tags": ["a"]},
    )
    daemon.call(
        "handoff.save",
        client="c",
        session=f"s {planted.token('session')}",
        goal=f"log in with password {planted.password('goal')}",
        done=[f"ran curl -H 'Authorization: Bearer {planted.token('done')}'"],
        last_output=f"postgres://u:{planted.password('url').replace('@', 'a')}@h/d",
    )
    daemon.call(
        "schedule.add",
        name=f"s {planted.token('schedule')}",
        every_s=86_400,
        task={"prompt": f"token: {planted.token('scheduled')}"},
    )
    daemon.call(
        "proposal.add",
        kind="todo",
        title=f"t {planted.token('title')}",
        prompt=f"p {planted.token('proposal')}",
        evidence={"output": planted.token("evidence")},
    )
    daemon.call("task.import", tasks=[exported(daemon, planted)])
    daemon.call("cycle.run")
    return ended


def exported(daemon, planted):
    """A task of another daemon, which had redacted nothing."""
    return {
        **daemon.call("task.export", limit=1)["tasks"][0],
        "id": str(uuid.uuid4()),
        "key": None,
        "files": [],
        "prompt": f"imported {planted.token('imported prompt')}",
        "result": planted.token("imported result"),
        "error": planted.token("imported error"),
    }


@pytest.fixture(params=[True, False], ids=["on", "off"])
def redacts(request):
    return request.param


def test_planted_secrets_are_in_no_file_unless_redaction_is_off(tmp_path, redacts):
    planted, home = Planted(), tmp_path / "home"
    project = tmp_path / "project"
    project.mkdir()
    (project / "a.py").write_text(f"# TODO: take {planted.token('todo')} out of here\n")
    subprocess.run(["git", "init", "-q", str(project)], check=True)
    subprocess.run(["git", "-C", str(project), "add", "."], check=True)
    home.mkdir()
    with model_server() as server:
        (home / "config.toml").write_text(
            f"[privacy]\nredact = {str(redacts).lower()}\n"
            f'[providers.localai]\nbase_url = "{server.url}"\n'
            f'embedded = false\nretries = 0\n[detectors]\ntodo = true\nprojects = ["{project}"]\n'
        )
        with daemon_on(home, ATLAS_DAEMON_LOG_LEVEL="DEBUG") as daemon:
            ended = plant_everywhere(daemon, server, tmp_path, planted)
            assert ended["attempts"][0]["end"] == "rejected", ended
            assert walk(daemon, planted) > 20
            alive = planted.found_in(home)
            asked = str(server.requests)
            assert daemon.stop() == 0
        after = planted.found_in(home)
    if redacts:
        assert alive | after == set()
        assert planted.at["prompt"] not in asked
        assert "[secret:" in asked
    else:
        must_be_found = {
            "prompt", "answer", "file by path", "file by text", "long file", "output of a check",
            "key", "group", "action", "context by name", "session", "goal", "url", "done",
            "schedule", "scheduled", "title", "proposal", "evidence", "imported prompt", "todo",
            "error of a server", "name of a file", "prompt password",
        }  # fmt: skip
        assert must_be_found - (alive | after) == set()
        assert "private" not in alive | after


def test_what_would_be_executed_or_opened_is_refused_by_name(tmp_path):
    planted = Planted()
    token = planted.token("refused")
    with daemon_on(tmp_path / "home") as daemon:
        for field, value in {
            "check": f"curl -H 'Authorization: Bearer {token}' localhost",
            "cwd": f"/tmp/{token}",
            "match": token,
            "provider": token,
            "schema": {"type": "object", "default": token},
        }.items():
            with pytest.raises(AtlasError, match=f"{field} holds"):
                daemon.call("task.submit", prompt="p", **{field: value})
        with pytest.raises(AtlasError, match=r"task\.check holds"):
            daemon.call(
                "schedule.add",
                name="n",
                every_s=60,
                task={"prompt": "p", "check": ["curl", "-u", f"bob:{token}"]},
            )
        with pytest.raises(AtlasError, match="prompt is private as a whole"):
            daemon.call("task.submit", prompt="<private>nothing else</private>")
        assert daemon.call("task.list")["tasks"] == []
        assert daemon.stop() == 0
    assert planted.found_in(tmp_path / "home") == set()
