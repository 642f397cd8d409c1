"""Why somebody did or did not get a mailing: one trace per recipient, and per contact that was none.

Rules: what is told of a recipient is what the outbox wrote when it happened. Why a contact was no recipient is told
from what is so now: the audience was frozen when the run began, and nobody wrote down who was not in it.
"""

from datetime import datetime
from typing import Final, Literal, LiteralString, TypeAlias, assert_never
from uuid import UUID

from msgspec import Struct

from everpost.delivery import holds, interruptions, suppressions
from everpost.delivery.suppressions import Standing
from everpost.ids import AccountId, CampaignActivityId, ContactId, MailingId
from everpost.platform.db import Conn, many, one
from everpost.platform.errors import NotFound

Status: TypeAlias = Literal[
    "waiting", "sending", "sent", "bounced", "unknown", "suppressed", "duplicate", "no_recipient"
]


class NoContact(NotFound):
    """There is no contact with this id."""


class Trace(Struct, frozen=True, kw_only=True):
    """What became of one contact. `at` is when it was sent, or, while it is waiting, when the next attempt is due."""

    contact_id: ContactId
    email_address: str
    status: Status
    reason: str | None = None  # of what is suppressed or no recipient: suppressions.Reason; on_hold; another mailing
    at: datetime | None = None
    attempts: int = 0
    reply_code: int | None = None  # of the last attempt
    reply_text: str | None = None
    bounce_code: str | None = None

    @property
    def sentence(self) -> str:
        """The same, as people read it."""
        match self.status:
            case "waiting" | "sending":
                return self._waiting()
            case "sent" | "bounced" | "unknown":
                return self._attempted()
            case "suppressed" | "duplicate" | "no_recipient":
                return self._left_out()
            case _:
                assert_never(self.status)

    def _waiting(self) -> str:
        if self.status == "sending":
            return "It is on its way right now."
        if not self.attempts:
            return f"Waiting for its turn, at {_time(self.at)} or later."
        return f"Tried {self.attempts} times, again at {_time(self.at)}: {self._reply()}"

    def _attempted(self) -> str:
        if self.status == "sent":
            return f"Accepted by the mail server at {_time(self.at)}."
        if self.status == "unknown":
            return f"Nobody knows: contact was lost after the message had left, at {_time(self.at)}; not sent again."
        if self.bounce_code == "S":
            return "Not sent: the address is on hold, because servers said that it does not exist."
        return f"Bounced ({self.bounce_code}): {self._reply()}"

    def _left_out(self) -> str:
        if self.status == "duplicate":
            return f"Not sent: the contact got the same email with mailing {self.reason}."
        if self.status == "suppressed":
            return f"Not sent: {_WORDS.get(self.reason or '', 'the contact could not be mailed')}."
        return f"Not a recipient: {_WORDS.get(self.reason or '', 'not in the audience when the send began')}."

    def _reply(self) -> str:
        return f"{self.reply_code or ''} {self.reply_text or 'no reason was given'}".strip()


_WORDS: Final = {
    "deleted": "the contact was deleted",
    "no_address": "the contact has no e-mail address",
    "unsubscribed": "the contact is unsubscribed",
    "pending": "the contact has not confirmed yet",
    "not_mailable": "the contact gave no permission to send",
    "complained": "the contact called an earlier mail spam",
    "cancelled": "the send was cancelled",
}


async def find(conn: Conn, account_id: AccountId, mailing_id: MailingId, contact_id: ContactId) -> Trace:
    """What became of this contact in this mailing. Raises: NoMailing, NoContact."""
    activity_id = await _activity(conn, account_id, mailing_id)
    row = await _find(conn, account_id, activity_id, contact_id)
    if row is None:
        return await _absent(conn, account_id, contact_id)
    if row.mailing_id != mailing_id:
        return Trace(
            contact_id=contact_id, email_address=row.email_address, status="duplicate", reason=str(row.mailing_id)
        )
    return _trace(row)


async def page(
    conn: Conn, account_id: AccountId, mailing_id: MailingId, *, after: ContactId | None, limit: int
) -> list[Trace]:
    """The recipients of a mailing in the order of their ids, those after `after`. Raises: NoMailing."""
    activity_id = await _activity(conn, account_id, mailing_id)
    rows = await _page(conn, account_id, activity_id, mailing_id, after=after or ContactId(_FIRST), limit=limit)
    return [_trace(row) for row in rows]


async def contact_at(conn: Conn, account_id: AccountId, address: str) -> ContactId:
    """The contact with this e-mail address. Raises: NoContact."""
    found = await one(
        conn,
        UUID,
        "SELECT contact_id FROM contacts WHERE account_id = :account_id AND email_key = :email_key",
        account_id=account_id,
        email_key=address.strip().lower(),
    )
    if found is None:
        raise NoContact
    return ContactId(found)


_FIRST: Final = UUID(int=0)


class _Row(Struct, frozen=True):
    contact_id: ContactId
    mailing_id: MailingId
    email_address: str
    state: Literal["queued", "sending", "sent", "bounced", "suppressed", "unknown"]
    attempts: int
    next_attempt_at: datetime | None
    reply_code: int | None
    reply_text: str | None
    suppressed_for: str | None
    sent_at: datetime | None
    bounce_code: str | None


def _trace(row: _Row) -> Trace:
    status: Status = "waiting" if row.state == "queued" else row.state
    if row.bounce_code not in (None, "V") and status in ("sent", "unknown"):
        status = "bounced"  # the server took it, and said later that it could not deliver it
    return Trace(
        contact_id=row.contact_id,
        email_address=row.email_address,
        status=status,
        reason="on_hold" if row.bounce_code == "S" else row.suppressed_for,
        at=row.next_attempt_at if status == "waiting" else row.sent_at,
        attempts=row.attempts,
        reply_code=row.reply_code,
        reply_text=row.reply_text,
        bounce_code=row.bounce_code,
    )


async def _absent(conn: Conn, account_id: AccountId, contact_id: ContactId) -> Trace:
    found = await _contact(conn, account_id, contact_id)
    if found is None:
        raise NoContact
    reason: str | None = suppressions.of(Standing(contact_id, found.is_deleted, found.permission_to_send))
    if reason is None and await holds.complained(conn, account_id, [found.email_address]):
        reason = "complained"
    return Trace(contact_id=contact_id, email_address=found.email_address, status="no_recipient", reason=reason)


def _time(at: datetime | None) -> str:
    return f"{at:%Y-%m-%d %H:%M:%S} UTC" if at else "an unknown time"


class _Contact(Struct, frozen=True):
    email_address: str
    is_deleted: bool
    permission_to_send: str | None


async def _contact(conn: Conn, account_id: AccountId, contact_id: ContactId) -> _Contact | None:
    return await one(
        conn,
        _Contact,
        """
        SELECT coalesce(email_address, '') AS email_address, deleted_at IS NOT NULL AS is_deleted, permission_to_send
          FROM contacts
         WHERE account_id = :account_id AND contact_id = :contact_id""",
        account_id=account_id,
        contact_id=contact_id,
    )


async def _activity(conn: Conn, account_id: AccountId, mailing_id: MailingId) -> CampaignActivityId:
    found = await one(
        conn,
        UUID,
        "SELECT campaign_activity_id FROM mailings WHERE account_id = :account_id AND mailing_id = :mailing_id",
        account_id=account_id,
        mailing_id=mailing_id,
    )
    if found is None:
        raise interruptions.NoMailing
    return CampaignActivityId(found)


_SELECT: Final[LiteralString] = """
    SELECT recipient.contact_id, recipient.mailing_id,
           coalesce(send.email_address, contact.email_address, '') AS email_address, recipient.state,
           recipient.attempts, recipient.next_attempt_at, recipient.reply_code, recipient.reply_text,
           recipient.suppressed_for, send.sent_at,
           (SELECT bounce_code FROM tracking_events
             WHERE account_id = :account_id AND campaign_activity_id = :activity_id AND kind = 'bounce'
               AND contact_id = recipient.contact_id) AS bounce_code
      FROM outbox AS recipient
      LEFT JOIN sends AS send
        ON send.account_id = :account_id AND send.campaign_activity_id = :activity_id
       AND send.contact_id = recipient.contact_id
      LEFT JOIN contacts AS contact
        ON contact.account_id = :account_id AND contact.contact_id = recipient.contact_id
     WHERE recipient.account_id = :account_id AND recipient.campaign_activity_id = :activity_id"""


async def _find(
    conn: Conn, account_id: AccountId, activity_id: CampaignActivityId, contact_id: ContactId
) -> _Row | None:
    return await one(
        conn,
        _Row,
        _SELECT + " AND recipient.contact_id = :contact_id",
        account_id=account_id,
        activity_id=activity_id,
        contact_id=contact_id,
    )


async def _page(
    conn: Conn,
    account_id: AccountId,
    activity_id: CampaignActivityId,
    mailing_id: MailingId,
    *,
    after: ContactId,
    limit: int,
) -> list[_Row]:
    return await many(
        conn,
        _Row,
        _SELECT
        + """
           AND recipient.mailing_id = :mailing_id AND recipient.contact_id > :after
         ORDER BY recipient.contact_id
         LIMIT :limit""",
        account_id=account_id,
        activity_id=activity_id,
        mailing_id=mailing_id,
        after=after,
        limit=limit,
    )
