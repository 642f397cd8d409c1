"""Every number that is kept beside the ledger: broken, found, and mended."""

from datetime import UTC, datetime

import pytest

from everpost.ids import AccountId, CampaignActivityId, ContactId, new_id
from everpost.platform.db import Db, run
from everpost.tracking import events, ledger, links, recount, sends
from everpost.tracking.counters import Counters
from everpost.tracking.events import Bounce
from everpost.tracking.hits import Hit
from everpost.tracking.sends import Send

ACCOUNT, ACTIVITY = AccountId(new_id()), CampaignActivityId(new_id())
ANN, BOB = ContactId(new_id()), ContactId(new_id())
NOON = datetime(2026, 3, 6, 12, tzinfo=UTC)

# What is said of each, once it is broken.
ENGAGEMENT = "contacts with wrong engagement"
BREAKAGES = {
    **{f"UPDATE activity_counters SET {name} = {name} + 7": name for name in Counters.__struct_fields__},
    "DELETE FROM activity_counters": "sends",
    "UPDATE links SET unique_clicks = 5": "unique clicks of link",
    "DELETE FROM link_clicks": "links clicked by contacts",
    **{
        f"UPDATE engagement SET {change}": ENGAGEMENT
        for change in (
            "opens = 7", "clicks = 7", "forwards = 7", "machine_clicks = 7", "honeypot_at = now()",
            "last_opened_at = now()", "last_open_id = account_id", "last_clicked_at = now()",
            "first_opened_at = NULL", "first_open_id = NULL", "first_clicked_at = NULL", "first_click_id = NULL",
        )
    },
    "DELETE FROM engagement": ENGAGEMENT,
    """INSERT INTO engagement (account_id, campaign_activity_id, contact_id, opens)
       SELECT account_id, campaign_activity_id, account_id, 1 FROM activity_counters""": ENGAGEMENT,
}  # fmt: skip


@pytest.fixture
async def visited(db: Db) -> None:
    """Two contacts, and one of everything that may happen."""
    async with db.transaction() as conn:
        (url_id,) = (await links.register(conn, ACCOUNT, ACTIVITY, ["https://shop.example/"])).values()
        people = [Send(ACTIVITY, each, NOON, f"{each}@reader.example") for each in (ANN, BOB)]
        await sends.append(conn, ACCOUNT, people)
        await events.append_bounces(conn, ACCOUNT, [Bounce(ACTIVITY, BOB, NOON, "V")])
        await events.append_opt_out(conn, ACCOUNT, ACTIVITY, ANN, at=NOON)
        await events.append_complaint(conn, ACCOUNT, ACTIVITY, ANN, at=NOON)
        await events.append_forward(conn, ACCOUNT, ACTIVITY, ANN, at=NOON)
    hits = [Hit(ACTIVITY, ANN, NOON, "mobile"), Hit(ACTIVITY, ANN, NOON, None, url_id, "scanner")]
    await ledger.record(db, ACCOUNT, hits)


async def test_whatever_is_broken_is_found_and_mended(db: Db, visited: None) -> None:
    for statement, name in BREAKAGES.items():
        async with db.transaction() as conn:
            assert [] == await recount.differences(conn, ACCOUNT, ACTIVITY), statement
            await run(conn, statement)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
            found = [each.name for each in await recount.differences(conn, ACCOUNT, ACTIVITY)]
            assert any(each.startswith(name) for each in found), (statement, found)
            await recount.repair(conn, ACCOUNT, ACTIVITY)
            assert [] == await recount.differences(conn, ACCOUNT, ACTIVITY), statement
