"""What published clients send to campaigns and read in reports. Source: contract, clients.md; the numbers are its rows."""

import re
from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import Any
from urllib.parse import quote

import pytest

from tests.support.api import Api, Reply
from tests.support.fixtures import Account

MILLISECONDS = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z")

Make = Callable[..., Awaitable[Reply]]


@pytest.fixture
def create(api: Api, account: Account) -> Make:
    """POSTs a campaign as clients do: `await create("Spring", contact_list_ids=[...])`."""

    async def make(name: str = "Tide Table", **more: Any) -> Reply:
        email = {
            "format_type": 5, "from_name": "Harbor Lane", "from_email": account.email, "reply_to_email": account.email,
            "subject": "New", "html_content": "<html><body><p>Hello</p>[[trackingImage]]</body></html>", **more,
        }  # fmt: skip
        return await api.post("/v3/emails", {"name": name, "email_campaign_activities": [email]})

    return make


@pytest.fixture
def ready(api: Api, account: Account, create: Make) -> Callable[..., Awaitable[str]]:
    """A campaign for the account's own list; returns the path of its email."""

    async def make(name: str = "Tide Table") -> str:
        created = await create(name)
        path = f"/v3/emails/activities/{created.body['campaign_activities'][0]['campaign_activity_id']}"
        read = (await api.get(path, {"include": "html_content,permalink_url,physical_address_in_footer"})).body
        answer = await api.put(path, read | {"contact_list_ids": [str(account.list_id)]})  # 15: the body of the GET
        assert answer.status == 200, answer
        return path

    return make


@pytest.fixture
async def sent(api: Api, ready: Callable[..., Awaitable[str]], work: Any) -> dict[str, str]:
    """A campaign that went out: its ids."""
    path = await ready()
    await api.post(f"{path}/schedules", {"scheduled_date": "0"})
    await work()
    found = (await api.get(path)).body
    assert found["current_status"] == "DONE"
    return {"activity": found["campaign_activity_id"], "campaign": found["campaign_id"]}


# 18: a created campaign.


async def test_a_created_campaign_answers_200_with_the_email_first(create: Make) -> None:
    answer = await create()
    assert 200 == answer.status
    assert ["primary_email", "permalink"] == [each["role"] for each in answer.body["campaign_activities"]]


async def test_an_audience_in_a_new_campaign_is_left_aside(create: Make, account: Account) -> None:  # 41
    answer = await create(contact_list_ids=[str(account.list_id)], current_status="DRAFT", role="primary_email")
    assert 200 == answer.status


async def test_a_campaign_has_the_form_of_captured_answers(api: Api, create: Make) -> None:  # section 2
    created = (await create()).body
    (listed,) = (await api.get("/v3/emails")).body["campaigns"]
    activity = (
        await api.get(f"/v3/emails/activities/{created['campaign_activities'][0]['campaign_activity_id']}")
    ).body
    for campaign in (created, listed):
        assert ("Draft", "CUSTOM_CODE_EMAIL", 26) == (
            campaign["current_status"], campaign["type"], campaign["type_code"]
        )  # fmt: skip
        assert all(MILLISECONDS.fullmatch(campaign[name]) for name in ("created_at", "updated_at"))
    assert "DRAFT" == activity["current_status"]


async def test_no_campaign_of_the_collection_has_a_date_of_its_last_send(api: Api, sent: dict[str, str]) -> None:  # 40
    assert not any("last_sent_date" in each for each in (await api.get("/v3/emails")).body["campaigns"])
    assert "last_sent_date" not in (await api.get(f"/v3/emails/{sent['campaign']}")).body


# 19: sending now and later.


@pytest.mark.parametrize(
    "now", ["0", 0, "1970-01-01T00:00:00+00:00", "1970-01-01T00:00:00Z", "1970-01-01T00:00:00.000Z"]
)
async def test_now_is_zero_and_what_the_official_package_makes_of_it(
    api: Api, ready: Callable[..., Awaitable[str]], now: str | int
) -> None:
    answer = await api.post(f"{await ready()}/schedules", {"scheduled_date": now})
    assert (201, []) == (answer.status, answer.body)


@pytest.mark.parametrize("offset", ["Z", "+00:00", "+0000", ".000Z"])
async def test_a_date_is_answered_in_an_array(
    api: Api, ready: Callable[..., Awaitable[str]], clock: Any, offset: str
) -> None:
    later = clock.now() + timedelta(days=1)
    path = await ready()
    answer = await api.post(f"{path}/schedules", {"scheduled_date": f"{later:%Y-%m-%dT%H:%M:%S}{offset}"})
    assert 201 == answer.status
    assert f"{later:%Y-%m-%dT%H:%M:%S}.000Z" == answer.body[0]["scheduled_date"]
    assert answer.body == (await api.get(f"{path}/schedules")).body


# 15: a read activity is sent back.


async def test_an_email_that_was_read_can_be_sent_back(api: Api, ready: Callable[..., Awaitable[str]]) -> None:
    path = await ready()
    include = {"include": "html_content,permalink_url,physical_address_in_footer,document_properties"}
    read = (await api.get(path, include)).body
    answer = await api.put(path, read | {"subject": "Newer", "email": "x@example.com"})
    assert (200, "Newer", read["contact_list_ids"]) == (
        answer.status, answer.body["subject"], answer.body["contact_list_ids"]
    )  # fmt: skip


async def test_an_empty_answer_is_empty(api: Api, account: Account, ready: Callable[..., Awaitable[str]]) -> None:  # 17
    path = await ready()
    tested = await api.post(f"{path}/tests", {"email_addresses": [account.email], "personal_message": ""})
    removed = await api.delete(f"/v3/emails/{(await api.get(path)).body['campaign_id']}")
    for answer in (tested, removed):
        assert (204, b"", None) == (answer.status, answer.content, answer.headers.get("content-type"))


# 30: an official package insists on `_links` in two reports.


@pytest.mark.parametrize("report", ["optouts", "bounces"])
async def test_two_reports_have_links_although_they_lead_nowhere(api: Api, sent: dict[str, str], report: str) -> None:
    answer = await api.get(f"/v3/reports/email_reports/{sent['activity']}/tracking/{report}")
    assert {"tracking_activities": [], "_links": {}} == answer.body


@pytest.mark.parametrize("report", ["sends", "opens", "unique_opens", "didnotopens", "clicks", "forwards"])
async def test_the_other_reports_leave_links_out(api: Api, sent: dict[str, str], report: str) -> None:  # 41
    answer = await api.get(f"/v3/reports/email_reports/{sent['activity']}/tracking/{report}")
    assert {"tracking_activities"} == set(answer.body)


# 32: numbers for dashboards.


async def test_the_summary_has_eight_counts_last_sent_first(
    api: Api, ready: Callable[..., Awaitable[str]], work: Any, clock: Any
) -> None:
    for name in ("First", "Second", "Third"):
        await api.post(f"{await ready(name)}/schedules", {"scheduled_date": "0"})
        await work()
        clock.move(timedelta(minutes=1))
    found = (await api.get("/v3/reports/summary_reports/email_campaign_summaries")).body
    summaries = found["bulk_email_campaign_summaries"]
    dates = [each["last_sent_date"] for each in summaries]
    assert (3, sorted(dates, reverse=True)) == (len(dates), dates)
    assert all(MILLISECONDS.fullmatch(date) for date in dates)
    expected = {"sends", "opens", "clicks", "forwards", "optouts", "abuse", "bounces", "not_opened"}
    for each in summaries:
        assert expected == set(each["unique_counts"])
        assert all(isinstance(count, int) for count in each["unique_counts"].values())
    page = (await api.get("/v3/reports/summary_reports/email_campaign_summaries", {"limit": "2"})).body
    href = page["_links"]["next"]["href"]
    assert href.startswith("/v3/reports/summary_reports/email_campaign_summaries?next=")
    rest = (await api.get(href)).body
    assert summaries[2:] == rest["bulk_email_campaign_summaries"]
    assert "_links" not in rest


@pytest.mark.parametrize("separator", [",", "%2C"])
@pytest.mark.parametrize("kind", ["campaign", "activity"])
async def test_statistics_of_several_are_asked_for_in_the_path(
    api: Api, sent: dict[str, str], ready: Callable[..., Awaitable[str]], separator: str, kind: str
) -> None:
    draft = (await api.get(await ready("Draft"))).body
    of_kind = {"campaign": "email_campaigns", "activity": "email_campaign_activities"}[kind]
    other = {"campaign": draft["campaign_id"], "activity": draft["campaign_activity_id"]}[kind]
    answer = await api.get(f"/v3/reports/stats/{of_kind}/{sent[kind]}{separator}{other}")
    assert 200 == answer.status, answer
    assert [1] == [each["stats"]["em_sends"] for each in answer.body["results"]]
    assert all({"error_key", "error_message"} == set(each) for each in answer.body["errors"])


# 33: who the account is.


@pytest.mark.parametrize("extra", ["physical_address", quote("physical_address,company_logo")])
async def test_the_account_has_what_sign_in_plugins_read(api: Api, extra: str) -> None:
    summary = (await api.get(f"/v3/account/summary?extra_fields={extra}")).body
    for name in ("encoded_account_id", "first_name", "last_name", "contact_email", "organization_name"):
        assert isinstance(summary[name], str)
        assert summary[name]
    assert summary["physical_address"]["country_code"]
    assert "physical_address" not in (await api.get("/v3/account/summary")).body
