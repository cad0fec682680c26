"""`scripts/bench memory` in its short form: it runs, and says that ours finds more than plain."""

import pytest

from tests.benchmarks import memory
from tests.support.recalls import developer

pytestmark = pytest.mark.slow


def test_the_short_form_compares_with_plain_full_text_search_and_shows_what_l1_saves(capsys):
    assert memory.main(["--short"]) == 0
    said = capsys.readouterr().out
    assert "Atlas, words only" in said
    assert "plain FTS5 BM25" in said
    assert "mem0: not measured" in said
    asked = len({one.text for one in developer().questions})
    assert f"0 of {asked} from L1" in said
    assert f"{asked} of {asked} from L1" in said


def test_ours_finds_more_than_plain_full_text_search():
    found = memory.conversations(developer(), peers=None)
    ours, plain = found["Atlas, words only (in sample)"], found["plain FTS5 BM25, porter"]
    assert ours.at_5 >= 1.05 * plain.at_5
    assert ours.at_10 >= 1.05 * plain.at_10
    assert ours.reciprocal_rank >= plain.reciprocal_rank


def test_a_peer_that_cannot_run_is_said_and_not_counted(capsys):
    found = memory.conversations(developer(), peers="/bin/false")
    assert "mem0: not measured, /bin/false failed" in capsys.readouterr().out
    assert not any("mem0" in title for title in found)


def test_missing_data_is_said(capsys, tmp_path):
    assert memory.main(["--data", str(tmp_path / "none.json"), "--only", "locomo"]) == 2
    assert "is not there" in capsys.readouterr().out
