"""Links in mails to people who sign in: to confirm their address, to choose a new password, to accept an invitation.

Rules: the database holds only the hash of a link's token; a link works once, and a newer one of the same purpose does
not end an older one, because mails overtake each other. What a link leads to asks before it does anything, because mail
scanners open links too. Source: contract, portal.md §2.
"""

from datetime import timedelta
from typing import Final, Literal, TypeAlias
from uuid import UUID

from everpost.ids import UserId
from everpost.platform import clock, config, crypto, logs
from everpost.platform.db import Conn, one, run

Purpose: TypeAlias = Literal["confirm_email", "reset_password", "invitation"]

VALID_FOR: Final[dict[Purpose, timedelta]] = {
    "confirm_email": timedelta(hours=24),
    "reset_password": timedelta(hours=1),
    "invitation": timedelta(days=7),
}
PATHS: Final[dict[Purpose, str]] = {
    "confirm_email": "/portal/confirm",
    "reset_password": "/portal/reset",
    "invitation": "/portal/invitation",
}

log = logs.get(__name__)


async def issue(conn: Conn, user_id: UserId, purpose: Purpose) -> str:
    """A new link; where no relay is configured the operator finds it in the log as well."""
    token = crypto.new_token()
    await run(
        conn,
        """
        INSERT INTO mail_links (token_hash, user_id, purpose, expires_at)
        VALUES (:token_hash, :user_id, :purpose, :expires_at)""",
        token_hash=crypto.token_hash(token),
        user_id=user_id,
        purpose=purpose,
        expires_at=clock.now() + VALID_FOR[purpose],
    )
    settings = config.current()
    link = f"{settings.auth_origin}{PATHS[purpose]}/{token}"
    if settings.smtp_url is None and purpose == "confirm_email":
        log.info("a person signed up and no relay is configured", link=link)
    return link


async def find(conn: Conn, purpose: Purpose, token: str) -> UserId | None:
    """Whose link this is, while it is good."""
    user_id = await one(
        conn,
        UUID,
        """
        SELECT user_id FROM mail_links
         WHERE token_hash = :token_hash AND purpose = :purpose AND expires_at > :now""",
        token_hash=crypto.token_hash(token),
        purpose=purpose,
        now=clock.now(),
    )
    return None if user_id is None else UserId(user_id)


async def use(conn: Conn, purpose: Purpose, token: str) -> UserId | None:
    """As `find`, and all links of that purpose and person end. Two clicks at once: one of them finds none."""
    user_id = await one(
        conn,
        UUID,
        """
        DELETE FROM mail_links
         WHERE token_hash = :token_hash AND purpose = :purpose AND expires_at > :now
        RETURNING user_id""",
        token_hash=crypto.token_hash(token),
        purpose=purpose,
        now=clock.now(),
    )
    if user_id is None:
        return None
    await forget(conn, UserId(user_id), purpose)
    return UserId(user_id)


async def forget(conn: Conn, user_id: UserId, purpose: Purpose) -> None:
    """The person's links of this purpose lead nowhere any more."""
    await run(
        conn,
        "DELETE FROM mail_links WHERE user_id = :user_id AND purpose = :purpose",
        user_id=user_id,
        purpose=purpose,
    )


async def sweep(conn: Conn) -> int:
    return await run(conn, "DELETE FROM mail_links WHERE expires_at < :now", now=clock.now())
