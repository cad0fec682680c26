"""Pure: which turn of a session an event belongs to, and what a turn has come to."""

from typing import Final, Literal

import attrs

from atlas_actors.messages.client import ClientEvent, ToolUse
from atlas_actors.sessions.texts import first_words, plain, whole

GOAL_CHARACTERS: Final = 2_000
WORDS_CHARACTERS: Final = 4_000
LINE_CHARACTERS: Final = 200
LINES_MAX: Final = 60
FILES_MAX: Final = 100

Result = Literal["success", "failure", "interrupted", ""]
# What only happens within a turn: with an id that nobody has told of, it began unheard.
_WORK: Final = frozenset(
    {"pre_tool", "permission", "post_tool", "tool_failed", "stop", "stop_failed", "interrupt"}
)
# Clients that tell of an edit before it is made, and never that it was.
_TOLD_BEFORE: Final = frozenset({"codex"})
# Changes of which nobody runs a test.
_PROSE: Final = (".md", ".rst", ".txt", ".adoc", ".org", ".log", ".csv", ".svg", ".png", ".pdf")


@attrs.frozen(kw_only=True)
class Turn:
    """One prompt of a session and what followed it; 0 is what came before the first prompt."""

    number: int
    turn_id: str = ""
    began_ms: int
    ended_ms: int | None = None
    result: Result = ""
    request: str = ""
    goal: str = ""
    intent: str = ""
    tier: str = ""
    route_id: str = ""
    commands: int = 0
    failed: int = 0
    tests: int = 0
    tests_say: str = ""  # passed or failed; "": none has run since the last edit
    files: tuple[str, ...] = ()
    done: tuple[str, ...] = ()  # lines, oldest first
    words: str = ""

    @property
    def is_open(self) -> bool:
        """Whether it goes on."""
        return self.ended_ms is None


def is_prompt(event: ClientEvent) -> bool:
    """Whether a person has said something: what a subagent is told is no turn."""
    return event.kind == "prompt" and not event.agent_id


def turn_of(
    event: ClientEvent, last: int, newest: Turn | None, named: Turn | None, at_ms: int
) -> tuple[Turn | None, bool]:
    """(the turn of an event, whether it begins with it).

    `last` is the number of the session's newest turn, `newest` what is kept of it, and `named` the
    turn with the event's own id.
    """
    turn_id = "" if event.agent_id else event.turn_id
    if named is not None and turn_id:
        return named, False
    unheard = bool(turn_id) and event.kind in _WORK
    if newest is not None and unheard and last and newest.is_open and not newest.turn_id:
        return attrs.evolve(newest, turn_id=turn_id), False  # its prompt came without it
    if is_prompt(event) or unheard:
        return Turn(number=last + 1, turn_id=turn_id, began_ms=at_ms), True
    if newest is None and event.kind in _WORK:
        return Turn(number=last, began_ms=at_ms), True
    return newest, False


def after(turn: Turn, event: ClientEvent, *, is_newest: bool, root: str | None, at_ms: int) -> Turn:
    """The turn once this has happened in it; files are named from `root`."""
    match event.kind:
        case "prompt" if not event.agent_id:
            return _asked(turn, event, is_newest)
        case "pre_tool":
            return _began(turn, event, is_newest, root)
        case "post_tool" | "tool_failed" if event.tool is not None:
            return _worked(turn, event, event.tool, root)
        case "stop" if not event.agent_id:
            return ended(turn, verdict(turn)[0], at_ms)
        case "stop_failed" if not event.agent_id:
            words = plain(event.message, None)[-WORDS_CHARACTERS:]
            return ended(attrs.evolve(turn, words=words), "interrupted", at_ms)
        case "interrupt" | "session_end" if turn.is_open and not event.agent_id:
            return ended(turn, "interrupted", at_ms)
        case "session_end" if turn.result != "interrupted":
            return silent(turn)
    return turn


def ended(turn: Turn, result: Result, at_ms: int) -> Turn:
    """It is over, for now."""
    return attrs.evolve(turn, ended_ms=at_ms, result=result)


def superseded(turn: Turn, at_ms: int) -> Turn:
    """A newer one has begun."""
    over = ended(turn, "interrupted", at_ms) if turn.is_open else turn
    return silent(over)


def silent(turn: Turn) -> Turn:
    """It without the texts that are only needed to go on with it."""
    return attrs.evolve(turn, goal="", done=(), words="")


def verdict(turn: Turn) -> tuple[Result, str | None]:
    """(what a turn that ends has come to, how that was verified).

    Tests speak of it if nothing was edited after them; else nothing was verified.
    """
    match turn.tests_say:
        case "passed":
            return "success", "test"
        case "failed":
            return "failure", "test"
    return "success", None


def changed(event: ClientEvent, root: str | None) -> tuple[str, ...]:
    """The files that are not what they were, now that this has happened."""
    tool = event.tool
    if tool is None:
        return ()
    if event.kind == "pre_tool":
        patches = tool.kind == "edit" or "apply_patch" in tool.command
        return edits(tool, root) if patches and event.client in _TOLD_BEFORE else ()
    if event.kind != "post_tool" or tool.interrupted or has_failed(event, tool):
        return ()
    return (*edits(tool, root), *reverts(tool, root))


def edits(tool: ToolUse, root: str | None) -> tuple[str, ...]:
    """The files that a tool changes, each once."""
    names = (within(touch.path, root) for touch in tool.files if touch.kind == "edit")
    return tuple(dict.fromkeys(name for name in names if name))


def reverts(tool: ToolUse, root: str | None) -> tuple[str, ...]:
    """The files that a tool puts back, each once."""
    return tuple(dict.fromkeys(name for path in tool.reverts if (name := within(path, root))))


def within(path: str, root: str | None) -> str:
    """A path as seen from the project, if it is in it."""
    path = plain(path, 4_096)
    inside = root and path.startswith(root.rstrip("/") + "/")
    return path[len(root.rstrip("/")) + 1 :] if inside and root else path


def _asked(turn: Turn, event: ClientEvent, is_newest: bool) -> Turn:
    """Its prompt, which may come after its first tools."""
    if turn.goal or not is_newest:
        return turn
    return attrs.evolve(turn, goal=plain(event.prompt, GOAL_CHARACTERS))


def _began(turn: Turn, event: ClientEvent, is_newest: bool, root: str | None) -> Turn:
    """A tool is about to run: a turn that was over goes on."""
    if not is_newest:
        return turn
    if not turn.is_open and not event.agent_id:
        turn = attrs.evolve(turn, ended_ms=None, result="")
    return _edited(turn, changed(event, root))


def _worked(turn: Turn, event: ClientEvent, tool: ToolUse, root: str | None) -> Turn:
    """A tool has run. Of what nobody knows how it ended, the files have likely changed."""
    if tool.kind == "shell":
        turn = _ran(turn, tool, has_failed(event, tool))
    if not changed(event, root):
        return turn
    turn = _edited(turn, edits(tool, root))
    back = set(reverts(tool, root))
    return attrs.evolve(turn, files=tuple(file for file in turn.files if file not in back))


def has_failed(event: ClientEvent, tool: ToolUse) -> bool | None:
    """Whether a tool has failed by itself; None: that is not known, or a person has cut it off."""
    if tool.interrupted:
        return None
    if event.kind == "tool_failed":
        return True
    if tool.failed is None and tool.kind == "edit":
        return False  # a client says so where it did not work
    return tool.failed


def _ran(turn: Turn, tool: ToolUse, failed: bool | None) -> Turn:
    command = first_words(tool.command, LINE_CHARACTERS - 20)
    ran = attrs.evolve(
        _said(turn, f"ran: {command}{_came_to(tool, failed)}"),
        commands=turn.commands + 1,
        failed=turn.failed + (failed is True),
    )
    if not tool.test or failed is None:
        return ran
    return attrs.evolve(ran, tests=ran.tests + 1, tests_say="failed" if failed else "passed")


def _came_to(tool: ToolUse, failed: bool | None) -> str:
    if tool.interrupted:
        return " (cut off)"
    if failed is None:
        return ""
    if not failed:
        return " (worked)"
    return f" (exit {whole(tool.exit_code)})" if tool.exit_code else " (failed)"


def _edited(turn: Turn, files: tuple[str, ...]) -> Turn:
    """What was tested before is not what is there now."""
    if not files:
        return turn
    for file in files:
        turn = _said(turn, f"edited: {file}")
    kept = tuple(dict.fromkeys((*turn.files, *files)))[:FILES_MAX]
    is_tested = all(file.lower().endswith(_PROSE) for file in files)
    return attrs.evolve(turn, files=kept, tests_say=turn.tests_say if is_tested else "")


def _said(turn: Turn, line: str) -> Turn:
    """One line more of what was done; the same again and again is one."""
    line = plain(line, LINE_CHARACTERS)
    if turn.done[-1:] == (line,):
        return turn
    return attrs.evolve(turn, done=(*turn.done, line)[-LINES_MAX:])
