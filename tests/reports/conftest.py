"""A campaign as the reports see it: made through the door, sent and visited through the ledger."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest

from everpost.ids import AccountId, CampaignActivityId, CampaignId, ContactId, UrlId, new_id
from everpost.platform.db import Db, run
from everpost.tracking import events, ledger, links, sends
from everpost.tracking.device_types import DeviceType
from everpost.tracking.events import Bounce, BounceCode
from everpost.tracking.hits import Hit
from everpost.tracking.sends import Send

NOON = datetime(2026, 3, 6, 12, tzinfo=UTC)
HTML = "<html><body>[[trackingImage]]<p>Hello</p><a href='https://harborlane.example/new'>New</a></body></html>"


def minutes(number: float) -> datetime:
    return NOON + timedelta(minutes=number)


@dataclass
class Mail:
    """One sent campaign; minutes count from its send at noon."""

    db: Db
    account_id: AccountId
    campaign_id: CampaignId
    activity_id: CampaignActivityId
    permalink_id: CampaignActivityId
    contacts: list[ContactId] = field(default_factory=list)

    @property
    def tracking(self) -> str:
        return f"/v3/reports/email_reports/{self.activity_id}/tracking"

    @property
    def links(self) -> str:
        return f"/v3/reports/email_reports/{self.activity_id}/links"

    async def send(self, contacts: dict[ContactId, str], *, activity_id: CampaignActivityId | None = None) -> None:
        """One contact a minute; and a finished run in the history."""
        activity = activity_id or self.activity_id
        rows = [Send(activity, contact, minutes(n), address) for n, (contact, address) in enumerate(contacts.items())]
        async with self.db.transaction() as conn:
            await sends.append(conn, self.account_id, rows)
            await add_run(conn, self.account_id, activity, at=NOON, count=len(rows))
        self.contacts.extend(contacts)

    async def hit(
        self,
        contact_id: ContactId,
        at: float,
        *,
        device: DeviceType | None = "computer",
        url_id: UrlId | None = None,
        activity_id: CampaignActivityId | None = None,
    ) -> None:
        new = Hit(activity_id or self.activity_id, contact_id, minutes(at), device, url_id)
        await ledger.record(self.db, self.account_id, [new])

    async def register(self, *urls: str) -> list[UrlId]:
        async with self.db.transaction() as conn:
            return list((await links.register(conn, self.account_id, self.activity_id, urls)).values())

    async def bounce(self, contact_id: ContactId, code: BounceCode, at: float) -> None:
        async with self.db.transaction() as conn:
            await events.append_bounces(
                conn, self.account_id, [Bounce(self.activity_id, contact_id, minutes(at), code)]
            )

    async def opt_out(self, contact_id: ContactId, at: float, reason: str | None = None) -> None:
        async with self.db.transaction() as conn:
            await events.append_opt_out(
                conn, self.account_id, self.activity_id, contact_id, at=minutes(at), reason=reason
            )

    async def forward(self, contact_id: ContactId, at: float) -> None:
        async with self.db.transaction() as conn:
            await events.append_forward(conn, self.account_id, self.activity_id, contact_id, at=minutes(at))


async def add_run(
    conn: Any, account_id: AccountId, activity_id: CampaignActivityId, *, at: datetime, count: int
) -> None:
    """A finished run, as the history of sends would hold it."""
    await run(
        conn,
        """
        INSERT INTO campaign_runs (account_id, campaign_activity_id, send_id, mailing_id, contact_list_ids,
                                   segment_ids, run_at, status, sent_count, reason_code)
        SELECT :account_id, :activity_id, 1 + count(*), :mailing_id, '{}', '{}', :at, 'COMPLETED', :count,
               CASE WHEN :count > 0 THEN 0 ELSE 12 END
          FROM campaign_runs
         WHERE account_id = :account_id AND campaign_activity_id = :activity_id""",
        account_id=account_id,
        activity_id=activity_id,
        mailing_id=new_id(),
        at=at,
        count=count,
    )


@pytest.fixture
def new_mail(db: Db, api: Any, account: Any) -> Callable[..., Awaitable[Mail]]:
    """Makes campaigns that are not sent yet: `await new_mail("Spring")`."""

    async def create(name: str = "Spring") -> Mail:
        activity = {
            "format_type": 5, "from_name": "Harbor Lane Books", "from_email": account.email,
            "reply_to_email": account.email, "subject": "Nine new arrivals", "html_content": HTML,
        }  # fmt: skip
        answer = await api.post("/v3/emails", {"name": name, "email_campaign_activities": [activity]})
        assert answer.status == 200, answer
        ids = {each["role"]: each["campaign_activity_id"] for each in answer.body["campaign_activities"]}
        return Mail(
            db,
            account.account_id,
            CampaignId(UUID(answer.body["campaign_id"])),
            CampaignActivityId(UUID(ids["primary_email"])),
            CampaignActivityId(UUID(ids["permalink"])),
        )

    return create


@pytest.fixture
async def mail(new_mail: Callable[..., Awaitable[Mail]]) -> Mail:
    return await new_mail()


@pytest.fixture
def new_contact(api: Any, account: Any) -> Callable[..., Awaitable[ContactId]]:
    """Makes contacts through the door: `await new_contact("ann@reader.example", first_name="Ann")`."""

    async def create(address: str, **members: Any) -> ContactId:
        body = {
            "email_address": {"address": address, "permission_to_send": "explicit"},
            "create_source": "Account", "list_memberships": [str(account.list_id)], **members,
        }  # fmt: skip
        answer = await api.post("/v3/contacts", body)
        assert answer.status == 201, answer
        return ContactId(UUID(answer.body["contact_id"]))

    return create


@pytest.fixture
async def visited(api: Any, mail: Mail, new_contact: Any) -> Mail:
    """A mail to five people, to each of whom something happened; one of them was deleted since."""
    names = ["ann", "bob", "cleo", "dan", "eva"]
    people: dict[ContactId, str] = {}
    for name in names:
        contact_id = await new_contact(f"{name}@reader.example", first_name=name.title(), last_name="Reader")
        people[contact_id] = f"{name}@reader.example"
    ann, bob, cleo, dan, eva = people
    await mail.send(people)
    (url_id,) = await mail.register("https://harborlane.example/new")
    for minute in (10, 11):
        await mail.hit(ann, minute)
        await mail.hit(ann, minute, url_id=url_id)
    await mail.bounce(bob, "B", 1)
    await mail.opt_out(cleo, 12, "Too many")
    await mail.forward(dan, 13)
    await api.delete(f"/v3/contacts/{eva}")
    return mail
