"""How published clients page through reports: to the end, and then they stop. Source: contract, clients.md; its rows."""

from typing import Any

import pytest

from everpost.platform.db import run
from tests.reports.conftest import Mail, mail, new_contact, new_mail  # noqa: F401  (fixtures)
from tests.support.api import Api

REPORTS = ("sends", "opens", "unique_opens", "didnotopens", "clicks", "forwards", "optouts", "bounces")
SUMMARIES = "/v3/reports/summary_reports/email_campaign_summaries"


@pytest.fixture
async def visited(mail: Mail, new_contact: Any) -> Mail:  # noqa: F811
    """Nine people, of each kind of event at least two; all opens, clicks and bounces at one moment."""
    people = {await new_contact(f"n{n}@reader.example"): f"n{n}@reader.example" for n in range(9)}
    ids = list(people)
    await mail.send(people)
    (url_id,) = await mail.register("https://harborlane.example/new")
    for contact_id in ids[:3]:
        await mail.hit(contact_id, 20)
        await mail.hit(contact_id, 21, url_id=url_id)
        await mail.forward(contact_id, 22)
        await mail.opt_out(contact_id, 23)
    await mail.bounce(ids[3], "B", 24)
    await mail.bounce(ids[4], "F", 24)
    return mail


def names_of(body: dict[str, Any]) -> list[tuple[str, str]]:
    return [(each["contact_id"], each["created_time"]) for each in body["tracking_activities"]]


@pytest.mark.parametrize("report", REPORTS)
async def test_a_report_is_paged_to_its_end_and_no_further(api: Api, visited: Mail, report: str) -> None:  # 8, 41
    whole = names_of((await api.get(f"{visited.tracking}/{report}")).body)
    seen: list[tuple[str, str]] = []
    pages, href = 0, f"{visited.tracking}/{report}?limit=1"
    while href:
        assert href.startswith("/v3/reports/")
        body = (await api.get(f"http://everpost.test{href}")).body
        seen, pages = seen + names_of(body), pages + 1
        href = body.get("_links", {}).get("next", {}).get("href")
    assert (whole, len(whole)) == (seen, pages)
    assert ("_links" in body) == (report in ("optouts", "bounces"))  # 30
    assert len(whole) >= 2


async def test_the_cursor_alone_is_taken_with_the_original_filters(api: Api, visited: Mail) -> None:  # 9
    filters = [("bounce_code", "B"), ("bounce_code", "F"), ("limit", "1")]
    first = (await api.get(f"{visited.tracking}/bounces", filters)).body
    cursor = first["_links"]["next"]["href"].split("cursor=")[1]
    again = await api.get(f"{visited.tracking}/bounces", [*filters, ("cursor", cursor)])
    alone = await api.get(f"{visited.tracking}/bounces", {"cursor": cursor})
    assert (200, again.body) == (again.status, alone.body)
    other = await api.get(f"{visited.tracking}/sends", {"cursor": cursor})
    assert (400, "cursor does not have a valid value") == (other.status, other.error_message)


@pytest.mark.parametrize("name", ["next", "cursor"])
async def test_summaries_come_last_sent_first_by_either_name(
    api: Api,
    visited: Mail,
    new_mail: Any,  # noqa: F811
    name: str,
) -> None:  # 32
    for number in range(2):
        other = await new_mail(f"Another {number}")
        await other.send(dict.fromkeys(visited.contacts[:1], "n0@reader.example"))
    async with visited.db.transaction() as conn:
        await run(conn, "UPDATE campaign_runs SET run_at = run_at - interval '1 day' WHERE sent_count = 9")
    seen, query = [], {"limit": "1"}
    while query:
        body = (await api.get(SUMMARIES, query)).body
        seen += body["bulk_email_campaign_summaries"]
        href = body.get("_links", {}).get("next", {}).get("href", "")
        query = {name: href.partition("=")[2]} if href else {}
    assert [1, 1, 9] == [each["unique_counts"]["sends"] for each in seen]
    assert all(type(count) is int for each in seen for count in each["unique_counts"].values())


@pytest.mark.parametrize("report", ["activity_details", "activity_summary"])
async def test_a_contacts_reports_are_paged_to_their_end_and_no_further(
    api: Api,
    visited: Mail,
    new_mail: Any,  # noqa: F811
    report: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # 8, 9, 41
    contact_id = visited.contacts[0]
    for number in range(2):
        await (await new_mail(f"Another {number}")).send({contact_id: "n0@reader.example"})
    path = f"/v3/reports/contact_reports/{contact_id}/{report}"
    details = {"tracking_activities_list": "em_sends,em_opens,em_clicks,em_forwards,em_optouts"}
    query = details if report == "activity_details" else {"start": "2026-01-01", "end": "2026-12-31"}
    member = "tracking_activities" if report == "activity_details" else "campaign_activities"
    whole = (await api.get(path, query)).body[member]
    monkeypatch.setattr("everpost.reports.contact_reports.SUMMARY_PAGE", 1)
    seen, pages, cursor = [], 0, ""
    while pages == 0 or cursor:
        # As the connectors do it: the cursor alone out of the link, and all parameters once more.
        body = (await api.get(path, {**query, "limit": "1", **({"cursor": cursor} if cursor else {})})).body
        seen, pages = seen + body[member], pages + 1
        cursor = body.get("_links", {}).get("next", {}).get("href", "").partition("cursor=")[2]
    assert (whole, len(whole), False) == (seen, pages, "_links" in body)
    assert len(whole) >= 3


async def test_many_statistics_are_asked_for_with_escaped_commas(api: Api, visited: Mail) -> None:  # 32
    path = "/v3/reports/stats/email_campaign_activities"
    answer = await api.get(f"{path}/{visited.activity_id}%2C{visited.permalink_id}")
    assert (200, 1, 1) == (answer.status, len(answer.body["results"]), len(answer.body["errors"]))
