"""Pure: what a model is told at a hook, as notes in our fence; the same facts, the same bytes."""

import re
from collections.abc import Iterable, Sequence
from typing import Final

from atlas_actors import notes
from atlas_actors.messages.client import FailedCommand
from atlas_actors.messages.memory import RecalledItem
from atlas_actors.messages.routing import Route

# A prompt of these says nothing that a model would do better for.
QUIET: Final = frozenset({"chat", "continue"})
# As memory rates its answers (measured with 1 to 2,000 memories: what fits has 0.0023 and more,
# what shares a word only has less): below the first it is likely about something else, and below
# this share of the best it adds nothing.
SCORE_LEAST: Final = 0.002
SHARE_LEAST: Final = 0.25
SHORT_CHARACTERS: Final = 160
QUESTIONS: Final = 4
WORDS_LEAST: Final = 3
_ENDS: Final = re.compile(r"[.!?;](?=\s)|\n|[\[\]{}<>]")  # of sentences; and code is none
_WORDS: Final = re.compile(r"[^\W\d_]{2,}")
COMMAND_CHARACTERS: Final = 200
ERROR_CHARACTERS: Final = 300
FAILED_MOST: Final = 2
OUTLINE_CHARACTERS: Final = 8_000  # with the rest well below where clients cut


def questions(prompt: str) -> list[str]:
    """What memory is asked for a prompt: a short one as it is, of a longer one its first and last
    sentences, each by itself; in a long text what fits one of them is lost."""
    whole = " ".join(prompt.split())
    if len(whole) <= SHORT_CHARACTERS:
        return [whole] if whole else []
    pieces = (" ".join(piece.split())[:SHORT_CHARACTERS] for piece in _ENDS.split(prompt))
    said = [piece for piece in pieces if len(_WORDS.findall(piece)) >= WORDS_LEAST]
    asked = said if len(said) <= QUESTIONS else [*said[: QUESTIONS - 1], said[-1]]
    return list(dict.fromkeys(asked)) or [whole[:SHORT_CHARACTERS]]


def merged(answers: Iterable[Sequence[RecalledItem]]) -> list[RecalledItem]:
    """What several questions have found, the best first, each once."""
    best: dict[str, RecalledItem] = {}
    for items in answers:
        for item in items:
            if item.id not in best or item.score > best[item.id].score:
                best[item.id] = item
    return sorted(best.values(), key=lambda item: (-item.score, item.id))


def hint(route: Route | None, agent: str, items: Sequence[RecalledItem], tokens: int) -> str:
    """Before a prompt: what the router thinks of it, and what memory knows of it, in so many
    tokens; empty when there is nothing to say. `agent` is where the agent that fits was found."""
    lines = [_route(route, agent)] if route is not None and speaks(route) else []
    lines += [_memory(item) for item in relevant(items)]
    return _fenced(notes.within(lines, tokens))


def speaks(route: Route) -> bool:
    """Whether a decision is worth words."""
    return not route.abstained and route.intent not in QUIET


def relevant(items: Sequence[RecalledItem]) -> list[RecalledItem]:
    """Those that are likely about what was asked."""
    best = max((item.score for item in items), default=0.0)
    return [item for item in items if item.score >= max(SCORE_LEAST, SHARE_LEAST * best)]


def failed_before(found: Sequence[FailedCommand]) -> str:
    """Before a command: that it failed here, and what worked instead."""
    return _fenced([_failed(one) for one in found[:FAILED_MOST]])


def outline_reason(path: str, outline: str, tokens_full: int, tokens: int, ranges: str) -> str:
    """Why a file is not read whole, and by what (`ranges`) what is wanted of it can be read."""
    shown, more = _cut(outline)
    rest = f"\n({more} more lines of the outline are left out)" if more else ""
    name = notes.clean(path, 1, 300)
    return (
        f"Atlas shows the outline of {name} ({tokens} tokens instead of {tokens_full}), each line"
        f" with its line number in the file. Ranges can be read with {ranges}; reading the"
        f" file once more gives it whole.\n{shown}{rest}"
    )


def _route(route: Route, agent: str) -> str:
    said = (
        f"Atlas: intent {notes.clean(route.intent, 1, 60)}, tier {notes.clean(route.tier, 1, 60)},"
        f" complexity {route.complexity} of 10, mode {route.mode}"
    )
    if not route.agent or not agent:
        return f"{said}."
    where = notes.clean(agent, 1, 200)
    return f"{said}; `{notes.clean(route.agent, 1, 64)}` fits it ({where})."


def _memory(item: RecalledItem) -> str:
    who = "the user" if item.origin == "person" else item.origin
    return notes.line(item.id, item.at_ms, who, item.text, item.trust)


def _failed(one: FailedCommand) -> str:
    times = "once" if one.times == 1 else f"{one.times} times"
    code = "" if one.exit_code is None else f" with exit code {one.exit_code}"
    said = (
        f"- `{notes.clean(one.command, 1, COMMAND_CHARACTERS)}` failed in this project {times},"
        f" last on {notes.day(one.last_ms)}{code}"
    )
    if one.error.strip():
        said += f": {notes.clean(one.error[-2 * ERROR_CHARACTERS :], 1, ERROR_CHARACTERS)}"
    if one.instead:
        said += f"; then `{notes.clean(one.instead, 1, COMMAND_CHARACTERS)}` worked"
    return said


def _fenced(lines: Sequence[str]) -> str:
    return notes.fence([notes.HEADER, *lines]) if lines else ""


def _cut(outline: str) -> tuple[str, int]:
    """Whole lines of it, and how many are left out."""
    lines = outline.rstrip("\n").split("\n")
    kept, used = 0, 0
    for line in lines:
        used += len(line) + 1
        if used > OUTLINE_CHARACTERS:
            break
        kept += 1
    return "\n".join(lines[:kept]), len(lines) - kept
