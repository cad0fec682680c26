"""Runs in an interpreter that has huey and persist-queue: their rates as one line of JSON.

usage: PYTHON tests/support/queue_peers.py FOLDER SECONDS
"""

import json
import sys
import time
from collections.abc import Callable
from pathlib import Path

PAYLOAD = "x" * 200


def rates_of(
    enqueue: Callable[[], object], work: Callable[[], object], seconds: float
) -> tuple[float, float]:
    """How often a second each is done; no more is worked than was enqueued."""
    enqueued, begun = 0, time.perf_counter()
    while time.perf_counter() < begun + seconds:
        enqueue()
        enqueued += 1
    enqueue_rate = enqueued / (time.perf_counter() - begun)
    worked, begun = 0, time.perf_counter()
    while worked < enqueued and time.perf_counter() < begun + seconds:
        work()
        worked += 1
    return enqueue_rate, worked / (time.perf_counter() - begun)


def huey(folder: Path, seconds: float) -> tuple[float, float]:
    """(enqueued, taken and executed) a second with SqliteHuey as it comes."""
    from huey import SqliteHuey

    queue = SqliteHuey(filename=str(folder / "huey.db"))

    @queue.task()  # type: ignore[untyped-decorator]
    def work(text: str) -> int:
        return len(text)

    return rates_of(lambda: work(PAYLOAD), lambda: queue.execute(queue.dequeue()), seconds)


def persist_queue(folder: Path, seconds: float) -> tuple[float, float]:
    """(put, got and acknowledged) a second with SQLiteAckQueue, each durable by itself."""
    from persistqueue import SQLiteAckQueue

    queue = SQLiteAckQueue(str(folder / "persist"), multithreading=True, auto_commit=True)
    return rates_of(lambda: queue.put(PAYLOAD), lambda: queue.ack(queue.get()), seconds)


def main() -> None:
    """Measure both."""
    folder, seconds = Path(sys.argv[1]), float(sys.argv[2])
    print(json.dumps({"huey": huey(folder, seconds), "persist": persist_queue(folder, seconds)}))


if __name__ == "__main__":
    main()
