"""Scheduling through its doors. Source: contract, campaigns.md §3.9-§3.11, §2.4."""

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import pytest

from everpost.campaigns import schedules
from everpost.platform.db import run
from everpost.platform.errors import Invalid

INVALID, STATE, NOT_FOUND = "emails.api.validation.error", "emails.api.invalid_state", "emails.api.not_found"
NOW = datetime(2026, 3, 1, 12, 0, 0, 400_000, tzinfo=UTC)


@pytest.fixture
async def campaign(new_campaign: Any, account: Any) -> Any:
    """A draft that is ready to be scheduled."""
    return await new_campaign(lists=[account.list_id])


@pytest.mark.parametrize("sent", ["0", " 0 ", 0, "1970-01-01T00:00:00+00:00", "1970-01-01T00:00:00Z", "1970-01-01"])
def test_now_has_several_spellings(sent: Any) -> None:
    assert schedules.read(sent, NOW) == schedules.When(NOW.replace(microsecond=0), is_dated=False)


@pytest.mark.parametrize(
    ("sent", "expected"),
    [
        ("2026-03-06T10:00:00-05:00", datetime(2026, 3, 6, 15, tzinfo=UTC)),
        ("2026-03-06T10:00:00-0500", datetime(2026, 3, 6, 15, tzinfo=UTC)),
        ("2026-03-06T10:00:00+05:30", datetime(2026, 3, 6, 4, 30, tzinfo=UTC)),
        ("2026-03-06T10:00:00 05:30", datetime(2026, 3, 6, 4, 30, tzinfo=UTC)),
        ("2026-03-06T15:00:00Z", datetime(2026, 3, 6, 15, tzinfo=UTC)),
        ("2026-03-06T15:00:00.999Z", datetime(2026, 3, 6, 15, tzinfo=UTC)),
        ("2026-03-06T15:00:00", datetime(2026, 3, 6, 15, tzinfo=UTC)),
        ("2026-05-17", datetime(2026, 5, 17, tzinfo=UTC)),
        ("2026-03-01T11:55:01Z", datetime(2026, 3, 1, 11, 55, 1, tzinfo=UTC)),
        ("2036-02-28T00:00:00Z", datetime(2036, 2, 28, tzinfo=UTC)),
    ],
)
def test_dates_are_read_as_utc_in_whole_seconds(sent: str, expected: datetime) -> None:
    assert schedules.read(sent, NOW) == schedules.When(expected, is_dated=True)


@pytest.mark.parametrize(
    ("sent", "message"),
    [
        ("tomorrow", "scheduled_date does not have a valid value"),
        ("", "scheduled_date does not have a valid value"),
        (1, "scheduled_date does not have a valid value"),
        (-5, "scheduled_date does not have a valid value"),
        ("20260517", "scheduled_date does not have a valid value"),
        ("2026-13-01", "scheduled_date does not have a valid value"),
        ("0001-01-01T00:00:00+14:00", "scheduled_date does not have a valid value"),
        ("2026-03-01T11:54:00Z", "scheduled_date must not be in the past."),
        ("1970-01-02", "scheduled_date must not be in the past."),
        ("2036-03-05", "scheduled_date must not be more than 10 years ahead."),
    ],
)
def test_other_dates_are_refused(sent: Any, message: str) -> None:
    with pytest.raises(Invalid) as caught:
        schedules.read(sent, NOW)
    assert caught.value.messages == (message,)


async def test_a_future_date_comes_back_in_utc(api: Any, campaign: Any, clock: Any) -> None:
    reply = await api.post(campaign.schedules, {"scheduled_date": "2030-03-06T10:00:00-05:00"})
    expected = [{"scheduled_date": "2030-03-06T15:00:00.000Z"}]
    assert (reply.status, reply.body) == (201, expected)
    assert (await api.get(campaign.schedules)).body == expected
    assert (await api.get(campaign.path)).body["current_status"] == "Scheduled"
    assert (await api.get(campaign.activity)).body["current_status"] == "SCHEDULED"
    assert (await api.get(campaign.permalink)).body["current_status"] == "SCHEDULED"


@pytest.mark.parametrize("sent", ["0", 0, "1970-01-01T00:00:00+00:00"])
async def test_sending_now_answers_201_and_nothing(api: Any, campaign: Any, work: Any, sent: Any) -> None:
    reply = await api.post(campaign.schedules, {"scheduled_date": sent})
    assert (reply.status, reply.body) == (201, [])
    await work()
    assert (await api.get(campaign.activity)).body["current_status"] == "DONE"


async def test_a_moment_just_past_is_now_and_comes_back(api: Any, campaign: Any, clock: Any, work: Any) -> None:
    moment = clock.now() - timedelta(minutes=4)
    reply = await api.post(campaign.schedules, {"scheduled_date": moment.isoformat()})
    assert (reply.status, reply.body) == (201, [{"scheduled_date": moment.strftime("%Y-%m-%dT%H:%M:%S.000Z")}])
    await work()
    assert (await api.get(campaign.activity)).body["current_status"] == "DONE"


@pytest.mark.parametrize(
    ("body", "key", "message"),
    [
        ({}, INVALID, "scheduled_date is required."),
        ({"scheduled_date": None}, INVALID, "scheduled_date is required."),
        ({"scheduled_date": True}, INVALID, "scheduled_date does not have a valid value"),
        ({"scheduled_date": [1]}, INVALID, "scheduled_date does not have a valid value"),
        ({"scheduled_date": "soon"}, INVALID, "scheduled_date does not have a valid value"),
        ({"scheduled_date": "2001-01-01"}, INVALID, "scheduled_date must not be in the past."),
        ({"scheduled_date": "2999-01-01"}, INVALID, "scheduled_date must not be more than 10 years ahead."),
    ],
)
async def test_a_date_that_cannot_be_is_refused(
    api: Any, campaign: Any, body: dict[str, Any], key: str, message: str
) -> None:
    reply = await api.post(campaign.schedules, body)
    assert (reply.status, reply.errors) == (400, [{"error_key": key, "error_message": message}])
    assert (await api.get(campaign.activity)).body["current_status"] == "DRAFT"


async def test_everything_that_is_missing_is_told_at_once(api: Any, account: Any, new_campaign: Any, db: Any) -> None:
    campaign = await new_campaign()
    async with db.transaction() as conn:
        for statement in (
            "DELETE FROM physical_addresses WHERE account_id = :account_id",
            """UPDATE account_emails SET confirmed_at = NULL, confirm_source_type = NULL, roles = '{}'
                WHERE account_id = :account_id""",
            "UPDATE campaign_contents SET html_content = '${x}' WHERE account_id = :account_id",
        ):
            await run(conn, statement, account_id=account.account_id)
    reply = await api.post(campaign.schedules, {"scheduled_date": "0"})
    assert reply.status == 400
    assert reply.errors == [
        {"error_key": STATE, "error_message": text}
        for text in (
            "contact_list_ids or segment_ids must be set before scheduling.",
            "from_email is not a confirmed email address of this account.",
            "reply_to_email is not a confirmed email address of this account.",
            'html_content must not contain "${".',
            "A physical address is required before scheduling.",
        )
    ]


async def test_an_own_footer_address_is_address_enough(api: Any, account: Any, new_campaign: Any, db: Any) -> None:
    own = {"organization_name": "Hafen", "address_line1": "Kai 1", "country_code": "DE"}
    campaign = await new_campaign(lists=[account.list_id], physical_address_in_footer=own)
    async with db.transaction() as conn:
        await run(
            conn,
            "DELETE FROM physical_addresses WHERE account_id = :account_id",
            account_id=account.account_id,
        )
    assert (await api.post(campaign.schedules, {"scheduled_date": "2030-01-01"})).status == 201


async def test_a_list_that_was_deleted_meanwhile_is_refused(
    api: Any, account: Any, campaign: Any, db: Any, clock: Any
) -> None:
    async with db.transaction() as conn:
        await run(
            conn,
            "UPDATE contact_lists SET deleted_at = :now WHERE account_id = :account_id",
            now=clock.now(),
            account_id=account.account_id,
        )
    reply = await api.post(campaign.schedules, {"scheduled_date": "0"})
    assert (reply.status, reply.error_message) == (
        400,
        f"contact_list_ids contains an unknown list id: {account.list_id}.",
    )


async def test_only_the_primary_email_can_be_scheduled(api: Any, campaign: Any) -> None:
    reply = await api.post(f"{campaign.permalink}/schedules", {"scheduled_date": "0"})
    assert (reply.status, reply.error_key) == (400, STATE)
    assert reply.error_message.startswith("Campaign activity has the role permalink;")


async def test_a_second_schedule_is_refused(api: Any, campaign: Any) -> None:
    await api.post(campaign.schedules, {"scheduled_date": "2030-01-01"})
    reply = await api.post(campaign.schedules, {"scheduled_date": "2030-01-02"})
    assert (reply.status, reply.errors) == (
        400,
        [
            {
                "error_key": STATE,
                "error_message": "Campaign activity is SCHEDULED; delete its schedule first.",
            }
        ],
    )


async def test_of_schedules_at_once_one_wins(api: Any, campaign: Any) -> None:
    replies = await asyncio.gather(*(api.post(campaign.schedules, {"scheduled_date": "2030-01-01"}) for _ in range(4)))
    assert sorted(reply.status for reply in replies) == [201, 400, 400, 400]


async def test_unscheduling_goes_back_to_a_draft(api: Any, campaign: Any, clock: Any, work: Any) -> None:
    at = clock.now() + timedelta(hours=1)
    await api.post(campaign.schedules, {"scheduled_date": at.isoformat()})
    reply = await api.delete(campaign.schedules)
    assert (reply.status, reply.content) == (204, b"")
    assert (await api.get(campaign.activity)).body["current_status"] == "DRAFT"
    assert (await api.get(campaign.schedules)).body == []
    clock.move(timedelta(hours=2))
    await work()
    assert (await api.get(campaign.activity)).body["current_status"] == "DRAFT"


async def test_unscheduling_a_repeat_goes_back_to_done(api: Any, campaign: Any, work: Any) -> None:
    await api.post(campaign.schedules, {"scheduled_date": "0"})
    await work()
    assert (await api.post(campaign.schedules, {"scheduled_date": "2030-01-01"})).status == 201
    await api.delete(campaign.schedules)
    assert (await api.get(campaign.path)).body["current_status"] == "Done"


async def test_unscheduling_what_is_not_scheduled_is_refused(api: Any, campaign: Any) -> None:
    reply = await api.delete(campaign.schedules)
    assert (reply.status, reply.error_key) == (400, STATE)
    assert reply.error_message == "Campaign activity is DRAFT; it has no schedule."


async def test_a_scheduled_campaign_cannot_be_removed(api: Any, campaign: Any) -> None:
    await api.post(campaign.schedules, {"scheduled_date": "2030-01-01"})
    reply = await api.delete(campaign.path)
    assert (reply.status, reply.errors) == (
        400,
        [{"error_key": STATE, "error_message": "Campaign is Scheduled; delete its schedule first."}],
    )


async def test_a_scheduled_campaign_can_be_renamed(api: Any, campaign: Any) -> None:
    await api.post(campaign.schedules, {"scheduled_date": "2030-01-01"})
    reply = await api.patch(campaign.path, {"name": "Renamed"})
    assert (reply.status, reply.body["current_status"]) == (200, "Scheduled")


async def test_it_starts_at_its_time_and_not_before(api: Any, campaign: Any, clock: Any, work: Any) -> None:
    at = clock.now() + timedelta(hours=1)
    await api.post(campaign.schedules, {"scheduled_date": at.isoformat()})
    clock.move(timedelta(minutes=59))
    await work()
    assert (await api.get(campaign.activity)).body["current_status"] == "SCHEDULED"
    clock.move(timedelta(minutes=1))
    await work()
    assert (await api.get(campaign.activity)).body["current_status"] == "DONE"
    assert (await api.get(campaign.schedules)).body == []


async def test_a_job_of_an_old_schedule_does_not_start_a_later_one(
    api: Any, campaign: Any, clock: Any, work: Any
) -> None:
    for hours in (1, 3):
        at = clock.now() + timedelta(hours=hours)
        await api.post(campaign.schedules, {"scheduled_date": at.isoformat()})
        if hours == 1:
            await api.delete(campaign.schedules)
    clock.move(timedelta(hours=2))
    await work()
    assert (await api.get(campaign.activity)).body["current_status"] == "SCHEDULED"
    clock.move(timedelta(hours=2))
    await work()
    assert (await api.get(campaign.activity)).body["current_status"] == "DONE"


async def test_schedules_of_unknown_activities(api: Any) -> None:
    path = f"/v3/emails/activities/{uuid4()}/schedules"
    for reply in (
        await api.get(path),
        await api.post(path, {"scheduled_date": "0"}),
        await api.delete(path),
    ):
        assert (reply.status, reply.error_key) == (404, NOT_FOUND)
    assert (await api.post(path, {"scheduled_date": "x"})).status == 400
