"""A send that stops before its end: paused by a person or by itself, resumed, cancelled for good.

    sending ── pause ──> paused ── resume ──> sending
       └───── cancel ──────┴─────> cancelled

Rules: messages that are under way end as they would have; of the others none leaves after the pause is committed. What
is cancelled never goes out: whoever had not got it is suppressed. A send whose bounces or complaints pass the set share
pauses itself once, tells the account's contact address, and goes on when a person resumes it.
Resuming and cancelling need the queue, so they are `outbox.resume` and `outbox.cancel`.
"""

from typing import Final, cast

from msgspec import Struct

from everpost.accounts import sender_emails
from everpost.delivery.mailings import Mailing, State
from everpost.ids import AccountId, CampaignActivityId, MailingId
from everpost.platform import config, logs, mail
from everpost.platform.db import Conn, one, run
from everpost.platform.errors import Conflict, NotFound

BY_HAND: Final = "Paused by a person."

log = logs.get(__name__)


class NoMailing(NotFound):
    """There is no mailing with this id."""


class NotRunning(Conflict):
    """Only a mailing that is being sent or paused can be stopped; this one is {state}."""


class NotPaused(Conflict):
    """Only a paused mailing can be resumed; this one is {state}."""


async def pause(conn: Conn, account_id: AccountId, mailing_id: MailingId, reason: str = BY_HAND) -> None:
    """Let nothing leave until somebody resumes it. Pausing twice changes nothing. Raises: NoMailing, NotRunning."""
    if not await _pause(conn, account_id, mailing_id, reason):
        found = await state(conn, account_id, mailing_id)
        if found != "paused":
            raise NotRunning(state=found)


async def end_pause(conn: Conn, account_id: AccountId, mailing_id: MailingId) -> int:
    """How many recipients it has. From here on it does not pause itself. Raises: NoMailing, NotPaused."""
    recipients = await _end_pause(conn, account_id, mailing_id)
    if recipients is None:
        raise NotPaused(state=await state(conn, account_id, mailing_id))
    return recipients


async def set_cancelled(conn: Conn, account_id: AccountId, mailing_id: MailingId) -> None:
    """Raises: NoMailing, NotRunning."""
    if not await _set_cancelled(conn, account_id, mailing_id):
        raise NotRunning(state=await state(conn, account_id, mailing_id))


async def pause_if_bad(conn: Conn, account_id: AccountId, mailing: Mailing) -> None:
    """Pause when too many bounced or complained."""
    settings = config.current()
    if not (settings.pause_bounce_percent or settings.pause_complaint_percent):
        return
    counts = await _counts(conn, account_id, mailing.campaign_activity_id)
    if counts is None or counts.sends < settings.pause_after_messages:
        return
    reason = _reason(counts)
    if reason and await _pause_itself(conn, account_id, mailing.mailing_id, reason):
        log.warning("mailing.paused", account_id=str(account_id), mailing_id=str(mailing.mailing_id), reason=reason)
        await _tell(conn, account_id, mailing, reason)


async def state(conn: Conn, account_id: AccountId, mailing_id: MailingId) -> State:
    """Raises: NoMailing."""
    found = await one(
        conn,
        str,
        "SELECT state FROM mailings WHERE account_id = :account_id AND mailing_id = :mailing_id",
        account_id=account_id,
        mailing_id=mailing_id,
    )
    if found is None:
        raise NoMailing
    return cast("State", found)


class _Counts(Struct, frozen=True):
    sends: int
    bounces: int
    complaints: int


def _reason(counts: _Counts) -> str:
    """Empty when all is well."""
    settings = config.current()
    for percent, number, what in (
        (settings.pause_bounce_percent, counts.bounces, "bounced"),
        (settings.pause_complaint_percent, counts.complaints, "were called spam"),
    ):
        if percent and 100 * number >= percent * counts.sends:
            return f"Paused by itself: {number:,} of {counts.sends:,} messages {what}."
    return ""


async def _tell(conn: Conn, account_id: AccountId, mailing: Mailing, reason: str) -> None:
    address = await sender_emails.with_role(conn, account_id, "CONTACT")
    if address is None:
        return
    await mail.send(
        conn,
        to=address,
        subject="A campaign was paused",
        text=(
            f"A campaign from {mailing.letterhead.from_name} to {mailing.recipients:,} recipients no longer goes out."
            f"\n\n{reason}\n\n"
            "This protects the reputation of your sending domain. Look at the list that it went to before you resume or"
            f" cancel it.\n\n{config.current().origin}\n"
        ),
        account_id=account_id,
    )


async def _pause(conn: Conn, account_id: AccountId, mailing_id: MailingId, reason: str) -> int:
    return await run(
        conn,
        """
        UPDATE mailings SET state = 'paused', pause_reason = :reason
         WHERE account_id = :account_id AND mailing_id = :mailing_id AND state = 'sending'""",
        account_id=account_id,
        mailing_id=mailing_id,
        reason=reason,
    )


async def _pause_itself(conn: Conn, account_id: AccountId, mailing_id: MailingId, reason: str) -> int:
    return await run(
        conn,
        """
        UPDATE mailings SET state = 'paused', pause_reason = :reason
         WHERE account_id = :account_id AND mailing_id = :mailing_id AND state = 'sending' AND pauses_itself""",
        account_id=account_id,
        mailing_id=mailing_id,
        reason=reason,
    )


async def _end_pause(conn: Conn, account_id: AccountId, mailing_id: MailingId) -> int | None:
    return await one(
        conn,
        int,
        """
        UPDATE mailings SET state = 'sending', pause_reason = NULL, pauses_itself = false
         WHERE account_id = :account_id AND mailing_id = :mailing_id AND state = 'paused'
        RETURNING recipients""",
        account_id=account_id,
        mailing_id=mailing_id,
    )


async def _set_cancelled(conn: Conn, account_id: AccountId, mailing_id: MailingId) -> int:
    return await run(
        conn,
        """
        UPDATE mailings SET state = 'cancelled', pause_reason = NULL
         WHERE account_id = :account_id AND mailing_id = :mailing_id AND state IN ('sending', 'paused')""",
        account_id=account_id,
        mailing_id=mailing_id,
    )


async def _counts(conn: Conn, account_id: AccountId, activity_id: CampaignActivityId) -> _Counts | None:
    """Of the whole activity. Addresses on hold and automatic answers say nothing about this send."""
    return await one(
        conn,
        _Counts,
        """
        SELECT sends, bounces_nonexistent_address + bounces_undeliverable + bounces_mailbox_full + bounces_other
                      + bounces_blocked AS bounces, abuse AS complaints
          FROM activity_counters
         WHERE account_id = :account_id AND campaign_activity_id = :activity_id""",
        account_id=account_id,
        activity_id=activity_id,
    )
