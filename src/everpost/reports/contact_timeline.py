"""What happened between a contact and the mails, with everything that is known of each event, newest first.

Mails of campaigns and of automations; what an automation sent is not shown any more once it is deleted.
"""

from datetime import datetime
from typing import Final, Literal, TypeAlias
from uuid import UUID

import msgspec

from everpost.campaigns import automations
from everpost.campaigns.automations import Automation
from everpost.ids import AccountId, CampaignId, ContactId
from everpost.platform import clock
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
    """One thing that happened; None where the kind of event has no such thing.

    Of an automation `campaign_id` is its own id, and `campaign_name` says what kind it is and its subject.
    """

    event_id: UUID
    at: datetime
    kind: Kind
    campaign_id: CampaignId
    campaign_name: str
    is_resend: bool
    is_automation: bool
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
    sent = [
        (activity_id, each)
        for each in await automations.every_one(conn, account_id)
        for activity_id in each.activities(clock.now())
    ]
    return await many(
        conn,
        Event,
        """
        WITH mail AS (
            SELECT activity.campaign_activity_id, campaign.campaign_id, campaign.name,
                   activity.role = 'resend' AS is_resend, false AS is_automation
              FROM campaign_activities AS activity
              JOIN campaigns AS campaign
                ON campaign.account_id = activity.account_id AND campaign.campaign_id = activity.campaign_id
             WHERE activity.account_id = :account_id AND campaign.account_id = :account_id
            UNION ALL
            SELECT campaign_activity_id, automation_id, name, false, true
              FROM unnest(:activity_ids::uuid[], :automation_ids::uuid[], :names::text[])
                AS automatic (campaign_activity_id, automation_id, name)
        )
        SELECT event.event_id, event.created_at AS at, event.kind, mail.campaign_id, mail.name AS campaign_name,
               mail.is_resend, mail.is_automation, event.device_type, link.url, event.bounce_code, event.reason
          FROM (SELECT event_id, created_at, kind, campaign_activity_id, device_type, url_id, bounce_code, reason
                  FROM tracking_events
                 WHERE account_id = :account_id AND contact_id = :contact_id AND kind = ANY (:kinds)
                   AND NOT is_machine AND created_at <= :after_at
                UNION ALL
                SELECT send.campaign_activity_id, send.sent_at, 'send', send.campaign_activity_id,
                       NULL, NULL, NULL, NULL
                  FROM mail AS sent
                  JOIN sends AS send ON send.campaign_activity_id = sent.campaign_activity_id
                 WHERE send.account_id = :account_id AND send.contact_id = :contact_id AND 'send' = ANY (:kinds)
               ) AS event
          JOIN mail ON mail.campaign_activity_id = event.campaign_activity_id
          LEFT JOIN links AS link
            ON link.account_id = :account_id AND link.campaign_activity_id = event.campaign_activity_id
           AND link.url_id = event.url_id
         WHERE (event.created_at, event.event_id, event.kind) < (:after_at, :after_id, :after_kind)
         ORDER BY event.created_at DESC, event.event_id DESC, event.kind DESC
         LIMIT :most""",
        account_id=account_id,
        contact_id=contact_id,
        activity_ids=[activity_id for activity_id, _ in sent],
        automation_ids=[each.automation_id for _, each in sent],
        names=[_name(each) for _, each in sent],
        kinds=kinds,
        after_at=after.at,
        after_id=after.event_id,
        after_kind=after.kind,
        most=most,
    )


def _name(automation: Automation) -> str:
    return f"{automation.kind.capitalize()} mail: {automation.subject}"
