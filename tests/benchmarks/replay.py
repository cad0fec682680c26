"""Tasks of an older system again, at their arrival times made shorter, with kill -9 in between.

usage: scripts/bench replay [--kills 10] [--speed 10000] [--data FOLDER]

Reads tasks.jsonl and execution_log.jsonl in ../shared/data/replay. Each request's idempotency key
is made from what it asks for, so that one that was made before is done once: first by the file
alone, then by the file and its length, which is all that is known of its content. Exit code 1 when
a promise was broken, 2 when the data is missing.
"""

import argparse
import hashlib
import json
import random
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

import attrs

from tests.support.campaign import STUCK_S, Campaign, campaign_on
from tests.support.ledger_server import OF_A_PROMPT

DATA = Path(__file__).resolve().parents[3] / "shared" / "data" / "replay"
LIFE_S = (0.3, 1.5)
ROW = "{:<18}{:>7}{:>10}{:>7}{:>7}{:>8}{:>11}{:>8}{:>8}"
HEADS = ("same by", "tasks", "distinct", "done", "kills", "calls", "explained", "broken", "s")


@attrs.frozen(kw_only=True)
class Arrival:
    """One task of the older system."""

    at_s: float  # after the first
    text: str
    key: str


def main(words: list[str]) -> int:
    """Replay twice and print a table."""
    parser = argparse.ArgumentParser(
        prog="scripts/bench replay",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--kills", type=int, default=10)
    parser.add_argument("--speed", type=float, default=10_000.0)
    parser.add_argument("--data", type=Path, default=DATA)
    parser.add_argument("--seed", type=int, default=random.randrange(10**6))
    options = parser.parse_args(words)
    tasks, log = options.data / "tasks.jsonl", options.data / "execution_log.jsonl"
    for file in (tasks, log):
        if not file.exists():
            sys.stderr.write(f"replay: there is no {file}: give its folder as --data\n")
            return 2
    print(f"seed {options.seed}\nthe older system: {_before(log)}")
    print(ROW.format(*HEADS))
    broken = []
    for name, known in (("file", ("file_path",)), ("file and length", None)):
        broken += _replay(name, arrivals(_rows(tasks), known), options)
    for kind, text in broken[:50]:
        print(f"BROKEN {kind}: {text}")
    return int(bool(broken))


def arrivals(rows: Sequence[dict[str, Any]], known: Sequence[str] | None) -> list[Arrival]:
    """In their order; `known` names the fields of `meta` that make a request another one."""
    found = []
    times = [datetime.fromisoformat(row["created_at"]).timestamp() for row in rows]
    for row, time_s in sorted(zip(rows, times, strict=True), key=lambda pair: pair[1]):
        meta = {name: row["meta"][name] for name in known or row["meta"] if name in row["meta"]}
        text = f"{row['prompt']} {json.dumps(meta, sort_keys=True)}"
        key = hashlib.sha256(text.encode()).hexdigest()[:24]
        found.append(Arrival(at_s=time_s - min(times), text=text, key=key))
    return found


def _replay(name: str, found: list[Arrival], options: argparse.Namespace) -> list[tuple[str, str]]:
    with (
        tempfile.TemporaryDirectory() as folder,
        campaign_on(Path(folder), seed=options.seed) as campaign,
    ):
        begun_s = time.monotonic()
        submitting = threading.Thread(target=_submit, args=(campaign, found, options.speed))
        submitting.start()
        kills = 0
        while submitting.is_alive() and kills < options.kills:
            campaign.kill(*LIFE_S, waits=False)
            kills += 1
            print(f"\rkill {kills} of {options.kills}   \r", end="", flush=True)
        campaign.daemon.start()
        submitting.join(found[-1].at_s / options.speed + STUCK_S)
        campaign.settle()
        took_s = time.monotonic() - begun_s
        assert campaign.daemon.stop() == 0
        verdict = campaign.verdict()
    distinct = len({arrival.key for arrival in found})
    broken = list(verdict.broken)
    if verdict.accepted != distinct:
        broken.append(("not accepted", f"{verdict.accepted} of {distinct} distinct requests"))
    print(
        ROW.format(
            name, len(found), distinct, verdict.completed, kills, verdict.calls,
            len(verdict.reruns), len(broken), f"{took_s:.1f}",
        ),
        flush=True,
    )  # fmt: skip
    texts = {arrival.key: arrival.text for arrival in found}
    for key in verdict.reruns:
        print(f"  called again after a kill, flagged: {' '.join(texts[key].split())[:80]}")
    return broken


def _submit(campaign: Campaign, found: list[Arrival], speed: float) -> None:
    begun_s, pace = time.monotonic(), threading.Event()
    for arrival in found:
        pace.wait(max(0.0, begun_s + arrival.at_s / speed - time.monotonic()))
        campaign.submit(arrival.key, f"{arrival.text}\n{OF_A_PROMPT.format(arrival.key)}")


def _rows(file: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in file.read_text("utf-8").splitlines()]


def _before(log: Path) -> str:
    events = Counter(row["event"] for row in _rows(log))
    return ", ".join(f"{count} {event.replace('_', ' ')}" for event, count in events.most_common())
