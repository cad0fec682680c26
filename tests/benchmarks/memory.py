"""Recall of memory: how well and how fast, beside plain FTS5 BM25 and mem0; and a million memories.

usage: scripts/bench memory [--data FILE] [--peers PYTHON] [--socket] [--scale N,N…]
                            [--projects 1,1000] [--only locomo,levels,scale] [--short]

FILE is in LoCoMo's form (../shared/data/locomo/dev.json where it is there): each conversation a
project, each turn a memory, each question of categories 1 to 4 a query, its evidence the truth. The
shipped weights were fitted on these conversations: what to expect elsewhere is printed beside,
measured with each conversation held out of the fit. --socket stores and recalls through a daemon.
PYTHON has mem0ai, qdrant-client, fastembed, wordllama and loguru: mem0 answers the same questions,
with vectors of our own embedder and with words (see tests/support/mem0_peer.py). Ours has vectors
too where wordllama is installed (the extra `semantic`). Levels: what a recall takes that is found,
and the same again from L1, in the process and on a Valkey server; `bench cache` has L1 alone and
`bench graph` L3. 1,000,000 memories take some ten minutes for each of --projects; --short takes
seconds, on our own set. Exits with 2 when there is nothing to measure with.
"""

import argparse
import itertools
import json
import random
import resource
import statistics
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, Final

from loguru import logger

from atlas_actors.cli.client import Client
from atlas_actors.memory.embedder import Embedder, open_embedder
from atlas_actors.memory.search import WEIGHTS_FILE, Search
from atlas_actors.messages.memory import NewMemory, Recall
from tests.support import mem0_peer
from tests.support.daemons import daemon_on
from tests.support.memories import Remembering
from tests.support.recalls import (
    ADVERSARIAL,
    LOCOMO,
    Measured,
    Question,
    RecallSet,
    developer,
    fill,
    insert,
    locomo,
    measured,
    plain,
    store_in,
)
from tests.support.valkey import valkey

NOW_MS: Final = 1_800_000_000_000
BATCH: Final = 500
QUERIES: Final = 200
SCALE_RATE: Final = 2_000  # memories stored in a second, for an estimate
FOUND_MAX: Final = 20
PEER_S: Final = 3_600.0
CATEGORIES: Final = {1: "multi-hop", 2: "temporal", 3: "open-domain", 4: "single-hop"}
Answer = Callable[[Question], Sequence[Any]]  # the numbers or keys of what was found


def main(words: list[str]) -> int:
    """Run what is asked for; the exit code."""
    parser = argparse.ArgumentParser(prog="scripts/bench memory")
    parser.add_argument("--data", type=Path, default=LOCOMO, metavar="FILE")
    parser.add_argument("--peers", metavar="PYTHON")
    parser.add_argument("--socket", action="store_true")
    parser.add_argument("--scale", default="1000,100000,1000000")
    parser.add_argument("--projects", default="1,1000")
    parser.add_argument("--only", default="locomo,levels,scale")
    parser.add_argument("--short", action="store_true")
    options = parser.parse_args(words)
    logger.remove()
    if options.short:
        conversations(developer(), peers=options.peers)
        levels(developer(), servers=False)
        return 0
    wanted = locomo(options.data) if options.data.exists() else None
    if wanted is None and options.only != "scale":
        print(f"{options.data} is not there: --data names one in LoCoMo's form, --short has ours")
        if "scale" not in options.only:
            return 2
    if wanted and "locomo" in options.only:
        conversations(wanted, peers=options.peers)
        for line in WEIGHTS_FILE.read_text("utf-8").splitlines():
            if "held out" in line:
                print(f"expected elsewhere: {line.removeprefix('# ')}")
        if options.socket:
            _through_a_socket(wanted)
    if wanted and "levels" in options.only:
        levels(wanted, servers=True)
    if "scale" in options.only:
        for rows in map(int, options.scale.split(",")):
            for projects in map(int, options.projects.split(",")):
                scale(rows, projects)
    return 0


def conversations(wanted: RecallSet, *, peers: str | None) -> dict[str, Measured]:
    """The same questions to ours, to plain FTS5 and to mem0; what each came to."""
    found = _ours("Atlas, words only (in sample)", wanted, None)
    embedder = open_embedder("auto")
    if embedder is None:
        print("\nAtlas with vectors: not measured, wordllama is not installed (extra `semantic`)")
    else:
        found |= _ours(f"Atlas, words and {embedder.name} (in sample)", wanted, embedder)
    if peers is None:
        print("\nmem0: not measured, --peers names an interpreter that has it")
    else:
        found |= _mem0(wanted, peers)
    return found


def _ours(title: str, wanted: RecallSet, embedder: Embedder | None) -> dict[str, Measured]:
    with tempfile.TemporaryDirectory() as name, store_in(Path(name)) as store:
        search = Search(store, embedder)
        begun = time.perf_counter()
        numbers = fill(store, search, wanted)
        rate = len(numbers) / (time.perf_counter() - begun)
        print(f"\n{len(numbers):,} memories stored and indexed at {rate:,.0f}/s", end="")
        if embedder is not None:
            begun = time.perf_counter()
            store.begin(durable=False)
            while search.backfill(BATCH):
                pass
            store.commit()
            print(f", embedded at {len(numbers) / (time.perf_counter() - begun):,.0f}/s", end="")
        size = sum(file.stat().st_size for file in Path(name).iterdir()) / 1e6
        print(f", {size:.1f} MB")

        def ours(asked: Question) -> list[int]:
            query = Recall(query=asked.text, project=asked.project, k=FOUND_MAX)
            return [hit.number for hit in search.find(query, NOW_MS)]

        def peer(asked: Question) -> list[int]:
            return plain(store, asked.text, FOUND_MAX, asked.project)

        found = {title: _table(title, wanted, numbers, ours)}
        if embedder is None:
            label = "plain FTS5 BM25, porter"
            found[label] = _table(label, wanted, numbers, peer)
        return found


def _mem0(wanted: RecallSet, python: str) -> dict[str, Measured]:
    """mem0 in a process of its own, with vectors of our own embedder."""
    memories = [
        (key, item.project or "", f"{item.speaker}: {item.text}" if item.speaker else item.text)
        for key, (item, _) in wanted.memories.items()
    ]
    questions = [(asked.project, asked.text) for asked in wanted.questions]
    given = json.dumps({"memories": memories, "questions": questions, "k": FOUND_MAX})
    with tempfile.TemporaryDirectory() as folder:
        words = [python, mem0_peer.__file__, folder]
        done = subprocess.run(
            words, input=given, capture_output=True, text=True, timeout=PEER_S, check=False
        )
        size = sum(file.stat().st_size for file in Path(folder).rglob("*") if file.is_file()) / 1e6
    if done.returncode:
        said = (done.stderr.strip().splitlines() or ["it said nothing"])[-1]
        print(f"\nmem0: not measured, {python} failed: {said}")
        return {}
    found = json.loads(done.stdout)
    rate = len(memories) / found["ingest_s"]
    print(f"\n{len(memories):,} memories stored by mem0 at {rate:,.0f}/s, {size:.1f} MB")
    title = f"mem0 {found['version']}, infer=False, same embedder, {found['how']}"
    by_question = dict(zip(wanted.questions, found["answers"], strict=True))
    keys = {key: key for key in wanted.memories}
    return {title: _table(title, wanted, keys, by_question.__getitem__, found["times_ms"])}


def _table(
    title: str,
    wanted: RecallSet,
    numbers: dict[str, Any],
    answer: Answer,
    took_ms: Sequence[float] | None = None,
) -> Measured:
    """Print how well all questions and those of each category are answered, and how fast.

    `took_ms` is what the answers took when somebody else has measured it. Returns all of 1 to 4.
    """
    answers, times_ms = [], []
    for asked in wanted.questions:
        begun = time.perf_counter()
        found = answer(asked)
        times_ms.append((time.perf_counter() - begun) * 1e3)
        answers.append((asked.category, (found, [numbers[key] for key in asked.evidence])))
    print(f"{title}: {_percentiles(took_ms or times_ms)}")
    whole = measured([one for c, one in answers if c != ADVERSARIAL])
    print(f"  {'all':<12} {whole}", flush=True)
    for category, label in (*CATEGORIES.items(), (ADVERSARIAL, "adversarial")):
        some = [one for c, one in answers if c == category]
        if some and len(some) < len(answers):
            print(f"  {label:<12} {measured(some)}", flush=True)
    return whole


def levels(wanted: RecallSet, *, servers: bool) -> None:
    """What a recall of the room takes that is found, and the same again from L1."""
    print("\nrecalls of the room (memory's own work, no socket):")
    with tempfile.TemporaryDirectory() as name:
        _level("in the process", Path(name), wanted)
    if servers:
        with tempfile.TemporaryDirectory() as name, valkey(Path(name)) as server:
            # Longer than ships: on a busy machine a slow answer would count as one that is away.
            _level("on a Valkey server", Path(name), wanted, server.url, timeout_s=1.0)


def _level(
    label: str, folder: Path, wanted: RecallSet, url: str = "", timeout_s: float = 0.05
) -> None:
    memory = Remembering(folder, cache_url=url, cache_timeout_s=timeout_s)
    try:
        for batch in _batches([item for item, _ in wanted.memories.values()], BATCH):
            memory.store(*batch)
        cache = memory.actor._levels.cache
        while cache.state()["state"] == "starting":
            cache.get(b"")
        asked = list(dict.fromkeys((one.project, one.text) for one in wanted.questions))[:QUERIES]
        for again in (False, True):
            times_ms, hits = [], 0
            for project, text in asked:
                begun = time.perf_counter()
                found = memory.recall(text, project=project)
                times_ms.append((time.perf_counter() - begun) * 1e3)
                hits += found.level == "l1"
                if not again:
                    _wait_for(memory, text, project)
            what = f"L1 {label}" if again else "L2 and L3"
            print(
                f"  {what:<22} {_percentiles(times_ms)}, {hits} of {len(asked)} from L1", flush=True
            )
    finally:
        memory.stop()


def _wait_for(memory: Remembering, text: str, project: str) -> None:
    """A server takes what it is given in its own time."""
    until = time.monotonic() + 1.0
    while memory.recall(text, project=project).level != "l1" and time.monotonic() < until:
        pass


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
            project = asked.project
            found = client.call("memory.recall", query=asked.text, project=project, k=FOUND_MAX)
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
    whole = time.perf_counter()
    minutes = rows / SCALE_RATE / 60
    print(f"\n{rows:,} memories in {projects:,} projects; that takes {minutes:,.1f} min or more")
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
        print(f"  stored and indexed at {rate:,.0f}/s, {size:,.0f} MB")
        for label, scoped in (("one project", True), ("all projects", False)):
            times_ms = []
            for _ in range(QUERIES):
                project_name = f"p{chance.randrange(projects)}" if scoped else None
                query = Recall(query=f"what about {draw(8)}?", project=project_name)
                begun = time.perf_counter()
                search.find(query, NOW_MS)
                times_ms.append((time.perf_counter() - begun) * 1e3)
            print(f"  {label:<13} {_percentiles(times_ms)}", flush=True)
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e3
        print(f"  peak memory {peak:,.0f} MB; took {time.perf_counter() - whole:,.0f} s")


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
    return f"p50 {cuts[9]:.2f} ms, p95 {cuts[18]:.2f} ms, most {max(times_ms):.1f} ms"
