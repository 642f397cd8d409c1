"""Doors of the authorization server: pages for the person who is asked, endpoints for the app that asks.

Source: contract, auth.md §1, §3, §5, §11, §14.
"""

from collections.abc import Mapping
from typing import Any, Final
from urllib.parse import urlencode

from everpost.oauth import authorize, keys, metadata, redirect_uris, revocations, scopes, token_requests, transport
from everpost.oauth.apps import App
from everpost.oauth.authorize import Asked, Reply, Unanswerable
from everpost.oauth.clients import Credentials
from everpost.oauth.keys import KeySet
from everpost.oauth.metadata import Metadata
from everpost.oauth.transport import Incoming, Outgoing
from everpost.platform import pages as paper
from everpost.platform.caller import Session
from everpost.platform.db import Conn, Db
from everpost.platform.http import Answer, Html, OpenDoors, Pages, Request, redirect

pages: Final = Pages(tag="Authorization")
open_doors: Final = OpenDoors(tag="Authorization")

# Published clients have this server id built in.
_SERVERS: Final = ("/oauth2/default/v1", "/oauth2/aus1lm3ry9mF7x2Ja0h8/v1")
_AUTHORIZE: Final = tuple(f"{server}/authorize" for server in _SERVERS)
_TOKEN: Final = (*(f"{server}/token" for server in _SERVERS), "/as/token.oauth2")
_REVOKE: Final = tuple(f"{server}/revoke" for server in _SERVERS)
_KEYS: Final = tuple(f"{server}/keys" for server in _SERVERS)
_CONSENT: Final = f"{authorize.PATH}/consent"
_METADATA: Final = "/.well-known/oauth-authorization-server/oauth2/default"

_FOR_EVERYBODY: Final = {"Access-Control-Allow-Origin": "*", "Cache-Control": "max-age=3600"}


@pages.get(*_AUTHORIZE)
async def ask(conn: Conn, session: Session | None, request: Request) -> Html | Answer:
    """An app sends a person here to be allowed in."""
    query_string = request.scope["query_string"].decode("utf-8", "surrogateescape")
    return await _consider(conn, session, authorize.parse(query_string))


@pages.post(*_AUTHORIZE, csrf=False)
async def ask_by_form(conn: Conn, session: Session | None, form: dict[str, str]) -> Html | Answer:
    """The same request as a form. It changes nothing by itself, so it needs no form token."""
    return await _consider(conn, session, authorize.parse(authorize.encode(form)))


@pages.post(_CONSENT)
async def decide(conn: Conn, session: Session, form: dict[str, str]) -> Html | Answer:
    """The person allowed or denied. Everything is checked again: the form was in their hands."""
    try:
        asked = await authorize.examine(conn, authorize.parse(form.get("request", "")))
    except Unanswerable as error:
        return _explained(error)
    if isinstance(asked, Reply):
        return _sent(asked)
    if form.get("decision") != "allow":
        return _sent(asked.refusal("access_denied", "The resource owner denied the request."))
    return _sent(await authorize.allow(conn, asked, session))


@open_doors.post(*_TOKEN)
async def issue_token(db: Db, request: Request) -> Answer:
    """Trade a code or a refresh token for an access token."""
    return _answered(await transport.serve(db, _incoming(request), _issue))


@open_doors.post(*_REVOKE)
async def revoke_token(db: Db, request: Request) -> Answer:
    """Give a token back. Answers 200 whether the token was known or not."""
    return _answered(await transport.serve(db, _incoming(request), _revoke))


@open_doors.get(*_TOKEN, *_REVOKE, hidden=True)
@open_doors.put(*_TOKEN, *_REVOKE, hidden=True)
@open_doors.patch(*_TOKEN, *_REVOKE, hidden=True)
@open_doors.delete(*_TOKEN, *_REVOKE, hidden=True)
async def refuse_method() -> Answer:
    """These two only take POST."""
    return _answered(transport.platform_error("E0000022"))


@open_doors.options(*_TOKEN, *_REVOKE, hidden=True)
async def answer_preflight() -> Answer:
    """A browser asks whether a page may call."""
    return _answered(transport.preflight())


@open_doors.get(*_KEYS)
async def list_keys(db: Db) -> Answer:
    """The public keys that verify access tokens."""
    found: KeySet = await keys.key_set(db)
    return Answer(found, headers=_FOR_EVERYBODY)


@open_doors.get(_METADATA)
async def describe() -> Answer:
    """Where everything is, for clients that find out by themselves."""
    found: Metadata = metadata.current()
    return Answer(found, headers=_FOR_EVERYBODY)


@open_doors.options(*_KEYS, _METADATA, hidden=True)
async def answer_public_preflight() -> Answer:
    """Keys and metadata are for everybody."""
    return Answer(status=200, headers={**_FOR_EVERYBODY, "Access-Control-Allow-Methods": "GET, OPTIONS"})


async def _consider(conn: Conn, session: Session | None, parameters: dict[str, str]) -> Html | Answer:
    """To the app, to the sign-in page, or to the person for consent."""
    try:
        asked = await authorize.examine(conn, parameters)
    except Unanswerable as error:
        return _explained(error)
    if isinstance(asked, Reply):
        return _sent(asked)
    if session is None or "login" in asked.prompts:
        return _signing_in(asked)
    if not await authorize.is_consent_needed(conn, asked, session):
        return _sent(await authorize.answer(conn, asked, session))
    if "none" in asked.prompts:
        return _sent(asked.refusal("consent_required", "The resource owner has to give consent."))
    return _consent_page(asked, session)


def _signing_in(asked: Asked) -> Html | Answer:
    if "none" in asked.prompts:
        return _sent(asked.refusal("login_required", "The resource owner has to sign in."))
    # Without its `login`, so that the fresh sign-in is asked for once and not for ever.
    rest = {**asked.parameters, "prompt": " ".join(sorted(asked.prompts - {"login"}))}
    target = f"{authorize.PATH}?{authorize.encode({name: text for name, text in rest.items() if text})}"
    return redirect(f"/login?{urlencode({'next': target})}", status=302)


def _consent_page(asked: Asked, session: Session) -> Html:
    logo = asked.app.logo_url
    return Html(
        "oauth/consent.html",
        form_targets=[redirect_uris.origin_of(asked.parameters["redirect_uri"])],
        image_sources=[redirect_uris.origin_of(logo)] if logo else [],
        app=asked.app,
        scopes=[(name, scopes.MEANINGS[name]) for name in asked.wanted],
        organization_name=session.organization_name,
        email=session.email,
        request=asked.encoded,
        action=_CONSENT,
    )


def _sent(reply: Reply) -> Html | Answer:
    if reply.response_mode == "form_post":
        origin = redirect_uris.origin_of(reply.redirect_uri)
        return Html("oauth/form_post.html", form_targets=[origin], action=reply.redirect_uri, fields=reply.fields)
    return redirect(reply.url, status=302, headers=[("Cache-Control", "no-store"), ("Referrer-Policy", "no-referrer")])


def _explained(error: Unanswerable) -> Html:
    return paper.error(400, title="This request cannot be answered", text=str(error))


async def _issue(
    db: Db, app: App | None, credentials: Credentials, parameters: Mapping[str, str], is_browser: bool
) -> Any:
    return await token_requests.answer(db, app, credentials, parameters, is_browser=is_browser)


async def _revoke(
    db: Db, app: App | None, credentials: Credentials, parameters: Mapping[str, str], is_browser: bool
) -> None:
    await revocations.answer(db, app, credentials, parameters.get("token", ""))


def _incoming(request: Request) -> Incoming:
    peer = request.client.host if request.client else ""
    # Not `request.url`, which reads the Host header and fails when that is nonsense.
    return Incoming(request.scope["query_string"].decode("utf-8", "replace"), request.headers, request.stream(), peer)


def _answered(outgoing: Outgoing) -> Answer:
    return Answer(outgoing.body, status=outgoing.status, headers=outgoing.headers, media_type=transport.MEDIA_TYPE)
