"""`everpost recount` finds a number that was broken by hand, and mends it."""

import asyncio
from datetime import UTC, datetime

from everpost.ids import AccountId, CampaignActivityId, ContactId, new_id
from everpost.platform import db as platform_db
from everpost.platform.postgres import Postgres
from everpost.tracking import ledger, links
from everpost.tracking.hits import Hit
from tests.support.instance import Instance

BREAKAGES = (
    "UPDATE activity_counters SET opens = 7 WHERE account_id = :account_id",
    "UPDATE links SET unique_clicks = 5 WHERE account_id = :account_id",
    "UPDATE engagement SET clicks = 9 WHERE account_id = :account_id",
    "DELETE FROM link_clicks WHERE account_id = :account_id",
    """
    INSERT INTO engagement (account_id, campaign_activity_id, contact_id, opens)
    SELECT account_id, campaign_activity_id, account_id, 1 FROM activity_counters WHERE account_id = :account_id""",
)
FOUND = (
    "opens 7, by the ledger 1",
    "unique clicks of link",
    "contacts with wrong engagement 2",
    "clicked by contacts 0",
)


async def _visit(url: str, account_id: AccountId) -> None:
    db = await platform_db.connect(url, size=2)
    activity_id = CampaignActivityId(new_id())
    async with db.transaction() as conn:
        (url_id,) = (await links.register(conn, account_id, activity_id, ["https://shop.example/"])).values()
    await ledger.record(db, account_id, [Hit(activity_id, ContactId(new_id()), datetime.now(UTC), url_id=url_id)])
    await db.close()


async def _break(url: str, account_id: AccountId) -> None:
    db = await platform_db.connect(url, size=2)
    async with db.transaction() as conn:
        for statement in BREAKAGES:
            await platform_db.run(conn, statement, account_id=account_id)
    await db.close()


def test_a_broken_number_is_found_and_mended(instance: Instance) -> None:
    account_id, url = AccountId(new_id()), Postgres(instance.data).dsn()
    of_account = ("recount", "--account", str(account_id))
    asyncio.run(_visit(url, account_id))
    assert (0, "1 activities counted again, none is wrong.\n") == _outcome(instance, *of_account)
    asyncio.run(_break(url, account_id))
    code, said = _outcome(instance, *of_account)
    assert (1, []) == (code, [words for words in FOUND if words not in said])
    assert 0 == _outcome(instance, *of_account, "--repair")[0]
    assert (0, "1 activities counted again, none is wrong.\n") == _outcome(instance, *of_account)


def _outcome(instance: Instance, *arguments: str) -> tuple[int, str]:
    done = instance.run(*arguments)
    assert not done.stderr
    return done.returncode, done.stdout
