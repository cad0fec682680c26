"""Recall of memory: how well and how fast, beside plain FTS5 BM25; and a million memories.

usage: scripts/bench memory [--data FILE] [--socket] [--scale N,N…] [--projects 1,1000]
                            [--only locomo,scale]

FILE is in LoCoMo's form (../shared/data/locomo/dev.json where it is there): each conversation a
project, each turn a memory, each question of categories 1 to 4 a query, its evidence the truth. The
shipped weights were fitted on these conversations: what to expect elsewhere is printed beside,
measured with each conversation held out of the fit. --socket stores and recalls through a daemon.
"""

import argparse
import itertools
import random
import resource
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, Final

from atlas_actors.cli.client import Client
from atlas_actors.memory.search import WEIGHTS_FILE, Search
from atlas_actors.messages.memory import NewMemory, Recall
from tests.support.daemons import daemon_on
from tests.support.recalls import (
    ADVERSARIAL,
    LOCOMO,
    Question,
    RecallSet,
    fill,
    insert,
    locomo,
    measured,
    plain,
    store_in,
)

NOW_MS: Final = 1_800_000_000_000
BATCH: Final = 500
QUERIES: Final = 200
CATEGORIES: Final = {1: "multi-hop", 2: "temporal", 3: "open-domain", 4: "single-hop"}
Answer = Callable[[Question], Sequence[int]]


def main(words: list[str]) -> int:
    """Run what is asked for; the exit code."""
    parser = argparse.ArgumentParser(prog="scripts/bench memory")
    parser.add_argument("--data", type=Path, default=LOCOMO, metavar="FILE")
    parser.add_argument("--socket", action="store_true")
    parser.add_argument("--scale", default="1000,100000,1000000")
    parser.add_argument("--projects", default="1,1000")
    parser.add_argument("--only", default="locomo,scale")
    options = parser.parse_args(words)
    if "locomo" in options.only:
        if options.data.exists():
            conversations(locomo(options.data), socket=options.socket)
        else:
            print(f"{options.data} is not there: --data names a file in LoCoMo's form")
    if "scale" in options.only:
        for rows in map(int, options.scale.split(",")):
            for projects in map(int, options.projects.split(",")):
                scale(rows, projects)
    return 0


def conversations(wanted: RecallSet, *, socket: bool) -> None:
    """Questions of conversations, ours and plain FTS5 in turns, then through a socket."""
    with tempfile.TemporaryDirectory() as name, store_in(Path(name)) as store:
        search = Search(store)
        begun = time.perf_counter()
        numbers = fill(store, search, wanted)
        rate = len(numbers) / (time.perf_counter() - begun)
        size = sum(file.stat().st_size for file in Path(name).iterdir()) / 1e6
        print(f"{len(numbers):,} memories stored and indexed at {rate:,.0f}/s, {size:.1f} MB")

        def ours(asked: Question) -> list[int]:
            query = Recall(query=asked.text, project=asked.project, k=20)
            return [hit.number for hit in search.find(query, NOW_MS)]

        _table("Atlas, shipped weights (in sample)", wanted, numbers, ours)
        _table(
            "plain FTS5 BM25, porter",
            wanted,
            numbers,
            lambda asked: plain(store, asked.text, project=asked.project),
        )
    for line in WEIGHTS_FILE.read_text("utf-8").splitlines():
        if "held out" in line:
            print(f"expected elsewhere: {line.removeprefix('# ')}")
    if socket:
        _through_a_socket(wanted)


def _table(title: str, wanted: RecallSet, numbers: dict[str, int], answer: Answer) -> None:
    """Print how well all questions and those of each category are answered, and how fast."""
    answers, times_ms = [], []
    for asked in wanted.questions:
        begun = time.perf_counter()
        found = answer(asked)
        times_ms.append((time.perf_counter() - begun) * 1e3)
        answers.append((asked.category, (found, [numbers[key] for key in asked.evidence])))
    print(f"\n{title}: {_percentiles(times_ms)}")
    print(f"  {'all':<12} {measured([one for c, one in answers if c != ADVERSARIAL])}")
    for category, label in (*CATEGORIES.items(), (ADVERSARIAL, "adversarial")):
        print(f"  {label:<12} {measured([one for c, one in answers if c == category])}", flush=True)


def _through_a_socket(wanted: RecallSet) -> None:
    """memory.store in batches and memory.recall one by one of a real daemon."""
    with (
        tempfile.TemporaryDirectory() as name,
        daemon_on(Path(name) / "home") as daemon,
        Client(daemon.home) as client,
    ):
        ids: dict[str, str] = {}
        begun = time.perf_counter()
        for keys in _batches(list(wanted.memories), BATCH):
            items = [_item(wanted.memories[key][0]) for key in keys]
            ids.update(zip(keys, client.call("memory.store", items=items)["ids"], strict=True))
        print(f"\nsocket: stored at {len(ids) / (time.perf_counter() - begun):,.0f}/s")
        order = {id: number for number, id in enumerate(dict.fromkeys(ids.values()))}

        def answer(asked: Question) -> list[int]:
            found = client.call("memory.recall", query=asked.text, project=asked.project, k=20)
            return [order[item["id"]] for item in found["items"]]

        known = {key: order[id] for key, id in ids.items()}
        _table("Atlas through the socket (in sample)", wanted, known, answer)
        _table("the same questions again: L1", wanted, known, answer)


def _item(memory: NewMemory) -> dict[str, object]:
    names = ("kind", "text", "project", "session", "speaker", "at_ms", "source")
    return {name: value for name in names if (value := getattr(memory, name)) is not None}


def scale(rows: int, projects: int) -> None:
    """So many generated memories in so many projects: ingest, latency, memory and size."""
    chance = random.Random(7)
    draw = _zipf_texts(chance)
    with tempfile.TemporaryDirectory() as name, store_in(Path(name)) as store:
        search = Search(store)
        begun = time.perf_counter()
        for batch in _batches(range(rows), BATCH):
            store.begin(durable=False)
            for number in batch:
                project = chance.randrange(projects)
                session = f"s{number // (30 * projects)}"
                text, at_ms = draw(24), NOW_MS - (rows - number) * 1_000
                item = NewMemory(
                    kind="episode",
                    text=text,
                    project=f"p{project}",
                    session=session,
                    speaker="Ann",
                    at_ms=at_ms,
                )
                search.note(insert(store, item, now_ms=at_ms))
            store.commit()
        rate = rows / (time.perf_counter() - begun)
        size = sum(file.stat().st_size for file in Path(name).iterdir()) / 1e6
        print(f"\n{rows:,} memories in {projects:,} projects: {rate:,.0f}/s, {size:,.0f} MB")
        for label, scoped in (("one project", True), ("all projects", False)):
            times_ms = []
            for _ in range(QUERIES):
                project_name = f"p{chance.randrange(projects)}" if scoped else None
                query = Recall(query=f"what about {draw(8)}?", project=project_name)
                begun = time.perf_counter()
                search.find(query, NOW_MS)
                times_ms.append((time.perf_counter() - begun) * 1e3)
            print(f"  {label:<13} {_percentiles(times_ms)}", flush=True)
        print(f"  peak memory {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e3:,.0f} MB")


def _zipf_texts(chance: random.Random) -> Callable[[int], str]:
    """Texts of words as frequent as those of a language."""
    count = 60_000
    syllables = [a + b for a in "bcdfglmnprst" for b in "aeiou"]
    vocabulary = ["".join(chance.choices(syllables, k=chance.randint(2, 4))) for _ in range(count)]
    weights = list(itertools.accumulate(1 / (rank + 3) ** 1.05 for rank in range(count)))
    return lambda length: " ".join(chance.choices(vocabulary, cum_weights=weights, k=length))


def _batches(items: Sequence[Any], size: int) -> Iterator[Sequence[Any]]:
    for start in range(0, len(items), size):
        yield items[start : start + size]


def _percentiles(times_ms: Sequence[float]) -> str:
    cuts = statistics.quantiles(times_ms, n=20)
    return f"p50 {cuts[9]:.1f} ms, p95 {cuts[18]:.1f} ms, most {max(times_ms):.1f} ms"
