"""The contract's worked example, every number of it. Source: contract, reporting.md §9."""

from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from everpost.ids import ContactId
from everpost.platform.db import Db
from everpost.tracking import counters, recount
from everpost.tracking.counters import Counters
from tests.reports.conftest import Mail

pytestmark = pytest.mark.anyio

OPENS = ["computer"] * 6 + ["mobile"] * 5 + ["tablet"] * 2 + [None]
CLICKS = ["computer"] * 3 + ["mobile"] * 2
STATS = {
    "em_sends": 20, "em_bounces": 5, "em_opens": 9, "em_not_opened": 6,
    "em_opens_all": 14, "em_opens_all_computer": 6, "em_opens_all_mobile": 5, "em_opens_all_tablet": 2,
    "em_opens_all_other": 0, "em_opens_all_none": 1,
    "em_clicks": 3, "em_clicks_all": 5, "em_clicks_all_computer": 3, "em_clicks_all_mobile": 2,
    "em_clicks_all_tablet": 0, "em_clicks_all_other": 0, "em_clicks_all_none": 0,
    "em_optouts": 1, "em_forwards": 0,
}  # fmt: skip


@pytest.fixture
async def sent(mail: Mail, new_contact: Callable[..., Awaitable[ContactId]]) -> Mail:
    """20 sent; B B F Z V; 14 opens of 9 contacts, 5 clicks of 3, one opt-out; who answered automatically did not open."""
    addresses = [f"reader{number}@reader.example" for number in range(20)]
    people = [await new_contact(address) for address in addresses]
    await mail.send(dict(zip(people, addresses, strict=True)))
    for person, code in zip(people[15:], "BBFZV", strict=True):
        await mail.bounce(person, code, 30)  # type: ignore[arg-type]
    url_ids = await mail.register("https://harborlane.example/a", "https://harborlane.example/b")
    for number, device in enumerate(OPENS):
        await mail.hit(people[number % 9], 60 + number, device=device)  # type: ignore[arg-type]
    for number, device in enumerate(CLICKS):
        await mail.hit(people[number % 3], 90 + number, device=device, url_id=url_ids[number % 2])  # type: ignore[arg-type]
    await mail.opt_out(people[0], 120)
    return mail


async def test_campaign_stats(api: Any, sent: Mail) -> None:
    answer = await api.get(f"/v3/reports/stats/email_campaigns/{sent.campaign_id}")
    assert 200 == answer.status
    assert [] == answer.body["errors"]
    (result,) = answer.body["results"]
    assert str(sent.campaign_id) == result["campaign_id"]
    assert STATS == result["stats"]
    assert {
        "bounce": 25.0, "open": 60.0, "did_not_open": 40.0, "click": 33.3, "unsubscribe": 6.7,
        "desktop_open": 42.9, "mobile_open": 50.0, "desktop_click": 60.0, "mobile_click": 40.0,
    } == result["percents"]  # fmt: skip
    assert result["last_refresh_time"].endswith("Z")


async def test_activity_stats(api: Any, sent: Mail) -> None:
    answer = await api.get(f"/v3/reports/stats/email_campaign_activities/{sent.activity_id}")
    (result,) = answer.body["results"]
    assert {
        **STATS, "em_abuse": 0, "em_bounces_nonexistent_address": 2, "em_bounces_mailbox_full": 1,
        "em_bounces_blocked": 1, "em_bounces_vacation": 1, "em_bounces_other": 0, "em_bounces_suspended": 0,
        "em_bounces_undeliverable": 0,
    } == result["stats"]  # fmt: skip
    assert {"campaign_id", "campaign_activity_id", "stats", "last_refresh_time"} == set(result)
    assert (str(sent.campaign_id), str(sent.activity_id)) == (result["campaign_id"], result["campaign_activity_id"])


async def test_summary(api: Any, sent: Mail) -> None:
    answer = await api.get("/v3/reports/summary_reports/email_campaign_summaries")
    assert {
        "bulk_email_campaign_summaries": [
            {
                "campaign_id": str(sent.campaign_id),
                "campaign_type": "Custom Code Email",
                "last_sent_date": "2026-03-06T12:00:00.000Z",
                "unique_counts": {
                    "sends": 20, "opens": 9, "clicks": 3, "forwards": 0, "optouts": 1, "abuse": 0, "bounces": 5,
                    "not_opened": 6,
                },
            }
        ],
        "aggregate_percents": {"click": 33.3, "open": 60.0, "did_not_open": 40.0, "bounce": 25.0, "unsubscribe": 6.7},
    } == answer.body  # fmt: skip


@pytest.mark.parametrize(
    ("name", "rows"),
    [
        ("sends", 20),
        ("opens", 14),
        ("unique_opens", 9),
        ("didnotopens", 6),
        ("clicks", 5),
        ("optouts", 1),
        ("bounces", 5),
    ],
)
async def test_rows_of_the_tracking_reports(api: Any, sent: Mail, name: str, rows: int) -> None:
    answer = await api.get(f"{sent.tracking}/{name}")
    assert rows == len(answer.body["tracking_activities"])


async def test_counters_equal_a_recount(db: Db, sent: Mail) -> None:
    async with db.reader() as conn:
        stored = (await counters.find(conn, sent.account_id, [sent.activity_id]))[sent.activity_id]
        recounted = await recount.counters(conn, sent.account_id, sent.activity_id)
    assert all(getattr(stored, name) == getattr(recounted, name) for name in Counters.__struct_fields__)
