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

from everpost.accounts import audit, sessions, users
from everpost.ids import AppId
from everpost.oauth import apps, codes, grants, pkce, redirect_uris, scopes
from everpost.oauth.apps import App
from everpost.oauth.scopes import UnknownScope
from everpost.platform import clock
from everpost.platform.caller import Session
from everpost.platform.db import Conn
from everpost.platform.validation import is_uuid

PATH: Final = "/oauth2/default/v1/authorize"

_KEPT: Final = (
    "client_id", "redirect_uri", "response_type", "scope", "state", "nonce", "code_challenge",
    "code_challenge_method", "prompt", "response_mode", "resource",
)  # fmt: skip
_LONGEST_STATE: Final = 2048
_PROMPTS: Final = frozenset({"login", "consent", "none"})
_MODES: Final = frozenset({"query", "fragment", "form_post"})

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


class Asked(msgspec.Struct, frozen=True):
    """A request that is in order: which app wants what."""

    app: App
    parameters: dict[str, str]
    wanted: list[str]
    prompts: frozenset[str]

    def reply(self, **members: str) -> Reply:
        return _reply(self.parameters, **members)

    def refusal(self, error: str, description: str) -> Reply:
        return self.reply(error=error, error_description=description)

    @property
    def encoded(self) -> str:
        """The request in one line, to carry through a form or a sign-in."""
        return encode(self.parameters)


def parse(text: str) -> dict[str, str]:
    """The parameters we know; of a repeated one the first counts. Bytes that are not UTF-8 survive as they are."""
    known: dict[str, str] = {}
    for name, value in parse_qsl(text, errors="surrogateescape"):
        if name in _KEPT:
            known.setdefault(name, value)
    return known


def encode(parameters: Parameters) -> str:
    return urlencode(parameters, quote_via=quote, errors="surrogateescape")


async def examine(conn: Conn, parameters: dict[str, str]) -> Asked | Reply:
    """The request if it is in order, else the error that goes back to the app. Raises: Unanswerable."""
    app = await _find_app(conn, parameters.get("client_id", ""))
    if not redirect_uris.is_registered(parameters.get("redirect_uri", ""), app.redirect_uris):
        raise Unanswerable("The application wants to be answered at an address that it has not registered.")
    refusal = _refuse_app(app, parameters) or _refuse_state(parameters)
    if refusal is not None:
        return refusal
    try:
        wanted = scopes.read(parameters.get("scope", ""))
    except UnknownScope as error:
        return _error(parameters, "invalid_scope", f"The scope '{_printable(str(error))}' is not known.")
    refusal = _refuse_scope(wanted, parameters) or _refuse_proof(app, parameters) or _refuse_modes(parameters)
    if refusal is not None:
        return refusal
    return Asked(app, parameters, wanted, frozenset(parameters.get("prompt", "").split()))


async def is_consent_needed(conn: Conn, asked: Asked, session: Session) -> bool:
    if "consent" in asked.prompts:
        return True
    return not await grants.is_consented(conn, asked.app.client_id, session.user_id, asked.wanted)


async def allow(conn: Conn, asked: Asked, session: Session) -> Reply:
    """Remember the consent and answer with a code."""
    await grants.remember_consent(conn, asked.app.client_id, session.user_id, asked.wanted)
    await audit.append(
        conn,
        "consent.given",
        account_id=session.account_id,
        user_id=session.user_id,
        client_id=asked.app.client_id,
        scope=" ".join(asked.wanted),
    )
    return await answer(conn, asked, session)


async def answer(conn: Conn, asked: Asked, session: Session) -> Reply:
    """A code for what was consented."""
    user = await users.get(conn, session.user_id)
    signed_in_at = await sessions.signed_in_at(conn, session.session_id)
    grant = await grants.create(
        conn,
        asked.app.client_id,
        user,
        asked.wanted,
        auth_time=signed_in_at or clock.now(),
        nonce=_printable(asked.parameters["nonce"]) if "nonce" in asked.parameters else None,
    )
    code = await codes.issue(conn, grant, asked.parameters["redirect_uri"], asked.parameters.get("code_challenge"))
    return asked.reply(code=code)


async def _find_app(conn: Conn, client_id: str) -> App:
    app = await apps.find(conn, AppId(UUID(client_id))) if is_uuid(client_id) else None
    if app is None or app.built_in == apps.COMMAND_LINE:
        raise Unanswerable("The application that sent you here is not known.")
    return app


def _refuse_app(app: App, parameters: Parameters) -> Reply | None:
    if app.state != "active":
        return _error(parameters, "unauthorized_client", "The application is deactivated.")
    if parameters.get("response_type") != "code":
        return _error(parameters, "unsupported_response_type", "The response type is not supported.")
    if app.kind == "device":
        return _error(parameters, "unauthorized_client", "The application may not use this response type.")
    return None


def _refuse_state(parameters: Parameters) -> Reply | None:
    if 1 <= len(parameters.get("state", "")) <= _LONGEST_STATE:
        return None
    without = {name: value for name, value in parameters.items() if name != "state"}
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


def _refuse_modes(parameters: Parameters) -> Reply | None:
    prompts = set(parameters.get("prompt", "").split())
    if not prompts <= _PROMPTS or ("none" in prompts and len(prompts) > 1):
        return _error(parameters, "invalid_request", "The 'prompt' parameter is not valid.")
    if parameters.get("response_mode", "query") not in _MODES:
        return _error(parameters, "invalid_request", "The 'response_mode' parameter is not valid.")
    return None


def _error(parameters: Parameters, error: str, description: str) -> Reply:
    return _reply(parameters, error=error, error_description=description)


def _reply(parameters: Parameters, **members: str) -> Reply:
    if "state" in parameters:
        members["state"] = parameters["state"]
    return Reply(parameters["redirect_uri"], _mode(parameters), members)


def _mode(parameters: Parameters) -> str:
    """Errors go where a success would go."""
    default = "fragment" if parameters.get("response_type") == "token" else "query"
    mode = parameters.get("response_mode", default)
    return mode if mode in _MODES else default


def _printable(text: str) -> str:
    return "".join(character if character.isprintable() else "?" for character in text[:200])
