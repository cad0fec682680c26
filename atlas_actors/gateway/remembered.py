"""The parameters of memory.* as the messages that they mean; schemas were checked before."""

from collections.abc import Iterable, Mapping
from typing import Any, Final

import re2

from atlas_actors.errors import UsageError
from atlas_actors.gateway.method import NAME, TEXT, TIME
from atlas_actors.json_schema import object_schema
from atlas_actors.messages.memory import (
    KINDS,
    ForgetMemories,
    ItemKind,
    NewEntity,
    NewMemory,
    NewRelation,
    Recall,
)

TEXT_BYTES_MAX: Final = 65_536
ITEMS_MAX: Final = 1_000
ALL_KINDS: Final = (*KINDS, "entity", "relation")
ARROW: Final = re2.compile(r"(.+?)\s+-([^<>]+)->\s+(.+)")
ID_LIKE: Final = {"type": "string", "minLength": 4, "maxLength": 100}
_LABEL: Final = {"type": "string", "maxLength": 1_000}
PROJECT: Final = {"type": "string", "maxLength": 4_096}
_LONG: Final = {"type": "string", "maxLength": TEXT_BYTES_MAX}


def _list_of(schema: dict[str, Any], most: int) -> dict[str, Any]:
    return {"type": "array", "items": schema, "maxItems": most}


IDS: Final = _list_of(ID_LIKE, 1_000)
# What is said of one memory beside its text.
_BESIDE: Final = {
    "kind": {"enum": list(ALL_KINDS)},
    "project": PROJECT,
    "session": _LABEL,
    "at_ms": TIME,
    "tags": _list_of(NAME, 50),
    "source": _LABEL,
    "speaker": NAME,
    "rationale": _LONG,
    "alternatives": _list_of(_LABEL, 50),
    "supersedes": IDS,
    "lineage": IDS,
    "type": NAME,
    "aliases": _list_of(NAME, 100),
    "observations": _list_of(_LONG, 1_000),
    "subject": NAME,
    "relation": NAME,
    "object": NAME,
}
ITEM: Final = object_schema({"text": TEXT, **_BESIDE}, "kind")
ITEMS: Final = {"type": "array", "items": ITEM, "minItems": 1, "maxItems": ITEMS_MAX}
OWN_WORDS: Final = {"text": TEXT, **_BESIDE}

# How a person's own sentence is meant when they do not say it.
_MEANT: Final[tuple[tuple[ItemKind, Any], ...]] = (
    ("decision", re2.compile(r"(?i)^(we|i) (have )?(decided|chose|chosen|agreed)\b")),
    ("preference", re2.compile(r"(?i)^(i|we) (prefer|like|favou?r)\b|^prefer\b")),
    ("rule", re2.compile(r"(?i)^(please )?(always|never|do not|don'?t|must)\b|\b(must|never)\b")),
)


def kind_of(text: str) -> ItemKind:
    """What a sentence of a person's own is: a decision, a preference, a rule, else a learning."""
    beginning = text.strip()[:2_000]
    return next((kind for kind, meant in _MEANT if meant.search(beginning)), "learning")


def items_of(items: Iterable[Mapping[str, Any]]) -> tuple[NewMemory | NewEntity | NewRelation, ...]:
    """memory.store. Raises UsageError, with the number of the item."""
    return tuple(_item(number, item) for number, item in enumerate(items, 1))


def _item(number: int, item: Mapping[str, Any]) -> NewMemory | NewEntity | NewRelation:
    kind = item["kind"]
    text = item.get("text", "")
    if len(text) * 4 > TEXT_BYTES_MAX and len(text.encode("utf-8")) > TEXT_BYTES_MAX:
        raise UsageError(
            f"item {number}: its text is longer than {TEXT_BYTES_MAX:,} bytes",
            cure="store what matters of it, or its parts, and name the whole in `source`",
        )
    if kind == "entity":
        return _entity(number, item, text)
    if kind == "relation":
        return _relation(number, item, text)
    return NewMemory(
        kind=kind,
        text=text,
        project=item.get("project") or None,
        session=item.get("session"),
        speaker=item.get("speaker"),
        at_ms=item.get("at_ms"),
        tags=tuple(item.get("tags", ())),
        source=item.get("source"),
        rationale=item.get("rationale"),
        alternatives=tuple(item.get("alternatives", ())),
        supersedes=tuple(item.get("supersedes", ())),
        lineage=tuple(item.get("lineage", ())),
    )


def _entity(number: int, item: Mapping[str, Any], text: str) -> NewEntity:
    name = text.strip()
    if not name or len(name) > 200:
        raise UsageError(f"item {number}: the text of an entity is its name, at most 200 long")
    return NewEntity(
        name=name,
        kind=item.get("type", "thing"),
        project=item.get("project") or None,
        observations=tuple(item.get("observations", ())),
        aliases=tuple(item.get("aliases", ())),
        at_ms=item.get("at_ms"),
    )


def _relation(number: int, item: Mapping[str, Any], text: str) -> NewRelation:
    names = [item.get(name, "") for name in ("subject", "relation", "object")]
    if not any(names):
        found = ARROW.fullmatch(text.strip())
        names = [] if found is None else list(found.groups())
    names = [name.strip() for name in names]
    if len(names) != 3 or not all(names):
        raise UsageError(
            f"item {number}: a relation has subject, relation and object",
            cure='or as text: "store.py -imports-> apsw"',
        )
    return NewRelation(
        subject=names[0],
        relation=names[1],
        object=names[2],
        project=item.get("project") or None,
        at_ms=item.get("at_ms"),
    )


def recall_of(params: Mapping[str, Any]) -> Recall:
    """memory.recall."""
    return Recall(
        query=params["query"],
        k=params.get("k", 10),
        project=params.get("project") or None,
        kinds=tuple(params.get("kinds", ())),
        session=params.get("session"),
        budget_tokens=params.get("budget_tokens"),
        at_ms=params.get("at_ms"),
        injectable=params.get("injectable", False),
        explain=params.get("explain", False),
    )


def forget_of(params: Mapping[str, Any], ids: tuple[str, ...]) -> ForgetMemories:
    """memory.forget, its ids whole. Raises UsageError without a filter."""
    filters = {name: params[name] for name in ("match", "project", "session", "entity")
               if name in params}  # fmt: skip
    if not ids and not any(filters.values()):
        raise UsageError(
            "nothing says what to forget",
            cure="give ids, match, project, session or entity",
        )
    for name, value in filters.items():
        if not value.strip():
            raise UsageError(f"{name} is empty")
    return ForgetMemories(ids=ids, dry_run=params.get("dry_run", False), **filters)
