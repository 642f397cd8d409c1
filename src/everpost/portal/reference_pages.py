"""What a page of the API reference shows of an operation, read from the OpenAPI document."""

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any, Final

import msgspec
from markupsafe import Markup, escape

from everpost.portal.code_samples import Call, CodeSample, samples

_PARTNERS: Final = "Technology Partners"
_FILE: Final = "readers.csv"
_DEEPEST: Final = 5
_LIMITS: Final = (
    ("minimum", "at least {}"),
    ("maximum", "at most {}"),
    ("minLength", "at least {} characters"),
    ("maxLength", "at most {} characters"),
    ("minItems", "at least {} items"),
    ("maxItems", "at most {} items"),
)


class Member(msgspec.Struct, frozen=True):
    """A parameter, or a member of a body by its path: `phone_numbers[].kind`."""

    name: str
    type: str
    is_required: bool = False
    description: Markup = Markup()
    allowed: tuple[str, ...] = ()
    default: str | None = None
    limits: str = ""


class Body(msgspec.Struct, frozen=True):
    """What goes in or out."""

    media_type: str
    members: list[Member]
    sample: str


class Response(msgspec.Struct, frozen=True):
    status: str
    description: str
    body: Body | None

    @property
    def is_error(self) -> bool:
        return self.status >= "400"


class Operation(msgspec.Struct, frozen=True):
    """One operation as its page shows it."""

    name: str
    method: str
    path: str
    tag: str
    summary: str
    description: Markup
    scopes: list[str]
    privilege: str | None
    path_parameters: list[Member]
    query_parameters: list[Member]
    body: Body | None
    responses: list[Response]
    code: list[CodeSample]

    @property
    def may_be_tried(self) -> bool:
        """Partner operations need another kind of token."""
        return not self.tag.startswith(_PARTNERS)


class Tag(msgspec.Struct, frozen=True):
    name: str
    description: str
    operations: list[Operation]

    @property
    def anchor(self) -> str:
        return re.sub(r"\W+", "-", self.name).lower()


def read(document: Mapping[str, Any]) -> list[Tag]:
    """All operations, by their tags."""
    found: dict[str, list[Operation]] = {tag["name"]: [] for tag in document["tags"]}
    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            found[operation["tags"][0]].append(_operation(document, path, method.upper(), operation))
    return [Tag(tag["name"], tag.get("description", ""), found[tag["name"]]) for tag in document["tags"]]


def _operation(document: Mapping[str, Any], path: str, method: str, operation: Mapping[str, Any]) -> Operation:
    parameters = operation["parameters"]
    return Operation(
        name=operation["operationId"],
        method=method,
        path=f"/v3{path}",
        tag=operation["tags"][0],
        summary=operation["summary"].rstrip(".").replace("`", ""),
        description=_marked(operation["description"]),
        scopes=[scope for each in operation["security"] for scope in each.get("oauth2", ())],
        privilege=operation["x-privilege"],
        path_parameters=[_parameter(document, each) for each in parameters if each["in"] == "path"],
        query_parameters=[_parameter(document, each) for each in parameters if each["in"] == "query"],
        body=_request_body(document, operation),
        responses=[_response(document, status, each) for status, each in operation["responses"].items()],
        code=samples(_call(document, path, method, operation)),
    )


def _parameter(document: Mapping[str, Any], parameter: Mapping[str, Any]) -> Member:
    description = parameter.get("description", "")
    return _member(document, parameter["name"], parameter["schema"], parameter["required"], description)


def _request_body(document: Mapping[str, Any], operation: Mapping[str, Any]) -> Body | None:
    content = operation.get("requestBody", {}).get("content", {})
    return next((_body(document, media_type, each) for media_type, each in content.items()), None)


def _response(document: Mapping[str, Any], status: str, response: Mapping[str, Any]) -> Response:
    found = _resolved(document, response)
    bodies = (_body(document, media_type, each) for media_type, each in found.get("content", {}).items())
    return Response(status, found["description"], next(bodies, None))


def _body(document: Mapping[str, Any], media_type: str, content: Mapping[str, Any]) -> Body:
    members = list(_members(document, content["schema"], "", 0))
    example = content.get("example")
    return Body(media_type, members, _pretty(example) if example is not None else "")


def _members(document: Mapping[str, Any], schema: Mapping[str, Any], before: str, depth: int) -> Iterator[Member]:
    """The members of an object and of the objects in it, each by its path."""
    found = _plain(document, schema)
    if found.get("type") == "array":
        yield from _members(document, found.get("items", {}), f"{before}[]", depth)
    elif depth < _DEEPEST:
        for name, each in found.get("properties", {}).items():
            path = f"{before}.{name}" if before else name
            yield _member(document, path, each, name in found.get("required", ()), "")
            yield from _members(document, each, path, depth + 1)


def _member(
    document: Mapping[str, Any], name: str, schema: Mapping[str, Any], is_required: bool, description: str
) -> Member:
    found = _plain(document, schema)
    items = _plain(document, found.get("items", {})) if found.get("type") == "array" else found
    default = found.get("default")
    return Member(
        name=name,
        type=_type(document, found),
        is_required=is_required,
        description=_marked(description or found.get("description", "")),
        allowed=tuple(str(value) for value in items.get("enum", ()) if value is not None),
        default=None if default in (None, [], {}) else _plain_text(default),
        limits=", ".join(words.format(found[key]) for key, words in _LIMITS if key in found),
    )


def _type(document: Mapping[str, Any], schema: Mapping[str, Any]) -> str:
    if schema.get("type") == "array":
        return f"array of {_type(document, _plain(document, schema.get('items', {})))}"
    kind = schema.get("type", "any")
    if schema.get("contentMediaType"):
        return "file"
    return f"{kind} ({schema['format']})" if "format" in schema else str(kind)


def _plain(document: Mapping[str, Any], schema: Mapping[str, Any]) -> Mapping[str, Any]:
    """What is meant, without the detour over a component and without the choice of null."""
    found = _resolved(document, schema)
    options = [each for each in found.get("anyOf", ()) if each.get("type") != "null"]
    if options:
        return {**found, **_plain(document, options[0])}
    return found


def _resolved(document: Mapping[str, Any], node: Mapping[str, Any]) -> Mapping[str, Any]:
    if "$ref" not in node:
        return node
    found: Any = document
    for part in node["$ref"].removeprefix("#/").split("/"):
        found = found[part]
    return {**found, **{name: value for name, value in node.items() if name != "$ref"}}


def _call(document: Mapping[str, Any], path: str, method: str, operation: Mapping[str, Any]) -> Call:
    """The operation with example values, as the code samples make it."""
    for parameter in operation["parameters"]:
        if parameter["in"] == "path":
            path = path.replace("{" + parameter["name"] + "}", str(parameter["example"]))
    needed = [each for each in operation["parameters"] if each["in"] == "query" and each["required"]]
    query = "&".join(f"{each['name']}={each['schema'].get('default', 1)}" for each in needed)
    content = operation.get("requestBody", {}).get("content", {})
    url = f"{document['servers'][0]['url']}{path}" + (f"?{query}" if query else "")
    json_body = content.get("application/json", {}).get("example")
    parts = _parts(content["multipart/form-data"]["schema"]) if "multipart/form-data" in content else None
    return Call(method, url, json_body, parts, has_answer="204" not in operation["responses"])


def _parts(schema: Mapping[str, Any]) -> dict[str, str]:
    """What a form must hold; `@` stands before the name of a file."""
    return {
        name: f"@{_FILE}" if each.get("contentMediaType") else str(each.get("examples", [""])[0])
        for name, each in schema["properties"].items()
        if name in schema.get("required", ())
    }


def _marked(text: str) -> Markup:
    """With what stands between backticks as code."""
    return Markup(re.sub(r"`([^`]+)`", r"<code>\1</code>", str(escape(text))))  # noqa: S704 -- escaped before


def _pretty(value: Any) -> str:
    return json.dumps(value, indent=2, ensure_ascii=False)


def _plain_text(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value)
