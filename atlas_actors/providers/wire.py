"""What all HTTP transports share: requests, answers, events of a stream, and what errors mean."""

import email.utils
import json
from collections.abc import Iterator, Mapping
from datetime import UTC
from typing import Any, Final, Protocol

import attrs

from atlas_actors.messages.execution import End, Fault, Usage

# English has about 4 characters a token, code fewer.
CHARACTERS_PER_TOKEN: Final = 4
LINE_BYTES_MAX: Final = 1_048_576
ANSWER_BYTES_MAX: Final = 8 * 1_048_576
MESSAGE_CHARACTERS: Final = 300
MODEL_CHARACTERS: Final = 200
COUNT_MAX: Final = 2**53 - 1
RETRY_AFTER_MAX_MS: Final = 7 * 86_400_000
_RATE: Final = frozenset({408, 409, 425, 429, 503, 529})
_KEY_REFUSED: Final = frozenset({401, 403})
# Error types and codes of both families that mean: paid for, and used up.
_QUOTA: Final = (
    "insufficient_quota",
    "usage_limit_reached",
    "billing_error",
    "billing_hard_limit_reached",
    "credit balance is too low",
    "spend limit",
    "usage limit",
    "exceeded your current quota",
)
_CONTEXT: Final = (
    "context_length_exceeded",
    "request_too_large",
    "prompt is too long",
    "prompt_too_long",
    "maximum context length",
    "exceeds the available context size",
    "exceed_context_size_error",
)
_NOT_TAKEN: Final = ("support", "deprecated", "not allowed", "not permitted", "only the default")
SYSTEM: Final = (
    "You are a careful assistant. Do exactly what is asked, answer with the result only, "
    "and add no explanation that was not asked for."
)


class WireError(Exception):
    """The server sent something that is not this protocol, or reports a fault in a stream."""

    def __init__(self, message: str, fault: Fault = Fault.SERVER) -> None:
        super().__init__(message)
        self.fault = fault


@attrs.frozen(kw_only=True)
class Ask:
    """One request to a model; `answer_tokens_max` bounds what it may write. `temperature` None:
    what the transport sends by itself, and nothing at all for a model that `refuses_temperature`.
    The programs (claude, codex) have no such option: for them the gene changes nothing."""

    model: str
    prompt: str
    schema: dict[str, Any] | None
    answer_tokens_max: int
    stream: bool = True
    temperature: float | None = None
    refuses_temperature: bool = False

    def temperature_or(self, usual: float | None = None) -> dict[str, float]:
        """The member of a request that says it, if any; `usual` where nothing was asked for."""
        wanted = usual if self.temperature is None else self.temperature
        return {} if wanted is None or self.refuses_temperature else {"temperature": wanted}


@attrs.frozen(kw_only=True)
class Refusal:
    """What an error means for the attempt."""

    end: End
    fault: Fault
    message: str
    retry_after_ms: int | None = None


@attrs.define(kw_only=True)
class Answer:
    """What has come so far. `finish` is stop, length, refusal, tool or the server's own word."""

    text: str = ""
    finish: str = ""
    model: str = ""
    usage: Usage = attrs.field(factory=Usage)


@attrs.frozen(kw_only=True)
class CallEnd:
    """How a call ended. `cost_usd` is what the provider itself states, if it does."""

    end: End
    fault: Fault | None = None
    answer: Answer = attrs.field(factory=Answer)
    error: str = ""
    retry_after_ms: int | None = None
    cost_usd: float | None = None
    estimated: bool = False  # the tokens are a guess


class Reader(Protocol):
    """Turns the events of one stream into text; `answer` holds what has come, `done` the end."""

    answer: Answer
    done: bool

    def read(self, event: str, data: bytes) -> Iterator[str]:
        """The new pieces of text in one event. Raises WireError."""


class Codec(Protocol):
    """One transport's wire format; implemented by a module in this folder."""

    PATH: str

    def headers(self, key: str) -> dict[str, str]:
        """What a request needs beside its content type; `key` may be empty."""

    def request(self, ask: Ask) -> dict[str, Any]:
        """The body of a request."""

    def reader(self) -> Reader:
        """For a stream."""

    def answer_of(self, body: bytes) -> Answer:
        """An answer that came in one piece. Raises WireError."""


class EventReader:
    """Splits the bytes of a server-sent stream into (event, data); bounded in line and total.

    The parts of the standard that model servers use: event and data fields, comments, LF or CRLF.
    https://html.spec.whatwg.org/multipage/server-sent-events.html
    """

    def __init__(self) -> None:
        self._line = bytearray()
        self._total = 0
        self._event = ""

    def feed(self, data: bytes) -> Iterator[tuple[str, bytes]]:
        """The whole events in `data`. Raises WireError."""
        self._total += len(data)
        if self._total > ANSWER_BYTES_MAX:
            raise WireError(f"the answer is longer than {ANSWER_BYTES_MAX} bytes")
        self._line += data
        if b"\n" not in data:
            if len(self._line) > LINE_BYTES_MAX:
                raise WireError(f"a line is longer than {LINE_BYTES_MAX} bytes")
            return
        *lines, rest = self._line.split(b"\n")
        self._line = bytearray(rest)
        for line in lines:
            text = bytes(line).strip()
            if not text:
                self._event = ""
            elif text.startswith(b"event:"):
                self._event = text[6:].strip().decode("utf-8", "replace")
            elif text.startswith(b"data:"):
                yield self._event, text[5:].strip()
        if len(self._line) > LINE_BYTES_MAX:
            raise WireError(f"a line is longer than {LINE_BYTES_MAX} bytes")


def refusal_of(status: int, headers: Mapping[str, str], body: bytes, now_ms: int) -> Refusal:
    """What an HTTP status other than 200 means; both families put words into error.message."""
    try:
        error = object_of(body).get("error")
    except WireError:
        error = None
    text = error_text(error)
    message = f"HTTP {status}{': ' + text if text else ''}"
    retry_after_ms = retry_after(headers.get("retry-after"), now_ms)
    fault = fault_of(status, error)
    end = END_OF[fault]
    return Refusal(end=end, fault=fault, message=message, retry_after_ms=retry_after_ms)


END_OF: Final = {
    Fault.RATE: End.BUSY,
    Fault.QUOTA: End.BUSY,
    Fault.KEY: End.REFUSED,
    Fault.CONTEXT: End.REFUSED,
    Fault.REQUEST: End.REFUSED,
    Fault.SERVER: End.UNREACHABLE,
    Fault.NETWORK: End.UNREACHABLE,
    Fault.BUDGET: End.OVER_BUDGET,
    Fault.TASK: End.REFUSED,
}


def fault_of(status: int, error: Any) -> Fault:
    """The class of an error, by its type and code before its status."""
    known = fault_in(error)
    if known is not None and (status == 0 or 400 <= status < 500):
        return known
    if status == 402:
        return Fault.QUOTA
    if status == 413:
        return Fault.CONTEXT
    if status in _RATE:
        return Fault.RATE
    if status in _KEY_REFUSED:
        return Fault.KEY
    return Fault.SERVER if status >= 500 or status == 0 else Fault.REQUEST


def refuses_temperature(ended: CallEnd) -> bool:
    """Whether a model takes none but its own: OpenAI's that reason say "Unsupported parameter:
    'temperature'" or "does not support 0.2 with this model", Anthropic's newer ones that it "is
    deprecated for this model"; all of them with HTTP 400."""
    said = ended.error.lower()
    named = ended.fault is Fault.REQUEST and "temperature" in said
    return named and any(word in said for word in _NOT_TAKEN)


def fault_in(error: Any) -> Fault | None:
    """What an error object says by itself; None when it is no class that we know."""
    if isinstance(error, dict):
        words = [error.get(key) for key in ("type", "code", "message")]
        said = " ".join(str(word) for word in words if word).lower()[:2_000]
    else:
        said = str(error or "").lower()[:2_000]
    if any(mark in said for mark in _QUOTA):
        return Fault.QUOTA
    if any(mark in said for mark in _CONTEXT):
        return Fault.CONTEXT
    if "overloaded" in said or "rate_limit" in said:
        return Fault.RATE
    return None


def stream_error(error: Any) -> WireError:
    """An error that arrives inside a stream, after HTTP 200."""
    said = error_text(error) or (str(error.get("type", "")) if isinstance(error, dict) else "")
    return WireError(f"the server failed while it answered: {said}", fault_of(0, error))


def retry_after(value: str | None, now_ms: int) -> int | None:
    """Milliseconds of a Retry-After header: seconds or an HTTP date; at most a week."""
    if value is None:
        return None
    try:
        wait_ms = int(float(value) * 1000)
    except (ValueError, OverflowError):
        try:
            at = email.utils.parsedate_to_datetime(value)
            zoned = at if at.tzinfo is not None else at.replace(tzinfo=UTC)  # HTTP has no other
            wait_ms = int(zoned.timestamp() * 1000) - now_ms
        except (ValueError, OverflowError):
            return None
    return max(0, min(wait_ms, RETRY_AFTER_MAX_MS))


def bearer(key: str) -> dict[str, str]:
    """A bearer token, where there is a key."""
    return {"authorization": f"Bearer {key}"} if key else {}


def models_of(body: bytes) -> list[str]:
    """The ids of GET /v1/models. Raises WireError."""
    rows = object_of(body).get("data")
    if not isinstance(rows, list):
        raise WireError("the list of models has no data")
    ids = [row.get("id") for row in rows if isinstance(row, dict)]
    return [whole(id)[:MODEL_CHARACTERS] for id in ids if isinstance(id, str)]


def failed(
    fault: Fault, error: str, answer: Answer | None = None, *, estimated: bool = False
) -> CallEnd:
    """A call that this fault ended; `estimated` where it does not say what it used."""
    return CallEnd(
        end=END_OF[fault],
        fault=fault,
        error=error,
        answer=answer or Answer(),
        estimated=estimated,
    )


def object_of(data: bytes) -> dict[str, Any]:
    """A JSON object. Raises WireError."""
    try:
        value = json.loads(data)
    except (ValueError, RecursionError) as error:
        raise WireError("the server did not send JSON") from error
    if not isinstance(value, dict):
        raise WireError("the server did not send a JSON object")
    return value


def rows_of(value: Any) -> list[dict[str, Any]]:
    """The objects of a list; anything else is left out."""
    return [row for row in value if isinstance(row, dict)] if isinstance(value, list) else []


def error_text(error: Any) -> str:
    """The words of an error object, on one line."""
    message = error.get("message") if isinstance(error, dict) else error
    return whole(" ".join(str(message or "").split()))[:MESSAGE_CHARACTERS]


def name_of(value: Any) -> str:
    """A model's name as a server states it."""
    return whole(value)[:MODEL_CHARACTERS] if isinstance(value, str) else ""


def count(value: Any) -> int:
    """A number of tokens; anything else is 0."""
    number = isinstance(value, int) and not isinstance(value, bool)
    return max(0, min(value, COUNT_MAX)) if number else 0


def part(value: Any, key: str) -> dict[str, Any]:
    """An object inside an object, or an empty one."""
    inner = value.get(key) if isinstance(value, dict) else None
    return inner if isinstance(inner, dict) else {}


def whole(text: str) -> str:
    """Text without half surrogate pairs; halves that came apart are joined."""
    if text.isascii():
        return text
    return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
