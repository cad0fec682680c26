"""Pure: the text that a provider is asked with."""

import json
from typing import Final

from atlas_actors.messages.execution import Request

# The headers of files, and why an earlier answer was not good enough.
EXTRA_BYTES: Final = 1_000


def build_prompt(request: Request, last_error: str) -> str:
    """The request, its files, and why an earlier answer was not good enough."""
    parts = [request.prompt.strip()]
    parts += [f"--- {file.name} ---\n{file.text.rstrip()}" for file in request.files]
    if last_error.startswith("rejected:"):
        parts.append(f"An earlier answer was {last_error}. Answer again without that fault.")
    return "\n\n".join(parts)


def size_bytes(request: Request) -> int:
    """The most bytes that the prompt will have, with what is said of an earlier answer."""
    texts = [request.prompt, _schema(request)]
    texts += [part for file in request.files for part in (file.name, file.text)]
    size = sum(len(text.encode("utf-8", "replace")) for text in texts)
    size += sum(file.bytes for file in request.files)
    return size + EXTRA_BYTES * (1 + len(request.files))


def characters(request: Request) -> int:
    """How long the prompt will be, in characters."""
    files = sum(len(file.text) + file.bytes + len(file.name) for file in request.files)
    return len(request.prompt) + len(_schema(request)) + files


def _schema(request: Request) -> str:
    return "" if request.schema is None else json.dumps(request.schema)
