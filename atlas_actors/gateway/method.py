"""A method of the socket as data: what it does, and the JSON Schema that its calls are held to."""

from typing import Any, Final

import attrs

from atlas_actors.json_schema import SchemaValidator

ID: Final = {"type": "string", "minLength": 1, "maxLength": 100}
NAME: Final = {"type": "string", "minLength": 1, "maxLength": 200}
TEXT: Final = {"type": "string"}
TIME: Final = {"type": "integer", "minimum": 0, "maximum": 2**53}
PATH: Final = {"type": "string", "minLength": 1, "maxLength": 4096}
COUNT: Final = {"type": "integer", "minimum": 0, "maximum": 2**53}


@attrs.frozen(kw_only=True)
class Method:
    """One method; `validator` is made from `params`."""

    name: str
    about: str
    params: dict[str, Any]
    validator: SchemaValidator = attrs.field(eq=False, repr=False)


def method(name: str, about: str, params: dict[str, Any]) -> Method:
    """A method; `params` is an object_schema."""
    return Method(name=name, about=about, params=params, validator=SchemaValidator(params))
