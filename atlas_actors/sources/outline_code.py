"""Outlines by tree-sitter: a walk over the syntax tree that keeps signatures and drops bodies.

It goes on behind errors in a file, as a half-written one has them.
"""

import functools
import importlib
import re
from collections.abc import Iterator
from typing import Any, Final

from atlas_actors.sources.grammar import DECLARATIONS, GRAMMARS, MEMBERS, PUBLIC_INSIDE, Grammar
from atlas_actors.sources.outline import DEPTH_MAX, Entry, Outline, head, short

ENTRIES_MAX: Final = 20_000
VALUE_KINDS: Final = frozenset(
    {"body", "value", "right", "accessors", "default_value", "replacement"}
)
_BLOCKS: Final = frozenset({
    "compound_statement", "block", "statement_block", "class_body", "interface_body",
    "declaration_list", "field_declaration_list", "enum_body", "enumerator_list", "body_statement",
    "enum_member_declaration_list", "object_type", "struct_type", "interface_type", "do_block",
    "enum_variant_list", "arrow_expression_clause", "annotation_type_body", "accessor_list",
    "function_expression", "arrow_function", "field_initializer_list", "macro_rule", "comment",
    "token_tree", "ordered_field_declaration_list",
})  # fmt: skip
_COMMENT: Final = re.compile(r"^\s*(?:///?!?|/\*\*?|\*/?|#+|--)\s?|\*/\s*$", re.MULTILINE)
_TAG: Final = re.compile(r"</?\w[^<>]{0,100}>")  # of C#'s documentation
_LONG_LITERAL: Final = re.compile(r"\"(?:[^\"\\\n]|\\.){3,}\"|'(?:[^'\\\n]|\\.){3,}'|`[^`]{3,}`")


def outline(language: str, data: bytes) -> Outline:
    """Every symbol of a file in one of GRAMMARS that is not private."""
    import tree_sitter  # noqa: PLC0415 - only who makes outlines pays for it

    grammar = GRAMMARS[language]
    tree = tree_sitter.Parser(_language(language)).parse(data)
    return Outline(language=language, entries=tuple(_entries(tree.root_node, grammar)))


@functools.cache
def _language(name: str) -> Any:
    import tree_sitter  # noqa: PLC0415

    grammar = GRAMMARS[name]
    made = getattr(importlib.import_module(grammar.module), grammar.function)
    return tree_sitter.Language(made())


def _entries(root: Any, grammar: Grammar) -> Iterator[Entry]:
    """Not recursive: files may be nested as deep as they like."""
    private = re.compile(grammar.private) if grammar.private else None
    ahead = [(root, 0, False)]
    count = 0
    while ahead and count < ENTRIES_MAX:
        node, depth, public = ahead.pop()
        kind = node.type
        holds = kind in grammar.holders
        if holds or kind in grammar.leaves:
            text = _signature(node)
            if private and not public and private.search(text):
                continue
            count += 1
            line = node.start_point[0] + 1
            yield Entry(line=line, depth=depth, text=text, said=_said(node, grammar))
            if holds and depth + 1 < DEPTH_MAX:
                inside = kind in PUBLIC_INSIDE or (text.startswith("impl") and " for " in text)
                ahead += [(child, depth + 1, inside) for child in _inside(node)]
        elif kind == "export_statement" and _hands_on(node):
            count += 1
            yield Entry(line=node.start_point[0] + 1, depth=depth, text=_hidden(node.text))
        elif kind in grammar.wrappers:
            ahead += [(child, depth, public) for child in reversed(_open_children(node))]


def _inside(node: Any) -> list[Any]:
    """Where what a holder holds is, last first: in its body, or in what it is a name of."""
    body = node.child_by_field_name("body") or node.child_by_field_name("type")
    if body is not None:
        return [body]
    return list(reversed(node.named_children))


def _open_children(node: Any) -> list[Any]:
    """The children, without those of a C++ class that come after private: or protected:."""
    if node.type != "field_declaration_list":
        return list(node.named_children)
    shown = node.parent is None or node.parent.type != "class_specifier"
    found = []
    for child in node.named_children:
        if child.type == "access_specifier":
            shown = child.text.startswith(b"public")
        elif shown:
            found.append(child)
    return found


def _hands_on(node: Any) -> bool:
    """export { a, b } from …: symbols that are declared elsewhere."""
    return any(child.type in ("export_clause", "namespace_export", "*") for child in node.children)


def _signature(node: Any) -> str:
    """A node's source up to its body or value, on one line; texts in it are not shown."""
    text = _hidden(node.text[: _end(node) - node.start_byte])
    if node.type in DECLARATIONS:
        names = [child.child_by_field_name("name") for child in node.named_children]
        more = [name.text.decode("utf-8", "replace") for name in names if name is not None][1:]
        text = ", ".join([text, *more])
    elif node.type == "type_spec":
        text = f"type {text}"
    named = node.child_by_field_name("declarator") if node.type == "type_definition" else None
    if named is not None and named.start_byte >= _end(node):
        text = f"{text} {named.text.decode('utf-8', 'replace')}"
    members = _members(node)
    return f"{text} {{{', '.join(members)}}}" if members else text


def _hidden(source: bytes) -> str:
    """Source on one line, without texts: they may be keys."""
    line = _LONG_LITERAL.sub("…", short(source.decode("utf-8", "replace"), 400))
    return short(line.rstrip(" {=:;,\\").removesuffix("=>").rstrip())


def _members(node: Any) -> list[str]:
    """The names in an enumeration, or in one that this defines a type as."""
    holder = node.child_by_field_name("type") if node.type == "type_definition" else node
    body = holder.child_by_field_name("body") if holder is not None else None
    if body is None or body.type not in MEMBERS:
        return []
    found = []
    for child in body.named_children:
        if child.type in MEMBERS[body.type]:
            name = child.child_by_field_name("name") or child
            found.append(short(name.text.decode("utf-8", "replace"), 60))
    return found


def _end(node: Any) -> int:
    """The byte at which what is inside a definition begins."""
    end = int(node.end_byte)
    ahead = [node]
    while ahead:
        one = ahead.pop()
        for at in range(one.child_count):
            child = one.child(at)
            if child.start_byte >= end:
                break
            if child.type in _BLOCKS or one.field_name_for_child(at) in VALUE_KINDS:
                end = min(end, int(child.start_byte))
            elif child.type in (
                "variable_declarator",
                "type_spec",
                "init_declarator",
            ) or child.type in ("struct_specifier", "enum_specifier", "union_specifier"):
                ahead.append(child)
    return end


def _said(node: Any, grammar: Grammar) -> str:
    """The head of the comment that stands right above."""
    before, below = node.prev_sibling, node
    if before is None and node.parent is not None and node.parent.type in grammar.wrappers:
        before, below = node.parent.prev_sibling, node.parent
    lines: list[str] = []
    while before is not None and before.type in grammar.comments and len(lines) < 20:
        if before.end_point[0] + 1 < below.start_point[0]:
            break
        lines.insert(0, before.text.decode("utf-8", "replace"))
        before, below = before.prev_sibling, before
    return head(_TAG.sub("", _COMMENT.sub("", "\n".join(lines))))
