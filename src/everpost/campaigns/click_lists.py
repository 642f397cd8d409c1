"""Click segmentation: whoever clicks a link that an author chose a list for joins that list.

Rules: a link is its text as authored, in the campaign's first send, its resend and both mails of an A/B test alike; the
choice holds from when it is made, for mails that are out already too. Whoever joins does so by the first click that a
person made, about a minute later, when a machine would have shown what it is; somebody taken off the list stays off.
Deleted contacts and who has unsubscribed join none, nobody is on more than 50 lists, and a deleted list is none. No
welcome mail follows, because the account asks for it and not the contact.
Source: contract, campaigns.md §6.2, §6.3, contacts.md §10.
"""

from collections.abc import Mapping, Sequence
from uuid import UUID

from msgspec import Struct

from everpost.campaigns import campaign_activities, readings, states
from everpost.campaigns.campaign_activities import Stored
from everpost.contacts import lists, membership_changes, memberships
from everpost.ids import AccountId, CampaignActivityId, CampaignId, ContactId, ListId, UrlId
from everpost.platform import clock
from everpost.platform.db import Conn, Db, many, one, run
from everpost.platform.events import on
from everpost.tracking import ledger
from everpost.tracking import links as tracked_links


class _Choice(Struct, frozen=True):
    urls: list[str]
    list_ids: list[ListId]


class _Click(Struct, frozen=True):
    contact_id: ContactId
    list_id: ListId


async def find(conn: Conn, account_id: AccountId, campaign_id: CampaignId) -> dict[str, ListId]:
    """The lists by the links that lead onto them, also by links that are gone from the content meanwhile."""
    choice = await _find(conn, account_id, campaign_id)
    if choice is None:
        return {}
    existing = set(await lists.existing(conn, account_id, choice.list_ids))
    return {url: list_id for url, list_id in zip(choice.urls, choice.list_ids, strict=True) if list_id in existing}


async def links(conn: Conn, account_id: AccountId, stored: Stored) -> list[str]:
    """Those of the content that clicks are counted of. Raises: LinkTooLong, MailTooLarge."""
    content = await campaign_activities.written(conn, account_id, stored)
    address = campaign_activities.own_address(stored)
    return await readings.links(conn, account_id, content, from_email=stored.from_email, address=address)


async def replace(conn: Conn, account_id: AccountId, campaign_id: CampaignId, chosen: Mapping[str, ListId]) -> None:
    """Choose lists; links that are not named lead onto none. Raises: Invalid, StateForbids, CampaignNotFound."""
    await states.edit(conn, account_id, campaign_id, now=clock.now())
    await memberships.require_lists(conn, account_id, chosen.values(), name="list_ids")
    await _replace(conn, account_id, campaign_id, chosen)
    for activity_id in await _mails(conn, account_id, campaign_id):
        await apply(conn, account_id, campaign_id, activity_id)


async def apply(conn: Conn, account_id: AccountId, campaign_id: CampaignId, activity_id: CampaignActivityId) -> None:
    """Let the links that an activity has by now lead onto the lists that were chosen."""
    await tracked_links.set_lists(conn, account_id, activity_id, await find(conn, account_id, campaign_id))


async def copy(conn: Conn, account_id: AccountId, campaign_id: CampaignId, copied_id: CampaignId) -> None:
    """Choose for the copy of a campaign what was chosen for the original."""
    if chosen := await find(conn, account_id, campaign_id):
        await _replace(conn, account_id, copied_id, chosen)


@on(ledger.CLICKED)
async def join(
    db: Db,
    account_id: AccountId,
    campaign_activity_id: CampaignActivityId,
    contact_ids: list[ContactId],
    url_ids: list[UrlId],
) -> None:
    """Put those who clicked onto the lists of what they clicked."""
    async with db.transaction() as conn:
        clicks = await _clicks(conn, account_id, campaign_activity_id, contact_ids, url_ids)
        joining: dict[ListId, list[ContactId]] = {}
        for click in clicks:
            joining.setdefault(click.list_id, []).append(click.contact_id)
        present = await membership_changes.lock(conn, account_id, [click.contact_id for click in clicks])
        may_join = {contact.contact_id for contact in present if not contact.is_unsubscribed}
        for list_id in await lists.existing(conn, account_id, joining):
            members = [contact_id for contact_id in joining[list_id] if contact_id in may_join]
            await membership_changes.join(conn, account_id, members, [list_id], now=clock.now_seconds())


async def _clicks(
    conn: Conn,
    account_id: AccountId,
    activity_id: CampaignActivityId,
    contact_ids: Sequence[ContactId],
    url_ids: Sequence[UrlId],
) -> list[_Click]:
    """What still counts as a person's click, of links that still lead onto a list."""
    return await many(
        conn,
        _Click,
        """
        SELECT DISTINCT click.contact_id, link.list_id
          FROM unnest(:contact_ids::uuid[], :url_ids::bigint[]) AS told (contact_id, url_id)
          JOIN link_clicks AS click
            ON click.account_id = :account_id AND click.campaign_activity_id = :activity_id
           AND click.contact_id = told.contact_id AND click.url_id = told.url_id
          JOIN links AS link
            ON link.account_id = :account_id AND link.campaign_activity_id = :activity_id
           AND link.url_id = click.url_id
         WHERE link.list_id IS NOT NULL
         ORDER BY link.list_id, click.contact_id""",
        account_id=account_id,
        activity_id=activity_id,
        contact_ids=contact_ids,
        url_ids=url_ids,
    )


async def _find(conn: Conn, account_id: AccountId, campaign_id: CampaignId) -> _Choice | None:
    return await one(
        conn,
        _Choice,
        """
        SELECT urls, list_ids
          FROM campaign_click_lists
         WHERE account_id = :account_id AND campaign_id = :campaign_id""",
        account_id=account_id,
        campaign_id=campaign_id,
    )


async def _replace(conn: Conn, account_id: AccountId, campaign_id: CampaignId, chosen: Mapping[str, ListId]) -> None:
    await run(
        conn,
        """
        INSERT INTO campaign_click_lists (account_id, campaign_id, urls, list_ids)
        VALUES (:account_id, :campaign_id, :urls, :list_ids)
            ON CONFLICT (account_id, campaign_id) DO UPDATE SET urls = excluded.urls, list_ids = excluded.list_ids""",
        account_id=account_id,
        campaign_id=campaign_id,
        urls=list(chosen.keys()),
        list_ids=list(chosen.values()),
    )


async def _mails(conn: Conn, account_id: AccountId, campaign_id: CampaignId) -> list[CampaignActivityId]:
    found = await many(
        conn,
        UUID,
        """
        SELECT campaign_activity_id
          FROM campaign_activities
         WHERE account_id = :account_id AND campaign_id = :campaign_id AND role IN ('primary_email', 'resend')
         ORDER BY campaign_activity_id""",
        account_id=account_id,
        campaign_id=campaign_id,
    )
    return [CampaignActivityId(each) for each in found]
