"""Whom an email is for, when lists come and go."""

from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest

from everpost.campaigns import audience
from everpost.delivery import reach
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


async def test_an_audience_that_takes_long_to_count_is_counted_another_way_or_not_at_all(
    account: Any, db: Any, new_campaign: Any, list_id: str, new_contact: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    await new_contact("ann@example.com")
    campaign = await new_campaign(lists=[list_id])
    asked = (account.account_id, UUID(campaign.activity_id), [UUID(list_id)], [])
    settings: list[str] = []
    count = reach.count

    async def late(conn: Any, *arguments: Any) -> Any:
        settings.append(await conn.fetchval("SHOW enable_nestloop"))
        if len(settings) in (1, 3, 4):
            await conn.execute("SELECT pg_sleep(2)")
        return await count(conn, *arguments)

    monkeypatch.setattr(reach, "count", late)
    monkeypatch.setattr(audience, "_FIRST_TRY", timedelta(milliseconds=50))
    monkeypatch.setattr(audience, "_SECOND_TRY", timedelta(milliseconds=500))
    async with db.transaction() as conn:
        usual = await conn.fetchval("SHOW statement_timeout")
        found = await audience.reached(conn, *asked)
        assert (1, "on") == (found and found.reached, await conn.fetchval("SHOW enable_nestloop"))
        assert usual == await conn.fetchval("SHOW statement_timeout"), "only the count is in a hurry"
        assert await audience.reached(conn, *asked) is None
    assert ["on", "off", "on", "off"] == settings
