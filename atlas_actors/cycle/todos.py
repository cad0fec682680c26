"""Pure: what comments of a source file say is still to be done, and the work proposed for it.

A comment is what follows # // /* * -- ; <!-- or % on a line; it counts when TODO, FIXME or XXX is
its first word. A string that looks like one counts too.
"""

import hashlib
from collections.abc import Iterator
from typing import Final

import attrs
import re2

from atlas_actors.cycle.prompt import as_data, storable, within
from atlas_actors.messages.proposal import Propose

LINE_CHARACTERS: Final = 2_000  # a longer one was written by a program
TEXT_CHARACTERS: Final = 300
AROUND_LINES: Final = 5
# Of a proposal's evidence, which may have 20,000 bytes.
NAME_BYTES_MAX: Final = 6_000
AROUND_BYTES_MAX: Final = 10_000
_COMMENT: Final = re2.compile(
    r"(?:#|//|/\*|\*|--|;|<!--|%)[#/*;%!-]*\s*(TODO|FIXME|XXX)\b[\s:(-]*(.*)$"
)
_ENDS: Final = ("*/", "-->")


@attrs.frozen(kw_only=True)
class Todo:
    """One of them; `around` are the lines around it, itself included."""

    line: int
    marker: str
    text: str
    around: str


def find_todos(text: str) -> Iterator[Todo]:
    """Those of one file, first to last."""
    lines = text.splitlines()
    for number, line in enumerate(lines):
        if len(line) > LINE_CHARACTERS:
            continue
        match = _COMMENT.search(line)
        if match is None:
            continue
        said = match[2].strip()
        for end in _ENDS:
            said = said.removesuffix(end).strip()
        around = lines[max(0, number - AROUND_LINES) : number + AROUND_LINES + 1]
        yield Todo(
            line=number + 1,
            marker=match[1],
            text=said[:TEXT_CHARACTERS],
            around="\n".join(some[:TEXT_CHARACTERS] for some in around),
        )


def fingerprint(project: str, file: str, todo: Todo) -> str:
    """The same wherever in its file the comment moves, and however it is spaced."""
    said = " ".join(todo.text.lower().split())
    whole = "\0".join((project, file, todo.marker, said))
    return f"todo:{hashlib.sha256(whole.encode('utf-8', 'replace')).hexdigest()[:40]}"


def proposal_of(project: str, file: str, todo: Todo) -> Propose:
    """The work that a comment asks for. It is not proposed again once it was done."""
    mark, name = fingerprint(project, file, todo), storable(file)
    prompt = "\n\n".join(
        (
            f"A comment in this directory says {todo.marker}. Do what it asks for, change no more"
            " than that needs, and remove the comment. If it cannot be done, change nothing and"
            " say why.",
            as_data("The file", name),
            as_data(f"The comment, in or near line {todo.line}", todo.text),
            as_data("The lines around it", todo.around),
        )
    )
    return Propose(
        kind="todo",
        title=f"{todo.marker} in {name}: {storable(todo.text)}",
        prompt=prompt,
        fingerprint=mark,
        cwd=project,
        evidence={
            "file": within(name, NAME_BYTES_MAX),
            "line": todo.line,
            "marker": todo.marker,
            "text": storable(todo.text),
            "around": within(todo.around, AROUND_BYTES_MAX),
        },
        evidence_key=mark,
    )
