"""How requests reach the token and revocation endpoints, and how answers leave.

Rules: parameters come in the query string, in a form body, or in both; a form body that is no form (clients send JSON
under the form's name) is ignored. Errors before OAuth have a shape of their own. The browser may read an answer only
from an origin of the app's redirect URIs. Source: contract, auth.md §5, §14.
"""

import secrets
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from datetime import timedelta
from typing import Any, Final
from urllib.parse import parse_qsl

import msgspec

from everpost.accounts import throttles
from everpost.accounts.throttles import Limit
from everpost.oauth import clients, redirect_uris
from everpost.oauth.apps import App
from everpost.oauth.clients import Credentials
from everpost.oauth.errors import InvalidRequest, OAuthError, ServerError
from everpost.platform import logs
from everpost.platform.db import Db

MOST_BYTES: Final = 64 * 1024
MEDIA_TYPE: Final = "application/json;charset=UTF-8"

_FORM: Final = "application/x-www-form-urlencoded"
_MINUTE: Final = timedelta(minutes=1)
_FAILURES: Final = Limit(60, within=_MINUTE, block_for=_MINUTE)
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


async def serve(db: Db, incoming: Incoming, action: Action) -> Outgoing:
    """Read the request, run the action, and word whatever it answers or raises."""
    if not _is_form(incoming):
        return platform_error("E0000021")
    app: App | None = None
    credentials = Credentials("", "")
    try:
        parameters = await _parameters(incoming)
        credentials = clients.read(incoming.headers.get("authorization", ""), parameters)
        async with db.reader() as conn:
            app = await clients.find(conn, credentials)
        if await _is_blocked(db, credentials, incoming):
            return _with_cors(platform_error("E0000047"), incoming, app)
        body = await action(db, app, credentials, parameters, "origin" in incoming.headers)
    except OAuthError as error:
        await _count_failure(db, credentials, incoming)
        return _with_cors(oauth_error(error), incoming, app)
    except Exception:
        log.exception("token request failed")
        return _with_cors(oauth_error(ServerError()), incoming, app)
    return _with_cors(Outgoing(200, body, dict(_NO_STORE)), incoming, app)


def platform_error(code: str) -> Outgoing:
    """An error from before OAuth: another shape, and a number to look for in a log."""
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
        headers["Allow"] = "POST, OPTIONS"
    return Outgoing(status, body, headers)


def oauth_error(error: OAuthError) -> Outgoing:
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


def _is_form(incoming: Incoming) -> bool:
    media_type = incoming.headers.get("content-type", "").partition(";")[0].strip().lower()
    if media_type:
        return media_type == _FORM
    return any(name in ("grant_type", "token") for name, _ in _pairs(incoming.query_string))


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


async def _is_blocked(db: Db, credentials: Credentials, incoming: Incoming) -> bool:
    async with db.reader() as conn:
        for subject in _subjects(credentials, incoming):
            if await throttles.is_blocked(conn, subject):
                return True
    return False


async def _count_failure(db: Db, credentials: Credentials, incoming: Incoming) -> None:
    async with db.transaction() as conn:
        for subject in _subjects(credentials, incoming):
            await throttles.count_try(conn, subject, _FAILURES)


def _subjects(credentials: Credentials, incoming: Incoming) -> list[bytes]:
    """Sorted, so that two failures at once lock the rows in one order."""
    address = throttles.address_of(incoming.peer, incoming.headers)
    subjects = [throttles.subject("token-address", address)]
    if credentials.client_id:
        subjects.append(throttles.subject("token-client", credentials.client_id))
    return sorted(subjects)
