"""The pages a marketer looks at: campaigns with their numbers, a report, who did what, a contact's history."""

import csv
import io
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from everpost.ids import CampaignActivityId, UrlId, new_id
from everpost.platform.db import run
from everpost.portal import echarts, report_heat_map
from everpost.reports.link_maps import Link
from everpost.tracking import links
from tests.portal.window import Window
from tests.reports.conftest import NOON, Mail, add_run, mail, minutes, new_contact, new_mail  # noqa: F401  (fixtures)

NEW = "https://harborlane.example/new"
UNKNOWN = "0193a1c2-0000-7000-8000-00000000dead"


@pytest.fixture
async def visited(mail: Mail, new_contact: Any) -> Mail:  # noqa: F811
    """A mail to five people, to each of whom something happened."""
    people = {await new_contact(f"{name}@reader.example", first_name=name.title()): f"{name}@reader.example"
              for name in ("ann", "bob", "cleo", "dan", "eva")}  # fmt: skip
    ann, bob, cleo, dan, _eva = people
    await mail.send(people)
    (url_id,) = await mail.register(NEW)
    await mail.hit(ann, 10, device="mobile")
    await mail.hit(ann, 200, device="computer", url_id=url_id)
    await mail.hit(dan, 11, device=None)
    await mail.bounce(bob, "B", 1)
    await mail.opt_out(cleo, 12, "=Too many")
    return mail


def next_page(window: Window) -> str:
    """Where the link to what is older leads, or nothing."""
    link = window.document.css_first("a[rel=next]")
    return "" if link is None else link.attributes["href"] or ""


async def test_the_list_has_states_numbers_search_and_pages(
    owner: Window, visited: Mail, new_mail: Callable[..., Awaitable[Mail]], db: Any  # noqa: F811
) -> None:  # fmt: skip
    await new_mail("100 % wool")
    removed = await new_mail("Gone")
    async with db.transaction() as conn:
        await run(conn, "UPDATE campaigns SET status = 'REMOVED' WHERE campaign_id = :id", id=removed.campaign_id)
    await owner.open("/campaigns")
    row = next(node for node in owner.document.css("tbody tr") if "Spring" in node.text())
    cells = [" ".join(cell.text().split()) for cell in row.css("td.count")]
    assert ["5", "2 50.0 %", "1 50.0 %", "1 20.0 %", "1"] == cells
    assert "Not sent yet" in owner.text
    assert "Gone" not in owner.text
    for search, found in (("PRI", {"Spring"}), ("0 %", {"100 % wool"}), ("_", set())):
        await owner.open(f"/campaigns?q={search.replace('%', '%25').replace(' ', '+')}")
        assert found == {node.text() for node in owner.document.css("td .subject")}, search
    assert "No campaign has “_” in its name" in owner.text
    async with db.transaction() as conn:
        await run(
            conn,
            """INSERT INTO campaigns (account_id, campaign_id, sequence_id, name, type_code, status, created_at, updated_at)
               SELECT account_id, gen_random_uuid(), 1000 + n, 'Old ' || n, 26, 'DRAFT', created_at, '2020-01-01'
                 FROM campaigns CROSS JOIN generate_series(1, 25) AS n
                WHERE campaign_id = :id""",
            id=visited.campaign_id,
        )
    await owner.open("/campaigns?page=99")
    assert "Page 2 of 2" in owner.text
    assert 2 == len(owner.document.css("tbody tr"))
    await owner.open("/campaigns?q=old&page=1")
    assert "25 campaigns" in owner.text


async def test_a_report_says_what_came_of_a_campaign(owner: Window, visited: Mail) -> None:
    await owner.open(f"/campaigns/{visited.campaign_id}")
    tiles = [" ".join(node.text().split()) for node in owner.document.css(".tile")]
    assert [
        "Sent 5", "Opened 2 50.0 % of those delivered", "Clicked 1 50.0 % of those who opened",
        "Did not open 2 50.0 % of those delivered", "Bounced 1 20.0 % of those sent",
        "Unsubscribed 1 25.0 % of those delivered", "Forwarded 0", "Reported as spam 0",
    ] == tiles  # fmt: skip
    tables = {
        node.css("th")[0].text(): [[" ".join(cell.text().split()) for cell in row.css("th, td")]
                                      for row in node.css("tbody tr")]
        for node in owner.document.css("table")
    }  # fmt: skip
    hours = tables["From (hour)"]
    assert [["0", "0"], ["2", "0"], ["0", "0"], ["0", "0"], ["0", "1"]] == [row[1:] for row in hours]
    assert [["Opens", "2", "2", "0", "0", "0"], ["Clicks", "1", "1", "0", "0", "0"]] == tables["Events"]
    assert ["Mobile", "1 50.0 %", "0 0.0 %"] in tables["Device"]
    assert ["Not known", "1 50.0 %", "0 0.0 %"] in tables["Device"]
    assert [["The mailbox does not exist B", "1 20.0 %"]] == tables["Reason"]
    assert [[NEW, "1 100.0 %"]] == tables["Link"]
    assert "First send, 6 Mar 2026, 07:00 EST: Sent, 5 contacts" in owner.text
    program = echarts.address()
    assert program is not None, "Not set up by make: `make setup`."
    assert f'src="{program}"' in owner.page.text
    assert 200 == (await owner.client.get(program)).status_code
    frame = await owner.client.get(f"/campaigns/{visited.campaign_id}/mail")
    assert "sandbox" in frame.headers["content-security-policy"]
    assert ">1</span>" in frame.text
    assert "href" not in frame.text


async def test_a_report_says_what_is_usual(
    owner: Window, visited: Mail, new_mail: Callable[..., Awaitable[Mail]]  # noqa: F811
) -> None:  # fmt: skip
    await owner.open(f"/campaigns/{visited.campaign_id}/report")
    assert "usual" not in owner.text
    for number in range(3):
        before = await new_mail(f"Before {number}")
        await before.send(dict.fromkeys(visited.contacts, "old@reader.example"))
        await before.hit(visited.contacts[0], 10)
    async with visited.db.transaction() as conn:
        await add_run(conn, visited.account_id, visited.activity_id, at=minutes(1), count=1)
    await owner.open(f"/campaigns/{visited.campaign_id}/report")
    for text in ("Opened 2 50.0 % of those delivered; usually 20.0 %", "of those sent; usually 0.0 %", "ten at most"):
        assert text in owner.text, text


async def test_before_a_send_there_is_nothing_to_report(owner: Window, mail: Mail) -> None:  # noqa: F811
    await owner.open(f"/campaigns/{mail.campaign_id}/report")
    assert "Nothing was sent yet" in owner.text
    assert "echarts" not in owner.page.text
    await owner.open(f"/campaigns/{mail.campaign_id}/people?did=sent")
    assert "Nobody" in owner.text
    await owner.open(f"/campaigns/{mail.campaign_id}")
    assert "Before it goes out" in owner.text


@pytest.mark.parametrize(
    ("query", "names"),
    [
        ("did=sent", ["eva", "dan", "cleo", "bob", "ann"]),
        ("", ["ann", "dan"]),
        ("did=opens", ["dan", "ann"]),
        ("did=not-opened", ["eva", "cleo"]),
        ("did=clicks", ["ann"]),
        ("did=clicks&url_id=9999", []),
        ("did=clicks&url_id=", ["ann"]),
        ("did=bounces", ["bob"]),
        ("did=bounces&bounce_code=F", []),
        ("did=bounces&bounce_code=", ["bob"]),
        ("did=unsubscribed", ["cleo"]),
        ("did=forwards", []),
        ("did=complaints", []),
    ],
)
async def test_people_are_filtered_and_downloaded(owner: Window, visited: Mail, query: str, names: list[str]) -> None:
    path = f"/campaigns/{visited.campaign_id}/people"
    await owner.open(f"{path}?{query}")
    shown = [node.text().removesuffix("@reader.example") for node in owner.document.css("td .subject")]
    file = await owner.client.get(f"{path}.csv?{query}")
    lines = list(csv.DictReader(io.StringIO(file.text)))
    assert sorted(names) == sorted(shown)
    assert [f"{name}@reader.example" for name in shown] == [line["Email address"] for line in lines]
    assert "content-length" not in file.headers
    assert "attachment" in file.headers["content-disposition"]
    if query == "did=unsubscribed":
        assert "'=Too many" == lines[0]["Reason"], "no cell is a formula"


async def test_people_are_paged(owner: Window, visited: Mail, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("everpost.portal.report_people.PAGE_SIZE", 2)
    monkeypatch.setattr("everpost.portal.report_people._EXPORT_ROWS", 2)
    path, seen = f"/campaigns/{visited.campaign_id}/people?did=sent", []
    while path:
        await owner.open(path)
        seen += [node.text() for node in owner.document.css("td .subject")]
        path = next_page(owner)
    assert [f"{name}@reader.example" for name in ("eva", "dan", "cleo", "bob", "ann")] == seen
    file = await owner.client.get(f"/campaigns/{visited.campaign_id}/people.csv?did=sent")
    assert 6 == len(file.text.splitlines())


async def test_a_contact_has_a_history(owner: Window, visited: Mail, monkeypatch: pytest.MonkeyPatch) -> None:
    ann = visited.contacts[0]
    await owner.open(f"/contacts/{ann}/activity")
    badges = [node.text() for node in owner.document.css(".timeline .badge")]
    assert ["Clicked", "Opened", "Sent"] == badges
    assert NEW in owner.text
    assert "mobile" in owner.text
    await owner.open(f"/contacts/{ann}/activity?kind=open")
    assert ["Opened"] == [node.text() for node in owner.document.css(".timeline .badge")]
    monkeypatch.setattr("everpost.portal.contact_timeline_pages.PAGE_SIZE", 2)
    await owner.open(f"/contacts/{ann}/activity")
    await owner.open(next_page(owner))
    assert ["Sent"] == [node.text() for node in owner.document.css(".timeline .badge")]
    assert "" == next_page(owner)


async def test_only_who_may_see_numbers_of_the_account_sees_them(
    owner: Window, visited: Mail, open_window: Callable[[], Window], db: Any
) -> None:
    report, ann = f"/campaigns/{visited.campaign_id}", visited.contacts[0]
    inside = (
        f"{report}/report",
        f"{report}/trace",
        f"{report}/mail",
        f"{report}/people",
        f"{report}/people.csv",
        f"/contacts/{ann}/activity",
    )
    visitor = open_window()
    for path in ("/campaigns", report, *inside):
        assert 303 == (await visitor.client.get(path)).status_code, path
    for path in (f"/campaigns/{UNKNOWN}", f"/campaigns/{UNKNOWN}/people.csv", "/campaigns/17", f"{report}/people?mail=resend",
                 f"/contacts/{UNKNOWN}/activity"):  # fmt: skip
        assert 404 == (await owner.client.get(path)).status_code, path
    for path in (f"{report}/people?did=nothing", f"{report}/people?after_at=never", "/campaigns?page=0"):
        assert 400 == (await owner.client.get(path)).status_code, path
    async with db.transaction() as conn:
        await run(conn, "UPDATE users SET role = 'campaign_creator' WHERE account_id = :id", id=visited.account_id)
    await owner.open("/campaigns")
    assert "Spring" in owner.text
    assert "Bounced" not in owner.text
    for path in inside:
        assert 403 == (await owner.client.get(path)).status_code, path


def test_links_on_the_mail_are_the_warmer_the_more_clicked() -> None:
    counted = [Link("https://a.example/", [UrlId(1)], 40), Link("https://b.example/", [UrlId(2)], 1), Link("c:", [], 0)]
    html = "<a href='https://a.example/'>A</a><a href='https://b.example/' style='color:red'>B</a><a href='c:'>C</a><a href='x:'>X</a>"
    drawn = report_heat_map.draw(html, counted)
    for part in (">40</span>", "#b3261e", ">1</span>", "#ffe9a8", "color:red;outline", ">0</span>", "<a>X</a>"):
        assert part in drawn, part
    assert "href" not in drawn
    assert "<a>B</a>" in report_heat_map.draw("<a href='b'>B</a>", [])


async def test_a_resend_is_counted_with_its_first_send_and_beside_it(owner: Window, visited: Mail) -> None:
    resend_id = CampaignActivityId(new_id())
    async with visited.db.transaction() as conn:
        await run(
            conn,
            """INSERT INTO campaign_activities (account_id, campaign_activity_id, campaign_id, role)
               VALUES (:account_id, :resend_id, :campaign_id, 'resend')""",
            account_id=visited.account_id, resend_id=resend_id, campaign_id=visited.campaign_id,
        )  # fmt: skip
        (url_id,) = (await links.register(conn, visited.account_id, resend_id, [NEW])).values()
    ann, eva = visited.contacts[0], visited.contacts[4]
    await visited.send({ann: "ann@reader.example", eva: "eva@reader.example"}, activity_id=resend_id)
    for contact_id in (ann, eva):
        await visited.hit(contact_id, 300, url_id=url_id, activity_id=resend_id)
    await owner.open(f"/campaigns/{visited.campaign_id}")
    for text in ("Sent 5", "Opened 3", "Clicked 2", f"{NEW} 2 100.0 %", "Resend to those who did not open 2 2 100.0 %"):
        assert text in owner.text, text
    await owner.open(f"/campaigns/{visited.campaign_id}/people?did=clicks&mail=resend&url_id={url_id}")
    shown = [node.text() for node in owner.document.css("td .subject")]
    assert {"ann@reader.example", "eva@reader.example"} == set(shown)


async def test_both_subjects_of_a_test_are_compared_by_their_samples(owner: Window, visited: Mail) -> None:
    first, second = new_id(), new_id()
    async with visited.db.transaction() as conn:
        for mailing_id, people in ((first, visited.contacts[:2]), (second, visited.contacts[2:4])):
            await run(
                conn,
                """INSERT INTO mailings (account_id, mailing_id, campaign_activity_id, campaign_id, state, letterhead,
                                         template, url_ids, recipients, created_at)
                   VALUES (:account_id, :mailing_id, :activity_id, :campaign_id, 'finished', '{}', '', '{}', 2, :at)""",
                account_id=visited.account_id, mailing_id=mailing_id, activity_id=visited.activity_id,
                campaign_id=visited.campaign_id, at=NOON,
            )  # fmt: skip
            await run(
                conn,
                """INSERT INTO outbox (account_id, campaign_activity_id, contact_id, mailing_id, state)
                   SELECT :account_id, :activity_id, contact_id, :mailing_id, 'sent'
                     FROM unnest(:people::uuid[]) AS person (contact_id)""",
                account_id=visited.account_id, mailing_id=mailing_id, activity_id=visited.activity_id, people=people,
            )  # fmt: skip
        await run(
            conn,
            """INSERT INTO campaign_ab_tests (account_id, campaign_id, alternative_subject, test_size,
                                              winner_wait_hours, seed, mailing_a, mailing_b, decide_at)
               VALUES (:account_id, :campaign_id, 'Ten new arrivals', 20, 6, 'x', :first, :second, :at)""",
            account_id=visited.account_id, campaign_id=visited.campaign_id, first=first, second=second, at=NOON,
        )  # fmt: skip
    await owner.open(f"/campaigns/{visited.campaign_id}")
    assert "A: Nine new arrivals 2 1 50.0 % 1 50.0 %" in owner.text
    assert "B: Ten new arrivals 2 1 50.0 % 0 0.0 %" in owner.text
    assert "The winner is found at 6 Mar 2026, 07:00 EST." in owner.text
    async with visited.db.transaction() as conn:
        await run(conn, "UPDATE campaign_ab_tests SET winner = 'B' WHERE campaign_id = :id", id=visited.campaign_id)
    await owner.open(f"/campaigns/{visited.campaign_id}")
    assert "Subject B won and went to everybody else." in owner.text
    assert "B: Ten new arrivals Winner" in owner.text
