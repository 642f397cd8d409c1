"""Whom an email is for, when lists come and go."""

from collections.abc import Awaitable, Callable
from typing import Any

from tests.campaigns.conftest import Campaign
from tests.support.fixtures import AccountApi


async def test_a_deleted_list_leaves_the_drafts_that_name_it(
    api: AccountApi,
    new_campaign: Callable[..., Awaitable[Campaign]],
    email: Callable[..., dict[str, Any]],
    work: Callable[[], Awaitable[int]],
) -> None:
    campaign = await new_campaign()
    lists = [(await api.post("/v3/contact_lists", {"name": name})).body["list_id"] for name in ("Kept", "Gone")]
    written = await api.put(campaign.activity, email(contact_list_ids=lists))
    assert lists == written.body["contact_list_ids"]
    assert 202 == (await api.delete(f"/v3/contact_lists/{lists[1]}")).status
    await work()
    assert lists[:1] == (await api.get(campaign.activity)).body["contact_list_ids"]


async def test_a_scheduled_email_keeps_its_deleted_list(
    api: AccountApi,
    new_campaign: Callable[..., Awaitable[Campaign]],
    email: Callable[..., dict[str, Any]],
    work: Callable[[], Awaitable[int]],
) -> None:
    campaign = await new_campaign()
    gone = (await api.post("/v3/contact_lists", {"name": "Gone"})).body["list_id"]
    await api.put(campaign.activity, email(contact_list_ids=[gone]))
    assert 201 == (await api.post(campaign.schedules, {"scheduled_date": "2036-01-01"})).status
    await api.delete(f"/v3/contact_lists/{gone}")
    await work()
    assert [gone] == (await api.get(campaign.activity)).body["contact_list_ids"]
