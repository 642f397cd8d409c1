"""`everpost mailing`, on a running instance."""

import asyncio

from everpost.contacts import contacts, lists
from everpost.contacts.shapes import ContactIn, ContactListIn, EmailAddressIn
from everpost.delivery import mailings, recipients
from everpost.delivery.mailings import NewMailing
from everpost.delivery.render import Content
from everpost.ids import CampaignActivityId, CampaignId, MailingId, new_id
from everpost.oauth import tokens
from everpost.platform import db as platform_db
from everpost.platform.postgres import Postgres
from tests.support.instance import Instance, await_true


async def _sending(url: str) -> MailingId:
    """A mailing to one contact that no worker has heard of yet."""
    db = await platform_db.connect(url, size=2)
    async with db.transaction() as conn:
        person = await tokens.person_for_command_line(conn, None)
        made = await lists.create(conn, person.account_id, ContactListIn(name="Command line"))
        await contacts.create(
            conn,
            person.account_id,
            ContactIn(
                email_address=EmailAddressIn(address="mia@example.com"), create_source="Account",
                list_memberships=[made.list_id],
            ),
        )  # fmt: skip
        new = NewMailing(
            mailing_id=MailingId(new_id()), campaign_activity_id=CampaignActivityId(new_id()),
            campaign_id=CampaignId(new_id()), from_name="Harbor Lane", from_email="news@harborlane.example",
            reply_to_email="news@harborlane.example", content=Content(html="<p>Hello</p>", subject="Hello"),
        )  # fmt: skip
        await mailings.open_for(conn, person.account_id, new)
        await recipients.add(conn, person.account_id, new.mailing_id, recipients.of_lists([made.list_id]))
        await conn.execute("UPDATE mailings SET state = 'sending' WHERE mailing_id = $1", new.mailing_id)
    await db.close()
    return new.mailing_id


def test_a_mailing_is_listed_paused_resumed_and_explained(instance: Instance) -> None:
    mailing_id = str(asyncio.run(_sending(Postgres(instance.data).dsn())))

    def said(command: str, *more: str) -> str:
        return instance.run("mailing", command, mailing_id, *more).stdout

    assert "It is paused.\n" == said("pause")
    assert f"{mailing_id}  " in (listed := instance.run("mailing", "list").stdout)
    assert "paused             1  Paused by a person." in listed
    assert "state       paused\nreason      Paused by a person.\nrecipients  1\nqueued      1\n" in said("show")
    assert "mia@example.com: Waiting for its turn: the send is paused.\n" == said("why", "MIA@example.com")
    assert said("why", "mia@example.com") == said("recipients", "--status", "waiting") == said("recipients")
    assert "" == said("recipients", "--status", "unknown")
    assert "It goes on.\n" == said("resume")
    await_true(lambda: "sent        1" in said("show"), 30)
    assert "mia@example.com: Accepted by the mail server at " in said("why", "mia@example.com")
    refused = instance.run("mailing", "cancel", mailing_id)
    assert (1, True) == (refused.returncode, "this one is finished" in refused.stderr)
    assert "There is no contact with this id." in instance.run("mailing", "why", mailing_id, "nobody@x.example").stderr
