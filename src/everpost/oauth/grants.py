"""What a person allowed an app, once: the chain that a code, its refresh tokens and their access tokens hang on.

Rules: ending a grant ends all of them, at once and on every node; each new authorization is a grant of its own, and
older ones stay valid. What was allowed is remembered, so nobody is asked twice for the same or fewer scopes.
Source: contract, auth.md §3.2, §9; RFC 9700 §4.14.2.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

import msgspec

from everpost.accounts import audit
from everpost.accounts.users import User
from everpost.ids import AccountId, AppId, GrantId, UserId, new_id
from everpost.platform import clock, memory
from everpost.platform.caller import Session
from everpost.platform.db import Conn, Db, many, one, run
from everpost.platform.events import on
from everpost.platform.memory import Memory

REMEMBERED: Final = timedelta(days=2)  # longer than an access token lives

_noted: Memory[tuple[AppId, UserId], bool] = Memory(most=4096, seconds=600)


class Grant(msgspec.Struct, frozen=True):
    """Who allowed whom what, and when that person had signed in."""

    grant_id: GrantId
    client_id: AppId
    user_id: UserId
    account_id: AccountId
    scopes: list[str]
    auth_time: datetime


class Access(msgspec.Struct, frozen=True):
    """An app that may act for a person, until the person takes that back."""

    client_id: AppId
    public_name: str
    logo_url: str | None
    user_id: UserId
    email: str
    scopes: list[str]
    given_at: datetime
    last_used_at: datetime | None


async def create(
    conn: Conn, client_id: AppId, user: User, scopes: list[str], *, auth_time: datetime, nonce: str | None = None
) -> Grant:
    grant = Grant(GrantId(new_id()), client_id, user.user_id, user.account_id, scopes, auth_time)
    await _insert(conn, grant, nonce, clock.now())
    return grant


async def find(conn: Conn, grant_id: GrantId) -> Grant | None:
    """The grant while it holds: not revoked, its person and account active."""
    return await one(
        conn,
        Grant,
        """
        SELECT g.grant_id, g.client_id, g.user_id, g.account_id, g.scopes, g.auth_time
          FROM grants g
          JOIN users u ON u.user_id = g.user_id
          JOIN account_directory d ON d.account_id = g.account_id
         WHERE g.grant_id = :grant_id AND g.revoked_at IS NULL AND u.state = 'active' AND d.status = 'active'""",
        grant_id=grant_id,
    )


async def revoke(conn: Conn, grant_id: GrantId) -> None:
    """Every token of the chain stops working."""
    await run(
        conn,
        "UPDATE grants SET revoked_at = :now WHERE grant_id = :grant_id AND revoked_at IS NULL",
        grant_id=grant_id,
        now=clock.now(),
    )
    memory.forget()


async def remove_access(conn: Conn, client_id: AppId, user_id: UserId) -> None:
    """The person takes back what they allowed the app: all tokens end, and next time it has to ask again."""
    await run(
        conn,
        """
        UPDATE grants SET revoked_at = :now
         WHERE client_id = :client_id AND user_id = :user_id AND revoked_at IS NULL""",
        client_id=client_id,
        user_id=user_id,
        now=clock.now(),
    )
    await run(
        conn,
        "DELETE FROM consents WHERE client_id = :client_id AND user_id = :user_id",
        client_id=client_id,
        user_id=user_id,
    )
    await audit.append(conn, "access.removed", user_id=user_id, client_id=client_id)
    memory.forget()


async def end_all_of_app(conn: Conn, client_id: AppId) -> None:
    """Nobody allows the app anything any more."""
    await run(
        conn,
        "UPDATE grants SET revoked_at = :now WHERE client_id = :client_id AND revoked_at IS NULL",
        client_id=client_id,
        now=clock.now(),
    )
    await run(conn, "DELETE FROM consents WHERE client_id = :client_id", client_id=client_id)
    memory.forget()


@on("password.set")
async def end_those_before(db: Db, user_id: UserId, set_at: datetime) -> None:
    """A new password ends every chain that began under the old one. What was allowed is still remembered.

    Not the command line's: the operator made those, and no password of this person.
    """
    async with db.transaction() as conn:
        await run(
            conn,
            """
            UPDATE grants SET revoked_at = :now
             WHERE user_id = :user_id AND created_at <= :set_at AND revoked_at IS NULL
               AND client_id NOT IN (SELECT client_id FROM apps WHERE built_in = 'command_line')""",
            user_id=user_id,
            set_at=set_at,
            now=clock.now(),
        )
        memory.forget()


async def accesses_of_user(conn: Conn, user_id: UserId) -> list[Access]:
    """Which apps may act for this person, the latest first."""
    return await _accesses(conn, None, user_id)


async def accesses_of_account(conn: Conn, account_id: AccountId) -> list[Access]:
    """Which apps may act for anybody of the account, the latest first."""
    return await _accesses(conn, account_id, None)


async def is_consented(conn: Conn, client_id: AppId, user_id: UserId, scopes: Sequence[str]) -> bool:
    """Whether the person allowed all of these, together, before."""
    found = await one(
        conn,
        UUID,
        """
        SELECT client_id FROM consents
         WHERE user_id = :user_id AND client_id = :client_id AND scopes @> :scopes
         LIMIT 1""",
        client_id=client_id,
        user_id=user_id,
        scopes=list(scopes),
    )
    return found is not None


async def remember_consent(conn: Conn, client_id: AppId, session: Session, scopes: Sequence[str]) -> None:
    """The person said yes to these scopes, together."""
    await run(
        conn,
        """
        INSERT INTO consents (user_id, client_id, scopes, given_at)
        VALUES (:user_id, :client_id, :scopes, :now)
        ON CONFLICT (user_id, client_id, scopes) DO UPDATE SET given_at = excluded.given_at""",
        client_id=client_id,
        user_id=session.user_id,
        scopes=sorted(scopes),
        now=clock.now(),
    )
    await _note_decision(conn, "consent.given", client_id, session, scopes)


async def note_refusal(conn: Conn, client_id: AppId, session: Session, scopes: Sequence[str]) -> None:
    """The person said no. Nothing of that is remembered but the diary's entry."""
    await _note_decision(conn, "consent.denied", client_id, session, scopes)


async def note_use(conn: Conn, client_id: AppId, user_id: UserId) -> None:
    """The app acts for the person now; written down every ten minutes at most."""
    if _noted.find((client_id, user_id)):
        return
    _noted.keep((client_id, user_id), True)
    # A request must not wait for somebody who is just changing what was allowed.
    await run(
        conn,
        """
        UPDATE consents SET last_used_at = :now
         WHERE user_id = :user_id AND client_id = :client_id
           AND scopes IN (SELECT scopes FROM consents
                           WHERE user_id = :user_id AND client_id = :client_id
                             FOR UPDATE SKIP LOCKED)""",
        client_id=client_id,
        user_id=user_id,
        now=clock.now(),
    )


async def sweep(conn: Conn) -> int:
    """Forget grants that nothing hangs on any more: no code, no refresh token, and no access token that still lives."""
    return await run(
        conn,
        """
        DELETE FROM grants g
         WHERE g.created_at < :before
           AND NOT EXISTS (SELECT FROM refresh_tokens r WHERE r.grant_id = g.grant_id)
           AND NOT EXISTS (SELECT FROM authorization_codes c WHERE c.grant_id = g.grant_id)
           AND NOT EXISTS (SELECT FROM device_codes d WHERE d.grant_id = g.grant_id)""",
        before=clock.now() - REMEMBERED,
    )


async def _note_decision(conn: Conn, action: str, client_id: AppId, session: Session, scopes: Sequence[str]) -> None:
    await audit.append(
        conn,
        action,
        account_id=session.account_id,
        user_id=session.user_id,
        client_id=client_id,
        scope=" ".join(scopes),
    )


async def _accesses(conn: Conn, account_id: AccountId | None, user_id: UserId | None) -> list[Access]:
    return await many(
        conn,
        Access,
        """
        SELECT c.client_id, a.public_name, a.logo_url, c.user_id, u.email, array_agg(DISTINCT s.scope) AS scopes,
               max(c.given_at) AS given_at, max(c.last_used_at) AS last_used_at
          FROM consents c
          JOIN apps a ON a.client_id = c.client_id
          JOIN users u ON u.user_id = c.user_id
         CROSS JOIN unnest(c.scopes) AS s (scope)
         WHERE a.state <> 'deleted' AND (u.account_id = :account_id OR u.user_id = :user_id)
         GROUP BY c.client_id, a.public_name, a.logo_url, c.user_id, u.email
         ORDER BY given_at DESC, c.client_id""",
        account_id=account_id,
        user_id=user_id,
    )


async def _insert(conn: Conn, grant: Grant, nonce: str | None, now: datetime) -> None:
    await run(
        conn,
        """
        INSERT INTO grants (grant_id, client_id, user_id, account_id, scopes, nonce, auth_time, created_at)
        VALUES (:grant_id, :client_id, :user_id, :account_id, :scopes, :nonce, :auth_time, :now)""",
        nonce=nonce,
        now=now,
        **msgspec.structs.asdict(grant),
    )
