"""What came of the mails to one contact. Source: contract, contacts.md §9, reporting.md §7."""

from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest

from everpost.ids import ContactId
from everpost.reports import contact_reports
from everpost.tracking import sends
from everpost.tracking.sends import Send
from tests.reports.conftest import NOON, Mail
from tests.support.fixtures import AccountApi
from tests.support.official import misread, models

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::UserWarning")

NewContact = Callable[..., Awaitable[ContactId]]
REPORTS = "/v3/reports/contact_reports"
YEAR = {"start": "2026-01-01", "end": "2026-12-31T23:59:59-0500"}
ALL = "em_sends,em_opens,em_clicks,em_bounces,em_optouts,em_forwards,p_contact_open"


@pytest.fixture
async def ann(mail: Mail, new_contact: NewContact) -> ContactId:
    """She got the mail, opened it twice, clicked, forwarded it and left; the address bounced for good measure."""
    ann, other = await new_contact("ann@reader.example"), await new_contact("bob@reader.example")
    await mail.send({ann: "ann@reader.example", other: "bob@reader.example"})
    (url_id,) = await mail.register("https://harborlane.example/new")
    for contact in (ann, other):
        await mail.hit(contact, 10)
        await mail.hit(contact, 11)
        await mail.hit(contact, 12, url_id=url_id)
    await mail.forward(ann, 13)
    await mail.opt_out(ann, 14)
    await mail.bounce(ann, "V", 15)
    return ann


async def details(api: Any, contact_id: ContactId, params: Any) -> list[dict[str, Any]]:
    answer = await api.get(f"{REPORTS}/{contact_id}/activity_details", params=params)
    assert 200 == answer.status, answer
    rows = list(answer.body["tracking_activities"])
    while "_links" in answer.body:
        answer = await api.get(answer.body["_links"]["next"]["href"])
        rows += answer.body["tracking_activities"]
    return rows


async def test_every_single_event_is_listed_newest_first(api: Any, mail: Mail, ann: ContactId) -> None:
    rows = await details(api, ann, {"tracking_activities_list": ALL})

    assert ["em_bounces", "em_optouts", "em_forwards", "em_clicks", "em_opens", "em_opens", "em_sends"] == [
        row["tracking_activity_type"] for row in rows
    ]
    assert {
        "contact_id": str(ann),
        "campaign_activity_id": str(mail.activity_id),
        "created_time": "2026-03-06T12:00:00.000Z",
        "tracking_activity_type": "em_sends",
        "campaign_activity_name": "Spring",
    } == rows[-1]


async def test_types_may_be_repeated_and_pages_follow_each_other(api: Any, ann: ContactId) -> None:
    whole = await details(api, ann, {"tracking_activities_list": ALL, "include_campaign_activity_names": "false"})
    paged = await details(
        api, ann, {"tracking_activities_list": ALL, "include_campaign_activity_names": "0", "limit": "2"}
    )
    some = await details(
        api, ann, [("tracking_activity_type", "em_sends"), ("tracking_activity_type", "EM_CLICKS"), ("limit", "1")]
    )

    other_name = await details(api, ann, [("tracking_activities_type", name) for name in ("em_sends", "em_clicks")])

    assert whole == paged
    assert some == other_name
    assert "campaign_activity_name" not in whole[0]
    assert ["em_clicks", "em_sends"] == [row["tracking_activity_type"] for row in some]


@pytest.mark.parametrize(
    ("params", "name"),
    [
        ({}, "tracking_activity_type"),
        ({"tracking_activity_type": "em_sends", "tracking_activities_list": "em_opens"}, "tracking_activity_type"),
        ({"tracking_activities_type": "em_sends", "tracking_activities_list": "em_opens"}, "tracking_activity_type"),
        ({"tracking_activity_type": "em_didnotopens"}, "tracking_activity_type"),
        ({"tracking_activities_list": "em_sends,sms"}, "tracking_activities_list"),
        ({"tracking_activity_type": "em_sends", "limit": "101"}, "limit"),
        ({"tracking_activity_type": "em_sends", "limit": "ten"}, "limit"),
        ({"tracking_activity_type": "em_sends", "include_campaign_activity_names": "si"}, "include_campaign_activity_names"),
        ({"cursor": "x"}, "cursor"),
    ],
)  # fmt: skip
async def test_details_that_cannot_be_asked_for(api: Any, ann: ContactId, params: dict[str, str], name: str) -> None:
    answer = await api.get(f"{REPORTS}/{ann}/activity_details", params=params)

    error = {"error_key": "reportingsvc.validation.error", "error_message": f"{name} does not have a valid value"}
    assert (400, [error]) == (answer.status, answer.body)


async def test_rates_are_shares_of_the_mails_sent_in_the_range(
    api: Any, new_mail: Any, mail: Mail, ann: ContactId
) -> None:
    for name in ("Summer", "Autumn"):
        await (await new_mail(name)).send({ann: "ann@reader.example"})

    answer = await api.get(f"{REPORTS}/{ann}/open_and_click_rates", params=YEAR)
    exact = {"start": NOON.isoformat(), "end": NOON.isoformat()}
    nothing = {"start": "2020-01-01", "end": "2024-12-30"}

    assert {
        "contact_id": str(ann),
        "included_activities_count": 3,
        "average_open_rate": 0.3333,
        "average_click_rate": 0.3333,
    } == answer.body
    assert 3 == (await api.get(f"{REPORTS}/{ann}/open_and_click_rates", params=exact)).body["included_activities_count"]
    assert {
        "contact_id": str(ann),
        "included_activities_count": 0,
        "average_open_rate": 0,
        "average_click_rate": 0,
    } == (await api.get(f"{REPORTS}/{ann}/open_and_click_rates", params=nothing)).body


async def test_a_summary_counts_each_mail_and_pages_by_two_hundred(
    api: Any, new_mail: Any, mail: Mail, ann: ContactId, monkeypatch: pytest.MonkeyPatch
) -> None:
    summer = await new_mail("Summer")
    await summer.send({ann: "ann@reader.example"})
    assert 200 == contact_reports.SUMMARY_PAGE
    whole = (await api.get(f"{REPORTS}/{ann}/activity_summary", params={**YEAR, "limit": "many"})).body
    monkeypatch.setattr(contact_reports, "SUMMARY_PAGE", 1)

    first = (await api.get(f"{REPORTS}/{ann}/activity_summary", params=YEAR)).body
    second = (await api.get(first["_links"]["next"]["href"])).body

    spring = {
        "campaign_activity_id": str(mail.activity_id),
        "start_on": "2026-03-06T12:00:00.000Z",
        "em_sends": 1,
        "em_opens": 2,
        "em_clicks": 1,
        "em_bounces": 1,
        "em_forwards": 1,
        "em_unsubscribes": 1,
    }
    quiet = {**dict.fromkeys(spring, 0), "campaign_activity_id": str(summer.activity_id), "em_sends": 1}
    assert [{**quiet, "start_on": spring["start_on"]}, spring] == whole["campaign_activities"]
    assert (str(ann), set()) == (whole["contact_id"], {"_links"} & set(whole))
    assert whole["campaign_activities"] == first["campaign_activities"] + second["campaign_activities"]
    assert "_links" not in second


async def test_a_range_that_ends_with_the_time_that_is_shown_holds_that_mail(
    api: Any, mail: Mail, new_contact: NewContact
) -> None:
    ann = await new_contact("ann@reader.example")
    sent_at = NOON + timedelta(microseconds=7_900)
    async with mail.db.transaction() as conn:
        await sends.append(conn, mail.account_id, [Send(mail.activity_id, ann, sent_at, "ann@reader.example")])

    def ask(report: str, start: str, end: str) -> Any:
        return api.get(f"{REPORTS}/{ann}/{report}", params={"start": start, "end": end})

    (shown,) = (await ask("activity_summary", "2026-01-01", "2026-12-31")).body["campaign_activities"]
    at, before, after = shown["start_on"], "2026-03-06T12:00:00.006999Z", "2026-03-06T12:00:00.008Z"

    assert "2026-03-06T12:00:00.007Z" == at
    for start, end, expected in ((at, at, [shown]), ("2026-01-01", before, []), (after, "2026-12-31", [])):
        assert expected == (await ask("activity_summary", start, end)).body["campaign_activities"]
        rates = (await ask("open_and_click_rates", start, end)).body
        assert len(expected) == rates["included_activities_count"]
    assert (
        []
        == (await ask("activity_summary", "9999-12-31T23:59:59.9999Z", "9999-12-31T23:59:59.9999Z")).body[
            "campaign_activities"
        ]
    )


@pytest.mark.parametrize("report", ["open_and_click_rates", "activity_summary"])
@pytest.mark.parametrize(
    ("params", "names"),
    [
        ({}, ["start", "end"]),
        ({"start": "2026-01-01"}, ["end"]),
        ({"start": "soon", "end": "2026-01-01"}, ["start"]),
        ({"start": "2026-01-02", "end": "2026-01-01"}, ["end"]),
        ({"start": "2020-01-01", "end": "2025-01-01"}, ["start"]),
    ],
)
async def test_ranges_that_cannot_be_asked_for(
    api: Any, ann: ContactId, report: str, params: dict[str, str], names: list[str]
) -> None:
    answer = await api.get(f"{REPORTS}/{ann}/{report}", params=params)

    assert (400, [f"{name} does not have a valid value" for name in names]) == (
        answer.status,
        [error["error_message"] for error in answer.body],
    )


@pytest.mark.parametrize("report", ["activity_details", "open_and_click_rates", "activity_summary"])
async def test_whose_report_there_is(api: AccountApi, ann: ContactId, report: str) -> None:
    params = {**YEAR, "tracking_activity_type": "em_sends"}
    await api.delete(f"/v3/contacts/{ann}")
    statuses = {
        name: (await client.get(f"{REPORTS}/{who}/{report}", params=params)).status
        for name, client, who in (
            ("deleted", api, ann),
            ("unknown", api, uuid4()),
            ("malformed", api, "42"),
            ("contact scope", await api.with_scopes("contact_data"), ann),
            ("campaign scope", await api.with_scopes("campaign_data"), ann),
            ("other scope", await api.with_scopes("account_read"), ann),
            ("no privilege", await api.as_role("campaign_creator"), ann),
        )
    }

    assert {
        "deleted": 200, "unknown": 404, "malformed": 400, "contact scope": 200, "campaign scope": 200,
        "other scope": 403, "no privilege": 403,
    } == statuses  # fmt: skip
    unknown = await api.get(f"{REPORTS}/{uuid4()}/{report}", params=params)
    assert ("reportingsvc.not_found", "The requested resource was not found.") == (
        unknown.error_key,
        unknown.error_message,
    )


async def test_the_official_package_reads_them(api: Any, ann: ContactId) -> None:
    pairs = {
        "activity_details": models.GetContactTrackingReport200Response,
        "open_and_click_rates": models.GetContactOpenClickRateReport200Response,
        "activity_summary": models.GetContactTrackingCountReport200Response,
    }
    for report, model in pairs.items():
        params = {"tracking_activity_type": "em_sends"} if report == "activity_details" else YEAR
        assert [] == misread(model, await api.get(f"{REPORTS}/{ann}/{report}", params=params))
