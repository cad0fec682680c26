"""Pure: the line that scripts/hook sends, and the frame around what it is to print.

hook US client US deadline_ms US began_ms US event US NAME=value ... RS payload, with US (1F) and
RS (1E), which JSON has nowhere. The answer: its length in bytes as digits, a line feed, its bytes.
With the word `tell` among the names nobody waits for one, and none is sent.
"""

import json
import math
import re
from typing import Any, Final

import attrs

from atlas_actors.errors import UsageError
from atlas_actors.gateway.rpc import encodes

PREFIX: Final = b"hook\x1f"
# Not a length: the hook takes it for no answer, so that rules which fail closed do.
FAILED: Final = b"-\n"
ANSWER_BYTES_MAX: Final = 262_144  # the hook prints nothing of what is longer
TELL: Final = "tell"
HEAD_BYTES_MAX: Final = 65_536
FIELD_BYTES_MAX: Final = 4_096  # of one value; a longer one is left out
DEADLINE_MS_MAX: Final = 600_000
# All that is forwarded of a hook's environment; scripts/hook has the same names.
FIELDS: Final = frozenset(
    {
        "CLAUDE_PROJECT_DIR",
        "CLAUDE_CODE_SESSION_ID",
        "CLAUDE_CODE_ENTRYPOINT",
        "CODEX_HOME",
        "GEMINI_PROJECT_DIR",
        "GEMINI_SESSION_ID",
    }
)
_CLIENT: Final = re.compile(r"[a-z][a-z0-9-]{0,31}")
_EVENT: Final = re.compile(r"[A-Za-z0-9_-]{0,64}")
_DIGITS: Final = re.compile(r"[0-9]{1,16}")
DEPTH_MAX: Final = 100  # of what is left of a payload that is nested too deeply
DIGITS_MAX: Final = 1_000  # of a number; Python reads no more than 4,300
_BRACKETS: Final = re.compile(r'"(?:[^"\\]++|\\.)*+"|[\[\]{}]')


@attrs.frozen(kw_only=True)
class HookCall:
    """One event of a client, as its hook has sent it."""

    client: str
    event: str  # "": the payload says which
    payload: Any
    deadline_ms: int  # the hook gives up so long after it began
    began_ms: int | None  # when the hook began, of the wall clock
    fields: dict[str, str]  # of the allow-list of variables that it forwards
    told: bool = False  # the hook has gone: nobody reads an answer


def read_hook(line: bytes) -> HookCall:
    """Parse a line without its line feed. Raises UsageError, which quotes nothing of it.

    The payload may be any JSON; what no text or number can hold is replaced, not refused.
    """
    end = line.find(b"\x1e", 0, HEAD_BYTES_MAX)
    if not line.startswith(PREFIX) or end < 0:
        raise UsageError("not a hook's line: hook US client US deadline ... RS payload")
    words = line[:end].decode("utf-8", "replace").split("\x1f")
    if len(words) < 5:
        raise UsageError("a hook's line names client, deadline, begin and event")
    _, client, deadline, began, event, *fields = words
    if not _CLIENT.fullmatch(client) or not _EVENT.fullmatch(event):
        raise UsageError("a hook's line names a client and an event in plain letters")
    if not _DIGITS.fullmatch(deadline) or not 0 < int(deadline) <= DEADLINE_MS_MAX:
        raise UsageError(f"a hook's deadline is 1 to {DEADLINE_MS_MAX} milliseconds")
    if began and not _DIGITS.fullmatch(began):
        raise UsageError("a hook's begin is milliseconds, or nothing")
    return HookCall(
        client=client,
        event=event,
        payload=_payload(line[end + 1 :]),
        deadline_ms=int(deadline),
        began_ms=int(began) if began else None,
        fields=_known(fields),
        told=TELL in fields,
    )


def framed(answer: bytes) -> bytes:
    """What is sent back; an answer that no hook would print is sent as none."""
    if len(answer) > ANSWER_BYTES_MAX:
        return FAILED
    return b"%d\n%b" % (len(answer), answer)


def _known(fields: list[str]) -> dict[str, str]:
    found: dict[str, str] = {}
    for field in fields:
        name, _, value = field.partition("=")
        if name in FIELDS and value and len(value.encode()) <= FIELD_BYTES_MAX:
            found.setdefault(name, value)
    return found


def _payload(data: bytes) -> Any:
    """JSON to values; half a surrogate pair, which some clients cut texts into, becomes `?`."""
    text = data.decode("utf-8", "replace").removeprefix("\ufeff")
    try:
        try:
            return _values(text)
        except RecursionError:
            return _values(_shallow(text))
    except RecursionError as error:
        raise UsageError("a hook's payload is nested too deeply") from error
    except ValueError:
        raise UsageError("a hook's payload is not JSON") from None


def _values(text: str) -> Any:
    value = _read(text)
    if "\\u" in text:
        whole = json.dumps(value, ensure_ascii=False)
        if not encodes(whole):
            value = _read(whole.encode("utf-8", "replace").decode())
    return value


def _read(text: str) -> Any:
    return json.loads(text, parse_constant=_nothing, parse_float=_finite, parse_int=_integer)


def _shallow(text: str) -> str:
    """The same JSON with null for what is nested too deeply to be read."""
    kept: list[str] = []
    depth, at = 0, 0
    for found in _BRACKETS.finditer(text):
        mark = found[0][0]
        if mark == '"':
            continue
        if mark in "[{":
            if depth == DEPTH_MAX:
                kept += [text[at : found.start()], "null"]
            depth += 1
        else:
            depth -= 1
            if depth == DEPTH_MAX:
                at = found.end()
    return "".join([*kept, text[at:]])


def _integer(text: str) -> int | None:
    return int(text) if len(text) <= DIGITS_MAX else None


def _nothing(_: str) -> None:
    """NaN and the infinities, which JSON does not have."""


def _finite(text: str) -> float | None:
    number = float(text)
    return number if math.isfinite(number) else None
