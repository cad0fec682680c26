"""Vectors beside words: filled step by step, scoped, and only a part of the ranking."""

import pytest

from atlas_actors.memory import embedder as embedders
from atlas_actors.memory.search import Search
from atlas_actors.messages.memory import NewMemory, Recall
from tests.support import recalls

NOW_MS = 1_780_000_000_000


class Topics:
    """A vector that tells only whether a text is about money or about rain."""

    name = "topics"
    dimensions = 2

    def __init__(self):
        self.texts = []

    def embed(self, texts):
        self.texts += texts
        return [
            bytes([127 * any(word in text for word in words) for words in self.topics])
            for text in texts
        ]

    topics = (("money", "salary", "wages"), ("rain", "drizzle"))


@pytest.fixture(name="store")
def _store(tmp_path):
    pytest.importorskip("numpy")
    with recalls.store_in(tmp_path) as store:
        yield store


def put(store, search, text, **more):
    """Store and index one memory; its number."""
    item = NewMemory(kind="learning", text=text, at_ms=NOW_MS, **more)
    number = recalls.insert(store, item, now_ms=NOW_MS)
    search.note(number)
    store.run("update generation set n = n + 1")
    return number


def numbers(search, query, **more):
    """What is found, best first."""
    return [hit.number for hit in search.find(Recall(query=query, **more), NOW_MS)]


def test_vectors_are_filled_in_bounded_steps_and_progress_is_told(store):
    search = Search(store, Topics())
    for number in range(5):
        put(store, search, f"note {number}")
    assert search.progress() == {"memories": 5, "indexed": 5, "vectors": 0, "embedder": "topics"}
    assert [search.backfill(2) for _ in range(4)] == [2, 2, 1, 0]
    assert search.progress()["vectors"] == 5


def test_a_paraphrase_without_a_common_word_is_found_by_its_vector(store):
    search = Search(store, Topics())
    put(store, search, "drizzle on the hills")
    wanted = put(store, search, "the wages were late")
    assert numbers(search, "salary") == []
    search.backfill(10)
    found = search.find(Recall(query="salary", k=1), NOW_MS)
    assert [hit.number for hit in found] == [wanted]
    assert "dense" in dict(found[0].signals)


def test_what_is_stored_after_a_question_is_near_to_the_next_one(store):
    search = Search(store, Topics())
    first = put(store, search, "the wages were late")
    search.backfill(10)
    assert numbers(search, "salary") == [first]
    second = put(store, search, "money came")
    search.backfill(10)
    assert set(numbers(search, "salary")) == {first, second}


def test_vectors_of_another_project_are_not_looked_at(store):
    search = Search(store, Topics())
    put(store, search, "the wages were late", project="theirs")
    search.backfill(10)
    assert numbers(search, "salary", project="mine") == []


def test_a_forgotten_memory_has_no_vector(store):
    search = Search(store, Topics())
    number = put(store, search, "the wages were late")
    search.backfill(10)
    store.run("delete from memories where number = ?", (number,))
    store.run("update generation set n = n + 1")
    assert store.rows("select * from vectors") == []
    assert numbers(search, "salary") == []


def test_vectors_of_another_embedder_are_made_anew(store):
    put(store, Search(store, Topics()), "the wages were late")
    Search(store, Topics()).backfill(10)
    other = Topics()
    other.name = "topics-2"
    search = Search(store, other)
    assert search.progress()["vectors"] == 0
    assert [search.backfill(10), search.backfill(10)] == [1, 0]


def test_without_what_it_needs_there_is_no_embedder(monkeypatch):
    monkeypatch.setattr(embedders.importlib.util, "find_spec", lambda name: None)
    assert embedders.open_embedder("none") is None
    assert embedders.open_embedder("auto") is None
    assert embedders.open_embedder("wordllama") is None


def test_the_installed_table_tells_near_from_far():
    embedder = embedders.open_embedder("auto")
    if embedder is None:
        pytest.skip("no embedder is installed")
    vectors = [
        [byte - 256 if byte > 127 else byte for byte in vector]
        for vector in embedder.embed(["a small dog", "a little puppy", "the tax office", ""])
    ]

    def cosine(one, other):
        return sum(a * b for a, b in zip(vectors[one], vectors[other], strict=True))

    assert cosine(0, 1) > cosine(0, 2)
    assert not any(vectors[3])
