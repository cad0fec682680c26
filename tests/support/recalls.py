"""Sets of memories with questions whose answers are known, put into a store and measured."""

import datetime
import json
import re
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, Final

import attrs

import atlas_actors.memory
from atlas_actors.cell import Fence
from atlas_actors.memory.search import Search
from atlas_actors.memory.words import STOP, words
from atlas_actors.messages.memory import TRUST, NewMemory, Origin
from atlas_actors.store import Store

SCHEMA: Final = Path(atlas_actors.memory.__path__[0]) / "schema"
DEVELOPER: Final = Path(__file__).parents[1] / "data" / "memory" / "developer.jsonl"
LOCOMO: Final = Path(__file__).parents[3] / "shared" / "data" / "locomo" / "dev.json"
ADVERSARIAL: Final = 5  # LoCoMo's category of questions that the text does not answer
_INSERT: Final = """
    insert into memories (id, project, session, kind, speaker, origin, trust, text, rationale,
        alternatives, tags, source, lineage, at_ms, created_ms, fingerprint)
    values (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, '[]', ?, ?, ?)
"""


@attrs.frozen(kw_only=True)
class Question:
    """A question, and the keys of the memories that answer it."""

    project: str
    text: str
    evidence: tuple[str, ...]
    category: int = 4


@attrs.frozen(kw_only=True)
class RecallSet:
    """Memories by key in order of arrival, and the questions to them."""

    memories: dict[str, tuple[NewMemory, Origin]]
    questions: tuple[Question, ...]


def store_in(folder: Path) -> Store:
    """A memory.db with the newest schema."""
    return Store(folder / "memory.db", SCHEMA, Fence())


def insert(store: Store, item: NewMemory, origin: Origin = "program", now_ms: int = 0) -> int:
    """Put one row into `memories` as intake does; its number."""
    (found,) = store.rows("select coalesce(max(number), 0) + 1 as number from memories")
    number = int(found["number"])
    at_ms = now_ms if item.at_ms is None else item.at_ms
    values = (
        *(f"m{number}", item.project or "", item.session or "", item.kind, item.speaker or ""),
        *(origin, TRUST[origin], item.text, item.rationale or "", json.dumps(item.alternatives)),
        *(json.dumps(item.tags), item.source or "", at_ms, now_ms, str(number).encode()),
    )
    store.run(_INSERT, values)
    return number


def fill(store: Store, search: Search, wanted: RecallSet) -> dict[str, int]:
    """Store and index all of a set in one transaction; the numbers by key."""
    numbers = {}
    store.begin(durable=False)
    for key, (item, origin) in wanted.memories.items():
        numbers[key] = insert(store, item, origin)
        search.note(numbers[key])
    store.commit()
    return numbers


def developer(file: Path = DEVELOPER) -> RecallSet:
    """Our own set of a developer's sessions."""
    memories: dict[str, tuple[NewMemory, Origin]] = {}
    questions = []
    for line in file.read_text("utf-8").splitlines():
        entry = json.loads(line)
        if "question" in entry:
            evidence = tuple(entry["evidence"])
            questions.append(
                Question(project="developer", text=entry["question"], evidence=evidence)
            )
            continue
        item = NewMemory(
            kind=entry["kind"],
            text=entry["text"],
            project="developer",
            session=entry["session"],
            speaker=entry["speaker"],
            at_ms=_ms(datetime.datetime.fromisoformat(entry["day"])),
        )
        memories[entry["id"]] = (item, entry["origin"])
    return RecallSet(memories=memories, questions=tuple(questions))


def locomo(file: Path) -> RecallSet:
    """A file in LoCoMo's form: each conversation a project, each turn a memory."""
    memories: dict[str, tuple[NewMemory, Origin]] = {}
    questions = []
    for entry in json.loads(file.read_text("utf-8")):
        project = entry["sample_id"]
        for turn in _turns(entry["conversation"]):
            memories[f"{project} {turn.source}"] = (attrs.evolve(turn, project=project), "program")
        for asked in entry["qa"]:
            keys = [f"{project} {turn}" for turn in evidence_in(asked["evidence"])]
            known = tuple(key for key in keys if key in memories)
            if known:
                questions.append(
                    Question(
                        project=project,
                        text=asked["question"],
                        evidence=known,
                        category=asked["category"],
                    )
                )
    return RecallSet(memories=memories, questions=tuple(questions))


def evidence_in(listed: Iterable[str]) -> list[str]:
    """The turns that are named, each once; several in one string, `D:1:3` and zeros are mended."""
    found = [match for text in listed for match in re.findall(r"D:?(\d+):(\d+)", text)]
    return list(dict.fromkeys(f"D{int(session)}:{int(turn)}" for session, turn in found))


def _turns(conversation: dict[str, Any]) -> Iterable[NewMemory]:
    for number in range(1, 1 + len(conversation)):
        name = f"session_{number}"
        if name not in conversation:
            continue
        at = datetime.datetime.strptime(conversation[f"{name}_date_time"], "%I:%M %p on %d %B, %Y")
        for turn in conversation[name]:
            caption = f" [{turn['blip_caption']}]" if turn.get("blip_caption") else ""
            yield NewMemory(
                kind="episode",
                text=turn["text"] + caption,
                session=name,
                speaker=turn["speaker"],
                at_ms=_ms(at),
                source=turn["dia_id"],
            )


def _ms(at: datetime.datetime) -> int:
    return int(at.replace(tzinfo=datetime.UTC).timestamp() * 1000)


@attrs.frozen(kw_only=True)
class Measured:
    """How well questions were answered, shares of 1."""

    count: int
    at_5: float
    at_10: float
    at_20: float
    reciprocal_rank: float

    def __str__(self) -> str:
        shares = f"@5 {self.at_5:6.1%}  @10 {self.at_10:6.1%}  @20 {self.at_20:6.1%}"
        return f"{shares}  MRR {self.reciprocal_rank:.3f}  ({self.count} questions)"


def measured(answers: Sequence[tuple[Sequence[int], Sequence[int]]]) -> Measured:
    """Of (ranked numbers, numbers of the evidence) of each question, averaged over questions."""
    ranks = [
        [ranked.index(one) if one in ranked else 10**9 for one in evidence]
        for ranked, evidence in answers
    ]
    count = max(1, len(ranks))

    def share(most: int) -> float:
        return sum(sum(rank < most for rank in found) / len(found) for found in ranks) / count

    return Measured(
        count=len(ranks),
        at_5=share(5),
        at_10=share(10),
        at_20=share(20),
        reciprocal_rank=sum(1 / (1 + min(found)) for found in ranks) / count,
    )


def plain(store: Store, question: str, most: int = 20, project: str | None = None) -> list[int]:
    """Numbers by plain FTS5: porter, any of the words that are no stop-words, its own BM25."""
    run = store.connection.execute
    if not store.rows("select 1 from temp.sqlite_schema where name = 'plain'"):
        run("create virtual table temp.plain using fts5 (text, tokenize = 'porter unicode61')")
        run(
            "insert into temp.plain (rowid, text)"
            " select number, speaker || ': ' || text from memories"
        )
    said = [word for word in dict.fromkeys(words(question)) if word not in STOP]
    match = " OR ".join(f'"{word}"' for word in said)
    sql = """
        select plain.rowid from temp.plain join memories on number = plain.rowid
        where plain match ? and (?2 is null or project = ?2) order by rank limit ?
    """
    return [number for (number,) in run(sql, (match, project, most))] if match else []
