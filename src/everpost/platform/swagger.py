"""The same document as Swagger 2.0, for the code generators that read nothing newer.

Source: contract, conventions.md §1. What 2.0 cannot say is said loosely: alternatives become any value, null becomes
`x-nullable`.
"""

from typing import Any, Final
from urllib.parse import urlsplit

_REFERENCES: Final = ("#/components/schemas/", "#/definitions/")
_KEPT: Final[tuple[str, ...]] = ("operationId", "tags", "summary", "description", "security")
_UNKNOWN: Final = frozenset({"anyOf", "oneOf", "const", "prefixItems", "contentEncoding", "discriminator", "examples"})


def convert(document: dict[str, Any]) -> dict[str, Any]:
    """An OpenAPI 3.1 document of ours as Swagger 2.0."""
    server = urlsplit(document["servers"][0]["url"])
    flow = document["components"]["securitySchemes"]["oauth2"]["flows"]["authorizationCode"]
    responses = document["components"]["responses"]
    return {
        "swagger": "2.0",
        "info": document["info"],
        "host": server.netloc,
        "basePath": server.path,
        "schemes": [server.scheme],
        "consumes": ["application/json"],
        "produces": ["application/json"],
        "tags": document["tags"],
        "paths": {
            path: {method: _operation(each) for method, each in operations.items()}
            for path, operations in document["paths"].items()
        },
        "definitions": {name: _schema(each) for name, each in document["components"]["schemas"].items()},
        "responses": {f"Error{status}": _response(each) for status, each in responses.items()},
        "securityDefinitions": {"oauth2": {"type": "oauth2", "flow": "accessCode", **flow}},
    }


def _operation(operation: dict[str, Any]) -> dict[str, Any]:
    kept: dict[str, Any] = {name: operation[name] for name in _KEPT if name in operation}
    parameters = [_parameter(each) for each in operation["parameters"]]
    content = operation.get("requestBody", {}).get("content", {})
    if "application/json" in content:
        required = operation["requestBody"]["required"]
        body = _schema(content["application/json"]["schema"])
        parameters.append({"name": "body", "in": "body", "required": required, "schema": body})
    if "multipart/form-data" in content:
        kept["consumes"] = ["multipart/form-data"]
        parameters += _form_parameters(content["multipart/form-data"]["schema"])
    answers = {status: _answer(status, each) for status, each in operation["responses"].items()}
    return {**kept, "parameters": parameters, "responses": answers}


def _parameter(parameter: dict[str, Any]) -> dict[str, Any]:
    schema = _schema(parameter["schema"])
    schema.pop("x-nullable", None)
    schema.setdefault("type", "string")
    if schema["type"] == "array":
        schema["collectionFormat"] = "csv"
    kept = {name: parameter[name] for name in ("name", "in", "required", "description") if name in parameter}
    return kept | schema


def _form_parameters(schema: dict[str, Any]) -> list[dict[str, Any]]:
    required = schema.get("required", [])
    return [
        {
            "name": name,
            "in": "formData",
            "required": name in required,
            "type": "file" if each.get("format") == "binary" else "string",
            "description": each.get("description", ""),
        }
        for name, each in schema.get("properties", {}).items()
    ]


def _answer(status: str, response: dict[str, Any]) -> dict[str, Any]:
    return {"$ref": f"#/responses/Error{status}"} if "$ref" in response else _response(response)


def _response(response: dict[str, Any]) -> dict[str, Any]:
    converted: dict[str, Any] = {"description": response["description"]}
    content = response.get("content", {}).get("application/json")
    if content is not None:
        converted["schema"] = _schema(content["schema"])
    return converted


def _schema(schema: Any) -> dict[str, Any]:
    """A JSON schema with nothing in it that 2.0 does not know."""
    if "$ref" in schema:
        return {"$ref": schema["$ref"].replace(*_REFERENCES)}
    options = [each for each in schema.get("anyOf", []) if each.get("type") != "null"]
    if len(options) == 1:
        converted = {**_plain(schema), **_schema(options[0]), "x-nullable": True}
        return {name: value for name, value in converted.items() if (name, value) != ("default", None)}
    return _plain(schema)


def _plain(schema: dict[str, Any]) -> dict[str, Any]:
    converted: dict[str, Any] = {name: value for name, value in schema.items() if name not in _UNKNOWN}
    if not converted.get("required", True):
        del converted["required"]
    if "enum" in converted:
        converted["enum"] = [value for value in converted["enum"] if value is not None]
    if "items" in converted:
        converted["items"] = _schema(converted["items"]) if isinstance(converted["items"], dict) else {}
    if "properties" in converted:
        converted["properties"] = {name: _schema(each) for name, each in converted["properties"].items()}
    if isinstance(converted.get("additionalProperties"), dict):
        converted["additionalProperties"] = _schema(converted["additionalProperties"])
    return converted
