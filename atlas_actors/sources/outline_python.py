"""Outlines of Python, by its own parser: public names with signatures, fields and docstring heads.

Raises SyntaxError, ValueError, RecursionError or MemoryError for what that parser refuses.
"""

import ast
from collections.abc import Iterator, Sequence
from typing import Final

from atlas_actors.sources.outline import SIGNATURE_CHARACTERS, Entry, Outline, head, short

VALUE_CHARACTERS: Final = 16
ANNOTATION_CHARACTERS: Final = 40
NAMES_CHARACTERS: Final = 120  # of constants or fields on one line
_TOLD_DECORATORS: Final = frozenset(
    {"property", "classmethod", "staticmethod", "abstractmethod", "contextmanager", "overload"}
)
_Function = ast.FunctionDef | ast.AsyncFunctionDef
_Compound = ast.If | ast.Try | ast.TryStar | ast.With | ast.AsyncWith | ast.For | ast.While


def outline(text: str) -> Outline:
    """Public functions, classes, their methods and fields, constants, __all__."""
    module = ast.parse(text)
    entries: list[Entry] = []
    said = head(ast.get_docstring(module, clean=False))
    if said:
        entries.append(Entry(line=1, depth=0, text="module", said=said, symbols=0))
    entries += _body(module.body, 0, frozenset(_exported(module)))
    return Outline(language="python", entries=tuple(entries))


def is_public(name: str) -> bool:
    """Whether others may use it."""
    return not name.startswith("_")


def _exported(module: ast.Module) -> Iterator[str]:
    """Names in __all__: public, whatever they look like."""
    for node in module.body:
        targets = _targets(node)
        if any(isinstance(target, ast.Name) and target.id == "__all__" for target in targets):
            value = getattr(node, "value", None)
            for item in ast.walk(value) if value is not None else ():
                if isinstance(item, ast.Constant) and isinstance(item.value, str):
                    yield item.value


def _body(body: Sequence[ast.stmt], depth: int, exported: frozenset[str]) -> Iterator[Entry]:
    """What a module or a class shows; plain names that follow each other share a line."""
    names: list[tuple[int, str]] = []
    for node in _flat(body):
        if isinstance(node, ast.ClassDef | _Function):
            yield from _joined(names, depth)
            names = []
            if isinstance(node, ast.ClassDef):
                yield from _class(node, depth, exported)
            else:
                yield from _function(node, depth, exported)
        else:
            names += [(node.lineno, name) for name in _named(node, exported)]
    yield from _joined(names, depth)


def _flat(body: Sequence[ast.stmt]) -> Iterator[ast.stmt]:
    """Statements, with those inside if, try, with and loops in their place."""
    ahead = list(reversed(body))
    while ahead:
        node = ahead.pop()
        if not isinstance(node, _Compound):
            yield node
            continue
        inner: list[ast.stmt] = []
        for field in ("body", "handlers", "orelse", "finalbody"):
            for item in getattr(node, field, ()):
                inner += item.body if isinstance(item, ast.ExceptHandler) else [item]
        ahead += reversed(inner)


def _class(node: ast.ClassDef, depth: int, exported: frozenset[str]) -> Iterator[Entry]:
    if not is_public(node.name) and node.name not in exported:
        return
    bases = [_source(base, ANNOTATION_CHARACTERS) for base in (*node.bases, *node.keywords)]
    heading = f"class {node.name}" + (f"({', '.join(bases)})" if bases else "")
    said = head(ast.get_docstring(node, clean=False))
    yield Entry(line=node.lineno, depth=depth, text=short(heading), said=said)
    yield from _body(node.body, depth + 1, frozenset())


def _function(node: _Function, depth: int, exported: frozenset[str]) -> Iterator[Entry]:
    shown = is_public(node.name) or node.name in exported
    if not shown and not (depth and node.name in ("__init__", "__call__")):
        return
    decorators = [name for name in map(_decorator, node.decorator_list) if name]
    if "overload" in decorators:
        return  # the one that is not comes after them
    word = "async def" if isinstance(node, ast.AsyncFunctionDef) else "def"
    returns = f" -> {_source(node.returns, ANNOTATION_CHARACTERS)}" if node.returns else ""
    marks = "".join(f"@{name} " for name in decorators)
    before = f"{marks}{word} {node.name}("
    room = max(VALUE_CHARACTERS, SIGNATURE_CHARACTERS - len(before) - len(returns))
    arguments = short(_arguments(node.args, bool(depth)), room)
    said = head(ast.get_docstring(node, clean=False))
    text = f"{before}{arguments}){returns}"
    yield Entry(line=node.lineno, depth=depth, text=text, said=said)


def _arguments(arguments: ast.arguments, method: bool) -> str:
    """As written, defaults shortened; a method's self is not said."""
    places = [*arguments.posonlyargs, *arguments.args]
    defaults = [None] * (len(places) - len(arguments.defaults)) + list(arguments.defaults)
    shown = [_argument(one, default) for one, default in zip(places, defaults, strict=True)]
    if arguments.posonlyargs:
        shown.insert(len(arguments.posonlyargs), "/")
    if arguments.vararg:
        shown.append(f"*{_argument(arguments.vararg, None)}")
    elif arguments.kwonlyargs:
        shown.append("*")
    shown += map(_argument, arguments.kwonlyargs, arguments.kw_defaults)
    if arguments.kwarg:
        shown.append(f"**{_argument(arguments.kwarg, None)}")
    if method and shown and places and places[0].arg in ("self", "cls"):
        shown = shown[1:]
    return ", ".join(shown)


def _argument(argument: ast.arg, default: ast.expr | None) -> str:
    shown = argument.arg
    if argument.annotation:
        shown += f": {_source(argument.annotation, ANNOTATION_CHARACTERS)}"
    return shown if default is None else f"{shown}={_value(default)}"


def _named(node: ast.stmt, exported: frozenset[str]) -> Iterator[str]:
    """The public names that a statement binds, with annotation or a short number."""
    if isinstance(node, ast.ImportFrom | ast.Import):
        for alias in node.names:  # a name that is handed on
            if alias.asname == alias.name or (alias.asname or alias.name) in exported:
                yield alias.asname or alias.name
        return
    annotation = getattr(node, "annotation", None)
    value = getattr(node, "value", None)
    for target in _targets(node):
        for name in ast.walk(target):
            if not isinstance(name, ast.Name) or not isinstance(name.ctx, ast.Store):
                continue
            if is_public(name.id) or name.id in exported:
                shown = name.id
                if annotation is not None:
                    shown += f": {_source(annotation, ANNOTATION_CHARACTERS)}"
                if isinstance(value, ast.Constant) and isinstance(value.value, int | float):
                    shown += f"={_value(value)}"
                yield shown


def _targets(node: ast.stmt) -> Sequence[ast.expr]:
    if isinstance(node, ast.Assign):
        return node.targets
    if isinstance(node, ast.AnnAssign | ast.AugAssign):
        return (node.target,)
    return ()


def _joined(names: list[tuple[int, str]], depth: int) -> Iterator[Entry]:
    """Names on as few lines as keep short; each line of the outline has the first one's number."""
    seen: set[str] = set()
    line, shown, count = 0, "", 0
    for number, name in names:
        if name in seen:
            continue
        seen.add(name)
        if shown and len(shown) + len(name) > NAMES_CHARACTERS:
            yield Entry(line=line, depth=depth, text=shown, symbols=count)
            shown = ""
        line, shown, count = (line, f"{shown}, {name}", count + 1) if shown else (number, name, 1)
    if shown:
        yield Entry(line=line, depth=depth, text=shown, symbols=count)


def _decorator(node: ast.expr) -> str:
    """Its name when it changes how the function is called."""
    plain = node.func if isinstance(node, ast.Call) else node
    name = plain.attr if isinstance(plain, ast.Attribute) else getattr(plain, "id", "")
    if isinstance(plain, ast.Attribute) and name in ("setter", "deleter"):
        return f"{_source(plain.value, ANNOTATION_CHARACTERS)}.{name}"
    return name if name in _TOLD_DECORATORS else ""


def _value(node: ast.expr) -> str:
    """A default, shortened; texts are not shown: they may be keys."""
    if isinstance(node, ast.Constant) and isinstance(node.value, str | bytes):
        return '""' if not node.value else "…"
    return _source(node, VALUE_CHARACTERS) if not _holds_text(node) else "…"


def _holds_text(node: ast.expr) -> bool:
    return any(
        isinstance(part, ast.Constant) and isinstance(part.value, str | bytes)
        for part in ast.walk(node)
    )


def _source(node: ast.AST, characters_max: int) -> str:
    return short(ast.unparse(node), characters_max)
