"""The summary of all sent campaigns, most recent first."""

from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import Any

import pytest

from everpost.ids import ContactId, new_id
from everpost.reports import summaries
from everpost.reports.shapes import AggregatePercents
from tests.reports.conftest import NOON, Mail, add_run

pytestmark = pytest.mark.anyio

NewMail = Callable[..., Awaitable[Mail]]
PATH = "/v3/reports/summary_reports/email_campaign_summaries"
NOTHING = {"click": 0.0, "open": 0.0, "did_not_open": 0.0, "bounce": 0.0, "unsubscribe": 0.0}


async def send(mail: Mail, count: int = 1) -> list[ContactId]:
    people = [ContactId(new_id()) for _ in range(count)]
    await mail.send({person: f"{person}@reader.example" for person in people})
    return people


async def add(mail: Mail, *, days: int, count: int = 1) -> None:
    async with mail.db.transaction() as conn:
        await add_run(conn, mail.account_id, mail.activity_id, at=NOON + timedelta(days=days), count=count)


async def test_an_account_without_campaigns_has_an_empty_summary(api: Any, account: Any) -> None:
    answer = await api.get(PATH)
    assert {"bulk_email_campaign_summaries": [], "aggregate_percents": NOTHING} == answer.body


async def test_only_sent_campaigns_are_listed_by_their_last_send(api: Any, new_mail: NewMail) -> None:
    early, late, draft, nobody = [await new_mail(name) for name in ("Early", "Late", "Draft", "Nobody")]
    await send(early)
    await send(late)
    await add(late, days=1)
    await add(nobody, days=9, count=0)
    listed = (await api.get(PATH)).body["bulk_email_campaign_summaries"]
    assert [
        (str(late.campaign_id), "2026-03-07T12:00:00.000Z"),
        (str(early.campaign_id), "2026-03-06T12:00:00.000Z"),
    ] == [(each["campaign_id"], each["last_sent_date"]) for each in listed]
    assert str(draft.campaign_id) not in {each["campaign_id"] for each in listed}


async def test_removed_campaigns_are_left_out(api: Any, mail: Mail) -> None:
    await send(mail)
    assert 204 == (await api.delete(f"/v3/emails/{mail.campaign_id}")).status
    assert [] == (await api.get(PATH)).body["bulk_email_campaign_summaries"]


@pytest.mark.parametrize("limit", [1, 2, 50])
async def test_paging_shows_every_campaign_once(api: Any, new_mail: NewMail, limit: int) -> None:
    mails = [await new_mail(f"Campaign {number}") for number in range(5)]
    for mail in mails:
        # All at the same moment: only the ids decide.
        await send(mail)
    answer = await api.get(PATH, params={"limit": limit})
    seen = [each["campaign_id"] for each in answer.body["bulk_email_campaign_summaries"]]
    while "_links" in answer.body:
        href = answer.body["_links"]["next"]["href"]
        assert href.startswith(f"{PATH}?next=")
        answer = await api.get(href)
        assert limit >= len(answer.body["bulk_email_campaign_summaries"])
        seen += [each["campaign_id"] for each in answer.body["bulk_email_campaign_summaries"]]
    assert sorted(str(mail.campaign_id) for mail in mails) == seen


async def test_percentages_are_those_of_the_page(api: Any, new_mail: NewMail) -> None:
    first, second = await new_mail("First"), await new_mail("Second")
    people = await send(first, 4)
    await first.hit(people[0], 10)
    await first.bounce(people[1], "B", 10)
    await send(second, 2)
    await add(second, days=1)
    whole = (await api.get(PATH)).body["aggregate_percents"]
    assert {"click": 0.0, "open": 20.0, "did_not_open": 80.0, "bounce": 16.7, "unsubscribe": 0.0} == whole
    page = await api.get(PATH, params={"limit": 1})
    assert {**NOTHING, "did_not_open": 100.0} == page.body["aggregate_percents"]


@pytest.mark.parametrize("limit", ["0", "501", "many"])
async def test_a_bad_limit_is_refused(api: Any, account: Any, limit: str) -> None:
    answer = await api.get(PATH, params={"limit": limit})
    assert (400, "reportingsvc.validation.error", "limit does not have a valid value") == (
        answer.status,
        answer.error_key,
        answer.error_message,
    )


async def test_what_is_usual_is_what_came_of_the_campaigns_before(new_mail: NewMail) -> None:
    mails = [await new_mail(f"Campaign {number}") for number in range(14)]
    for number, mail in enumerate(mails):
        people = await send(mail, 4)
        await add(mail, days=number)
        # The first two are too long ago for the last, and its own numbers are not yet usual.
        if number not in (0, 1, 2, 13):
            await mail.hit(people[0], 10)

    async def usual(number: int) -> AggregatePercents | None:
        async with mails[0].db.reader() as conn:
            return await summaries.usual(conn, mails[0].account_id, mails[number].campaign_id)

    assert [None, None, None] == [await usual(number) for number in range(3)]
    third, last = await usual(3), await usual(13)
    assert third is not None
    assert last is not None
    assert (0.0, 100.0) == (third.open, third.did_not_open)
    assert (25.0, 75.0) == (last.open, last.did_not_open)
