"""The link that asks a person to confirm: a mail, a page that changes nothing by being opened, and its button.

Two mails use it: confirmed opt-in, and the invitation to somebody who unsubscribed. Rules: a link is good for 60 days,
once, for the address it was sent to, and only while the contact still stands where the mail left it; of confirmed
opt-in at most one mail goes to a contact within 24 hours. The link is signed and names its row, so nothing is looked up
for a forged one. Source: contract, campaigns.md §7.5, §8.1; contacts.md §5.10.
"""

import enum
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Final, Literal, TypeAlias
from uuid import UUID

from msgspec import Struct

from everpost.accounts import accounts
from everpost.contacts import consent, lists, memberships, stored, welcomes
from everpost.contacts.stored import StoredContact
from everpost.ids import AccountId, ContactId, ListId, new_id
from everpost.platform import clock, config, crypto, mail, pages
from everpost.platform.db import Conn, many, one, run

VALID_FOR: Final = timedelta(days=60)
PATH: Final = "/confirm"

_SHORTEST_GAP: Final = timedelta(hours=24)
_PURPOSE: Final = "confirm-consent"

Kind: TypeAlias = Literal["opt_in", "resubscribe"]


class State(enum.Enum):
    """What a link is good for."""

    OPEN = "open"
    DONE = "done"
    EXPIRED = "expired"


class Confirmation(Struct, frozen=True):
    """What a link stands for."""

    account_id: AccountId
    confirmation_id: UUID
    contact_id: ContactId
    email_address: str
    organization_name: str
    state: State


async def ask_to_opt_in(conn: Conn, account_id: AccountId, contact: StoredContact) -> None:
    """Mail the link to a contact who now waits for it, unless this address was asked within the last 24 hours."""
    assert contact.email_key is not None
    if not await _was_asked(conn, account_id, contact, since=clock.now() - _SHORTEST_GAP):
        await _send(conn, account_id, contact, "opt_in", list_ids=[], opted_out_at=None)


async def ask_to_come_back(
    conn: Conn, account_id: AccountId, contact: StoredContact, list_ids: Sequence[ListId]
) -> bool:
    """Mail the link to a contact who unsubscribed; False when that was done before for the same opt-out."""
    # Dates are whole seconds: that nobody waits any more tells a new opt-out from the one before it.
    if contact.confirm_status == "pending" and await _was_invited(conn, account_id, contact):
        return False
    await _send(conn, account_id, contact, "resubscribe", list_ids=list_ids, opted_out_at=contact.opt_out_date)
    return True


async def find(conn: Conn, token: str) -> Confirmation | None:
    """What the link of this token stands for, or None for a forged or mangled one."""
    names = _read(token)
    row = await _find(conn, *names) if names else None
    if names is None or row is None:
        return None
    contact = await stored.find(conn, names[0], row.contact_id)
    if contact is None:
        return None
    organization = await accounts.organization_name(conn, names[0])
    return Confirmation(*names, row.contact_id, contact.email_address or "", organization, _state(row, contact))


async def confirm(conn: Conn, confirmation: Confirmation) -> bool:
    """The person pressed the button: explicit from now on, and on the lists. False when the link is no longer good."""
    account_id = confirmation.account_id
    contact = await stored.lock(conn, account_id, confirmation.contact_id)
    # Asked again under the contact's lock: of two clicks at once one finds the link used.
    row = await _find(conn, account_id, confirmation.confirmation_id)
    if contact is None or row is None or _state(row, contact) is not State.OPEN:
        return False
    now = clock.now_seconds()
    held = contact.consent
    assert held is not None
    contact.take_consent(consent.confirm(held, now=now))
    contact.email_updated_at = contact.updated_at = now
    contact.update_source = "Contact"
    await stored.write(conn, account_id, contact, is_address_new=False)
    await _use(conn, confirmation, now)
    await _join(conn, account_id, contact, row.list_ids, now=now)
    return True


class _Row(Struct):
    contact_id: ContactId
    kind: Kind
    email_key: str
    list_ids: list[ListId]
    opted_out_at: datetime | None
    sent_at: datetime
    used_at: datetime | None


def _state(row: _Row, contact: StoredContact) -> State:
    held = contact.permission_to_send
    if row.used_at is not None:
        return State.DONE if held == "explicit" and contact.deleted_at is None else State.EXPIRED
    if row.kind == "opt_in":
        is_waiting = held == "pending_confirmation"
    else:
        is_the_opt_out = contact.confirm_status == "pending" and contact.opt_out_date == row.opted_out_at
        is_waiting = held == "unsubscribed" and is_the_opt_out
    is_same = contact.email_key == row.email_key and contact.deleted_at is None
    return State.OPEN if is_waiting and is_same and clock.now() - row.sent_at <= VALID_FOR else State.EXPIRED


async def _join(
    conn: Conn, account_id: AccountId, contact: StoredContact, list_ids: Sequence[ListId], *, now: datetime
) -> None:
    """Put who confirmed on the lists that were remembered, as far as they are still there and there is room."""
    contact_id = contact.contact_id
    held = (await memberships.of_contacts(conn, account_id, [contact_id])).get(contact_id, [])
    wanted = [each for each in await lists.existing(conn, account_id, list_ids) if each not in held]
    await memberships.add(conn, account_id, contact_id, wanted[: memberships.MAXIMUM - len(held)], now=now)
    # What the contact joined while it waited is as good as joined now.
    await welcomes.publish_joined(conn, account_id, contact, [*held, *wanted], actor="Contact")


async def _send(
    conn: Conn,
    account_id: AccountId,
    contact: StoredContact,
    kind: Kind,
    *,
    list_ids: Sequence[ListId],
    opted_out_at: datetime | None,
) -> None:
    confirmation_id = new_id()
    await _insert(conn, account_id, confirmation_id, contact, kind, list_ids=list_ids, opted_out_at=opted_out_at)
    organization = await accounts.organization_name(conn, account_id)
    link = f"{config.current().origin}{PATH}/{_token(account_id, confirmation_id)}"
    text = pages.fill(f"contacts/{kind}.txt", organization=organization, address=contact.email_address, link=link)
    subject = f"Please confirm: email from {organization}"
    await mail.send(conn, to=contact.email_address or "", subject=subject, text=text, account_id=account_id)


def _token(account_id: AccountId, confirmation_id: UUID) -> str:
    return crypto.sign(_PURPOSE, account_id.bytes + confirmation_id.bytes)


def _read(token: str) -> tuple[AccountId, UUID] | None:
    names = crypto.read_signed(_PURPOSE, token)
    return None if names is None else (AccountId(UUID(bytes=names[:16])), UUID(bytes=names[16:]))


async def _was_asked(conn: Conn, account_id: AccountId, contact: StoredContact, *, since: datetime) -> bool:
    found = await many(
        conn,
        UUID,
        """SELECT confirmation_id FROM consent_confirmations
            WHERE account_id = :account_id AND contact_id = :contact_id AND kind = 'opt_in'
              AND email_key = :email_key AND sent_at > :since AND used_at IS NULL
            LIMIT 1""",
        account_id=account_id,
        contact_id=contact.contact_id,
        email_key=contact.email_key,
        since=since,
    )
    return bool(found)


async def _was_invited(conn: Conn, account_id: AccountId, contact: StoredContact) -> bool:
    found = await many(
        conn,
        UUID,
        """SELECT confirmation_id FROM consent_confirmations
            WHERE account_id = :account_id AND contact_id = :contact_id AND kind = 'resubscribe'
              AND opted_out_at = :opted_out_at
            LIMIT 1""",
        account_id=account_id,
        contact_id=contact.contact_id,
        opted_out_at=contact.opt_out_date,
    )
    return bool(found)


async def _insert(
    conn: Conn,
    account_id: AccountId,
    confirmation_id: UUID,
    contact: StoredContact,
    kind: Kind,
    *,
    list_ids: Sequence[ListId],
    opted_out_at: datetime | None,
) -> None:
    await run(
        conn,
        """INSERT INTO consent_confirmations (account_id, confirmation_id, contact_id, kind, email_key, list_ids,
                                              opted_out_at, sent_at)
           VALUES (:account_id, :confirmation_id, :contact_id, :kind, :email_key, :list_ids, :opted_out_at, :now)""",
        account_id=account_id,
        confirmation_id=confirmation_id,
        contact_id=contact.contact_id,
        kind=kind,
        email_key=contact.email_key,
        list_ids=list_ids,
        opted_out_at=opted_out_at,
        now=clock.now(),
    )


async def _find(conn: Conn, account_id: AccountId, confirmation_id: UUID) -> _Row | None:
    return await one(
        conn,
        _Row,
        """SELECT contact_id, kind, email_key, list_ids, opted_out_at, sent_at, used_at FROM consent_confirmations
            WHERE account_id = :account_id AND confirmation_id = :confirmation_id""",
        account_id=account_id,
        confirmation_id=confirmation_id,
    )


async def _use(conn: Conn, confirmation: Confirmation, now: datetime) -> None:
    await run(
        conn,
        """UPDATE consent_confirmations SET used_at = :now
            WHERE account_id = :account_id AND confirmation_id = :confirmation_id""",
        account_id=confirmation.account_id,
        confirmation_id=confirmation.confirmation_id,
        now=now,
    )
