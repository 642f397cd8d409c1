"""A copy of a campaign: what it takes along, and what not."""

from typing import Any

import pytest

from everpost.campaigns import ab_tests, campaign_activities, copies
from everpost.campaigns.errors import CampaignNameTaken
from everpost.campaigns.shapes import CampaignNameIn
from everpost.platform.errors import Invalid
from tests.campaigns.conftest import HTML


async def test_a_copy_is_a_draft_that_says_the_same_to_the_same(
    api: Any, account: Any, db: Any, new_campaign: Any, list_id: str
) -> None:
    gone = (await api.post("/v3/contact_lists", {"name": "Gone"})).body["list_id"]
    campaign = await new_campaign(lists=[list_id], preheader="Until Sunday")
    test = {"alternative_subject": "Signed copies", "test_size": 20, "winner_wait_duration": 6}
    assert 201 == (await api.post(f"{campaign.activity}/abtest", test)).status
    async with db.transaction() as conn:
        # As it is left when a list is deleted that a sent campaign names.
        await conn.execute("UPDATE campaign_contents SET contact_list_ids = contact_list_ids || $1::uuid", gone)
        await conn.execute("UPDATE contact_lists SET deleted_at = now() WHERE list_id = $1", gone)
        await conn.execute("UPDATE campaigns SET status = 'DONE'")
        copy = await copies.create(conn, account.account_id, campaign.campaign_id, CampaignNameIn("Tide Table, again"))
        copied_id = copy.campaign_activities[0].campaign_activity_id
        stored = await campaign_activities.require(conn, account.account_id, copied_id)
        html = await campaign_activities.html_of(conn, account.account_id, copy.campaign_id)
        assert await ab_tests.find(conn, account.account_id, copy.campaign_id) is None
        with pytest.raises(CampaignNameTaken):
            await copies.create(conn, account.account_id, campaign.campaign_id, CampaignNameIn("tide table, AGAIN"))
    assert ("Draft", 26) == (copy.current_status, copy.type_code)
    assert ("Nine new arrivals", "Until Sunday", HTML) == (stored.subject, stored.preheader, html)
    assert [list_id] == [str(each) for each in stored.contact_list_ids]


async def test_an_address_that_is_not_confirmed_any_more_is_not_copied(
    account: Any, db: Any, new_campaign: Any
) -> None:
    campaign = await new_campaign()
    async with db.transaction() as conn:
        await conn.execute("UPDATE account_emails SET confirmed_at = NULL, confirm_source_type = NULL, roles = '{}'")
        with pytest.raises(Invalid, match="from_email is not a confirmed"):
            await copies.create(conn, account.account_id, campaign.campaign_id, CampaignNameIn("Again"))
