"""What happened between a contact and the mails, with everything that is known of each event, newest first."""

from datetime import datetime
from typing import Final, Literal, TypeAlias
from uuid import UUID

import msgspec

from everpost.ids import AccountId, CampaignId, ContactId
from everpost.platform.db import Conn, many
from everpost.tracking.events import BounceCode

Kind: TypeAlias = Literal["send", "open", "click", "bounce", "optout", "forward", "abuse"]


class Position(msgspec.Struct, frozen=True):
    """Where a page begins: after this event."""

    at: datetime
    event_id: UUID
    kind: str


# Everything is older, so the first page asks like every other one.
NEWEST: Final = Position(datetime.fromisoformat("9999-12-31T00:00:00+00:00"), UUID(int=2**128 - 1), "~")


class Event(msgspec.Struct, frozen=True):
    """One thing that happened; None where the kind of event has no such thing."""

    event_id: UUID
    at: datetime
    kind: Kind
    campaign_id: CampaignId
    campaign_name: str
    is_resend: bool
    device_type: str | None
    url: str | None
    bounce_code: BounceCode | None
    reason: str | None

    @property
    def position(self) -> Position:
        return Position(self.at, self.event_id, self.kind)


async def find(
    conn: Conn, account_id: AccountId, contact_id: ContactId, kinds: list[Kind], after: Position, *, most: int
) -> list[Event]:
    """Events of these kinds; an open that was inferred from a click has the click's id, so the kind breaks ties."""
    return await many(
        conn,
        Event,
        """
        SELECT event.event_id, event.created_at AS at, event.kind, campaign.campaign_id, campaign.name AS campaign_name,
               activity.role = 'resend' AS is_resend, event.device_type, link.url, event.bounce_code, event.reason
          FROM (SELECT event_id, created_at, kind, campaign_activity_id, device_type, url_id, bounce_code, reason
                  FROM tracking_events
                 WHERE account_id = :account_id AND contact_id = :contact_id AND kind = ANY (:kinds)
                   AND NOT is_machine AND created_at <= :after_at
                UNION ALL
                SELECT send.campaign_activity_id, send.sent_at, 'send', send.campaign_activity_id,
                       NULL, NULL, NULL, NULL
                  FROM campaign_activities AS sent
                  JOIN sends AS send
                    ON send.account_id = sent.account_id AND send.campaign_activity_id = sent.campaign_activity_id
                 WHERE sent.account_id = :account_id AND send.account_id = :account_id
                   AND send.contact_id = :contact_id AND 'send' = ANY (:kinds)) AS event
          JOIN campaign_activities AS activity
            ON activity.account_id = :account_id AND activity.campaign_activity_id = event.campaign_activity_id
          JOIN campaigns AS campaign
            ON campaign.account_id = :account_id AND campaign.campaign_id = activity.campaign_id
          LEFT JOIN links AS link
            ON link.account_id = :account_id AND link.campaign_activity_id = event.campaign_activity_id
           AND link.url_id = event.url_id
         WHERE (event.created_at, event.event_id, event.kind) < (:after_at, :after_id, :after_kind)
         ORDER BY event.created_at DESC, event.event_id DESC, event.kind DESC
         LIMIT :most""",
        account_id=account_id,
        contact_id=contact_id,
        kinds=kinds,
        after_at=after.at,
        after_id=after.event_id,
        after_kind=after.kind,
        most=most,
    )
