"""Pure: a shell's command taken apart into simple commands, as far as that is certain.

Nothing is executed or expanded. A word that the shell would expand (a variable, a pattern, what
another command prints) is known not to be certain; a command that is not understood has no parts.
The grammar is that of POSIX' Shell Command Language, with what bash adds to redirections.
"""

import re
from typing import Final

import attrs

NESTING_MAX: Final = 20
STAGES_MAX: Final = 500

_PIECE: Final = re.compile(
    r"""(?P<gap>(?:[ \t\r]|\\\n)+)
    |(?P<end>\n)
    |(?P<process>[<>]\()
    |(?P<operator>&&|\|\||\|&|;;&|;;|;&|&>>|&>|[0-9]*(?:<<<|<<-|<<|<>|<&|>&|>>|>\||<|>)|[;&|()])
    |'(?P<single>[^']*)'
    |(?P<double>")
    |(?P<ansi>\$')
    |(?P<command>\$\()
    |(?P<value>\$(?:\{[^}\n]{0,200}\}|[A-Za-z_][A-Za-z_0-9]*|[0-9@*\#?$!-]))
    |(?P<tick>`)
    |\\(?P<escaped>.)
    |(?P<pattern>[*?\[\]{}]+)
    |(?P<plain>\$|[^\s|&;<>()$`"'\\*?\[\]{}]+)""",
    re.VERBOSE | re.DOTALL,
)
_IN_DOUBLE: Final = re.compile(
    r"""(?P<end>")
    |(?P<command>\$\()
    |(?P<value>\$[{A-Za-z_0-9@*\#?$!-])
    |(?P<tick>`)
    |\\(?P<escaped>[$`"\\\n])
    |(?P<plain>[^"$`\\]+|[\\$])""",
    re.VERBOSE,
)
_TICKED: Final = re.compile(r"((?:[^`\\]|\\.)*)`", re.DOTALL)
_BODY_END: Final = re.compile(r"""[ \t]*["'\\]?(?P<name>[A-Za-z_0-9.-]+)""")
_ANSI: Final = re.compile(r"(?:[^'\\]|\\.)*'", re.DOTALL)
_REDIRECTION: Final = re.compile(r"[0-9]*(?:<<<|<<-|<<|<>|<&|>&|>>|>\||<|>)|&>>?")


@attrs.frozen
class Word:
    """A word without its quotes; not certain: the shell makes something else of it."""

    text: str
    certain: bool = True


@attrs.frozen(kw_only=True)
class Stage:
    """One simple command."""

    words: tuple[Word, ...] = ()
    redirections: tuple[tuple[str, Word], ...] = ()  # operator and what follows it
    bodies: tuple[str, ...] = ()  # of its here-documents
    inner: tuple[str, ...] = ()  # commands whose output it is given: $(...), `...`, <(...)
    before: str = ""  # the operator before it
    after: str = ""
    scope: tuple[int, ...] = ()  # the subshells that it is in


class _Unclear(Exception):
    """The command cannot be taken apart."""


def stages_of(command: str) -> tuple[Stage, ...]:
    """The simple commands in their order; none where the command is not understood."""
    try:
        return _Reader(command).stages()
    except _Unclear:
        return ()


class _Reader:
    """Goes once through a command's characters."""

    def __init__(self, command: str) -> None:
        self._command = command
        self._at = 0
        self._stages: list[Stage] = []
        self._scope: tuple[int, ...] = ()
        self._scopes = 0
        self._before = ""
        # Here-documents whose lines follow: what ends it, whether tabs are cut, of which stage.
        self._awaited: list[tuple[str, bool, int]] = []
        self._begin_stage()
        self._begin_word()

    def _begin_stage(self) -> None:
        self._words: list[Word] = []
        self._redirections: list[tuple[str, Word]] = []
        self._inner: list[str] = []
        self._bodies: list[str] = []
        self._redirection = ""

    def _begin_word(self) -> None:
        self._pieces: list[str] = []
        self._in_word = False
        self._certain = True

    def stages(self) -> tuple[Stage, ...]:
        while self._at < len(self._command):
            found = _PIECE.match(self._command, self._at)
            if found is None:
                raise _Unclear
            self._at = found.end()
            kind = str(found.lastgroup)
            if kind == "plain" and not self._in_word and found[0].startswith("#"):
                self._skip_line()
            else:
                self._piece(kind, found)
        self._end_stage("")
        if self._scope:
            raise _Unclear
        return tuple(self._stages)

    def _skip_line(self) -> None:
        end = self._command.find("\n", self._at)
        self._at = len(self._command) if end < 0 else end

    def _piece(self, kind: str, found: re.Match[str]) -> None:
        match kind:
            case "gap":
                self._end_word()
            case "end":
                self._end_line()
            case "operator":
                self._operator(found[0])
            case "single" | "escaped":
                self._add(found[kind])
            case "double":
                self._double()
            case "ansi":
                self._add_skipped(_ANSI)
            case "tick":
                self._tick()
            case "command" | "process":
                self._add("", certain=False)
                self._inner.append(self._closed())
            case "value" | "pattern":
                self._add(found[0], certain=False)
            case _:
                self._plain(found[0])

    def _plain(self, text: str) -> None:
        unknown_home = not self._in_word and text.startswith("~") and text[1:2] not in ("", "/")
        self._add(text, certain=not unknown_home)

    def _add(self, text: str, *, certain: bool = True) -> None:
        self._pieces.append(text)
        self._in_word = True
        self._certain &= certain

    def _add_skipped(self, pattern: re.Pattern[str]) -> None:
        self._add(self._skipped(pattern), certain=False)

    def _skipped(self, pattern: re.Pattern[str]) -> str:
        found = pattern.match(self._command, self._at)
        if found is None:
            raise _Unclear
        self._at = found.end()
        return found[0][:-1]

    def _tick(self) -> None:
        self._inner.append(self._skipped(_TICKED))
        self._add("", certain=False)

    def _double(self, nesting: int = 0) -> None:
        """The rest of a text in double quotes."""
        self._add("")
        while found := _IN_DOUBLE.match(self._command, self._at):
            self._at = found.end()
            match found.lastgroup:
                case "end":
                    return
                case "command":
                    self._add("", certain=False)
                    self._inner.append(self._closed(nesting + 1))
                case "tick":
                    self._tick()
                case "value":
                    self._add(found[0], certain=False)
                case "escaped":
                    self._add(found["escaped"].replace("\n", ""))
                case _:
                    self._add(found[0])
        raise _Unclear

    def _closed(self, nesting: int = 0) -> str:
        """What stands before the parenthesis that closes the one just read."""
        if nesting > NESTING_MAX:
            raise _Unclear
        begin, depth = self._at, 1
        kept = self._pieces, self._inner
        self._pieces, self._inner = [], []
        bodies: list[tuple[str, bool]] = []
        while depth and (found := _PIECE.match(self._command, self._at)):
            self._at = found.end()
            match found.lastgroup:
                case "double":
                    self._double(nesting + 1)
                case "ansi":
                    self._skipped(_ANSI)
                case "tick":
                    self._skipped(_TICKED)
                case "end":
                    while bodies:
                        self._body(*bodies.pop(0))
                case "command" | "process":
                    depth += 1
                case "operator" if found[0] in ("<<", "<<-"):
                    bodies.append((self._end_named(), found[0] == "<<-"))
                case "operator":
                    depth += {"(": 1, ")": -1}.get(found[0], 0)
        if depth:
            raise _Unclear
        self._pieces, self._inner = kept
        return self._command[begin : self._at - 1]

    def _end_named(self) -> str:
        """The word that ends a here-document, inside of a command that is only skipped."""
        found = _BODY_END.match(self._command, self._at)
        if found is None:
            raise _Unclear
        return found["name"]

    def _end_word(self) -> None:
        if not self._in_word:
            return
        word = Word("".join(self._pieces), self._certain)
        operator = self._redirection
        if operator in ("<<", "<<-"):
            self._awaited.append((word.text, operator == "<<-", len(self._stages)))
        elif operator:
            self._redirections.append((operator, word))
        else:
            self._words.append(word)
        self._redirection = ""
        self._begin_word()

    def _operator(self, operator: str) -> None:
        self._end_word()
        if _REDIRECTION.fullmatch(operator):
            bare = operator.lstrip("0123456789")
            self._redirection = bare
            return
        self._end_stage(operator)
        if operator == "(":
            self._scopes += 1
            self._scope = (*self._scope, self._scopes)
        elif operator == ")":
            if not self._scope:
                raise _Unclear  # a pattern of `case`
            self._scope = self._scope[:-1]

    def _end_stage(self, operator: str) -> None:
        self._end_word()
        if self._redirection:
            raise _Unclear
        if self._words or self._redirections or self._inner or self._bodies:
            if len(self._stages) >= STAGES_MAX:
                raise _Unclear
            stage = Stage(
                words=tuple(self._words),
                redirections=tuple(self._redirections),
                bodies=tuple(self._bodies),
                inner=tuple(self._inner),
                before=self._before,
                after=operator,
                scope=self._scope,
            )
            self._stages.append(stage)
            self._before = operator
        elif self._stages and operator not in ("", "\n", "(", ")"):
            self._before = operator  # of a subshell
            self._stages[-1] = attrs.evolve(self._stages[-1], after=operator)
        self._begin_stage()

    def _end_line(self) -> None:
        self._end_word()
        for end, tabs, number in self._awaited:
            body = self._body(end, tabs)
            if number == len(self._stages):
                self._bodies.append(body)
            else:
                stage = self._stages[number]
                self._stages[number] = attrs.evolve(stage, bodies=(*stage.bodies, body))
        self._awaited = []
        self._end_stage("\n")

    def _body(self, end: str, tabs: bool) -> str:
        """A here-document's lines up to its end, or up to the command's."""
        lines: list[str] = []
        while self._at < len(self._command):
            stop = self._command.find("\n", self._at)
            stop = len(self._command) if stop < 0 else stop
            line = self._command[self._at : stop]
            self._at = stop + 1
            if (line.lstrip("\t") if tabs else line) == end:
                break
            lines.append(line)
        return "\n".join(lines)
