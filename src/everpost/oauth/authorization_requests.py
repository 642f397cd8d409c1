"""An authorization request: what it asks, whether it may, and where the answer goes.

Rules: the checks run in the contract's order and the first failure wins. Until the redirect URI is known to belong to
the app, nothing is sent there: a page says what is wrong. `state` goes back byte for byte.
Source: contract, auth.md §3.
"""

from collections.abc import Mapping
from typing import Final, TypeAlias
from urllib.parse import parse_qsl, quote, urlencode
from uuid import UUID

import msgspec

from everpost.ids import AppId
from everpost.oauth import apps, pkce, redirect_uris, scopes
from everpost.oauth.apps import App
from everpost.oauth.scopes import UnknownScope
from everpost.platform.db import Conn
from everpost.platform.validation import is_uuid

_KNOWN: Final = (
    "client_id", "redirect_uri", "response_type", "scope", "state", "nonce", "code_challenge",
    "code_challenge_method", "prompt", "response_mode", "resource",
)  # fmt: skip
_LONGEST_STATE: Final = 2048
_PROMPTS: Final = frozenset({"login", "consent", "none"})
_MODES: Final = {"code": ("query", "fragment", "form_post"), "token": ("fragment",)}
_KINDS: Final = {"web": ("code", "token"), "pkce": ("code",), "device": ()}

Parameters: TypeAlias = Mapping[str, str]


class Unanswerable(Exception):
    """The request cannot be answered by a redirect; the text is for the person in front of the browser."""


class Reply(msgspec.Struct, frozen=True):
    """What goes back to the app, and how: in the query, in the fragment, or by a form."""

    redirect_uri: str
    response_mode: str
    members: dict[str, str]

    @property
    def url(self) -> str:
        pairs = urlencode(self.members, quote_via=quote, errors="surrogateescape")
        if self.response_mode == "fragment":
            return f"{self.redirect_uri}#{pairs}"
        return f"{self.redirect_uri}{'&' if '?' in self.redirect_uri else '?'}{pairs}"

    @property
    def fields(self) -> dict[str, str]:
        """For a form, which can only carry text: bytes that are none become replacement characters."""
        return {
            name: value.encode("utf-8", "surrogateescape").decode("utf-8", "replace")
            for name, value in self.members.items()
        }


class Query(msgspec.Struct, frozen=True):
    """The parameters we know, as they came, and which of them came twice with different values."""

    parameters: dict[str, str]
    repeated: frozenset[str] = frozenset()


class Asked(msgspec.Struct, frozen=True):
    """A request that is in order: which app wants what."""

    app: App
    parameters: dict[str, str]
    wanted: list[str]
    prompts: frozenset[str]

    @property
    def is_implicit(self) -> bool:
        return self.parameters["response_type"] == "token"

    @property
    def redirect_uri(self) -> str:
        return self.parameters["redirect_uri"]

    @property
    def nonce(self) -> str | None:
        return _printable(self.parameters["nonce"]) if "nonce" in self.parameters else None

    def reply(self, **members: str) -> Reply:
        return _reply(self.parameters, **members)

    def refusal(self, error: str, description: str) -> Reply:
        return self.reply(error=error, error_description=description)

    @property
    def encoded(self) -> str:
        """The request in one line, to carry through a form or a sign-in."""
        return encode(self.parameters)


def parse(text: str) -> Query:
    """Of a repeated parameter the first value is kept. Bytes that are not UTF-8 survive as they are."""
    known: dict[str, str] = {}
    repeated = set()
    for name, value in parse_qsl(text, errors="surrogateescape"):
        if name in _KNOWN and known.setdefault(name, value) != value:
            repeated.add(name)
    return Query(known, frozenset(repeated))


def encode(parameters: Parameters) -> str:
    return urlencode(parameters, quote_via=quote, errors="surrogateescape")


async def examine(conn: Conn, query: Query, *, is_state_needed: bool = True) -> Asked | Reply:
    """The request if it is in order, else the error that goes back to the app. Raises: Unanswerable."""
    parameters = query.parameters
    app = await _find_app(conn, query)
    if "redirect_uri" in query.repeated:
        raise Unanswerable("The application names two addresses to be answered at.")
    if not redirect_uris.is_registered(parameters.get("redirect_uri", ""), app.redirect_uris):
        raise Unanswerable("The application wants to be answered at an address that it has not registered.")
    refusal = _refuse_app(app, parameters) or _refuse_state(query, is_state_needed)
    if refusal is not None:
        return refusal
    try:
        wanted = scopes.read(parameters.get("scope", ""))
    except UnknownScope as error:
        return _error(parameters, "invalid_scope", f"The scope '{_printable(str(error))}' is not known.")
    refusal = _refuse_scope(wanted, parameters) or _refuse_proof(app, parameters) or _refuse_modes(query)
    if refusal is not None:
        return refusal
    return Asked(app, parameters, wanted, frozenset(parameters.get("prompt", "").split()))


def _printable(text: str) -> str:
    """What may be shown and stored of a text that could be anything."""
    return "".join(character if character.isprintable() else "?" for character in text[:200])


async def _find_app(conn: Conn, query: Query) -> App:
    client_id = query.parameters.get("client_id", "")
    app = await apps.find(conn, AppId(UUID(client_id))) if is_uuid(client_id) else None
    if app is None or app.built_in == apps.COMMAND_LINE or "client_id" in query.repeated:
        raise Unanswerable("The application that sent you here is not known.")
    return app


def _refuse_app(app: App, parameters: Parameters) -> Reply | None:
    if app.state != "active":
        return _error(parameters, "unauthorized_client", "The application is deactivated.")
    response_type = parameters.get("response_type")
    if response_type not in _MODES:
        return _error(parameters, "unsupported_response_type", "The response type is not supported.")
    if response_type not in _KINDS[app.kind]:
        return _error(parameters, "unauthorized_client", "The application may not use this response type.")
    return None


def _refuse_state(query: Query, is_needed: bool) -> Reply | None:
    state = query.parameters.get("state", "")
    shortest = 1 if is_needed else 0
    if shortest <= len(state) <= _LONGEST_STATE and "state" not in query.repeated:
        return None
    without = {name: value for name, value in query.parameters.items() if name != "state"}
    return _error(without, "invalid_request", "The authentication request has an invalid 'state' parameter.")


def _refuse_scope(wanted: list[str], parameters: Parameters) -> Reply | None:
    if not wanted:
        return _error(parameters, "invalid_scope", "The authentication request must ask for a scope.")
    if "resource" in parameters:
        return _error(parameters, "invalid_target", "The requested resource is not known.")
    return None


def _refuse_proof(app: App, parameters: Parameters) -> Reply | None:
    challenge, method = parameters.get("code_challenge"), parameters.get("code_challenge_method")
    if challenge is None and method is None:
        if app.kind == "pkce":
            return _error(parameters, "invalid_request", "PKCE is required for this application.")
        return None
    if method != "S256":
        return _error(parameters, "invalid_request", "The 'code_challenge_method' must be S256.")
    if challenge is None or not pkce.is_challenge(challenge):
        return _error(parameters, "invalid_request", "The 'code_challenge' must have 43 base64url characters.")
    return None


def _refuse_modes(query: Query) -> Reply | None:
    parameters = query.parameters
    prompts = set(parameters.get("prompt", "").split())
    if not prompts <= _PROMPTS or ("none" in prompts and len(prompts) > 1):
        return _error(parameters, "invalid_request", "The 'prompt' parameter is not valid.")
    modes = _MODES[parameters["response_type"]]
    if parameters.get("response_mode", modes[0]) not in modes:
        return _error(parameters, "invalid_request", "The 'response_mode' parameter is not valid.")
    if query.repeated:
        name = min(query.repeated)
        return _error(parameters, "invalid_request", f"The '{name}' parameter was sent twice.")
    return None


def _error(parameters: Parameters, error: str, description: str) -> Reply:
    return _reply(parameters, error=error, error_description=description)


def _reply(parameters: Parameters, **members: str) -> Reply:
    if "state" in parameters:
        members["state"] = parameters["state"]
    return Reply(parameters["redirect_uri"], _mode(parameters), members)


def _mode(parameters: Parameters) -> str:
    """Errors go where a success would go."""
    modes = _MODES.get(parameters.get("response_type", ""), _MODES["code"])
    wanted = parameters.get("response_mode", modes[0])
    return wanted if wanted in modes else modes[0]
