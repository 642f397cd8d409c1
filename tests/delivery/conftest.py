"""Mailings to send: an account with contacts, and what became of each of them."""

from collections.abc import Awaitable, Callable, Sequence
from typing import Any

import pytest
from msgspec import Struct

from everpost.contacts import contacts, lists
from everpost.contacts.shapes import ContactIn, ContactListIn, EmailAddressIn
from everpost.delivery import mailings, outbox, recipients
from everpost.delivery.mailings import NewMailing, Progress
from everpost.delivery.render import Content
from everpost.ids import AccountId, CampaignActivityId, CampaignId, ContactId, ListId, MailingId, new_id
from everpost.platform.db import Db, many

HTML = (
    "<html><body>[[trackingImage]]<p>Dear [[FirstName OR 'x']], dear [[FirstName OR \"Reader\"]]</p>"
    '<a href="https://shop.example/new">New</a></body></html>'
)


class Row(Struct):
    """One recipient in the outbox."""

    state: str
    attempts: int
    reply_code: int | None


class Sending:
    """What a test does with mailings of one account."""

    def __init__(self, db: Db, account_id: AccountId, list_id: ListId, email: str) -> None:
        self.db, self.account_id, self.list_id, self.email = db, account_id, list_id, email

    async def contact(self, address: str, *, list_ids: Sequence[ListId] | None = None, **members: Any) -> ContactId:
        new = ContactIn(
            email_address=EmailAddressIn(address=address, permission_to_send=members.pop("permission", None)),
            create_source="Account",
            list_memberships=[self.list_id] if list_ids is None else list(list_ids),
            **members,
        )
        async with self.db.transaction() as conn:
            return ContactId((await contacts.create(conn, self.account_id, new)).contact_id)

    async def contacts(self, count: int) -> list[ContactId]:
        return [await self.contact(f"reader{number}@example.com") for number in range(count)]

    async def open(
        self,
        *,
        html: str = HTML,
        list_ids: Sequence[ListId] | None = None,
        activity_id: CampaignActivityId | None = None,
        subject: str = 'News for [[FirstName OR "you"]]',
    ) -> tuple[NewMailing, int]:
        """A mailing to the list, opened, filled and released; and how many it is for."""
        new = NewMailing(
            mailing_id=MailingId(new_id()),
            campaign_activity_id=activity_id or CampaignActivityId(new_id()),
            campaign_id=CampaignId(new_id()),
            from_name="Harbor Lane Books",
            from_email=self.email,
            reply_to_email=self.email,
            content=Content(html=html, subject=subject),
        )
        async with self.db.transaction() as conn:
            await mailings.open_for(conn, self.account_id, new)
            members = recipients.of_lists(list_ids or [self.list_id])
            count = await recipients.add(conn, self.account_id, new.mailing_id, members)
            await outbox.release(conn, self.account_id, new.mailing_id)
        return new, count

    async def progress(self, new: NewMailing) -> Progress:
        async with self.db.reader() as conn:
            return await mailings.progress(conn, self.account_id, new.mailing_id)

    async def rows(self, new: NewMailing) -> list[Row]:
        async with self.db.reader() as conn:
            return await many(
                conn,
                Row,
                "SELECT state, attempts, reply_code FROM outbox WHERE mailing_id = :id ORDER BY contact_id",
                id=new.mailing_id,
            )

    async def state(self, new: NewMailing) -> str | None:
        async with self.db.reader() as conn:
            mailing = await mailings.find(conn, self.account_id, new.mailing_id)
        return mailing.state if mailing else None

    async def ledger(self, new: NewMailing) -> tuple[int, dict[str, int]]:
        """How many sends tracking knows of, and how many bounces by letter."""
        async with self.db.reader() as conn:
            sends = await many(
                conn,
                ContactId,
                "SELECT contact_id FROM sends WHERE campaign_activity_id = :id",
                id=new.campaign_activity_id,
            )
            letters = await many(
                conn,
                str,
                "SELECT bounce_code FROM tracking_events WHERE campaign_activity_id = :id AND kind = 'bounce'",
                id=new.campaign_activity_id,
            )
        return len(sends), {letter: letters.count(letter) for letter in letters}


@pytest.fixture
async def sending(db: Db, account: Any) -> Sending:
    """Mailings of `account`, to a list that is empty at first."""
    async with db.transaction() as conn:
        made = await lists.create(conn, account.account_id, ContactListIn(name="Readers"))
    return Sending(db, account.account_id, made.list_id, account.email)


Work = Callable[[], Awaitable[int]]
