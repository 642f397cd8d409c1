"""The OpenAPI 3.1 document of everything served under `/v3`, made from the doors themselves.

Summaries and descriptions are the doors' docstrings, members are the Structs' fields, limits stand beside them; so the
document cannot drift from what is served. It is built once per process and answered as JSON or YAML.
"""

from collections.abc import Iterable, Mapping
from functools import cache
from http import HTTPStatus
from typing import Any, Final, get_args, get_type_hints

import msgspec
import yaml
from msgspec import inspect

from everpost import __version__
from everpost.platform import config, errors, swagger
from everpost.platform.doors import Answer, Door
from everpost.platform.errors import PLATFORM_AREA, ApiError
from everpost.platform.openapi_examples import Examples
from everpost.platform.pages import Html
from everpost.platform.paging import PageQuery

_FILES: Final = {
    "openapi.json": "application/json",
    "openapi.yaml": "application/yaml",
    "swagger.json": "application/json",
    "swagger.yaml": "application/yaml",
}
_REFERENCE: Final = "#/components/schemas/{name}"
_ERRORS: Final[Mapping[int, tuple[type[ApiError], str]]] = {
    400: (errors.Invalid, "The request is not valid; every problem is named."),
    401: (errors.Unauthorized, "The access token is missing, expired or revoked."),
    403: (errors.PrivilegeMissing, "The token lacks the scope, or its user the privilege."),
    404: (errors.NotFound, "Nothing has this id."),
    406: (errors.NotAcceptable, "The answer would be JSON, which the request does not accept."),
    409: (errors.Conflict, "The request conflicts with what is stored."),
    413: (errors.TooLarge, "The body is too large."),
    415: (errors.UnsupportedMedia, "The body is not of a type that this operation reads."),
    429: (errors.Throttled, "Too many requests in this second or on this day; or, in an array, too much of its kind."),
    500: (errors.InternalError, "An unexpected error occurred."),
    503: (errors.Unavailable, "The service is temporarily unavailable."),
}


class About(msgspec.Struct, frozen=True):
    """What the document says of the whole, which only those above the platform know."""

    title: str
    description: str
    scopes: Mapping[str, str]
    tags: Mapping[str, str] = {}  # what the operations of a tag are about
    meanings: Mapping[str, str] = {}  # of parameters by their names, where the door does not say it
    examples: Mapping[str, Any] = {}  # usual values of members by their names
    bodies: Mapping[str, Any] = {}  # requests worth copying, by the operation's name


class ErrorElement(msgspec.Struct):
    """One error: programs match the key, people read the message."""

    error_key: str
    error_message: str


def document(doors: Iterable[Door], about: About) -> dict[str, Any]:
    """The whole document as plain data."""
    shown = [door for door in doors if door.kind == "api" and not door.hidden and door.path.startswith("/v3/")]
    schemas = _Schemas([kind for door in shown for kind in _kinds(door)])
    examples = Examples(schemas.components, about.examples)
    paths: dict[str, dict[str, Any]] = {}
    for door in shown:
        operation = _with_examples(_operation(door, schemas, about.meanings), about, examples)
        paths.setdefault(door.path.removeprefix("/v3"), {})[door.method.lower()] = operation
    return {
        "openapi": "3.1.0",
        "info": {"title": about.title, "version": __version__, "description": about.description},
        "servers": [{"url": f"{config.current().api_origin}/v3"}],
        "tags": [_tag(tag, about) for tag in dict.fromkeys(door.tag for door in shown)],
        "paths": paths,
        "components": {
            "schemas": {**schemas.components, "Errors": _errors_schema()},
            "securitySchemes": {"oauth2": _security(about)},
            "responses": _error_responses(),
        },
    }


def document_doors(doors: Iterable[Door], about: About) -> list[Door]:
    """The doors that answer the document, as OpenAPI 3.1 and as Swagger 2.0, in JSON and YAML."""
    listed = list(doors)

    @cache
    def written(name: str) -> bytes:
        # Once per process: as YAML it takes long enough to hold up everybody else, and anybody may ask for it.
        content = document(listed, about)
        content = swagger.convert(content) if name.startswith("swagger") else content
        return _yaml(content) if name.endswith("yaml") else msgspec.json.encode(content)

    def door(name: str, media_type: str) -> Door:
        async def answer() -> Answer:
            """This document."""
            return Answer(written(name), media_type=media_type)

        return Door("GET", f"/v3/{name}", answer, "open", PLATFORM_AREA)

    return [door(name, media_type) for name, media_type in _FILES.items()]


def _yaml(content: dict[str, Any]) -> bytes:
    return yaml.dump(content, Dumper=_Plain, sort_keys=False, allow_unicode=True, encoding="utf-8")


class _Plain(yaml.SafeDumper):
    """Without anchors, which many readers of these documents do not know."""

    def ignore_aliases(self, data: Any) -> bool:
        return True


class _Schemas:
    """JSON schemas of all types that doors name, and the components they share."""

    def __init__(self, kinds: list[Any]) -> None:
        unique = list({repr(kind): kind for kind in kinds}.values())
        found, self.components = msgspec.json.schema_components(
            [*unique, ErrorElement], schema_hook=_hook, ref_template=_REFERENCE
        )
        self._by_kind = dict(zip(map(repr, unique), map(_typed, found), strict=False))
        self.components = _typed(self.components)

    def of(self, kind: Any) -> dict[str, Any]:
        return dict(self._by_kind[repr(kind)])


def _typed(schema: Any) -> Any:
    """With a type beside every list of texts to choose from: many readers look for it."""
    if isinstance(schema, list):
        return [_typed(each) for each in schema]
    if not isinstance(schema, dict):
        return schema
    typed = {name: _typed(each) for name, each in schema.items()}
    if isinstance(typed.get("enum"), list) and all(isinstance(value, str) for value in typed["enum"]):
        typed.setdefault("type", "string")
    return typed


def _tag(name: str, about: About) -> dict[str, str]:
    description = about.tags.get(name)
    return {"name": name, "description": description} if description else {"name": name}


def _hook(kind: type) -> dict[str, Any]:
    return {}


def _kinds(door: Door) -> list[Any]:
    kinds = [hint for _, hint, _, _ in _query_members(door)]
    kinds += [door.path_type(name) for name in door.path_names]
    if door.data_kind is not None:
        kinds.append(door.data_kind)
    if _answers(door) is not None:
        kinds.append(_answers(door))
    return kinds


def _answers(door: Door) -> Any | None:
    """The type of the success body, where the door names one."""
    if door.answers is not None:
        return door.answers
    hint = door.hints.get("return")
    return None if hint in (None, type(None), Answer, Html) or hint is Any else hint


def _operation(door: Door, schemas: _Schemas, meanings: Mapping[str, str]) -> dict[str, Any]:
    first, _, others = (door.handler.__doc__ or "").strip().partition("\n")
    summary, _, more = first.partition(". ")
    operation: dict[str, Any] = {
        "operationId": door.handler.__name__,
        "tags": [door.tag],
        "summary": summary.strip().rstrip(".") + ".",
        "parameters": [*_path_parameters(door, schemas, meanings), *_query_parameters(door, schemas, meanings)],
        "responses": _responses(door, schemas),
        "security": [{"oauth2": [scope]} for scope in sorted(door.scopes)] or [{"oauth2": []}],
    }
    text = " ".join(f"{more} {others}".split())
    privilege = f"Needs the privilege `{door.privilege}`." if door.privilege else "Needs no privilege."
    operation["description"] = f"{text} {privilege}".strip()
    operation["x-privilege"] = door.privilege
    if door.consumes == "multipart":
        operation["requestBody"] = {
            "required": True,
            "content": {"multipart/form-data": {"schema": door.upload_schema}},
        }
    elif door.data_kind is not None:
        content = {"application/json": {"schema": schemas.of(door.data_kind)}}
        operation["requestBody"] = {"required": not door.is_data_optional, "content": content}
    return operation


def _with_examples(operation: dict[str, Any], about: About, examples: Examples) -> dict[str, Any]:
    for parameter in operation["parameters"]:
        if parameter["required"]:
            parameter["example"] = examples.of(parameter["schema"], parameter["name"])
    content = operation.get("requestBody", {}).get("content", {}).get("application/json")
    if content is not None:
        body = about.bodies.get(operation["operationId"])
        content["example"] = examples.of(content["schema"]) if body is None else body
    for response in operation["responses"].values():
        for content in response.get("content", {}).values():
            content["example"] = examples.of(content["schema"])
    return operation


def _path_parameters(door: Door, schemas: _Schemas, meanings: Mapping[str, str]) -> list[dict[str, Any]]:
    return [
        {
            "name": name, "in": "path", "required": True, "schema": schemas.of(door.path_type(name)),
            "description": meanings.get(name, ""),
        }
        for name in door.path_names
    ]  # fmt: skip


def _query_parameters(door: Door, schemas: _Schemas, meanings: Mapping[str, str]) -> list[dict[str, Any]]:
    parameters = []
    for name, hint, is_required, default in _query_members(door):
        schema = schemas.of(hint)
        description = schema.pop("description", None) or meanings.get(name, "")
        if default is not None:
            schema["default"] = default
        parameter: dict[str, Any] = {"name": name, "in": "query", "required": is_required, "schema": schema}
        if schema.get("type") == "array":
            parameter |= {"style": "form", "explode": False}
        parameters.append({**parameter, "description": description})
    if door.is_paged:
        parameters.append(_cursor_parameter(door))
    return parameters


def _cursor_parameter(door: Door) -> dict[str, Any]:
    name = getattr(door.query_kind, "cursor_name", "cursor")
    description = "Where the page begins, from `_links.next.href`; every other parameter is then ignored."
    return {"name": name, "in": "query", "required": False, "schema": {"type": "string"}, "description": description}


def _query_members(door: Door) -> list[tuple[str, Any, bool, Any]]:
    """Name, type, whether it is required, and what counts when it is left out."""
    kind = door.query_kind
    if kind is None:
        return []
    hints = get_type_hints(kind, include_extras=True)
    info = inspect.type_info(kind)
    assert isinstance(info, inspect.StructType)
    return [
        (field.encode_name, _without_none(hints[field.name]), field.required, _plain_default(field.default))
        for field in info.fields
        if not (issubclass(kind, PageQuery) and field.name == "cursor")
    ]


def _plain_default(default: Any) -> Any:
    return default if isinstance(default, str | int | float | bool) and default != "" else None


def _without_none(hint: Any) -> Any:
    options = [option for option in get_args(hint) if option is not type(None)]
    return options[0] if type(None) in get_args(hint) and len(options) == 1 else hint


def _responses(door: Door, schemas: _Schemas) -> dict[str, Any]:
    takes_body = door.data_kind is not None or door.consumes == "multipart"
    statuses = {"401", "403", "429", "500", "503"}
    if door.query_kind is not None or door.path_names or takes_body:
        statuses |= {"400", "404"}
    if door.may_be_missing:
        statuses.add("404")
    if takes_body:
        statuses |= {"409", "413", "415"}
    if door.method == "DELETE":
        statuses |= {"409", "415"}
    if door.checks_accept:
        statuses.add("406")
    return {str(status): _success(door, status, schemas) for status in (door.success, *door.also)} | {
        status: {"$ref": f"#/components/responses/{status}"} for status in sorted(statuses)
    }


def _success(door: Door, status: int, schemas: _Schemas) -> dict[str, Any]:
    response: dict[str, Any] = {"description": f"{HTTPStatus(status).phrase}."}
    answers = _answers(door)
    if answers is not None:
        response["content"] = {door.produces: {"schema": schemas.of(answers)}}
    return response


def _error_responses() -> dict[str, Any]:
    responses = {str(status): _error_response(kind, text) for status, (kind, text) in _ERRORS.items()}
    # The limits of single operations are told like all else that an area says; those of applications are not.
    schemas = [{"$ref": _REFERENCE.format(name=name)} for name in ("ErrorElement", "Errors")]
    responses["429"]["content"]["application/json"]["schema"] = {"anyOf": schemas}
    return responses


def _error_response(kind: type[ApiError], text: str) -> dict[str, Any]:
    example = msgspec.json.decode(errors.render(kind(), PLATFORM_AREA))
    name = "Errors" if isinstance(example, list) else "ErrorElement"
    content: dict[str, Any] = {"schema": {"$ref": f"#/components/schemas/{name}"}}
    if PLATFORM_AREA.prefix not in str(example):  # other keys than the platform's begin with the area's name
        content["example"] = example
    return {"description": text, "content": {"application/json": content}}


def _errors_schema() -> dict[str, Any]:
    return {"type": "array", "minItems": 1, "items": {"$ref": "#/components/schemas/ErrorElement"}}


def _security(about: About) -> dict[str, Any]:
    base = f"{config.current().auth_origin}/oauth2/default/v1"
    flow = {"authorizationUrl": f"{base}/authorize", "tokenUrl": f"{base}/token", "scopes": dict(about.scopes)}
    return {"type": "oauth2", "flows": {"authorizationCode": flow}}
