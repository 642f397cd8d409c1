"""The organisation: what it is called, where it is, and whether it may act.

Rules: an account is made together with its owner and its first sender address. That address counts as confirmed when
somebody vouches for it, as the operator does; of people who sign themselves up it waits for the link in their mail.
Source: contract, account.md §3, §7, portal.md §4.
"""

import secrets
import string
from datetime import datetime, timedelta
from typing import Final, Literal, TypeAlias
from uuid import UUID

import msgspec

from everpost.accounts import regions, sender_emails, users
from everpost.accounts.sender_emails import Role, Source
from everpost.ids import AccountId, UserId, new_id
from everpost.platform import clock, memory
from everpost.platform.db import Conn, many, one, run
from everpost.platform.errors import Invalid, NotFound

Status: TypeAlias = Literal["active", "canceled", "disabled"]

_LETTERS: Final = string.ascii_lowercase + string.digits
_FIRST_ROLES: Final[tuple[Role, ...]] = ("CONTACT", "BILLING", "REPLY_TO")


class BadPlace(Invalid):
    """country_code, state_code or time_zone_id does not have a valid value."""


class NewAccount(msgspec.Struct, frozen=True, kw_only=True):
    """What an account starts with; `email` is the owner's sign-in and the first sender address.

    `vouched_by` is None when nobody has proved yet that the address is the owner's. `trial_days` is None for no trial
    and 0 for one without an end.
    """

    email: str
    password: str
    organization_name: str
    organization_phone: str | None = None
    first_name: str | None = None
    last_name: str | None = None
    country_code: str | None = None
    state_code: str | None = None
    time_zone_id: str | None = None
    vouched_by: Source | None = "FORCEVERIFY"
    trial_days: int | None = None


class CreatedAccount(msgspec.Struct, frozen=True):
    """What the command line prints of a new account."""

    account_id: AccountId
    encoded_account_id: str
    user_id: UserId
    email: str
    organization_name: str
    time_zone_id: str


class NameAndZone(msgspec.Struct, frozen=True):
    organization_name: str
    time_zone_id: str


async def create(conn: Conn, new: NewAccount) -> CreatedAccount:
    """An account, its owner, and the owner's address. Raises: LoginTaken, PasswordTooShort, BadPlace, BadAddress."""
    _check_place(new)
    sender_emails.check_syntax(new.email)
    now = clock.now()
    zone = new.time_zone_id or regions.default_time_zone(new.country_code, new.state_code)
    account_id = AccountId(new_id())
    encoded = "".join(secrets.choice(_LETTERS) for _ in range(14))
    await _insert(conn, account_id, new, zone, now)
    await _enter(conn, account_id, encoded)
    user = await users.create(
        conn,
        account_id,
        email=new.email,
        password=new.password,
        role="account_owner",
        is_confirmed=new.vouched_by is not None,
    )
    email_id = await sender_emails.add_first(conn, account_id, new.email, _FIRST_ROLES)
    if new.vouched_by is not None:
        await sender_emails.confirm(conn, account_id, email_id, source=new.vouched_by)
    return CreatedAccount(account_id, encoded, user.user_id, new.email, new.organization_name, zone)


async def encoded_id(conn: Conn, account_id: AccountId) -> str | None:
    """The account's public name in the API."""
    return await one(
        conn,
        str,
        "SELECT encoded_account_id FROM account_directory WHERE account_id = :account_id",
        account_id=account_id,
    )


async def organization_name(conn: Conn, account_id: AccountId) -> str:
    """What people call the account."""
    name = await one(
        conn, str, "SELECT organization_name FROM accounts WHERE account_id = :account_id", account_id=account_id
    )
    return name or ""


async def name_and_zone(conn: Conn, account_id: AccountId) -> NameAndZone:
    """What every page of a person shows of the account, and in whose time. Raises: NotFound."""
    found = await one(
        conn,
        NameAndZone,
        "SELECT organization_name, time_zone_id FROM accounts WHERE account_id = :account_id",
        account_id=account_id,
    )
    if found is None:
        raise NotFound
    return found


async def first_name(conn: Conn, account_id: AccountId) -> str:
    """Of the owner; empty when it is not known."""
    name = await one(conn, str, "SELECT first_name FROM accounts WHERE account_id = :account_id", account_id=account_id)
    return name or ""


async def all_ids(conn: Conn) -> list[AccountId]:
    """Every account of the installation, oldest first. For operators."""
    found = await many(conn, UUID, "SELECT account_id FROM account_directory ORDER BY account_id")
    return [AccountId(account_id) for account_id in found]


async def trial_end(conn: Conn, account_id: AccountId) -> datetime | None:
    """When the account's trial ends; None when it is none, or has no end."""
    return await one(
        conn,
        datetime,
        "SELECT trial_ends_at FROM accounts WHERE account_id = :account_id AND billing_status = 'Trial'",
        account_id=account_id,
    )


async def end_trials(conn: Conn) -> int:
    """Trials whose time is over. Spans accounts."""
    return await run(
        conn,
        "UPDATE accounts SET billing_status = 'Trial End' WHERE billing_status = 'Trial' AND trial_ends_at < :now",
        now=clock.now(),
    )


async def set_status(conn: Conn, account_id: AccountId, status: Status) -> None:
    """Whether the account may act; its tokens and sessions follow at once."""
    await run(
        conn,
        "UPDATE account_directory SET status = :status WHERE account_id = :account_id",
        account_id=account_id,
        status=status,
    )
    memory.forget()


def _check_place(new: NewAccount) -> None:
    is_right = (
        (new.country_code is None or regions.is_country(new.country_code))
        and (new.state_code is None or regions.is_state(new.country_code or "", new.state_code))
        and (new.time_zone_id is None or regions.is_time_zone(new.time_zone_id))
    )
    if not is_right:
        raise BadPlace


async def _insert(conn: Conn, account_id: AccountId, new: NewAccount, zone: str, now: datetime) -> None:
    await run(
        conn,
        """
        INSERT INTO accounts (account_id, organization_name, organization_phone, first_name, last_name, country_code,
                              state_code, time_zone_id, is_time_zone_chosen, last_email_id, billing_status, plan_type,
                              trial_ends_at, created_at, updated_at)
        VALUES (:account_id, :organization_name, :organization_phone, :first_name, :last_name, :country_code,
                :state_code, :zone, :is_zone_chosen, 0, :billing_status, :plan_type, :trial_ends_at, :now, :now)""",
        account_id=account_id,
        organization_name=new.organization_name,
        organization_phone=new.organization_phone,
        first_name=new.first_name,
        last_name=new.last_name,
        country_code=new.country_code,
        state_code=new.state_code,
        zone=zone,
        is_zone_chosen=new.time_zone_id is not None,
        billing_status="Open" if new.trial_days is None else "Trial",
        plan_type="GOLD" if new.trial_days is None else "TRIAL",
        trial_ends_at=now + timedelta(days=new.trial_days) if new.trial_days else None,
        now=now,
    )


async def _enter(conn: Conn, account_id: AccountId, encoded_account_id: str) -> None:
    await run(
        conn,
        """
        INSERT INTO account_directory (account_id, encoded_account_id, status)
        VALUES (:account_id, :encoded_account_id, 'active')""",
        account_id=account_id,
        encoded_account_id=encoded_account_id,
    )
