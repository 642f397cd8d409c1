"""The queue in front of the ledger: shared commits, bounded memory, and bad rows that fail alone."""

import asyncio
from datetime import UTC, datetime
from typing import Any

import msgspec
import pytest

from everpost.ids import AccountId, CampaignActivityId, ContactId, UrlId, new_id
from everpost.platform.db import Db, one
from everpost.platform.errors import Unavailable
from everpost.tracking import counters, ingest, ledger
from everpost.tracking.hits import Hit
from everpost.tracking.ingest import Queue

pytestmark = pytest.mark.anyio

NOON = datetime(2026, 3, 6, 12, tzinfo=UTC)
NOBODY = msgspec.Raw(b"[]")


def hit(url_id: int | None = None) -> Hit:
    number = None if url_id is None else UrlId(url_id)
    return Hit(CampaignActivityId(new_id()), ContactId(new_id()), NOON, url_id=number)


async def stored(db: Db, account_id: AccountId) -> int | None:
    async with db.reader() as conn:
        return await one(
            conn, int, "SELECT count(*) FROM tracking_events WHERE account_id = :account_id", account_id=account_id
        )


async def test_what_was_acknowledged_is_stored(db: Db) -> None:
    queue, accounts = Queue(db), [AccountId(new_id()) for _ in range(6)]
    await asyncio.gather(*(queue.append(account_id, hit()) for account_id in accounts for _ in range(50)))
    assert [50] * 6 == [await stored(db, account_id) for account_id in accounts]


async def test_requests_that_wait_together_share_a_commit(db: Db) -> None:
    queue, account_id = Queue(db), AccountId(new_id())
    await asyncio.gather(*(queue.append(account_id, hit()) for _ in range(200)))
    async with db.reader() as conn:
        commits = await one(
            conn,
            int,
            "SELECT count(DISTINCT xmin::text) FROM tracking_events WHERE account_id = :account_id",
            account_id=account_id,
        )
    assert commits == 1


async def test_a_full_queue_refuses_and_recovers(db: Db) -> None:
    queue, account_id = Queue(db, most_queued=5), AccountId(new_id())
    outcomes = await asyncio.gather(*(queue.append(account_id, hit()) for _ in range(8)), return_exceptions=True)
    assert [None] * 5 == outcomes[:5]
    assert [Unavailable] * 3 == [type(outcome) for outcome in outcomes[5:]]
    await queue.append(account_id, hit())
    assert 6 == await stored(db, account_id)


async def test_one_bad_row_does_not_fail_its_batch(db: Db) -> None:
    queue, account_id = Queue(db), AccountId(new_id())
    too_large = 2**63
    batch = [hit() for _ in range(10)] + [hit(too_large)] + [hit() for _ in range(10)]
    outcomes = await asyncio.gather(*(queue.append(account_id, one_hit) for one_hit in batch), return_exceptions=True)
    assert [10] == [number for number, outcome in enumerate(outcomes) if outcome is not None]
    assert 20 == await stored(db, account_id)


async def test_a_reader_that_hangs_up_does_not_take_its_event_along(db: Db) -> None:
    queue, account_id = Queue(db), AccountId(new_id())
    impatient = asyncio.create_task(queue.append(account_id, hit()))
    patient = asyncio.create_task(queue.append(account_id, hit()))
    await asyncio.sleep(0)
    impatient.cancel()
    await patient
    await queue.close()
    assert 2 == await stored(db, account_id)


async def test_under_lasting_load_everything_acknowledged_is_counted_once(db: Db) -> None:
    queue, account_id, activity_id = Queue(db), AccountId(new_id()), CampaignActivityId(new_id())
    acknowledged = 0

    async def visit(until: float) -> None:
        nonlocal acknowledged
        while asyncio.get_running_loop().time() < until:
            new = Hit(activity_id, ContactId(new_id()), NOON, "mobile")
            await queue.append(account_id, new)
            acknowledged += 1

    until = asyncio.get_running_loop().time() + 4 * ingest.BURST_SECONDS
    await asyncio.gather(*(visit(until) for _ in range(4 * ingest.FEW)))
    await queue.close()
    async with db.reader() as conn:
        counted = (await counters.find(conn, account_id, [activity_id]))[activity_id]
    assert (acknowledged, acknowledged) == (counted.opens, counted.opens_mobile)


def test_folding_rests_the_less_the_longer_hits_have_waited(clock: Any) -> None:
    rests = [
        ingest.rest_seconds(ledger.Folded(1, 1, clock.now() - share * ingest.MOST_BEHIND, None, NOBODY, []), 0.1)
        for share in (0, 0.5, 1, 3)
    ]
    most = 0.1 * ingest.REST_PER_WORK
    assert [most, most / 2, ingest.LEAST_REST_SECONDS, ingest.LEAST_REST_SECONDS] == pytest.approx(rests)


async def test_hits_of_a_process_that_died_are_folded_by_the_worker(db: Db, clock: Any) -> None:
    account_id, now = AccountId(new_id()), clock.now()
    left = Hit(CampaignActivityId(new_id()), ContactId(new_id()), now)
    async with db.transaction() as conn:
        await ledger.append(conn, account_id, [left])
    await ingest.fold_orphans(db)
    assert 0 == await stored(db, account_id)
    clock.move(ingest.ORPHANED_AFTER * 2)
    await ingest.fold_orphans(db)
    assert 1 == await stored(db, account_id)


async def test_two_nodes_that_fold_the_same_account_count_each_hit_once(db: Db) -> None:
    account_id, activity_id = AccountId(new_id()), CampaignActivityId(new_id())
    people = [ContactId(new_id()) for _ in range(50)]
    for _ in range(10):
        batch = [Hit(activity_id, person, NOON) for person in people]
        async with db.transaction() as conn:
            await ledger.append(conn, account_id, batch)
        await asyncio.gather(*(ledger.fold_all(db, account_id) for _ in range(4)))
    async with db.reader() as conn:
        counted = (await counters.find(conn, account_id, [activity_id]))[activity_id]
    assert (50, 500) == (counted.opens, counted.opens_all)
