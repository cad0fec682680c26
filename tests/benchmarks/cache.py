"""L1 hits beside what they save: in the process, on a Valkey server, and a recall without either.

Options: --memories N (default 5000), --gets N (default 2000). A hit on a server costs more than one
look-up in SQLite does; it pays where the recall that it saves costs more than it.
"""

import argparse
import random
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from atlas_actors.clock import SystemClock
from atlas_actors.memory.cache import Cache, ProcessCache
from atlas_actors.memory.cache_entries import key_of, moment, packed, unpacked
from atlas_actors.memory.cache_server import ServerCache
from atlas_actors.messages.memory import NewMemory, Recall
from tests.support.memories import Remembering
from tests.support.valkey import valkey

WORDS = [f"word{number}" for number in range(2_000)]


def main(words: list[str]) -> int:
    """Print a table."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--memories", type=int, default=5_000)
    parser.add_argument("--gets", type=int, default=2_000)
    options = parser.parse_args(words)
    chance = random.Random(7)
    with tempfile.TemporaryDirectory() as name, valkey(Path(name)) as server:
        memory = Remembering(Path(name))
        for _ in range(0, options.memories, 500):
            texts = (" ".join(chance.choices(WORDS, k=12)) for _n in range(500))
            memory.store(*(NewMemory(kind="learning", text=text) for text in texts))
        asked = [Recall(query=" ".join(chance.choices(WORDS, k=5))) for _ in range(50)]
        levels = memory.actor._levels
        now_ms = memory.clock.now_ms()
        row("L2 without L1", lambda n: levels.search.find(asked[n % 50], now_ms), 50)
        hits = [levels.search.find(one, now_ms) for one in asked]
        at = moment(memory.actor.store)
        keys = [key_of(at, one, 0, "") for one in asked]
        ours = ProcessCache(2**24)
        shared = ServerCache(server.url, b"s" * 16, timeout_s=1.0, clock=SystemClock())
        while shared.state()["state"] == "starting":
            shared.get(keys[0])
        for label, cache in (("L1 in the process", ours), ("L1 on a server", shared)):
            for key, found in zip(keys, hits, strict=True):
                cache.put(key, packed(found[:10]))
                cache.get(key)  # a server takes it in its own time: no more wait than there is room
            row(label, lambda n, cache=cache: hit(cache, keys[n % 50]), options.gets)
        row(
            "SQLite get by key",
            lambda _: memory.rows("select * from generation"),
            options.gets,
        )
        server.kill()
        shared.get(keys[0])
        row("L1, server away", lambda n: shared.get(keys[n % 50]), options.gets)
        shared.close()
        memory.stop()
    return 0


def hit(cache: Cache, key: bytes) -> None:
    """A get that must find."""
    value = cache.get(key)
    assert value is not None
    assert unpacked(value) is not None


def row(label: str, work: Callable[[int], object], times: int) -> None:
    """Print one line."""
    took = []
    for number in range(times):
        begun = time.perf_counter_ns()
        work(number)
        took.append((time.perf_counter_ns() - begun) / 1_000)
    took.sort()
    p95 = took[int(len(took) * 0.95)]
    print(f"{label:<20} p50 {statistics.median(took):9.1f} us   p95 {p95:9.1f} us   n {times}")


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
