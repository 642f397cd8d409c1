"""Who works on which recipients: the outbox rows of one mailing, taken a few at a time.

Rules: a row is *sending* in a committed transaction before a byte of its message leaves. A claim is kept alive by its
lease; where the lease ran out the worker is dead, and what it held becomes *unknown*: it may have arrived, so it is
counted as sent and never sent again. A result that comes late is still taken.

Source: distributed.md, "What a send promises".
"""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

from msgspec import Struct

from everpost.delivery import holds
from everpost.delivery.mailings import Mailing
from everpost.delivery.outcomes import Attempt, Result
from everpost.delivery.suppressions import Reason
from everpost.ids import AccountId, ContactId, MailingId
from everpost.platform.db import Conn, many, one, run
from everpost.tracking import events, sends
from everpost.tracking.events import Bounce
from everpost.tracking.sends import Send

LEASE: Final = timedelta(seconds=60)


class Pending(Struct, frozen=True):
    """What a mailing still waits for: when its next attempt is due, and until when claims on it live."""

    next_attempt_at: datetime | None
    lease_until: datetime | None


async def take(
    conn: Conn, account_id: AccountId, mailing: Mailing, claim_id: UUID, *, at_most: int, now: datetime
) -> list[Attempt]:
    """Make up to `at_most` due recipients this claim's; nobody else gets them. None while the mailing is paused."""
    taken = await _take(conn, account_id, mailing, claim_id, at_most=at_most, now=now)
    if taken:
        await _lease(conn, account_id, mailing.mailing_id, claim_id, now + LEASE)
    return taken


async def suppress(conn: Conn, account_id: AccountId, mailing: Mailing, reasons: Mapping[ContactId, Reason]) -> None:
    """Give up on contacts who may no longer be mailed."""
    await run(
        conn,
        """
        UPDATE outbox SET state = 'suppressed', next_attempt_at = NULL, suppressed_for = given.reason
          FROM unnest(:contact_ids::uuid[], :reasons::text[]) AS given (contact_id, reason)
         WHERE outbox.account_id = :account_id AND outbox.campaign_activity_id = :campaign_activity_id
           AND outbox.contact_id = given.contact_id AND outbox.state = 'sending'""",
        account_id=account_id,
        campaign_activity_id=mailing.campaign_activity_id,
        contact_ids=list(reasons),
        reasons=list(reasons.values()),
    )


async def put_back(conn: Conn, account_id: AccountId, mailing: Mailing, turns: Mapping[ContactId, datetime]) -> None:
    """Undo the claim on recipients whose turn comes later; in the transaction that took them."""
    await run(
        conn,
        """
        UPDATE outbox
           SET state = 'queued', next_attempt_at = turn.at, attempts = outbox.attempts - 1, claim_id = NULL,
               first_attempt_at = CASE WHEN outbox.attempts > 1 THEN outbox.first_attempt_at END
          FROM unnest(:contact_ids::uuid[], :ats::timestamptz[]) AS turn (contact_id, at)
         WHERE outbox.account_id = :account_id AND outbox.campaign_activity_id = :campaign_activity_id
           AND outbox.contact_id = turn.contact_id AND outbox.state = 'sending'""",
        account_id=account_id,
        campaign_activity_id=mailing.campaign_activity_id,
        contact_ids=list(turns),
        ats=list(turns.values()),
    )


async def cancel(conn: Conn, account_id: AccountId, mailing_id: MailingId, *, at_most: int) -> None:
    """Give up on so many of those who wait."""
    await run(
        conn,
        """
        UPDATE outbox SET state = 'suppressed', next_attempt_at = NULL, suppressed_for = 'cancelled'
         WHERE account_id = :account_id AND mailing_id = :mailing_id AND next_attempt_at IS NOT NULL
           AND state = 'queued'
           AND contact_id = ANY (ARRAY (
               SELECT contact_id FROM outbox
                WHERE account_id = :account_id AND mailing_id = :mailing_id AND next_attempt_at IS NOT NULL
                  AND state = 'queued'
                LIMIT :at_most))""",
        account_id=account_id,
        mailing_id=mailing_id,
        at_most=at_most,
    )


async def record(
    conn: Conn, account_id: AccountId, mailing: Mailing, claim_id: UUID, results: Sequence[Result]
) -> None:
    """Write down what became of this claim's recipients."""
    # Whoever buries a claim takes it before its recipients; in the other order the two could wait for each other.
    await _hold(conn, account_id, claim_id)
    sent = [result.contact_id for result in results if result.state == "sent"]
    if sent:
        await _record_sent(conn, account_id, mailing, claim_id, sent)
    others = [result for result in results if result.state != "sent"]
    if others:
        await _record_others(conn, account_id, mailing, claim_id, others)


async def _hold(conn: Conn, account_id: AccountId, claim_id: UUID) -> None:
    await run(
        conn,
        "SELECT 1 FROM outbox_claims WHERE account_id = :account_id AND claim_id = :claim_id FOR UPDATE",
        account_id=account_id,
        claim_id=claim_id,
    )


async def _record_sent(
    conn: Conn, account_id: AccountId, mailing: Mailing, claim_id: UUID, contact_ids: list[ContactId]
) -> None:
    # Nearly all of them: a statement with one array costs a third of the general one.
    await run(
        conn,
        """
        UPDATE outbox SET state = 'sent', next_attempt_at = NULL, reply_code = 250, reply_text = NULL
         WHERE account_id = :account_id AND campaign_activity_id = :campaign_activity_id
           AND contact_id = ANY (:contact_ids) AND claim_id = :claim_id AND state IN ('sending', 'unknown')""",
        account_id=account_id,
        campaign_activity_id=mailing.campaign_activity_id,
        claim_id=claim_id,
        contact_ids=contact_ids,
    )


async def _record_others(
    conn: Conn, account_id: AccountId, mailing: Mailing, claim_id: UUID, results: list[Result]
) -> None:
    await run(
        conn,
        """
        UPDATE outbox
           SET state = result.state, next_attempt_at = result.next_attempt_at, reply_code = result.reply_code,
               reply_text = result.reply_text
          FROM unnest(:contact_ids::uuid[], :states::text[], :next_attempt_ats::timestamptz[],
                      :reply_codes::smallint[], :reply_texts::text[])
            AS result (contact_id, state, next_attempt_at, reply_code, reply_text)
         WHERE outbox.account_id = :account_id AND outbox.campaign_activity_id = :campaign_activity_id
           AND outbox.contact_id = result.contact_id AND outbox.claim_id = :claim_id
           AND outbox.state IN ('sending', 'unknown')""",
        account_id=account_id,
        campaign_activity_id=mailing.campaign_activity_id,
        claim_id=claim_id,
        contact_ids=[result.contact_id for result in results],
        states=[result.state for result in results],
        next_attempt_ats=[result.next_attempt_at for result in results],
        reply_codes=[result.reply_code for result in results],
        reply_texts=[result.reply_text for result in results],
    )


async def append_sends(
    conn: Conn,
    account_id: AccountId,
    mailing: Mailing,
    results: Sequence[Result],
    *,
    addresses: dict[ContactId, str],
    now: datetime,
) -> None:
    """Tell the ledger of these sends. Last in a transaction: it moves a counter that everybody moves."""
    activity_id = mailing.campaign_activity_id
    sent = [
        Send(activity_id, result.contact_id, now, addresses[result.contact_id]) for result in results if result.is_send
    ]
    if sent:
        await sends.append(conn, account_id, sent)


async def append_bounces(
    conn: Conn,
    account_id: AccountId,
    mailing: Mailing,
    results: Sequence[Result],
    *,
    addresses: dict[ContactId, str],
    now: datetime,
) -> None:
    """Tell the ledger which of these bounced, after it heard of the sends. Last in a transaction, likewise."""
    activity_id = mailing.campaign_activity_id
    bounced = [
        Bounce(activity_id, result.contact_id, now, result.bounce_code) for result in results if result.bounce_code
    ]
    if bounced:
        await events.append_bounces(conn, account_id, bounced)
    unknown = [addresses[bounce.contact_id] for bounce in bounced if bounce.bounce_code == "B"]
    if unknown:
        await holds.note_unknown(conn, unknown, now=now)


async def keep(conn: Conn, account_id: AccountId, claim_ids: Sequence[UUID], *, now: datetime) -> None:
    """Prolong the leases of claims whose worker lives."""
    await run(
        conn,
        """
        UPDATE outbox_claims SET lease_until = :lease_until
         WHERE account_id = :account_id AND claim_id = ANY (:claim_ids)""",
        account_id=account_id,
        claim_ids=claim_ids,
        lease_until=now + LEASE,
    )


async def give_back(conn: Conn, account_id: AccountId, claim_id: UUID) -> None:
    """The claim holds nothing any more."""
    await run(
        conn,
        "DELETE FROM outbox_claims WHERE account_id = :account_id AND claim_id = :claim_id",
        account_id=account_id,
        claim_id=claim_id,
    )


async def bury(conn: Conn, account_id: AccountId, mailing: Mailing, *, now: datetime) -> int:
    """Settle what dead workers held; returns how many recipients became unknown."""
    dead = await many(
        conn,
        UUID,
        """
        DELETE FROM outbox_claims
         WHERE account_id = :account_id AND mailing_id = :mailing_id AND lease_until < :now
        RETURNING claim_id""",
        account_id=account_id,
        mailing_id=mailing.mailing_id,
        now=now,
    )
    if not dead:
        return 0
    lost = await _lose(conn, account_id, mailing, dead)
    addresses = {send.contact_id: send.email_address for send in await _addresses(conn, account_id, lost)}
    results = [Result(contact_id=contact_id, state="unknown") for contact_id in lost]
    await append_sends(conn, account_id, mailing, results, addresses=addresses, now=now)
    return len(lost)


async def pending(conn: Conn, account_id: AccountId, mailing_id: MailingId) -> Pending | None:
    """None when every recipient has its outcome."""
    # The first entry of the index each, however many there are.
    return await one(
        conn,
        Pending,
        """
        SELECT (SELECT next_attempt_at FROM outbox
                 WHERE account_id = :account_id AND mailing_id = :mailing_id AND next_attempt_at IS NOT NULL
                   AND state = 'queued'
                 ORDER BY next_attempt_at
                 LIMIT 1) AS next_attempt_at,
               (SELECT max(lease_until) FROM outbox_claims
                 WHERE account_id = :account_id AND mailing_id = :mailing_id) AS lease_until
         WHERE EXISTS (SELECT FROM outbox
                        WHERE account_id = :account_id AND mailing_id = :mailing_id AND next_attempt_at IS NOT NULL)""",
        account_id=account_id,
        mailing_id=mailing_id,
    )


class _Address(Struct, frozen=True):
    contact_id: ContactId
    email_address: str


async def _take(
    conn: Conn, account_id: AccountId, mailing: Mailing, claim_id: UUID, *, at_most: int, now: datetime
) -> list[Attempt]:
    # An array instead of a join: the planner does not know how small :at_most is, and would read all of the outbox.
    return await many(
        conn,
        Attempt,
        """
        WITH due AS (
            SELECT contact_id
              FROM outbox
             WHERE account_id = :account_id AND mailing_id = :mailing_id AND next_attempt_at <= :now
               AND state = 'queued'
               AND EXISTS (SELECT FROM mailings
                            WHERE account_id = :account_id AND mailing_id = :mailing_id AND state = 'sending')
             ORDER BY next_attempt_at, contact_id
             LIMIT :at_most
               FOR UPDATE SKIP LOCKED)
        UPDATE outbox
           SET state = 'sending', claim_id = :claim_id, attempts = attempts + 1,
               first_attempt_at = coalesce(first_attempt_at, :now)
         WHERE account_id = :account_id AND campaign_activity_id = :campaign_activity_id
           AND contact_id = ANY (ARRAY (SELECT contact_id FROM due))
        RETURNING contact_id, attempts, first_attempt_at""",
        account_id=account_id,
        mailing_id=mailing.mailing_id,
        campaign_activity_id=mailing.campaign_activity_id,
        claim_id=claim_id,
        at_most=at_most,
        now=now,
    )


async def _lease(
    conn: Conn, account_id: AccountId, mailing_id: MailingId, claim_id: UUID, lease_until: datetime
) -> None:
    await run(
        conn,
        """
        INSERT INTO outbox_claims (account_id, claim_id, mailing_id, lease_until)
        VALUES (:account_id, :claim_id, :mailing_id, :lease_until)
            ON CONFLICT (account_id, claim_id) DO UPDATE SET lease_until = excluded.lease_until""",
        account_id=account_id,
        claim_id=claim_id,
        mailing_id=mailing_id,
        lease_until=lease_until,
    )


async def _lose(conn: Conn, account_id: AccountId, mailing: Mailing, dead: list[UUID]) -> list[ContactId]:
    lost = await many(
        conn,
        UUID,
        """
        UPDATE outbox SET state = 'unknown', next_attempt_at = NULL
         WHERE account_id = :account_id AND mailing_id = :mailing_id AND next_attempt_at IS NOT NULL
           AND claim_id = ANY (:dead) AND state = 'sending'
        RETURNING contact_id""",
        account_id=account_id,
        mailing_id=mailing.mailing_id,
        dead=dead,
    )
    return [ContactId(contact_id) for contact_id in lost]


async def _addresses(conn: Conn, account_id: AccountId, contact_ids: list[ContactId]) -> list[_Address]:
    return await many(
        conn,
        _Address,
        """
        SELECT contact_id, coalesce(email_address, '') AS email_address
          FROM contacts
         WHERE account_id = :account_id AND contact_id = ANY (:contact_ids)""",
        account_id=account_id,
        contact_ids=contact_ids,
    )
