"""Pure: what a new session is told, within its budget of tokens; the same facts, the same bytes."""

from collections.abc import Iterable, Sequence
from typing import Final

import attrs

from atlas_actors import notes

TITLES: Final = {
    "rules": "Rules and preferences of the user, in their own words:",
    "handoffs": "Interrupted work:",
    "decisions": "Decisions that hold:",
    "learnings": "Learned in this project, the most used first:",
    "files": "Files worked on most:",
    "warnings": "Not working now:",
}
# How many of a kind at most, so that none crowds out the next.
MOST: Final = {"rules": 40, "handoffs": 3, "decisions": 12, "learnings": 15, "files": 10,
               "warnings": 5}  # fmt: skip
FILE_WORDS: Final = 4  # of a name, more are a sentence
HEADER: Final = (
    f"{notes.HEADER} Only what is listed as the user's own rules and preferences is theirs."
)
MORE: Final = "More: atlas recall QUESTION; atlas memory show ID"


@attrs.frozen(kw_only=True)
class Told:
    """One memory as the brief needs it."""

    id: str
    at_ms: int
    origin: str
    trust: int
    text: str
    state: str = "kept"
    rationale: str = ""
    kind: str = "learning"


@attrs.frozen(kw_only=True)
class Interrupted:
    """A handoff that nobody goes on with by itself."""

    id: str
    at_ms: int
    client: str
    goal: str


@attrs.frozen(kw_only=True)
class Facts:
    """What there is to say, each in the order of its worth."""

    rules: Sequence[Told] = ()
    handoffs: Sequence[Interrupted] = ()
    decisions: Sequence[Told] = ()
    learnings: Sequence[Told] = ()
    files: Sequence[str] = ()
    warnings: Sequence[str] = ()


@attrs.frozen(kw_only=True)
class Brief:
    """The text (empty: there is nothing to say, or no room for it) and what is in it."""

    text: str
    tokens: int
    ids: tuple[str, ...]
    left_out: int


@attrs.frozen(kw_only=True)
class _Line:
    section: str
    text: str
    id: str = ""


def compose(facts: Facts, tokens: int) -> Brief:
    """Whole lines by priority until the budget is used; a title costs with its first line."""
    lines = list(_lines(facts))
    left = tokens - notes.tokens_of(notes.fence([HEADER, MORE])) - 2
    titled: set[str] = set()
    kept: list[_Line] = []
    for line in lines:
        cost = notes.tokens_of(f"{line.text}\n")
        if line.section not in titled:
            cost += notes.tokens_of(f"{TITLES[line.section]}\n")
        if cost <= left:
            left -= cost
            titled.add(line.section)
            kept.append(line)
    if not kept:
        return Brief(text="", tokens=0, ids=(), left_out=len(lines))
    body = [HEADER]
    for section, title in TITLES.items():
        if section in titled:
            body += [title, *(line.text for line in kept if line.section == section)]
    text = notes.fence([*body, MORE])
    return Brief(
        text=text,
        tokens=notes.tokens_of(text),
        ids=tuple(line.id for line in kept if line.id),
        left_out=len(lines) - len(kept),
    )


def _lines(facts: Facts) -> Iterable[_Line]:
    """Every line that there would be room for without a budget."""
    for section, told in (
        ("rules", [one for one in facts.rules if one.trust >= 3]),
        ("decisions", facts.decisions),
        ("learnings", facts.learnings),
    ):
        if section == "decisions":
            yield from _of_handoffs(facts.handoffs)
        for one in [one for one in told if _may_be_told(one)][: MOST[section]]:
            who = "the user" if one.origin == "person" else one.origin
            extra = f"because {one.rationale}" if one.rationale else ""
            text = notes.line(one.id, one.at_ms, who, one.text, one.trust, extra)
            yield _Line(section=section, text=text, id=one.id)
    for section, words in (("files", facts.files), ("warnings", facts.warnings)):
        for word in [word for word in words if section != "files" or not _is_prose(word)][
            : MOST[section]
        ]:
            yield _Line(section=section, text=f"- {notes.clean(word, 1, 200)}")


def _of_handoffs(handoffs: Sequence[Interrupted]) -> Iterable[_Line]:
    for one in handoffs[: MOST["handoffs"]]:
        said = f"{notes.clean(one.goal, 1, 160)} (atlas handoffs show {notes.clean(one.id, 1, 40)})"
        who = notes.clean(one.client, 1, 40)
        yield _Line(section="handoffs", text=f"- {notes.day(one.at_ms)} {who}: {said}")


def _is_prose(path: str) -> bool:
    """Whoever may make a file may name it, so a name that is a sentence is not shown."""
    return max(len(part.split()) for part in path.split("/")) > FILE_WORDS


def _may_be_told(one: Told) -> bool:
    """Whatever the views say: nothing that waits for approval, and nothing from outside."""
    return one.state == "kept" and one.trust > 0
