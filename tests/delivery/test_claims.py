"""What one worker holds, settled by itself or buried by another. Source: distributed.md."""

import asyncio
from datetime import timedelta
from typing import Any

from everpost.delivery import claims, mailings
from everpost.delivery.outcomes import Result
from everpost.ids import new_id
from everpost.platform.db import one
from tests.delivery.conftest import Sending, Work
from tests.delivery.test_outbox import progress


async def test_a_result_that_comes_after_its_lease_is_still_taken(sending: Sending, work: Work, clock: Any) -> None:
    await sending.contacts(1)
    new, _ = await sending.open()
    claim_id = new_id()
    async with sending.db.transaction() as conn:
        mailing = await mailings.find(conn, sending.account_id, new.mailing_id)
        assert mailing is not None
        (attempt,) = await claims.take(conn, sending.account_id, mailing, claim_id, at_most=9, now=clock.now())
    clock.move(claims.LEASE + timedelta(seconds=1))
    await work()
    assert progress(unknown=1) == await sending.progress(new)
    async with sending.db.transaction() as conn:
        results = [Result(contact_id=attempt.contact_id, state="sent", reply_code=250)]
        await claims.record(conn, sending.account_id, mailing, claim_id, results)
    assert progress(sent=1) == await sending.progress(new)


async def test_a_result_in_the_moment_of_its_burial_is_waited_for(sending: Sending, clock: Any) -> None:
    await sending.contacts(2)
    new, _ = await sending.open()
    claim_id = new_id()
    async with sending.db.transaction() as conn:
        mailing = await mailings.find(conn, sending.account_id, new.mailing_id)
        assert mailing is not None
        taken = await claims.take(conn, sending.account_id, mailing, claim_id, at_most=9, now=clock.now())
    clock.move(claims.LEASE + timedelta(seconds=1))

    async def bury() -> int:
        async with sending.db.transaction() as conn:
            return await claims.bury(conn, sending.account_id, mailing, now=clock.now())

    async with sending.db.transaction() as conn, sending.db.reader() as looking:
        results = [Result(contact_id=attempt.contact_id, state="sent", reply_code=250) for attempt in taken]
        await claims.record(conn, sending.account_id, mailing, claim_id, results)
        burial = asyncio.create_task(bury())
        while not await one(looking, int, "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock'"):
            await asyncio.sleep(0.01)
        await claims.give_back(conn, sending.account_id, claim_id)
    assert 0 == await burial
    assert progress(sent=2) == await sending.progress(new)
