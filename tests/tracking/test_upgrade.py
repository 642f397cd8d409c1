"""A data folder of an earlier version: hits that wait in its journal, and machines that it knows, are not lost."""

from datetime import timedelta
from typing import Any

from everpost.ids import AccountId, CampaignActivityId, ContactId, UrlId, new_id
from everpost.platform import clock, migrate
from everpost.platform import db as platform_db
from everpost.tracking import counters, ingest, recount
from everpost.tracking.hits import Hit
from tests.support import server

_BEFORE = """
    INSERT INTO tracking_journal (account_id, event_id, campaign_activity_id, contact_id, created_at, device_type,
                                  url_id, is_honeypot)
    SELECT :account_id, gen_random_uuid(), :activity_id, gen_random_uuid(), :at, 'mobile', NULL, false
      FROM generate_series(1, 3)"""
_MACHINES = """
    INSERT INTO tracking_events (account_id, campaign_activity_id, contact_id, event_id, kind, created_at, is_machine)
    SELECT :account_id, :activity_id, gen_random_uuid(), gen_random_uuid(), 'open', :at, true
      FROM generate_series(1, 2)"""
# As they were until each batch was packed into one value: an open, and a click on the hidden link.
_BATCH = """
    INSERT INTO tracking_batches (account_id, batch_id, written_at, hits, campaign_activity_ids, contact_ids,
                                  created_ats, device_types, url_ids, signs)
    VALUES (:account_id, gen_random_uuid(), :at, 2, ARRAY[:activity_id, :activity_id]::uuid[],
            ARRAY[:reader_id, :robot_id]::uuid[], ARRAY[:at, :at]::timestamptz[], ARRAY['tablet', NULL], ARRAY[NULL, 7],
            ARRAY[NULL, 'honeypot'])"""
_STORED = """
    SELECT DISTINCT ON (event_id) campaign_activity_id, contact_id, created_at, device_type, url_id, sign
      FROM tracking_events
     WHERE account_id = :account_id
     ORDER BY event_id, kind"""
_COUNTERS = "INSERT INTO activity_counters (account_id, campaign_activity_id) VALUES (:account_id, :activity_id)"


async def test_hits_in_the_old_journal_are_counted_after_the_upgrade(anyio_backend: Any) -> None:
    account_id, activity_id = AccountId(new_id()), CampaignActivityId(new_id())
    url = await server.create("everpost_upgrade")
    conn = await platform_db.connect_once(url)
    await migrate.execute(conn, migrate.all_migrations()[0].sql)
    old = clock.now() - timedelta(hours=1)
    for statement in (_COUNTERS, _BEFORE, _MACHINES):
        await platform_db.run(conn, statement, account_id=account_id, activity_id=activity_id, at=old)
    for migration in migrate.all_migrations()[1:]:
        await migrate.execute(conn, migration.sql)
    db = await platform_db.connect(url, size=2)
    await ingest.fold_orphans(db)
    counted = (await counters.find(conn, account_id, [activity_id]))[activity_id]
    assert (3, 3, 2) == (counted.opens, counted.opens_mobile, counted.opens_left_out)
    wrong = {difference.name for difference in await recount.differences(conn, account_id, activity_id)}
    assert {"contacts with wrong engagement"} >= wrong
    await db.close()
    await conn.close()


async def test_hits_in_unpacked_batches_are_stored_as_they_were_after_the_upgrade(anyio_backend: Any) -> None:
    account_id, activity_id = AccountId(new_id()), CampaignActivityId(new_id())
    reader_id, robot_id = ContactId(new_id()), ContactId(new_id())
    url = await server.create("everpost_upgrade_batches")
    conn = await platform_db.connect_once(url)
    migrations = migrate.all_migrations()
    packed = [migration.version for migration in migrations].index("0027_packed_hits")
    for migration in migrations[:packed]:
        await migrate.execute(conn, migration.sql)
    old = clock.now() - timedelta(hours=1)
    parameters = {"account_id": account_id, "activity_id": activity_id, "reader_id": reader_id, "robot_id": robot_id}
    await platform_db.run(conn, _BATCH, at=old, **parameters)
    for migration in migrations[packed:]:
        await migrate.execute(conn, migration.sql)
    db = await platform_db.connect(url, size=2)
    await ingest.fold_orphans(db)
    expected = {
        Hit(activity_id, reader_id, old, "tablet"),
        Hit(activity_id, robot_id, old, url_id=UrlId(7), sign="honeypot"),
    }
    assert expected == set(await platform_db.many(conn, Hit, _STORED, account_id=account_id))
    await db.close()
    await conn.close()
