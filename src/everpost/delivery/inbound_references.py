"""Which message a notice is about, from whatever of the message came back with it.

Rules: what comes in may be forged by anybody, so a clue counts only when nobody can make it up: the local part of a
return path and the token of an unsubscribe link are signed; a Message-ID of ours holds the random id of a contact, and
counts only if the ledger knows that send. Of complaints, from which providers strip all of these, an activity's id
counts together with the recipient that is named: it is random too, and known to those only who got that mail. Of
bounces, which may put an address on hold for everybody, it does not.
Source: contract, campaigns.md §5.5, §5.7.
"""

import re
from collections.abc import Collection, Iterator
from typing import Final
from uuid import UUID

from everpost.contacts import email_addresses
from everpost.delivery import return_paths
from everpost.delivery.notices import Notice
from everpost.delivery.return_paths import ReturnPath
from everpost.ids import CampaignActivityId, ContactId
from everpost.platform.db import Conn, one
from everpost.tracking import tokens
from everpost.tracking.tokens import Kind, Reference

# How a message looks for a while before it is looked at: a soft line break may fall into the middle of a token.
_SOFT_BREAK: Final = re.compile(r"=\r?\n")
_RETURN_PATH: Final = re.compile(r"(?<![\w-])[bu]-[a-z2-7]{61}(?=@)", re.IGNORECASE)
_UNSUBSCRIBE: Final = re.compile(r"/u/([\w-]{88})(?![\w-])")
_MESSAGE_ID: Final = re.compile(r"(?<!\w)([0-9a-f]{32})\.([0-9a-f]{32})@", re.IGNORECASE)
_UUID: Final = r"([0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})"
_ACTIVITY: Final = re.compile(
    rf"^(?:Feedback-ID:\s+{_UUID}(?=:)|X-Campaign-Activity-Id:\s+{_UUID}\s*$)", re.IGNORECASE | re.MULTILINE
)
_MOST_CLUES: Final = 20


async def resolve(conn: Conn, return_path: ReturnPath) -> Reference | None:
    """The message that a return path was made for. None when its mailing is no more."""
    # The directory is no tenant's: a return path has no room for the account.
    return await one(
        conn,
        Reference,
        """
        SELECT mailings.account_id, mailings.campaign_activity_id, :contact_id::uuid AS contact_id
          FROM mailing_directory AS directory
          JOIN mailings ON mailings.account_id = directory.account_id AND mailings.mailing_id = directory.mailing_id
         WHERE directory.mailing_number = :mailing_number""",
        mailing_number=return_path.mailing_number,
        contact_id=return_path.contact_id,
    )


async def find(conn: Conn, notice: Notice) -> Reference | None:
    """The message that a notice is about, from what it says of it and from the recipients that it names."""
    text = _SOFT_BREAK.sub("", notice.about)
    for return_path in _return_paths(text):
        if (found := await resolve(conn, return_path)) is not None:
            return found
    for match in _first(_UNSUBSCRIBE, text):
        if (found := tokens.signer().read(Kind.UNSUBSCRIBE, match[1])) is not None:
            return found
    for match in _first(_MESSAGE_ID, text):
        contact_id, activity_id = ContactId(UUID(match[1])), CampaignActivityId(UUID(match[2]))
        if (found := await _of_send(conn, activity_id, contact_id)) is not None:
            return found
    return None if notice.kind == "bounce" else await _of_complaint(conn, text, notice.recipients)


async def _of_complaint(conn: Conn, text: str, recipients: Collection[str]) -> Reference | None:
    for match in _first(_ACTIVITY, text):
        activity_id = CampaignActivityId(UUID(match[1] or match[2]))
        for address in recipients:
            if (found := await _of_address(conn, activity_id, address)) is not None:
                return found
    return None


def _return_paths(text: str) -> Iterator[ReturnPath]:
    for match in _first(_RETURN_PATH, text):
        if (found := return_paths.read(match[0])) is not None:
            yield found


def _first(pattern: re.Pattern[str], text: str) -> Iterator[re.Match[str]]:
    """A forged notice may hold thousands."""
    for number, match in enumerate(pattern.finditer(text)):
        if number == _MOST_CLUES:
            return
        yield match


async def _of_send(conn: Conn, activity_id: CampaignActivityId, contact_id: ContactId) -> Reference | None:
    account_id = await _account_of(conn, activity_id)
    if account_id is None:
        return None
    return await one(
        conn,
        Reference,
        """
        SELECT account_id, campaign_activity_id, contact_id
          FROM sends
         WHERE account_id = :account_id AND campaign_activity_id = :activity_id AND contact_id = :contact_id""",
        account_id=account_id,
        activity_id=activity_id,
        contact_id=contact_id,
    )


async def _of_address(conn: Conn, activity_id: CampaignActivityId, address: str) -> Reference | None:
    account_id = await _account_of(conn, activity_id)
    if account_id is None:
        return None
    return await one(
        conn,
        Reference,
        """
        SELECT send.account_id, send.campaign_activity_id, send.contact_id
          FROM contacts AS contact
          JOIN sends AS send ON send.account_id = contact.account_id AND send.contact_id = contact.contact_id
         WHERE contact.account_id = :account_id AND contact.email_key = :email_key
           AND send.account_id = :account_id AND send.campaign_activity_id = :activity_id""",
        account_id=account_id,
        activity_id=activity_id,
        email_key=email_addresses.key(address),
    )


async def _account_of(conn: Conn, activity_id: CampaignActivityId) -> UUID | None:
    """Spans accounts: neither a Message-ID nor an activity says whose it is."""
    return await one(
        conn,
        UUID,
        "SELECT account_id FROM mailings WHERE campaign_activity_id = :activity_id LIMIT 1",
        activity_id=activity_id,
    )
