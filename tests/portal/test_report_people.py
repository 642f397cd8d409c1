"""Who did what with a campaign's two sends: together as the report counts them, and one by one."""

import csv
import io
from typing import Any

import pytest

from everpost.ids import CampaignActivityId, ContactId, new_id
from everpost.platform.db import run
from everpost.tracking import events, links
from everpost.tracking.events import Bounce
from tests.portal.window import Window
from tests.reports.conftest import Mail, mail, minutes, new_contact, new_mail  # noqa: F401  (fixtures)

NEW = "https://harborlane.example/new"
NAMES = ("ann", "bob", "cleo", "dan", "eva", "fay")


@pytest.fixture
async def resent(mail: Mail, new_contact: Any) -> Mail:  # noqa: F811
    """A mail to six, and its resend to the five that had not opened: who did what with which is told beside it."""
    people: dict[ContactId, str] = {
        await new_contact(f"{name}@reader.example"): f"{name}@reader.example" for name in NAMES
    }
    ann, bob, cleo, dan, eva, _fay = people
    await mail.send(people)
    (first_url,) = await mail.register(NEW)
    await mail.hit(ann, 10, url_id=first_url)
    resend_id = CampaignActivityId(new_id())
    async with mail.db.transaction() as conn:
        await run(
            conn,
            """INSERT INTO campaign_activities (account_id, campaign_activity_id, campaign_id, role)
               VALUES (:account_id, :resend_id, :campaign_id, 'resend')""",
            account_id=mail.account_id, resend_id=resend_id, campaign_id=mail.campaign_id,
        )  # fmt: skip
        (second_url,) = (await links.register(conn, mail.account_id, resend_id, [NEW])).values()
    await mail.send({each: address for each, address in people.items() if each != ann}, activity_id=resend_id)
    await mail.hit(bob, 200, url_id=second_url, activity_id=resend_id)
    await mail.hit(bob, 210)  # the first mail after all
    await mail.hit(cleo, 220)  # and nothing but the first
    async with mail.db.transaction() as conn:
        await events.append_opt_out(conn, mail.account_id, resend_id, dan, at=minutes(230))
        await events.append_bounces(conn, mail.account_id, [Bounce(resend_id, eva, minutes(240), "B")])
    return mail


async def listed(owner: Window, path: str) -> list[str]:
    """Names, in the order of the page."""
    await owner.open(path)
    return [node.text().removesuffix("@reader.example") for node in owner.document.css("td .subject")]


async def test_behind_each_number_of_a_report_stand_as_many_people(owner: Window, resent: Mail) -> None:
    report = f"/campaigns/{resent.campaign_id}/report"
    await owner.open(report)
    tiles = {str(tile.attributes["href"]): int(tile.css("strong")[0].text()) for tile in owner.document.css("a.tile")}
    await owner.open(report)
    rows = {
        str(link.attributes["href"]): int(row.css("td.count")[0].text().split()[0])
        for row in owner.document.css("table.plain tr") if (link := row.css_first("th a")) is not None
    }  # fmt: skip
    assert [6, 3, 2, 2, 1, 1, 0, 0] == list(tiles.values())
    assert {2, 1} == set(rows.values())
    for path, count in {**tiles, **rows}.items():
        assert count == len(set(await listed(owner, path))), path


@pytest.mark.parametrize(
    ("query", "names"),
    [
        ("did=sent", ["fay", "eva", "dan", "cleo", "bob", "ann"]),
        ("did=opened", ["cleo", "bob", "ann"]),
        ("did=opens", ["cleo", "bob", "bob", "ann"]),
        ("did=not-opened", ["fay", "dan"]),
        ("did=clicks", ["bob", "ann"]),
        ("did=unsubscribed", ["dan"]),
        ("did=bounces&bounce_code=B", ["eva"]),
        ("did=sent&mail=primary_email", ["fay", "eva", "dan", "cleo", "bob", "ann"]),
        ("did=not-opened&mail=primary_email", ["fay", "eva", "dan"]),
        ("did=opened&mail=resend", ["bob"]),
        ("did=unsubscribed&mail=primary_email", []),
    ],
)
async def test_two_sends_are_looked_at_together_or_one_by_one(
    owner: Window,
    resent: Mail,
    query: str,
    names: list[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("everpost.portal.report_people.PAGE_SIZE", 1)
    monkeypatch.setattr("everpost.portal.report_people._EXPORT_ROWS", 2)
    people = f"/campaigns/{resent.campaign_id}/people"
    seen, path = list[str](), f"{people}?{query}"
    while path:
        seen += await listed(owner, path)
        following = owner.document.css_first("a[rel=next]")
        path = "" if following is None else following.attributes["href"] or ""
    assert names == seen
    file = await owner.client.get(f"{people}.csv?{query}")
    lines = list(csv.DictReader(io.StringIO(file.text)))
    assert names == [line["Email address"].removesuffix("@reader.example") for line in lines]


async def test_each_row_says_which_mail_it_is_about(owner: Window, resent: Mail) -> None:
    people = f"/campaigns/{resent.campaign_id}/people"
    await owner.open(f"{people}?did=clicks")
    badges = [node.text() for node in owner.document.css("td .badge")]
    assert ["Resend to those who did not open", "First send"] == badges
    file = await owner.client.get(f"{people}.csv?did=clicks")
    assert badges == [line["Mail"] for line in csv.DictReader(io.StringIO(file.text))]
    await owner.open(f"{people}?did=clicks&mail=resend")
    assert [] == owner.document.css("td .badge")
