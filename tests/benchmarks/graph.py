"""The graph: what a turn costs to take in, and what a question costs, at 50,000 entities.

Options: --entities N, --facts N, --questions N. Times are the processor's, per call, p50 and p95,
so that others on the machine count for little. The peer is one recursive SQL statement for the
same two hops, without a cap on hubs.
"""

import argparse
import random
import statistics
import tempfile
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

from loguru import logger

from atlas_actors.cell import Fence
from atlas_actors.memory.actor import Memory
from atlas_actors.memory.graph.extract import extract
from atlas_actors.memory.graph.graph import Graph
from atlas_actors.memory.graph.walk import walk
from atlas_actors.messages.memory import NewMemory
from atlas_actors.store import Store

TURN = (
    "Hey Mel! I talked to Caroline about the adoption agency in Boston yesterday; she'd like"
    " the store.py lesson from May."
)
CODE = (
    "Fixed the ValueError in atlas_actors/store.py by replacing apsw.Connection with Store.open(),"
    " see GH-123 and `pytest -q`."
)
NEW_MEMORY = (
    "insert into memories (number, id, project, session, kind, speaker, origin, trust, text,"
    " rationale, alternatives, tags, source, lineage, at_ms, created_ms, fingerprint)"
    " values (?1, 'm' || ?1, '', '', 'episode', '', 'person', 3, '', '', '[]', '[]', '', '[]',"
    " 1, 1, randomblob(8))"
)
RECURSIVE = (
    "with recursive near(id, hop) as (select ?1, 0 union select case subject when near.id"
    " then object else subject end, hop + 1 from near join facts"
    " on near.id in (subject, object) where hop < 2) select count(distinct id) from near"
)


def main(words: list[str]) -> int:
    """Print a table."""
    parser = argparse.ArgumentParser(prog="scripts/bench graph", description=__doc__)
    parser.add_argument("--entities", type=int, default=50_000)
    parser.add_argument("--facts", type=int, default=300_000)
    parser.add_argument("--questions", type=int, default=500)
    options = parser.parse_args(words)
    logger.remove()
    print(f"{'':44} {'p50 us':>9} {'p95 us':>9}")
    for name, text in (("a turn of a talk", TURN), ("a turn about code", CODE)):
        times = [_timed(lambda text=text: extract(text)) for _ in range(2_000)]
        _print(f"extract from {name}, {len(text)} characters", times)
    with tempfile.TemporaryDirectory() as folder:
        store = Store(Path(folder) / "memory.db", Memory.schema, Fence())
        try:
            for name, times in rows(store, options.entities, options.facts, options.questions):
                _print(name, times)
            print(f"file {(Path(folder) / 'memory.db').stat().st_size / 1e6:.0f} MB")
        finally:
            store.close()
    return 0


def rows(
    store: Store, entities: int, facts: int, questions: int, seed: int = 7
) -> Iterable[tuple[str, list[float]]]:
    """(what, seconds of each call) of one graph whose degrees follow a power law."""
    fill(store, entities, facts, seed)
    chance = random.Random(seed)
    asked = [chance.randrange(1, entities + 1) for _ in range(questions)]
    graph = Graph(store)
    yield (
        f"related, {entities:,} entities, {facts:,} facts",
        [_timed(lambda n=n: graph.related(f"what is file_{n}.py for?", None, 10)) for n in asked],
    )
    yield (
        "related, a question that names two hubs",
        [
            _timed(lambda: graph.related("file_1.py or file_2.py?", None, 10))
            for _ in range(questions)
        ],
    )
    for hops in (1, 2, 3):
        yield (
            f"walk, {hops} hops",
            [_timed(lambda n=n, hops=hops: walk(store.rows, [n], hops, 10)) for n in asked],
        )
    yield (
        "peer: recursive SQL, 2 hops",
        [_timed(lambda n=n: store.rows(RECURSIVE, (n,))) for n in asked[:20]],
    )
    store.begin(durable=False)
    items = [NewMemory(kind="episode", text=f"{TURN} {n}", speaker="Mel") for n in range(5_000)]
    first = 10 * entities
    for n in range(len(items)):
        store.run(NEW_MEMORY, (first + n,))
    yield (
        "note a turn of a talk",
        [_timed(lambda n=n: graph.note(first + n, items[n], 3, 10)) for n in range(len(items))],
    )
    store.commit()


def fill(store: Store, entities: int, facts: int, seed: int) -> None:
    """Entities named file_N.py, two memories that name each, and facts between them."""
    chance = random.Random(seed)

    def one() -> int:
        return min(entities, int(entities * chance.paretovariate(0.6) / entities) or 1)

    connection = store.connection
    store.begin(durable=False)
    connection.executemany(NEW_MEMORY, [(n,) for n in range(1, entities + 1)])
    connection.executemany(
        "insert into entities (id, project, kind, name, norm, stated, created_ms)"
        " values (?1, '', 'path', 'file_' || ?1 || '.py', 'file_' || ?1 || '.py', 0, 1)",
        [(n,) for n in range(1, entities + 1)],
    )
    connection.executemany(
        "insert or ignore into mentions values (?, ?, 1)",
        [(n, number) for n in range(1, entities + 1) for number in (n, one())],
    )
    connection.executemany(
        "insert or ignore into facts (subject, relation, object, from_ms, recorded_ms, trust,"
        " origin, number) values (?, 'uses', ?, 1, 1, 3, '', ?)",
        [(chance.randrange(1, entities + 1), one(), one()) for _ in range(facts)],
    )
    store.commit()


def _timed(act: Callable[[], Any]) -> float:
    begun = time.thread_time()
    act()
    return time.thread_time() - begun


def _print(name: str, times: list[float]) -> None:
    p95 = statistics.quantiles(times, n=20)[-1]
    print(f"{name:44} {statistics.median(times) * 1e6:9.1f} {p95 * 1e6:9.1f}", flush=True)
