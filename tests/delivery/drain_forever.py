"""A worker in a process of its own, for tests that kill it: `python -m tests.delivery.drain_forever URL ACCOUNT MAILING`.

With a fourth argument it kills itself at that point of its work (see POINTS).
"""

import asyncio
import os
import signal
import sys
from collections.abc import Callable
from typing import Any
from uuid import UUID

from everpost.delivery import claims, outbox, shifts, smtp
from everpost.ids import AccountId, MailingId
from everpost.platform import db

REPLIES = 5


def die() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def before(owner: Any, name: str) -> None:
    async def instead(*_: object, **__: object) -> None:
        die()

    setattr(owner, name, instead)


def after(owner: Any, name: str, *, calls: int = 1) -> None:
    original, left = getattr(owner, name), [calls]

    async def instead(*arguments: Any, **named: Any) -> Any:
        result = await original(*arguments, **named)
        left[0] -= 1
        if not left[0]:
            die()
        return result

    setattr(owner, name, instead)


POINTS: dict[str, Callable[[], None]] = {
    "before the claim": lambda: before(claims, "_take"),
    "before the claim is committed": lambda: after(claims, "_lease"),
    "between ledger and DATA": lambda: before(shifts.Shift, "_send"),
    "between the ledger of sends and the outcomes": lambda: before(claims, "record"),
    "after the final dot": lambda: after(smtp.Connection, "_read_text_reply", calls=REPLIES),
}


async def main(url: str, account_id: str, mailing_id: str, point: str = "") -> None:
    database = await db.connect(url, size=8)
    if point:
        POINTS[point]()
    print("ready", flush=True)  # noqa: T201 -- the test reads it
    while True:
        await outbox.drain(database, AccountId(UUID(account_id)), MailingId(UUID(mailing_id)))


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
