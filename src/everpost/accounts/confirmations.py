"""The link that proves an address: mailed, opened without effect, and confirmed by a button.

Rules: opening the link changes nothing, because scanners open links too; a link works once and for seven days; another
mail may be asked for once a minute and five times a day. The link is signed and names its row, so nothing is looked up
for a forged one. Source: contract, account.md §7.
"""

import enum
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

import msgspec

from everpost.accounts import accounts, sender_emails, users
from everpost.accounts.sender_emails import CreatedEmail, EmailIn
from everpost.ids import AccountId, EmailId, new_id
from everpost.platform import clock, config, crypto, mail, pages
from everpost.platform.db import Conn, one, run
from everpost.platform.errors import NotFound

VALID_FOR: Final = timedelta(days=7)
PATH: Final = "/confirm-sender"

_SHORTEST_GAP: Final = timedelta(minutes=1)
_PER_DAY: Final = 5
_PURPOSE: Final = "confirm-sender"


class NothingWaits(NotFound):
    """{address} is no address of this account that waits for its confirmation."""


class State(enum.Enum):
    """What a link is good for."""

    OPEN = "open"
    DONE = "done"
    EXPIRED = "expired"


class Confirmation(msgspec.Struct, frozen=True):
    """What a link stands for."""

    account_id: AccountId
    confirmation_id: UUID
    email_id: EmailId
    email_address: str
    organization_name: str
    state: State


async def request(conn: Conn, account_id: AccountId, new: EmailIn) -> CreatedEmail:
    """Add an address and mail it its link, both or neither. Raises: what `sender_emails.add` raises."""
    created = await sender_emails.add(conn, account_id, new)
    await _send(conn, account_id, created.email_id)
    return created


async def _send(conn: Conn, account_id: AccountId, email_id: EmailId) -> None:
    """Mail the link, when and if the caller's transaction commits."""
    address = await sender_emails.address_of(conn, account_id, email_id)
    if address is None:
        return
    confirmation_id = new_id()
    await _insert(conn, account_id, confirmation_id, email_id, clock.now())
    organization = await accounts.organization_name(conn, account_id)
    link = f"{config.current().origin}{PATH}/{_token(account_id, confirmation_id)}"
    text = pages.fill("accounts/confirm_sender.txt", address=address, organization=organization, link=link)
    await mail.send(conn, to=address, subject="Confirm your sender address", text=text, account_id=account_id)


async def send_again(conn: Conn, confirmation: Confirmation) -> bool:
    """Mail a new link, unless the address is confirmed or was mailed too often; says which."""
    if confirmation.state is State.DONE:
        return False
    now = clock.now()
    await _lock(conn, confirmation.account_id, confirmation.email_id)
    sent = await _sent_since(conn, confirmation.account_id, confirmation.email_id, now - timedelta(days=1))
    if sent.count >= _PER_DAY or (sent.latest is not None and now - sent.latest < _SHORTEST_GAP):
        return False
    await _send(conn, confirmation.account_id, confirmation.email_id)
    return True


async def send_to(conn: Conn, account_id: AccountId, email_id: EmailId) -> bool:
    """Mail a link for an address of the account; False when it is confirmed, mailed too often or not there."""
    row = await _find_email(conn, account_id, email_id)
    if row is None or row.confirmed_at is not None:
        return False
    organization = await accounts.organization_name(conn, account_id)
    # No link stands behind it; only what the limits are counted by.
    unnamed = Confirmation(account_id, new_id(), email_id, row.email_address, organization, State.EXPIRED)
    return await send_again(conn, unnamed)


async def find(conn: Conn, token: str) -> Confirmation | None:
    """What the link of this token stands for, or None for a forged or mangled one."""
    names = _read(token)
    if names is None:
        return None
    row = await _find(conn, *names)
    if row is None:
        return None
    organization = await accounts.organization_name(conn, names[0])
    return Confirmation(*names, row.email_id, row.email_address, organization, _state(row))


async def confirm(conn: Conn, confirmation: Confirmation) -> bool:
    """Make the address a sender; False when the link is no longer good."""
    if confirmation.state is not State.OPEN or not await _use(conn, confirmation, clock.now()):
        return False
    await users.mark_confirmed_address(conn, confirmation.account_id, confirmation.email_address)
    return await sender_emails.confirm(conn, confirmation.account_id, confirmation.email_id, source="SITE_OWNER")


async def vouch_for(conn: Conn, account_id: AccountId, address: str) -> None:
    """For operators: confirm an address that waits, without its link. Raises: NothingWaits."""
    email_id = await sender_emails.find_waiting(conn, account_id, address)
    if email_id is None:
        raise NothingWaits(address=address)
    await users.mark_confirmed_address(conn, account_id, address)
    await sender_emails.confirm(conn, account_id, email_id, source="SUPPORT")


class _Row(msgspec.Struct):
    email_id: EmailId
    email_address: str
    confirmed_at: datetime | None
    sent_at: datetime
    used_at: datetime | None


class _Email(msgspec.Struct):
    email_address: str
    confirmed_at: datetime | None


class _Sent(msgspec.Struct):
    count: int
    latest: datetime | None


def _state(row: _Row) -> State:
    if row.confirmed_at is not None:
        return State.DONE
    if row.used_at is not None or clock.now() - row.sent_at > VALID_FOR:
        return State.EXPIRED
    return State.OPEN


def _token(account_id: AccountId, confirmation_id: UUID) -> str:
    return crypto.sign(_PURPOSE, account_id.bytes + confirmation_id.bytes)


def _read(token: str) -> tuple[AccountId, UUID] | None:
    names = crypto.read_signed(_PURPOSE, token)
    return None if names is None else (AccountId(UUID(bytes=names[:16])), UUID(bytes=names[16:]))


async def _insert(conn: Conn, account_id: AccountId, confirmation_id: UUID, email_id: EmailId, now: datetime) -> None:
    await run(
        conn,
        """
        INSERT INTO account_email_confirmations (account_id, confirmation_id, email_id, sent_at)
        VALUES (:account_id, :confirmation_id, :email_id, :now)""",
        account_id=account_id,
        confirmation_id=confirmation_id,
        email_id=email_id,
        now=now,
    )


async def _find(conn: Conn, account_id: AccountId, confirmation_id: UUID) -> _Row | None:
    return await one(
        conn,
        _Row,
        """
        SELECT e.email_id, e.email_address, e.confirmed_at, c.sent_at, c.used_at
          FROM account_email_confirmations c
          JOIN account_emails e ON e.account_id = c.account_id AND e.email_id = c.email_id
         WHERE c.account_id = :account_id AND c.confirmation_id = :confirmation_id""",
        account_id=account_id,
        confirmation_id=confirmation_id,
    )


async def _find_email(conn: Conn, account_id: AccountId, email_id: EmailId) -> _Email | None:
    return await one(
        conn,
        _Email,
        """
        SELECT email_address, confirmed_at FROM account_emails
         WHERE account_id = :account_id AND email_id = :email_id""",
        account_id=account_id,
        email_id=email_id,
    )


async def _use(conn: Conn, confirmation: Confirmation, now: datetime) -> bool:
    """Two clicks at once: only one of them finds the link unused."""
    used = await run(
        conn,
        """
        UPDATE account_email_confirmations SET used_at = :now
         WHERE account_id = :account_id AND confirmation_id = :confirmation_id AND used_at IS NULL""",
        account_id=confirmation.account_id,
        confirmation_id=confirmation.confirmation_id,
        now=now,
    )
    return used == 1


async def _lock(conn: Conn, account_id: AccountId, email_id: EmailId) -> None:
    await run(
        conn,
        "SELECT email_id FROM account_emails WHERE account_id = :account_id AND email_id = :email_id FOR UPDATE",
        account_id=account_id,
        email_id=email_id,
    )


async def _sent_since(conn: Conn, account_id: AccountId, email_id: EmailId, since: datetime) -> _Sent:
    sent = await one(
        conn,
        _Sent,
        """
        SELECT count(*) AS count, max(sent_at) AS latest
          FROM account_email_confirmations
         WHERE account_id = :account_id AND email_id = :email_id AND sent_at > :since""",
        account_id=account_id,
        email_id=email_id,
        since=since,
    )
    assert sent is not None
    return sent
