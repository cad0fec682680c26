"""Checks what settings say against their classes: names, types, limits."""

import shlex
import typing
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final, Literal

import attrs

from atlas_actors.errors import SettingsError

DEFAULTS_FILE: Final = Path(__file__).with_name("defaults.toml")


def structure(
    kind: type, table: Any, path: tuple[str, ...], origins: Mapping[tuple[str, ...], str]
) -> Any:
    """A table as a value of its class; `origins`: where each came from. Raises SettingsError."""
    hints = typing.get_type_hints(kind)
    known = {field.name: field for field in attrs.fields(kind)}
    where = origins.get(path, str(DEFAULTS_FILE))
    if not isinstance(table, dict):
        raise SettingsError(f"{where}: {'.'.join(path)} must be a section")
    for key in table:
        if key not in known:
            raise SettingsError(
                f"{origins.get((*path, key), where)}: there is no setting {'.'.join((*path, key))}",
                cure=f"one of: {', '.join(name for name in known if name != 'name')}",
            )
    values = {}
    for name, field in known.items():
        if name in table:
            origin = origins.get((*path, name), where)
            row = _row_kind(hints[name])
            if row is not None:
                values[name] = _rows(row, table[name], (*path, name), origin)
            else:
                values[name] = _checked(table[name], hints[name], field, (*path, name), origin)
        elif field.default is attrs.NOTHING:
            raise SettingsError(f"{where}: {'.'.join((*path, name))} is missing")
    return kind(**values)


def _row_kind(kind: Any) -> type | None:
    """The class of the tables of [[SECTION.NAME]]; None: the setting is one value."""
    first = (*typing.get_args(kind), None)[0]
    return first if typing.get_origin(kind) is tuple and attrs.has(first) else None


def _rows(kind: type, rows: Any, path: tuple[str, ...], origin: str) -> tuple[Any, ...]:
    if not isinstance(rows, list):
        raise SettingsError(f"{origin}: {'.'.join(path)} is written as [[{'.'.join(path)}]] tables")
    return tuple(
        structure(kind, row, (*path, str(number)), {(*path, str(number)): origin})
        for number, row in enumerate(rows, 1)
    )


def _words(command: Any) -> tuple[str, ...]:
    """A command as its words, split as a shell would, without one; empty when it is none."""
    try:
        words = shlex.split(command) if isinstance(command, str) else command
    except ValueError:
        return ()
    texts = isinstance(words, list) and all(isinstance(word, str) for word in words)
    return tuple(words) if texts and words[:1] != [""] else ()


def _checked(
    value: Any, kind: Any, field: "attrs.Attribute[Any]", path: tuple[str, ...], origin: str
) -> Any:
    low, high = field.metadata.get("low"), field.metadata.get("high")
    valid = ""
    if field.metadata.get("command"):
        value = _words(value)
        valid = "" if value else "a command line in quotes, or a list of its words"
    elif typing.get_origin(kind) is Literal:
        choices = typing.get_args(kind)
        valid = "" if value in choices else f"one of {', '.join(choices)}"
    elif kind in (tuple[str, ...], tuple[str, ...] | None):
        texts = isinstance(value, list) and all(isinstance(item, str) for item in value)
        valid = "" if texts else "a list of texts in quotes"
        value = tuple(value) if texts else value
    elif kind is bool:
        valid = "" if isinstance(value, bool) else "true or false"
    elif kind in (str, str | None):
        valid = "" if isinstance(value, str) else "a text in quotes"
    else:
        whole_only = kind in (int, int | None)
        number = isinstance(value, int) if whole_only else isinstance(value, int | float)
        if not number or isinstance(value, bool) or not low <= value <= high:
            whole = "a whole number" if whole_only else "a number"
            valid = f"{whole} from {low:g} to {high:g}"
    if valid:
        raise SettingsError(f"{origin}: {'.'.join(path)} is {value!r}, but must be {valid}")
    return value
