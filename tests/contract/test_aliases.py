"""Where the public sources disagree, both are served and answer alike. Source: contract, conventions.md §13."""

from datetime import timedelta
from typing import Any

import pytest

from everpost.platform.db import Db
from tests.support.api import Api
from tests.support.fixtures import Account


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("contact_lists?include_count=true", "contacts_lists?include_count=true"),
        ("contacts/counts?include=new_subscriber", "contacts/counts?include=new_subscribers"),
        ("contacts/contact_id_xrefs?sequence_ids=1,2", "contacts/contact_id_xrefs?contact_sequence_numbers=1,2"),
        ("contact_lists/list_id_xrefs?sequence_ids=1", "contact_lists/list_id_xrefs?list_sequence_numbers=1"),
        ("contacts", "contacts?include=sms_channel"),
        ("contacts?include=list_memberships", "contacts?include=list_membership"),
        ("activities?state=timed_out", "activities?state=time_out"),
    ],
)
async def test_both_spellings_answer_alike(api: Api, one: str, other: str) -> None:
    await api.post("/v3/contact_lists", {"name": "Readers"})
    first, second = [await api.get(f"/v3/{path}") for path in (one, other)]
    assert (200, first.body) == (second.status, second.body)
    assert 200 == first.status


async def test_activities_that_took_too_long_are_found_by_both_names(api: Api, account: Account, db: Db) -> None:
    body = {"import_data": [{"email": "a@b.example"}], "list_ids": [str(account.list_id)]}
    started = await api.post("/v3/activities/contacts_json_import", body)
    async with db.transaction() as conn:
        await conn.execute("UPDATE activities SET state = 'timed_out' WHERE account_id = $1", account.account_id)
    for state in ("timed_out", "time_out", "TIMED_OUT"):
        found = (await api.get("/v3/activities", {"state": state})).body["activities"]
        assert [started.body["activity_id"]] == [each["activity_id"] for each in found]


@pytest.mark.parametrize("suffix", ["after", "before"])
@pytest.mark.parametrize("what", ["created", "updated", "optout"])
async def test_dates_of_contacts_are_filtered_with_dash_and_underscore(
    api: Api, clock: Any, what: str, suffix: str
) -> None:
    moment = f"{clock.now() + timedelta(hours=1):%Y-%m-%dT%H:%M:%SZ}"
    first, second = [await api.get(f"/v3/contacts?{what}{sign}{suffix}={moment}") for sign in "_-"]
    assert (200, first.body) == (second.status, second.body)
    assert (1 if (suffix == "before" and what != "optout") else 0) == len(first.body["contacts"])


@pytest.mark.parametrize("path", ["contact_lists", "emails", "reports/summary_reports/email_campaign_summaries"])
async def test_a_cursor_goes_by_both_names(api: Api, account: Account, work: Any, path: str) -> None:
    sender = {"from_name": "N", "from_email": account.email, "reply_to_email": account.email, "subject": "S"}
    for name in ("One", "Two"):
        await api.post("/v3/contact_lists", {"name": name})
        email = {"format_type": 5, "html_content": "<p>x</p>", **sender}
        created = await api.post("/v3/emails", {"name": name, "email_campaign_activities": [email]})
        activity = f"/v3/emails/activities/{created.body['campaign_activities'][0]['campaign_activity_id']}"
        await api.put(activity, {**sender, "contact_list_ids": [str(account.list_id)]})
        await api.post(f"{activity}/schedules", {"scheduled_date": "0"})
        await work()
    href = (await api.get(f"/v3/{path}?limit=1")).body["_links"]["next"]["href"]
    value = href.partition("=")[2]
    by_cursor, by_next = [await api.get(f"/v3/{path}", {name: value}) for name in ("cursor", "next")]
    assert (200, by_cursor.body) == (by_next.status, by_next.body)
    assert by_cursor.body != (await api.get(f"/v3/{path}?limit=1")).body
