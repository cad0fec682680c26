"""JSON Schemas from outside: compiled without fetching anything, matched in linear time."""

from typing import Any, Final

import jsonschema_rs

from atlas_actors.errors import UsageError

DETAIL_CHARACTERS: Final = 200
# Compiled size of one pattern; larger ones are refused.
_PATTERNS: Final = jsonschema_rs.RegexOptions(size_limit=1_000_000)


class SchemaValidator:
    """A compiled schema. Raises UsageError when it cannot be used."""

    def __init__(self, schema: dict[str, Any]) -> None:
        try:
            self._validator = jsonschema_rs.validator_for(
                schema, pattern_options=_PATTERNS, offline=True
            )
        except (jsonschema_rs.ValidationError, jsonschema_rs.ReferencingError, ValueError) as error:
            text = getattr(error, "message", str(error))[:DETAIL_CHARACTERS]
            raise UsageError(f"the schema is not a JSON Schema that can be used: {text}") from error

    def problem(self, value: Any) -> str:
        """The first thing wrong with a value, with its place; empty when it fits."""
        problem = next(iter(self._validator.iter_errors(value)), None)
        if problem is None:
            return ""
        where = ".".join(str(part) for part in problem.instance_path)
        return f"{where}: {problem.message}" if where else str(problem.message)


def object_schema(properties: dict[str, Any], *required: str) -> dict[str, Any]:
    """The schema of an object that has these properties and no others."""
    return {
        "type": "object",
        "properties": properties,
        "required": list(required),
        "additionalProperties": False,
    }


def or_null(schema: dict[str, Any]) -> dict[str, Any]:
    """The schema of what fits this one, or is null."""
    return {"anyOf": [schema, {"type": "null"}]}
