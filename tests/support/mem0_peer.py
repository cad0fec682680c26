"""The peer of the memory benchmark: mem0's own store and search in a process of its own.

usage: python mem0_peer.py FOLDER     reads a JSON object from stdin, prints one to stdout

In: {"memories": [[key, project, text], …], "questions": [[project, text], …], "k": 20}. Out:
{"version", "how", "ingest_s", "answers": [[key, …], …], "times_ms"}. infer=False: no language model
reads anything, so what is compared is what finds things again. Vectors are those of Atlas's own
embedder, in a local Qdrant; nothing goes over the network. Its hybrid's BM25 gets our list of stop
words, which it would download; where spaCy's English model is missing its stemmer alone makes words
equal. Without fastembed there are vectors only; "how" says which of these it was.
"""

import json
import os
import sys
import time
from importlib import metadata, util
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))
DIMENSIONS = 256


class Embedding:
    """What mem0 asks of an embedder, answered by ours."""

    def __init__(self) -> None:
        from atlas_actors.memory.embedder import WordLlama

        self._ours = WordLlama()
        self.config = None

    def embed(self, text: str, memory_action: str | None = None) -> list[float]:
        vector = memoryview(self._ours.embed([text])[0]).cast("b")
        return [value / 127.0 for value in vector]

    def embed_batch(self, texts: list[str], memory_action: str | None = None) -> list[list[float]]:
        return [self.embed(text) for text in texts]


def opened(folder: Path) -> tuple[Any, str]:
    """A mem0 Memory on files in this folder, and how it searches."""
    os.environ.update(
        MEM0_TELEMETRY="False",
        MEM0_DIR=str(folder / "mem0"),
        HF_HUB_OFFLINE="1",
        OPENAI_API_KEY="none",  # its clients are built though nobody calls them
    )
    from mem0 import Memory
    from mem0.configs.base import MemoryConfig

    store = {"path": str(folder / "qdrant"), "on_disk": True, "embedding_model_dims": DIMENSIONS}
    config = MemoryConfig(
        vector_store={"provider": "qdrant", "config": store},
        history_db_path=str(folder / "history.db"),
    )
    memory = Memory(config)
    memory.embedding_model = Embedding()
    return memory, _hybrid(memory, folder)


def _hybrid(memory: Any, folder: Path) -> str:
    """Give its hybrid search what it has no leave to download; how it searches."""
    from mem0.utils import spacy_models

    words = "spaCy's lemmas"
    if util.find_spec("spacy") is None or util.find_spec("en_core_web_sm") is None:
        spacy_models._load_failed_full = spacy_models._load_failed_lemma = True
        words = "stems, spaCy's en_core_web_sm is missing"
    if util.find_spec("fastembed") is None:
        memory.vector_store._bm25_encoder = False
        return "vectors only, fastembed is missing"
    from fastembed import SparseTextEmbedding

    from atlas_actors.memory.words import STOP

    memory.vector_store._bm25_encoder = SparseTextEmbedding(
        model_name="Qdrant/bm25", specific_model_path=str(folder), stopwords=set(STOP)
    )
    return f"vectors and BM25 ({words})"


def main(folder: Path) -> dict[str, Any]:
    """Store everything, then ask everything."""
    given = json.load(sys.stdin)
    memory, how = opened(folder)
    keys: dict[str, str] = {}
    begun = time.perf_counter()
    for key, project, text in given["memories"]:
        done = memory.add(text, user_id=project, infer=False)
        keys.update((one["id"], key) for one in done["results"])
    ingest_s = time.perf_counter() - begun
    answers, times_ms = [], []
    for project, text in given["questions"]:
        begun = time.perf_counter()
        found = memory.search(
            text, filters={"user_id": project}, top_k=given["k"], threshold=0.0, rerank=False
        )
        times_ms.append((time.perf_counter() - begun) * 1e3)
        answers.append([keys[one["id"]] for one in found["results"]])
    return {
        "version": metadata.version("mem0ai"),
        "how": how,
        "ingest_s": ingest_s,
        "answers": answers,
        "times_ms": times_ms,
    }


if __name__ == "__main__":
    print(json.dumps(main(Path(sys.argv[1]))))
