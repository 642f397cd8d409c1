"""Packed hits come out of the journal as they went in."""

from datetime import UTC, datetime, timedelta

import pytest

from everpost.ids import AccountId, CampaignActivityId, ContactId, UrlId, new_id
from everpost.platform.db import Db, many
from everpost.tracking import hits, ledger
from everpost.tracking.hits import Hit

pytestmark = pytest.mark.anyio

# An open that stands for a click has its id, and is no hit of its own.
STORED = """
    SELECT DISTINCT ON (event_id) campaign_activity_id, contact_id, created_at, device_type, url_id, sign
      FROM tracking_events
     WHERE account_id = :account_id
     ORDER BY event_id, kind"""


async def stored(db: Db, account_id: AccountId) -> set[Hit]:
    async with db.reader() as conn:
        return set(await many(conn, Hit, STORED, account_id=account_id))


async def test_every_kind_of_hit_is_stored_as_it_was_recorded(db: Db) -> None:
    account_id, activity_id = AccountId(new_id()), CampaignActivityId(new_id())
    at = datetime(2026, 3, 6, 12, 0, 0, 123_457, tzinfo=UTC)
    recorded = {
        Hit(activity_id, ContactId(new_id()), at, device, None if number is None else UrlId(number), sign)
        for number in (None, 1, 2**63 - 1)
        for device in (None, *hits.DEVICE_TYPES)
        for sign in (None, *hits.SIGNS)
    }
    await ledger.record(db, account_id, list(recorded))
    assert recorded == await stored(db, account_id)


async def test_the_largest_batch_comes_back_whole(db: Db) -> None:
    account_id, activity_id = AccountId(new_id()), CampaignActivityId(new_id())
    start = datetime(2026, 3, 6, 12, tzinfo=UTC)
    recorded = {
        Hit(activity_id, ContactId(new_id()), start + timedelta(microseconds=number), "mobile")
        for number in range(ledger.MOST_IN_A_BATCH)
    }
    await ledger.record(db, account_id, list(recorded))
    assert recorded == await stored(db, account_id)
