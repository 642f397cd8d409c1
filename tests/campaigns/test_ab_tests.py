"""Testing two subjects. Source: contract, campaigns.md §3.16."""

from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest

from everpost.campaigns import ab_phases
from everpost.ids import CampaignActivityId, CampaignId, ContactId
from everpost.platform.db import run
from everpost.tracking import ledger
from everpost.tracking.hits import Hit
from tests.campaigns.conftest import parsed

INVALID, STATE, CONFLICT = "emails.api.validation.error", "emails.api.invalid_state", "emails.api.conflict"
TEST = {"alternative_subject": "Signed copies inside", "test_size": 20, "winner_wait_duration": 6}
A, B = "Nine new arrivals", "Signed copies inside"


@pytest.fixture
async def campaign(new_campaign: Any, list_id: str) -> Any:
    return await new_campaign(lists=[list_id])


@pytest.fixture
def inbox(mailbox: Any) -> Any:
    """Who got which subject: {subject: {address, …}}."""

    async def read() -> dict[str, set[str]]:
        found: dict[str, set[str]] = {A: set(), B: set()}
        for mail in await mailbox():
            found[parsed(mail)["Subject"]].add(parsed(mail)["To"])
        return found

    return read


async def start(api: Any, work: Any, campaign: Any, **changes: Any) -> None:
    reply = await api.post(f"{campaign.activity}/abtest", {**TEST, **changes})
    assert reply.status == 201, reply
    assert (await api.post(campaign.schedules, {"scheduled_date": "0"})).status == 201
    await work()


async def open_all(db: Any, account: Any, campaign: Any, contact_ids: list[str], at: Any) -> None:
    activity_id = CampaignActivityId(UUID(campaign.activity_id))
    hits = [Hit(activity_id, ContactId(UUID(contact_id)), at) for contact_id in contact_ids]
    await ledger.record(db, account.account_id, hits)


async def test_a_test_is_stored_shown_and_makes_the_campaign_an_ab_test(api: Any, campaign: Any) -> None:
    path = f"{campaign.activity}/abtest"
    assert 404 == (await api.get(path)).status
    reply = await api.post(path, TEST)
    assert (201, TEST) == (reply.status, reply.body)
    assert (200, TEST) == ((shown := await api.get(path)).status, shown.body)
    found = (await api.get(campaign.path)).body
    assert ("AB_TEST", 57) == (found["type"], found["type_code"])
    assert 409 == (await api.post(path, TEST)).status
    assert 405 == (await api.put(path, TEST)).status
    assert 204 == (await api.delete(path)).status
    assert 404 == (await api.delete(path)).status
    found = (await api.get(campaign.path)).body
    assert ("NEWSLETTER", 10) == (found["type"], found["type_code"])


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"test_size": 4}, "test_size does not have a valid value"),
        ({"test_size": 51}, "test_size does not have a valid value"),
        ({"winner_wait_duration": 5}, "winner_wait_duration does not have a valid value"),
        ({"alternative_subject": A}, "alternative_subject must differ from the subject."),
        ({"alternative_subject": " "}, "alternative_subject must not be empty."),
        ({"alternative_subject": "a\r\nBcc: b"}, "alternative_subject does not have a valid value"),
    ],
)
async def test_a_wrong_test_is_refused(api: Any, campaign: Any, changes: dict[str, Any], message: str) -> None:
    reply = await api.post(f"{campaign.activity}/abtest", {**TEST, **changes})
    assert (400, [{"error_key": INVALID, "error_message": message}]) == (reply.status, reply.body)


async def test_all_that_is_wrong_with_a_test_is_told_before_its_email_is_looked_for(api: Any) -> None:
    path = f"/v3/emails/activities/{uuid4()}/abtest"
    assert 400 == (await api.post(path, {**TEST, "alternative_subject": " "})).status
    reply = await api.post(path, {"alternative_subject": " ", "test_size": 51, "winner_wait_duration": 7})
    assert ["alternative_subject must not be empty."] + [
        f"{name} does not have a valid value" for name in ("test_size", "winner_wait_duration")
    ] == [error["error_message"] for error in reply.errors]


async def test_only_a_draft_without_a_resend_can_be_tested(api: Any, campaign: Any, new_campaign: Any) -> None:
    await api.post(f"{campaign.activity}/non_opener_resends", {"resend_subject": "Again", "delay_days": 1})
    reply = await api.post(f"{campaign.activity}/abtest", TEST)
    assert (409, CONFLICT) == (reply.status, reply.error_key)
    assert (400, STATE) == ((reply := await api.post(f"{campaign.permalink}/abtest", TEST)).status, reply.error_key)
    assert 404 == (await api.post(f"/v3/emails/activities/{uuid4()}/abtest", TEST)).status
    other = await new_campaign("Other", lists=[(await api.get(campaign.activity)).body["contact_list_ids"][0]])
    await api.post(f"{other.activity}/abtest", TEST)
    await api.post(other.schedules, {"scheduled_date": "2030-01-01"})
    for method in (api.post, api.delete):
        path = f"{other.activity}/abtest"
        reply = await (method(path, TEST) if method == api.post else method(path))
        assert (409, STATE) == (reply.status, reply.error_key)


@pytest.mark.parametrize(
    ("total", "percent", "expected"), [(2, 5, 1), (3, 50, 1), (5, 50, 2), (10, 20, 2), (25, 10, 3), (1000, 30, 300)]
)
def test_a_sample_is_rounded_and_at_most_half(total: int, percent: int, expected: int) -> None:
    assert expected == ab_phases.sample_size(total, percent)


@pytest.mark.parametrize("opens_of_b", [0, 1, 2])
async def test_the_better_subject_goes_to_everybody_else_and_a_tie_to_the_first(
    api: Any, db: Any, account: Any, campaign: Any, new_contact: Any, work: Any, inbox: Any, clock: Any, opens_of_b: int
) -> None:
    people = {f"c{n}@example.com": await new_contact(f"c{n}@example.com") for n in range(10)}
    await start(api, work, campaign)
    first = await inbox()
    assert (2, 2, set()) == (len(first[A]), len(first[B]), first[A] & first[B])
    assert "Done" == (await api.get(campaign.path)).body["current_status"]
    reply = await api.post(campaign.schedules, {"scheduled_date": "0"})
    assert (400, STATE) == (reply.status, reply.error_key)
    await open_all(db, account, campaign, [people[min(first[A])]], clock.now())
    await open_all(db, account, campaign, [people[each] for each in sorted(first[B])[:opens_of_b]], clock.now())
    clock.move(timedelta(hours=6, seconds=-1))
    await work()
    assert first == await inbox()
    leaver = min(set(people) - first[A] - first[B])
    async with db.transaction() as conn:
        await run(
            conn,
            """
            UPDATE contacts SET permission_to_send = 'unsubscribed'
             WHERE account_id = :account_id AND contact_id = :contact_id""",
            account_id=account.account_id,
            contact_id=people[leaver],
        )
    clock.move(timedelta(seconds=1))
    await work()
    last = await inbox()
    winner, loser = (B, A) if opens_of_b == 2 else (A, B)
    assert first[loser] == last[loser]
    assert set(people) - first[loser] - {leaver} == last[winner]
    history = (await api.get(f"{campaign.activity}/send_history")).body
    assert [(1, 4), (2, 5)] == [(entry["send_id"], entry["count"]) for entry in history]
    await ab_phases.decide.function(db, account.account_id, CampaignId(UUID(campaign.campaign_id)))
    await work()
    assert last == await inbox()


async def test_later_sends_say_what_won(
    api: Any, db: Any, account: Any, campaign: Any, new_contact: Any, work: Any, inbox: Any, clock: Any
) -> None:
    people = {f"c{n}@example.com": await new_contact(f"c{n}@example.com") for n in range(2)}
    await start(api, work, campaign, test_size=50)
    (second,) = (await inbox())[B]
    await open_all(db, account, campaign, [people[second]], clock.now())
    clock.move(timedelta(hours=6))
    await work()
    assert 1 == len((await api.get(f"{campaign.activity}/send_history")).body)
    await new_contact("late@example.com")
    assert 201 == (await api.post(campaign.schedules, {"scheduled_date": "0"})).status
    await work()
    assert {second, "late@example.com"} == (await inbox())[B]


async def test_one_contact_alone_gets_the_first_subject_without_a_test(
    api: Any, campaign: Any, new_contact: Any, work: Any, inbox: Any
) -> None:
    await new_contact("ann@example.com")
    await start(api, work, campaign)
    assert {A: {"ann@example.com"}, B: set()} == await inbox()
    assert 201 == (await api.post(campaign.schedules, {"scheduled_date": "0"})).status


async def test_removing_the_campaign_cancels_the_winner(
    api: Any, campaign: Any, new_contact: Any, work: Any, inbox: Any, clock: Any
) -> None:
    for n in range(5):
        await new_contact(f"c{n}@example.com")
    await start(api, work, campaign)
    first = await inbox()
    assert 204 == (await api.delete(campaign.path)).status
    clock.move(timedelta(hours=7))
    await work()
    assert first == await inbox()
