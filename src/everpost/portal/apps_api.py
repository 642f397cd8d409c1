"""My Applications as JSON. The rules are those of `oauth.registrations`. Source: contract, portal.md §5.4."""

from typing import Any, Final

import msgspec

from everpost.ids import AppId
from everpost.oauth import registrations
from everpost.oauth.registrations import Developer, Registration, RegistrationChange, RegistrationIn, Usage
from everpost.platform.caller import Session
from everpost.platform.db import Conn
from everpost.platform.http import SessionDoors
from everpost.portal import sign_ups
from everpost.portal.errors import AREA

open_doors: Final = SessionDoors(AREA, tag="Portal")

_ALL: Final = "/portal/api/apps"
_ONE: Final = "/portal/api/apps/{client_id}"
_RULES: Final[dict[str, Any]] = {"privilege": "account:read", "bad_id_status": 404}


class Applications(msgspec.Struct, frozen=True):
    """The developer's applications, newest first."""

    apps: list[Registration]


class Secret(msgspec.Struct, frozen=True):
    """A secret in clear, this once."""

    client_secret: str


@open_doors.get(_ALL, **_RULES)
async def list_apps(conn: Conn, session: Session) -> Applications:
    """Applications that this person registered."""
    return Applications(await registrations.all_of(conn, session.user_id))


@open_doors.post(_ALL, status=201, **_RULES)
async def create_app(conn: Conn, session: Session, data: RegistrationIn) -> Registration:
    """A new application; without the other two inputs it gets the defaults."""
    await sign_ups.require_confirmed(conn, session.user_id)
    return await registrations.create(conn, Developer(session.user_id, session.account_id), data)


@open_doors.get(_ONE, **_RULES)
async def get_app(conn: Conn, session: Session, client_id: AppId) -> Registration:
    """One application, without its secret."""
    return await registrations.get(conn, session.user_id, client_id)


@open_doors.put(_ONE, **_RULES)
async def change_app(conn: Conn, session: Session, client_id: AppId, data: RegistrationChange) -> Registration:
    """Members that are left out stay; `name` and `oauth_setting` are read-only."""
    return await registrations.change(conn, session.user_id, client_id, data)


@open_doors.delete(_ONE, **_RULES)
async def delete_app(conn: Conn, session: Session, client_id: AppId) -> None:
    """For good; every grant of it ends."""
    await registrations.delete(conn, session.user_id, client_id)


@open_doors.post(_ONE + "/secret", status=201, **_RULES)
async def generate_secret(conn: Conn, session: Session, client_id: AppId) -> Secret:
    """A new secret, told this once; the previous one stops working at once."""
    return Secret(await registrations.generate_secret(conn, session.user_id, client_id))


@open_doors.delete(_ONE + "/secret", **_RULES)
async def revoke_secret(conn: Conn, session: Session, client_id: AppId) -> None:
    """The application cannot prove itself until it gets another."""
    await registrations.revoke_secret(conn, session.user_id, client_id)


@open_doors.post(_ONE + "/deactivate", **_RULES)
async def deactivate_app(conn: Conn, session: Session, client_id: AppId) -> None:
    """Its calls answer 403 until it is activated."""
    await registrations.deactivate(conn, session.user_id, client_id)


@open_doors.post(_ONE + "/activate", **_RULES)
async def activate_app(conn: Conn, session: Session, client_id: AppId) -> None:
    """Its calls are answered again."""
    await registrations.activate(conn, session.user_id, client_id)


@open_doors.get(_ONE + "/usage", **_RULES)
async def show_usage(conn: Conn, session: Session, client_id: AppId) -> Usage:
    """Requests of the current UTC day."""
    return await registrations.usage(conn, session.user_id, client_id)
