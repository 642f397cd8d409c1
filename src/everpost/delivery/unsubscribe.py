"""Leaving: what the link in a mail, its one-click header and its page do.

Rules: looking changes nothing, because machines follow links; repeats change nothing; it counts for the whole account,
not for a list; whoever types another address than the mail's changes nothing.

Source: contract, campaigns §7.1 and §7.2; RFC 8058.
"""

from msgspec import Struct

from everpost.contacts import email_addresses, opt_outs
from everpost.delivery import organisations
from everpost.ids import AccountId, ContactId
from everpost.platform import clock
from everpost.platform.db import Conn, one
from everpost.tracking import events, tokens
from everpost.tracking.tokens import Kind, Reference


class Subscriber(Struct, frozen=True):
    """Who would leave whom."""

    reference: Reference
    organization_name: str
    email_address: str


async def find(conn: Conn, token: str) -> Subscriber | None:
    """None for a token that is not ours, or whose contact is no more."""
    reference = tokens.signer().read(Kind.UNSUBSCRIBE, token)
    if reference is None:
        return None
    address = await _address(conn, reference.account_id, reference.contact_id)
    if address is None:
        return None
    organisation = await organisations.get(conn, reference.account_id)
    return Subscriber(reference, organisation.name, address)


async def leave(conn: Conn, subscriber: Subscriber, *, reason: str | None = None) -> None:
    """Unsubscribe, and count it for the mail whose link it was."""
    reference = subscriber.reference
    await opt_outs.opt_out(conn, reference.account_id, reference.contact_id, source="Contact", reason=reason)
    await events.append_opt_out(
        conn,
        reference.account_id,
        reference.campaign_activity_id,
        reference.contact_id,
        at=clock.now(),
        reason=reason,
    )


def is_own_address(subscriber: Subscriber, typed: str) -> bool:
    """Whether somebody who was forwarded a mail is about to unsubscribe its recipient."""
    return email_addresses.key(typed) == email_addresses.key(subscriber.email_address)


def token_of(token: str) -> str | None:
    """The token of the page to leave by, for the holder of a profile token."""
    reference = tokens.signer().read(Kind.PROFILE, token)
    if reference is None:
        return None
    mint = tokens.signer().recipient(reference.account_id, reference.campaign_activity_id, reference.contact_id)
    return mint.unsubscribe()


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
