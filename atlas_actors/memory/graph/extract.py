"""What a text names and how that hangs together, from its structure alone: no model, linear time.

One pass over the words of each line; what a word is, its shape says (words.py) or the words
beside it (vocabulary.py).
"""

import re
from collections.abc import Iterable, Sequence
from typing import Final, NamedTuple

from atlas_actors.memory.graph import links
from atlas_actors.memory.graph.vocabulary import (
    COMMON,
    INSTALLS,
    NO_PERSON,
    PERSON_AFTER,
    PERSON_BEFORE,
    PERSON_BY,
    PERSON_TO,
    PLAIN_NO,
    PROGRAMS,
)
from atlas_actors.memory.graph.words import kind_of, pinned

TEXT_CHARACTERS: Final = 20_000  # read of one text
NAMES_MAX: Final = 64  # of one text
PERHAPS_MAX: Final = 200
LINE_WORDS: Final = 400
COMMAND_CHARACTERS: Final = 80
_EDGE: Final = "`()[]{}<>,;:!?\"'“”‘’«»*…|$="
_EDGE_AFTER: Final = _EDGE + "."
_CODE: Final = re.compile(r"`([^`\n]{1,200})`")
_EXIT: Final = re.compile(r"\bexit(?:ed)? (?:with )?(?:code|status) (\d{1,3})\b")
_NAME: Final = re.compile(r"[A-Za-z_][\w.-]{0,60}")


class Span(NamedTuple):
    """A name and where it stands in its line: words[start:end]."""

    start: int
    end: int
    kind: str
    name: str


class Link(NamedTuple):
    """subject -relation-> object."""

    subject: str
    relation: str
    object: str


class Extracted(NamedTuple):
    """What a text names."""

    names: list[tuple[str, str]]  # (kind, name), as often as it is named
    links: list[Link]
    perhaps: list[str]  # plain words: names only if something has that name already


def extract(text: str) -> Extracted:
    """All that `text` names, at most NAMES_MAX."""
    found = Extracted([], [], [])
    for line in text[:TEXT_CHARACTERS].splitlines():
        if len(found.names) >= NAMES_MAX:
            break
        if line:
            _line(line, found)
    del found.names[NAMES_MAX:], found.perhaps[PERHAPS_MAX:]
    return found


def _line(line: str, found: Extracted) -> None:
    words: list[str] = []
    spans: list[Span] = []
    if "`" in line:  # what is in backticks is one word here, and a line of its own
        for n, piece in enumerate(_CODE.split(line)):
            if n % 2:
                spans.append(_in_backticks(piece, len(words)))
                words.append(piece)
                if " " in piece:
                    _line(piece, found)
            else:
                words += piece.split()
    else:
        words = line.split()
    del words[LINE_WORDS:]
    quoted = {span.start for span in spans}
    if words and words[0] in ("$", "%", ">>>") and len(words) > 1:
        found.names.append(("command", " ".join(words[1:])[:COMMAND_CHARACTERS]))
    _shapes(words, quoted, spans, found)
    if " install" in line or " add " in line or " get " in line or " i " in line:
        _installs(words, spans)
    if "import " in line:
        _imports(words, spans)
    if "exit" in line:
        found.names.extend(("error", f"exit code {code}") for code in _EXIT.findall(line))
    if not spans:
        return
    spans = sorted(span for span in spans if span.end <= len(words))
    found.names.extend((span.kind, span.name) for span in spans)
    for link in links.between(words, spans):
        found.links.append(Link(*link))
    for span in spans:
        linked = links.object_by_a_plain_word(words, span)
        if linked is not None:
            found.links.append(Link(*linked))
            found.names.append(("package", linked[2]))
        linked = links.subject_by_a_plain_word(words, span)
        if linked is not None:
            found.links.append(Link(*linked))
            found.names.append(("thing", linked[0]))


def _shapes(
    words: Sequence[str], quoted: Iterable[int], spans: list[Span], found: Extracted
) -> None:
    """Each word for itself, and capitalised ones by the words beside them."""
    perhaps = found.perhaps.append
    for n, raw in enumerate(words):
        if n in quoted:
            continue
        if raw.isalpha():
            if raw.islower():  # most words
                if len(raw) > 2 and raw not in COMMON:
                    perhaps(raw)
                continue
            word = raw
        else:
            word = raw.lstrip(_EDGE).rstrip(_EDGE_AFTER)
            if not word:
                continue
            if word.endswith(("'s", "’s")):
                word = word[:-2]
            elif word[-1] == "(" or (raw.find("(") > 0 and "()" in raw):
                word = word.rstrip("(") + "()"
        if word.isalpha():
            if word.islower():
                if len(word) > 2 and word not in COMMON:
                    perhaps(word)
                continue
            if word.istitle():
                if len(word) > 1 and word.lower() not in NO_PERSON:
                    _capitalised(words, n, word, spans, found)
                continue
        kind = kind_of(word)
        if kind is not None:
            spans.append(Span(n, n + 1, *kind))
        elif "==" in word:
            _pin(n, word, spans, found)


def _capitalised(
    words: Sequence[str], n: int, word: str, spans: list[Span], found: Extracted
) -> None:
    before = words[n - 1].lower().strip(_EDGE) if n else ""
    after = words[n + 1].lower().strip(_EDGE) if n + 1 < len(words) else ""
    ahead = words[n - 2].lower().strip(_EDGE) if n > 1 else ""
    safe = (
        before in PERSON_AFTER
        or after in PERSON_BEFORE
        or (before == "by" and ahead in PERSON_BY)
        or (before == "to" and ahead in PERSON_TO)
    )
    if safe:
        spans.append(Span(n, n + 1, "person", word))
        return
    found.perhaps.append(word)
    if n and words[n - 1].istitle():
        found.perhaps.append(f"{words[n - 1]} {word}")


def _in_backticks(piece: str, at: int) -> Span:
    text = " ".join(piece.split())
    head, space, _ = text.partition(" ")
    if space:
        kind = "command" if head in PROGRAMS or head.startswith(("./", "/")) else "symbol"
        return Span(at, at + 1, kind, text[:COMMAND_CHARACTERS])
    known = kind_of(text.strip(), code=True)
    return Span(at, at + 1, *(known or ("symbol", text[:COMMAND_CHARACTERS])))


def _pin(n: int, word: str, spans: list[Span], found: Extracted) -> None:
    pin = pinned(word)
    if pin is not None:
        spans.append(Span(n, n + 1, "package", pin[0]))
        found.names.append(("version", pin[1]))
        found.links.append(Link(pin[0], "has_version", pin[1]))


def _installs(words: Sequence[str], spans: list[Span]) -> None:
    """Every name after `pip install` up to the end of the clause."""
    taken = {span.start for span in spans}
    for n in range(len(words) - 2):
        for phrase in INSTALLS:
            if words[n] == phrase[0] and words[n + 1] == phrase[1]:
                _packages(words, n + 2, taken, spans)


def _packages(words: Sequence[str], begin: int, taken: set[int], spans: list[Span]) -> None:
    for n in range(begin, min(begin + 8, len(words))):
        word = words[n].rstrip(",.;:)!?")
        if word.startswith("-"):
            continue
        if n not in taken and (not _NAME.fullmatch(word) or word.lower() in PLAIN_NO):
            return
        if n not in taken:
            taken.add(n)
            spans.append(Span(n, n + 1, "package", word))
        if word != words[n]:
            return


def _imports(words: Sequence[str], spans: list[Span]) -> None:
    """`import X` and `from X import Y` as code has them: at the beginning of a line."""
    taken = {span.start for span in spans}
    n = 1 if words[0] in ("import", "from") and len(words) > 1 else None
    if n is None or n in taken:
        return
    word = words[n].rstrip(",;")
    if words[0] == "from" and (len(words) < 4 or words[2] != "import"):
        return
    if _NAME.fullmatch(word) and word.lower() not in PLAIN_NO:
        spans.append(Span(n, n + 1, "package", word.partition(".")[0]))
