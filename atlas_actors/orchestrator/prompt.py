"""Pure: the text that a provider is asked with."""

from atlas_actors.messages.execution import Request


def build_prompt(request: Request, last_error: str) -> str:
    """The request, its files, and why an earlier answer was not good enough."""
    parts = [request.prompt.strip()]
    parts += [f"--- {file.name} ---\n{file.text.rstrip()}" for file in request.files]
    if last_error.startswith("rejected:"):
        parts.append(f"An earlier answer was {last_error}. Answer again without that fault.")
    return "\n\n".join(parts)


def characters(request: Request) -> int:
    """How long the prompt will be, in characters."""
    return len(request.prompt) + sum(len(file.text) + len(file.name) for file in request.files)
