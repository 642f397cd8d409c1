"""Leaving: what the link in a mail, its one-click header and its page do.

Rules: looking changes nothing, because machines follow links; repeats change nothing; it counts for the whole account
unless the person chooses among the lists that they may see; whoever types another address than the mail's changes
nothing. Who left is offered the way back, with the lists they were on, and may say why.

Source: contract, campaigns §7.1 and §7.2; RFC 8058.
"""

import base64
import binascii
from collections.abc import Collection, Sequence
from typing import Final
from uuid import UUID

import msgspec
from msgspec import Struct

from everpost.contacts import email_addresses, memberships, opt_ins, opt_outs, stored
from everpost.contacts.consent import Permission
from everpost.delivery import mail_settings, organisations
from everpost.delivery.mail_settings import MailSettings, VisibleList
from everpost.ids import AccountId, ContactId, ListId
from everpost.platform import clock, crypto
from everpost.platform.db import Conn, one
from everpost.tracking import events, tokens
from everpost.tracking.tokens import Kind, Reference

MAX_REASON: Final = 255

_WAY_BACK: Final = "way back"


class Subscriber(Struct, frozen=True):
    """Who would leave whom."""

    reference: Reference
    organization_name: str
    email_address: str
    settings: MailSettings


async def find(conn: Conn, token: str) -> Subscriber | None:
    """None for a token that is not ours, or whose contact is no more."""
    reference = tokens.signer().read(Kind.UNSUBSCRIBE, token)
    if reference is None:
        return None
    address = await _address(conn, reference.account_id, reference.contact_id)
    if address is None:
        return None
    organisation = await organisations.get(conn, reference.account_id)
    return Subscriber(reference, organisation.name, address, organisation.settings)


async def leave(conn: Conn, subscriber: Subscriber, *, reason: str = "") -> str:
    """Unsubscribe, and count it for the mail whose link it was. Returns what `come_back` asks for."""
    reference = subscriber.reference
    account_id, contact_id = reference.account_id, reference.contact_id
    held = (await memberships.of_contacts(conn, account_id, [contact_id])).get(contact_id, [])
    given = reason.strip()[:MAX_REASON] or None
    await opt_outs.opt_out(conn, account_id, contact_id, source="Contact", reason=given)
    await _count(conn, reference, given)
    return _sealed(contact_id, held)


async def leave_lists(conn: Conn, subscriber: Subscriber, list_ids: Collection[ListId]) -> list[str]:
    """Off these of the lists that the person may see; the names of those it was."""
    account_id, contact_id = subscriber.reference.account_id, subscriber.reference.contact_id
    row = await stored.lock(conn, account_id, contact_id)
    left = [each for each in await visible_lists(conn, subscriber) if each.list_id in list_ids]
    if row is None or not left:
        return []
    now = clock.now_seconds()
    held = (await memberships.of_contacts(conn, account_id, [contact_id])).get(contact_id, [])
    kept = [list_id for list_id in held if list_id not in {each.list_id for each in left}]
    await memberships.replace(conn, account_id, contact_id, kept, now=now)
    row.update_source, row.updated_at = "Contact", now
    await stored.write(conn, account_id, row, is_address_new=False)
    return [each.name for each in left]


async def give_reason(conn: Conn, subscriber: Subscriber, reason: str) -> None:
    """Why somebody left; of somebody who did not, or came back, it is not written down."""
    account_id, contact_id = subscriber.reference.account_id, subscriber.reference.contact_id
    given = reason.strip()[:MAX_REASON]
    row = await stored.lock(conn, account_id, contact_id)
    if not given or row is None or row.permission_to_send != "unsubscribed":
        return
    row.opt_out_reason, row.updated_at = given, clock.now_seconds()
    await stored.write(conn, account_id, row, is_address_new=False)
    await _count(conn, subscriber.reference, given)


async def come_back(conn: Conn, subscriber: Subscriber, way_back: str) -> Permission | None:
    """It was a mistake: opted in again and on the same lists, as far as `way_back` is what `leave` returned."""
    account_id, contact_id = subscriber.reference.account_id, subscriber.reference.contact_id
    return await opt_ins.opt_in(conn, account_id, contact_id, list_ids=_unsealed(contact_id, way_back))


async def visible_lists(conn: Conn, subscriber: Subscriber) -> list[VisibleList]:
    """The lists that the person is on and may see; none where people cannot change their profile."""
    if not subscriber.settings.has_profile_link:
        return []
    account_id, contact_id = subscriber.reference.account_id, subscriber.reference.contact_id
    visible = await mail_settings.visible_lists(conn, account_id, subscriber.settings)
    held = (await memberships.of_contacts(conn, account_id, [contact_id])).get(contact_id, []) if visible else []
    return [each for each in visible if each.list_id in held]


def is_own_address(subscriber: Subscriber, typed: str) -> bool:
    """Whether somebody who was forwarded a mail is about to unsubscribe its recipient."""
    return email_addresses.key(typed) == email_addresses.key(subscriber.email_address)


async def _count(conn: Conn, reference: Reference, reason: str | None) -> None:
    await events.append_opt_out(
        conn,
        reference.account_id,
        reference.campaign_activity_id,
        reference.contact_id,
        at=clock.now(),
        reason=reason,
    )


def _sealed(contact_id: ContactId, list_ids: Sequence[ListId]) -> str:
    """The lists as a form may carry them: nobody can add one that they were not on."""
    data = msgspec.json.encode([contact_id, *list_ids])
    return base64.urlsafe_b64encode(crypto.seal(_WAY_BACK, data)).decode()


def _unsealed(contact_id: ContactId, way_back: str) -> list[ListId]:
    try:
        sealed = base64.urlsafe_b64decode(way_back)
        owner, *list_ids = msgspec.json.decode(crypto.unseal(_WAY_BACK, sealed), type=list[UUID])
    except (binascii.Error, ValueError, crypto.BadSeal):
        return []
    return [ListId(list_id) for list_id in list_ids] if owner == contact_id else []


async def _address(conn: Conn, account_id: AccountId, contact_id: ContactId) -> str | None:
    return await one(
        conn,
        str,
        """
        SELECT email_address
          FROM contacts
         WHERE account_id = :account_id AND contact_id = :contact_id AND email_address IS NOT NULL""",
        account_id=account_id,
        contact_id=contact_id,
    )
