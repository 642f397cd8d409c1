"""How requests of programs reach the authorization server's endpoints, and how answers leave.

Rules: parameters come in the query string, in a form body, or in both; a form body that is no form (clients send JSON
under the form's name) is ignored. Errors before OAuth have a shape of their own. The browser may read an answer only
from an origin of the app's redirect URIs. Source: contract, auth.md §5, §14.
"""

import secrets
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from typing import Any, Final
from urllib.parse import parse_qsl

import msgspec

from everpost.accounts import throttles
from everpost.oauth import clients, redirect_uris, request_throttles
from everpost.oauth.apps import App
from everpost.oauth.clients import Credentials
from everpost.oauth.errors import InvalidRequest, OAuthError, ServerError
from everpost.platform import logs
from everpost.platform.db import Db

MOST_BYTES: Final = 64 * 1024
MEDIA_TYPE: Final = "application/json;charset=UTF-8"

_FORM: Final = "application/x-www-form-urlencoded"
_NO_STORE: Final = {"Cache-Control": "no-store", "Pragma": "no-cache"}
_SUMMARIES: Final = {
    "E0000021": (415, "Accept or Content-Type header is not supported here."),
    "E0000022": (405, "The endpoint does not support the provided HTTP method"),
    "E0000047": (429, "API call exceeded rate limit due to too many requests."),
}

log = logs.get(__name__)


class TwoValues(InvalidRequest):
    """A parameter was sent twice with different values."""


class Incoming(msgspec.Struct, frozen=True):
    """A request as it arrived, its body not yet read as anything."""

    query_string: str
    headers: Mapping[str, str]
    chunks: AsyncIterator[bytes]
    peer: str


class Outgoing(msgspec.Struct, frozen=True):
    """An answer: its status, body and headers."""

    status: int
    body: Any
    headers: dict[str, str]


Action = Callable[[Db, App | None, Credentials, Mapping[str, str], bool], Awaitable[Any]]


class Endpoint(msgspec.Struct, frozen=True):
    """One address: what it does, and which parameter in the query makes up for a missing content type."""

    action: Action
    telling: str
    is_for_browsers: bool = True
    is_counted: bool = False  # each request, and not only those that fail


async def serve(db: Db, incoming: Incoming, endpoint: Endpoint) -> Outgoing:
    """Read the request, run the action, and word whatever it answers or raises."""
    if not _is_form(incoming, endpoint.telling):
        return platform_error("E0000021")
    app, outgoing = await _outcome(db, incoming, endpoint)
    return _with_cors(outgoing, incoming, app) if endpoint.is_for_browsers else outgoing


async def _outcome(db: Db, incoming: Incoming, endpoint: Endpoint) -> tuple[App | None, Outgoing]:
    app: App | None = None
    client_id, address = "", throttles.address_of(incoming.peer, incoming.headers)
    try:
        parameters = await _parameters(incoming)
        credentials = clients.read(incoming.headers.get("authorization", ""), parameters)
        client_id = credentials.client_id
        async with db.reader() as conn:
            app = await clients.find(conn, credentials)
        if await request_throttles.is_blocked(db, client_id, address):
            return app, platform_error("E0000047")
        if endpoint.is_counted and not await request_throttles.may_start_device(db, address):
            return app, platform_error("E0000047")
        body = await endpoint.action(db, app, credentials, parameters, "origin" in incoming.headers)
    except OAuthError as error:
        if error.is_failure:
            await request_throttles.count_failure(db, client_id, address)
        return app, _oauth_error(error)
    except Exception:
        log.exception("token request failed")
        return app, _oauth_error(ServerError())
    return app, Outgoing(200, body, dict(_NO_STORE))


def platform_error(code: str, *, allowed: str = "POST, OPTIONS") -> Outgoing:
    """An error from before OAuth: another shape, and a number to look for in a log. `allowed` belongs to a 405."""
    status, summary = _SUMMARIES[code]
    body = {
        "errorCode": code,
        "errorSummary": summary,
        "errorLink": code,
        "errorId": "oae" + secrets.token_urlsafe(16)[:20],
        "errorCauses": [],
    }
    headers = dict(_NO_STORE)
    if status == 405:
        headers["Allow"] = allowed
    return Outgoing(status, body, headers)


def _oauth_error(error: OAuthError) -> Outgoing:
    headers = dict(_NO_STORE)
    if error.status == 401:
        headers["WWW-Authenticate"] = 'Basic realm="oauth2"'
    return Outgoing(error.status, {"error": error.error, "error_description": error.description}, headers)


def preflight() -> Outgoing:
    """A preflight does not say which app asks, so any origin may go on to ask."""
    headers = {
        "Access-Control-Allow-Origin": "*",
        "Access-Control-Allow-Methods": "POST, OPTIONS",
        "Access-Control-Allow-Headers": "Content-Type, Authorization, Accept",
    }
    return Outgoing(200, None, headers)


def _with_cors(outgoing: Outgoing, incoming: Incoming, app: App | None) -> Outgoing:
    origin = incoming.headers.get("origin", "")
    if not origin or app is None or not redirect_uris.is_registered_origin(origin, app.redirect_uris):
        return outgoing
    allowed = {"Access-Control-Allow-Origin": origin, "Vary": "Origin"}
    return Outgoing(outgoing.status, outgoing.body, {**outgoing.headers, **allowed})


def _is_form(incoming: Incoming, telling: str) -> bool:
    media_type = incoming.headers.get("content-type", "").partition(";")[0].strip().lower()
    if media_type:
        return media_type == _FORM
    return any(name == telling for name, _ in _pairs(incoming.query_string))


async def _parameters(incoming: Incoming) -> dict[str, str]:
    """Query and body together. Raises: TwoValues."""
    merged: dict[str, str] = {}
    for name, value in _pairs(incoming.query_string) + _pairs(await _body(incoming)):
        if merged.setdefault(name, value) != value:
            raise TwoValues
    return merged


async def _body(incoming: Incoming) -> str:
    """The form, or nothing when it is too long to be one or is JSON in disguise."""
    data = b""
    async for chunk in incoming.chunks:
        data += chunk
        if len(data) > MOST_BYTES:
            return ""
    text = data.decode("utf-8", "replace").strip()
    return "" if text.startswith(("{", "[")) else text


def _pairs(text: str) -> list[tuple[str, str]]:
    """Empty values count as not sent, and NUL can be in none of them."""
    return [(name, value) for name, value in parse_qsl(text, errors="replace") if "\0" not in value]
