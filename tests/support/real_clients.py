"""Real Claude Code and Codex, each in a home of its own, with a scripted model on loopback.

Nothing of the caller's environment reaches them, and no key is real. The scripted model is
fake_api.py of ../shared/tools/realclients.
"""

import importlib.util
import json
import os
import shutil
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Protocol

import attrs

from tests.support.daemons import ROOT

API = ROOT.parent / "shared" / "tools" / "realclients" / "fake_api.py"
RUN_S = 90.0
PLACES = "/usr/local/bin:/usr/bin:/bin"
VARIABLES = {"claude": "CLAUDE_BIN", "codex": "CODEX_BIN"}


@attrs.frozen(kw_only=True)
class Run:
    """What one run of a program came to."""

    code: int | None  # None: it had to be ended
    seconds: float
    requests: list[str]  # the bodies of the model's requests, in order
    stdout: str
    stderr: str

    @property
    def well(self) -> bool:
        """It ended by itself, and the model had the last word."""
        return self.code == 0 and "FAKE-DONE" in self.stdout


PATHS = ("/v1/messages", "/v1/responses")


class ScriptedModel:
    """fake_api.py on a thread."""

    def __init__(self, file: Path, log: Path | None) -> None:
        spec = importlib.util.spec_from_file_location("fake_api", file)
        assert spec is not None
        assert spec.loader is not None
        module = importlib.util.module_from_spec(spec)
        sys.modules["fake_api"] = module
        spec.loader.exec_module(module)
        self.server, self.state = module.serve(0, None if log is None else str(log))
        self.port = self.server.server_address[1]

    def requests(self) -> list[str]:
        """The bodies of all requests to a model so far."""
        return [
            json.dumps(entry["body"], ensure_ascii=False)
            for entry in list(self.state.log)
            if entry["method"] == "POST" and entry["path"].partition("?")[0].endswith(PATHS)
        ]


@contextmanager
def scripted_model(file: Path = API, log: Path | None = None) -> Iterator[ScriptedModel]:
    """A running one; each request becomes a line of `log`."""
    model = ScriptedModel(file, log)
    thread = threading.Thread(target=model.server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield model
    finally:
        model.server.shutdown()
        model.server.server_close()
        thread.join(RUN_S)


class Client(Protocol):
    """A real program in a home of its own."""

    name: str
    program: str
    home: Path
    project: Path
    settings: Path  # the user's file that hooks go into

    def shell(self, command: str) -> dict[str, Any]:
        """The step in which the model runs a command."""

    def read(self, file: Path) -> dict[str, Any]:
        """The step in which the model reads a whole file, as it does that with this client."""

    def mcp_tool(self, name: str, **given: Any) -> dict[str, Any]:
        """The step in which the model calls a tool of the MCP server atlas."""

    def with_mcp(self, command: Sequence[str], environment: dict[str, str]) -> None:
        """Add the MCP server atlas, as a user does."""

    def run(self, prompt: str, steps: Sequence[dict[str, Any]] = ()) -> Run:
        """One prompt without a terminal."""


class _Program:
    def __init__(self, program: str, folder: Path, model: ScriptedModel) -> None:
        self.program = program
        self.home = folder / "home"
        self.project = folder / "project"
        self.model = model
        self.project.mkdir()
        subprocess.run(["git", "init", "--quiet", str(self.project)], check=True)
        self.home.mkdir()
        self.environment = {
            "PATH": f"{Path(program).parent}:{PLACES}",
            "HOME": str(self.home),
            "LANG": "C.UTF-8",
            "TERM": "dumb",
            "SHELL": "/bin/bash",
        }

    def call(self, *words: str, input_text: str = "") -> "subprocess.CompletedProcess[str]":
        """The program with these words, in the project."""
        return subprocess.run(
            [self.program, *words], env=self.environment, cwd=self.project, input=input_text,
            capture_output=True, text=True, timeout=RUN_S, check=False,
        )  # fmt: skip

    def _run(self, words: Sequence[str]) -> Run:
        before, began_s = len(self.model.requests()), time.monotonic()
        try:
            done = self.call(*words)
            code, out, err = done.returncode, done.stdout, done.stderr
        except subprocess.TimeoutExpired as error:
            code, out, err = None, str(error.stdout), str(error.stderr)
        return Run(
            code=code,
            seconds=time.monotonic() - began_s,
            requests=self.model.requests()[before:],
            stdout=out,
            stderr=err,
        )


def _scripted(prompt: str, steps: Sequence[dict[str, Any]]) -> str:
    return " ".join([prompt, *(f"[[step {json.dumps(step)}]]" for step in steps)])


class Claude(_Program):
    """`claude -p`."""

    name = "claude"

    def __init__(self, program: str, folder: Path, model: ScriptedModel) -> None:
        super().__init__(program, folder, model)
        self.settings = self.home / ".claude" / "settings.json"
        self.settings.parent.mkdir()
        # Not as a program would write it: it has to come back to the byte.
        self.settings.write_text('{\n   "cleanupPeriodDays" : 30,\n\t"env": {"A": "1"}\n}', "utf-8")
        quiet = ("DISABLE_TELEMETRY", "DISABLE_ERROR_REPORTING", "DISABLE_AUTOUPDATER",
                 "DISABLE_BUG_COMMAND", "CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC")  # fmt: skip
        self.environment |= dict.fromkeys(quiet, "1")
        self.environment["ANTHROPIC_BASE_URL"] = f"http://127.0.0.1:{model.port}"
        self.environment["ANTHROPIC_API_KEY"] = "dummy-not-a-key"

    def shell(self, command: str) -> dict[str, Any]:
        return {"tool": "Bash", "input": {"command": command, "description": "d"}}

    def read(self, file: Path) -> dict[str, Any]:
        return {"tool": "Read", "input": {"file_path": str(file)}}

    def mcp_tool(self, name: str, **given: Any) -> dict[str, Any]:
        return {"tool": f"mcp__atlas__{name}", "input": given}

    def with_mcp(self, command: Sequence[str], environment: dict[str, str]) -> None:
        words = [word for key, value in environment.items() for word in ("-e", f"{key}={value}")]
        done = self.call("mcp", "add", "--scope", "user", "atlas", *words, "--", *command)
        assert done.returncode == 0, done.stderr

    def run(self, prompt: str, steps: Sequence[dict[str, Any]] = ()) -> Run:
        allowed = ("--allowedTools", "Bash,mcp__atlas")
        return self._run(["-p", _scripted(prompt, steps), "--output-format", "json", *allowed])


CODEX_CONFIG = """# my settings
model = "gpt-5-codex"   # the model
model_provider = "fake"
approval_policy = "never"
sandbox_mode = "danger-full-access"
check_for_update_on_startup = false
[analytics]
enabled = false
[model_providers.fake]
name = "fake"
base_url = "http://127.0.0.1:{port}/v1"
env_key = "FAKE_KEY"
wire_api = "responses"
request_max_retries = 2
stream_max_retries = 2
"""


class Codex(_Program):
    """`codex exec`."""

    name = "codex"

    def __init__(self, program: str, folder: Path, model: ScriptedModel) -> None:
        super().__init__(program, folder, model)
        codex_home = self.home / ".codex"
        codex_home.mkdir()
        self.settings = codex_home / "config.toml"
        self.settings.write_text(CODEX_CONFIG.format(port=model.port), "utf-8")
        self.environment |= {"CODEX_HOME": str(codex_home), "FAKE_KEY": "dummy-not-a-key"}

    def shell(self, command: str) -> dict[str, Any]:
        return {"tool": "exec_command", "input": {"cmd": command}}

    def read(self, file: Path) -> dict[str, Any]:
        return self.shell(f"cat {file.name}")

    def mcp_tool(self, name: str, **given: Any) -> dict[str, Any]:
        return {"tool": name, "namespace": "mcp__atlas", "input": given}

    def with_mcp(self, command: Sequence[str], environment: dict[str, str]) -> None:
        words = [word for key, value in environment.items() for word in ("--env", f"{key}={value}")]
        done = self.call("mcp", "add", "atlas", *words, "--", *command)
        assert done.returncode == 0, done.stderr

    def run(self, prompt: str, steps: Sequence[dict[str, Any]] = ()) -> Run:
        words = ["exec", "--skip-git-repo-check", "--json", _scripted(prompt, steps)]
        return self._run(words)


CLIENTS = {"claude": Claude, "codex": Codex}


def program_of(name: str) -> str | None:
    """Where a client's program is: as CLAUDE_BIN or CODEX_BIN says, else by PATH."""
    given = os.environ.get(VARIABLES[name])
    if given:
        return given if os.access(given, os.X_OK) else None
    return shutil.which(name)
