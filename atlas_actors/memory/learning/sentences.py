"""What somebody said themselves, sentence by sentence: without code, quotes, logs and our own."""

import re
from collections.abc import Iterator
from typing import Final

TEXT_CHARACTERS: Final = 20_000
SENTENCE_CHARACTERS: Final = 400
PASTED_LINES: Final = 40  # more than that is pasted but for its ends

_TAGGED: Final = re.compile(r"<([a-z][\w-]{1,40})\b[^<>]*>.*?</\1\s*>", re.DOTALL | re.IGNORECASE)
_TAG_OPEN: Final = re.compile(
    r"<(private|atlas[\w-]*|system[\w-]*|command-[\w-]*|local-command[\w-]*|user-prompt[\w-]*"
    r"|ide_[\w-]*|environment_context|user_instructions|task-notification|INSTRUCTIONS)\b.*",
    re.DOTALL | re.IGNORECASE,
)
_FENCED: Final = re.compile(r"(```|~~~).*?(\1|\Z)", re.DOTALL)
_INVISIBLE: Final = re.compile("[\u200b-\u200f\u202a-\u202e\u2060-\u2064\ufeff\x00-\x08\x0b-\x1f]")
_BULLET: Final = re.compile(r"^\s*(?:[-*•]|\d{1,2}[.)])\s+")
_NOT_SAID: Final = re.compile(
    r"^\s*(?:>|\||\$ |% |\+|@@|diff |index [0-9a-f]{6}|[-=]{3,}|#!|import |from \S+ import "
    r"|def |class |return |at \S+\(|File \"|Traceback |//|/\*|<"
    r"|\[?\d{4}-\d\d-\d\d[T ]|\[?\d\d:\d\d:\d\d"
    r"|\[?(?:ERROR|WARN|WARNING|INFO|DEBUG|FATAL|TRACE|CRITICAL)\b|[\w.]*(?:Error|Exception):)"
)
_CODE_LINE: Final = re.compile(r"^(?: {4,}|\t)|[{};]\s*$|^\s*\w+\(.*\)\s*$")
_SPEAKER: Final = re.compile(r"^\s*(?:@\w+|[A-Z][\w'.-]*(?: [A-Z][\w'.-]*)?)(?: \([^)]*\))?:\s")
_OWN_LABEL: Final = re.compile(
    r"^\s*(?:note|remember|rules?|decision|decided|important|please|also|preference|convention"
    r"|reminder|no|btw|ps)\b",
    re.IGNORECASE,
)
_QUOTES_OTHERS: Final = re.compile(
    r"\b(?:say|says|said|wrote|writes|reads|states|output|logs?|errors?|docs?|readme|ticket|issue"
    r"|page|message|e-?mail|comment|text|following|pasted|here(?:'s| is| are)|review|got|see"
    r"|example|translate|summari[sz]e|this)\b",
    re.IGNORECASE,
)
_OWN_INTRO: Final = re.compile(
    r"\b(?:remember|rules?|always|never|prefer\w*|conventions?|from now on|going forward|note that"
    r"|keep in mind)\b",
    re.IGNORECASE,
)
_QUOTED: Final = re.compile(r"\"[^\"\n]*\"|“[^”\n]*”|«[^»\n]*»|`[^`\n]*`|(?<!\w)'[^'\n]*'(?!\w)")
_SPLIT: Final = re.compile(r"(?<=[.!?…])\s+|\n+|;\s+")
_MASK: Final = re.compile("\ue000(\\d+)\ue001")


def spoken(text: str) -> Iterator[tuple[str, list[str]]]:
    """(sentence, what was masked in it): quotes and code in a line are \ue000n\ue001."""
    for line in _own_lines(_own_text(text[:TEXT_CHARACTERS])):
        quoted: list[str] = []

        def mask(found: re.Match[str], quoted: list[str] = quoted) -> str:
            quoted.append(found[0])
            return f"\ue000{len(quoted) - 1}\ue001"

        for sentence in _SPLIT.split(_QUOTED.sub(mask, line)):
            plain = " ".join(sentence.split())
            if plain and len(unmasked(plain, quoted)) <= SENTENCE_CHARACTERS:
                yield plain, quoted


def unmasked(sentence: str, quoted: list[str]) -> str:
    """With its quotes and code."""
    return _MASK.sub(lambda found: quoted[int(found[1])], sentence)


def _own_text(text: str) -> str:
    text = _INVISIBLE.sub("", text.replace("\ue000", "").replace("\ue001", ""))
    text = _FENCED.sub("\n", text)
    before = ""
    while before != text:  # tags within tags
        before, text = text, _TAGGED.sub("\n", text)
    return _TAG_OPEN.sub("", text)


def _own_lines(text: str) -> Iterator[str]:
    lines = text.split("\n")
    if len(lines) > PASTED_LINES:
        lines = [*_paragraph(lines), "", *reversed(_paragraph(lines[::-1]))]
    others = introduced = False
    for line in lines:
        if not line.strip():
            others, introduced = introduced, False
            continue
        if others or introduced:
            others = True
            introduced = False
            continue
        if _NOT_SAID.search(line) or (_CODE_LINE.search(line) and not _BULLET.match(line)):
            continue
        plain = _BULLET.sub("", line)
        if _SPEAKER.match(plain) and not _OWN_LABEL.match(plain):
            continue
        if plain.rstrip().endswith(":"):
            introduced = not _introduces_own(plain)
            continue
        yield plain


def _paragraph(lines: list[str]) -> list[str]:
    """Up to the first empty line."""
    found: list[str] = []
    for line in lines[:PASTED_LINES]:
        if not line.strip() and found:
            break
        found.append(line)
    return found


def _introduces_own(line: str) -> bool:
    return bool(_OWN_INTRO.search(line)) and not _QUOTES_OTHERS.search(line)
