"""Forgotten and changed passwords.

Rules: whoever asks is told the same, whether the address is known or not, and a mail goes only to a known one; its link
works once and for an hour. A new password ends all sessions of the person, or all others when it was changed by
somebody who is signed in, and what was allowed to applications: who knew the old one may have allowed it. A reset
proves the address, so it confirms it too. Source: contract, auth.md §16; RFC 9700 §4.14.2.
"""

from datetime import timedelta
from typing import Final

from everpost.accounts import audit, mail_links, password_rules, passwords, sender_emails, sessions, throttles, users
from everpost.accounts.sender_emails import Source
from everpost.accounts.users import User
from everpost.ids import SessionId, UserId
from everpost.platform import clock, config, mail, pages
from everpost.platform.db import Conn, Db
from everpost.platform.errors import Invalid, TooMany
from everpost.platform.events import publish
from everpost.platform.jobs import job

_HOUR: Final = timedelta(hours=1)
_PER_LOGIN: Final = throttles.Limit(5, within=_HOUR, block_for=_HOUR)
_PER_ADDRESS: Final = throttles.Limit(30, within=_HOUR, block_for=_HOUR)
_OWN_PASSWORD: Final = throttles.Limit(10, within=timedelta(minutes=15), block_for=timedelta(minutes=15))


class TooManyTries(TooMany):
    """There were too many tries. Please wait, then try again."""


class WrongPassword(Invalid):
    """current_password is wrong."""


async def ask(conn: Conn, email: str, *, address: str) -> None:
    """Mail a link to the person with this login, if there is one. Raises: TooManyTries, for the address it came from.

    The mail is written by a job, so that the answer takes as long for an unknown address as for a known one.
    """
    if not await throttles.count_try(conn, throttles.subject("reset-address", address), _PER_ADDRESS):
        raise TooManyTries
    # One login is asked for in vain after a while, in silence: its owner's inbox is nobody's to fill.
    if await throttles.count_try(conn, throttles.subject("reset-login", email.strip()), _PER_LOGIN):
        await send_link.later(conn, email=email.strip()[:254])


@job("accounts.send_reset_link")
async def send_link(db: Db, email: str) -> None:
    """A second run sends a second mail, whose link is as good as the first's."""
    async with db.transaction() as conn:
        user = await users.find_by_email(conn, email)
        if user is None or user.state != "active":
            return
        link = await mail_links.issue(conn, user.user_id, "reset_password")
        text = pages.fill("accounts/reset_password.txt", origin=config.current().auth_origin, link=link)
        # Nobody's mail in the built-in mailbox: a colleague who reads there must not become this person.
        await mail.send(conn, to=user.email, subject="Choose a new password", text=text)


async def find(conn: Conn, token: str) -> User | None:
    """Whose link this is, while it is good and the person may sign in."""
    user_id = await mail_links.find(conn, "reset_password", token)
    user = None if user_id is None else await users.get(conn, user_id)
    return user if user is not None and user.state == "active" else None


async def reset(conn: Conn, token: str, password: str) -> User | None:
    """Choose a new password by the link of a mail; None when the link is over. Raises: BadPassword."""
    user = await find(conn, token)
    if user is None:
        return None
    password_rules.require(password, user.email)
    if await mail_links.use(conn, "reset_password", token) is None:
        return None
    await _set(conn, user.user_id, password, kept=None)
    await confirm_address(conn, user)
    await throttles.forget(conn, throttles.subject("login", user.login))
    await audit.append(conn, "password.reset", account_id=user.account_id, user_id=user.user_id)
    return user


async def change(db: Db, user_id: UserId, current: str, new: str, *, kept: SessionId) -> None:
    """Choose a new password, knowing the current one. Raises: WrongPassword, BadPassword, TooManyTries."""
    await require_password(db, user_id, current)
    async with db.transaction() as conn:
        user = await users.get(conn, user_id)
        password_rules.require(new, user.email)
        await _set(conn, user_id, new, kept=kept)
        await audit.append(conn, "password.changed", account_id=user.account_id, user_id=user_id)


async def require_password(db: Db, user_id: UserId, password: str) -> None:
    """Whoever sits before a browser that is signed in knows the password too. Raises: WrongPassword, TooManyTries."""
    subject = throttles.subject("own-password", str(user_id))
    async with db.transaction() as conn:
        if not await throttles.count_try(conn, subject, _OWN_PASSWORD):
            raise TooManyTries
        stored = await users.password_hash(conn, user_id)
    if not (await passwords.check(password, stored)).is_right:
        raise WrongPassword
    async with db.transaction() as conn:
        await throttles.forget(conn, subject)


async def set_password(conn: Conn, user: User, password: str) -> None:
    """For operators: another password for somebody who cannot ask for one. Raises: PasswordTooShort."""
    await _set(conn, user.user_id, password, kept=None)
    await audit.append(conn, "password.set_by_operator", account_id=user.account_id, user_id=user.user_id)


async def confirm_address(conn: Conn, user: User, *, source: Source = "SITE_OWNER") -> None:
    """The person's address is proved to be theirs, as by reading a mail there: the account may send from it."""
    await users.mark_confirmed(conn, user.user_id)
    email_id = await sender_emails.find_waiting(conn, user.account_id, user.email)
    if email_id is not None:
        await sender_emails.confirm(conn, user.account_id, email_id, source=source)


async def _set(conn: Conn, user_id: UserId, password: str, *, kept: SessionId | None) -> None:
    await users.set_password(conn, user_id, password)
    await mail_links.forget(conn, user_id, "reset_password")
    await sessions.close_others(conn, user_id, kept)
    await publish(conn, "password.set", user_id=user_id, set_at=clock.now())
