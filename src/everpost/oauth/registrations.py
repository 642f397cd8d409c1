"""Applications as their developers see and change them: at most 50 each, and nobody sees another's.

Rules: name and OAuth2 setting never change; a name is unique per developer whatever its case; a new application has
one redirect URI and no secret; a secret is told once, and a new one makes the previous one invalid at once. A deleted
application counts no more, its name is free again, and every grant of it ends.
Source: contract, portal.md §5.
"""

from datetime import date, datetime
from typing import Annotated, Final, Literal, TypeAlias
from urllib.parse import SplitResult, urlsplit

import msgspec
from msgspec import UNSET, Meta, UnsetType

from everpost.accounts import audit
from everpost.ids import AccountId, AppId, UserId
from everpost.oauth import apps, grants, redirect_uris
from everpost.oauth.apps import Kind, NewApp, RefreshTokenType
from everpost.platform import clock, config, rate_limits
from everpost.platform.db import Conn, Taken, many, one, run, savepoint
from everpost.platform.errors import Conflict, Invalid, NotFound

MOST: Final = 50

Visibility: TypeAlias = Literal["private", "public"]
Text: TypeAlias = Annotated[str, Meta(max_length=2000)]


class TooManyApplications(Conflict):
    """A developer can have at most 50 applications."""

    key = "portal.api.application_limit"


class NameTaken(Conflict):
    """name is already used by another of your applications."""


class SecretNotUsed(Invalid):
    """client_secret is only used by applications with the Authorization Code Flow."""


class Developer(msgspec.Struct, frozen=True):
    """Whoever registers applications: a person of an account."""

    user_id: UserId
    account_id: AccountId


class RegistrationIn(msgspec.Struct, kw_only=True):
    """A new application; only its name is needed."""

    name: Annotated[str, Meta(min_length=1, max_length=100)]
    oauth_setting: Kind = "web"
    refresh_token_type: RefreshTokenType = "rotating"


class RegistrationChange(msgspec.Struct, kw_only=True):
    """What may change; members that are left out stay as they are."""

    public_name: Annotated[str, Meta(min_length=1, max_length=100)] | UnsetType = UNSET
    description: Annotated[str, Meta(max_length=500)] | UnsetType = UNSET
    logo_url: Text | UnsetType | None = UNSET
    website: Text | UnsetType | None = UNSET
    support_url: Text | UnsetType | None = UNSET
    support_email: Annotated[str, Meta(max_length=80)] | UnsetType | None = UNSET
    redirect_uris: list[str] | UnsetType = UNSET
    refresh_token_type: RefreshTokenType | UnsetType = UNSET
    visibility: Visibility | UnsetType = UNSET


class Registration(msgspec.Struct, kw_only=True):
    """An application as its developer sees it, without its secret."""

    client_id: AppId
    name: str
    public_name: str
    description: str
    logo_url: str | None
    redirect_uris: list[str]
    oauth_setting: str
    refresh_token_type: str
    has_secret: bool
    secret_created_at: datetime | None
    state: str
    visibility: str
    is_partner_app: bool
    created_at: datetime
    updated_at: datetime
    website: str | None
    support_url: str | None
    support_email: str | None


class Usage(msgspec.Struct, frozen=True):
    """Requests of the current UTC day; `limit` 0 is none."""

    day: date
    count: int
    limit: int


class Audience(msgspec.Struct, frozen=True):
    """How many people allow the application to act for them, and when one of them was last acted for."""

    people: int
    last_used_at: datetime | None


async def create(conn: Conn, developer: Developer, new: RegistrationIn) -> Registration:
    """Raises: BadAppName, TooManyApplications, NameTaken."""
    await _require_room(conn, developer.user_id)
    app = NewApp(
        name=new.name,
        kind=new.oauth_setting,
        refresh_token_type=new.refresh_token_type,
        account_id=developer.account_id,
        developer_id=developer.user_id,
        is_approved=not config.current().portal_require_approval,
    )
    try:
        async with savepoint(conn):
            client_id = await apps.add(conn, app)
    except Taken as error:
        raise NameTaken from error
    return await get(conn, developer.user_id, client_id)


async def all_of(conn: Conn, developer_id: UserId) -> list[Registration]:
    """Newest first."""
    return await _select(conn, developer_id, None)


async def get(conn: Conn, developer_id: UserId, client_id: AppId) -> Registration:
    """Raises: NotFound, for another developer's too."""
    found = await _select(conn, developer_id, client_id)
    if not found:
        raise NotFound
    return found[0]


async def change(conn: Conn, developer_id: UserId, client_id: AppId, wanted: RegistrationChange) -> Registration:
    """All or nothing. Raises: NotFound, Invalid with every problem."""
    found = await get(conn, developer_id, client_id)
    problems = _apply(found, wanted)
    if problems:
        raise Invalid(*problems)
    await _update(conn, found, clock.now())
    return await get(conn, developer_id, client_id)


async def generate_secret(conn: Conn, developer_id: UserId, client_id: AppId) -> str:
    """In clear this once; the previous one stops working at once. Raises: NotFound, SecretNotUsed."""
    found = await get(conn, developer_id, client_id)
    if found.oauth_setting != "web":
        raise SecretNotUsed
    return await apps.renew_secret(conn, client_id)


async def revoke_secret(conn: Conn, developer_id: UserId, client_id: AppId) -> None:
    """From now on the application cannot prove itself. Raises: NotFound."""
    await get(conn, developer_id, client_id)
    await apps.forget_secret(conn, client_id)


async def activate(conn: Conn, developer_id: UserId, client_id: AppId) -> None:
    """Raises: NotFound."""
    await get(conn, developer_id, client_id)
    await apps.set_state(conn, client_id, "active")


async def deactivate(conn: Conn, developer_id: UserId, client_id: AppId) -> None:
    """Its calls answer 403 until it is activated again. Raises: NotFound."""
    await get(conn, developer_id, client_id)
    await apps.set_state(conn, client_id, "deactivated")


async def delete(conn: Conn, developer_id: UserId, client_id: AppId) -> None:
    """Ends every grant of it, for good. Raises: NotFound."""
    await get(conn, developer_id, client_id)
    await apps.set_state(conn, client_id, "deleted")
    await apps.forget_secret(conn, client_id)
    await grants.end_all_of_app(conn, client_id)
    await audit.append(conn, "app.deleted", user_id=developer_id, client_id=client_id)


async def usage(conn: Conn, developer_id: UserId, client_id: AppId) -> Usage:
    """Raises: NotFound."""
    await get(conn, developer_id, client_id)
    own = await one(conn, int, "SELECT rate_per_day FROM apps WHERE client_id = :client_id", client_id=client_id)
    limit = config.current().rate_per_day if own is None else own
    return Usage(clock.now().date(), await rate_limits.requests_today(conn, client_id), limit)


async def audience(conn: Conn, developer_id: UserId, client_id: AppId) -> Audience:
    """Raises: NotFound."""
    await get(conn, developer_id, client_id)
    found = await one(
        conn,
        Audience,
        """
        SELECT count(DISTINCT user_id) AS people, max(last_used_at) AS last_used_at
          FROM consents WHERE client_id = :client_id""",
        client_id=client_id,
    )
    return found or Audience(0, None)


async def _require_room(conn: Conn, developer_id: UserId) -> None:
    """Raises: TooManyApplications."""
    # Of two requests at once the second waits at the rows of the first, and only then counts.
    await many(
        conn,
        int,
        """
        SELECT 1 FROM apps WHERE developer_id = :developer_id AND state <> 'deleted' ORDER BY client_id FOR UPDATE""",
        developer_id=developer_id,
    )
    count = await one(
        conn,
        int,
        "SELECT count(*) FROM apps WHERE developer_id = :developer_id AND state <> 'deleted'",
        developer_id=developer_id,
    )
    if (count or 0) >= MOST:
        raise TooManyApplications


def _apply(found: Registration, wanted: RegistrationChange) -> list[str]:
    """Put the wanted members into what is stored; returns what is wrong with them."""
    if wanted.description is not UNSET:
        found.description = wanted.description.strip()
    if wanted.refresh_token_type is not UNSET:
        found.refresh_token_type = wanted.refresh_token_type
    if wanted.visibility is not UNSET:
        found.visibility = wanted.visibility
    return _apply_public_name(found, wanted) + _apply_links(found, wanted) + _apply_redirect_uris(found, wanted)


def _apply_public_name(found: Registration, wanted: RegistrationChange) -> list[str]:
    if wanted.public_name is UNSET:
        return []
    found.public_name = wanted.public_name.strip()
    objection = apps.objection_to_name("public_name", found.public_name)
    return [objection] if objection else []


def _apply_links(found: Registration, wanted: RegistrationChange) -> list[str]:
    """An empty text clears a link."""
    problems = []
    for name in ("logo_url", "website", "support_url", "support_email"):
        value = getattr(wanted, name)
        if value is UNSET:
            continue
        text = (value or "").strip() or None
        setattr(found, name, text)
        if text is not None and not _is_link(name, text):
            problems.append(f"{name} does not have a valid value")
    return problems


def _is_link(name: str, text: str) -> bool:
    if name == "support_email":
        local, at, domain = text.partition("@")
        return bool(local and at and "." in domain) and text.isprintable() and " " not in text
    try:
        parts = urlsplit(text)
    except ValueError:
        return False
    if name == "logo_url" and not _may_be_on_our_pages(text, parts):
        return False
    is_address = parts.scheme in ("https", "http") and bool(parts.hostname)
    return is_address and text.isprintable() and not set(text) & set(" \"'<>;,\\")


def _may_be_on_our_pages(text: str, parts: SplitResult) -> bool:
    """Browsers load the logo from a page of ours, whose policy names its origin: one of https, as headers spell it."""
    return parts.scheme == "https" and text.isascii() and "*" not in parts.netloc


def _apply_redirect_uris(found: Registration, wanted: RegistrationChange) -> list[str]:
    if wanted.redirect_uris is UNSET:
        return []
    try:
        found.redirect_uris = apps.checked_redirect_uris(found.oauth_setting, wanted.redirect_uris)
    except redirect_uris.BadRedirectUri as error:
        return list(error.messages)
    return []


async def _select(conn: Conn, developer_id: UserId, client_id: AppId | None) -> list[Registration]:
    """One of the developer's applications, or all."""
    return await many(
        conn,
        Registration,
        """
        SELECT client_id, name, public_name, description, logo_url, redirect_uris, kind AS oauth_setting,
               refresh_token_type, sealed_secret IS NOT NULL AS has_secret,
               date_trunc('second', secret_created_at) AS secret_created_at, state,
               CASE WHEN is_approved THEN visibility ELSE 'private' END AS visibility, is_partner_app,
               date_trunc('second', created_at) AS created_at, date_trunc('second', updated_at) AS updated_at,
               website, support_url, support_email
          FROM apps
         WHERE developer_id = :developer_id AND state <> 'deleted'
           AND (:client_id::uuid IS NULL OR client_id = :client_id)
         ORDER BY apps.created_at DESC, client_id DESC""",
        developer_id=developer_id,
        client_id=client_id,
    )


async def _update(conn: Conn, new: Registration, now: datetime) -> None:
    await run(
        conn,
        """
        UPDATE apps
           SET public_name = :public_name, description = :description, logo_url = :logo_url, website = :website,
               support_url = :support_url, support_email = :support_email, redirect_uris = :redirect_uris,
               refresh_token_type = :refresh_token_type, visibility = :visibility, updated_at = :now
         WHERE client_id = :client_id""",
        client_id=new.client_id,
        public_name=new.public_name,
        description=new.description,
        logo_url=new.logo_url,
        website=new.website,
        support_url=new.support_url,
        support_email=new.support_email,
        redirect_uris=new.redirect_uris,
        refresh_token_type=new.refresh_token_type,
        visibility=new.visibility,
        now=now,
    )
