"""From a due schedule to mails: who gets one, what the history says, and what happens twice. Source: campaigns.md §5."""

import asyncio
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest

from everpost.accounts import accounts
from everpost.campaigns import sending
from everpost.ids import CampaignId
from everpost.platform import config
from everpost.platform.db import LockTimeout, connect, one, run
from tests.campaigns.conftest import parsed


@pytest.fixture
def send(api: Any, work: Any) -> Any:
    """Sends a campaign now and returns its history."""

    async def now(campaign: Any) -> Any:
        reply = await api.post(campaign.schedules, {"scheduled_date": "0"})
        assert reply.status == 201, reply
        await work()
        return (await api.get(f"{campaign.activity}/send_history")).body

    return now


async def recipients(mailbox: Any) -> list[str]:
    return sorted(parsed(mail)["To"] for mail in await mailbox())


async def test_a_campaign_reaches_its_list(
    api: Any, account: Any, list_id: str, new_campaign: Any, new_contact: Any, send: Any, mailbox: Any, clock: Any
) -> None:
    await new_contact("ann@example.com", first_name="Ann")
    await new_contact("bob@example.com")
    campaign = await new_campaign(lists=[list_id], subject='[[FirstName OR "Reader"]], nine new arrivals')
    history = await send(campaign)
    assert history == [
        {
            "send_id": 1,
            "contact_list_ids": [list_id],
            "count": 2,
            "run_date": clock.now().strftime("%Y-%m-%dT%H:%M:%S.000Z"),
            "send_status": "COMPLETED",
            "reason_code": 0,
        }
    ]
    assert (await api.get(campaign.path)).body["current_status"] == "Done"
    assert (await api.get(campaign.activity)).body["current_status"] == "DONE"
    messages = {parsed(mail)["To"]: parsed(mail) for mail in await mailbox()}
    assert set(messages) == {"ann@example.com", "bob@example.com"}
    assert messages["ann@example.com"]["Subject"] == "Ann, nine new arrivals"
    assert messages["bob@example.com"]["Subject"] == "Reader, nine new arrivals"
    message = messages["ann@example.com"]
    assert message["From"] == f"Harbor Lane Books <{account.email}>"
    assert message["Reply-To"] == account.email
    assert message["List-Unsubscribe"]
    assert message["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"
    assert message["X-Campaign-Activity-Id"] == campaign.activity_id
    assert "Hello Ann" in message.get_body(("html",)).get_content()


async def test_a_contact_in_three_lists_gets_one_mail(
    api: Any, new_campaign: Any, new_contact: Any, send: Any, mailbox: Any
) -> None:
    lists = [(await api.post("/v3/contact_lists", {"name": f"List {n}"})).body["list_id"] for n in range(3)]
    await new_contact("ann@example.com", lists=lists)
    (entry,) = await send(await new_campaign(lists=lists))
    assert (entry["count"], entry["contact_list_ids"]) == (1, lists)
    assert await recipients(mailbox) == ["ann@example.com"]


async def test_only_contacts_who_may_be_mailed_get_one(
    api: Any, account: Any, list_id: str, db: Any, new_campaign: Any, new_contact: Any, send: Any, mailbox: Any
) -> None:
    await new_contact("implicit@example.com")
    await new_contact("explicit@example.com", permission="explicit")
    for permission in ("unsubscribed", "not_set", "pending_confirmation", "temp_hold"):
        contact_id = await new_contact(f"{permission}@example.com")
        async with db.transaction() as conn:
            await run(
                conn,
                """
                UPDATE contacts SET permission_to_send = :permission
                 WHERE account_id = :account_id AND contact_id = :contact_id""",
                permission=permission,
                account_id=account.account_id,
                contact_id=contact_id,
            )
    deleted = await new_contact("deleted@example.com")
    assert (await api.delete(f"/v3/contacts/{deleted}")).status == 204
    (entry,) = await send(await new_campaign(lists=[list_id]))
    assert entry["count"] == 2
    assert await recipients(mailbox) == ["explicit@example.com", "implicit@example.com"]


async def test_a_repeat_reaches_only_contacts_who_never_got_it(
    api: Any, account: Any, list_id: str, new_campaign: Any, new_contact: Any, send: Any, mailbox: Any
) -> None:
    campaign = await new_campaign(lists=[list_id])
    await new_contact("ann@example.com")
    await send(campaign)
    await new_contact("bob@example.com")
    await new_contact("cleo@example.com")
    history = await send(campaign)
    assert [(entry["send_id"], entry["count"], entry["reason_code"]) for entry in history] == [(1, 1, 0), (2, 2, 0)]
    assert await recipients(mailbox) == ["ann@example.com", "bob@example.com", "cleo@example.com"]


async def test_nobody_to_send_to_is_a_completed_run(
    api: Any, list_id: str, db: Any, new_campaign: Any, send: Any, mailbox: Any
) -> None:
    campaign = await new_campaign(lists=[list_id])
    (entry,) = await send(campaign)
    assert (entry["send_status"], entry["count"], entry["reason_code"]) == ("COMPLETED", 0, 12)
    assert (await api.get(campaign.activity)).body["current_status"] == "DONE"
    assert await mailbox() == []
    async with db.reader() as conn:
        assert await one(conn, int, "SELECT count(*) FROM mailings") == 0


async def test_the_audience_is_taken_when_the_send_starts(
    api: Any, account: Any, list_id: str, new_campaign: Any, new_contact: Any, work: Any, clock: Any, mailbox: Any
) -> None:
    campaign = await new_campaign(lists=[list_id])
    at = clock.now() + timedelta(hours=1)
    await api.post(campaign.schedules, {"scheduled_date": at.isoformat()})
    await new_contact("late@example.com")
    clock.move(timedelta(hours=1))
    await work()
    assert await recipients(mailbox) == ["late@example.com"]


async def test_a_link_that_is_too_long_fails_the_send(
    api: Any, account: Any, list_id: str, new_campaign: Any, new_contact: Any, send: Any, mailbox: Any
) -> None:
    await new_contact("ann@example.com")
    url = "https://harborlane.example/" + "x" * (1006 - len("https://harborlane.example/"))
    campaign = await new_campaign(lists=[list_id], html_content=f'<a href="{url}">x</a>')
    (entry,) = await send(campaign)
    assert (entry["send_status"], entry["count"], entry["reason_code"]) == ("ERRORED", 0, 8)
    assert (await api.get(campaign.path)).body["current_status"] == "Error"
    assert await mailbox() == []
    # A failed email can be repaired and sent.
    content = (await api.get(campaign.activity)).body
    assert (await api.put(campaign.activity, {**content, "html_content": "<p>Short</p>"})).status == 200
    assert [entry["reason_code"] for entry in await send(campaign)] == [8, 0]
    assert await recipients(mailbox) == ["ann@example.com"]


async def test_the_longest_link_that_is_allowed_is_sent(
    account: Any, list_id: str, new_campaign: Any, new_contact: Any, send: Any
) -> None:
    await new_contact("ann@example.com")
    url = "https://harborlane.example/?a&amp;" + "x" * (1005 - len("https://harborlane.example/?a&"))
    (entry,) = await send(await new_campaign(lists=[list_id], html_content=f'<a href="{url}">x</a>'))
    assert entry["reason_code"] == 0


async def test_a_sender_who_is_no_longer_confirmed_fails_the_send(
    api: Any,
    account: Any,
    list_id: str,
    db: Any,
    new_campaign: Any,
    new_contact: Any,
    work: Any,
    clock: Any,
    mailbox: Any,
) -> None:
    await new_contact("ann@example.com")
    campaign = await new_campaign(lists=[list_id])
    at = clock.now() + timedelta(hours=1)
    await api.post(campaign.schedules, {"scheduled_date": at.isoformat()})
    async with db.transaction() as conn:
        await run(
            conn,
            """UPDATE account_emails SET confirmed_at = NULL, confirm_source_type = NULL, roles = '{}'
                WHERE account_id = :account_id""",
            account_id=account.account_id,
        )
    clock.move(timedelta(hours=1))
    await work()
    (entry,) = (await api.get(f"{campaign.activity}/send_history")).body
    assert (entry["send_status"], entry["reason_code"]) == ("ERRORED", 9)
    assert (await api.get(campaign.activity)).body["current_status"] == "ERROR"
    assert await mailbox() == []


async def test_an_account_that_was_closed_sends_no_more(
    api: Any, account: Any, list_id: str, db: Any, new_campaign: Any, new_contact: Any, work: Any, mailbox: Any
) -> None:
    await new_contact("ann@example.com")
    campaign = await new_campaign(lists=[list_id])
    await api.post(campaign.schedules, {"scheduled_date": "0"})
    async with db.transaction() as conn:
        await accounts.set_status(conn, account.account_id, "disabled")
    await work()
    async with db.transaction() as conn:
        await accounts.set_status(conn, account.account_id, "active")
    (entry,) = (await api.get(f"{campaign.activity}/send_history")).body
    assert (entry["send_status"], entry["reason_code"]) == ("ERRORED", 3)
    assert await mailbox() == []


async def test_a_failed_repeat_that_is_unscheduled_stays_an_error(
    api: Any, account: Any, list_id: str, new_campaign: Any, send: Any
) -> None:
    url = "https://harborlane.example/" + "x" * 1005
    campaign = await new_campaign(lists=[list_id], html_content=f'<a href="{url}">x</a>')
    await send(campaign)
    await api.post(campaign.schedules, {"scheduled_date": "2030-01-01"})
    await api.delete(campaign.schedules)
    assert (await api.get(campaign.activity)).body["current_status"] == "ERROR"


async def test_a_job_that_runs_twice_sends_once(
    account: Any,
    list_id: str,
    db: Any,
    new_campaign: Any,
    new_contact: Any,
    send: Any,
    work: Any,
    mailbox: Any,
    api: Any,
) -> None:
    await new_contact("ann@example.com")
    campaign = await new_campaign(lists=[list_id])
    await send(campaign)
    await sending.send(db, account_id=account.account_id, campaign_id=CampaignId(UUID(campaign.campaign_id)))
    await work()
    assert len((await api.get(f"{campaign.activity}/send_history")).body) == 1
    assert await recipients(mailbox) == ["ann@example.com"]


async def test_a_removed_campaign_shows_no_history(
    api: Any, account: Any, list_id: str, new_campaign: Any, send: Any
) -> None:
    campaign = await new_campaign(lists=[list_id])
    await send(campaign)
    assert (await api.delete(campaign.path)).status == 204
    assert (await api.get(f"{campaign.activity}/send_history")).status == 404


async def test_a_permalink_has_no_history(api: Any, new_campaign: Any) -> None:
    reply = await api.get(f"{(await new_campaign()).permalink}/send_history")
    assert (reply.status, reply.error_key) == (400, "emails.api.invalid_state")


async def begin(db: Any, account: Any, campaign: Any, now: Any) -> None:
    """What a worker commits before it is killed in the middle of a run."""
    async with db.transaction() as conn:
        await sending._start(conn, account.account_id, CampaignId(UUID(campaign.campaign_id)), now)


async def test_a_run_that_was_killed_goes_on_and_sends_once(
    api: Any,
    account: Any,
    list_id: str,
    db: Any,
    new_campaign: Any,
    new_contact: Any,
    work: Any,
    mailbox: Any,
    clock: Any,
) -> None:
    await new_contact("ann@example.com")
    campaign = await new_campaign(lists=[list_id])
    await api.post(campaign.schedules, {"scheduled_date": "0"})
    await begin(db, account, campaign, clock.now())
    assert (await api.get(campaign.path)).body["current_status"] == "Executing"
    assert (await api.get(f"{campaign.activity}/send_history")).body == []
    await work()
    (entry,) = (await api.get(f"{campaign.activity}/send_history")).body
    assert (entry["count"], entry["reason_code"]) == (1, 0)
    assert await recipients(mailbox) == ["ann@example.com"]


async def test_a_run_that_is_killed_in_its_transaction_leaves_nothing_behind(
    api: Any, account: Any, list_id: str, db: Any, new_campaign: Any, new_contact: Any, work: Any, mailbox: Any
) -> None:
    await new_contact("ann@example.com")
    campaign = await new_campaign(lists=[list_id])
    campaign_id = CampaignId(UUID(campaign.campaign_id))
    await api.post(campaign.schedules, {"scheduled_date": "0"})
    async with db.transaction() as conn:
        # Nobody can write to the outbox, which stops the run where it adds its recipients.
        await run(conn, "LOCK TABLE outbox IN SHARE MODE")
        running = asyncio.create_task(sending.send(db, account_id=account.account_id, campaign_id=campaign_id))
        await asyncio.sleep(0.5)
        assert (await api.get(campaign.path)).body["current_status"] == "Executing"
        running.cancel()
        with pytest.raises(asyncio.CancelledError):
            await running
    async with db.reader() as conn:
        assert await one(conn, int, "SELECT count(*) FROM mailings") == 0
    await work()
    assert (await api.get(campaign.path)).body["current_status"] == "Done"
    assert await recipients(mailbox) == ["ann@example.com"]


async def test_two_workers_on_one_run_send_once(
    api: Any, account: Any, list_id: str, db: Any, new_campaign: Any, new_contact: Any, work: Any, mailbox: Any
) -> None:
    await new_contact("ann@example.com")
    campaign = await new_campaign(lists=[list_id])
    await api.post(campaign.schedules, {"scheduled_date": "0"})
    campaign_id = CampaignId(UUID(campaign.campaign_id))
    await asyncio.gather(*(sending.send(db, account_id=account.account_id, campaign_id=campaign_id) for _ in range(4)))
    await work()
    assert [entry["count"] for entry in (await api.get(f"{campaign.activity}/send_history")).body] == [1]
    assert await recipients(mailbox) == ["ann@example.com"]


async def test_nothing_but_reading_is_possible_while_it_runs(
    api: Any, account: Any, list_id: str, db: Any, new_campaign: Any, clock: Any
) -> None:
    campaign = await new_campaign(lists=[list_id])
    await api.post(campaign.schedules, {"scheduled_date": "0"})
    await begin(db, account, campaign, clock.now())
    content = (await api.get(campaign.activity)).body
    assert content["current_status"] == "EXECUTING"
    replies = [
        await api.put(campaign.activity, content),
        await api.post(campaign.schedules, {"scheduled_date": "0"}),
        await api.delete(campaign.schedules),
        await api.delete(campaign.path),
    ]
    assert [(reply.status, reply.error_message) for reply in replies] == [
        (400, "Campaign activity is EXECUTING; wait until it is DONE."),
        (400, "Campaign activity is EXECUTING; wait until it is DONE."),
        (400, "Campaign activity is EXECUTING; it has no schedule."),
        (400, "Campaign is Executing; wait until it is Done."),
    ]


async def test_a_run_that_breaks_ends_as_an_error(
    api: Any, account: Any, list_id: str, db: Any, new_campaign: Any, new_contact: Any, work: Any, mailbox: Any
) -> None:
    await new_contact("ann@example.com")
    campaign = await new_campaign(lists=[list_id])
    await api.post(campaign.schedules, {"scheduled_date": "0"})
    async with db.transaction() as conn:
        await run(
            conn,
            "UPDATE campaign_contents SET physical_address = '[]' WHERE account_id = :account_id",
            account_id=account.account_id,
        )
    await work()
    async with db.transaction() as conn:
        await run(
            conn,
            "UPDATE campaign_contents SET physical_address = NULL WHERE account_id = :account_id",
            account_id=account.account_id,
        )
    (entry,) = (await api.get(f"{campaign.activity}/send_history")).body
    assert (entry["send_status"], entry["count"], entry["reason_code"]) == ("ERRORED", 0, 1)
    assert (await api.get(campaign.path)).body["current_status"] == "Error"
    assert await mailbox() == []


async def test_a_run_that_others_hold_up_is_tried_again_and_is_no_error(
    api: Any, account: Any, list_id: str, db: Any, settings: Any, new_campaign: Any, new_contact: Any, work: Any
) -> None:
    await new_contact("ann@example.com")
    campaign = await new_campaign(lists=[list_id])
    await api.post(campaign.schedules, {"scheduled_date": "0"})
    impatient = await connect(f"{settings.database_url}&lock_timeout=100", size=2)
    try:
        async with db.transaction() as conn:
            await run(conn, "LOCK TABLE outbox IN ACCESS EXCLUSIVE MODE")
            with pytest.raises(LockTimeout):
                await sending.send(impatient, account.account_id, CampaignId(UUID(campaign.campaign_id)))
    finally:
        await impatient.close()
    assert (await api.get(campaign.path)).body["current_status"] == "Executing"
    await work()
    (entry,) = (await api.get(f"{campaign.activity}/send_history")).body
    assert (entry["send_status"], entry["count"], entry["reason_code"]) == ("COMPLETED", 1, 0)


async def test_where_signatures_are_required_an_unsigned_sender_is_reason_10(
    list_id: str, new_campaign: Any, new_contact: Any, send: Any, mailbox: Any
) -> None:
    config.override(dkim_required=True)
    await new_contact("ann@example.com")
    (entry,) = await send(await new_campaign(lists=[list_id]))
    assert ("ERRORED", 10, 0) == (entry["send_status"], entry["reason_code"], entry["count"])
    assert [] == await mailbox()
