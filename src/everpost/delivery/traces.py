"""Why somebody did or did not get a mailing: one trace per recipient, and per contact that was none.

Rules: what is told of a recipient is what the outbox wrote when it happened. Why a contact was no recipient is told
from what is so now: the audience was frozen when the run began, and nobody wrote down who was not in it.
"""

from datetime import datetime
from typing import Final, Literal, LiteralString, TypeAlias, assert_never
from uuid import UUID

from msgspec import Struct

from everpost.delivery import holds, interruptions, suppressions
from everpost.delivery.mailings import State
from everpost.delivery.suppressions import Standing
from everpost.ids import AccountId, CampaignActivityId, ContactId, MailingId
from everpost.platform import clock
from everpost.platform.db import Conn, many, one
from everpost.platform.errors import NotFound

Status: TypeAlias = Literal[
    "waiting", "sending", "sent", "bounced", "unknown", "suppressed", "duplicate", "no_recipient"
]


# What a recipient can be in the outbox.
Outcome: TypeAlias = Literal["waiting", "sending", "sent", "bounced", "unknown", "suppressed"]


class NoContact(NotFound):
    """There is no contact with this id."""


class Trace(Struct, frozen=True, kw_only=True):
    """What became of one contact. `at` is when it was sent, or, while it is waiting, when the next attempt is due."""

    contact_id: ContactId
    email_address: str
    status: Status
    # Of what waits: paused, winner, retry, throttled; of what is suppressed or no recipient: suppressions.Reason, or
    # why a resend left it out; on_hold; of a duplicate, the other mailing.
    reason: str | None = None
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
        if self.reason == "paused":
            return "Waiting for its turn: the send is paused."
        if self.reason == "winner":
            return "Waiting for its turn: the A/B test has no winner yet."
        if self.reason == "retry":
            times = "once" if self.attempts == 1 else f"{self.attempts} times"
            return f"Tried {times}, again at {_time(self.at)}: {self._reply()}"
        held_back = (
            ": limits of sending, or a relay that does not answer, hold it back" if self.reason == "throttled" else ""
        )
        return f"Waiting for its turn, at {_time(self.at)} or later{held_back}."

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
            return f"Not in this mailing: the contact is a recipient of the same email in mailing {self.reason}."
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
    "opened": "the contact had opened the first email",
    "clicked": "the contact had clicked in the first email",
    "bounced": "the first email did not reach the contact",
    "on_its_way": "the first email was still on its way to the contact",
}


async def find(conn: Conn, account_id: AccountId, mailing_id: MailingId, contact_id: ContactId) -> Trace:
    """What became of this contact in this mailing. Raises: NoMailing, NoContact."""
    mailing = await _mailing(conn, account_id, mailing_id)
    row = await _find(conn, account_id, mailing.campaign_activity_id, contact_id)
    if row is None:
        return await _absent(conn, account_id, contact_id)
    if row.mailing_id != mailing_id:
        return Trace(
            contact_id=contact_id, email_address=row.email_address, status="duplicate", reason=str(row.mailing_id)
        )
    return _trace(row, mailing, await _look_at(conn, mailing_id))


async def page(
    conn: Conn,
    account_id: AccountId,
    mailing_id: MailingId,
    *,
    after: ContactId | None,
    limit: int,
    status: Outcome | None = None,
) -> list[Trace]:
    """The recipients of a mailing in the order of their ids, those after `after`; with `status`, those that the outbox
    has in it, whatever became of their mail after it was accepted. Raises: NoMailing.
    """
    mailing = await _mailing(conn, account_id, mailing_id)
    look_at = await _look_at(conn, mailing_id)
    activity_id = mailing.campaign_activity_id
    rows = await _page(
        conn, account_id, activity_id, mailing_id, state=_stored(status), after=after or ContactId(_FIRST), limit=limit
    )
    return [_trace(row, mailing, look_at) for row in rows]


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


class _Mailing(Struct, frozen=True):
    campaign_activity_id: CampaignActivityId
    state: State
    paused_at: datetime | None


def _trace(row: _Row, mailing: _Mailing, look_at: datetime | None) -> Trace:
    if row.state == "queued":
        return _waiting(row, mailing, look_at)
    status: Status = row.state
    if row.bounce_code not in (None, "V") and status in ("sent", "unknown"):
        status = "bounced"  # the server took it, and said later that it could not deliver it
    return Trace(
        contact_id=row.contact_id,
        email_address=row.email_address,
        status=status,
        reason="on_hold" if row.bounce_code == "S" else row.suppressed_for,
        at=row.sent_at,
        attempts=row.attempts,
        reply_code=row.reply_code,
        reply_text=row.reply_text,
        bounce_code=row.bounce_code,
    )


def _waiting(row: _Row, mailing: _Mailing, look_at: datetime | None) -> Trace:
    # What limits all of it holds the mailing back, what limits a domain its recipients.
    at = row.next_attempt_at
    if look_at is not None and at is not None and not row.attempts:
        at = max(at, look_at)
    reason = None
    if mailing.paused_at is not None:
        reason = "paused"
    elif mailing.state == "open":
        reason = "winner"
    elif row.attempts:
        reason = "retry"
    elif at is not None and at > clock.now():
        reason = "throttled"
    return Trace(
        contact_id=row.contact_id,
        email_address=row.email_address,
        status="waiting",
        reason=reason,
        at=at,
        attempts=row.attempts,
        reply_code=row.reply_code,
        reply_text=row.reply_text,
    )


def _stored(status: Outcome | None) -> str | None:
    return "queued" if status == "waiting" else status


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


async def _mailing(conn: Conn, account_id: AccountId, mailing_id: MailingId) -> _Mailing:
    found = await one(
        conn,
        _Mailing,
        """
        SELECT campaign_activity_id, state, paused_at
          FROM mailings
         WHERE account_id = :account_id AND mailing_id = :mailing_id""",
        account_id=account_id,
        mailing_id=mailing_id,
    )
    if found is None:
        raise interruptions.NoMailing
    return found


async def _look_at(conn: Conn, mailing_id: MailingId) -> datetime | None:
    """When the outbox works on it next."""
    return await one(
        conn, datetime, "SELECT look_at FROM mailing_directory WHERE mailing_id = :mailing_id", mailing_id=mailing_id
    )


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
    state: str | None,
    after: ContactId,
    limit: int,
) -> list[_Row]:
    return await many(
        conn,
        _Row,
        _SELECT
        + """
           AND recipient.mailing_id = :mailing_id AND recipient.contact_id > :after
           AND (:state::text IS NULL OR recipient.state = :state)
         ORDER BY recipient.contact_id
         LIMIT :limit""",
        account_id=account_id,
        activity_id=activity_id,
        mailing_id=mailing_id,
        state=state,
        after=after,
        limit=limit,
    )
