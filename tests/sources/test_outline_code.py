"""Outlines by tree-sitter: what is public is shown, what is private and what is inside is not."""

from pathlib import Path

import pytest

from atlas_actors.sources.grammar import GRAMMARS
from atlas_actors.sources.make import outline
from atlas_actors.sources.outline import LANGUAGES, tokens

DATA = Path(__file__).parents[1] / "data" / "outlines"
# A file in each language, and beside it what is shown of it.
CASES = {
    file.stem: (DATA.joinpath(file.stem).read_text("utf-8"), file.read_text("utf-8"))
    for file in sorted(DATA.glob("*.outline"))
}


@pytest.mark.parametrize("name", CASES)
def test_what_is_shown_of_a_file(name):
    source, wanted = CASES[name]
    assert outline(name, source.encode()).text().splitlines() == wanted.splitlines()


def test_every_language_of_code_has_a_case():
    texts = {"markdown", "toml", "json", "yaml", "python"}
    assert {LANGUAGES["." + name.rpartition(".")[2]] for name in CASES} == set(
        LANGUAGES.values()
    ) - texts
    assert set(LANGUAGES.values()) - set(GRAMMARS) == texts - {"python"}


@pytest.mark.parametrize("name", CASES)
def test_half_a_file_is_outlined_all_the_same(name):
    source, _ = CASES[name]
    for length in range(0, len(source), 23):
        assert outline(name, source.encode()[:length]) is not None


@pytest.mark.slow
@pytest.mark.parametrize("name", CASES)
@pytest.mark.parametrize("text", ["(", "{", "a.", "<", "namespace a {\n", "\xff", "'", "/*"])
def test_hostile_code_raises_nothing(name, text):
    assert outline(name, (text * 3_000).encode("latin-1")) is not None


def test_texts_are_not_shown():
    key = '"sk-1234567890"'
    source = f"export const KEY = {key}, other = `{key}`;\nfunction f(a = {key}) {{}}\n"
    shown = outline("a.ts", source.encode()).text()
    assert "sk-" not in shown
    assert "f(a = …)" in shown


def test_bodies_cost_nothing():
    source = "func Work(a int) error {\n" + "\ta = a + 1\n" * 1_000 + "}\n"
    assert tokens(outline("a.go", source.encode()).text()) < 20
