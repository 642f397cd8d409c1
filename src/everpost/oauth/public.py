"""Doors of the authorization server: pages for the person who is asked, endpoints for the program that asks.

Source: contract, auth.md §1, §3, §5, §8, §11, §14, §15.
"""

from typing import Final
from urllib.parse import quote, urlencode

import msgspec

from everpost.oauth import (
    activations,
    authorization_requests,
    authorize,
    device_requests,
    devices,
    introspection,
    keys,
    metadata,
    redirect_uris,
    revocations,
    scopes,
    token_requests,
    transport,
)
from everpost.oauth.activations import Found, Refusal
from everpost.oauth.authorization_requests import Asked, Query, Reply, Unanswerable
from everpost.oauth.keys import KeySet
from everpost.oauth.transport import Endpoint, Incoming, Outgoing
from everpost.platform import pages as paper
from everpost.platform.caller import Session
from everpost.platform.db import Db
from everpost.platform.http import Answer, Html, OpenDoors, Pages, Request, redirect

pages: Final = Pages(tag="Authorization")
open_doors: Final = OpenDoors(tag="Authorization")

# Published clients have the second server id built in.
_SERVERS: Final = ("/oauth2/default/v1", "/oauth2/aus1lm3ry9mF7x2Ja0h8/v1")
_AUTHORIZE: Final = tuple(f"{server}/authorize" for server in _SERVERS)
_TOKEN: Final = (*(f"{server}/token" for server in _SERVERS), "/as/token.oauth2")
_DEVICE: Final = tuple(f"{server}/device/authorize" for server in _SERVERS)
_REVOKE: Final = tuple(f"{server}/revoke" for server in _SERVERS)
_INTROSPECT: Final = tuple(f"{server}/introspect" for server in _SERVERS)
_KEYS: Final = tuple(f"{server}/keys" for server in _SERVERS)
_LEGACY: Final = "/v3/idfed"
_CONSENT: Final = f"{_AUTHORIZE[0]}/consent"
_DECISION: Final = f"{devices.PAGE}/decision"
_METADATA: Final = "/.well-known/oauth-authorization-server/oauth2/{server}"

_ISSUE: Final = Endpoint(token_requests.answer, "grant_type")
_START: Final = Endpoint(device_requests.answer, "client_id", is_counted=True)
_GIVE_BACK: Final = Endpoint(revocations.answer, "token")
_LOOK_UP: Final = Endpoint(introspection.answer, "token", is_for_browsers=False)

_FOR_EVERYBODY: Final = {"Access-Control-Allow-Origin": "*", "Cache-Control": "max-age=3600"}
_PROBLEMS: Final = {
    Refusal.UNKNOWN: (400, "This code is not known, or no longer valid. Compare it with what your device shows."),
    Refusal.BLOCKED: (429, "There were too many wrong codes. Please wait ten minutes, then try again."),
    Refusal.NOT_OPEN: (403, "This application is only open to people of its own account."),
}


class ActivateQuery(msgspec.Struct):
    """What a device's link or picture brings along."""

    user_code: str = ""


class CodeForm(msgspec.Struct):
    """The code, and for the second page the person's answer."""

    user_code: str = ""
    decision: str = ""


@pages.get(*_AUTHORIZE)
async def ask(db: Db, session: Session | None, request: Request) -> Html | Answer:
    """An app sends a person here to be allowed in."""
    return await _consider(db, session, _query(request), authorize.PATH)


@pages.get(_LEGACY, hidden=True)
async def ask_as_before(db: Db, session: Session | None, request: Request) -> Html | Answer:
    """The same, as programs of 2022 ask: `state` may be missing."""
    return await _consider(db, session, _query(request), _LEGACY)


@pages.post(*_AUTHORIZE, csrf=False)
async def ask_by_form(db: Db, session: Session | None, form: dict[str, str]) -> Html | Answer:
    """The same request as a form. It changes nothing by itself, so it needs no form token."""
    query = authorization_requests.parse(authorization_requests.encode(form))
    return await _consider(db, session, query, authorize.PATH)


@pages.post(_CONSENT)
async def decide(db: Db, session: Session, form: dict[str, str]) -> Html | Answer:
    """The person allowed or denied. Everything is checked again: the form was in their hands."""
    query = authorization_requests.parse(form.get("request", ""))
    try:
        async with db.reader() as conn:
            # Whether a state was needed was settled when the app asked.
            asked = await authorization_requests.examine(conn, query, is_state_needed=False)
    except Unanswerable as error:
        return _explained(error)
    if isinstance(asked, Reply):
        return _sent(asked)
    if not asked.app.is_open_to(session.account_id):
        return _not_open()
    action = authorize.allow if form.get("decision") == "allow" else authorize.deny
    return _sent(await action(db, asked, session))


@pages.get(devices.PAGE)
async def show_activation(query: ActivateQuery) -> Html:
    """Where a person types the code that a device shows."""
    return _code_page(query.user_code)


@pages.post(devices.PAGE)
async def find_device(db: Db, session: Session | None, form: CodeForm) -> Html | Answer:
    """Which device is it, and may it in?"""
    if session is None:
        return redirect(_sign_in(f"{devices.PAGE}?user_code={quote(form.user_code)}"))
    return _device_page(await activations.find(db, session, form.user_code), form.user_code, session)


@pages.post(_DECISION)
async def decide_on_device(db: Db, session: Session, form: CodeForm) -> Html:
    """The person let the device in or kept it out."""
    is_allowed = form.decision == "allow"
    found = await activations.decide(db, session, form.user_code, is_allowed=is_allowed)
    if isinstance(found, Refusal):
        return _device_page(found, form.user_code, session)
    return _decided_page(found.app.public_name, is_allowed)


@open_doors.post(*_TOKEN)
async def issue_token(db: Db, request: Request) -> Answer:
    """Trade a code or a refresh token for an access token."""
    return _answered(await transport.serve(db, _incoming(request), _ISSUE))


@open_doors.post(*_DEVICE)
async def start_device(db: Db, request: Request) -> Answer:
    """Begin the device flow: a code for the device and one for the person."""
    return _answered(await transport.serve(db, _incoming(request), _START))


@open_doors.post(*_REVOKE)
async def revoke_token(db: Db, request: Request) -> Answer:
    """Give a token back. Answers 200 whether the token was known or not."""
    return _answered(await transport.serve(db, _incoming(request), _GIVE_BACK))


@open_doors.post(*_INTROSPECT)
async def introspect_token(db: Db, request: Request) -> Answer:
    """What a token is worth, for the app it was issued to."""
    return _answered(await transport.serve(db, _incoming(request), _LOOK_UP))


@open_doors.get(*_TOKEN, *_DEVICE, *_REVOKE, *_INTROSPECT, hidden=True)
@open_doors.put(*_TOKEN, *_DEVICE, *_REVOKE, *_INTROSPECT, hidden=True)
@open_doors.patch(*_TOKEN, *_DEVICE, *_REVOKE, *_INTROSPECT, hidden=True)
@open_doors.delete(*_TOKEN, *_DEVICE, *_REVOKE, *_INTROSPECT, hidden=True)
@open_doors.options(*_INTROSPECT, hidden=True)
async def refuse_method() -> Answer:
    """These only take POST."""
    return _answered(transport.platform_error("E0000022"))


@open_doors.post(*_KEYS, hidden=True)
@open_doors.put(*_KEYS, hidden=True)
@open_doors.patch(*_KEYS, hidden=True)
@open_doors.delete(*_KEYS, hidden=True)
async def refuse_to_change_keys() -> Answer:
    """Keys are only read."""
    return _answered(transport.platform_error("E0000022", allowed="GET, OPTIONS"))


@open_doors.options(*_TOKEN, *_DEVICE, *_REVOKE, hidden=True)
async def answer_preflight() -> Answer:
    """A browser asks whether a page may call."""
    return _answered(transport.preflight())


@open_doors.get(*_KEYS)
async def list_keys(db: Db) -> Answer:
    """The public keys that verify access tokens."""
    found: KeySet = await keys.key_set(db)
    return Answer(found, headers=_FOR_EVERYBODY)


@open_doors.get(_METADATA)
async def describe(server: str) -> Answer:
    """Where everything is, for clients that find out by themselves."""
    found = metadata.find(server)
    return Answer(status=404) if found is None else Answer(found, headers=_FOR_EVERYBODY)


@open_doors.options(*_KEYS, _METADATA, hidden=True)
async def answer_public_preflight() -> Answer:
    """Keys and metadata are for everybody."""
    return Answer(status=200, headers={**_FOR_EVERYBODY, "Access-Control-Allow-Methods": "GET, OPTIONS"})


async def _consider(db: Db, session: Session | None, query: Query, path: str) -> Html | Answer:
    """To the app, to the sign-in page, or to the person for consent."""
    try:
        async with db.reader() as conn:
            asked = await authorization_requests.examine(conn, query, is_state_needed=path != _LEGACY)
    except Unanswerable as error:
        return _explained(error)
    if isinstance(asked, Reply):
        return _sent(asked)
    if session is None or "login" in asked.prompts:
        return _signing_in(asked, path)
    return await _ask_person(db, session, asked)


async def _ask_person(db: Db, session: Session, asked: Asked) -> Html | Answer:
    if not asked.app.is_open_to(session.account_id):
        if "none" in asked.prompts:
            return _sent(asked.refusal("access_denied", "The application is not open to this account."))
        return _not_open()
    async with db.reader() as conn:
        is_consent_needed = await authorize.is_consent_needed(conn, asked, session)
    if not is_consent_needed:
        return _sent(await authorize.answer(db, asked, session))
    if authorize.is_own(asked):
        return _sent(await authorize.allow(db, asked, session))
    if "none" in asked.prompts:
        return _sent(asked.refusal("consent_required", "The resource owner has to give consent."))
    return _consent_page(asked, session)


def _signing_in(asked: Asked, path: str) -> Html | Answer:
    if "none" in asked.prompts:
        return _sent(asked.refusal("login_required", "The resource owner has to sign in."))
    # Without its `login`, so that the fresh sign-in is asked for once and not for ever.
    rest = {**asked.parameters, "prompt": " ".join(sorted(asked.prompts - {"login"}))}
    target = f"{path}?{authorization_requests.encode({name: text for name, text in rest.items() if text})}"
    return redirect(_sign_in(target), status=302)


def _consent_page(asked: Asked, session: Session) -> Html:
    logo = asked.app.logo_url
    return Html(
        "oauth/consent.html",
        form_targets=[redirect_uris.origin_of(asked.redirect_uri)],
        image_sources=[redirect_uris.origin_of(logo)] if logo else [],
        app=asked.app,
        scopes=scopes.explained(asked.wanted),
        person=session,
        request=asked.encoded,
        action=_CONSENT,
        sign_in=_sign_in(f"{authorize.PATH}?{asked.encoded}"),
    )


def _code_page(user_code: str, *, status: int = 200, problem: str | None = None) -> Html:
    return Html("oauth/activate.html", status, user_code=user_code, problem=problem, action=devices.PAGE)


def _device_page(found: Found, user_code: str, session: Session) -> Html:
    if isinstance(found, Refusal):
        status, problem = _PROBLEMS[found]
        return _code_page(user_code, status=status, problem=problem)
    logo = found.app.logo_url
    return Html(
        "oauth/device.html",
        image_sources=[redirect_uris.origin_of(logo)] if logo else [],
        app=found.app,
        user_code=found.user_code,
        scopes=scopes.explained(found.scopes),
        person=session,
        action=_DECISION,
        sign_in=_sign_in(f"{devices.PAGE}?user_code={found.user_code}"),
    )


def _decided_page(name: str, is_allowed: bool) -> Html:
    if is_allowed:
        title, text = "Your device is connected", f"{name} can now use your account. You can close this window."
    else:
        title, text = "Your device was not connected", f"{name} was told so. You can close this window."
    return Html("message.html", title=title, text=text, kind="good" if is_allowed else "info", bare=True)


def _sent(reply: Reply) -> Html | Answer:
    if reply.response_mode == "form_post":
        origin = redirect_uris.origin_of(reply.redirect_uri)
        return Html("oauth/form_post.html", form_targets=[origin], action=reply.redirect_uri, fields=reply.fields)
    return redirect(reply.url, status=302, headers=[("Cache-Control", "no-store"), ("Referrer-Policy", "no-referrer")])


def _explained(error: Unanswerable) -> Html:
    return paper.error(400, title="This request cannot be answered", text=str(error))


def _not_open() -> Html:
    return paper.error(403, title="This application is not open to you", text=_PROBLEMS[Refusal.NOT_OPEN][1])


def _sign_in(target: str) -> str:
    """Where somebody signs in, or somebody else does, who wants to go on there."""
    return f"/login?{urlencode({'next': target})}"


def _query(request: Request) -> Query:
    return authorization_requests.parse(request.scope["query_string"].decode("utf-8", "surrogateescape"))


def _incoming(request: Request) -> Incoming:
    peer = request.client.host if request.client else ""
    # Not `request.url`, which reads the Host header and fails when that is nonsense.
    return Incoming(request.scope["query_string"].decode("utf-8", "replace"), request.headers, request.stream(), peer)


def _answered(outgoing: Outgoing) -> Answer:
    return Answer(outgoing.body, status=outgoing.status, headers=outgoing.headers, media_type=transport.MEDIA_TYPE)
