"""Resending to those who did not open. Source: contract, campaigns.md §3.15."""

from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest

from everpost.campaigns import resending
from everpost.ids import CampaignActivityId, CampaignId, ContactId
from everpost.platform.db import run
from everpost.tracking import events, ledger
from everpost.tracking.hits import Hit
from tests.campaigns.conftest import parsed
from tests.support.fixtures import ALL_SCOPES

INVALID, STATE, CONFLICT = "emails.api.validation.error", "emails.api.invalid_state", "emails.api.conflict"
DAYS = {"resend_subject": "Still time", "delay_days": 3}


@pytest.fixture
async def campaign(new_campaign: Any, list_id: str) -> Any:
    return await new_campaign(lists=[list_id])


@pytest.fixture
def opened(db: Any, account: Any, clock: Any) -> Any:
    """Lets a contact open an email."""

    async def record(activity_id: str, contact_id: str) -> None:
        hit = Hit(CampaignActivityId(UUID(activity_id)), ContactId(UUID(contact_id)), clock.now())
        await ledger.record(db, account.account_id, [hit])

    return record


async def send(api: Any, work: Any, campaign: Any) -> None:
    assert (await api.post(campaign.schedules, {"scheduled_date": "0"})).status == 201
    await work()


async def resend_activity(api: Any, campaign: Any) -> str:
    activities = (await api.get(campaign.path)).body["campaign_activities"]
    return next(str(each["campaign_activity_id"]) for each in activities if each["role"] == "resend")


def resends(campaign: Any) -> str:
    return f"{campaign.activity}/non_opener_resends"


async def test_a_draft_gets_a_resend_by_the_name_of_draft(api: Any, campaign: Any) -> None:
    reply = await api.post(resends(campaign), DAYS)
    expected = {**DAYS, "delay_minutes": 4320, "resend_request_id": "DRAFT"}
    assert (201, expected) == (reply.status, reply.body)
    assert [expected] == (await api.get(resends(campaign))).body
    activities = (await api.get(campaign.path)).body["campaign_activities"]
    assert ["primary_email", "permalink", "resend"] == [each["role"] for each in activities]
    shown = (await api.get(f"/v3/emails/activities/{activities[2]['campaign_activity_id']}")).body
    assert ("resend", "DRAFT", "Still time") == (shown["role"], shown["current_status"], shown["subject"])


@pytest.mark.parametrize(
    ("sent", "shown"),
    [
        ({"delay_days": 10}, {"delay_days": 10, "delay_minutes": 14400}),
        ({"delay_minutes": 720}, {"delay_minutes": 720}),
        ({"delay_minutes": 2880}, {"delay_days": 2, "delay_minutes": 2880}),
        ({"delay_days": 1, "delay_minutes": 5}, {"delay_days": 1, "delay_minutes": 1440}),
    ],
)
async def test_days_win_over_minutes_and_show_when_they_are_whole(
    api: Any, campaign: Any, sent: dict[str, int], shown: dict[str, int]
) -> None:
    reply = await api.post(resends(campaign), {"resend_subject": "Again", **sent})
    assert {"resend_subject": "Again", "resend_request_id": "DRAFT", **shown} == reply.body


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ({"resend_subject": "Again"}, "delay_days or delay_minutes is required."),
        ({"resend_subject": "Again", "delay_days": 0}, "delay_days must be between 1 and 10."),
        ({"resend_subject": "Again", "delay_days": 11}, "delay_days must be between 1 and 10."),
        ({"resend_subject": "Again", "delay_minutes": 719}, "delay_minutes must be between 720 and 14400."),
        ({"resend_subject": "Again", "delay_minutes": 14401}, "delay_minutes must be between 720 and 14400."),
        ({"resend_subject": "Again", "delay_days": "soon"}, "delay_days does not have a valid value"),
        ({"resend_subject": "Again", "delay_days": 1.5}, "delay_days does not have a valid value"),
        ({"delay_days": 3}, "resend_subject is required."),
        ({"resend_subject": "  ", "delay_days": 3}, "resend_subject must not be empty."),
        ({"resend_subject": "a\nb", "delay_days": 3}, "resend_subject does not have a valid value"),
        ({"resend_subject": "x" * 201, "delay_days": 3}, "resend_subject must not be longer than 200 characters."),
    ],
)
async def test_a_wrong_resend_is_refused(api: Any, campaign: Any, body: dict[str, Any], message: str) -> None:
    reply = await api.post(resends(campaign), body)
    assert (400, [{"error_key": INVALID, "error_message": message}]) == (reply.status, reply.body)


async def test_there_is_one_resend_and_none_beside_an_ab_test(api: Any, campaign: Any, new_campaign: Any) -> None:
    await api.post(resends(campaign), DAYS)
    reply = await api.post(resends(campaign), DAYS)
    assert (409, CONFLICT) == (reply.status, reply.error_key)
    tested = await new_campaign("Tested")
    await api.post(
        f"{tested.activity}/abtest", {"alternative_subject": "B", "test_size": 10, "winner_wait_duration": 6}
    )
    reply = await api.post(resends(tested), DAYS)
    assert (409, CONFLICT) == (reply.status, reply.error_key)


async def test_only_the_primary_email_can_be_resent(api: Any, campaign: Any) -> None:
    for method, body in ((api.post, DAYS), (api.get, None)):
        path = f"{campaign.permalink}/non_opener_resends"
        reply = await (method(path, body) if body else method(path))
        assert (400, STATE) == (reply.status, reply.error_key)
    assert 404 == (await api.post(f"/v3/emails/activities/{uuid4()}/non_opener_resends", DAYS)).status


async def test_scheduling_numbers_the_resend_and_unscheduling_makes_it_a_draft_again(api: Any, campaign: Any) -> None:
    await api.post(resends(campaign), DAYS)
    await api.post(campaign.schedules, {"scheduled_date": "2030-01-01"})
    (shown,) = (await api.get(resends(campaign))).body
    assert shown["resend_request_id"].isdigit()
    assert "SCHEDULED" == shown["resend_status"]
    assert "resend_date" not in shown
    await api.delete(campaign.schedules)
    (shown,) = (await api.get(resends(campaign))).body
    assert ("DRAFT", False) == (shown["resend_request_id"], "resend_status" in shown)


async def test_a_resend_can_be_deleted_until_it_is_sent(api: Any, campaign: Any) -> None:
    await api.post(resends(campaign), DAYS)
    for unknown in ("1", "draft", "nonsense"):
        assert 404 == (await api.delete(f"{resends(campaign)}/{unknown}")).status
    assert 204 == (await api.delete(f"{resends(campaign)}/DRAFT")).status
    assert [] == (await api.get(resends(campaign))).body
    assert 2 == len((await api.get(campaign.path)).body["campaign_activities"])
    assert 201 == (await api.post(resends(campaign), DAYS)).status


async def test_it_reaches_those_who_did_not_open_click_or_bounce_and_those_who_came_later(
    api: Any, account: Any, db: Any, campaign: Any, new_contact: Any, opened: Any, work: Any, mailbox: Any, clock: Any
) -> None:
    names = ("opener", "sleeper", "bouncer", "holiday", "leaver")
    people = {name: await new_contact(f"{name}@example.com") for name in names}
    await api.post(resends(campaign), DAYS)
    await send(api, work, campaign)
    (shown,) = (await api.get(resends(campaign))).body
    await opened(campaign.activity_id, people["opener"])
    async with db.transaction() as conn:
        codes = {"bouncer": "B", "holiday": "V"}
        bounces = [
            events.Bounce(
                campaign_activity_id=CampaignActivityId(UUID(campaign.activity_id)),
                contact_id=ContactId(UUID(people[name])),
                bounce_code=code,
                created_at=clock.now(),
            )
            for name, code in codes.items()
        ]
        await events.append_bounces(conn, account.account_id, bounces)
        await run(
            conn,
            """
            UPDATE contacts SET permission_to_send = 'unsubscribed'
             WHERE account_id = :account_id AND contact_id = :contact_id""",
            account_id=account.account_id,
            contact_id=people["leaver"],
        )
    await new_contact("newcomer@example.com")
    before = len(await mailbox())
    clock.move(timedelta(days=3, seconds=-1))
    await work()
    assert before == len(await mailbox())
    clock.move(timedelta(seconds=1))
    await work()
    api = await api.with_scopes(ALL_SCOPES)  # its token ran out meanwhile
    again = [parsed(mail) for mail in await mailbox() if parsed(mail)["Subject"] == "Still time"]
    assert ["holiday@example.com", "newcomer@example.com", "sleeper@example.com"] == sorted(
        mail["To"] for mail in again
    )
    (sent,) = (await api.get(resends(campaign))).body
    assert ("DONE", shown["resend_request_id"]) == (sent["resend_status"], sent["resend_request_id"])
    assert clock.now().strftime("%Y-%m-%dT%H:%M:%S.000Z") == sent["resend_date"]
    activity_id = await resend_activity(api, campaign)
    (entry,) = (await api.get(f"/v3/emails/activities/{activity_id}/send_history")).body
    assert (1, 3, "COMPLETED") == (entry["send_id"], entry["count"], entry["send_status"])
    assert "Done" == (await api.get(campaign.path)).body["current_status"]
    assert 409 == (await api.delete(f"{resends(campaign)}/{sent['resend_request_id']}")).status


async def test_a_campaign_that_was_sent_is_resent_from_its_last_send_on(
    api: Any, campaign: Any, new_contact: Any, work: Any, mailbox: Any, clock: Any
) -> None:
    await new_contact("ann@example.com")
    await send(api, work, campaign)
    clock.move(timedelta(days=5))
    api = await api.with_scopes(ALL_SCOPES)  # its token ran out meanwhile
    reply = await api.post(resends(campaign), DAYS)
    assert (201, True) == (reply.status, reply.body["resend_request_id"].isdigit())
    await work()
    assert ["Nine new arrivals", "Still time"] == sorted(parsed(mail)["Subject"] for mail in await mailbox())


async def test_a_send_of_long_ago_is_not_resent(
    api: Any, campaign: Any, new_contact: Any, work: Any, clock: Any
) -> None:
    await new_contact("ann@example.com")
    await send(api, work, campaign)
    clock.move(timedelta(days=10, seconds=1))
    api = await api.with_scopes(ALL_SCOPES)  # its token ran out meanwhile
    reply = await api.post(resends(campaign), DAYS)
    assert (400, STATE) == (reply.status, reply.error_key)
    assert [] == (await api.get(resends(campaign))).body


async def test_removing_the_campaign_cancels_its_resend(
    api: Any, campaign: Any, new_contact: Any, work: Any, mailbox: Any, clock: Any
) -> None:
    await new_contact("ann@example.com")
    await api.post(resends(campaign), DAYS)
    await send(api, work, campaign)
    assert 204 == (await api.delete(campaign.path)).status
    clock.move(timedelta(days=4))
    await work()
    assert 1 == len(await mailbox())


async def test_a_job_that_runs_twice_resends_once(
    api: Any, db: Any, account: Any, campaign: Any, new_contact: Any, work: Any, mailbox: Any, clock: Any
) -> None:
    await new_contact("ann@example.com")
    await api.post(resends(campaign), DAYS)
    await send(api, work, campaign)
    clock.move(timedelta(days=3))
    api = await api.with_scopes(ALL_SCOPES)  # its token ran out meanwhile
    for _ in range(2):
        await resending.resend.function(db, account.account_id, CampaignId(UUID(campaign.campaign_id)))
    await work()
    assert 2 == len(await mailbox())
    activity_id = await resend_activity(api, campaign)
    assert 1 == len((await api.get(f"/v3/emails/activities/{activity_id}/send_history")).body)


async def test_a_sender_who_is_gone_makes_the_resend_an_error(
    api: Any, db: Any, account: Any, campaign: Any, new_contact: Any, work: Any, clock: Any
) -> None:
    await new_contact("ann@example.com")
    await api.post(resends(campaign), DAYS)
    await send(api, work, campaign)
    async with db.transaction() as conn:
        await run(
            conn,
            "UPDATE account_emails SET confirmed_at = NULL, confirm_source_type = NULL, roles = '{}' WHERE account_id = :account_id",
            account_id=account.account_id,
        )
    clock.move(timedelta(days=3))
    api = await api.with_scopes(ALL_SCOPES)  # its token ran out meanwhile
    await work()
    (shown,) = (await api.get(resends(campaign))).body
    assert "ERROR" == shown["resend_status"]
    activity_id = await resend_activity(api, campaign)
    (entry,) = (await api.get(f"/v3/emails/activities/{activity_id}/send_history")).body
    assert ("ERRORED", 9, 0) == (entry["send_status"], entry["reason_code"], entry["count"])
