"""The people of an account, as its owner manages them.

Rules: only the owner invites, changes roles and switches access off, and nobody does so to the owner; an invitation is
a mail whose link lets its reader choose a password, for seven days. Whose access is switched off is signed out at once.
Source: contract, auth.md §13.
"""

from datetime import datetime, timedelta
from typing import Final, Literal, TypeAlias
from uuid import UUID

import msgspec

from everpost.accounts import accounts, audit, mail_links, password_rules, sender_emails, sessions, throttles, users
from everpost.accounts.users import User
from everpost.ids import AccountId, UserId
from everpost.platform import mail, pages
from everpost.platform.db import Conn, many, one
from everpost.platform.errors import Conflict, Invalid, NotFound, TooMany

AssignableRole: TypeAlias = Literal["account_manager", "campaign_creator"]

ROLE_NAMES: Final = {
    "account_owner": "Account owner",
    "account_manager": "Account manager",
    "campaign_creator": "Campaign creator",
}

_PER_DAY: Final = throttles.Limit(50, within=timedelta(days=1), block_for=timedelta(days=1))


class OwnerStays(Conflict):
    """The owner of the account keeps role and access."""


class AlreadyMember(Conflict):
    """Only somebody who has not yet accepted can be invited again."""


class BadRole(Invalid):
    """role does not have a valid value"""


class TooManyInvitations(TooMany):
    """No more than 50 invitations can be sent within a day."""


class Person(msgspec.Struct, frozen=True):
    """Somebody of the account; `signed_in_at` is None for those who never were."""

    user_id: UserId
    email: str
    role: str
    state: str
    signed_in_at: datetime | None
    created_at: datetime


async def all_of(conn: Conn, account_id: AccountId) -> list[Person]:
    """The owner first, then in the order in which they came."""
    return await many(
        conn,
        Person,
        """
        SELECT user_id, email, role, state, signed_in_at, created_at
          FROM users
         WHERE account_id = :account_id
         ORDER BY role = 'account_owner' DESC, created_at, user_id""",
        account_id=account_id,
    )


async def get(conn: Conn, account_id: AccountId, user_id: UserId) -> User:
    """Raises: NotFound, for people of other accounts too."""
    found = await one(
        conn,
        UUID,
        "SELECT user_id FROM users WHERE account_id = :account_id AND user_id = :user_id",
        account_id=account_id,
        user_id=user_id,
    )
    if found is None:
        raise NotFound
    return await users.get(conn, user_id)


async def invite(conn: Conn, account_id: AccountId, *, email: str, role: str, by: UserId | None = None) -> User:
    """Mail an invitation. Raises: BadAddress, BadRole, LoginTaken, TooManyInvitations."""
    email = email.strip()
    sender_emails.check_syntax(email)
    checked = _checked_role(role)
    await _count_mail(conn, account_id)
    user = await users.invite(conn, account_id, email=email, role=checked)
    await _send_invitation(conn, user)
    await audit.append(conn, "user.invited", account_id=account_id, user_id=by, invited=str(user.user_id), role=checked)
    return user


async def invite_again(conn: Conn, account_id: AccountId, user_id: UserId) -> User:
    """Another mail to somebody who has not accepted yet. Raises: NotFound, AlreadyMember, TooManyInvitations."""
    user = await get(conn, account_id, user_id)
    if user.state != "invited":
        raise AlreadyMember
    await _count_mail(conn, account_id)
    await _send_invitation(conn, user)
    return user


async def accept(conn: Conn, token: str, password: str) -> User | None:
    """The invited person chooses a password and may sign in; None when the link is over. Raises: BadPassword."""
    user_id = await mail_links.find(conn, "invitation", token)
    if user_id is None:
        return None
    user = await users.get(conn, user_id)
    password_rules.require(password, user.email)
    if user.state != "invited" or await mail_links.use(conn, "invitation", token) is None:
        return None
    await users.set_password(conn, user_id, password)
    await users.mark_confirmed(conn, user_id)
    await users.activate(conn, user_id)
    await audit.append(conn, "user.invitation_accepted", account_id=user.account_id, user_id=user_id)
    return await users.get(conn, user_id)


async def change_role(conn: Conn, account_id: AccountId, user_id: UserId, role: str, *, by: UserId | None) -> None:
    """Raises: NotFound, OwnerStays, BadRole."""
    checked = _checked_role(role)
    await _require_changeable(conn, account_id, user_id)
    await users.change_role(conn, user_id, checked)
    await audit.append(conn, "user.role_changed", account_id=account_id, user_id=by, changed=str(user_id), role=checked)


async def deactivate(conn: Conn, account_id: AccountId, user_id: UserId, *, by: UserId | None) -> None:
    """The person is signed out everywhere and no token of theirs works. Raises: NotFound, OwnerStays."""
    await _require_changeable(conn, account_id, user_id)
    await users.deactivate(conn, user_id)
    await sessions.close_others(conn, user_id, None)
    await mail_links.forget(conn, user_id, "invitation")
    await audit.append(conn, "user.deactivated", account_id=account_id, user_id=by, changed=str(user_id))


async def activate(conn: Conn, account_id: AccountId, user_id: UserId, *, by: UserId | None) -> None:
    """Access again; for somebody who never accepted, a new invitation. Raises: NotFound, TooManyInvitations."""
    await _require_changeable(conn, account_id, user_id)
    if await users.password_hash(conn, user_id):
        await users.activate(conn, user_id)
    else:
        await users.await_acceptance(conn, user_id)
        await invite_again(conn, account_id, user_id)
    await audit.append(conn, "user.activated", account_id=account_id, user_id=by, changed=str(user_id))


async def set_account_status(conn: Conn, account_id: AccountId, status: accounts.Status) -> None:
    """For operators: whether the account may act at all. Its people's sessions and tokens stop working at once."""
    await accounts.set_status(conn, account_id, status)
    await audit.append(conn, "account.status_changed", account_id=account_id, status=status)


def _checked_role(role: str) -> AssignableRole:
    """Raises: BadRole."""
    match role:
        case "account_manager" | "campaign_creator":
            return role
        case _:
            raise BadRole


async def _require_changeable(conn: Conn, account_id: AccountId, user_id: UserId) -> None:
    """Raises: NotFound, OwnerStays."""
    user = await get(conn, account_id, user_id)
    if user.role == "account_owner":
        raise OwnerStays


async def _count_mail(conn: Conn, account_id: AccountId) -> None:
    if not await throttles.count_try(conn, throttles.subject("invitations", str(account_id)), _PER_DAY):
        raise TooManyInvitations


async def _send_invitation(conn: Conn, user: User) -> None:
    link = await mail_links.issue(conn, user.user_id, "invitation")
    organization = await accounts.organization_name(conn, user.account_id)
    text = pages.fill("accounts/invitation.txt", organization=organization, role=ROLE_NAMES[user.role], link=link)
    # Nobody's mail in the built-in mailbox: a colleague who reads there must not accept in this person's place.
    await mail.send(conn, to=user.email, subject=f"{organization} invites you to everpost", text=text)
