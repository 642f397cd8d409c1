"""Forward to a friend: a copy of a mail for up to five people, from the one who got it.

Rules: only while the account's mails have a forward link; the copy is untracked, holds nobody's data and none of the
recipient's own links, and says who forwarded it; each submission counts once for that recipient; ten an hour.
Source: contract, campaigns.md §7.4.
"""

import re
from datetime import timedelta
from typing import Final

from msgspec import Struct, structs

from everpost.accounts import throttles
from everpost.accounts.throttles import Limit
from everpost.contacts import email_addresses, stored
from everpost.delivery import forwardable_contents, mailings, organisations, tags, test_messages
from everpost.delivery.message import Letterhead
from everpost.delivery.positions import plain
from everpost.delivery.render import Content
from everpost.delivery.test_messages import TestMessage
from everpost.platform import clock
from everpost.platform.db import Conn
from everpost.platform.errors import Invalid, TooMany
from everpost.tracking import events, tokens
from everpost.tracking.tokens import Kind, Reference

MAX_FRIENDS: Final = 5
MAX_NAME: Final = 80
MAX_NOTE: Final = 1000

_LIMIT: Final = Limit(failures=10, within=timedelta(hours=1), block_for=timedelta(hours=1))
_BETWEEN: Final = re.compile(r"[\s,;]+")


class Original(Struct, frozen=True, kw_only=True):
    """A mail that can be forwarded, and who got it."""

    reference: Reference
    organization_name: str
    forwarder_address: str
    forwarder_name: str
    letterhead: Letterhead
    content: Content


class ForwardForm(Struct):
    """What the page asks for."""

    addresses: str = ""
    sender_name: str = ""
    note: str = ""


class NoFriends(Invalid):
    """Please enter at least one email address."""


class TooManyFriends(Invalid):
    """Please enter at most five email addresses."""


class BadFriend(Invalid):
    """{address} does not look like an email address."""


class NobodyForwards(Invalid):
    """Please enter your name."""


class ForwardedTooOften(TooMany):
    """This email was forwarded ten times within an hour. Please try again later."""


async def find(conn: Conn, token: str) -> Original | None:
    """None for a token that is not ours, and for a mail that cannot be forwarded (any more)."""
    reference = tokens.signer().read(Kind.FORWARD, token)
    if reference is None:
        return None
    account_id, activity_id = reference.account_id, reference.campaign_activity_id
    mailing = await mailings.find_received(conn, account_id, activity_id, reference.contact_id)
    contact = await stored.find(conn, account_id, reference.contact_id)
    content = await forwardable_contents.find(conn, account_id, activity_id)
    organisation = await organisations.get(conn, account_id)
    if mailing is None or contact is None or content is None or not organisation.settings.has_forward_link:
        return None
    return Original(
        reference=reference,
        organization_name=organisation.name,
        forwarder_address=contact.email_address or "",
        forwarder_name=" ".join(part for part in (contact.first_name, contact.last_name) if part),
        letterhead=mailing.letterhead,
        content=structs.replace(content, subject=tags.fill(mailing.rendered.subject, {})),
    )


async def forward(conn: Conn, original: Original, form: ForwardForm) -> list[str]:
    """Send the copies; returns to whom. Raises: Invalid, ForwardedTooOften."""
    friends = _friends(form.addresses)
    name = plain(form.sender_name).strip()[:MAX_NAME]
    if not name:
        raise NobodyForwards
    reference = original.reference
    if not await throttles.count_try(conn, throttles.subject("forward", _mail(reference)), _LIMIT):
        raise ForwardedTooOften
    await test_messages.send(conn, reference.account_id, _copy(original, name, form.note), friends)
    await events.append_forward(
        conn, reference.account_id, reference.campaign_activity_id, reference.contact_id, at=clock.now()
    )
    return friends


def field_of(error: Exception | None) -> str:
    """The field of the page's form that an error is about; empty for none of them."""
    match error:
        case NobodyForwards():
            return "sender_name"
        case NoFriends() | TooManyFriends() | BadFriend():
            return "addresses"
        case _:
            return ""


def _friends(typed: str) -> list[str]:
    found = {email_addresses.key(address): address for address in _BETWEEN.split(typed) if address}
    if not found:
        raise NoFriends
    if len(found) > MAX_FRIENDS:
        raise TooManyFriends
    for address in found.values():
        if not email_addresses.is_valid(address):
            raise BadFriend(address=address)
    return list(found.values())


def _mail(reference: Reference) -> str:
    return f"{reference.account_id}:{reference.campaign_activity_id}:{reference.contact_id}"


def _copy(original: Original, name: str, note: str) -> TestMessage:
    letterhead, content = original.letterhead, original.content
    by = f"{name} ({original.forwarder_address})"
    message = "\n\n".join(part for part in (f"{by} forwarded this email to you.", note.strip()[:MAX_NOTE]) if part)
    return TestMessage(
        from_name=letterhead.from_name,
        from_email=letterhead.from_email,
        reply_to_email=original.forwarder_address or letterhead.reply_to_email,
        content=structs.replace(content, subject=f"Fwd: {content.subject}", personal_message=message),
        is_journal=True,
        forwarded_by=by,
    )
