"""The organisation: what it is called, where it is, and whether it may act.

Rules: an account is made together with its owner and its first sender address, which counts as confirmed because the
operator vouches for it. Source: contract, account.md §3, §7.
"""

import secrets
import string
from datetime import datetime
from typing import Final, Literal
from uuid import UUID

import msgspec

from everpost.accounts import regions, sender_emails, users
from everpost.ids import AccountId, UserId, new_id
from everpost.platform import clock
from everpost.platform.db import Conn, many, one, run
from everpost.platform.errors import Invalid

_LETTERS: Final = string.ascii_lowercase + string.digits


class BadPlace(Invalid):
    """country_code, state_code or time_zone_id does not have a valid value."""


class NewAccount(msgspec.Struct, frozen=True, kw_only=True):
    """What an account starts with; `email` is the owner's sign-in and the first sender address."""

    email: str
    password: str
    organization_name: str
    first_name: str | None = None
    last_name: str | None = None
    country_code: str | None = None
    state_code: str | None = None
    time_zone_id: str | None = None


class CreatedAccount(msgspec.Struct, frozen=True):
    """What the command line prints of a new account."""

    account_id: AccountId
    encoded_account_id: str
    user_id: UserId
    email: str
    organization_name: str
    time_zone_id: str


async def create(conn: Conn, new: NewAccount) -> CreatedAccount:
    """An account, its owner, and the owner's address, confirmed. Raises: LoginTaken, BadPlace, BadAddress."""
    _check_place(new)
    sender_emails.check_syntax(new.email)
    now = clock.now()
    zone = new.time_zone_id or regions.default_time_zone(new.country_code, new.state_code)
    account_id = AccountId(new_id())
    encoded = "".join(secrets.choice(_LETTERS) for _ in range(14))
    await _insert(conn, account_id, new, zone, now)
    await _enter(conn, account_id, encoded)
    user = await users.create(conn, account_id, email=new.email, password=new.password, role="account_owner")
    await sender_emails.add_confirmed(
        conn, account_id, new.email, source="FORCEVERIFY", roles=["CONTACT", "BILLING", "REPLY_TO"]
    )
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


async def all_ids(conn: Conn) -> list[AccountId]:
    """Every account of the installation, oldest first. For operators."""
    found = await many(conn, UUID, "SELECT account_id FROM account_directory ORDER BY account_id")
    return [AccountId(account_id) for account_id in found]


async def set_status(conn: Conn, account_id: AccountId, status: Literal["active", "canceled", "disabled"]) -> None:
    """Whether the account may act; its tokens and sessions follow at once."""
    await run(
        conn,
        "UPDATE account_directory SET status = :status WHERE account_id = :account_id",
        account_id=account_id,
        status=status,
    )


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
        INSERT INTO accounts (account_id, organization_name, first_name, last_name, country_code, state_code,
                              time_zone_id, is_time_zone_chosen, last_email_id, created_at, updated_at)
        VALUES (:account_id, :organization_name, :first_name, :last_name, :country_code, :state_code,
                :zone, :is_zone_chosen, 0, :now, :now)""",
        account_id=account_id,
        organization_name=new.organization_name,
        first_name=new.first_name,
        last_name=new.last_name,
        country_code=new.country_code,
        state_code=new.state_code,
        zone=zone,
        is_zone_chosen=new.time_zone_id is not None,
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
