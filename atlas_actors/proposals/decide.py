"""Pure: whether what is proposed is made, within which limits, and the order that it becomes."""

import hashlib
import json
import re
from collections.abc import Mapping
from typing import Any, Final, Literal

import attrs

from atlas_actors.errors import UsageError
from atlas_actors.messages.execution import Request
from atlas_actors.messages.proposal import Propose
from atlas_actors.messages.task import RetryTask, SubmitTask

TITLE_CHARACTERS: Final = 200
PROMPT_BYTES_MAX: Final = 200_000
EVIDENCE_BYTES_MAX: Final = 20_000
FINGERPRINT_CHARACTERS: Final = 200
REASON_CHARACTERS: Final = 500
GENERATED: Final = "generated"  # the origin of our tasks, and the group that they share
_KIND: Final = re.compile(r"[a-z][a-z0-9_-]{0,39}")
_KEY: Final = "proposal:"

# make: a new one; replace: the open one of its subject becomes it; keep: there is one like it.
Verdict = Literal["make", "replace", "keep", "generated", "limit"]


@attrs.frozen(kw_only=True)
class Decision:
    """What becomes of a Propose; `id` is the row that stands for it already."""

    verdict: Verdict
    why: str
    id: str | None = None


def decide(
    proposal: Propose,
    *,
    same: Mapping[str, Any] | None,
    of_subject: Mapping[str, Any] | None,
    made_today: int,
    per_day: int,
) -> Decision:
    """`same` is the newest of its fingerprint that counts, `of_subject` the one that is open."""
    if proposal.from_origin == GENERATED:
        why = f"its evidence comes from task {proposal.from_task}, which was generated itself"
        return Decision(verdict="generated", why=why)
    if same is not None:
        why = _why_same(proposal, same)
        if why:
            return Decision(verdict="keep", why=why, id=same["id"])
    if of_subject is not None:
        if of_subject["state"] == "proposed":
            why = "it takes the place of what was proposed of the same before"
            return Decision(verdict="replace", why=why, id=of_subject["id"])
        return Decision(verdict="keep", why="work on the same is under way", id=of_subject["id"])
    if made_today >= per_day:
        why = f"{made_today} were proposed today, the limit ([proposals] per_day)"
        return Decision(verdict="limit", why=why)
    return Decision(verdict="make", why="")


def _why_same(proposal: Propose, same: Mapping[str, Any]) -> str:
    match same["state"]:
        case "done":
            known = same["evidence_key"] == evidence_key(proposal)
            return "it was done, and nothing new was seen since" if known else ""
        case "rejected":
            return "it was rejected"
        case state:
            return f"it is {state} already"


def checked(proposal: Propose) -> Propose:
    """The proposal with a title that fits one line. Raises UsageError for what is too long."""
    title = one_line(proposal.title)
    sizes = (
        ("the prompt", len(proposal.prompt.encode("utf-8", "replace")), PROMPT_BYTES_MAX),
        ("the evidence", len(evidence_text(proposal).encode()), EVIDENCE_BYTES_MAX),
        ("the fingerprint", len(proposal.fingerprint), FINGERPRINT_CHARACTERS),
    )
    for name, size, most in sizes:
        if size > most:
            raise UsageError(f"{name} of a proposal has {size} bytes; the limit is {most}")
    if not _KIND.fullmatch(proposal.kind):
        raise UsageError(
            f"{proposal.kind[:50]!r} is no kind of proposal", cure="a lower-case word: check"
        )
    if not title or not proposal.prompt.strip() or not proposal.fingerprint:
        raise UsageError("a proposal needs a title, a prompt and a fingerprint")
    return attrs.evolve(proposal, title=title)


def one_line(text: str) -> str:
    """Printable characters only, on one line; a name of a file can hold anything."""
    plain = "".join(letter if letter.isprintable() else " " for letter in text)
    line = " ".join(plain.split())
    return line if len(line) <= TITLE_CHARACTERS else line[: TITLE_CHARACTERS - 1] + "…"


def evidence_text(proposal: Propose) -> str:
    """The evidence as a column holds it; what no UTF-8 has is replaced."""
    text = json.dumps(proposal.evidence, sort_keys=True, ensure_ascii=False)
    return text.encode("utf-8", "replace").decode("utf-8")


def evidence_key(proposal: Propose) -> str:
    """What tells whether anything new was seen."""
    if proposal.evidence_key is not None:
        return proposal.evidence_key
    return hashlib.sha256(evidence_text(proposal).encode()).hexdigest()


def key_of(id: str) -> str:
    """The idempotency key of a proposal's task: however often it is asked for, it is one."""
    return f"{_KEY}{id}"


def id_of(key: str | None) -> str | None:
    """The proposal that a key names."""
    return key.removeprefix(_KEY) if key is not None and key.startswith(_KEY) else None


def order_of(row: Mapping[str, Any]) -> SubmitTask | RetryTask:
    """What tasks are asked for once it is approved."""
    if row["retry_task"] is not None:
        return RetryTask(id=row["retry_task"])
    command = json.loads(row["command"]) if row["command"] else None
    return SubmitTask(
        request=Request(
            prompt=row["prompt"],
            cwd=row["cwd"],
            check=tuple(command) if command else None,
        ),
        key=key_of(row["id"]),
        priority="low",
        group=GENERATED,
        origin=GENERATED,
        handoff_id=row["handoff_id"],
    )
