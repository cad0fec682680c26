"""For tests: a place to install into, and programs that stand in for Codex."""

import os
import sys
import textwrap
from pathlib import Path

from atlas_actors.clients.install.installer import Where
from tests.clients.install.places import place


def where_in(folder: Path, **changes) -> Where:
    """A home of its own in this folder, with a project and a scripts/hook."""
    hook = folder / "checkout" / "scripts" / "hook"
    hook.parent.mkdir(parents=True, exist_ok=True)
    hook.touch()
    where = place(folder, python=os.path.realpath(sys.executable), hook=hook, **changes)
    where.codex_dir.mkdir(exist_ok=True)
    return where


def program(folder: Path, body: str, name: str = "codex") -> Path:
    """A program of this name on the path of `where_in`; Python, with json, os and sys imported."""
    file = folder / "bin" / name
    file.parent.mkdir(exist_ok=True)
    file.write_text(
        f"#!{sys.executable} -IS\nimport json, os, sys\n"
        "sys.stdout.reconfigure(line_buffering=True)\n" + textwrap.dedent(body),
        "utf-8",
    )
    file.chmod(0o755)
    return file


# Lists hooks.json of $CODEX_HOME and of a trusted cwd as Codex 0.169.0 does. Its hash is another
# one: of the event, the matcher and the handler, whatever the place.
CODEX = """
import hashlib, re, tomllib
from pathlib import Path

if sys.argv[1:] == ["--version"]:
    print("codex-cli 0.169.0")
    sys.exit()
home = Path(os.environ.get("CODEX_HOME") or os.environ["HOME"] + "/.codex")
if "CODEX_HOME" not in os.environ:
    home.mkdir(exist_ok=True)

def settings():
    file = home / "config.toml"
    return tomllib.loads(file.read_text("utf-8-sig")) if file.exists() else {}

def hooks(cwd):
    said = settings()
    if said.get("features", {}).get("hooks") is False:
        return
    files = [home / "hooks.json"]
    if said.get("projects", {}).get(cwd, {}).get("trust_level") == "trusted":
        files.append(Path(cwd) / ".codex" / "hooks.json")
    for file in files:
        value = json.loads(file.read_text()) if file.exists() else {}
        for event, groups in value.get("hooks", {}).items():
            snake = re.sub(r"(?<!^)(?=[A-Z])", "_", event).lower()
            for number, group in enumerate(groups):
                for place, hook in enumerate(group["hooks"]):
                    key = f"{file}:{snake}:{number}:{place}"
                    text = json.dumps([event, group.get("matcher"), hook], sort_keys=True)
                    now = "sha256:" + hashlib.sha256(text.encode()).hexdigest()
                    state = said.get("hooks", {}).get("state", {}).get(key, {})
                    trusted = state.get("trusted_hash")
                    trust = "trusted" if trusted == now else "modified" if trusted else "untrusted"
                    yield {
                        "key": key, "eventName": event[0].lower() + event[1:],
                        "command": hook["command"], "sourcePath": str(file), "source": "user",
                        "enabled": state.get("enabled", True), "currentHash": now,
                        "trustStatus": trust,
                    }

assert sys.argv[1:] == ["app-server"]
for line in sys.stdin:
    asked = json.loads(line)
    if "id" not in asked:
        continue
    print(json.dumps({"method": "something/happened", "params": {}}))
    if asked["method"] == "initialize":
        result = {"userAgent": "atlas/0.169.0 (Test)", "codexHome": str(home)}
    else:
        assert asked["method"] == "hooks/list"
        result = {"data": [{
            "cwd": cwd, "hooks": list(hooks(cwd)), "warnings": [], "errors": [],
        } for cwd in asked["params"]["cwds"]]}
    print(json.dumps({"id": asked["id"], "result": result}), flush=True)
"""
