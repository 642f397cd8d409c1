"""Whom an email would reach, and why not the others."""

from typing import Any

from everpost.delivery import holds, reach, recipients
from everpost.platform import clock as platform_clock
from tests.delivery.conftest import Sending, Work


async def test_everybody_in_the_audience_stands_somewhere(sending: Sending, work: Work, clock: Any) -> None:
    await sending.contact("first@example.com")
    new, _ = await sending.open()
    await work()
    (ann, *_) = await sending.contacts(3)
    for number, permission in enumerate(("unsubscribed", "pending_confirmation", "not_set", "temp_hold")):
        contact_id = await sending.contact(f"other{number}@example.com")
        async with sending.db.transaction() as conn:
            await conn.execute(
                "UPDATE contacts SET permission_to_send = $1 WHERE contact_id = $2", permission, contact_id
            )
    await sending.contact("angry@example.com")
    await sending.contact("Nobody@example.com")
    async with sending.db.transaction() as conn:
        now = platform_clock.now()
        await holds.note_complaint(conn, sending.account_id, "angry@example.com", now=now)
        await holds.note_unknown(conn, ["nobody@EXAMPLE.com"], now=now)
        members = recipients.of_lists([sending.list_id])
        found = await reach.count(conn, sending.account_id, new.campaign_activity_id, members)
        standing = await reach.standing_of(conn, sending.account_id, new.campaign_activity_id, members, ann)
        elsewhere = await reach.standing_of(
            conn, sending.account_id, new.campaign_activity_id, recipients.of_lists([]), ann
        )
    assert {
        "received": 1, "unsubscribed": 1, "pending": 1, "not_mailable": 2, "complained": 1, "on_hold": 1,
    } == {each.standing: each.contacts for each in found.others}  # fmt: skip
    assert (3, 10, "reached", None) == (found.reached, found.audience, standing, elsewhere)
