"""Every moment that goes out is UTC, ends in Z and has its family's precision. Source: contract, conventions.md §9, §15."""

import re
from collections.abc import Iterator
from typing import Any

import pytest

from tests.support.api import Api
from tests.support.fixtures import Account

LOOKS_LIKE_A_DATE = re.compile(r"\d{4}-\d\d-\d\d([T ].*)?")
SECONDS = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ")
MILLISECONDS = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z")
DAY = re.compile(r"\d{4}-\d\d-\d\d")
DAYS = {"anniversary", "deleted_at", "value"}


def dates_of(body: Any, name: str = "") -> Iterator[tuple[str, str]]:
    """Every text of a body that begins like a date, and the member it stands in."""
    if isinstance(body, dict):
        for member, value in body.items():
            yield from dates_of(value, member)
    elif isinstance(body, list):
        for value in body:
            yield from dates_of(value, name)
    elif isinstance(body, str) and LOOKS_LIKE_A_DATE.fullmatch(body):
        yield name, body


@pytest.fixture
async def paths(api: Api, account: Account, work: Any) -> dict[str, list[str]]:
    """A little of everything, and where it is read, by the precision of its dates."""
    field = (await api.post("/v3/contact_custom_fields", {"label": "Boat", "type": "datetime"})).body
    await api.post("/v3/contact_lists", {"name": "Other"})
    gone = (await api.post("/v3/contact_lists", {"name": "Gone"})).body["list_id"]
    await api.delete(f"/v3/contact_lists/{gone}")
    body = {
        "create_source": "Account",
        "anniversary": "9/3/2021",
        "email_address": {"address": "odile@example.com", "permission_to_send": "implicit"},
        "phone_numbers": [{"phone_number": "1"}],
        "street_addresses": [{"kind": "home", "city": "Salem"}],
        "notes": [{"content": "x", "created_at": "2026-01-01T00:00:00+00:00"}],
        "custom_fields": [{"custom_field_id": field["custom_field_id"], "value": "2026-01-01T10:00:00+02:00"}],
        "list_memberships": [str(account.list_id)],
    }
    created = await api.post("/v3/contacts", body)
    assert created.status == 201, created
    contact_id = created.body["contact_id"]
    campaign = await _sent(api, account)
    later = await _sent(api, account, name="Later", at="2031-04-05T06:07:08-0500")
    await work()
    await api.put(
        f"/v3/contacts/{contact_id}",
        {"update_source": "Contact", "email_address": {"address": "odile@example.com", "permission_to_send": "unsubscribed"}},
    )  # fmt: skip
    await api.delete(f"/v3/contacts/{contact_id}")
    everything = "include=custom_fields,list_memberships,phone_numbers,street_addresses,notes,taggings"
    report = f"reports/email_reports/{campaign['campaign_activity_id']}"
    return {
        "seconds": [
            f"contacts/{contact_id}?{everything}", f"contacts?status=all&{everything}", "contact_lists?status=all",
            f"contact_lists/{account.list_id}", f"contact_lists/{gone}", "contact_custom_fields",
            f"contact_custom_fields/{field['custom_field_id']}", "activities",
        ],
        "milliseconds": [
            "emails", f"emails/{campaign['campaign_id']}", f"emails/activities/{campaign['campaign_activity_id']}/send_history",
            f"emails/activities/{later['campaign_activity_id']}/schedules",
            *(f"{report}/tracking/{name}" for name in ("sends", "didnotopens", "opens", "optouts")),
            "reports/summary_reports/email_campaign_summaries",
            f"reports/stats/email_campaigns/{campaign['campaign_id']}",
            f"reports/stats/email_campaign_activities/{campaign['campaign_activity_id']}",
        ],
    }  # fmt: skip


async def _sent(api: Api, account: Account, name: str = "Spring", at: str = "0") -> dict[str, str]:
    sender = {"from_name": "N", "from_email": account.email, "reply_to_email": account.email, "subject": "S"}
    email = {"format_type": 5, "html_content": "<p>x</p>", **sender}
    campaign = (await api.post("/v3/emails", {"name": name, "email_campaign_activities": [email]})).body
    activity_id = campaign["campaign_activities"][0]["campaign_activity_id"]
    path = f"/v3/emails/activities/{activity_id}"
    await api.put(path, {**sender, "contact_list_ids": [str(account.list_id)]})
    scheduled = await api.post(f"{path}/schedules", {"scheduled_date": at})
    assert scheduled.status == 201, scheduled
    return {"campaign_id": campaign["campaign_id"], "campaign_activity_id": activity_id}


async def test_every_date_ends_in_z_and_has_its_familys_precision(api: Api, paths: dict[str, list[str]]) -> None:
    seen = 0
    for precision, form in (("seconds", SECONDS), ("milliseconds", MILLISECONDS)):
        for path in paths[precision]:
            answer = await api.get(f"/v3/{path}")
            assert 200 == answer.status, (path, answer)
            for name, text in dates_of(answer.body):
                seen += 1
                assert form.fullmatch(text) or (name in DAYS and DAY.fullmatch(text)), (path, name, text)
    assert seen > 60


async def test_a_date_with_an_offset_goes_out_in_utc(api: Api, paths: dict[str, list[str]]) -> None:
    schedules = next(path for path in paths["milliseconds"] if path.endswith("/schedules"))
    assert [{"scheduled_date": "2031-04-05T11:07:08.000Z"}] == (await api.get(f"/v3/{schedules}")).body
    contact = (await api.get(f"/v3/{paths['seconds'][0]}")).body
    assert "2026-01-01T08:00:00Z" == contact["custom_fields"][0]["value"]


async def test_a_contact_was_deleted_on_a_day_and_a_list_at_a_moment(api: Api, paths: dict[str, list[str]]) -> None:
    contact, deleted_list = [(await api.get(f"/v3/{paths['seconds'][number]}")).body for number in (0, 4)]
    assert DAY.fullmatch(contact["deleted_at"])
    assert SECONDS.fullmatch(deleted_list["deleted_at"])


async def test_a_row_of_a_deleted_contact_has_the_day(api: Api, paths: dict[str, list[str]]) -> None:
    sends = next(path for path in paths["milliseconds"] if path.endswith("/sends"))
    rows = (await api.get(f"/v3/{sends}")).body["tracking_activities"]
    deleted = [row["deleted_at"] for row in rows if "deleted_at" in row]
    assert (1, True) == (len(deleted), all(DAY.fullmatch(each) for each in deleted))
