"""A proof of an email to a few addresses, before everybody gets it.

Rules: at most 5 addresses in a call and 50 on a day (UTC) for the whole account; a call that would pass the day's
allowance sends nothing. Contact tags stay as they were written, nothing is tracked, and the subject is unchanged.
Source: contract, campaigns.md §3.12.
"""

from collections.abc import Sequence
from typing import Final

import msgspec

from everpost.campaigns import campaign_activities
from everpost.campaigns.shapes import TestSendIn
from everpost.contacts import email_addresses
from everpost.delivery import test_messages
from everpost.delivery.test_messages import TestMessage
from everpost.ids import AccountId, CampaignActivityId
from everpost.platform import clock
from everpost.platform.db import Conn, one
from everpost.platform.errors import Invalid, TooMany

PER_CALL: Final = 5
PER_DAY: Final = 50


class TestSendsUsedUp(TooMany):
    """The daily limit of {limit} test addresses for this account is reached."""

    key = "emails.api.test_send_limit"


async def create(conn: Conn, account_id: AccountId, activity_id: CampaignActivityId, new: TestSendIn) -> None:
    """Raises: Invalid, CampaignNotFound, StateForbids for another role, TestSendsUsedUp."""
    addresses = addresses_of(new)
    stored = await campaign_activities.require_primary(conn, account_id, activity_id)
    content = await campaign_activities.written(conn, account_id, stored)
    message = TestMessage(
        from_name=stored.from_name,
        from_email=stored.from_email,
        reply_to_email=stored.reply_to_email,
        content=msgspec.structs.replace(content, personal_message=(new.personal_message or "").strip()),
        address=campaign_activities.own_address(stored),
    )
    await send(conn, account_id, message, addresses)


async def send(conn: Conn, account_id: AccountId, message: TestMessage, addresses: Sequence[str]) -> None:
    """Send a proof of anything, within the account's allowance. Raises: TestSendsUsedUp."""
    await _use_allowance(conn, account_id, len(addresses))
    await test_messages.send(conn, account_id, message, addresses)


def addresses_of(new: TestSendIn) -> list[str]:
    """The addresses to send to, each once. Raises: Invalid."""
    found = [
        f"email_addresses[{index}] does not have a valid value"
        for index, address in enumerate(new.email_addresses)
        if not email_addresses.is_valid(address.strip())
    ]
    distinct = {address.strip().lower(): address.strip() for address in new.email_addresses}
    if len(distinct) > PER_CALL:
        found.append(f"email_addresses must not have more than {PER_CALL} items.")
    if found:
        raise Invalid(*found)
    return list(distinct.values())


async def _use_allowance(conn: Conn, account_id: AccountId, count: int) -> None:
    """Raises: TestSendsUsedUp, and then nothing is counted."""
    used = await one(
        conn,
        int,
        """
        INSERT INTO test_send_days (account_id, sent_on, sent_addresses)
        VALUES (:account_id, :today, :count)
            ON CONFLICT (account_id, sent_on) DO UPDATE
           SET sent_addresses = test_send_days.sent_addresses + excluded.sent_addresses
        RETURNING sent_addresses""",
        account_id=account_id,
        today=clock.now().date(),
        count=count,
    )
    if used is None or used > PER_DAY:
        raise TestSendsUsedUp(limit=PER_DAY)
