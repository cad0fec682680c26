"""When two names are the same: they normalise to the same text; nothing fuzzy is ever merged."""

import re
import unicodedata
from collections.abc import Callable, Iterable
from typing import Final

from atlas_actors.errors import UsageError

NAME_CHARACTERS: Final = 500
_WRAPPED: Final = "`\"'“”‘’«»"


def norm(name: str) -> str:
    """Case, spaces, quotes around it and a path's way of writing do not tell names apart.

    Digits and punctuation within do: SR-2023-052 is not SR-2023-053, v1.2 is not 1.2.
    Idempotent. May be empty.
    """
    if name.isalnum() and name.isascii():
        return name.lower()
    text = name
    while True:
        again = _once(text)
        if again == text:
            return text
        text = again


def checked(name: str) -> str:
    """A name as it will be shown. Raises UsageError when it names nothing."""
    shown = " ".join(name.split())[:NAME_CHARACTERS]
    if not norm(shown):
        raise UsageError("the name of an entity is empty")
    return shown


def named_in(names: Iterable[str]) -> Callable[[str], bool]:
    """Whether a text has one of these names as a whole: store.py is not src/store.py."""
    said = (r"\s+".join(map(re.escape, _folded(name).split())) for name in names)
    whole = re.compile(rf"(?<![\w/.-])(?:{'|'.join(said)})(?![\w/-]|\.\w)")
    return lambda text: bool(text) and whole.search(_folded(text)) is not None


def _folded(text: str) -> str:
    return text.lower() if text.isascii() else unicodedata.normalize("NFC", text.casefold())


def _once(text: str) -> str:
    if text.isascii():
        text = text.lower()
    else:
        text = unicodedata.normalize("NFD", text).casefold()
        text = unicodedata.normalize("NFC", text)
    text = " ".join(text.split()).strip(_WRAPPED)
    if "\\" in text and " " not in text:
        text = text.replace("\\", "/")
    if text.startswith("./"):
        text = text[2:]
    if len(text) > 1 and text.endswith("/"):
        text = text[:-1]
    return text.removesuffix("()") if len(text) > 2 else text
