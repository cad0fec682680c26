"""How near texts are in meaning, by the table that is built in."""

import pytest

from atlas_actors.memory.meaning import DIMENSIONS, TABLE_FILE, VERSION, Meaning

MEANING = Meaning()


def test_a_word_of_the_same_matter_is_nearer_than_another():
    found = MEANING.cosines(["dog"], [(1, "puppi"), (2, "databas")])
    assert found[1] > 0.3
    assert found[1] > found.get(2, 0.0) + 0.2


def test_the_same_words_are_as_near_as_can_be_in_any_order():
    found = MEANING.cosines(["red", "guitar"], [(1, "guitar red"), (2, "guitar")])
    assert found[1] == pytest.approx(1.0, abs=0.02)
    assert 0.0 < found[2] < 1.0


def test_unknown_words_say_nothing():
    assert MEANING.cosines(["qqzzxx"], [(1, "dog")]) == {}
    assert MEANING.cosines([], [(1, "dog")]) == {}
    assert MEANING.cosines(["dog"], [(1, "qqzzxx"), (2, "")]) == {}
    known = MEANING.cosines(["dog"], [(1, "cat"), (2, "cat qqzzxx")])
    assert known[1] == known[2]


def test_a_text_of_any_length_fits():
    found = MEANING.cosines(["dog"], [(1, "dog " * 5_000), (2, "databas " * 5_000)])
    assert found[1] == pytest.approx(1.0, abs=0.02)
    assert found.get(2, 0.0) < 0.5


def test_an_answer_does_not_depend_on_what_was_asked_before():
    texts = [(1, "puppi walk park"), (2, "guitar lesson")]
    fresh = Meaning().cosines(["dog"], texts)
    for word in ("music", "dog", "cat"):
        MEANING.cosines([word], texts)
    assert MEANING.cosines(["dog"], texts) == fresh


def test_a_table_of_small_numbers_gives_the_cosine(tmp_path):
    file = tmp_path / "words.bin"
    east, north = bytes([228] + [128] * (DIMENSIONS - 1)), bytes([128, 28] + [128] * 62)
    file.write_bytes(f"{VERSION} {DIMENSIONS} 2\neast north\n".encode() + east + north)
    found = Meaning(file).cosines(["east"], [(1, "east"), (2, "north"), (3, "east north")])
    assert found == pytest.approx({1: 1.0, 3: 0.5**0.5}, abs=0.02)


def test_a_table_of_another_version_is_refused(tmp_path):
    file = tmp_path / "words.bin"
    file.write_bytes(b"atlas-words-0" + TABLE_FILE.read_bytes()[13:])
    with pytest.raises(AssertionError, match="version"):
        Meaning(file).cosines(["dog"], [])
