"""Headings and keys."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from atlas_actors.sources.make import outline


def lines(name, text):
    return outline(name, text.encode()).text().splitlines()


def test_headings_of_both_kinds_are_shown_with_their_level():
    text = "Title\n=====\ntext\n\n## Two ##\n\nThree\n-----\n#### Deep\n#hashtag\n"
    assert lines("a.md", text) == ["1 Title", "5  Two", "7  Three", "9    Deep"]


def test_what_is_in_code_or_front_matter_is_no_heading():
    text = (
        "---\ntitle: x\n---\n# A\n```sh\n# no\n```\n~~~\n# no\n```\n~~~\n    # code\n- item\n---\n"
    )
    assert lines("a.md", text) == ["4 A"]


def test_top_level_keys_of_toml():
    text = 'name = "x"\n[tool.ruff]\nline = 1\n[[rules]]\nid = 1\n'
    assert lines("a.toml", text) == ["1 name: text", "2 tool: {ruff}", "4 rules: list of 1"]


def test_top_level_keys_of_json_with_what_they_hold_and_no_text():
    text = '{\n "name": "sk-1",\n "scripts": {"a": "1", "b": "2"},\n "n": 1\n}'
    assert lines("a.json", text) == ["2 name: text", "3 scripts: {a, b}", "4 n: 1"]
    assert lines("b.json", "[1, 2]") == ["1 list of 2 of 1"]


def test_keys_of_yaml_that_begin_a_line():
    text = 'on: push\njobs:\n  test: 1\n"quoted key": |\n  inner: 1\n# no: 1\n- a: 1\nurl://x\n'
    assert lines("a.yml", text) == ["1 on", "2 jobs", "4 quoted key"]


@pytest.mark.parametrize("name", ["a.json", "a.toml"])
@pytest.mark.parametrize("text", ["", "{", "[" * 100_000, '{"a":' * 50_000, "= = ="])
def test_what_is_not_in_its_language_has_no_outline_or_an_empty_one(name, text):
    made = outline(name, text.encode())
    assert made is None or made.symbols == 0


@given(st.sampled_from(["a.md", "a.toml", "a.json", "a.yaml"]), st.text())
def test_any_text_raises_nothing(name, text):
    outline(name, text.encode("utf-8", "replace"))


def test_an_unknown_kind_of_file_has_no_outline():
    assert outline("a.bin", b"x") is None
