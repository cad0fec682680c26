"""Pure: what a hook answers, in the words of its client and with no key that it does not take."""

import json
import re
from typing import Any, Final

import attrs

from atlas_actors.clients.table import CLIENTS, EventTable, table_of

# Claude diverts 10,000 characters and more into a file, Codex cuts at 2,500 tokens, which it
# counts as four bytes each.
ANSWER_BYTES_MAX: Final = 9_600
LINE_CHARS_MAX: Final = 500
_CHARS_MAX: Final = 4 * ANSWER_BYTES_MAX  # that are looked at

_LINE_ENDS: Final = re.compile("\r\n?|[\x0b\x0c\x85\u2028\u2029]")
# Control characters but tab and line feed, and halves of characters: no JSON reader but Python's
# takes the latter.
_UNPRINTABLE: Final = re.compile("[\x00-\x08\x0e-\x1f\x7f-\x9f\ud800-\udfff]")


@attrs.frozen(kw_only=True)
class Answer:
    """What Atlas has to say to one event; all empty: nothing is printed."""

    context: str = ""  # shown to the model
    deny: str = ""  # the tool is not run, and the model is told this
    line: str = ""  # of a status line


def encode(client: str, event: str, answer: Answer) -> bytes:
    """What the hook prints: one JSON object, a status line's text, or b"": nothing.

    Only keys that this event of this client takes; what it cannot carry is left out. A deny comes
    without context: the tool is not run. Never raises; an unknown client or event gets b"".
    """
    row = table_of(client).events.get(event) if client in CLIENTS else None
    if row is None:
        return b""
    if row.line:
        return " ".join(printable(answer.line[:_CHARS_MAX]).split())[:LINE_CHARS_MAX].encode()
    deny = capped(printable(answer.deny[:_CHARS_MAX])).strip() if row.deny else ""
    if deny:
        return _encoded(row, _denial(row, event, deny))
    context = capped(printable(answer.context[:_CHARS_MAX])).strip() if row.context else ""
    if context:
        return _encoded(row, _specific(event, {"additionalContext": context}))
    return b""


def printable(text: str) -> str:
    """The text without control characters (line ends and tabs stay) and broken characters."""
    return _UNPRINTABLE.sub(" ", _LINE_ENDS.sub("\n", text))


def capped(text: str, bytes_max: int = ANSWER_BYTES_MAX) -> str:
    """As many whole lines as fit; the beginning of the first one if that alone is too long."""
    raw = text.encode()
    if len(raw) <= bytes_max:
        return text
    cut = raw[:bytes_max].decode(errors="ignore")
    lines, end, _ = cut.rpartition("\n")
    return lines if end and lines.strip() else cut


def _denial(row: EventTable, event: str, reason: str) -> dict[str, Any]:
    match row.deny:
        case "permission":
            told = {"permissionDecision": "deny", "permissionDecisionReason": reason}
            return _specific(event, told)
        case "behavior":
            return _specific(event, {"decision": {"behavior": "deny", "message": reason}})
        case _:
            return {"decision": "deny", "reason": reason}


def _specific(event: str, told: dict[str, Any]) -> dict[str, Any]:
    return {"hookSpecificOutput": {"hookEventName": event, **told}}


def _encoded(row: EventTable, told: dict[str, Any]) -> bytes:
    inside = told.get("hookSpecificOutput", {})
    assert row.answer_top.issuperset(told), "the table was checked when it was read"
    assert row.answer.issuperset(inside), "the table was checked when it was read"
    return json.dumps(told, ensure_ascii=False, separators=(",", ":")).encode()
