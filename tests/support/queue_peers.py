"""Runs in an interpreter that has huey and persist-queue: their rates as one line of JSON.

usage: PYTHON tests/support/queue_peers.py FOLDER SECONDS
"""

import json
import sys
import time
from collections.abc import Callable
from pathlib import Path

PAYLOAD = "x" * 200


def rate_of(act: Callable[[], object], seconds: float) -> float:
    """Times a second."""
    count, begun = 0, time.perf_counter()
    while time.perf_counter() < begun + seconds:
        act()
        count += 1
    return count / (time.perf_counter() - begun)


def huey(folder: Path, seconds: float) -> tuple[float, float]:
    """(enqueued, taken and executed) a second with SqliteHuey as it comes."""
    from huey import SqliteHuey

    queue = SqliteHuey(filename=str(folder / "huey.db"))

    @queue.task()  # type: ignore[untyped-decorator]
    def work(text: str) -> int:
        return len(text)

    enqueued = rate_of(lambda: work(PAYLOAD), seconds)
    return enqueued, rate_of(lambda: queue.execute(queue.dequeue()), min(seconds, 1.0))


def persist_queue(folder: Path, seconds: float) -> tuple[float, float]:
    """(put, got and acknowledged) a second with SQLiteAckQueue, each durable by itself."""
    from persistqueue import SQLiteAckQueue

    queue = SQLiteAckQueue(str(folder / "persist"), multithreading=True, auto_commit=True)
    enqueued = rate_of(lambda: queue.put(PAYLOAD), seconds)
    return enqueued, rate_of(lambda: queue.ack(queue.get()), min(seconds, 1.0))


def main() -> None:
    """Measure both."""
    folder, seconds = Path(sys.argv[1]), float(sys.argv[2])
    print(json.dumps({"huey": huey(folder, seconds), "persist": persist_queue(folder, seconds)}))


if __name__ == "__main__":
    main()
