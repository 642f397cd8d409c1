"""What slows down programs at the token endpoints: failures per app and per address, new device codes per address.

Rules: counted in the database, so on all nodes together; what a device hears while it waits is no failure. The numbers
are settings, 0 switches a limit off. Source: contract, auth.md §5.3.
"""

from datetime import timedelta
from typing import Final

from everpost.accounts import throttles
from everpost.accounts.throttles import Limit
from everpost.platform import config
from everpost.platform.db import Db

_MINUTE: Final = timedelta(minutes=1)


async def is_blocked(db: Db, client_id: str, address: str) -> bool:
    if not config.current().token_failures_per_minute:
        return False
    async with db.reader() as conn:
        for subject in _subjects(client_id, address):
            if await throttles.is_blocked(conn, subject):
                return True
    return False


async def count_failure(db: Db, client_id: str, address: str) -> None:
    most = config.current().token_failures_per_minute
    if not most:
        return
    async with db.transaction() as conn:
        for subject in _subjects(client_id, address):
            await throttles.count_try(conn, subject, Limit(most, within=_MINUTE, block_for=_MINUTE))


async def may_start_device(db: Db, address: str) -> bool:
    """Whether this address may have another device code; asking counts."""
    most = config.current().device_codes_per_minute
    if not most:
        return True
    async with db.transaction() as conn:
        subject = throttles.subject("device-start", address)
        return await throttles.count_try(conn, subject, Limit(most, within=_MINUTE, block_for=_MINUTE))


def _subjects(client_id: str, address: str) -> list[bytes]:
    """Sorted, so that two failures at once lock the rows in one order."""
    subjects = [throttles.subject("token-address", address)]
    if client_id:
        subjects.append(throttles.subject("token-client", client_id))
    return sorted(subjects)
