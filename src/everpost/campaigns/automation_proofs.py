"""An automation's mail before anybody gets it: as its owner would read it, and as a test in an inbox.

Rules: those of every email: nothing is tracked, and tests use up the account's allowance of the day.
Source: contract, campaigns.md §3.12, §3.13, §8.
"""

from uuid import UUID

from msgspec import structs

from everpost.campaigns import automations, previews, readings, test_sends
from everpost.campaigns.readings import Reading
from everpost.campaigns.shapes import TestSendIn
from everpost.delivery.render import Content
from everpost.delivery.test_messages import TestMessage
from everpost.ids import AccountId
from everpost.platform.db import Conn


async def read(conn: Conn, account_id: AccountId, content: Content, *, from_email: str) -> Reading:
    """Also what is not stored yet."""
    owner = await previews.owner(conn, account_id)
    return await readings.for_person(conn, account_id, content, owner, from_email=from_email, address=None)


async def send_test(conn: Conn, account_id: AccountId, automation_id: UUID, new: TestSendIn) -> list[str]:
    """To whom it goes. Raises: AutomationNotFound, Invalid, TestSendsUsedUp."""
    automation = await automations.get(conn, account_id, automation_id)
    addresses = test_sends.addresses_of(new)
    message = TestMessage(
        from_name=automation.from_name,
        from_email=automation.from_email,
        reply_to_email=automation.reply_to_email,
        content=structs.replace(automation.content, personal_message=(new.personal_message or "").strip()),
    )
    await test_sends.send(conn, account_id, message, addresses)
    return addresses
