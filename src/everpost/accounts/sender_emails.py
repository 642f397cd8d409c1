"""Addresses an account may send from: added through the API, confirmed by the link in a mail.

Rules: an address is unique in its account whatever its case and is never removed; only a confirmed one holds roles;
CONTACT, BILLING and REPLY_TO belong to one address each and move when another gets them; 200 additions a day.
Source: contract, account.md §6-§8.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Annotated, Final, Literal, TypeAlias, get_args

import msgspec
from email_validator import EmailNotValidError, validate_email
from msgspec import UNSET, Meta, UnsetType

from everpost.ids import AccountId, EmailId
from everpost.platform import clock
from everpost.platform.db import Conn, Taken, many, one, run, savepoint
from everpost.platform.errors import Conflict, Invalid, TooMany

Role: TypeAlias = Literal["CONTACT", "BILLING", "JOURNALING", "REPLY_TO", "OTHER"]
Source: TypeAlias = Literal["SITE_OWNER", "SUPPORT", "FORCEVERIFY", "PARTNER"]

UNIQUE_ROLES: Final = ("CONTACT", "BILLING", "REPLY_TO")
PER_DAY: Final = 200

_STATUSES: Final = {"C": "CONFIRMED", "U": "UNCONFIRMED"}
_ROLES: Final = {"C": "CONTACT", "B": "BILLING", "J": "JOURNALING", "R": "REPLY_TO", "O": "OTHER"}


class BadAddress(Invalid):
    """email_address does not have a valid value"""


class AddressTaken(Conflict):
    """email_address already exists in this account."""


class TooManyAddresses(TooMany):
    """No more than {limit} addresses can be added within a day."""

    key = "account.api.too_many_emails"


class OneFilterOnly(Invalid):
    """Only one of confirm_status, role_code and email_address can be used."""


class EmailIn(msgspec.Struct):
    """An address to add."""

    email_address: Annotated[str, Meta(max_length=80)]


class EmailQuery(msgspec.Struct, kw_only=True):
    """At most one of these."""

    confirm_status: Literal["CONFIRMED", "C", "UNCONFIRMED", "U"] | None = None
    role_code: Literal["CONTACT", "C", "BILLING", "B", "JOURNALING", "J", "REPLY_TO", "R", "OTHER", "O"] | None = None
    email_address: str | None = None


class CreatedEmail(msgspec.Struct):
    """The answer to an addition."""

    email_address: str
    email_id: EmailId
    confirm_status: str


class AccountEmail(msgspec.Struct, omit_defaults=True):
    """An address as the API shows it."""

    email_id: EmailId
    email_address: str
    confirm_status: str
    roles: list[str]
    pending_roles: list[str]
    confirm_time: str | UnsetType = UNSET
    confirm_source_type: str | UnsetType = UNSET


class _Row(msgspec.Struct):
    email_id: EmailId
    email_address: str
    confirmed_at: datetime | None
    confirm_source_type: str | None
    roles: list[str]
    pending_roles: list[str]


async def listing(conn: Conn, account_id: AccountId, query: EmailQuery) -> list[AccountEmail]:
    """All addresses, or those that one filter leaves, in the order in which they were added. Raises: OneFilterOnly."""
    filters = [query.confirm_status, query.role_code, query.email_address]
    if sum(value is not None for value in filters) > 1:
        raise OneFilterOnly
    rows = await _all(conn, account_id)
    return [_shown(row) for row in rows if _passes(row, query)]


async def add(conn: Conn, account_id: AccountId, new: EmailIn) -> CreatedEmail:
    """An address that waits for its confirmation. Raises: BadAddress, AddressTaken, TooManyAddresses."""
    address = new.email_address.strip()
    check_syntax(address)
    email_id = await _next_id(conn, account_id)
    if await _added_since(conn, account_id, clock.now() - timedelta(days=1)) >= PER_DAY:
        raise TooManyAddresses(limit=PER_DAY)
    await _insert(conn, account_id, email_id, address, pending_roles=["OTHER"])
    return CreatedEmail(address, email_id, "UNCONFIRMED")


async def add_first(conn: Conn, account_id: AccountId, address: str, roles: Sequence[Role]) -> EmailId:
    """The owner's address, which gets these roles when it is confirmed. Raises: AddressTaken."""
    email_id = await _next_id(conn, account_id)
    await _insert(conn, account_id, email_id, address, pending_roles=list(roles))
    return email_id


async def add_confirmed(
    conn: Conn, account_id: AccountId, address: str, *, source: Source, roles: Sequence[Role]
) -> EmailId:
    """An address that somebody other than its reader vouches for. Raises: AddressTaken."""
    email_id = await add_first(conn, account_id, address, roles)
    await confirm(conn, account_id, email_id, source=source)
    return email_id


async def find_waiting(conn: Conn, account_id: AccountId, address: str) -> EmailId | None:
    """The address, whatever its case, while it waits for its confirmation."""
    email_id = await one(
        conn,
        int,
        """
        SELECT email_id FROM account_emails
         WHERE account_id = :account_id AND lower(email_address) = lower(:address) AND confirmed_at IS NULL""",
        account_id=account_id,
        address=address,
    )
    return None if email_id is None else EmailId(email_id)


async def confirm(conn: Conn, account_id: AccountId, email_id: EmailId, *, source: Source) -> bool:
    """From now on the account may send from it; False when it already could."""
    pending = await _mark_confirmed(conn, account_id, email_id, source, clock.now())
    for role in pending or []:
        await give_role(conn, account_id, email_id, role)
    return pending is not None


async def give_role(conn: Conn, account_id: AccountId, email_id: EmailId, role: str) -> None:
    """Let an address hold a role; one that is unique leaves the address that held it."""
    if role in UNIQUE_ROLES:
        await run(
            conn,
            """
            UPDATE account_emails SET roles = array_remove(roles, :role)
             WHERE account_id = :account_id AND :role = ANY (roles)""",
            account_id=account_id,
            role=role,
        )
    await run(
        conn,
        """
        UPDATE account_emails SET roles = array_append(roles, :role)
         WHERE account_id = :account_id AND email_id = :email_id AND NOT (:role = ANY (roles))""",
        account_id=account_id,
        email_id=email_id,
        role=role,
    )


async def set_holders(conn: Conn, account_id: AccountId, role: Role, email_ids: Sequence[EmailId]) -> None:
    """Let exactly these hold a role that several addresses may hold; who is not confirmed yet is left out."""
    await run(
        conn,
        """
        UPDATE account_emails SET roles = array_remove(roles, :role)
         WHERE account_id = :account_id AND :role = ANY (roles) AND email_id <> ALL (:email_ids::int[])""",
        account_id=account_id,
        role=role,
        email_ids=email_ids,
    )
    await run(
        conn,
        """
        UPDATE account_emails SET roles = array_append(roles, :role)
         WHERE account_id = :account_id AND email_id = ANY (:email_ids::int[]) AND confirmed_at IS NOT NULL
           AND NOT (:role = ANY (roles))""",
        account_id=account_id,
        role=role,
        email_ids=email_ids,
    )


async def find_confirmed(conn: Conn, account_id: AccountId, address: str) -> EmailId | None:
    """The confirmed address, whatever its case."""
    email_id = await one(
        conn,
        int,
        """
        SELECT email_id FROM account_emails
         WHERE account_id = :account_id AND lower(email_address) = lower(:address) AND confirmed_at IS NOT NULL""",
        account_id=account_id,
        address=address,
    )
    return None if email_id is None else EmailId(email_id)


async def with_role(conn: Conn, account_id: AccountId, role: Role) -> str | None:
    """The address that holds a role, or the first of several."""
    return await one(
        conn,
        str,
        """
        SELECT email_address FROM account_emails
         WHERE account_id = :account_id AND :role = ANY (roles)
         ORDER BY email_id LIMIT 1""",
        account_id=account_id,
        role=role,
    )


async def address_of(conn: Conn, account_id: AccountId, email_id: EmailId) -> str | None:
    return await one(
        conn,
        str,
        "SELECT email_address FROM account_emails WHERE account_id = :account_id AND email_id = :email_id",
        account_id=account_id,
        email_id=email_id,
    )


def check_syntax(address: str) -> None:
    """Raises: BadAddress. Whether the domain takes mail is shown by the confirmation."""
    try:
        # Special-use domains stay allowed: an installation may serve a network of its own.
        validate_email(address, check_deliverability=False, globally_deliverable=False)
    except EmailNotValidError as error:
        raise BadAddress from error
    if "." not in address.rpartition("@")[2]:
        raise BadAddress


def _shown(row: _Row) -> AccountEmail:
    roles, pending = (sorted(each, key=get_args(Role).index) for each in (row.roles, row.pending_roles))
    shown = AccountEmail(row.email_id, row.email_address, _status(row), roles, pending)
    if row.confirmed_at is not None and row.confirm_source_type is not None:
        shown.confirm_time = _milliseconds(row.confirmed_at)
        shown.confirm_source_type = row.confirm_source_type
    return shown


def _status(row: _Row) -> str:
    return "UNCONFIRMED" if row.confirmed_at is None else "CONFIRMED"


def _milliseconds(at: datetime) -> str:
    return f"{at:%Y-%m-%dT%H:%M:%S}.{at.microsecond // 1000:03d}Z"


def _passes(row: _Row, query: EmailQuery) -> bool:
    if query.confirm_status is not None:
        return _status(row) == _STATUSES.get(query.confirm_status, query.confirm_status)
    if query.role_code is not None:
        return _ROLES.get(query.role_code, query.role_code) in row.roles + row.pending_roles
    # A literal plus in the query arrives as a space.
    wanted = query.email_address
    return wanted is None or row.email_address.lower() in {wanted.lower(), wanted.lower().replace(" ", "+")}


async def _all(conn: Conn, account_id: AccountId) -> list[_Row]:
    return await many(
        conn,
        _Row,
        """
        SELECT email_id, email_address, confirmed_at, confirm_source_type, roles, pending_roles
          FROM account_emails
         WHERE account_id = :account_id
         ORDER BY email_id""",
        account_id=account_id,
    )


async def _added_since(conn: Conn, account_id: AccountId, since: datetime) -> int:
    count = await one(
        conn,
        int,
        "SELECT count(*) FROM account_emails WHERE account_id = :account_id AND created_at > :since",
        account_id=account_id,
        since=since,
    )
    return count or 0


async def _insert(
    conn: Conn, account_id: AccountId, email_id: EmailId, address: str, *, pending_roles: list[str]
) -> None:
    try:
        async with savepoint(conn):
            await run(
                conn,
                """
                INSERT INTO account_emails (account_id, email_id, email_address, roles, pending_roles, created_at)
                VALUES (:account_id, :email_id, :address, '{}', :pending_roles, :now)""",
                account_id=account_id,
                email_id=email_id,
                address=address,
                pending_roles=pending_roles,
                now=clock.now(),
            )
    except Taken as error:
        raise AddressTaken from error


async def _next_id(conn: Conn, account_id: AccountId) -> EmailId:
    """Counts up in the account's row, whose lock also keeps two additions from passing the daily limit together."""
    email_id = await one(
        conn,
        int,
        """
        UPDATE accounts SET last_email_id = last_email_id + 1
         WHERE account_id = :account_id
        RETURNING last_email_id""",
        account_id=account_id,
    )
    assert email_id is not None
    return EmailId(email_id)


async def _mark_confirmed(
    conn: Conn, account_id: AccountId, email_id: EmailId, source: str, now: datetime
) -> list[str] | None:
    """The roles that were waiting, or None when the address was confirmed before."""
    waiting = await one(
        conn,
        _Pending,
        """
        SELECT pending_roles FROM account_emails
         WHERE account_id = :account_id AND email_id = :email_id AND confirmed_at IS NULL
           FOR UPDATE""",
        account_id=account_id,
        email_id=email_id,
    )
    if waiting is None:
        return None
    await run(
        conn,
        """
        UPDATE account_emails
           SET confirmed_at = :now, confirm_source_type = :source, pending_roles = '{}'
         WHERE account_id = :account_id AND email_id = :email_id""",
        account_id=account_id,
        email_id=email_id,
        source=source,
        now=now,
    )
    return waiting.pending_roles


class _Pending(msgspec.Struct):
    pending_roles: list[str]
