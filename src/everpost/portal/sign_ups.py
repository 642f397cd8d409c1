"""Signing up: a person, and a trial account of their own with one list and one contact, all or nothing.

Rules: every field is needed; the address becomes the sign-in and, once the link in its mail was opened, a sender. Until
then the person can look around but not register applications. The operator may close the door, or ask for no proof.
Source: contract, portal.md §2-§4.
"""

from datetime import timedelta
from typing import Final

import msgspec

from everpost.accounts import (
    accounts,
    audit,
    mail_links,
    password_rules,
    recoveries,
    sender_emails,
    throttles,
    users,
)  # fmt: skip
from everpost.accounts.accounts import NewAccount
from everpost.accounts.sender_emails import BadAddress
from everpost.accounts.users import LoginTaken, User
from everpost.contacts import provisioning
from everpost.ids import UserId
from everpost.platform import config, mail, pages
from everpost.platform.db import Conn
from everpost.platform.errors import ApiError, Conflict, Invalid, TooMany

LONGEST_EMAIL: Final = 80
LONGEST_NAME: Final = 80
LONGEST_ORGANIZATION: Final = 50
SHORTEST_PHONE: Final = 5
LONGEST_PHONE: Final = 25

_COUNTRY: Final = "US"  # until the owner changes it
_PER_ADDRESS: Final = throttles.Limit(20, within=timedelta(hours=1), block_for=timedelta(hours=1))
_MAILS: Final = throttles.Limit(5, within=timedelta(days=1), block_for=timedelta(days=1))


class SignUpClosed(ApiError):
    """Signing up is switched off on this server. Ask its operator for an account."""

    status = 403
    kind = "sign_up_closed"


class AlreadyRegistered(Conflict):
    """email is already registered. Log in instead."""


class TooManySignUps(TooMany):
    """There were too many sign-ups from your address. Please wait an hour, then try again."""


class NotConfirmed(ApiError):
    """Open the link in the mail that was sent to you first: your email address is not confirmed."""

    status = 403
    kind = "email_not_confirmed"


class SignUpIn(msgspec.Struct, kw_only=True):
    """What a person who signs up tells."""

    email: str
    password: str
    first_name: str
    last_name: str
    organization_name: str
    phone: str


class SignedUp(msgspec.Struct, frozen=True):
    """Who signed up; a developer is a person."""

    user: User
    encoded_account_id: str


async def create(conn: Conn, given: SignUpIn, *, address: str) -> SignedUp:
    """Raises: SignUpClosed, Invalid with every problem, TooManySignUps, AlreadyRegistered."""
    settings = config.current()
    if not settings.portal_open_signup:
        raise SignUpClosed
    new = msgspec.structs.replace(given, **{name: text.strip() for name, text in _texts(given).items()})
    found = problems(new)
    if found:
        raise Invalid(*(f"{name} {problem}." for name, problem in found.items()))
    try:
        account = await accounts.create(conn, _account(new))
    except LoginTaken as error:
        raise AlreadyRegistered from error
    await provisioning.provision(conn, account.account_id)
    user = await users.get(conn, account.user_id)
    await audit.append(conn, "account.signed_up", account_id=account.account_id, user_id=user.user_id, address=address)
    if settings.portal_require_email_confirmation:
        await _mail_link(conn, user, new.first_name)
    return SignedUp(user, account.encoded_account_id)


async def require_room(conn: Conn, address: str) -> None:
    """Counts tries, also those that fail. Raises: TooManySignUps."""
    if not await throttles.count_try(conn, throttles.subject("sign-up", address), _PER_ADDRESS):
        raise TooManySignUps


def problems(new: SignUpIn) -> dict[str, str]:
    """What is wrong, by field, as the rest of a sentence that begins with the field's name."""
    found = {name: "is required" for name, text in msgspec.structs.asdict(new).items() if not text}
    checks = {
        "email": _problem_of_email(new.email),
        "password": password_rules.objection(new.password, new.email),
        "first_name": _too_long(new.first_name, LONGEST_NAME),
        "last_name": _too_long(new.last_name, LONGEST_NAME),
        "organization_name": _too_long(new.organization_name, LONGEST_ORGANIZATION),
        "phone": _problem_of_phone(new.phone),
    }
    return {name: text for name in checks if (text := found.get(name) or checks[name])}


async def confirm(conn: Conn, token: str) -> User | None:
    """The address is the person's; None when the link is over. Two clicks at once: one of them finds it so."""
    user_id = await mail_links.use(conn, "confirm_email", token)
    if user_id is None:
        return None
    user = await users.get(conn, user_id)
    await recoveries.confirm_address(conn, user)
    await audit.append(conn, "email.confirmed", account_id=user.account_id, user_id=user_id)
    return user


async def send_again(conn: Conn, user_id: UserId) -> bool:
    """Another mail with a link; False when there is nothing to confirm, or five were sent within a day."""
    user = await users.get(conn, user_id)
    if await users.is_confirmed(conn, user_id):
        return False
    if not await throttles.count_try(conn, throttles.subject("confirmation-mails", str(user_id)), _MAILS):
        return False
    await _mail_link(conn, user, await accounts.first_name(conn, user.account_id))
    return True


async def require_confirmed(conn: Conn, user_id: UserId) -> None:
    """Raises: NotConfirmed, where this server asks for the proof."""
    if config.current().portal_require_email_confirmation and not await users.is_confirmed(conn, user_id):
        raise NotConfirmed


def _texts(new: SignUpIn) -> dict[str, str]:
    """What is kept without spaces around it: all but the password."""
    return {name: text for name, text in msgspec.structs.asdict(new).items() if name != "password"}


def _account(new: SignUpIn) -> NewAccount:
    settings = config.current()
    return NewAccount(
        email=new.email,
        password=new.password,
        organization_name=new.organization_name,
        organization_phone=new.phone,
        first_name=new.first_name,
        last_name=new.last_name,
        country_code=_COUNTRY,
        vouched_by=None if settings.portal_require_email_confirmation else "SITE_OWNER",
        trial_days=settings.trial_days,
    )


def _problem_of_email(email: str) -> str | None:
    if len(email) > LONGEST_EMAIL:
        return f"must not be longer than {LONGEST_EMAIL} characters"
    try:
        sender_emails.check_syntax(email)
    except BadAddress:
        return "does not have a valid value"
    return None


def _problem_of_phone(phone: str) -> str | None:
    if not SHORTEST_PHONE <= len(phone) <= LONGEST_PHONE:
        return f"must have {SHORTEST_PHONE} to {LONGEST_PHONE} characters"
    return _unprintable(phone)


def _too_long(text: str, longest: int) -> str | None:
    return f"must not be longer than {longest} characters" if len(text) > longest else _unprintable(text)


def _unprintable(text: str) -> str | None:
    return None if text.isprintable() else "does not have a valid value"


async def _mail_link(conn: Conn, user: User, first_name: str) -> None:
    link = await mail_links.issue(conn, user.user_id, "confirm_email")
    origin = config.current().auth_origin
    text = pages.fill("accounts/confirm_email.txt", first_name=first_name, origin=origin, link=link)
    await mail.send(conn, to=user.email, subject="Confirm your email address", text=text, account_id=user.account_id)
