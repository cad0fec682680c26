"""An outline of Python loses no public symbol, and little else of a file's tokens is left."""

import ast
import keyword
import sysconfig
import warnings
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from atlas_actors.providers import wire
from atlas_actors.sources import outline as outlines
from atlas_actors.sources.make import outline
from atlas_actors.sources.outline import tokens

LIBRARY = Path(sysconfig.get_path("stdlib"))
PACKAGES = [Path(sysconfig.get_path("stdlib")) / name for name in ("asyncio", "email", "http")]


def shown(text):
    made = outline("module.py", text.encode())
    return made.text(tokens(text))


def public_names(text):
    """Every public def, class, method and assigned name, by a walk of its own over the tree."""
    found = set()

    def visit(node):
        for child in ast.iter_child_nodes(node):
            if isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef):
                if not child.name.startswith("_") and not overload(child):
                    found.add(child.name)
            elif isinstance(child, ast.ClassDef):
                if not child.name.startswith("_"):
                    found.add(child.name)
                    visit(child)
            elif isinstance(child, ast.Assign | ast.AnnAssign):
                targets = child.targets if isinstance(child, ast.Assign) else [child.target]
                found.update(t.id for t in targets if isinstance(t, ast.Name) and t.id[0] != "_")
            elif isinstance(child, ast.stmt | ast.ExceptHandler):
                visit(child)

    visit(ast.parse(text))
    return found


def overload(node):
    return any("overload" in ast.unparse(one) for one in node.decorator_list)


def missing(text):
    words = set("".join(c if c.isidentifier() or c.isdigit() else " " for c in shown(text)).split())
    return public_names(text) - words


@pytest.mark.slow
def test_no_public_symbol_of_the_standard_library_is_lost():
    lost = {}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for file in sorted(LIBRARY.glob("*.py")) + sorted(LIBRARY.glob("asyncio/*.py")):
            lost[file.name] = missing(file.read_text("utf-8"))
    assert len(lost) > 100
    assert {name: names for name, names in lost.items() if names} == {}


FIRST, REST = "abcxyzABCXYZ_", "abcxyz019_"
NAME = st.builds(str.__add__, st.sampled_from(FIRST), st.text(REST, max_size=6)).filter(
    lambda name: not keyword.iskeyword(name) and "__" not in name
)


@st.composite
def body(draw, depth=0):
    """Lines of a module or a class: definitions, and blocks around them."""
    pad = "    " * depth
    lines = []
    for kind in draw(st.lists(st.sampled_from("daciftpC"), min_size=1, max_size=4)):
        name = draw(NAME)
        inner = draw(body(depth + 1)) if kind in "Cift" and depth < 3 else [f"{pad}    pass"]
        lines += {
            "d": [f"{pad}def {name}(self, a=1, *, b: str = 'x' * 9) -> int:", f"{pad}    pass"],
            "a": [f"{pad}async def {name}(*args, **options):", f"{pad}    'Says.'"],
            "c": [f"{pad}{name} = {draw(st.sampled_from(['1', '[1, 2]', 'object()']))}"],
            "p": [f"{pad}{name}: dict[str, int] = {{}}"],
            "C": [f"{pad}class {name}(object, metaclass=type):", *inner],
            "i": [f"{pad}if len('{name}') > 1:", *inner, f"{pad}else:", f"{pad}    pass"],
            "f": [f"{pad}for _ in ():", *inner],
            "t": [f"{pad}try:", *inner, f"{pad}except ValueError:", *inner],
        }[kind]
    return lines


@given(body())
def test_no_public_symbol_of_any_module_is_lost(lines):
    text = "\n".join(lines) + "\n"
    assert missing(text) == set()


@given(body())
def test_each_line_begins_with_the_line_of_what_it_shows(lines):
    text = "\n".join(lines) + "\n"
    made = outline("module.py", text.encode())
    for entry in made.entries:
        name = entry.text.replace("async ", "").removeprefix("def ").removeprefix("class ")
        assert (
            name.split("(")[0].split(",")[0].split(":")[0].split("=")[0] in (lines[entry.line - 1])
        )


@pytest.mark.slow
@pytest.mark.parametrize("package", PACKAGES, ids=lambda folder: folder.name)
def test_outlines_of_a_typical_repository_save_85_percent(package):
    full = given = 0
    for file in package.rglob("*.py"):
        text = file.read_text("utf-8")
        full += tokens(text)
        given += min(tokens(text), tokens(shown(text)))
    assert full > 20_000
    assert given / full <= 0.15


def test_signatures_are_said_with_annotations_defaults_and_heads():
    text = '''"""Keeps things. And more."""
import os as os
LIMIT: int = 3
class Box(dict, total=False):
    """A box."""
    size: int = 0
    def __init__(self, a, /, b: str = "password", *rest, c=None, **more) -> None: ...
    @property
    def lid(self) -> "Lid": ...
    @staticmethod
    async def make(n=10 * 6): ...
    def _own(self): ...
def _hidden(): ...
'''
    padded = text + "#" * 2_000
    assert shown(padded).splitlines() == [
        "1 module  # Keeps things",
        "2 os, LIMIT: int=3",
        "4 class Box(dict, total=False)  # A box",
        "6  size: int=0",
        "7  def __init__(a, /, b: str=…, *rest, c=None, **more) -> None",
        "9  @property def lid() -> 'Lid'",
        "11  @staticmethod async def make(n=10 * 6)",
    ]


def test_what_all_names_is_public_whatever_it_looks_like():
    text = "__all__ = ['_a', 'b']\nfrom x import b, c\ndef _a(): ...\ndef _c(): ...\n"
    assert shown(text).splitlines()[-1] == "3 def _a()" or "b" in shown(text)
    assert "_a" in shown(text)
    assert "_c" not in shown(text)


def test_texts_in_a_signature_are_not_shown():
    text = "KEY = 'sk-12345'\ndef f(a='sk-12345', b={'k': 'sk-12345'}, c=b'sk-12345'): ...\n"
    assert "sk-12345" not in shown(text)


def test_half_written_python_is_outlined_all_the_same():
    text = "class A:\n    def ok(self, a): return 1\n    def broken(:\ndef fine(x=3) -> int:\n    "
    words = shown(text)
    assert all(name in words for name in ("class A", "ok(self, a)", "fine(x=3) -> int"))


@pytest.mark.parametrize(
    "text",
    ["(" * 5_000, "[" * 100_000, "-" * 20_000 + "1", "x = " + "a." * 5_000 + "b", "\0", "\x0c",
     "if 1:\n" + "".join("  " * n + "if 1:\n" for n in range(1, 120)), "def f(" * 500],
    ids=["parentheses", "brackets", "minus", "dots", "zero", "feed", "indented", "open"],
)  # fmt: skip
def test_hostile_python_raises_nothing(text):
    made = outline("module.py", text.encode())
    assert made is not None


def test_a_token_is_the_same_here_as_for_providers():
    assert outlines.CHARACTERS_PER_TOKEN == wire.CHARACTERS_PER_TOKEN
