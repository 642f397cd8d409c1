"""A send that stops before its end: paused by a person or by itself, resumed, cancelled for good.

    sending ── pause ──> paused ── resume ──> sending
       └───── cancel ──────┴─────> cancelled

Rules: messages that are under way end as they would have; of the others none leaves after the pause is committed. What
is cancelled never goes out: whoever had not got it is suppressed. A send whose bounces or complaints pass the set share
pauses itself once, tells the account's contact address, and goes on when a person resumes it. Mailings that belong
together, as those of an A/B test do, stop together: also the one that waits for the winner, which stays open meanwhile
and must not be released. Nobody resumes anything while the account is under review.
Resuming and cancelling need the queue, so they are `outbox.resume` and `outbox.cancel`.
"""

from typing import Final, cast
from uuid import UUID

from msgspec import Struct

from everpost.accounts import sender_emails
from everpost.delivery import permissions
from everpost.delivery.mailings import Mailing, State
from everpost.ids import AccountId, CampaignActivityId, MailingId
from everpost.platform import clock, config, logs, mail
from everpost.platform.db import Conn, many, one, run
from everpost.platform.errors import Conflict, NotFound

BY_HAND: Final = "Paused by a person."

log = logs.get(__name__)


class NoMailing(NotFound):
    """There is no mailing with this id."""


class NotRunning(Conflict):
    """Only a mailing that is being sent or paused can be stopped; this one is {state}."""


class NotPaused(Conflict):
    """Only a paused mailing can be resumed; this one is {state}."""


class UnderReview(Conflict):
    """The operator reviews this account; until that is over, nothing of it is sent."""


class Paused(Struct, frozen=True):
    """A mailing whose pause ends; it is open when it was not released yet."""

    mailing_id: MailingId
    state: State
    recipients: int


async def pause(conn: Conn, account_id: AccountId, mailing_id: MailingId, reason: str = BY_HAND) -> None:
    """Let nothing leave until somebody resumes it. Pausing twice changes nothing. Raises: NoMailing, NotRunning."""
    has_paused = await _pause(conn, account_id, mailing_id, reason, is_forced=True)
    if not has_paused and not await is_paused(conn, account_id, mailing_id):
        raise NotRunning(state=await state(conn, account_id, mailing_id))


async def pause_account(conn: Conn, account_id: AccountId, reason: str) -> int:
    """Pause all that an account sends; returns how many mailings that were."""
    return await run(
        conn,
        """
        UPDATE mailings
           SET state = CASE WHEN state = 'sending' THEN 'paused' ELSE state END, paused_at = :now,
               pause_reason = :reason
         WHERE account_id = :account_id AND (state = 'sending' OR (state = 'open' AND paused_at IS NULL))""",
        account_id=account_id,
        reason=reason,
        now=clock.now(),
    )


async def end_pause(conn: Conn, account_id: AccountId, mailing_id: MailingId) -> list[Paused]:
    """The mailings that go on; from here on they do not pause themselves. Raises: NoMailing, NotPaused, UnderReview."""
    if (await permissions.find(conn, account_id)).is_under_review:
        raise UnderReview
    ended = await _end_pause(conn, account_id, mailing_id)
    if not ended:
        raise NotPaused(state=await state(conn, account_id, mailing_id))
    return ended


async def set_cancelled(conn: Conn, account_id: AccountId, mailing_id: MailingId) -> list[MailingId]:
    """The mailings that end with this. Raises: NoMailing, NotRunning."""
    cancelled = await _set_cancelled(conn, account_id, mailing_id)
    if not cancelled:
        raise NotRunning(state=await state(conn, account_id, mailing_id))
    return [MailingId(each) for each in cancelled]


async def withdraw(conn: Conn, account_id: AccountId, mailing_id: MailingId) -> bool:
    """Cancel an open mailing, whatever becomes of those that it belongs together with; whether it was open."""
    withdrawn = await run(
        conn,
        """
        UPDATE mailings SET state = 'cancelled', pause_reason = NULL, paused_at = NULL
         WHERE account_id = :account_id AND mailing_id = :mailing_id AND state = 'open'""",
        account_id=account_id,
        mailing_id=mailing_id,
    )
    return withdrawn > 0


async def pause_if_bad(conn: Conn, account_id: AccountId, mailing: Mailing) -> None:
    """Pause when too many bounced or complained."""
    settings = config.current()
    if not (settings.pause_bounce_percent or settings.pause_complaint_percent):
        return
    # A welcome is a mailing of one: what its activity did in years must not stop each of them.
    if mailing.recipients < settings.pause_after_messages:
        return
    counts = await _counts(conn, account_id, mailing.campaign_activity_id)
    if counts is None or counts.sends < settings.pause_after_messages:
        return
    reason = _reason(counts)
    if reason and await _pause(conn, account_id, mailing.mailing_id, reason, is_forced=False):
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


async def is_paused(conn: Conn, account_id: AccountId, mailing_id: MailingId) -> bool:
    """Whether it rests, or will when it is released."""
    found = await one(
        conn,
        bool,
        """
        SELECT paused_at IS NOT NULL FROM mailings WHERE account_id = :account_id AND mailing_id = :mailing_id""",
        account_id=account_id,
        mailing_id=mailing_id,
    )
    return bool(found)


async def paused_seconds(conn: Conn, account_id: AccountId, mailing_id: MailingId) -> float:
    """How long it rested in all, this time not counted."""
    found = await one(
        conn,
        float,
        "SELECT paused_seconds FROM mailings WHERE account_id = :account_id AND mailing_id = :mailing_id",
        account_id=account_id,
        mailing_id=mailing_id,
    )
    return found or 0.0


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


async def _first(conn: Conn, account_id: AccountId, mailing_id: MailingId) -> UUID:
    """What it shares with the mailings that it belongs together with. Raises: NoMailing."""
    found = await one(
        conn,
        UUID,
        """
        SELECT coalesce(together_with, mailing_id)
          FROM mailings
         WHERE account_id = :account_id AND mailing_id = :mailing_id""",
        account_id=account_id,
        mailing_id=mailing_id,
    )
    if found is None:
        raise NoMailing
    return found


async def _pause(conn: Conn, account_id: AccountId, mailing_id: MailingId, reason: str, *, is_forced: bool) -> int:
    """Forced, or only those that pause themselves."""
    return await run(
        conn,
        """
        UPDATE mailings
           SET state = CASE WHEN state = 'sending' THEN 'paused' ELSE state END, paused_at = :now,
               pause_reason = :reason
         WHERE account_id = :account_id AND coalesce(together_with, mailing_id) = :first
           AND (state = 'sending' OR (state = 'open' AND paused_at IS NULL)) AND (:is_forced OR pauses_itself)""",
        account_id=account_id,
        first=await _first(conn, account_id, mailing_id),
        reason=reason,
        is_forced=is_forced,
        now=clock.now(),
    )


async def _end_pause(conn: Conn, account_id: AccountId, mailing_id: MailingId) -> list[Paused]:
    return await many(
        conn,
        Paused,
        """
        UPDATE mailings
           SET state = CASE WHEN state = 'paused' THEN 'sending' ELSE state END, pauses_itself = false,
               paused_seconds = paused_seconds + extract(epoch FROM :now - paused_at), paused_at = NULL,
               pause_reason = NULL
         WHERE account_id = :account_id AND coalesce(together_with, mailing_id) = :first
           AND state IN ('paused', 'open') AND paused_at IS NOT NULL
        RETURNING mailing_id, state, recipients""",
        account_id=account_id,
        first=await _first(conn, account_id, mailing_id),
        now=clock.now(),
    )


async def _set_cancelled(conn: Conn, account_id: AccountId, mailing_id: MailingId) -> list[UUID]:
    return await many(
        conn,
        UUID,
        """
        UPDATE mailings SET state = 'cancelled', pause_reason = NULL, paused_at = NULL
         WHERE account_id = :account_id AND coalesce(together_with, mailing_id) = :first
           AND state IN ('open', 'sending', 'paused')
        RETURNING mailing_id""",
        account_id=account_id,
        first=await _first(conn, account_id, mailing_id),
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
