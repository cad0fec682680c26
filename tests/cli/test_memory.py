"""What people see of memories: answers, counts, and how the levels do."""

from atlas_actors.cli.memory import cache_line, search_line
from atlas_actors.cli.remember import recalled_lines

ITEM = {
    "id": "01a205cd-b474-7000-91e3-dbc1ff529c2d", "kind": "learning", "text": "Tests need\nRedis",
    "score": 0.0515, "at_ms": 1_000, "origin": "person", "source": None, "quarantined": False,
    "superseded_by": None, "why": "l2: words, pairs; answered before",
}  # fmt: skip
PROCESS = {
    "kind": "process", "url": None, "state": "ready", "entries": 8, "bytes": 3_835,
    "bytes_max": 16_777_216, "hits": 4, "misses": 8, "refused": 0, "last_error": None,
}  # fmt: skip


def test_an_answer_says_in_two_lines_what_it_is_whose_and_why():
    assert recalled_lines(1, ITEM, 9_800) == [
        " 1  Tests need Redis",
        "    ff529c2d · learning · 8.8 s ago · you · l2: words, pairs; answered before",
    ]


def test_an_answer_says_what_it_is_made_of_to_those_who_ask():
    (_, line) = recalled_lines(1, ITEM, 9_800, explain=True)
    assert line.endswith("you · score 0.051, l2: words, pairs; answered before")


def test_an_answer_that_is_no_instruction_yet_or_holds_no_longer_says_so():
    item = {**ITEM, "origin": "agent", "quarantined": True, "superseded_by": "x" * 36}
    (_, line) = recalled_lines(2, item, 9_800)
    assert "· agent · WAITS FOR APPROVAL · REPLACED BY" in line


def test_the_cache_is_told_in_words():
    assert cache_line(PROCESS) == (
        "in the process, ready; 4 of 12 questions answered; 8 answers kept, 4 kB of 17 MB"
    )


def test_a_cache_server_that_is_away_is_told_with_what_was_seen_of_it_last():
    server = {
        "kind": "server", "url": "redis://127.0.0.1:6379", "state": "away", "hits": 0, "misses": 1,
        "refused": 0, "clear_owed": False, "last_error": "connection refused",
    }  # fmt: skip
    assert cache_line(server) == (
        "server redis://127.0.0.1:6379, away; 0 of 1 question answered;"
        " last error: connection refused"
    )


def test_search_says_how_far_its_vectors_have_come():
    progress = {"memories": 2_000, "indexed": 2_000, "vectors": 1_500, "embedder": "small"}
    assert search_line(progress) == (
        "2,000 of 2,000 memories indexed, 1,500 with a vector of small"
    )
    without = {"memories": 1, "indexed": 1, "vectors": 0, "embedder": None}
    assert search_line(without) == (
        "1 of 1 memory indexed; by words alone, no embedder is installed or set"
    )
