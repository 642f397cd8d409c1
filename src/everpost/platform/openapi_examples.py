"""Examples for the OpenAPI document: what a body looks like, made from its schema.

A member's value is its schema's own example, else what its name stands for in the product's words, else something of
its type. The same schema always gives the same example.
"""

import hashlib
from collections.abc import Mapping
from typing import Any, Final

_DEEPEST: Final = 6
_BY_FORMAT: Final[Mapping[str, Any]] = {
    "date-time": "2031-04-05T06:07:08Z",
    "date": "2031-04-05",
    "email": "ana@example.com",
}
_BY_TYPE: Final[Mapping[str, Any]] = {"integer": 1, "number": 1.5, "boolean": True, "string": "text"}
_PYTHON_TYPES: Final[Mapping[str, Any]] = {
    "integer": int, "number": (int, float), "boolean": bool, "string": str, "array": list, "object": dict,
}  # fmt: skip


class Examples:
    """Makes examples; `by_name` holds the usual values of members by their names."""

    def __init__(self, components: Mapping[str, Any], by_name: Mapping[str, Any]) -> None:
        self._components = components
        self._by_name = by_name

    def of(self, schema: Mapping[str, Any], name: str = "", depth: int = 0) -> Any:
        """A value of the schema for a member of this name."""
        if "$ref" in schema:
            return self.of(self._components[schema["$ref"].rpartition("/")[2]], name, depth + 1)
        for options in ("anyOf", "oneOf"):
            if options in schema:
                return self.of(next(each for each in schema[options] if each.get("type") != "null"), name, depth)
        if schema.get("examples"):
            return schema["examples"][0]
        return self._known(schema, name) if self._fits(schema, name) else self._made(schema, name, depth)

    def _fits(self, schema: Mapping[str, Any], name: str) -> bool:
        if name not in self._by_name:
            return False
        known = self._by_name[name]
        if "enum" in schema:
            return known in schema["enum"]
        if schema.get("format") == "uuid" or "const" in schema:
            return False
        of_type = _PYTHON_TYPES.get(schema.get("type", ""))
        # To Python, True is an integer as well.
        return of_type is None or (isinstance(known, of_type) and isinstance(known, bool) is (of_type is bool))

    def _known(self, schema: Mapping[str, Any], name: str) -> Any:
        known = self._by_name[name]
        return known[: schema.get("maxLength")] if isinstance(known, str) else known

    def _made(self, schema: Mapping[str, Any], name: str, depth: int) -> Any:
        if "const" in schema:
            return schema["const"]
        if "enum" in schema:
            return next(value for value in schema["enum"] if value is not None)
        if "properties" in schema or schema.get("type") == "object":
            return self._object(schema, depth)
        if schema.get("type") == "array":
            items = schema.get("items")
            return [self.of(items, _singular(name), depth + 1)] if items and depth < _DEEPEST else []
        return _scalar(schema, name)

    def _object(self, schema: Mapping[str, Any], depth: int) -> dict[str, Any]:
        required = schema.get("required", ())
        return {
            name: self.of(each, name, depth + 1)
            for name, each in schema.get("properties", {}).items()
            if depth < _DEEPEST or name in required
        }


def _scalar(schema: Mapping[str, Any], name: str) -> Any:
    if schema.get("format") == "uuid":
        digest = hashlib.sha256(name.encode()).hexdigest()
        return f"01907a4e-{digest[:4]}-7{digest[4:7]}-8{digest[7:10]}-{digest[10:22]}"
    kind: str = schema.get("type", "string")
    value: Any = _BY_FORMAT.get(schema.get("format", ""), _BY_TYPE.get(kind))
    if kind in ("integer", "number"):
        return max(value, schema.get("minimum", value))
    return value[: schema.get("maxLength")] if kind == "string" else value


def _singular(name: str) -> str:
    """The name of one of several: contact_id of contact_ids."""
    return name.removesuffix("s")
