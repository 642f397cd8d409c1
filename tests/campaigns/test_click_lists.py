"""Whoever clicks a chosen link joins a list. Source: contract, campaigns.md §6.2, reporting.md §3."""

import re
from collections.abc import Mapping
from datetime import timedelta
from typing import Any
from urllib.parse import urlsplit
from uuid import UUID

import httpx
import pytest

from everpost.campaigns import click_lists
from everpost.campaigns.errors import StateForbids
from everpost.ids import CampaignActivityId, CampaignId, ContactId, ListId, UrlId
from everpost.platform.db import Db, many, one
from everpost.platform.errors import Invalid
from everpost.tracking import ledger
from everpost.tracking.hits import Hit
from tests.campaigns.conftest import Campaign, parsed, shown

A, B, UNCHOSEN = (f"https://harborlane.example/{name}" for name in ("a", "b", "unchosen"))
BURST = [f"https://harborlane.example/burst/{number}" for number in range(5)]
HTML = (
    "<html><body><p>Hello</p>"
    + "".join(f"<a href='{url}'>Go</a>" for url in (A, B, UNCHOSEN, *BURST))
    + "</body></html>"
)
FIREFOX = {"User-Agent": "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0"}
A_MINUTE = timedelta(seconds=61)


class Reader:
    """What recipients do with the mails they got."""

    def __init__(self, app: Any, mailbox: Any) -> None:
        self.mailbox = mailbox
        self.client = httpx.AsyncClient(
            transport=httpx.ASGITransport(app=app), base_url="http://everpost.test", headers=FIREFOX
        )

    async def click(self, address: str, url: str) -> None:
        """Follow a link in somebody's newest mail."""
        mail = next(mail for mail in await self.mailbox() if parsed(mail)["To"] == address)
        for link in re.findall(r'href="([^"]*/c/[^"]+)"', shown(mail)):
            path = urlsplit(link).path
            # Which link it is shows where it leads; HEAD is no click.
            if (await self.client.head(path)).headers.get("location") == url:
                assert 302 == (await self.client.get(path)).status_code
                return
        raise AssertionError(url)


@pytest.fixture
async def reader(app: Any, mailbox: Any) -> Any:
    found = Reader(app, mailbox)
    yield found
    await found.client.aclose()


@pytest.fixture
def members(api: Any) -> Any:
    async def read(list_id: Any) -> set[str]:
        body = (await api.get("/v3/contacts", params={"lists": str(list_id)})).body
        return {each["email_address"]["address"] for each in body["contacts"]}

    return read


@pytest.fixture
async def new_list(api: Any) -> Any:
    async def create(name: str) -> str:
        reply = await api.post("/v3/contact_lists", {"name": name})
        assert 201 == reply.status, reply
        return str(reply.body["list_id"])

    return create


async def choose(db: Db, account: Any, campaign: Campaign, chosen: Mapping[str, Any]) -> None:
    async with db.transaction() as conn:
        lists = {url: ListId(UUID(list_id)) for url, list_id in chosen.items()}
        await click_lists.replace(conn, account.account_id, CampaignId(UUID(campaign.campaign_id)), lists)


async def send(api: Any, work: Any, campaign: Campaign) -> None:
    assert 201 == (await api.post(campaign.schedules, {"scheduled_date": "0"})).status
    await work()


async def report(api: Any, activity_id: str) -> dict[str, tuple[Any, Any]]:
    path = f"/v3/reports/email_reports/{activity_id}/links"
    body = (await api.get(path, params={"no_clicks": "true"})).body
    for each in body["link_click_counts"]:
        assert ("list_id" in each) == ("list_action" in each)
    return {each["link_url"]: (each.get("list_action"), each.get("list_id")) for each in body["link_click_counts"]}


async def later(clock: Any, work: Any) -> None:
    clock.move(A_MINUTE)
    await work()


async def test_whoever_clicks_a_chosen_link_joins_its_list_and_the_report_names_it(
    api: Any, db: Db, account: Any, work: Any, clock: Any, reader: Reader, members: Any,
    new_campaign: Any, new_contact: Any, new_list: Any, list_id: str,
) -> None:  # fmt: skip
    keen, other = await new_list("Keen on A"), await new_list("Keen on B")
    for name in ("ann", "bob", "eve"):
        await new_contact(f"{name}@example.com")
    campaign = await new_campaign(lists=[list_id], html_content=HTML)
    await choose(db, account, campaign, {A: keen, "https://gone.example": other})
    await send(api, work, campaign)
    await reader.click("ann@example.com", A)
    await reader.click("ann@example.com", A)
    await reader.click("bob@example.com", UNCHOSEN)
    await work()
    assert set() == await members(keen), "a machine may still show what it is"
    await later(clock, work)
    assert {"ann@example.com"} == await members(keen)
    links = await report(api, campaign.activity_id)
    assert [("add", keen), (None, None), (None, None)] == [links[url] for url in (A, B, UNCHOSEN)]
    shown_list = (await api.get(f"/v3/contact_lists/{keen}", params={"include_membership_count": "all"})).body
    assert 1 == shown_list["membership_count"]

    # What is chosen afterwards holds for mails that are out; a second click brings back nobody who was taken off.
    await choose(db, account, campaign, {A: keen, B: other})
    assert ("add", other) == (await report(api, campaign.activity_id))[B]
    assert (
        201
        == (
            await api.post(
                "/v3/activities/remove_list_memberships", {"source": {"list_ids": [keen]}, "list_ids": [keen]}
            )
        ).status
    )
    await work()
    for url in (A, B):
        await reader.click("ann@example.com", url)
    await later(clock, work)
    assert (set(), {"ann@example.com"}) == (await members(keen), await members(other))


async def test_machines_deleted_contacts_and_the_unsubscribed_join_nothing(
    api: Any, db: Db, account: Any, work: Any, clock: Any, reader: Reader, members: Any,
    new_campaign: Any, new_contact: Any, new_list: Any, list_id: str,
) -> None:  # fmt: skip
    keen = await new_list("Keen")
    people = {name: await new_contact(f"{name}@example.com") for name in ("machine", "gone", "out", "person")}
    campaign = await new_campaign(lists=[list_id], html_content=HTML)
    await choose(db, account, campaign, dict.fromkeys((A, *BURST), keen))
    await send(api, work, campaign)
    for url in BURST:
        await reader.click("machine@example.com", url)
    for name in ("gone", "out", "person"):
        await reader.click(f"{name}@example.com", A)
    assert 204 == (await api.delete(f"/v3/contacts/{people['gone']}")).status
    body = {
        "email_address": {"address": "out@example.com", "permission_to_send": "unsubscribed"},
        "update_source": "Contact",
    }
    assert 200 == (await api.put(f"/v3/contacts/{people['out']}", body)).status
    await later(clock, work)
    assert {"person@example.com"} == await members(keen)


async def test_one_fact_per_fold_and_what_runs_twice_or_too_late_changes_nothing(
    api: Any, db: Db, account: Any, work: Any, clock: Any, members: Any, new_campaign: Any, new_contact: Any,
    new_list: Any, list_id: str,
) -> None:  # fmt: skip
    keen, doomed = await new_list("Keen"), await new_list("Doomed")
    people = [ContactId(UUID(await new_contact(f"{name}@example.com"))) for name in ("ann", "bob")]
    campaign = await new_campaign(lists=[list_id], html_content=HTML)
    await choose(db, account, campaign, {A: keen, B: doomed})
    await send(api, work, campaign)
    activity_id = CampaignActivityId(UUID(campaign.activity_id))
    async with db.reader() as conn:
        sql = "SELECT url_id FROM links WHERE account_id = :account_id AND url = ANY(:urls) ORDER BY url"
        found = await many(conn, int, sql, account_id=account.account_id, urls=[A, B])
    url_ids = [UrlId(each) for each in found]
    hits = [Hit(activity_id, person, clock.now(), "computer", url_id) for person in people for url_id in url_ids]
    await ledger.record(db, account.account_id, hits + hits)
    await ledger.record(db, account.account_id, hits)
    async with db.reader() as conn:
        waiting = "SELECT count(*) FROM pgqueuer WHERE entrypoint LIKE 'links.clicked>%'"
        assert 1 == await one(conn, int, waiting)
    assert 202 == (await api.delete(f"/v3/contact_lists/{doomed}")).status
    await later(clock, work)
    assert {"ann@example.com", "bob@example.com"} == await members(keen)
    links = await report(api, campaign.activity_id)
    assert [("add", keen), (None, None)] == [links[url] for url in (A, B)]
    before = (await api.get(f"/v3/contacts/{people[0]}")).body
    clock.move(A_MINUTE)
    await click_lists.join(db, account.account_id, activity_id, [people[0], people[0]], url_ids)
    assert before == (await api.get(f"/v3/contacts/{people[0]}")).body
    async with db.reader() as conn:
        sql = "SELECT count(*) FROM list_memberships WHERE account_id = :account_id AND list_id = :list_id"
        assert 0 == await one(conn, int, sql, account_id=account.account_id, list_id=UUID(doomed))


async def test_a_resend_and_both_mails_of_a_subject_test_lead_onto_the_same_lists(
    api: Any, db: Db, account: Any, work: Any, clock: Any, reader: Reader, members: Any,
    new_campaign: Any, new_contact: Any, new_list: Any, list_id: str,
) -> None:  # fmt: skip
    keen, tested = await new_list("Keen"), await new_list("Tested")
    for name in ("ann", "bob"):
        await new_contact(f"{name}@example.com")
    campaign = await new_campaign(lists=[list_id], html_content=HTML)
    await choose(db, account, campaign, {A: keen})
    reply = await api.post(
        f"{campaign.activity}/non_opener_resends", {"resend_subject": "Still time", "delay_minutes": 720}
    )
    assert 201 == reply.status, reply
    await send(api, work, campaign)
    async with db.transaction() as conn:
        sql = "SELECT url FROM links WHERE account_id = :account_id AND list_id IS NOT NULL"
        assert [A] == await many(conn, str, sql, account_id=account.account_id)
    clock.move(timedelta(hours=12, minutes=5))
    await work()
    activities = (await api.get(campaign.path)).body["campaign_activities"]
    resend_id = next(each["campaign_activity_id"] for each in activities if each["role"] == "resend")
    assert ("add", keen) == (await report(api, resend_id))[A]
    await reader.click("ann@example.com", A)
    await later(clock, work)
    assert {"ann@example.com"} == await members(keen)

    test = await new_campaign("Two subjects", lists=[list_id], html_content=HTML)
    await choose(db, account, test, {A: tested})
    body = {"alternative_subject": "Signed copies inside", "test_size": 50, "winner_wait_duration": 6}
    assert 201 == (await api.post(f"{test.activity}/abtest", body)).status
    await send(api, work, test)
    subjects = {parsed(mail)["Subject"] for mail in (await reader.mailbox())[:2]}
    assert {"Nine new arrivals", "Signed copies inside"} == subjects
    for name in ("ann", "bob"):
        await reader.click(f"{name}@example.com", A)
    await later(clock, work)
    assert {"ann@example.com", "bob@example.com"} == await members(tested)


async def test_only_lists_that_exist_and_only_a_campaign_at_rest(
    api: Any, db: Db, account: Any, clock: Any, new_campaign: Any, list_id: str
) -> None:
    campaign = await new_campaign(lists=[list_id], html_content=HTML)
    with pytest.raises(Invalid, match="list_ids"):
        await choose(db, account, campaign, {A: campaign.campaign_id})
    assert (
        201
        == (
            await api.post(campaign.schedules, {"scheduled_date": (clock.now() + timedelta(days=1)).isoformat()})
        ).status
    )
    with pytest.raises(StateForbids):
        await choose(db, account, campaign, {A: list_id})
