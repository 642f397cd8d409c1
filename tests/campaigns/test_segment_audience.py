"""Emails to a segment: how it is named, and who gets one."""

import json
from typing import Any

import pytest

from tests.campaigns.conftest import parsed

MAINE = {"source": "contact", "field": "state", "op": "eq", "value": "ME"}
SENT_LAST = {
    "source": "tracking",
    "field": "sent",
    "op": "contains-any",
    "const_value": "last-n-campaigns",
    "param": "1",
}


async def segment(api: Any, name: str, *rules: dict[str, Any]) -> int:
    criteria = json.dumps({"version": "1.0.0", "criteria": {"type": "and", "group": list(rules)}})
    made = await api.post("/v3/segments", {"name": name, "segment_criteria": criteria})
    assert 201 == made.status, made
    return int(made.body["segment_id"])


async def members(api: Any, segment_id: int) -> list[str]:
    found = await api.get("/v3/contacts", {"segment_id": str(segment_id)})
    assert 200 == found.status, found
    return sorted(each["email_address"]["address"] for each in found.body["contacts"])


@pytest.fixture
def send(api: Any, work: Any) -> Any:
    async def now(campaign: Any) -> Any:
        reply = await api.post(campaign.schedules, {"scheduled_date": "0"})
        assert reply.status == 201, reply
        await work()
        return (await api.get(f"{campaign.activity}/send_history")).body

    return now


async def test_an_email_names_one_segment_that_exists(api: Any, email: Any, list_id: str, new_campaign: Any) -> None:
    campaign = await new_campaign()
    known = await segment(api, "Maine", MAINE)
    written = await api.put(campaign.activity, email(segment_ids=[str(known)]))
    assert ([known], []) == (written.body["segment_ids"], written.body["contact_list_ids"])
    assert [known] == (await api.get(campaign.activity)).body["segment_ids"]
    for changes, text in (
        ({"segment_ids": [99]}, "segment_ids contains an unknown segment id: 99."),
        ({"segment_ids": [10**20]}, f"segment_ids contains an unknown segment id: {10**20}."),
        ({"segment_ids": ["x"]}, "segment_ids[0] does not have a valid value"),
        ({"segment_ids": [known, known]}, "segment_ids must not have more than 1 items."),
        (
            {"segment_ids": [known], "contact_list_ids": [list_id]},
            "contact_list_ids and segment_ids must not be set together.",
        ),
    ):
        refused = await api.put(campaign.activity, email(**changes))
        assert (400, "emails.api.validation.error", text) == (refused.status, refused.error_key, refused.error_message)
    assert [] == (await api.put(campaign.activity, email())).body["segment_ids"], "left out is cleared"


async def test_an_email_to_a_segment_reaches_who_is_in_it_when_it_is_sent(
    api: Any, email: Any, new_campaign: Any, new_contact: Any, send: Any, mailbox: Any
) -> None:
    home = {"street_addresses": [{"kind": "home", "state": "ME", "country": "US"}]}
    await new_contact("ann@example.com", **home)
    await new_contact("out@example.com", permission="unsubscribed", **home)
    await new_contact("elsewhere@example.com")
    segment_id = await segment(api, "Maine", MAINE)
    campaign = await new_campaign()
    assert 200 == (await api.put(campaign.activity, email(segment_ids=[segment_id]))).status
    await new_contact("late@example.com", **home)
    (entry,) = await send(campaign)
    assert (2, [segment_id], 0) == (entry["count"], entry["segment_ids"], entry["reason_code"])
    assert "contact_list_ids" not in entry
    assert ["ann@example.com", "late@example.com"] == sorted(parsed(mail)["To"] for mail in await mailbox())
    assert ["ann@example.com", "late@example.com", "out@example.com"] == await members(api, segment_id)


async def test_a_segment_that_is_deleted_before_the_send_has_nobody_in_it(
    api: Any, email: Any, new_campaign: Any, new_contact: Any, send: Any, mailbox: Any, work: Any
) -> None:
    await new_contact("ann@example.com")
    segment_id = await segment(api, "Everybody", {"source": "contact", "field": "email", "op": "not-empty"})
    campaign = await new_campaign()
    await api.put(campaign.activity, email(segment_ids=[segment_id]))
    assert 201 == (await api.post(campaign.schedules, {"scheduled_date": "0"})).status
    await api.delete(f"/v3/segments/{segment_id}")
    await work()
    (entry,) = (await api.get(f"{campaign.activity}/send_history")).body
    assert (0, 12) == (entry["count"], entry["reason_code"])
    again = await api.post(campaign.schedules, {"scheduled_date": "0"})
    assert (400, f"segment_ids contains an unknown segment id: {segment_id}.") == (again.status, again.error_message)


async def test_segments_know_what_was_sent_and_opened_until_the_campaign_is_removed(
    api: Any, new_campaign: Any, new_contact: Any, list_id: str, send: Any, mailbox: Any
) -> None:
    await new_contact("ann@example.com")
    sent = await segment(api, "Got the last one", SENT_LAST)
    sleepers = await segment(api, "Sleepers", {**SENT_LAST, "field": "not_opened"})
    others = await segment(api, "Not sent", {**SENT_LAST, "field": "not_sent"})
    owner = "owner@harborlane.example"
    assert [] == await members(api, sent) == await members(api, sleepers)
    assert ["ann@example.com", owner] == await members(api, others)
    campaign = await new_campaign(lists=[list_id])
    await send(campaign)
    await new_contact("late@example.com")
    assert ["ann@example.com"] == await members(api, sent) == await members(api, sleepers)
    assert ["late@example.com", owner] == await members(api, others)
    assert 204 == (await api.delete(campaign.path)).status
    assert [] == await members(api, sent)
