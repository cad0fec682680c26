"""Secrets that are missed, false alarms on prose and on code, and the time that it takes.

Options: --each N (secrets of each kind, default 20), --show N (false alarms shown, default 5),
--seed N. Reads ../shared/data for prose; what is missing is named and left out. Compares with
detect-secrets where that is installed. The generator and the patterns have one author: take what
is caught as an upper side.
"""

import argparse
import json
import random
import sysconfig
import time
from collections import Counter
from collections.abc import Callable, Iterable
from pathlib import Path

from atlas_actors.redaction import Redactor
from tests.support.fake_secrets import placed_lines, token_lines

ROOT = Path(__file__).resolve().parents[2]
DATA = ROOT.parent / "shared" / "data"
TRICKY = (
    "commit 3f2b8c9d0e1f4a5b6c7d8e9f0a1b2c3d4e5f6a7b",
    "task 01932f4c-8a7b-7c3d-9e4f-5a6b7c8d9e0f is done",
    "sha256:9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
    '"integrity": "sha512-z4PhNX7vuL3xVChQ1m2AB9Yg5AULVxXcg/SpIdNs6c5H0NE8XYXys=="',
    "data:image/png;base64,iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk",
    "password = os.environ['DB_PASSWORD']",
    "password: ${DB_PASSWORD}",
    "API_KEY=your-key-here",
    "token: <token>",
    "secret = getpass.getpass()",
    "max_tokens=4096",
    "answer_tokens_max = 8000",
    "token_type: bearer",
    'tokenizer: "cl100k_base"',
    "PASSWORD=changeme",
    "api_key: xxxxxxxxxxxxxxxx",
    "password: ********",
    "model = 'claude-sonnet-4-5-20250929'",
    "def login(user: str, password: str) -> Token:",
    "if token != expected_token:",
    "The password must have at least 8 characters.",
    "I forgot my password again, and the token expired on 2026-11-02.",
    "key: daily-report-2026-11-22",
    "primary_key = True",
    "export PATH=$PATH:/usr/local/bin",
    "secret/data/app/config",
    "self.access_token = response.json()['access_token']",
    "Authorization: Bearer $TOKEN",
    "Authorization: Bearer <your-token>",
    "--password PASSWORD",
    "https://example.org/reset-password?next=/home",
    "-----BEGIN CERTIFICATE-----",
    "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJ8yFm bob@laptop",
    "PWD=/home/bob/project",
    "git@github.com:bob/app.git",
    "the key is under the mat",
    "pass: 12, fail: 3",
    "token = tokens[i + 1]",
    "secretKeyRef: {name: app, key: password}",
    "kubectl get secret app-tls-2026 -o yaml",
)


def main(words: list[str]) -> int:
    """Print what was measured; 1 when a goal is missed."""
    parser = argparse.ArgumentParser(prog="scripts/bench redaction", description=__doc__)
    parser.add_argument("--each", type=int, default=20)
    parser.add_argument("--show", type=int, default=5)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--data", type=Path, default=DATA)
    options = parser.parse_args(words)
    talk = _prose(options.data)
    redactor = Redactor(b"0" * 32)

    def ours(line: str) -> bool:
        return any(kind != "private" for kind in redactor.found(line))

    random_ = random.Random(options.seed)
    planted = [*token_lines(random_, options.each), *placed_lines(random_, options.each)]
    missed = [(kind, line) for kind, secret, line in planted if secret in redactor.text(line)]
    caught = 100 * (1 - len(missed) / len(planted))
    for _, line in missed[: options.show]:
        print(f"  missed: {line[:150]}")
    print(f"caught: {caught:.2f} % of {len(planted)} secrets; goal 99.5")
    for kind, count in Counter(kind for kind, _ in missed).most_common():
        print(f"  missed {count} of {options.each}: {kind}")
    good = caught >= 99.5
    for name, lines, most in (
        ("prose", talk, 1.0),
        ("standard library", _code(Path(sysconfig.get_path("stdlib"))), 0.5),
        ("this repository", _code(ROOT), 0.5),
        ("tricky lines", list(TRICKY), 0.0),
    ):
        if not lines:
            print(f"{name}: {options.data} has none, not measured")
            continue
        good &= _report(name, lines, ours, most, options.show)
    text = "\n".join(talk or _code(ROOT))[:1_000_000]
    for name, sample in (("prose", text), ("code", "\n".join(_code(ROOT))[:1_000_000])):
        began = time.process_time()
        for at in range(0, len(sample), 4_000):
            redactor.text(sample[at : at + 4_000])
        took = (time.process_time() - began) * 1000 / (len(sample) / 1024)
        print(
            f"time: {took:.3f} ms of processor/KB of {name}, in pieces of 4,000 characters; goal 0.25"
        )
        good &= took <= 0.25
    _compare([line for _, _, line in planted], talk)
    print("goals: " + ("held" if good else "MISSED"))
    return 0 if good else 1


def _report(
    name: str, lines: list[str], alarmed: Callable[[str], bool], most: float, show: int
) -> bool:
    false = [line for line in lines if alarmed(line)]
    rate = 1000 * len(false) / len(lines)
    print(
        f"{name}: {rate:.3f} false alarms in 1,000 lines "
        f"({len(false)} of {len(lines)}); goal {most:g}"
    )
    for line in false[:show]:
        print(f"  {Redactor(b'0' * 32).text(line.strip())[:150]}   FROM   {line.strip()[:150]}")
    return rate <= most


def _prose(data: Path) -> list[str]:
    """Turns of talk, each a line."""
    file = data / "locomo" / "dev.json"
    if not file.exists():
        return []
    found: list[str] = []

    def walk(value: object) -> None:
        if isinstance(value, dict):
            if isinstance(value.get("text"), str) and "speaker" in value:
                found.append(f"{value['speaker']}: {value['text']}")
            for item in value.values():
                walk(item)
        elif isinstance(value, list):
            for item in value:
                walk(item)

    walk(json.loads(file.read_text("utf-8")))
    return found


def _code(folder: Path) -> list[str]:
    return [
        line
        for file in sorted(folder.rglob("*.py"))
        if not {"site-packages", ".venv", "test", "idle_test", "redaction"}
        & set(file.relative_to(folder).parts)
        for line in file.read_text("utf-8", "replace").splitlines()
        if line.strip()
    ]


def _compare(planted: Iterable[str], prose: list[str]) -> None:
    """detect-secrets over the same lines, as it looks at one line."""
    try:
        from detect_secrets.core.scan import scan_line
        from detect_secrets.settings import default_settings
    except ImportError:
        print("detect-secrets: not installed, not compared")
        return
    planted = list(planted)
    with default_settings():
        began = time.process_time()
        caught = sum(
            any(True for part in line.split("\n") for _ in scan_line(part)) for line in planted
        )
        took = (time.process_time() - began) * 1000 / (sum(map(len, planted)) / 1024)
        some = prose[:2_000]
        false = sum(any(True for _ in scan_line(line)) for line in some)
    print(
        f"detect-secrets: {100 * caught / len(planted):.1f} % caught, {took:.2f} ms/KB, "
        + (f"{1000 * false / len(some):.0f} false in 1,000 lines of prose" if some else "no prose")
    )
