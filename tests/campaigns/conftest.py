"""Campaigns for the tests: made through the door, like a client makes them."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from email.message import EmailMessage
from email.parser import BytesParser
from email.policy import default
from typing import Any

import pytest

HTML = "<html><body>[[trackingImage]]<p>Hello [[FirstName]]</p><a href='https://harborlane.example/new'>New</a></body></html>"


@dataclass(frozen=True)
class Campaign:
    """The ids of one campaign and the paths that name them."""

    campaign_id: str
    activity_id: str
    permalink_id: str

    @property
    def path(self) -> str:
        return f"/v3/emails/{self.campaign_id}"

    @property
    def activity(self) -> str:
        return f"/v3/emails/activities/{self.activity_id}"

    @property
    def permalink(self) -> str:
        return f"/v3/emails/activities/{self.permalink_id}"

    @property
    def schedules(self) -> str:
        return f"{self.activity}/schedules"


def parsed(mail: Any) -> EmailMessage:
    """What a mail program makes of a mail."""
    return BytesParser(policy=default).parsebytes(mail.content)


def shown(mail: Any, kind: str = "html") -> str:
    """The `html` or `plain` part of a mail."""
    body = parsed(mail).get_body((kind,))
    assert body is not None
    return str(body.get_content())


@pytest.fixture
def email(account: Any) -> Callable[..., dict[str, Any]]:
    """The body of the only activity of a new campaign."""

    def make(**changes: Any) -> dict[str, Any]:
        members = {
            "format_type": 5,
            "from_name": "Harbor Lane Books",
            "from_email": account.email,
            "reply_to_email": account.email,
            "subject": "Nine new arrivals",
            "html_content": HTML,
        }
        return {**members, **changes}

    return make


@pytest.fixture
def new_campaign(api: Any, account: Any, email: Any) -> Callable[..., Awaitable[Campaign]]:
    """Makes a draft: `await new_campaign("Tide Table", lists=[...], subject="Hello")`."""

    async def create(name: str = "Tide Table", lists: list[Any] | None = None, **changes: Any) -> Campaign:
        reply = await api.post("/v3/emails", {"name": name, "email_campaign_activities": [email(**changes)]})
        assert reply.status == 200, reply
        primary, permalink = reply.body["campaign_activities"]
        campaign = Campaign(
            reply.body["campaign_id"], primary["campaign_activity_id"], permalink["campaign_activity_id"]
        )
        if lists is not None:
            content = {name: value for name, value in email(**changes).items() if name != "html_content"}
            body = {**content, "contact_list_ids": [str(list_id) for list_id in lists]}
            reply = await api.put(campaign.activity, body)
            assert reply.status == 200, reply
        return campaign

    return create


@pytest.fixture
async def list_id(api: Any) -> str:
    """A list with nobody on it."""
    reply = await api.post("/v3/contact_lists", {"name": "Readers"})
    assert reply.status == 201, reply
    return str(reply.body["list_id"])


@pytest.fixture
def new_contact(api: Any, list_id: str) -> Callable[..., Awaitable[str]]:
    """Makes a contact who may be mailed: `await new_contact("ann@example.com", first_name="Ann")`."""

    async def create(
        address: str, *, permission: str = "implicit", lists: list[Any] | None = None, **members: Any
    ) -> str:
        body = {
            "email_address": {"address": address, "permission_to_send": permission},
            "create_source": "Account",
            "list_memberships": [str(each) for each in lists] if lists else [list_id],
            **members,
        }
        reply = await api.post("/v3/contacts", body)
        assert reply.status == 201, reply
        return str(reply.body["contact_id"])

    return create
