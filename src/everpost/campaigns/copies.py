"""A new draft that says what another campaign says, to the same audience.

Rules: the copy has a name of its own and nothing of what became of the other: no dates, no numbers, no A/B test, no
resend. Lists that were deleted since, and a segment that was, are left out. The lists that clicks lead onto are taken
along.
"""

from everpost.campaigns import audience, campaign_activities, campaigns, click_lists, documents
from everpost.campaigns.campaign_activities import Stored
from everpost.campaigns.shapes import ActivityIn, Campaign, CampaignNameIn, NewActivity
from everpost.ids import AccountId, CampaignId
from everpost.platform.db import Conn


async def create(conn: Conn, account_id: AccountId, campaign_id: CampaignId, new: CampaignNameIn) -> Campaign:
    """Raises: CampaignNotFound, Invalid (a sender is no longer confirmed), CampaignNameTaken."""
    activity_id = await campaign_activities.primary_of(conn, account_id, campaign_id)
    stored = await campaign_activities.require(conn, account_id, activity_id)
    html = await campaign_activities.html_of(conn, account_id, campaign_id)
    copy = await campaigns.create_one(conn, account_id, new.name, _content(stored, html))
    await documents.copy(conn, account_id, campaign_id, copy.campaign_id)
    await click_lists.copy(conn, account_id, campaign_id, copy.campaign_id)
    copied_id = copy.campaign_activities[0].campaign_activity_id
    await campaign_activities.replace(conn, account_id, copied_id, await _audience(conn, account_id, stored))
    return copy


def _content(stored: Stored, html: str) -> NewActivity:
    match stored.format_type:
        case 1 | 4 | 5 as format_type:
            return NewActivity(
                format_type=format_type,
                from_name=stored.from_name,
                from_email=stored.from_email,
                reply_to_email=stored.reply_to_email,
                subject=stored.subject,
                html_content=html,
                preheader=stored.preheader,
                physical_address_in_footer=stored.physical_address,
            )
    raise AssertionError(f"no campaign has the format {stored.format_type}")


async def _audience(conn: Conn, account_id: AccountId, stored: Stored) -> ActivityIn:
    gone = await audience.unknown_lists(conn, account_id, stored.contact_list_ids)
    has_segment = not await audience.problems(conn, account_id, [], stored.segment_ids)
    return ActivityIn(
        from_name=stored.from_name,
        from_email=stored.from_email,
        reply_to_email=stored.reply_to_email,
        subject=stored.subject,
        preheader=stored.preheader,
        contact_list_ids=[list_id for list_id in stored.contact_list_ids if list_id not in gone],
        segment_ids=list(stored.segment_ids) if has_segment else [],
    )
