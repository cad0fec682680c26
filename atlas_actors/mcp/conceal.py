"""Takes what a server was configured with, and what looks like a secret, out of what it says."""

import re
from collections.abc import Iterator
from typing import Final
from urllib.parse import unquote, urlsplit

from atlas_actors.mcp.servers import Server
from atlas_actors.redaction import Redactor

SECRET_CHARACTERS_MIN: Final = 6
TEXT_CHARACTERS: Final = 300
MARK: Final = "[setting]"
_SECRET_NAME: Final = re.compile(r"key|token|secret|pass|cred|auth|bearer|dsn", re.IGNORECASE)
# Letters and digits without what a path, a package or a sentence has.
_LIKE_A_TOKEN: Final = re.compile(r"^(?=.*[0-9])(?=.*[A-Za-z])[A-Za-z0-9_+/=-]{16,}$")


class Concealer:
    """Of one server."""

    def __init__(self, server: Server, redactor: Redactor) -> None:
        self._redactor = redactor
        # The longest first: one may be the beginning of another.
        found = {one for one in _settings(server) if len(one) >= SECRET_CHARACTERS_MIN}
        self._settings = sorted(found, key=len, reverse=True)

    def text(self, text: str, characters: int = TEXT_CHARACTERS) -> str:
        """One printable line without values of its environment and headers, and without tokens
        of its arguments and its URL."""
        for setting in self._settings:
            text = text.replace(setting, MARK)
        clean = self._redactor.text(text)
        line = " ".join("".join(_printable(letter) for letter in clean).split())
        return line if len(line) <= characters else line[: characters - 1] + "…"


def _settings(server: Server) -> Iterator[str]:
    yield from server.env.values()
    for value in server.headers.values():
        yield value
        yield value.partition(" ")[2]  # after Bearer, Basic
    yield from _of_arguments(server.args)
    if server.url:
        yield from _of_url(server.url)


def _of_arguments(arguments: tuple[str, ...]) -> Iterator[str]:
    """What follows an option with a telling name, and what looks like a token by itself."""
    before = ""
    for argument in arguments:
        name, equals, value = argument.partition("=")
        told = _SECRET_NAME.search(name if equals else before)
        if equals and (told or _LIKE_A_TOKEN.match(value)):
            yield value
        elif not argument.startswith("-") and (
            (before.startswith("-") and told) or _LIKE_A_TOKEN.match(argument)
        ):
            yield argument
        if "://" in argument:
            yield from _of_url(argument)
        before = argument


def _of_url(url: str) -> Iterator[str]:
    """The whole, and of its parts all but scheme, host and words of its path."""
    try:
        parts = urlsplit(url)
        secrets = [parts.username or "", parts.password or ""]
    except ValueError:
        yield url
        return
    secrets += [part.partition("=")[2] for part in parts.query.split("&")]
    secrets += [part for part in parts.path.split("/") if _LIKE_A_TOKEN.match(part)]
    if any(secrets):
        yield url
    for secret in secrets:
        yield secret
        yield unquote(secret)


def _printable(letter: str) -> str:
    return letter if letter.isprintable() else " "
