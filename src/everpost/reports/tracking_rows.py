"""What the tracking reports read: sends and events of one activity, newest first, a page at a time.

Rules: a page begins after a position (time, id) and is found by a key, however deep it lies; names and addresses are
joined to the page only. The id breaks ties: the event's, for sends the contact's. With `other_id`, a campaign's other
send, lists of contacts hold each only where its last row is, so that the lists of both together hold each once.
"""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Final, Literal, TypeAlias
from uuid import UUID

import msgspec

from everpost.ids import AccountId, CampaignActivityId, ContactId
from everpost.platform.db import Conn, many
from everpost.tracking.events import BounceCode

Kind: TypeAlias = Literal["open", "click", "optout", "bounce", "forward", "abuse"]


class Position(msgspec.Struct, frozen=True):
    """Where a page begins: after this row."""

    at: datetime
    row_id: UUID


# Everything is older, so the first page asks like every other one and the same index answers both.
NEWEST: Final = Position(datetime(9999, 12, 31, tzinfo=UTC), UUID(int=2**128 - 1))


class Row(msgspec.Struct, frozen=True, kw_only=True):
    """One row, and its contact as it is now; None where there is nothing."""

    row_id: UUID
    created_at: datetime
    contact_id: ContactId
    email_address: str
    current_email_address: str | None
    first_name: str | None
    last_name: str | None
    deleted_at: datetime | None
    device_type: str | None = None
    url_id: int | None = None
    url: str | None = None
    bounce_code: BounceCode | None = None
    reason: str | None = None

    @property
    def position(self) -> Position:
        return Position(self.created_at, self.row_id)


async def sends(
    conn: Conn,
    account_id: AccountId,
    campaign_activity_id: CampaignActivityId,
    after: Position,
    *,
    most: int,
    other_id: CampaignActivityId | None = None,
) -> list[Row]:
    return await many(
        conn,
        Row,
        """
        SELECT send.contact_id AS row_id, send.sent_at AS created_at, send.contact_id, send.email_address,
               contact.email_address AS current_email_address, contact.first_name, contact.last_name,
               contact.deleted_at
          FROM (SELECT contact_id, sent_at, email_address
                  FROM sends
                 WHERE account_id = :account_id AND campaign_activity_id = :campaign_activity_id
                   AND (sent_at, contact_id) < (:after_at, :after_id)
                   AND (:other_id::uuid IS NULL
                        OR NOT EXISTS (SELECT 1
                                         FROM sends AS later
                                        WHERE later.account_id = :account_id
                                          AND later.campaign_activity_id = :other_id
                                          AND later.contact_id = sends.contact_id
                                          AND (later.sent_at, later.campaign_activity_id)
                                            > (sends.sent_at, sends.campaign_activity_id)))
                 ORDER BY sent_at DESC, contact_id DESC
                 LIMIT :most) AS send
          LEFT JOIN contacts AS contact
            ON contact.account_id = :account_id AND contact.contact_id = send.contact_id
         ORDER BY send.sent_at DESC, send.contact_id DESC""",
        account_id=account_id,
        campaign_activity_id=campaign_activity_id,
        after_at=after.at,
        after_id=after.row_id,
        most=most,
        other_id=other_id,
    )


async def did_not_open(
    conn: Conn,
    account_id: AccountId,
    campaign_activity_id: CampaignActivityId,
    after: Position,
    *,
    most: int,
    other_id: CampaignActivityId | None = None,
) -> list[Row]:
    """Sends without an open and without a bounce; of neither send, where there is another one."""
    return await many(
        conn,
        Row,
        _DID_NOT_OPEN,
        account_id=account_id,
        campaign_activity_id=campaign_activity_id,
        after_at=after.at,
        after_id=after.row_id,
        most=most,
        other_id=other_id,
    )


async def events(
    conn: Conn,
    account_id: AccountId,
    campaign_activity_id: CampaignActivityId,
    kind: Kind,
    after: Position,
    *,
    most: int,
    is_last_open: bool = False,
    other_id: CampaignActivityId | None = None,
    url_ids: Sequence[int] | None = None,
    bounce_codes: Sequence[str] | None = None,
) -> list[Row]:
    """Events of one kind that people made; `is_last_open` keeps only the last open of each contact."""
    return await many(
        conn,
        Row,
        _EVENTS,
        account_id=account_id,
        campaign_activity_id=campaign_activity_id,
        event_kind=kind,
        after_at=after.at,
        after_id=after.row_id,
        most=most,
        is_last_open=is_last_open,
        other_id=other_id,
        url_ids=url_ids,
        bounce_codes=bounce_codes,
    )


_DID_NOT_OPEN: Final = """
    SELECT send.contact_id AS row_id, send.sent_at AS created_at, send.contact_id, send.email_address,
           contact.email_address AS current_email_address, contact.first_name, contact.last_name,
           contact.deleted_at
      FROM (SELECT contact_id, sent_at, email_address
              FROM sends
             WHERE account_id = :account_id AND campaign_activity_id = :campaign_activity_id
               AND (sent_at, contact_id) < (:after_at, :after_id)
               AND NOT EXISTS (SELECT 1
                                 FROM engagement
                                WHERE engagement.account_id = :account_id
                                  AND engagement.campaign_activity_id = :campaign_activity_id
                                  AND engagement.contact_id = sends.contact_id AND engagement.opens > 0)
               AND NOT EXISTS (SELECT 1
                                 FROM tracking_events AS bounce
                                WHERE bounce.account_id = :account_id
                                  AND bounce.campaign_activity_id = :campaign_activity_id
                                  AND bounce.kind = 'bounce' AND bounce.contact_id = sends.contact_id)
               AND (:other_id::uuid IS NULL
                    OR NOT EXISTS (SELECT 1
                                     FROM sends AS later
                                    WHERE later.account_id = :account_id
                                      AND later.campaign_activity_id = :other_id
                                      AND later.contact_id = sends.contact_id
                                      AND (later.sent_at, later.campaign_activity_id)
                                        > (sends.sent_at, sends.campaign_activity_id)))
               AND (:other_id::uuid IS NULL
                    OR NOT EXISTS (SELECT 1
                                     FROM engagement
                                    WHERE engagement.account_id = :account_id
                                      AND engagement.campaign_activity_id = :other_id
                                      AND engagement.contact_id = sends.contact_id AND engagement.opens > 0)
                   AND NOT EXISTS (SELECT 1
                                     FROM tracking_events AS bounce
                                    WHERE bounce.account_id = :account_id
                                      AND bounce.campaign_activity_id = :other_id
                                      AND bounce.kind = 'bounce' AND bounce.contact_id = sends.contact_id))
             ORDER BY sent_at DESC, contact_id DESC
             LIMIT :most) AS send
      LEFT JOIN contacts AS contact
        ON contact.account_id = :account_id AND contact.contact_id = send.contact_id
     ORDER BY send.sent_at DESC, send.contact_id DESC"""


_EVENTS: Final = """
    SELECT event.event_id AS row_id, event.created_at, event.contact_id, event.device_type, event.url_id,
           event.bounce_code, event.reason, link.url,
           coalesce(send.email_address, contact.email_address, '') AS email_address,
           contact.email_address AS current_email_address, contact.first_name, contact.last_name,
           contact.deleted_at
      FROM (SELECT event_id, created_at, contact_id, device_type, url_id, bounce_code, reason
              FROM tracking_events
             WHERE account_id = :account_id AND campaign_activity_id = :campaign_activity_id
               AND kind = :event_kind AND NOT is_machine
               AND (created_at, event_id) < (:after_at, :after_id)
               AND (:url_ids::bigint[] IS NULL OR url_id = ANY (:url_ids))
               AND (:bounce_codes::text[] IS NULL OR bounce_code = ANY (:bounce_codes))
               AND (NOT :is_last_open
                    OR EXISTS (SELECT 1
                                 FROM engagement
                                WHERE engagement.account_id = :account_id
                                  AND engagement.campaign_activity_id = :campaign_activity_id
                                  AND engagement.contact_id = tracking_events.contact_id
                                  AND engagement.last_open_id = tracking_events.event_id))
               AND (:other_id::uuid IS NULL
                    OR NOT EXISTS (SELECT 1
                                     FROM engagement AS later
                                    WHERE later.account_id = :account_id
                                      AND later.campaign_activity_id = :other_id
                                      AND later.contact_id = tracking_events.contact_id
                                      AND (later.last_opened_at, later.last_open_id)
                                        > (tracking_events.created_at, tracking_events.event_id)))
             ORDER BY created_at DESC, event_id DESC
             LIMIT :most) AS event
      LEFT JOIN sends AS send
        ON send.account_id = :account_id AND send.campaign_activity_id = :campaign_activity_id
       AND send.contact_id = event.contact_id
      LEFT JOIN contacts AS contact
        ON contact.account_id = :account_id AND contact.contact_id = event.contact_id
      LEFT JOIN links AS link
        ON link.account_id = :account_id AND link.campaign_activity_id = :campaign_activity_id
       AND link.url_id = event.url_id
     ORDER BY event.created_at DESC, event.event_id DESC"""
