"""Test sends through their door. Source: contract, campaigns.md §3.12."""

import asyncio
from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest

from everpost.platform.db import run
from tests.campaigns.conftest import parsed

INVALID, STATE, LIMIT = "emails.api.validation.error", "emails.api.invalid_state", "emails.api.test_send_limit"


def addresses(count: int, first: int = 0) -> dict[str, list[str]]:
    return {"email_addresses": [f"proof{first + number}@harborlane.example" for number in range(count)]}


async def test_a_test_goes_out_unpersonalised_and_untracked(
    api: Any, new_campaign: Any, work: Any, mailbox: Any
) -> None:
    campaign = await new_campaign(subject="Hi [[FirstName]]", preheader="Soon")
    body = {"email_addresses": ["proof@harborlane.example"], "personal_message": "Check <the> prices.\nPlease"}
    reply = await api.post(f"{campaign.activity}/tests", body)
    assert (reply.status, reply.content) == (204, b"")
    await work()
    (mail,) = await mailbox()
    message = parsed(mail)
    html = message.get_body(("html",)).get_content()
    assert (message["To"], message["Subject"]) == ("proof@harborlane.example", "Hi [[FirstName]]")
    assert message["X-Campaign-Test"] == "true"
    assert message["List-Unsubscribe"] is None
    assert "Hello [[FirstName]]" in html
    assert "Check &lt;the&gt; prices.<br>Please" in html
    assert "https://harborlane.example/new" in html
    assert "/o/" not in html
    assert "/c/" not in html
    assert "Harbor Lane Books" in html
    assert (await api.get(f"{campaign.activity}/send_history")).body == []


async def test_six_addresses_are_too_many_for_one_call(api: Any, new_campaign: Any) -> None:
    campaign = await new_campaign()
    reply = await api.post(f"{campaign.activity}/tests", addresses(6))
    assert (reply.status, reply.errors) == (
        400,
        [{"error_key": INVALID, "error_message": "email_addresses must not have more than 5 items."}],
    )


async def test_an_address_named_twice_counts_once(api: Any, new_campaign: Any, work: Any, mailbox: Any) -> None:
    campaign = await new_campaign()
    body = {"email_addresses": ["a@b.example", "A@b.example ", *addresses(4)["email_addresses"]]}
    assert (await api.post(f"{campaign.activity}/tests", body)).status == 204
    await work()
    assert len(await mailbox()) == 5


async def test_the_51st_address_of_a_day_is_refused_and_nothing_is_sent(
    api: Any, new_campaign: Any, work: Any, mailbox: Any, clock: Any
) -> None:
    campaign = await new_campaign()
    for number in range(9):
        assert (await api.post(f"{campaign.activity}/tests", addresses(5, number * 5))).status == 204
    assert (await api.post(f"{campaign.activity}/tests", addresses(4, 45))).status == 204
    refused = await api.post(f"{campaign.activity}/tests", addresses(2, 90))
    assert (refused.status, refused.body) == (
        429,
        [
            {
                "error_key": LIMIT,
                "error_message": "The daily limit of 50 test addresses for this account is reached.",
            }
        ],
    )
    assert (await api.post(f"{campaign.activity}/tests", addresses(1, 49))).status == 204
    await work()
    assert len(await mailbox()) == 50
    clock.move(timedelta(days=1))
    api = await api.with_scopes("campaign_data")
    assert (await api.post(f"{campaign.activity}/tests", addresses(5))).status == 204


async def test_calls_at_once_do_not_pass_the_allowance(api: Any, new_campaign: Any) -> None:
    campaign = await new_campaign()
    replies = await asyncio.gather(
        *(api.post(f"{campaign.activity}/tests", addresses(5, number * 5)) for number in range(12))
    )
    assert sorted(reply.status for reply in replies) == [204] * 10 + [429] * 2


@pytest.mark.parametrize(
    ("body", "messages"),
    [
        ({}, ["email_addresses is required."]),
        ({"email_addresses": []}, ["email_addresses must not be empty."]),
        ({"email_addresses": ["x", "a@b.example"]}, ["email_addresses[0] does not have a valid value"]),
        ({"email_addresses": "a@b.example"}, ["email_addresses does not have a valid value"]),
        (
            {**addresses(1), "personal_message": "x" * 1001},
            ["personal_message must not be longer than 1000 characters."],
        ),
    ],
)
async def test_a_bad_request_is_refused(api: Any, new_campaign: Any, body: Any, messages: list[str]) -> None:
    reply = await api.post(f"{(await new_campaign()).activity}/tests", body)
    assert reply.status == 400
    assert reply.errors == [{"error_key": INVALID, "error_message": message} for message in messages]


async def test_only_the_primary_email_can_be_tested(api: Any, new_campaign: Any) -> None:
    campaign = await new_campaign()
    refused = await api.post(f"{campaign.permalink}/tests", addresses(1))
    unknown = await api.post(f"/v3/emails/activities/{uuid4()}/tests", addresses(1))
    assert (refused.status, refused.error_key) == (400, STATE)
    assert unknown.status == 404


async def test_an_account_without_an_address_can_still_send_a_test(
    api: Any, account: Any, new_campaign: Any, db: Any, work: Any, mailbox: Any
) -> None:
    async with db.transaction() as conn:
        await run(
            conn,
            "DELETE FROM physical_addresses WHERE account_id = :account_id",
            account_id=account.account_id,
        )
    campaign = await new_campaign()
    assert (await api.post(f"{campaign.activity}/tests", addresses(1))).status == 204
    await work()
    assert len(await mailbox()) == 1
