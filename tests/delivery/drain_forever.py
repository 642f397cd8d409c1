"""A worker in a process of its own, for tests that kill it: `python -m tests.delivery.drain_forever URL ACCOUNT MAILING`."""

import asyncio
import sys
from uuid import UUID

from everpost.delivery import outbox
from everpost.ids import AccountId, MailingId
from everpost.platform import db


async def main(url: str, account_id: str, mailing_id: str) -> None:
    database = await db.connect(url, size=8)
    print("ready", flush=True)  # noqa: T201 -- the test reads it
    while True:
        await outbox.drain(database, AccountId(UUID(account_id)), MailingId(UUID(mailing_id)))


asyncio.run(main(*sys.argv[1:]))
