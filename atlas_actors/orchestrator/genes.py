"""Pure: what the genes of a request's strategy make of an attempt."""

from typing import Final

import attrs

from atlas_actors.messages.execution import Request
from atlas_actors.messages.routing import Route
from atlas_actors.messages.strategy import Genome

# Of a request that has no strategy.
PLAIN: Final = Genome(providers=())
_REQUEST: Final = "{request}"


def genome_of(route: Route) -> Genome:
    """How a request is gone about."""
    return PLAIN if route.strategy is None else route.strategy.genome


def templated(request: Request, template: str) -> Request:
    """The request with its prompt in the template's place for it; a template that has none stands
    before the prompt. The prompt's own braces mean nothing."""
    if not template:
        return request
    if _REQUEST in template:
        prompt = request.prompt.strip().join(template.split(_REQUEST, 1))
    else:
        prompt = f"{template}\n\n{request.prompt}"
    return attrs.evolve(request, prompt=prompt)
